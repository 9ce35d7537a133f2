"""Curves of models, in figures and in animations of a training."""
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

import animation
import categorical
import curves
import split_normal
from minimae import exact, problems, stacks, table, train

matplotlib.use("Agg")
LEVELS = [0.3, 1.0, None]
PROBLEMS = {"split_normal": (problems.SplitNormal(n_hidden=4), split_normal),
            "categorical": (problems.Categorical(np.full(4, 0.25), n_hidden=4),
                            categorical)}


def texts_drawn(monkeypatch):
    """The texts that are drawn from now on, as keys; findobj also has ticks that never
    are."""
    found = {}
    monkeypatch.setattr(matplotlib.text.Text, "draw",
                        lambda text, renderer: found.setdefault(text))
    return found


def misplaced(texts, size):
    """Those of texts that are cut by the edge of a figure, and those on another."""
    texts = [text for text in texts if text.get_visible() and text.get_text().strip()]
    boxes = np.array([text.get_window_extent().extents for text in texts])
    low, high = boxes[:, None, :2], boxes[:, None, 2:]
    cut = np.any((low < 0) | (high > size), (1, 2))
    # A pixel of two boxes may be shared: letters do not fill theirs.
    apart = (low >= high.swapaxes(0, 1) - 1) | (low.swapaxes(0, 1) >= high - 1)
    on_another = np.any(~np.any(apart, -1) & ~np.eye(len(texts), dtype=bool), 1)
    return [[texts[n] for n in np.where(bad)[0]] for bad in (cut, on_another)]


@pytest.fixture(scope="module", params=PROBLEMS)
def trained(request):
    """A problem, its curves, its demo, parameters at LEVELS, and their history beside
    what it was told."""
    problem, demo = PROBLEMS[request.param]
    history, told = animation.History(40, LEVELS), []
    history.frames = history.frames[::8]

    def after(step, params, values):
        history(step, params, values)
        told.append(values)

    params = train.train(problem, LEVELS, [0, 1], 40, after=after)
    return problem, getattr(curves, request.param), demo, params, (history, told)


def table_of(problem, params, levels):
    return table.rows(levels, [0], exact.evaluate(problem, params), problem.best)


def outlines(axis):
    """x and heights of the filled curves."""
    lines = np.array(axis.collections[1].get_segments())
    for line, area in zip(lines, axis.collections[0].get_paths()):
        np.testing.assert_array_equal(area.vertices[:len(line)], line)
    return np.concatenate([lines[:1, :, 0], lines[:, :, 1]])


def models(params):
    """Each model at LEVELS, after one that ignores z."""
    found = [stacks.select(params, index) for index in range(len(LEVELS))]
    return [tuple(tuple(0 * array for array in net) for net in found[0]), *found]


def test_the_curves_are_densities(trained):
    problem, draw, _, params, _ = trained
    axis = Figure().add_subplot()
    show = draw(axis, problem)
    for model in models(params):
        show(model)
        x, *heights = outlines(axis)
        if draw is curves.categorical:
            np.testing.assert_allclose(np.sum(heights, 0), 1, rtol=1e-9)
            continue
        total = axis.lines[-1].get_ydata()
        # p(x) has 1e-4 of its mass beyond 4 when it is N(0, 1), and is near it here.
        assert np.sum(total) * (x[1] - x[0]) == pytest.approx(1, abs=0.01)
        # The coloured curves sum over |z| < 2.55, which has .989 of the mass: at every
        # x that many z share.  N(0, 1) is up to .015 off.
        share = np.sum(heights, 0)[abs(x) < 2] / total[abs(x) < 2]
        np.testing.assert_allclose(share, 0.989, atol=0.003)


def test_a_category_has_its_number_where_it_leads():
    problem, draw = PROBLEMS["categorical"][0], curves.categorical
    axis = Figure().add_subplot()
    show = draw(axis, problem)
    for bias in ([0, 0, 0, 0], [3, 2.9, 0, 0], [0, 0, 3, 0]):  # p(x|z) ignores z
        p, *others = models(problem.init(np.random.default_rng(0)))[0]
        show(((*p[:3], p[3] + np.array(bias, float)), *others))
        *numbers, alike = [text.get_visible() for text in axis.texts]
        assert numbers == [bias != [0, 0, 0, 0] and one == 3 for one in bias]
        assert alike == (bias == [0, 0, 0, 0])


def test_curves_that_moved_are_those_of_the_last_model(trained):
    problem, draw, _, params, _ = trained

    def picture(*chosen):
        figure = animation.figure(figsize=(5, 2))
        show = draw(figure.add_subplot(), problem)
        for model in chosen:
            show(model)
        figure.canvas.draw()
        return np.array(figure.canvas.buffer_rgba())

    still, first, second, _ = models(params)
    np.testing.assert_array_equal(picture(still, first, second), picture(second))
    assert np.any(picture(first) != picture(second))


