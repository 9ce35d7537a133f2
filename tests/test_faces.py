"""demos/faces.py: the drawings, the two decoders, and figures by Monte Carlo."""
import csv
import functools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import faces as demo
from minimae import stacks, train

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
    dark = [np.clip(0.3 - face[row, 3:-3], 0, 1).sum(0) for face in (straight, turned)]
    columns = np.arange(3, demo.SIDE - 3)
    moved = columns @ dark[1] / dark[1].sum() - columns @ dark[0] / dark[0].sum()
    # Centres of grey levels, blurred over two pixels: good to a tenth of a pixel.
    assert moved == pytest.approx(np.sin(0.3) / 0.1, abs=0.3)


def test_noise_comes_in_pairs_and_factors_fill_their_range():
    angle, emotion, x = demo.law(np.random.default_rng(0), 300)
    clean = demo.draw(angle[:300], emotion[:300])
    np.testing.assert_allclose((x[:300] + x[300:]) / 2, clean, atol=1e-12)
    # mean square of 300 x 576 normals: six standard errors
    error = 6 * demo.NOISE ** 2 * np.sqrt(2 / clean.size)
    assert abs(np.mean((x[:300] - clean) ** 2) - demo.NOISE ** 2) < error
    for factor in (angle, emotion):  # 300 draws all stay within .9 once in 10^6 runs
        assert -1 <= factor.min() < -0.9 and 0.9 < factor.max() <= 1


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
        weights = np.exp(p.pages.log_probs(z))[0, :, 0]
        images = np.broadcast_to(p.images[0, 0], (5, demo.IMAGES, demo.PIXELS))
    differences = x[0, 0][:, None, None] - images
    logs = (np.log(weights) - np.sum(differences ** 2, -1) / (2 * demo.NOISE ** 2)
            - demo.PIXELS / 2 * np.log(2 * np.pi * demo.NOISE ** 2))
    top = logs.max(-1)
    expected = top + np.log(np.sum(np.exp(logs - top[..., None]), -1))
    # sums of some thousands, to rounding; codes down a table, and in pairs with x
    np.testing.assert_allclose(p.log_prob(x, z)[0], expected.T, rtol=1e-10)
    pairs = p.log_prob(x, np.swapaxes(z[:, :3], 1, 2))[0, 0]
    np.testing.assert_allclose(pairs, np.diag(expected), rtol=1e-10)


@pytest.mark.parametrize("decoder", ["one", "album"])
@pytest.mark.parametrize("dim", [2, 8])
def test_a_step_has_its_shapes_and_each_player_its_gradient(decoder, dim):
    problem, params, rng = random_model(decoder, 2, dim)
    data, prior = problem.nodes(rng)
    assert np.sum(prior[2]) * prior[0].shape[2] == pytest.approx(prior[2].size
                                                                 / prior[0].shape[1])
    twice = stacks.stack([params], 2)
    values = demo.objectives(*problem.densities(twice), data, prior, np.ones(2))
    assert values.shape == (2, 2) and np.ptp(values, 1).max() < 1e-9
    assert values[1, 0] <= np.log(demo.CODES)


def test_codes_of_a_step_are_members_of_the_set_each_as_likely(monkeypatch):
    problem, _, rng = random_model("album", 3)
    monkeypatch.setattr(demo, "law", lambda rng, n: [np.zeros((2 * n, 1))] * 3)
    seen = set()
    for _ in range(200):
        _, (z, _, _, codes, weights) = problem.nodes(rng)
        first = np.argmin(np.sum((codes[0, :, 0] - z[0, 0, 0]) ** 2, -1))
        members = range(first, demo.CODES, 10)
        np.testing.assert_array_equal(codes[0, members, 0], z[0, :, 0])
        seen.update(members)
    # any one of the ten offsets is missed by 200 draws once in 10^8 runs
    assert len(seen) == demo.CODES and np.ptp(weights) == 0


