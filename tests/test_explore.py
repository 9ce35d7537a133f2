"""The window of demos/explore.py: what it shows, moved in code and by a mouse."""
import csv
import io
import os
import shutil
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

import animation
import explore
from minimae import bounds, nodes, stacks
from test_animation import misplaced, texts_drawn

matplotlib.use("Agg")

LEVELS = [0.0, 0.4, 0.8]


@pytest.fixture(scope="module")
def found():
    args = Namespace(levels=LEVELS, seed=0, steps=80, critic=None)
    return explore.families(args)


@pytest.fixture(scope="module")
def window(found):
    return explore.Window(animation.figure(figsize=explore.SIZE), found)


def sides(window):
    """The five axes of either problem."""
    return window.figure.axes[3:8], window.figure.axes[8:]


def model(family, level):
    """p, q, r of a single level."""
    return family.problem.densities(stacks.select(family.params, level))


def one(category):
    return nodes.across([np.eye(explore.K)[category]])


def area(values):
    return np.sum(values) * (explore.Z[1] - explore.Z[0])


def pixels(window):
    return np.array(window.figure.canvas.buffer_rgba())


def test_the_level_moves_curves_bars_and_titles(found, window):
    for n in (0, 2, 1):
        window.sliders[0].set_val(LEVELS[n])
        assert window.level == n
        for family, axes in zip(found, sides(window)):
            row, (top, _, _, likelihoods, informations) = family.rows[n], axes
            assert f"M = {LEVELS[n]:.2f} nats" in top.get_title()
            for axis, keys, form in [
                    (likelihoods, ["elbo", "log_likelihood", "best"], "{:.4f}"),
                    (informations, ["lower", "exact", "upper"], "{:.3f}")]:
                ends = [bar.get_x() + bar.get_width() for bar in axis.patches]
                high = axis.get_xlim()[1]
                np.testing.assert_allclose(ends, [min(row[key], high) for key in keys])
                for key, text in zip(keys, axis.texts, strict=True):
                    assert text.get_text() == form.format(row[key])
                    # black, and beside the axis where nothing else is
                    assert text.get_color() == "black" and text.get_position()[0] > 1
            assert informations.lines[0].get_xdata()[0] == LEVELS[n]


def test_the_other_sliders_pick_an_x_each(window):
    window.sliders[0].set_val(0.8)

    def encoders():
        return [axes[1].lines[0].get_ydata().copy() for axes in sides(window)]

    before = encoders()
    window.sliders[1].set_val(-1.5)
    assert sides(window)[0][1].get_title("left") == "x = -1.50" and window.level == 2
    after = encoders()
    assert np.abs(after[0] - before[0]).max() > 0.01
    np.testing.assert_array_equal(after[1], before[1])  # the other one stays
    window.sliders[2].set_val(7)
    assert sides(window)[1][1].get_title("left") == "category 7"
    assert np.abs(encoders()[1] - before[1]).max() > 0.01


@pytest.mark.parametrize("n, x", [(0, 0.7), (1, 4)])
def test_the_areas_are_the_gaps_of_the_bounds(found, window, n, x):
    p, q, r = model(found[n], 2)
    node = one(x) if n else nodes.across([x])
    densities, log_px = explore.posteriors(p, q, r, node)
    for density in densities:  # what lies beyond +-4 is below 1e-4
        assert area(density) == pytest.approx(1, abs=3e-4)
    true, of_q, of_r = densities
    # a second route to the first area: the gap of the ELBO at x
    _, eps, weights = nodes.cross((node, np.ones((1, 1, 1))), nodes.grid(400))
    elbo = bounds.elbo(p, q, node, eps, weights)[0]
    assert area(explore.gap(of_q, true)) == pytest.approx(log_px - elbo, abs=5e-4)
    window.show(2, **{["x", "category"][n]: x})
    gaps = sides(window)[n][2]
    assert gaps.get_title("left").endswith(f" = {area(explore.gap(of_q, true)):.1e}")
    assert gaps.get_title("right").endswith(f" = {area(explore.gap(true, of_r)):.1e}")
    above, below = [path.vertices[:len(explore.Z)]
                    for path in gaps.collections[0].get_paths()]
    assert area(above[:, 1]) == pytest.approx(area(explore.gap(of_q, true)))
    assert -area(below[:, 1]) == pytest.approx(area(explore.gap(true, of_r)))


@given(st.lists(st.floats(0, 10), min_size=2, max_size=2))
def test_the_integrand_of_a_gap_is_nowhere_negative(values):
    f, g = np.array(values)
    assert explore.gap(f, g) >= -1e-12 * (1 + f + g)  # rounding
    assert explore.gap(f, f) == pytest.approx(0, abs=1e-12)


def test_the_areas_of_all_categories_add_up_to_what_the_infomax_bound_misses(found):
    total = 0
    for k in range(explore.K):
        (true, _, of_r), log_px = explore.posteriors(*model(found[1], 2), one(k))
        total += np.exp(log_px) * area(explore.gap(true, of_r))
    row = found[1].rows[2]
    # what lies beyond +-4
    assert total == pytest.approx(row["exact"] - row["lower"], abs=2e-4)


def test_bayes_as_the_critic_has_no_gap():
    args = Namespace(levels=[0.4], seed=0, steps=3, critic="bayes")
    for family, node in zip(explore.families(args), (nodes.across([0.7]), one(4))):
        (true, _, of_r), _ = explore.posteriors(*model(family, 0), node)
        # r's sum ends at 6, where 1e-9 of the mass is left
        np.testing.assert_allclose(of_r, true, rtol=1e-7)


