"""demos/faces.py: the drawings, the nodes of a step, and what the figures measure."""
import csv
from functools import partial
from pathlib import Path

import faces as demo
import numpy as np
import pytest
import shared
from hypothesis import given
from hypothesis import strategies as st

from minimae import bounds, certified, models, nets, normal

FACTOR, FEW = st.floats(-1, 1), partial(demo.held_out, 64, n_law=4)


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


@pytest.mark.parametrize("decoder", ["one", "album"])
@pytest.mark.parametrize("dim", [2, 8])
def test_nodes_of_a_step(decoder, dim):
    """Faces come in pairs with noise and its negative, and so do their codes; z is a
    part of the codes and x what p yields there, all in single precision."""
    rng, problem = np.random.default_rng(1), demo.Faces(decoder, dim=dim)
    (x, eps, weights), (z, z_eps, z_weights), codes = problem.nodes(rng)
    n = demo.BATCH // 2
    np.testing.assert_allclose(eps[:, :n], -eps[:, n:])
    clean = (x[:, :n] + x[:, n:]) / 2
    assert -0.5 - 1e-9 < clean.min() and clean.max() < 0.5 + 1e-9
    # mean square of n x 576 normals, and of n x dim: six standard errors
    noise = (x[:, :n] - clean) / demo.NOISE
    assert abs(np.mean(noise ** 2) - 1) < 6 * np.sqrt(2 / noise.size)
    assert abs(np.mean(eps ** 2) - 1) < 6 * np.sqrt(2 / eps.size)
    assert codes[0].shape == (1, problem.n_codes, 1, dim)
    assert {*map(bytes, z[0, :, 0])} < {*map(bytes, codes[0][0, :, 0])}
    for total in (weights, z_weights, codes[1]):
        assert np.sum(total) == pytest.approx(1, rel=1e-5)  # single precision
    params = tuple(tuple(a + 0.1 * rng.standard_normal(a.shape) for a in net)
                   for net in problem.init(rng))
    p, q, r = problem.densities(models.stack([params], 1, np.float32))
    x, weights = p.joint(z, z_eps, z_weights)
    assert x.dtype == weights.dtype == np.float32
    assert np.sum(weights) == pytest.approx(1, rel=1e-5)
    few = [a[:, :9] for a in codes]
    got = p.log_marginal(x, *few)
    assert got.dtype == p.log_prob(x, z).dtype == np.float32
    np.testing.assert_allclose(got, bounds.log_marginal(p, x, *few), rtol=1e-5)
    assert r.log_prob(z, x).shape == weights.shape


def test_the_encoder_sees_a_fifth_of_the_contrast():
    rng, problem = np.random.default_rng(2), demo.Faces()
    params, x = problem.init(rng), rng.standard_normal((1, 3, 1, demo.PIXELS))
    _, q, _ = problem.densities(params)
    whole = nets.NormalNet(params[1]).mean_and_log_var(0.2 * x)
    np.testing.assert_allclose(q.mean_and_log_var(x), whole, rtol=1e-5)


def test_faces_that_are_held_out():
    """Six standard errors: of the factors, of the control's mean, and of the value of
    best that 40,000 other faces gave."""
    factors, x, control, best = demo.held_out(n_law=16)  # 64: .02 higher
    n = len(x)
    assert np.abs(factors).max() <= 1
    assert np.all(np.abs(np.mean(factors ** 2, 1) - 1 / 3) < 6 * 0.3 / np.sqrt(n))
    assert abs(np.mean(control)) < 6 * np.std(control) / np.sqrt(n)
    assert best == pytest.approx(-293.814, abs=0.3)  # 6 s.e., .05 each
    noise = x - demo.draw(*factors)
    np.testing.assert_allclose(control, 0.5 * (demo.PIXELS - np.sum(
        noise ** 2, 1) / demo.NOISE ** 2), atol=1e-3)


def test_the_law_of_one_face_by_hand():
    """best on few faces, as a mean over 4 x 4 of products of densities."""
    factors, x, control, best = demo.held_out(3, n_law=4)
    middle = [-0.75, -0.25, 0.25, 0.75]
    images = np.concatenate([demo.draw(a, e) for a in middle for e in middle])
    log_px = normal.log_prob(x[:, None], images, 2 * np.log(demo.NOISE))
    # 500: keeps densities in range
    by_hand = np.log(np.mean(np.exp(log_px + 500), 1)) - 500
    assert best == pytest.approx(np.mean(by_hand - control), abs=2e-3)  # single


@pytest.mark.parametrize("seen, other", [("angle", "emotion"), ("emotion", "angle")])
@pytest.mark.parametrize("sd, explained", [(1e-3, 1.0), (1.0, 0.5), (1e3, 0.0)])
def test_r_squared_is_of_a_sample_of_the_code_and_of_the_factor_it_names(
        seen, other, sd, explained):
    """z = a factor of variance 1 and noise: 1 / (1 + sd^2) is explained, whatever the
    mean alone would tell.  Its standard error on 2,000 is below .02."""
    rng = np.random.default_rng(3)
    factors = rng.uniform(-1, 1, (2, 4000))
    x = np.sqrt(3) * factors[[int(seen == "emotion")]].T

    class Encoder(nets.NormalNet):
        def mean_and_log_var(self, x):
            return x, np.full_like(x, 2 * np.log(sd))

    found = demo.r_squared(Encoder(()), factors, x)
    assert found[f"r2_{seen}"] == pytest.approx(explained, abs=min(0.1, 10 * sd))
    assert found[f"r2_{other}"] == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("argv, words", [
    (["--dim", "65"], "dim 65: give a whole number from 1 to 64"),
    (["--levels", "5"], "level 5.0: give a number from 0 to 4.1588 nats"),
    (["--levels", "3.5", "--decoder", "album"], "from 0 to 3.4657 nats"),
    (["--critic", "bayes", "--dim", "3"], "bayes: a grid cannot fill --dim 3")])
def test_what_cannot_work_is_one_line_that_names_the_option(
        argv, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "held_out", FEW)
    with pytest.raises(SystemExit) as caught:
        shared.main(demo.run, demo.PARSER, argv)
    error = capsys.readouterr().err
    assert caught.value.code == 2 and words in error and error.count("\n") == 1


@pytest.mark.parametrize("argv", ["--dim=3", "--decoder=album --critic=2"])
def test_the_demo(argv, capsys, tmp_path, monkeypatch):
    evaluate, small = certified.evaluate, dict(n=64, n_codes=128, n_importance=4)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "held_out", FEW)
    monkeypatch.setattr(certified, "evaluate", lambda *args, **sizes: evaluate(
        *args, **{**sizes, **small, "replicates": 2}))
    argv += " --levels .5 --steps 1 --csv t.csv --out faces.jpg"  # sooner than a PNG
    shared.main(demo.run, demo.PARSER, argv.split())
    row, vae = csv.DictReader(Path("t.csv").read_text().splitlines())
    assert (row["level"], vae["level"]) == ("0.5", "")
    assert all(float(a["information_se"]) > 0 for a in (row, vae))
    assert Path("faces.jpg").stat().st_size > 1e4
    assert f"{float(vae['best']):.3f}" in capsys.readouterr().out
