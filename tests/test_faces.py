"""demos/faces.py: the drawings, the two decoders, and figures by Monte Carlo."""
import csv
import functools
from pathlib import Path

import numpy as np
import pytest
from autograd import make_vjp
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

import faces as demo
from minimae import normal, stacks, train

FACTOR = st.floats(-1, 1)


def image(angle, emotion):
    return demo.draw(angle, emotion).reshape(-1, demo.SIDE, demo.SIDE)


@given(FACTOR, FACTOR)
def test_a_face_is_grey_and_its_mirror_image_looks_the_other_way(angle, emotion):
    face, mirrored = image([angle, -angle], [emotion, emotion])
    assert face.min() >= -0.5 and face.max() <= 0.5
    np.testing.assert_allclose(face, mirrored[:, ::-1], atol=1e-12)  # rounding


@given(FACTOR, FACTOR, FACTOR)
def test_each_factor_moves_its_features_and_no_others(angle, one, other):
    sad, happy = image([angle, angle], [one, other])
    np.testing.assert_array_equal(sad[:10], happy[:10])  # the rows of the eyes
    moved = abs(one - other) > 1e-3
    assert not moved or np.abs(sad[10:] - happy[10:]).max() > 0.05 * abs(one - other)
    left, right = image([one, other], [angle, angle])
    for half in (slice(0, 10), slice(14, 24)):
        most = np.abs(left[half] - right[half]).max()
        assert not moved or most > 0.05 * abs(one - other)


def test_the_ball_turns_by_three_tenths_of_a_radian():
    """The nose sits at the middle of the ball's front: it moves to sin .3 of a radius
    of 1, in pixels of .1."""
    straight, turned = image([0, 1], [0, 0])
    row = slice(11, 13)
    dark = [np.clip(0.2 - face[row, 3:-3], 0, 1).sum(0) for face in (straight, turned)]
    columns = np.arange(3, demo.SIDE - 3)
    moved = columns @ dark[1] / dark[1].sum() - columns @ dark[0] / dark[0].sum()
    # Centres of what is darker than any edge of the head here: good to a quarter of a
    # pixel; a turn of .35 moves it by a half more.
    assert moved == pytest.approx(np.sin(0.3) / 0.1, abs=0.25)


def test_noise_comes_in_pairs_and_factors_fill_their_range_evenly():
    factors, x, eps = demo.law(np.random.default_rng(0), 300, 3)
    x, eps, clean = x[0, 0], eps[0, 0], demo.draw(*factors[:, :300])
    np.testing.assert_array_equal(factors[:, :300], factors[:, 300:])
    np.testing.assert_allclose((x[:300] + x[300:]) / 2, clean, atol=1e-12)
    np.testing.assert_array_equal(eps[:300], -eps[300:])
    # mean square of 300 x 576 normals: six standard errors
    error = 6 * demo.NOISE ** 2 * np.sqrt(2 / clean.size)
    assert abs(np.mean((x[:300] - clean) ** 2) - demo.NOISE ** 2) < error
    # All of 300 draws within .9 of a range: once in 10^6 runs, even of draws less even
    # than a lattice; mean squares within six of their standard errors
    assert np.all(factors.min(1) < -0.9) and np.all(factors.max(1) > 0.9)
    assert np.all(np.abs(factors) <= 1)
    np.testing.assert_allclose(np.mean(factors ** 2, 1), 1 / 3, atol=0.1)
    np.testing.assert_allclose(np.mean(eps ** 2, 0), 1, atol=6 * np.sqrt(2 / 300))


def random_model(decoder, seed, dim=2, scale=0.5):
    rng = np.random.default_rng(seed)
    problem = demo.Faces(decoder, "bayes", dim)
    p, q, r = problem.init(rng)
    if decoder == "one":
        p = *p[:2], scale * p[2], p[3]
    return problem, (p, q, r), rng


@pytest.mark.parametrize("decoder", ["one", "album"])
def test_log_prob_is_its_sum(decoder):
    problem, params, rng = random_model(decoder, 1)
    p, _, _ = problem.densities(params)
    x = rng.standard_normal((1, 1, 3, demo.PIXELS))
    z = rng.standard_normal((1, 5, 1, 2))
    if decoder == "one":
        weights, images = np.ones((5, 1)), p.mean(z)[0]
    else:
        weights = np.exp(p.log_probs(z))[0, :, 0]
        images = np.broadcast_to(p.images[0, 0], (5, demo.IMAGES, demo.PIXELS))
    differences = x[0, 0][:, None, None] - images
    logs = (np.log(weights) - np.sum(differences ** 2, -1) / (2 * demo.NOISE ** 2)
            - demo.PIXELS / 2 * np.log(2 * np.pi * demo.NOISE ** 2))
    top = logs.max(-1)
    expected = top + np.log(np.sum(np.exp(logs - top[..., None]), -1))
    # Sums of some thousands in single precision.  Codes down a table, in pairs with x,
    # and some for every x.
    np.testing.assert_allclose(p.log_prob(x, z)[0], expected.T, rtol=3e-6)
    pairs = p.log_prob(x, np.swapaxes(z[:, :3], 1, 2))[0, 0]
    np.testing.assert_allclose(pairs, np.diag(expected), rtol=3e-6)
    own = p.log_prob(np.swapaxes(x, 1, 2), np.swapaxes(z, 1, 2)[:, [0, 0, 0]])[0]
    np.testing.assert_allclose(own, expected, rtol=3e-6)