def test_what_moves_over_what_stays_is_what_a_full_drawing_shows(window):
    window.show(1, 0.5, 3)  # wherever other tests left it
    before, drawn = pixels(window), []
    window.figure.canvas.mpl_connect("draw_event", drawn.append)
    # The level draws both halves, the others one each.
    for moves in [[(0, 0.8)], [(1, -2.9), (2, 9)]]:
        window.figure.savefig(io.BytesIO(), dpi=30)  # leaves no trace
        drawn.clear()
        for slider, value in moves:
            window.sliders[slider].set_val(value)
            assert not drawn and np.any(pixels(window) != before)
            before = pixels(window)
        window.figure.canvas.draw()
        assert drawn
        np.testing.assert_array_equal(pixels(window), before)
    # A saved figure draws all in one go, frames last: some 100 pixels where curves
    # touch them.  The least of the bars, texts and curves has 150 more.
    file = io.BytesIO()
    window.figure.savefig(file, format="rgba")
    saved = np.frombuffer(file.getvalue(), np.uint8).reshape(before.shape)
    assert np.sum(np.any(saved != before, -1)) < 200


def unresolved(family):
    """The same with a level that is too sharp, and one out of reach."""
    low, high, _ = family.rows
    blank = {key: np.nan if isinstance(low[key], float) else low[key] for key in low}
    return family._replace(rows=[low, {**high, "level": 2.2, "upper": np.inf},
                                 {**blank, "level": 0.8, "best": low["best"]}])


def test_no_text_is_cut_or_lies_on_another_at_any_level(found, monkeypatch):
    window = explore.Window(animation.figure(figsize=explore.SIZE),
                            [unresolved(family) for family in found])
    normal, categories = sides(window)
    drawn = texts_drawn(monkeypatch)
    window.figure.canvas.draw()
    window.show(0, -2.99, 9)
    for level in range(3):
        window.show(level)
        # The numbers of the categories are on their curves.
        texts = [text for text in drawn if text not in categories[0].texts]
        assert not any(misplaced(texts, window.figure.bbox.size))
        asked = normal[4].lines[0].get_xdata()[0]
        assert asked == [0.0, 2.2, 0.8][level] < normal[4].get_xlim()[1]
    assert normal[4].texts[1].get_text() == "nan"
    assert "not reached" in normal[0].get_title()


@pytest.fixture
def display(monkeypatch):
    """A display with Tk: the one there is, or a virtual one."""
    tkinter = pytest.importorskip("tkinter", reason="the window's test needs Tk")
    server = None
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        if not shutil.which("Xvfb"):
            pytest.skip("the window's test needs a display, or Xvfb for a virtual one")
        server = subprocess.Popen(
            ["Xvfb", "-displayfd", "1", "-screen", "0", "1366x768x24"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        monkeypatch.setenv("DISPLAY", f":{server.stdout.readline().decode().strip()}")
    try:
        tkinter.Tk().destroy()
        yield
    except tkinter.TclError as error:
        pytest.skip(f"the window's test needs a display: {error}")
    finally:
        if server:
            server.terminate()
            server.wait()
            server.stdout.close()


def test_a_real_window_fits_a_small_screen_and_follows_the_mouse(found, display):
    from matplotlib.backends.backend_tkagg import FigureCanvasTkAgg
    manager = FigureCanvasTkAgg.new_manager(Figure(explore.SIZE), 1)
    canvas, drawn = manager.canvas, []
    window = explore.Window(canvas.figure, found)
    manager.show()
    widget = canvas.get_tk_widget()
    widget.update()
    dense = max(1, canvas.device_pixel_ratio)  # a screen of more pixels
    # 52 pixels are left for the system's frame and bar.
    assert manager.window.winfo_width() <= dense * 1366
    assert manager.window.winfo_height() <= dense * (768 - 52)
    manager.window.geometry("900x600")  # what stays is to be kept anew
    widget.update()
    canvas.mpl_connect("draw_event", drawn.append)
    for value in (0.8, 0.0):
        before = pixels(window)
        near = 0.01 + 0.98 * value  # and not on the slider's end
        x, y = window.sliders[0].ax.transData.transform((near, 0.5))
        place = dict(x=int(x), y=int(canvas.figure.bbox.height - y))
        widget.event_generate("<Button-1>", **place)
        widget.event_generate("<ButtonRelease-1>", **place)
        moved = pixels(window)
        assert window.level == LEVELS.index(value) and not drawn
        assert np.any(moved != before)
    canvas.draw()
    np.testing.assert_array_equal(pixels(window), moved)
    manager.window.destroy()


def test_files_without_a_display(tmp_path, monkeypatch):
    from PIL import Image
    monkeypatch.chdir(tmp_path)
    assert explore.main(["--levels", "0.5", "0", "--steps", "10", "--gif", "e.gif",
                         "--out", "e.png", "--csv", "t.csv"]) == 0
    with Image.open("e.gif") as film:
        assert film.n_frames == 2
    assert Path("e.png").read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader(Path("t.csv").read_text().splitlines()))
    assert [(row["problem"], row["level"]) for row in rows] == [
        (name, level) for name in ("splitting the normal", "10 categories")
        for level in ("0.5", "0.0")]


@pytest.mark.parametrize("argv, message", [
    (["--gif", "a.png"], "end in .gif"), ([], "display"),
    (["--out", "e.png", "--levels", "3"], "level 3.0 must be from 0 to 2.3025")])
def test_bad_input(argv, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        explore.main(argv)
    error = capsys.readouterr().err
    assert caught.value.code == 2 and message in error
    assert error.count("\n") == 1 and not list(tmp_path.iterdir())