def test_figures_of_a_linear_decoder_are_its_closed_forms():
    problem, (_, q, _), rng = random_model("one", 4)
    W = 0.02 * rng.standard_normal((1, 1, 2, demo.PIXELS)) * np.array([3, 1.5])[:, None]
    b = np.mean(demo.law(rng, 500)[2], 0)[None, None, None]
    row, = demo.evaluate(problem, ((W, b), q, ()), np.random.default_rng(5))
    covariance = W[0, 0].T @ W[0, 0] + demo.NOISE ** 2 * np.eye(demo.PIXELS)
    log_det = np.linalg.slogdet(covariance)[1]
    information = 0.5 * (log_det - demo.PIXELS * np.log(demo.NOISE ** 2))
    # 6 standard errors of t with 15 degrees of freedom: a false alarm in 40,000
    # changes of the code that move the draws
    assert abs(row["exact"] - information) < 6 * row["error"] < 0.5
    assert abs(row["upper"] - row["lower"]) < 0.02
    draws = np.random.default_rng(5)
    values = []
    for angle, emotion, x in [demo.law(draws, 32) for _ in range(16)]:
        noise = np.sum((x - demo.draw(angle, emotion)) ** 2, -1) / demo.NOISE ** 2
        centred = x - b[0, 0]
        square = np.sum(centred * np.linalg.solve(covariance, centred.T).T, 1)
        log_px = -0.5 * (square + log_det + demo.PIXELS * np.log(2 * np.pi))
        values.append(np.mean(log_px - 0.5 * (demo.PIXELS - noise)))
    # The same faces; importance sampling of an encoder that knows nothing falls short.
    shortfall = np.mean(values) - row["log_likelihood"]
    assert -0.05 < shortfall < 5 and row["elbo"] < row["log_likelihood"] < row["best"]


def test_the_best_likelihood_is_that_of_the_law():
    """Within 5 of its own standard errors of the value of a run of 40,000 faces."""
    problem, params, _ = random_model("one", 6)
    row, = demo.evaluate(problem, params, np.random.default_rng(8), 8, 32)
    assert abs(row["best"] + 293.814) < 5 * row["best_error"] < 0.5


def test_every_row_is_its_own_model():
    """Two different models stacked, and each alone."""
    problem, one, _ = random_model("one", 10)
    _, other, _ = random_model("one", 11, scale=3.0)
    run = functools.partial(demo.evaluate, problem, replicates=2, pairs=16)
    rows = run(stacks.stack([one, other], 1), np.random.default_rng(3))
    for row, params in zip(rows, (one, other)):
        alone, = run(params, np.random.default_rng(3))
        assert row == pytest.approx(alone, rel=1e-8, abs=1e-8)
    assert abs(rows[0]["exact"] - rows[1]["exact"]) > 0.1


def test_r_squared_is_of_the_factor_it_names():
    """An encoder whose mean is the angle: R^2 is 1 for it, and 0 for the emotion."""
    rng = np.random.default_rng(8)
    codes = rng.standard_normal((10, 100, 2))
    quadratic = codes[..., 0] + 0.5 * codes[..., 0] * codes[..., 1] - codes[..., 1] ** 2
    noise = rng.standard_normal((10, 100))
    assert demo.r_squared(codes, quadratic) == pytest.approx(1)
    # six coefficients on 500 + 500 draws: off by about 6 / 500 and five times that
    assert abs(demo.r_squared(codes, noise)) < 0.08
    both = np.concatenate([quadratic[:5], noise[5:]])
    assert demo.r_squared(codes, both) < -0.5  # judged where it was not fitted


def test_r_squared_of_a_linear_encoder_of_the_angle():
    """The pixels tell the angle to a linear map; the emotion it is blind to."""
    problem, (p, (W, b, W_m, b_m, W_v, b_v), r), rng = random_model("one", 12)
    faces = [demo.draw(np.array([a]), np.array([0.0]))[0] for a in (-1, 1)]
    W = 0 * W
    W[0, 0, :, 0] = 0.01 * (faces[1] - faces[0])  # small, so that tanh is linear
    W_m = 0 * W_m
    W_m[0, 0, 0, 0] = 1e3
    row, = demo.evaluate(problem, (p, (W, 0 * b, W_m, b_m, W_v, b_v), r),
                         np.random.default_rng(1), 8, 16)
    assert row["r2_angle"] > 0.8 and row["r2_emotion"] < 0.4


def test_the_demo(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    grown = []

    def growth(*args, **kwargs):
        grown.append(args[6])
        return train_once(*args, **kwargs)

    train_once = train.train
    monkeypatch.setattr(demo.train, "train", growth)
    monkeypatch.setattr(demo, "evaluate",
                        functools.partial(demo.evaluate, replicates=2, pairs=8))
    for decoder, critic in [("one", "bayes"), ("album", "2")]:
        argv = ["--decoder", decoder, "--critic", critic, "--levels", "0.5", "--steps",
                "2", "--csv", "t.csv", "--out", "f.png"]
        assert demo.main(argv) == 0
        rows = list(csv.DictReader(Path("t.csv").read_text().splitlines()))
        assert [row["level"] for row in rows] == ["0.5", "vae"]
        assert f"{float(rows[0]['exact']):.3f}" in capsys.readouterr().out
        with pytest.raises(SystemExit) as caught:
            demo.main([*argv[:5], "9"])
        assert caught.value.code == 2 and "level 9.0" in capsys.readouterr().err
    assert list(dict.fromkeys(grown)) == [demo.GROWTH["one"], demo.GROWTH["album"]]