@pytest.mark.parametrize("count", [2, 8])  # a level and the plain VAE at least
def test_no_label_of_a_figure_is_cut(trained, count, monkeypatch):
    problem, _, demo, params, _ = trained
    params = stacks.stack([stacks.select(params, 1)], count)
    rows = [{**row, "level": "vae"} for row in table_of(problem, params, [1.0] * count)]
    figure = demo.draw(problem, params, rows)
    texts = texts_drawn(monkeypatch)
    figure.draw_without_rendering()
    assert not misplaced(texts, figure.bbox.size)[0]
    # Texts in the axes may lie on curves and numbers; the rest stays apart.
    inside = [text for axis in figure.axes for text in axis.texts]
    assert not any(misplaced([text for text in texts if text not in inside],
                             figure.bbox.size))


def test_a_figure_of_too_many_rows_shows_the_first_and_says_so(trained, monkeypatch,
                                                               capsys):
    # Above 8000 pixels viewers begin to refuse; 150 dots an inch are saved.
    assert 150 * (curves.MOST + 1) * curves.ROW < 8000
    monkeypatch.setattr(curves, "MOST", 2)
    problem, _, demo, params, _ = trained
    figure = demo.draw(problem, params, table_of(problem, params, ["vae"] * 3))
    note = "the figure shows the first 2 of 3 rows"
    assert note in capsys.readouterr().out
    assert note in [text.get_text() for text in figure.texts]
    assert figure.get_figheight() < 4 * curves.ROW


def test_the_history_of_a_run_keeps_copies_and_every_value(trained):
    _, _, _, params, (history, told) = trained
    np.testing.assert_array_equal(history.values, np.array(told)[:, :, :len(LEVELS)])
    assert len(told) == 40
    assert (history.frames[0], len(history.params)) == (1, len(history.frames))
    first, last = history.params[0][0][0], history.params[-1][0][0]
    assert first.shape[0] == len(LEVELS) and np.abs(first - last).max() > 0.01
    full = animation.History(40, LEVELS)
    assert full.frames[-1] == 40  # the end of training is seen


def test_a_frame_shows_the_run_up_to_its_step(trained, monkeypatch):
    problem, draw, _, _, (history, _) = trained
    seen, axis = [], Figure().add_subplot()
    show = draw(axis, problem)

    def look(figure, path, count, frame):
        for n in range(count):
            frame(n)
            moved = np.array(figure.canvas.buffer_rgba())
            show(stacks.select(history.params[n], 1))
            np.testing.assert_array_equal(outlines(figure.axes[1]), outlines(axis))
            figure.canvas.draw()
            np.testing.assert_array_equal(figure.canvas.buffer_rgba(), moved)
            information, elbo = figure.axes[-2:]
            lines = [line.get_data() for axis in (elbo, information)
                     for line in axis.lines
                     if line.get_marker() != "o" and len(line.get_xdata()) > 2]
            dots = [line.get_data() for line in information.lines
                    if line.get_marker() == "o"]
            seen.append((information.get_title(), lines, dots))

    monkeypatch.setattr(animation, "save_frames", look)
    animation.save(problem, history, draw, "never.gif")
    values = np.array(history.values)
    for n, (title, lines, dots) in enumerate(seen):
        step = history.frames[n]
        assert title.startswith(f"step {step}:")
        if step > 2:  # two points make a reference line as well
            of_elbo, of_bound = lines[:len(LEVELS)], lines[len(LEVELS):][:len(LEVELS)]
            for bound, found in enumerate([of_elbo, of_bound]):
                for index, (steps, line) in enumerate(found):
                    np.testing.assert_array_equal(steps, np.arange(1, step + 1))
                    np.testing.assert_array_equal(line, values[:step, bound, index])
        known = exact.evaluate(problem, history.params[n])["exact"]
        for (steps, line), value in zip(dots, known):
            assert list(steps) == history.frames[:n + 1]
            assert line[-1] == pytest.approx(value, abs=1e-3)
    assert len(seen) == len(history.frames)


def test_the_animation_of_training_does_not_disturb_it(capsys, monkeypatch, tmp_path):
    from PIL import Image
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(animation.History, "FRAMES", 3)
    argv = ["--levels", "0.5", "--steps", "10", "--seeds", "2", "--csv"]
    assert split_normal.main([*argv, "with.csv", "--gif", "t.gif"]) == 0
    assert split_normal.main([*argv, "without.csv"]) == 0
    assert Path("with.csv").read_text() == Path("without.csv").read_text()
    assert Path("with.csv").read_text().count("\n") == 5
    with Image.open("t.gif") as film:
        assert film.n_frames == 3
