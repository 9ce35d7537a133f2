"""Pictures of trained models: the curves of the poster's Figures 5 and 6, in rows.

    from minimae import plot                    # Matplotlib takes a second to import
    figure = plot.models(models, rows)          # rows of exact.evaluate
    figure.savefig("figure.png")

    history = plot.History()
    models = train.train(problem, levels, callback=history)
    plot.training(models, history)              # an animation: .save("training.gif")

Pictures do not depend on the settings of the user's Matplotlib.
"""
import contextlib

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.animation import FuncAnimation
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize

from . import bounds, exact, nodes, normal
from .table import reached

Z = np.linspace(-2.4, 2.4, 17)  # of the curves of a split normal
COLOUR_OF_Z = ScalarMappable(Normalize(-2.4, 2.64), "viridis")  # pale yellow left out
# Dark, light and in between in turn, to be told apart in grey; solid and then dashed.
COLOURS = ["#003f5c", "#ffa600", "#7a5195", "#67b8d6", "#c2410c"]
MOST_ROWS = 40  # in a figure: more than 6500 pixels are beyond some viewers
EXPLAINED = "M: nats asked for    Î: what the critic finds    I: exact information"


@contextlib.contextmanager
def style():
    """Matplotlib's own defaults, with letters for a lecture hall."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"font.size": 13, "axes.spines.top": False,
                                    "axes.spines.right": False})
        yield


@style()
def models(models, rows, curves=None):
    """A figure with an axis per row of the table: the curves of its model, what was
    asked for and what came.  curves: split_normal or categorical, by the decoder."""
    curves, n = curves or curves_of(models), min(len(rows), MOST_ROWS)
    height = 1.05 * n + 1.4
    figure, axes = plt.subplots(n, figsize=(10, height), sharex=True, squeeze=False)
    # A layout engine would draw everything twice.
    left, right = (0.015, 0.935) if curves is split_normal else (0.07, 0.985)
    figure.subplots_adjust(left, 0.9 / height, right, 1 - 0.4 / height, hspace=0.25)
    for index, (axis, row) in enumerate(zip(axes[:, 0], rows)):
        curves(axis, models, index)
        corner = dict(transform=axis.transAxes, va="top")
        axis.text(0.005, 0.98, title(row), weight="bold", **corner)
        axis.text(0.995, 0.98, f"Î = {row['lower']:.3f}\nI = {row['information']:.3f}",
                  ha="right", **corner)
    cut = f"    the first {n} of {len(rows)} models" * (n < len(rows))
    figure.supxlabel(EXPLAINED + cut, size=12, y=0.1 / height)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    if len(labels) <= 20:
        figure.legend(handles, labels, ncols=min(10, len(labels)), frameon=False,
                      loc="upper center", columnspacing=1.2)
    if curves is split_normal:
        figure.colorbar(COLOUR_OF_Z, ax=axes, fraction=0.02, pad=0.01, aspect=60,
                        label="z of the curve p(x|z) p(z) dz")
    return figure


def title(row):
    """What was asked of a model."""
    asked = "plain VAE" if row["level"] is None else f"M = {row['level']:.4g}"
    return asked if reached(row) else f"{asked}, not reached"


def curves_of(models):
    """Which curves show these models."""
    p, _, _ = models.densities(0)
    return categorical if hasattr(p, "log_probs") else split_normal


def split_normal(axis, models, index):
    """p(x|z) p(z) dz for a grid of z, the sum p(x) of all of them, and the true law."""
    p, _, _ = models.densities(index)
    x = np.linspace(-4, 4, 401)
    at_x, at_z = nodes.along_second(x), nodes.along_first(Z)
    true = np.exp(models.problem.log_m(at_x)).ravel()
    joint = np.exp(p.log_prob(at_x, at_z) + normal.log_prob(at_z, 0, 0))[0]
    # Beyond 6 lies 2e-9 of the mass; .02 is half the sd of 3.2 nats.
    log_px = bounds.log_marginal(p, at_x, *nodes.grid(600, half_width=6.0)).ravel()
    axis.plot(x, true, color="#f4b942", linewidth=7, label="the data")
    outlines = np.stack(np.broadcast_arrays(x, joint * (Z[1] - Z[0])), -1)
    axis.add_collection(PolyCollection(
        outlines, facecolor=COLOUR_OF_Z.to_rgba(Z, 0.35),
        edgecolor=COLOUR_OF_Z.to_rgba(Z), linewidth=1.2))
    axis.plot(x, np.exp(log_px), color="black", linewidth=1.8,
              label="p(x), the sum of the coloured curves over all z")
    axis.set(xlim=(-4, 4), ylim=(0, 1.15 * axis.dataLim.ymax), yticks=[], xlabel="x")
    axis.spines["left"].set_visible(False)
    axis.label_outer()


def categorical(axis, models, index):
    """p(x|z) as a function of z, a curve per category: its colour is the same in every
    row, its number stands at the top where it is likelier than the rest together."""
    p, _, _ = models.densities(index)
    z = np.linspace(-3, 3, 601)
    for k, heights in enumerate(np.exp(p.log_probs(nodes.along_second(z)))[0, 0].T):
        colour, peak = COLOURS[k % len(COLOURS)], np.argmax(heights)
        axis.fill_between(z, heights, color=colour, alpha=0.2, linewidth=0)
        axis.plot(z, heights, "-" if k // len(COLOURS) % 2 == 0 else "--", color=colour,
                  linewidth=2, label=str(k))
        if heights[peak] > 0.5:
            axis.text(z[peak], heights[peak] + 0.03, str(k), ha="center", weight="bold")
    axis.set(xlim=(-4.6, 4.6), ylim=(0, 1.35), yticks=[0, 1], xticks=range(-3, 4),
             xlabel="z", ylabel="p(x|z)")
    axis.label_outer()


class History:
    """A callback of a training of so many steps: keeps the values of every step, and
    now and then a copy of the parameters, more often early, where more happens."""
    FRAMES = 24  # six seconds, below a megabyte

    def __init__(self, steps=500):
        at = 1 + (steps - 1) * np.linspace(0, 1, self.FRAMES) ** 2
        self.at, self.values, self.params = sorted({*at.astype(int)}), [], []

    def __call__(self, step, params, values):
        self.values.append(values)
        if step in self.at:
            self.params.append(tuple(tuple(a.copy() for a in net) for net in params))


def training(models, history, curves=None):
    """An animation of a run: the curves of every model beside its bounds, step by step;
    dots are exact I.  .save("training.gif"), or .to_jshtml() for a page."""
    curves, n = curves or curves_of(models), min(len(models.levels), MOST_ROWS)
    stages = [models._replace(params=params) for params in history.params]
    values = np.array(history.values)  # (steps, 2, models)
    truth = np.array([[row["information"] for row in exact.evaluate(stage, 1e-3)]
                      for stage in stages])
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, n))
    with style():
        figure = plt.figure(figsize=(13, n + 1.6), dpi=60, layout="constrained")
        left, right = figure.subfigures(1, 2, width_ratios=[1.5, 1])
        rows = left.subplots(n, sharex=True, squeeze=False)
        below = right.subplots(2, sharex=True)

    @style()
    def frame(number):
        step = history.at[number]
        for axis in [*rows.flat, *below]:
            axis.clear()
        for k, (axis, level) in enumerate(zip(rows.flat, models.levels)):
            curves(axis, stages[number], k)
            axis.set_title("plain VAE" if level is None else f"M = {level:g}",
                           loc="left", y=0.6, weight="bold")
            for side, bound in zip(below, values[:step, ::-1, k].T):
                side.plot(bound, "--" if level is None else "-", color=colours[k], lw=2)
            below[0].plot(np.array(history.at[:number + 1]) - 1, truth[:number + 1, k],
                          "o", color=colours[k])
            if level is not None:
                below[0].axhline(level, color="grey", lw=0.7)
        below[0].set(title=f"step {step}: Î, dots exact I", ylabel="nats",
                     ylim=(-0.1, 1.2 * max(0.1, *[m or 0 for m in models.levels])))
        best = models.problem.best
        highest = np.max(values[:, 0]) if best is None else best
        below[1].axhline(highest, color="black", lw=1)
        below[1].set(title="ELBO; dashed: the VAE, black: the best", ylabel="nats",
                     ylim=(highest - 0.4, highest + 0.05), xlabel="step",
                     xlim=(0, history.at[-1]))

    frame(0)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # settled once, not for every frame
    plt.close(figure)  # a notebook would show the first frame as well
    return FuncAnimation(figure, frame, len(stages), interval=250)
