"""The faces of demos/faces.py: the drawings, the two decoders, the critic by Bayes' rule and the figures by Monte Carlo."""
import csv
import functools
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimae import bounds, exact, nodes, normal

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "demos"))
import faces as demo  # noqa: E402

FACTOR = st.floats(-1, 1)


def image(angle, emotion):
    return demo.draw(angle, emotion).reshape(-1, demo.SIDE, demo.SIDE)


@given(FACTOR, FACTOR)
def test_a_face_is_grey_its_corners_black_and_its_mirror_image_looks_the_other_way(angle, emotion):
    face, mirrored = image([angle, -angle], [emotion, emotion])
    assert face.min() >= -0.5 and face.max() <= 0.5
    assert np.all(face[[0, 0, -1, -1], [0, -1, 0, -1]] == -0.5)
    np.testing.assert_allclose(face, mirrored[:, ::-1], atol=1e-12)  # rounding


@given(FACTOR, FACTOR, FACTOR)
def test_emotion_moves_the_mouth_and_nothing_else(angle, sad, happy):
    one, other = image([angle, angle], [sad, happy])
    np.testing.assert_array_equal(one[:10], other[:10])  # the rows of the eyes
    assert abs(sad - happy) < 1e-3 or np.abs(one[10:] - other[10:]).max() > 0.05 * abs(sad - happy)


@given(FACTOR, FACTOR, FACTOR)
def test_angle_moves_eyes_and_mouth(left, right, emotion):
    one, other = image([left, right], [emotion, emotion])
    for half in (slice(0, 10), slice(14, 24)):
        assert abs(left - right) < 1e-3 or np.abs(one[half] - other[half]).max() > 0.05 * abs(left - right)


def test_a_happy_mouth_ends_above_its_middle():
    happy, sad = image([0, 0], [1, -1])
    rows = np.arange(demo.SIDE)[14:21]

    def height(face, column):  # of the dark in a column of the mouth's rows
        dark = 0.5 - face[14:21, column]
        return -np.sum(rows * dark) / np.sum(dark)

    assert height(happy, 7) > height(happy, 11) + 1 and height(sad, 7) < height(sad, 11) - 1


def test_noise_comes_in_pairs_that_cancel():
    rng = np.random.default_rng(0)
    angle, emotion, x = demo.law(rng, 3000)
    np.testing.assert_allclose((x[:3000] + x[3000:]) / 2, demo.draw(angle[:3000], emotion[:3000]), atol=1e-12)
    noise = x[:3000] - demo.draw(angle[:3000], emotion[:3000])
    # mean square of 3000 x 576 normals: standard error NOISE^2 sqrt(2 / 1.7e6), and six of them
    assert abs(np.mean(noise ** 2) - demo.NOISE ** 2) < 6 * demo.NOISE ** 2 * np.sqrt(2 / noise.size)


def random_model(decoder, seed, critic="bayes", scale=0.5):
    """A decoder whose images vary with z, by fewer nats than a hundred, so that quadrature has no edge to meet."""
    rng = np.random.default_rng(seed)
    of = demo.problem(decoder, critic)
    p, q, r = of.init(rng)
    if decoder == "one":
        p = *p[:2], scale * p[2], p[3]
    return of, (p, q, r), rng


@pytest.mark.parametrize("decoder", ["one", "album"])
def test_log_prob_and_log_marginal_are_their_sums(decoder):
    of, params, rng = random_model(decoder, 1)
    p, _, _ = of.densities(params)
    x, z = rng.standard_normal((1, 1, 5, demo.PIXELS)), rng.standard_normal((1, 1, 5, 2))
    if decoder == "one":
        weights, images = np.ones((5, 1)), p.mean(z)[0, 0][:, None]
    else:
        weights, images = np.exp(p.pages.log_probs(z))[0, 0], np.broadcast_to(p.images[0], (5, demo.IMAGES, demo.PIXELS))
    squared = np.sum((x[0, 0][:, None] - images) ** 2, -1)
    logs = np.log(weights) - squared / (2 * demo.NOISE ** 2) - demo.PIXELS / 2 * np.log(2 * np.pi * demo.NOISE ** 2)
    expected = logs.max(1) + np.log(np.sum(np.exp(logs - logs.max(1, keepdims=True)), 1))
    np.testing.assert_allclose(p.log_prob(x, z)[0, 0], expected, rtol=1e-10)  # sums of some thousands, to rounding
    points, grid_weights = nodes.grid(9, 2, half_width=3.0)
    np.testing.assert_allclose(p.marginal(points, grid_weights).log_prob(x),
                               exact.log_marginal(p, x, points[None, :, None], grid_weights[None, :, None]), rtol=1e-10)


