"""demos/explore.py: what a panel shows, the sliders by mouse and key, and the files."""
import io
import re

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.backend_bases import KeyEvent, MouseEvent

import explore
import shared
from minimae import bounds, exact, nodes, plot, problems, train

plt.switch_backend("agg")
LEVELS = [0.0, 0.4, 0.8]


@pytest.fixture(scope="module")
def results():
    found = []
    for problem in (problems.Categorical(np.full(10, 0.1)), problems.SplitNormal()):
        models = train.train(problem, LEVELS, steps=9)
        found.append((models, [{"problem": "", **r} for r in exact.evaluate(models)]))
    with plot.style():
        yield found
    plt.close("all")


def area(values):
    return np.sum(values) * (explore.Z[1] - explore.Z[0])


def test_panels_show_their_models(results):
    figure, axes = explore.panels(results, LEVELS)
    for level in (0, 2):
        explore.show(axes, results, level, (4, 0.7))
        for panel, (_, rows), x in zip(axes.T, results, (4, 0.7)):
            bars, row, title = panel[3], rows[level], panel[0].get_title()
            assert f"M = {LEVELS[level]:g}" in title and title.endswith(f"x = {x}")
            values = [row[key] for key in ("upper", "information", "lower")]
            said = [text.get_text() for text in bars.texts]
            assert said == [f"{value:.4f}" for value in values]
            ends = [bar.get_segments()[0][:, 0] for bar in bars.collections]
            np.testing.assert_allclose(ends, [[0, value] for value in values])
            assert bars.get_xlim()[0] == 0
            assert bars.lines[0].get_xdata()[0] == LEVELS[level]
            assert all(f"{row[key]:.4f}" in bars.get_title()
                       for key in ("elbo", "log_likelihood", "best"))
    for panel, (models, _), x in zip(axes.T, results, ([np.eye(10)[4]], [0.7])):
        posteriors_and_gaps(*panel[1:3], models, nodes.along_second(x))


def posteriors_and_gaps(densities, gaps, models, node):
    p, q, r = models.densities(2)
    exact_p, of_q, of_r = explore.posteriors(p, q, r, node)
    np.testing.assert_array_equal(densities.lines[0].get_ydata(), of_q)
    np.testing.assert_array_equal(densities.lines[1].get_ydata(), of_r)
    # Beyond +-4 lies 6e-5 of N(0, 1), and some more of p(z|x).
    assert area(exact_p) == pytest.approx(1, abs=3e-4)
    # the ELBO's gap by a second route
    _, eps, weights = nodes.cross((node, np.ones((1, 1, 1))), nodes.grid(400))
    log_px = bounds.log_marginal(p, node, *nodes.grid(1000)).item()
    missed = log_px - bounds.elbo(p, q, node, eps, weights)[0]
    assert area(explore.kl_integrand(of_q, exact_p)) == pytest.approx(missed, abs=5e-4)
    for drawn, sign, pair in zip(gaps.collections, (1, -1), [(of_q, exact_p),
                                                             (exact_p, of_r)]):
        gap, outline = explore.kl_integrand(*pair), drawn.get_paths()[0].vertices[:, 1]
        assert np.max(sign * outline) == pytest.approx(np.max(gap))
        assert f"= {area(gap):.1e}" in gaps.get_title()


def test_sliders_follow_keys_and_mouse_and_only_what_moves_is_drawn(
        results, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("matplotlib.backend_bases.FigureCanvasBase.draw_idle",
                      lambda canvas: None)  # as in a window, where it waits
        sliders = explore.window(results, LEVELS)
    figure, drawn = sliders[0].ax.figure.figure, []
    canvas = figure.canvas
    canvas.draw()
    canvas.mpl_connect("draw_event", drawn.append)
    pixels = [np.array(canvas.buffer_rgba())]
    for n, key, value in [(0, "right", 0.8), (0, "right", 0.8), (0, "left", 0.4),
                          (1, "left", 5), (2, "right", 0.7)]:
        place = sliders[n].ax.bbox.get_points().mean(0) if n else (1, 1)
        KeyEvent("key_press_event", canvas, key, *place)._process()
        assert sliders[n].val == value and not drawn
        pixels.append(np.array(canvas.buffer_rgba()))
    assert [np.any(a != b) for a, b in zip(pixels, pixels[1:])] == [1, 0, 1, 1, 1]
    place = sliders[0].ax.transData.transform((0.0, 0.5)) + 1
    MouseEvent("button_press_event", canvas, *place, 1)._process()
    assert sliders[0].val == 0 and not drawn
    figure.savefig(io.BytesIO(), dpi=30)  # leaves no trace
    sliders[0].set_val(0.8)
    moved = np.array(canvas.buffer_rgba())
    canvas.draw()  # all of it
    np.testing.assert_array_equal(canvas.buffer_rgba(), moved)


def test_files(tmp_path, monkeypatch):
    from PIL import Image
    monkeypatch.chdir(tmp_path)
    shared.main(explore.run, explore.PARSER,
                "--levels .5 0 --steps 5 --gif a.gif --html e.html".split())
    with Image.open("a.gif") as film:
        assert film.n_frames == 2
    page = (tmp_path / "e.html").read_text(encoding="utf-8")
    # One file with all frames, which refers to nothing outside.
    assert len(re.findall(r'frames\[\d+\] = "data:image/png;base64,', page)) == 2
    assert not re.search(r"<link|@import|url\(|https?:|<(img|script)[^>]* src=", page)