@pytest.mark.parametrize("decoder", ["one", "album"])
@pytest.mark.parametrize("dim", [2, 8])
def test_nodes_of_a_step(decoder, dim):
    """z is a part of the codes, x what p yields there; I^ never exceeds log N."""
    problem, params, rng = random_model(decoder, 2, dim)
    p, _, _ = problem.densities(params)
    data, prior = problem.nodes(rng)
    z, eps, weights, codes, code_weights = prior
    assert codes.shape == (1, problem.n_codes, 1, dim)
    assert {*map(tuple, z.reshape(-1, dim))} < {*map(tuple, codes.reshape(-1, dim))}
    x, weights = p.joint(z, eps, weights)
    np.testing.assert_allclose(np.sum(weights, (1, 2)), 1, rtol=1e-5)  # single
    assert np.sum(code_weights) == pytest.approx(1, rel=1e-5)
    images = p.images if decoder == "album" else p.mean(z)
    np.testing.assert_allclose(x, images + demo.NOISE * eps, atol=1e-6)
    assert abs(np.mean(eps ** 2) - 1) < 6 * np.sqrt(2 / eps.size)  # standard errors
    if decoder == "album":
        np.testing.assert_allclose(weights[0], np.exp(p.log_probs(z))[0, :, 0]
                                   / demo.BATCH, rtol=1e-5)
    backward, values = make_vjp(lambda params: demo.objectives(
        *problem.densities(params), data, prior, np.zeros(1)))(params)
    assert values.shape == (2, 1) and values[1] <= np.log(problem.n_codes)
    # With a slope of 0 nothing of I^ reaches p: in the sum over codes it is held fixed.
    assert not any(np.any(a) for a in backward(np.array([[0.0], [1.0]], "f4"))[0])


def test_every_code_is_as_likely_to_be_one_of_the_z():
    problem, _, _ = random_model("album", 3)
    seen = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        z, _, _, codes, _ = problem.information_nodes(rng, 20, 5)
        seen += [np.argmin(np.sum((codes - z[:, [n]]) ** 2, -1)) for n in range(5)]
    # 50 expected of each, neighbours together: six standard deviations
    assert np.abs(np.bincount(seen, minlength=20) - 50).max() < 6 * np.sqrt(50)


class Linear(demo.OneFace):
    """mean(z) = z V + b, so that everything has a closed form."""

    def hidden(self, z):
        return z.astype(demo.SINGLE)


class LinearFaces(demo.Faces):
    def decoder(self, params):
        return Linear(params)


def linear(rng, lengths):
    """Parameters of a linear decoder near the faces, log p(x) of x (n, X), and I."""
    V = 0.02 * rng.standard_normal((1, 1, 2, demo.PIXELS)) * np.reshape(lengths, (2, 1))
    b = np.mean(demo.law(rng, 500, 2)[1], 2, keepdims=True)
    covariance = V[0, 0].T @ V[0, 0] + demo.NOISE ** 2 * np.eye(demo.PIXELS)
    log_det = np.linalg.slogdet(covariance)[1]

    def log_px(x):
        centred = x - b[0, 0]
        squares = np.sum(centred * np.linalg.solve(covariance, centred.T).T, 1)
        return -0.5 * (squares + log_det + demo.PIXELS * np.log(2 * np.pi))

    information = 0.5 * (log_det - demo.PIXELS * np.log(demo.NOISE ** 2))
    return (np.zeros((1, 1, 2, 2)), np.zeros((1, 1, 1, 2)), V, b), log_px, information