def test_shapes_of_stacked_models():
    for decoder in ("one", "album"):
        of, params, rng = random_model(decoder, 2)
        params = tuple(tuple(np.repeat(a, 3, 0) for a in group) for group in params)
        p, q, r = of.densities(params)
        data, (z, eps, weights) = of.nodes(rng=rng)
        x, joint_weights = p.joint(z, eps, weights)
        np.testing.assert_allclose(np.sum(np.broadcast_to(joint_weights, (3, *joint_weights.shape[1:])), (1, 2)), 1, rtol=1e-12)
        assert bounds.elbo(p, q, *data).shape == bounds.infomax(r, z, x, joint_weights).shape == (3,)
        assert np.ptp(bounds.infomax(r, z, x, joint_weights)) < 1e-9  # the models are equal


@pytest.mark.parametrize("decoder", ["one", "album"])
def test_the_critic_by_bayes_rule_is_a_density_and_its_gap_is_nothing(decoder):
    of, params, rng = random_model(decoder, 3, scale=0.1)
    p, _, r = of.densities(params)
    z = rng.standard_normal((1, 1, 20, 2))
    x = demo.sample(p, z, rng.standard_normal((1, 1, 20, demo.PIXELS)), rng.random((20, 1)))
    line = 3.6 * (2 * (np.arange(28) + 0.25) / 28 - 1)  # between the critic's own nodes
    other = np.stack(np.meshgrid(line, line), -1).reshape(1, 1, -1, 2)
    total = [np.sum(np.exp(r.log_prob(other, x[:, :, [j]]))) * (7.2 / 28) ** 2 for j in range(20)]
    # what is left of a posterior beyond 3.6 is below .001 for a prior and less for what x tells apart
    np.testing.assert_allclose(total, 1, atol=5e-3)
    posterior = p.log_prob(x, z) + normal.log_prob(z, 0, 0) - demo.refined(p, x).log_prob(x)[:, None]
    np.testing.assert_allclose(r.log_prob(z, x), posterior, atol=5e-3)


def test_figures_of_a_linear_decoder_are_its_closed_forms():
    of, (_, q, _), rng = random_model("one", 4)
    W = 0.02 * rng.standard_normal((1, 1, 2, demo.PIXELS)) * np.array([3, 1.5])[:, None]
    b = np.mean(demo.law(rng, 500)[2], 0)[None, None, None]
    row, = demo.figures(of, ((W, b), q, ()), np.random.default_rng(5))
    covariance = W[0, 0].T @ W[0, 0] + demo.NOISE ** 2 * np.eye(demo.PIXELS)
    information = 0.5 * (np.linalg.slogdet(covariance)[1] - demo.PIXELS * np.log(demo.NOISE ** 2))
    assert 0.5 < information < 3
    # 6 standard errors, of t with 9 degrees of freedom: a false alarm in 5000 changes of the code that move the draws
    assert abs(row["exact"] - information) < 6 * row["error"] < 0.5
    assert row["held"] == pytest.approx(row["exact"], abs=2e-3) and row["lower"] < row["exact"] + 2e-3 < row["upper"]
    # log-likelihood: the same data once more, now through the closed form
    draws = np.random.default_rng(5)
    values = []
    for _ in range(10):
        x = demo.law(draws, 64)[2]
        nodes.lattice(draws, 128, 2), draws.standard_normal((2, 1, 1, 128, 2))
        draws.standard_normal((1, 1, 128, demo.PIXELS)), draws.random((128, 1))
        centred = x - b[0, 0]
        values.append(-0.5 * np.sum(centred * np.linalg.solve(covariance, centred.T).T, 1)
                      - 0.5 * np.linalg.slogdet(2 * np.pi * covariance)[1])
    assert row["log_likelihood"] == pytest.approx(np.mean(values), abs=2e-3)  # the grids stand to 1e-3
    assert row["elbo"] < row["log_likelihood"] < row["best"]


def test_the_law_of_the_faces_is_summed_finely_enough():
    x = demo.law(np.random.default_rng(6), 50)[2][None, None]
    assert np.mean(demo.log_true(x)) == pytest.approx(np.mean(demo.log_true(x, 90)), abs=0.01)
    middle = [-0.75, -0.25, 0.25, 0.75]  # one x by hand, on a coarse grid
    densities = [np.prod(np.exp(-(x[0, 0, 0] - demo.draw(a, e)[0]) ** 2 / (2 * 0.4 ** 2)) / np.sqrt(2 * np.pi * 0.4 ** 2) / 0.6)
                 for a in middle for e in middle]  # 0.6 keeps the products of 576 factors in range
    assert demo.log_true(x, 4)[0] == pytest.approx(np.log(np.mean(densities)) + demo.PIXELS * np.log(0.6), rel=1e-9)


