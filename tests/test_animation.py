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


@pytest.fixture(scope="module", params=PROBLEMS)
def trained(request):
    """A problem, its curves, its demo, parameters at LEVELS, and their history beside
    what it was told."""
    problem, demo = PROBLEMS[request.param]
    history, told = animation.History(40, LEVELS), []
    history.frames = history.frames[::20]

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


def test_the_curves_are_densities(trained):
    problem, draw, _, params, _ = trained
    axis = Figure().add_subplot()
    show = draw(axis, problem)
    for index in range(len(LEVELS)):
        show(stacks.select(params, index))
        x, *heights = outlines(axis)
        if draw is curves.categorical:
            np.testing.assert_allclose(np.sum(heights, 0), 1, rtol=1e-9)
            continue
        total = axis.lines[-1].get_ydata()
        # p(x) has 1e-4 of its mass beyond 4 when it is N(0, 1), and is near it here
        assert np.sum(total) * (x[1] - x[0]) == pytest.approx(1, abs=0.01)
        # The coloured curves sum over |z| < 2.55, which has .989 of the mass.
        assert np.sum(heights) / np.sum(total) == pytest.approx(0.989, abs=0.003)


def test_curves_that_moved_are_those_of_the_last_model(trained):
    problem, draw, _, params, _ = trained

    def picture(*indices):
        figure = animation.figure(figsize=(5, 2))
        show = draw(figure.add_subplot(), problem)
        for index in indices:
            show(stacks.select(params, index))
        figure.canvas.draw()
        return np.array(figure.canvas.buffer_rgba())

    np.testing.assert_array_equal(picture(2, 0, 1), picture(1))
    assert np.any(picture(0) != picture(1))


@pytest.mark.parametrize("count", [2, 8])  # a level and the plain VAE at least
def test_no_label_of_a_figure_is_cut(trained, count):
    problem, _, demo, params, _ = trained
    params = stacks.stack([stacks.select(params, 1)], count)
    rows = [{**row, "level": "vae"} for row in table_of(problem, params, [1.0] * count)]
    figure = demo.draw(problem, params, rows)
    texts = [text for text in figure.findobj(matplotlib.text.Text) if text.get_text()]
    figure.draw_without_rendering()
    for text in texts:
        box = text.get_window_extent()
        assert min(box.x0, box.y0) >= 0, text
        assert np.all([box.x1, box.y1] <= figure.bbox.size), text


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
                     for line in axis.lines if len(line.get_xdata()) > 2]
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