def test_figures_of_a_linear_decoder_are_its_closed_forms():
    _, (_, q, _), rng = random_model("one", 4)
    p, log_px, information = linear(rng, [3, 1.5])
    row, = demo.evaluate(LinearFaces(), (p, q, ()), np.random.default_rng(5))
    # 6 standard errors of t with 7 degrees of freedom: a false alarm in 2,000 changes
    # of the code that move the draws
    assert abs(row["exact"] - information) < 6 * row["error"] < 0.2
    assert abs(row["upper"] - row["lower"]) < 0.02
    assert row["exact"] == pytest.approx((row["lower"] + row["upper"]) / 2)
    # Other faces than those of the row: 6 standard errors, of the mean of 1000 as well.
    factors, x, _ = demo.law(rng, 500, 2)
    noise = np.sum((x[0, 0] - demo.draw(*factors)) ** 2, -1) / demo.NOISE ** 2
    known = np.mean(log_px(x[0, 0]) - 0.5 * (demo.PIXELS - noise))
    # The encoder knows nothing, so that sampling from it and the prior falls short.
    assert -9 * row["log_likelihood_error"] < known - row["log_likelihood"] < 0.5
    assert row["elbo"] < row["log_likelihood"] < row["best"]
    # The value of a run of 40,000 faces.
    assert abs(row["best"] + 293.814) < 6 * row["best_error"] < 0.4


def test_few_codes_leave_i_between_the_bounds(monkeypatch):
    """With 64 codes for 3.6 nats x tells much of the set: both ends are off, by 6 to 16
    of their errors, and on their sides."""
    monkeypatch.setattr(demo, "FINE", 64)
    _, (_, q, _), rng = random_model("one", 4)
    p, _, information = linear(rng, [5, 5])
    row, = demo.evaluate(LinearFaces(), (p, q, ()), rng, replicates=60, pairs=4)
    assert 2 < information < np.log(64)
    assert row["lower"] + 4 * row["lower_error"] < information
    assert information < row["upper"] - 4 * row["upper_error"]


@pytest.mark.parametrize("shift, most", [(0, 0.01), (0.2, 0.05), (9, 0.5)])
def test_importance_sampling_finds_log_p_of_x(shift, most):
    """With an encoder that is right, or off by a standard deviation; where it is quite
    wrong the codes of the prior are left.  Shortfalls in nats, seen at half of that."""
    rng = np.random.default_rng(6)
    params, log_px, _ = linear(rng, [2, 2])
    V, b = params[2][0, 0], params[3][0, 0]
    covariance = np.linalg.inv(np.eye(2) + V @ V.T / demo.NOISE ** 2)

    class Encoder:
        def moments(self, x):
            mean = (x - b) @ V.T @ covariance / demo.NOISE ** 2 + shift
            return mean, np.log(np.diag(covariance)) + 0 * mean

    _, x, _ = demo.law(rng, 50, 2)
    estimate = demo.log_likelihood(Linear(params), Encoder(), x, rng)
    assert -0.01 < np.mean(log_px(x[0, 0]) - estimate) < most


def test_the_law_of_one_face_by_hand():
    x = demo.law(np.random.default_rng(6), 1, 2)[1][:, :, :1]
    middle = [-0.75, -0.25, 0.25, 0.75]
    # .6 keeps the products of 576 factors in range
    densities = [np.prod(np.exp(normal.log_prob(x[0, 0, 0, :, None],
                                                demo.draw(a, e)[0][:, None],
                                                2 * np.log(demo.NOISE))) / 0.6)
                 for a in middle for e in middle]
    by_hand = np.log(np.mean(densities)) + demo.PIXELS * np.log(0.6)
    assert demo.log_true(x, 4)[0] == pytest.approx(by_hand, rel=1e-9)


def test_every_row_is_its_own_model():
    """Two different models stacked, and each alone: equal to the rounding of sums in
    single precision."""
    problem, one, _ = random_model("one", 10)
    _, other, _ = random_model("one", 11, scale=3.0)
    run = functools.partial(demo.evaluate, problem, replicates=4, pairs=8)
    rows = run(stacks.stack([one, other], 1), np.random.default_rng(3))
    for row, params in zip(rows, (one, other)):
        alone, = run(params, np.random.default_rng(3))
        assert row == pytest.approx(alone, rel=1e-4, abs=1e-4)
    for key in ("lower", "exact", "upper", "elbo", "log_likelihood", "r2_angle"):
        assert abs(rows[0][key] - rows[1][key]) > 0.01


def test_r_squared():
    rng = np.random.default_rng(8)
    codes = rng.standard_normal((10, 1, 100, 2))
    a, b = codes[:, 0].transpose(2, 0, 1)
    quadratic = a + 0.5 * a * b - b ** 2
    quadratic *= np.sqrt(1 / 3 / np.var(quadratic))  # the variance of a factor
    noise = rng.uniform(-1, 1, (10, 100))
    np.testing.assert_allclose(demo.r_squared(codes, quadratic), 1)
    # six coefficients on 500 draws cost about 6 / 500; the variance of 500 more is off
    # by 4 %, and this is 5 times that
    assert abs(np.mean(demo.r_squared(codes, noise))) < 0.2
    both = np.concatenate([quadratic[:5], noise[5:]])
    assert np.mean(demo.r_squared(codes, both)) < -0.5  # judged where it was not fitted