@pytest.mark.parametrize("decoder", ["one", "album"])
def test_the_moments_of_the_posterior(decoder):
    of, params, rng = random_model(decoder, 15)
    p, _, _ = of.densities(params)
    x, (z, weights) = demo.law(rng, 3)[2][None, None], nodes.grid(12, 2, half_width=3.0)
    log_joint = np.log(weights) + np.stack([p.log_prob(x, z[None, None, [n]])[0, 0] for n in range(len(z))], 1)
    posterior = np.exp(log_joint - log_joint.max(1, keepdims=True))
    posterior /= posterior.sum(1, keepdims=True)
    mean, log_var = p.marginal(z, weights).moments(x)
    np.testing.assert_allclose(mean[0, 0], posterior @ z, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(np.exp(log_var[0, 0]), posterior @ z ** 2 - (posterior @ z) ** 2, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("decoder", ["one", "album"])
def test_nodes_of_the_model_have_its_mean_and_variance(decoder):
    of, params, rng = random_model(decoder, 9)
    p, _, _ = of.densities(params)
    z, eps, weights = of.nodes(rng=rng)[1]
    assert np.mean(eps ** 2) == pytest.approx(1, abs=6 * np.sqrt(4 / eps.size))  # six standard errors, noise in pairs
    x, joint_weights = p.joint(z, eps, weights)
    if decoder == "one":
        np.testing.assert_allclose(x, p.mean(z) + demo.NOISE * eps, rtol=1e-12)
        assert joint_weights is weights
    else:
        np.testing.assert_allclose(x, p.images + demo.NOISE * eps, rtol=1e-12)
        np.testing.assert_allclose(joint_weights[0], weights[0] * np.exp(p.pages.log_probs(z))[0, :, 0], rtol=1e-12)
        images = np.sum(np.exp(p.pages.log_probs(z))[..., None] * p.images[:, :, None], 3)
        np.testing.assert_allclose(p.mean(z), images, rtol=1e-10, atol=1e-12)


def test_samples_of_an_album_are_its_images_as_often_as_they_should():
    of, (pages, q, r), rng = random_model("album", 10)
    p, _, _ = of.densities(((*pages[:2], 5 * pages[2], pages[3], pages[4]), q, r))
    n = 5000
    z = np.broadcast_to([0.3, -1.0], (1, 1, n, 2))
    noise = rng.standard_normal((1, 1, n, demo.PIXELS))
    x = demo.sample(p, z, noise, rng.random((n, 1)))
    squared = demo.squared_distances(x - demo.NOISE * noise, p.images)[0]
    assert np.max(np.min(squared, 1)) < 1e-9
    counts = np.bincount(np.argmin(squared, 1), minlength=demo.IMAGES)
    probs = np.exp(p.pages.log_probs(z[:, :, :1]))[0, 0, 0]
    assert probs.max() > 1.5 / demo.IMAGES
    # five standard errors for each of 32 images: a false alarm in fifty thousand changes of the draws
    assert np.all(np.abs(counts - n * probs) < 5 * np.sqrt(n * probs) + 1)


def test_the_critic_by_bayes_rule_errs_upwards_where_its_grid_is_too_coarse():
    of, ((W, b, W_out, b_out), q, r), rng = random_model("one", 11)
    for scale, sign in [(1, 0), (40, 1)]:
        p, _, critic = of.densities(((W, b, scale * W_out, b_out), q, r))
        z = nodes.lattice(rng, 200, 2)[0][None, None]
        x = p.mean(z) + demo.NOISE * rng.standard_normal((1, 1, 200, demo.PIXELS))
        fine = p.marginal(*nodes.grid(192, 2, half_width=5.0)).log_prob(x)
        error = np.mean(fine - critic.marginal.log_prob(x))  # of I^
        assert abs(error) < 1e-2 if sign == 0 else error > 0.05


def test_the_critic_by_bayes_rule_is_held_fixed():
    from autograd import make_vjp
    of, params, rng = random_model("one", 12)
    z, eps, weights = of.nodes(rng=rng)[1]
    x = rng.standard_normal((1, 1, demo.BATCH, demo.PIXELS))
    vjp, _ = make_vjp(lambda params: bounds.infomax(of.densities(params)[2], z, x, weights) + 0 * params[0][0][0, 0, 0, 0])(params)
    assert all(not np.any(a) for a in vjp(np.ones(1))[0])


def test_the_upper_bound_is_i_where_the_encoder_is_exact():
    of, (_, q, _), rng = random_model("one", 13)
    W = 0.02 * rng.standard_normal((1, 1, 2, demo.PIXELS))
    W[0, 0, 1] -= W[0, 0, 0] * (W[0, 0, 0] @ W[0, 0, 1]) / (W[0, 0, 0] @ W[0, 0, 0])  # a posterior without correlation
    var = demo.NOISE ** 2 / (demo.NOISE ** 2 + np.sum(W[0, 0] ** 2, 1))

    class Posterior(demo.NormalNet):
        def moments(self, x):
            return np.matmul(x, W[0, 0].T) * var / demo.NOISE ** 2, np.log(var)

    exact_q = of._replace(densities=lambda params: (of.densities(params)[0], Posterior(()), of.densities(params)[2]))
    row, = demo.figures(exact_q, ((W, np.zeros((1, 1, 1, demo.PIXELS))), q, ()), np.random.default_rng(1), 4, 32)
    # E_q log p(x|z) has one sample of z each: a spread of 1 nat or so over 4 x 64, six standard errors
    assert row["upper"] == pytest.approx(row["exact"], abs=0.4) and row["lower"] == pytest.approx(row["exact"], abs=5e-3)
    assert row["held"] == pytest.approx(row["exact"], abs=5e-3) and row["exact"] == pytest.approx(-0.5 * np.sum(np.log(var)), abs=0.6)


def test_the_standard_error_is_the_spread_of_the_figure(monkeypatch):
    monkeypatch.setattr(demo, "log_true", lambda x: np.zeros(x.shape[2]))  # not needed here, and what takes the time
    of, (pages, q, r), _ = random_model("album", 14)
    params = (*pages[:2], 5 * pages[2], *pages[3:]), q, r
    rows = [demo.figures(of, params, np.random.default_rng(seed), 16, 2)[0] for seed in range(12)]
    spread, stated = np.std([row["exact"] for row in rows], ddof=1), np.sqrt(np.mean([row["error"] ** 2 for row in rows]))
    assert 0.4 < spread / stated < 2.2  # F with 11 and 180 degrees of freedom is beyond 2.2^2 or below .4^2 once in 1000


def test_what_is_too_sharp_is_not_resolved():
    of, (p, q, r), rng = random_model("one", 7)
    p = *p[:2], 1000 * p[2], p[3]
    p, _, _ = of.densities((p, q, r))
    z = rng.standard_normal((1, 1, 20, 2))
    x = p.mean(z) + demo.NOISE * rng.standard_normal((1, 1, 20, demo.PIXELS))
    assert demo.refined(p, x) is None


def test_r_squared():
    rng = np.random.default_rng(8)
    codes = rng.standard_normal((10, 100, 2))
    quadratic = codes[..., 0] + 0.5 * codes[..., 0] * codes[..., 1] - codes[..., 1] ** 2
    assert demo.r_squared(codes, quadratic) == pytest.approx(1)
    noise = rng.standard_normal((10, 100))
    # six coefficients on 500 + 500 draws: off by about 6 / 500 and five times the spread of that
    assert abs(demo.r_squared(codes, noise)) < 0.08
    assert demo.r_squared(codes, quadratic + np.std(quadratic) * noise) == pytest.approx(0.5, abs=0.15)
    assert demo.r_squared(codes, np.concatenate([quadratic[:5], noise[5:]])) < -0.5  # judged where it was not fitted


@pytest.mark.parametrize("decoder", ["one", "album"])
@pytest.mark.parametrize("critic", ["bayes", "net"])
def test_the_demo(decoder, critic, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "figures", functools.partial(demo.figures, replicates=2, pairs=16))  # spares the clock
    argv = ["--decoder", decoder, "--critic", critic, "--levels", "0.5", "--steps", "2", "--csv", "t.csv"]
    assert demo.main(argv) == 0
    rows = list(csv.DictReader(Path("t.csv").read_text().splitlines()))
    printed = capsys.readouterr().out
    assert [row["level"] for row in rows] == ["0.5", "vae"] and Path("faces.png").exists() and "+- s.e." in printed
    for row in rows:
        assert f"{float(row['exact']):.3f}" in printed and f"{float(row['r2_angle']):.3f}" in printed
        assert float(row["lower"]) < float(row["exact"]) + 0.1  # 64 draws: their mean may be off where the two all but agree
    with pytest.raises(SystemExit) as caught:
        demo.main([*argv[:5], "9"])
    assert caught.value.code == 2 and "level 9.0" in capsys.readouterr().err


def test_the_same_seed_gives_the_same_faces():
    from minimae import train
    of = demo.problem("album", "bayes")
    first, second = [train.train(of, [1.0], [3], 3, 0.02) for _ in range(2)]
    for a, b in zip(first, second):
        for x, y in zip(a, b):
            np.testing.assert_array_equal(x, y)
