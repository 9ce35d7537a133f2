"""The window of demos/explore.py, moved by its sliders in code, without a display."""
import csv
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from minimae import bounds, exact, nodes

matplotlib.use("Agg")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "demos"))
import explore  # noqa: E402


@pytest.fixture(scope="module")
def found():
    from argparse import Namespace
    return explore.families(Namespace(levels=[0.0, 0.4, 0.8], seed=0, steps=120))


@pytest.fixture
def window(found):
    window = explore.Window(Figure(), found)
    return window, explore.controls(window)


def texts(axis):
    return [axis.get_title(), *[text.get_text() for text in axis.texts]]


def test_the_level_moves_curves_bars_and_titles(window):
    window, (level, _, _) = window
    for n, M in [(0, 0.0), (2, 0.8), (1, 0.4)]:
        level.set_val(M)
        assert window.level == n
        for family, axes in zip(window.families, window.axes):
            row = family.rows[n]
            assert f"M = {M:.2f} nats" in axes[0].get_title()
            likelihoods, informations = axes[3:]
            np.testing.assert_allclose([bar.get_x() + bar.get_width() for bar in likelihoods.patches],
                                       [row["elbo"], row["log_likelihood"], row["best"]])
            np.testing.assert_allclose([bar.get_width() for bar in informations.patches], [row["lower"], row["exact"], row["upper"]])
            assert informations.lines[0].get_xdata()[0] == M  # the request is marked
            assert f" {row['exact']:.3f}" in texts(informations) and f" {row['elbo']:.4f}" in texts(likelihoods)


def test_the_other_sliders_pick_an_x_each(window):
    window, (level, x, category) = window
    level.set_val(0.8)
    lines = [[line.get_ydata().copy() for line in axes[1].lines] for axes in window.axes]
    x.set_val(-1.5)
    assert "x = -1.50" in window.axes[0][1].get_title() and window.level == 2
    assert np.abs(window.axes[0][1].lines[0].get_ydata() - lines[0][0]).max() > 0.01
    np.testing.assert_array_equal(window.axes[1][1].lines[0].get_ydata(), lines[1][0])  # the other one stays
    category.set_val(7)
    assert window.axes[1][1].get_title() == "x = category 7"
    assert np.abs(window.axes[1][1].lines[0].get_ydata() - lines[1][0]).max() > 0.01


@pytest.mark.parametrize("n, x", [(0, 0.7), (1, 4)])
def test_the_areas_are_the_gaps_of_the_bounds(found, n, x):
    family = found[n]
    params = exact.select(family.params, 2)
    p, q, r = family.problem.densities(params)
    node = np.full((1, 1, 1, 1), x) if n == 0 else np.eye(10)[None, None, [x]]
    densities, log_px = explore.posteriors(p, q, r, node)
    dz = explore.Z[1] - explore.Z[0]
    for density in densities:  # what lies beyond +-4 is below 1e-4
        assert dz * np.sum(density) == pytest.approx(1, abs=3e-4)
    true, of_q, of_r = densities
    # a second route to the first area: the gap of the ELBO at x
    eps, weights = nodes.grid(400)
    elbo = bounds.elbo(p, q, node, eps[None, None], weights[None, None])[0]
    assert dz * np.sum(explore.gap(of_q, true)) == pytest.approx(log_px - elbo, abs=5e-4)
    window = explore.Window(Figure(), found)
    window.show(2, *((x, None) if n == 0 else (None, x)))
    title = window.axes[n][2].get_title()
    assert f"ELBO(x) = {dz * np.sum(explore.gap(of_q, true)):.1e}" in title
    assert f"r(z|x)] = {dz * np.sum(explore.gap(true, of_r)):.1e}" in title


@given(st.lists(st.floats(0, 10), min_size=2, max_size=2))
def test_the_integrand_of_a_gap_is_nowhere_negative(values):
    f, g = np.array(values)
    assert explore.gap(f, g) >= -1e-12 * (1 + f + g)  # rounding
    assert explore.gap(f, f) == pytest.approx(0, abs=1e-12)


def test_the_areas_of_all_categories_add_up_to_what_the_infomax_bound_misses(found):
    family = found[1]
    p, q, r = family.problem.densities(exact.select(family.params, 2))
    dz, total = explore.Z[1] - explore.Z[0], 0
    for k in range(10):
        (true, _, of_r), log_px = explore.posteriors(p, q, r, np.eye(10)[None, None, [k]])
        total += np.exp(log_px) * dz * np.sum(explore.gap(true, of_r))
    row = family.rows[2]
    assert total == pytest.approx(row["exact"] - row["lower"], abs=2e-4)  # what lies beyond +-4


def test_files_without_a_display(tmp_path, monkeypatch, capsys):
    from PIL import Image
    monkeypatch.chdir(tmp_path)
    assert explore.main(["--levels", "0", "0.5", "--steps", "30", "--gif", "e.gif", "--out", "e.png", "--csv", "t.csv"]) == 0
    with Image.open("e.gif") as animation:
        assert animation.n_frames == 2
    assert Path("e.png").read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader(Path("t.csv").read_text().splitlines()))
    assert [(row["problem"], row["level"]) for row in rows] == [
        (name, level) for name in ("splitting the normal", "10 categories") for level in ("0.0", "0.5")]


@pytest.mark.parametrize("argv, message", [(["--gif", "a.png"], "end in .gif"), (["--gif", "no/a.gif"], "there is no folder"),
                                           (["--gif", "a.gif", "--out", "a.gif"], "same file"),
                                           (["--out", "e.png", "--levels", "3"], "level 3.0 must be from 0 to 2.3025"),
                                           ([], "no display")])
def test_bad_input(argv, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        explore.main(argv)
    error = capsys.readouterr().err
    assert caught.value.code == 2 and message in error and error.count("\n") == 1 and not list(tmp_path.iterdir())
