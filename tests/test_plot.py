"""minimae/plot.py: curves by other formulas, words that follow from the rows, and
surroundings: notebooks, threads, settings."""
import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt

from minimae import exact, plot, problems, train
from minimae.models import Models

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def no_windows():
    plt.switch_backend("agg")
    yield
    plt.close("all")


def make_row(target, information):
    return {"target": target, "seed": 0, "information": information,
            "infomax": information - 0.001, "note": ""}


def one_model(problem, p_params):
    """Models with one model: a given decoder, q and r at random."""
    _, q, r = problem.init(np.random.default_rng(0))
    return Models(problem, [1.0], [0], [(p_params, q, r)])


def sharp_categories(n):
    """A decoder with logits s (c_k z - c_k^2 / 2), so that category k is likeliest near
    c_k.  The centres c_k are in [-2.5, 2.5]."""
    centres = np.linspace(-2.5, 2.5, n)
    # At a centre the logits of neighbours differ by s (5 / n)^2 / 2 or more, here 8: a
    # neighbour has a probability of e^-8 at most.
    s = 16 * (n / 5) ** 2
    small = 1e-4  # tanh(small z) is small z, to 1e-8
    W = np.array([[small]])
    V = s * centres[None] / small
    problem = problems.Categorical(np.full(n, 1 / n), n_hidden=1)
    return one_model(problem, (W, np.zeros(1), V, -s * centres ** 2 / 2))


# Curves

