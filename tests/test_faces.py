"""demos/faces.py and drawn_faces.py: the drawings, the nodes of a step, held-out faces,
and a short run."""
import csv
from functools import partial
from pathlib import Path

import drawn_faces
import faces
import numpy as np
import pytest
from helpers import generator
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import cli
from minimae import certified, critics, nets, normal, train

FACTORS = st.floats(-1, 1)
NOISE = faces.NOISE


def draw(angle, emotion):
    """Faces as pictures (n, SIDE, SIDE)."""
    side = drawn_faces.SIDE
    return drawn_faces.draw(angle, emotion).reshape(-1, side, side)


@pytest.fixture
def few_faces(monkeypatch):
    """Few held-out faces, and few samples in the evaluation."""
    few = drawn_faces.hold_out(NOISE, n=64, n_grid=4)
    monkeypatch.setattr(drawn_faces, "hold_out", lambda noise: few)
    quick = partial(certified.evaluate, n=64, n_codes=128)
    monkeypatch.setattr(
        certified, "evaluate",
        lambda models, control, n_sets: quick(models, control=control, n_sets=8))
    monkeypatch.setattr(certified, "N_LAST", certified.N_FIRST)
    return few


def run(*argv):
    cli.main(faces.run, faces.PARSER, argv)


# Drawing

@given(FACTORS, FACTORS)
def test_a_mirrored_face_looks_the_other_way(angle, emotion):
    face, mirrored = draw([angle, -angle], [emotion, emotion])
    assert face.min() >= -0.5 and face.max() <= 0.5
    assert_allclose(face, mirrored[:, ::-1], atol=1e-12)


@given(FACTORS, FACTORS, FACTORS)
def test_each_number_moves_its_features_and_no_others(angle, one, other):
    sad, happy = draw([angle, angle], [one, other])
    assert_array_equal(sad[:10], happy[:10])  # the rows of the eyes
    left, right = draw([one, other], [angle, angle])
    change = abs(one - other)
    if change > 1e-3:
        assert np.max(np.abs(sad[10:] - happy[10:])) > 0.05 * change
        for half in (slice(0, 10), slice(14, 24)):
            assert np.max(np.abs(left[half] - right[half])) > 0.05 * change


def test_the_ball_turns_by_three_tenths_of_a_radian():
    """The nose is at the middle of the ball's front, so it moves by sin .3 radii."""
    columns = np.arange(3, drawn_faces.SIDE - 3)  # without the edge of the head
    middles = []
    for face in draw([0, 1], [0, 0]):
        darkness = np.sum(np.clip(0.2 - face[11:13, 3:-3], 0, 1), axis=0)
        middles.append(columns @ darkness / np.sum(darkness))
    moved = middles[1] - middles[0]
    # Each middle is good to a quarter of a pixel.  A turn of .35 moves it by half a
    # pixel more.
    assert moved == pytest.approx(np.sin(0.3) / drawn_faces.PIXEL, abs=0.25)


def test_a_happy_face_has_the_corners_of_its_mouth_above_its_middle():
    for emotion, sign in [(1, 1), (-1, -1)]:
        face, = draw(0, emotion)
        rows = np.arange(14, drawn_faces.SIDE - 3)
        middle_of_mouth = rows @ np.clip(0.2 - face[14:-3, 12], 0, 1)
        middle_of_mouth /= np.sum(np.clip(0.2 - face[14:-3, 12], 0, 1))
        corner = rows @ np.clip(0.2 - face[14:-3, 8], 0, 1)
        corner /= np.sum(np.clip(0.2 - face[14:-3, 8], 0, 1))
        assert sign * (middle_of_mouth - corner) > 1  # rows count downward


def test_a_grid_has_angles_to_the_right_and_emotions_upward():
    grid = drawn_faces.draw_grid(3)
    assert_allclose(grid[2], drawn_faces.draw(2 / 3, 2 / 3)[0])
    assert_allclose(grid[6], drawn_faces.draw(-2 / 3, -2 / 3)[0])


# Held-out faces

def test_held_out_faces():
    """Six standard errors: of the factors, of the control's mean, and of the value of
    `best` that 40,000 other faces gave."""
    held_out = drawn_faces.hold_out(NOISE, n_grid=16)  # with 64, best is .02 higher
    n = len(held_out.x)
    assert np.max(np.abs(held_out.factors)) <= 1
    second_moments = np.mean(held_out.factors ** 2, axis=0)
    assert_allclose(second_moments, 1 / 3, atol=6 * 0.3 / np.sqrt(n))
    control = held_out.control
    assert abs(np.mean(control)) < 6 * np.std(control) / np.sqrt(n)
    assert held_out.best == pytest.approx(-293.814, abs=0.3)  # a s.e. is .05
    noise = held_out.x - drawn_faces.draw(*held_out.factors.T)
    squares = np.sum(noise ** 2, axis=1) / NOISE ** 2
    assert_allclose(control, 0.5 * (drawn_faces.PIXELS - squares), atol=1e-9)