@pytest.mark.parametrize("seen, other", [("angle", "emotion"), ("emotion", "angle")])
def test_r_squared_is_of_the_factor_it_names(seen, other):
    """An encoder of the pixels in which faces differ by one factor and not the other;
    this also tells an encoder that sees nothing."""
    problem, (p, (W, b, V, c), r), _ = random_model("one", 12)
    angle, emotion = np.array([[-1, 1], [0, 0]])[:: 1 if seen == "angle" else -1]
    one, two = demo.draw(angle, emotion)
    W, V = 0 * W, V * [0, 0, 1, 1]  # means, then log variances
    W[0, 0, :, 0] = 0.01 * (two - one)  # small, so that tanh is linear
    V[0, 0, 0, 0] = 1e3
    row, = demo.evaluate(problem, (p, (W, 0 * b, V, c), r),
                         np.random.default_rng(1), 8, 16)
    assert row[f"r2_{seen}"] > 0.6 and row[f"r2_{other}"] < 0.4


def test_the_multiplier_moves_by_what_a_run_violates():
    """By LEARNING over a run that is a nat above, no further where it is more; from
    above and from below; the plain VAE is left alone."""
    penalty = demo.Multiplier([1.0, 1.0, 1.0, None], 50)
    for step in range(1, 51):
        penalty.update(np.array([np.zeros(4), [2.0, 9.0, 0.5, 2.0]]), step)
    pull = penalty.LEARNING + penalty.START
    np.testing.assert_allclose(penalty.slope, [-pull, -pull, penalty.LEARNING / 2
                                               + penalty.START, 0])


def test_the_demo(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "evaluate",
                        functools.partial(demo.evaluate, replicates=4, pairs=8))
    asked, train_once = [], train.train

    def spied(*args, **options):
        asked.append((args[4], options["penalty"], options["objectives"]))
        return train_once(*args, **options)

    monkeypatch.setattr(demo.train, "train", spied)
    for decoder, critic, dim in [("one", "bayes", "3"), ("album", "2", "2")]:
        argv = ["--decoder", decoder, "--critic", critic, "--dim", dim, "--steps", "2",
                "--csv", "t.csv", "--out", "f.png", "--levels"]
        assert demo.main([*argv, "0.5"]) == 0
        rows = list(csv.DictReader(Path("t.csv").read_text().splitlines()))
        assert [row["level"] for row in rows] == ["0.5", "vae"]
        assert all(float(row["error"]) > 0 and row["dim"] == dim for row in rows)
        assert f"{float(rows[0]['exact']):.3f}" in capsys.readouterr().out
        rate, penalty, objectives = asked[-1]
        assert rate == demo.RATE[decoder] and isinstance(penalty, demo.Multiplier)
        assert penalty.steps == 2 and penalty.total[0] and objectives is demo.objectives
        with pytest.raises(SystemExit) as caught:
            demo.main([*argv, "9"])
        error = capsys.readouterr().err
        assert caught.value.code == 2 and "level 9.0 must be from 0 to" in error
        assert error.count("\n") == 1


def test_rows_do_not_depend_on_how_many_train_at_a_time(tmp_path, monkeypatch):
    """Three models of two seeds in one job, in two and in three: equal to the rounding
    of single precision, rows and panels in their order."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "evaluate",
                        functools.partial(demo.evaluate, replicates=4, pairs=8))
    monkeypatch.setattr(demo.workers, "each", lambda function, jobs: [
        function(*job) for job in jobs])
    panels, tables = [], []
    monkeypatch.setattr(demo, "draw_panels", lambda problem, params, rows, show: (
        panels.append(params), Figure())[1])
    for cores in (1, 2, 3):
        monkeypatch.setattr(demo.workers, "cores", lambda: cores)
        assert demo.main(["--levels", "0.5", "2", "--steps", "3", "--seeds", "2",
                          "--csv", "t.csv", "--out", "f.png"]) == 0
        tables.append(list(csv.DictReader(Path("t.csv").read_text().splitlines())))
    for params, rows in zip(panels, tables):
        assert [(row["seed"], row["level"]) for row in rows] == [
            (seed, level) for seed in "01" for level in ("0.5", "2.0", "vae")]
        for row, first in zip(rows, tables[0]):
            for key in ("exact", "elbo", "log_likelihood"):
                assert float(row[key]) == pytest.approx(float(first[key]), abs=2e-3)
        for net, expected in zip(params, panels[0]):
            for array, other in zip(net, expected):
                assert len(array) == 3
                np.testing.assert_allclose(array, other, atol=1e-4)