def test_curves_of_a_split_normal():
    problem = problems.SplitNormal(n_hidden=3)
    p_params, _, _ = problem.init(np.random.default_rng(1))
    models = one_model(problem, p_params)
    figure = plot.draw_models(models, [make_row(1.0, 1.0)])
    axis = figure.axes[0]
    data, total = [line.get_ydata() for line in axis.lines]
    x = axis.lines[0].get_xdata()
    np.testing.assert_allclose(data, np.exp(-x ** 2 / 2) / np.sqrt(2 * np.pi))

    # p(x|z) by NumPy alone
    W, b, V, c = p_params
    z = np.linspace(-8, 8, 3001)
    mean, log_var = (np.tanh(z[:, None] @ W + b) @ V + c).T
    sd = np.exp(log_var / 2)
    given_z = np.exp(-((x[:, None] - mean) / sd) ** 2 / 2) / (sd * np.sqrt(2 * np.pi))
    prior = np.exp(-z ** 2 / 2) / np.sqrt(2 * np.pi)
    # The library's sum ends at |z| = 6, which has a mass of 2e-9.
    np.testing.assert_allclose(total, given_z @ prior * (z[1] - z[0]), atol=1e-8)
    outlines = axis.collections[0].get_paths()
    assert len(outlines) == plot.N_CURVES
    middle = outlines[plot.N_CURVES // 2].vertices[:len(x)]     # of z = 0
    at_0 = given_z[:, len(z) // 2] * prior[len(z) // 2] * 0.3   # curves are .3 apart
    np.testing.assert_allclose(middle, np.column_stack([x, at_0]), atol=1e-12)


def test_curves_and_numbers_of_categories():
    figure = plot.draw_models(sharp_categories(4), [make_row(1.0, 1.0)])
    axis = figure.axes[0]
    z = axis.lines[0].get_xdata()
    centres = np.linspace(-2.5, 2.5, 4)
    odds = np.exp(16 * (4 / 5) ** 2 * (centres * z[:, None] - centres ** 2 / 2))
    expected = odds / np.sum(odds, axis=1, keepdims=True)
    drawn = np.transpose([line.get_ydata() for line in axis.lines])
    np.testing.assert_allclose(drawn, expected, atol=1e-6)
    numbers = {text.get_text(): text.get_position()[0] for text in axis.texts[:4]}
    assert list(numbers) == ["0", "1", "2", "3"]
    # Category 0 is likeliest from -3 to -1.67, 1 from there to 0.
    np.testing.assert_allclose(list(numbers.values()), [-2.33, -0.83, 0.83, 2.33],
                               atol=0.03)


@pytest.mark.parametrize("n", [10, 20, 30])
def test_nothing_is_written_over_something_else(n):
    rows = [{**make_row(2.5, 1.2345), "note": "x"}]
    figure = plot.draw_models(sharp_categories(n), rows)
    axis = figure.axes[0]
    assert 7 <= len(axis.texts)
    texts = [*axis.texts, *figure.texts, axis.xaxis.label, *axis.get_xticklabels()]
    boxes = [text.get_window_extent() for text in texts]
    for k, box in enumerate(boxes):
        assert box.count_overlaps(boxes[k + 1:]) == 0, texts[k]
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1, texts[k]
    title = axis.texts[-2].get_window_extent()
    ticks = [tick.get_window_extent() for tick in axis.get_yticklabels()]
    assert title.count_overlaps(ticks) == 0


def test_of_many_models_the_first_are_drawn(monkeypatch):
    monkeypatch.setattr(plot, "MAX_ROWS", 2)
    problem = problems.SplitNormal()
    models = train.train(problem, [0.1, 0.2, 0.3], steps=1)
    rows = [make_row(target, target) for target in models.targets]
    figure = plot.draw_models(models, rows)
    assert len(figure.axes) == 2
    words = [text.get_text() for text in figure.texts]
    assert "the first 2 of 3 models" in " ".join(words)


@pytest.mark.parametrize("problem", [
    problems.SplitNormal(dim_z=2), problems.Categorical([0.5, 0.5], dim_z=2),
    problems.Data(np.random.default_rng(0).standard_normal((99, 1)), dim_z=1)])
def test_what_has_no_curves_is_refused(problem):
    models = Models(problem, [None], [0], [problem.init(np.random.default_rng(0))])
    with pytest.raises(ValueError, match="cannot be drawn"):
        plot.draw_models(models, [make_row(None, 0.0)])


# Words

@pytest.mark.parametrize("rows, words", [
    ([(0.5, 0.5), (1.0, 0.985), (None, 0.0)],
     "Ask for nats, get nats; the VAE has none"),
    ([(0.5, 0.5), (1.0, 0.97), (None, 0.3)],
     "1 of 2 models have the nats that were asked for; the VAE has 0.30"),
    ([(0.5, np.nan), (None, np.nan)],
     "0 of 1 models have the nats that were asked for"),
    ([(1.0, 1.0)], "Ask for nats, get nats"),
    ([(None, 0.021)], "the VAE has 0.02")])
def test_the_title_states_what_the_rows_show(rows, words):
    assert plot.finding([make_row(*row) for row in rows]) == words


def test_a_row_says_what_was_asked_and_what_came():
    titles = [plot.row_title(make_row(*row)) for row in [
        (0.5, 0.51), (0.5, 0.53), (0.5, np.nan), (None, 0.3), (None, np.nan)]]
    assert titles == ["M = 0.5", "M = 0.5, not reached", "M = 0.5, not resolved",
                      "plain VAE", "plain VAE, not resolved"]
    models = train.train(problems.SplitNormal(), [0.5], steps=1)
    axis = plot.draw_models(models, [make_row(0.5, 0.53)]).axes[0]
    assert [text.get_text() for text in axis.texts] == [
        "M = 0.5\nnot reached", "I = 0.530\nÎ = 0.529"]


# The film

def test_a_recorder_keeps_models_that_training_does_not_change():
    recorder = plot.Recorder(steps=60)
    seen = {}

    def callback(step, models, values):
        seen[step] = models.params[0][0][0].copy(), values.copy()
        recorder(step, models, values)

    train.train(problems.SplitNormal(), [0.5], steps=60, callback=callback)
    assert recorder.steps[0] == 1 and recorder.steps[-1] == 60
    distances = np.diff(recorder.steps)
    assert np.all(np.diff(distances) >= -1) and distances[-1] > 2 * distances[0]
    for step, models in zip(recorder.steps, recorder.models):
        np.testing.assert_array_equal(models.params[0][0][0], seen[step][0])
    values = [values for _, values in seen.values()]
    np.testing.assert_array_equal(recorder.values, values)


def test_the_film_shows_what_was_recorded(monkeypatch, tmp_path):
    monkeypatch.setattr(plot.Recorder, "N_MODELS", 2)
    recorder = plot.Recorder(steps=5)
    problem = problems.SplitNormal()
    models = train.train(problem, [0.5, None], steps=5, callback=recorder)
    # Exact values come from the caller, and no others are computed.
    monkeypatch.setattr(exact, "on_grid", None)
    rows_of_stages = [[make_row(0.5, 0.1), make_row(None, 0.2)],
                      [make_row(0.5, 0.3), make_row(None, 0.4)]]
    film = plot.training_film(models, recorder, rows_of_stages)
    film.save(tmp_path / "film.gif", writer="pillow")
    infomax_axis, elbo_axis = film._fig.axes[2:]
    lines = infomax_axis.lines
    assert "step 5" in infomax_axis.get_title()
    values = np.array(recorder.values)
    np.testing.assert_array_equal(lines[0].get_ydata(), values[:, 1, 0])
    np.testing.assert_array_equal(lines[1].get_ydata(), [0.1, 0.3])
    np.testing.assert_array_equal(lines[3].get_ydata(), values[:, 1, 1])
    np.testing.assert_array_equal(lines[4].get_ydata(), [0.2, 0.4])
    np.testing.assert_array_equal(elbo_axis.lines[1].get_ydata(), values[:, 0, 1])
    from PIL import Image
    with Image.open(tmp_path / "film.gif") as image:
        assert image.n_frames == 2


# Surroundings

def png(figure):
    file = io.BytesIO()
    with plot.style():
        figure.savefig(file, format="png", dpi=50)
    return file.getvalue()


def test_a_picture_does_not_depend_on_settings_and_changes_none():
    models = sharp_categories(4)
    rows = [make_row(1.0, 1.0)]
    plain = png(plot.draw_models(models, rows))
    other = {"font.size": 30, "lines.linewidth": 9, "axes.grid": True,
             "figure.facecolor": "red", "savefig.bbox": "tight", "figure.dpi": 33}
    with matplotlib.rc_context(other), np.errstate(all="raise"):
        before = dict(matplotlib.rcParams)
        figure = plot.draw_models(models, rows)
        assert png(figure) == plain
        assert dict(matplotlib.rcParams) == before
        assert np.geterr()["under"] == "raise"


def test_a_picture_is_shown_though_underflow_is_an_error():
    """As by a notebook, which draws outside of `style`.  Curves of 4 nats are e^-30000
    at the ends."""
    problem = problems.SplitNormal(n_hidden=1)
    W = np.array([[1e-4]])
    V = np.array([[1e4, 0.0]])
    models = one_model(problem, (W, np.zeros(1), V, np.array([0.0, -8.0])))
    with np.errstate(all="raise"):
        figure = plot.draw_models(models, [make_row(4.0, 4.0)])
        figure.savefig(io.BytesIO(), dpi=50)


def test_threads_style_one_after_another():
    """Otherwise the first would leave, and the second would then restore what it found:
    the settings of the first."""
    before = dict(matplotlib.rcParams)
    first_is_inside = threading.Event()
    first_has_left = threading.Event()
    second_is_inside = threading.Event()

    def first():
        with plot.style():
            first_is_inside.set()
            second_is_inside.wait(timeout=0.2)
        first_has_left.set()

    def second():
        first_is_inside.wait()
        with plot.style():
            second_is_inside.set()
            first_has_left.wait(timeout=5)

    threads = [threading.Thread(target=target) for target in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert dict(matplotlib.rcParams) == before


def test_a_notebooks_backend_is_set_up_outside_of_the_style(tmp_path):
    """Such a backend makes Matplotlib interactive when it is imported, which is at the
    first figure.  If that were lost, later figures would not be shown."""
    (tmp_path / "late_backend.py").write_text(
        "import matplotlib\n"
        "from matplotlib.backends.backend_agg import *\n"
        "matplotlib.interactive(True)\n")
    code = ("import matplotlib\n"
            "from minimae import plot\n"
            "with plot.style():\n"
            "    plot.plt.figure()\n"
            "print(matplotlib.is_interactive(), matplotlib.get_backend())\n")
    environment = {**os.environ, "MPLBACKEND": "module://late_backend",
                   "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, text=True,
                          capture_output=True, check=True)
    assert done.stdout == "True module://late_backend\n"