def test_best_is_a_mean_over_the_grid():
    held_out = drawn_faces.hold_out(NOISE, n=3, n_grid=4)
    line = [-0.75, -0.25, 0.25, 0.75]
    densities = []
    for angle in line:
        for emotion in line:
            face = drawn_faces.draw(angle, emotion)
            log_density = normal.log_prob(held_out.x, face, 2 * np.log(NOISE))
            densities.append(np.exp(log_density + 500))  # 500: in the range of numbers
    log_px = np.log(np.mean(densities, axis=0)) - 500
    assert held_out.best == pytest.approx(np.mean(log_px - held_out.control), abs=1e-9)


# The problem

@pytest.mark.parametrize("decoder", ["one", "mixture"])
@pytest.mark.parametrize("dim", [2, 3])
def test_nodes_of_a_step(decoder, dim, few_faces):
    rng = generator(1)
    problem = faces.Faces(decoder, critics.MultiSample(), dim, few_faces)
    (x, eps, weights), (z, _, z_weights), (codes, _) = problem.draw_nodes(rng)
    n = faces.BATCH // 2
    # Each face comes twice, with a noise and code and with their negatives.
    assert_allclose(eps[:, :n], -eps[:, n:])
    clean = (x[:n] + x[n:]) / 2
    # Single precision has an error of 1e-7 here.
    assert -0.5 - 1e-6 < clean.min() and clean.max() < 0.5 + 1e-6
    noise = (x[:n] - clean) / NOISE
    for standard_normal in (noise, eps):
        # Six standard errors of a mean of squares; Kronecker points have smaller ones.
        n_numbers = n * standard_normal.shape[-1]
        assert abs(np.mean(standard_normal ** 2) - 1) < 6 * np.sqrt(2 / n_numbers)
    assert np.sum(weights) == pytest.approx(1)
    assert np.sum(z_weights) == pytest.approx(1, abs=1e-6)
    assert codes.shape == (problem.n_codes, dim)
    assert {code.tobytes() for code in z} < {code.tobytes() for code in codes}


@pytest.mark.parametrize("decoder", ["one", "mixture"])
def test_training_is_in_single_precision(decoder, few_faces):
    """One number of 64 bits would double the time of all that it meets."""
    seen = []

    def callback(step, models, values):
        seen.append(values.dtype)

    problem = faces.Faces(decoder, critics.MultiSample(), 2, few_faces)
    models = train.train(problem, [1.0, None], steps=1, callback=callback)
    assert seen == [np.float32]
    for net in models.params[0]:
        assert all(a.dtype == np.float32 for a in net)


def test_the_encoder_sees_a_fifth_of_the_contrast():
    rng = generator(2)
    encoder = faces.LowContrastNet()
    q = encoder.with_params(encoder.init(rng, 5, 4, 2))
    plain = nets.NormalNet().with_params(q.params)
    x = rng.standard_normal((3, 5))
    z = rng.standard_normal((3, 2))
    assert_allclose(q.log_prob(z, x), plain.log_prob(z, 0.2 * x))
    eps = np.zeros((3, 2))
    assert_allclose(q.reparameterize(x, eps), plain.reparameterize(0.2 * x, eps))


# Runs

@pytest.mark.parametrize("argv, words", [
    (["--dim", "65"], "65: give an integer from 1 to 64"),
    (["--targets", "5"], "target 5.0: give a number from 0 to 4.1588 nats"),
    (["--targets", "3.5", "--decoder", "mixture"], "from 0 to 3.4657 nats"),
    (["--critic", "5"], "--critic: invalid choice: '5'"),
    (["--critic", "bayes", "--dim", "3"], "--critic bayes: no grid fills --dim 3")])
def test_what_cannot_work_is_one_line(argv, words, few_faces, capsys):
    with pytest.raises(SystemExit) as caught:
        run(*argv)
    error = capsys.readouterr().err
    assert caught.value.code == 2
    assert words in error and error.count("\n") == 1


@pytest.mark.parametrize("options", [
    "", "--dim 3", "--decoder mixture --critic bayes", "--dim 1"])
def test_a_short_run(options, few_faces, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(*options.split(), "--targets", "0.5", "--steps", "1", "--csv", "t.csv",
        "--out", "f.jpg")
    printed = capsys.readouterr().out
    asked, vae = csv.DictReader(Path("t.csv").read_text().splitlines())
    assert (asked["target"], vae["target"]) == ("0.5", "")
    for line in (asked, vae):
        assert f"{float(line['r2_angle']):.3f}" in printed
        assert f"{float(line['best']):.3f}" in printed
    assert Path("f.jpg").stat().st_size > 1e4


@pytest.mark.parametrize("decoder, dim", [("one", 2), ("one", 3), ("mixture", 2)])
def test_default_targets_can_be_held(decoder, dim, few_faces):
    problem = faces.Faces(decoder, critics.MultiSample(), dim, few_faces)
    targets = faces.default_targets(decoder, dim)
    assert cli.choose_targets(None, targets, problem) == targets
