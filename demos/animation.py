"""Training as an animation: the curves of every model, and its bounds over the steps beside
what is exact."""
import numpy as np

import canvas
from minimae import exact, stacks


class History:
    """A callback of training that shows progress and, if asked to `keep`, the bounds of every
    step and now and then a copy of the parameters, of the first seed."""
    FRAMES = 40

    def __init__(self, steps, levels, progress=None, keep=True):
        # The square puts more frames where more happens, in the beginning.
        at = 1 + (steps - 1) * np.linspace(0, 1, self.FRAMES) ** 2
        self.frames = sorted(set(np.round(at).astype(int).tolist()))
        self.levels, self.progress, self.keep = levels, progress, keep
        self.values, self.params = [], []

    def __call__(self, step, params, values):
        if self.progress:
            self.progress(step)
        if self.keep:
            first = len(self.levels)
            self.values.append(values[:, :first])
            if step in self.frames:
                copy = tuple(tuple(a[:first].copy() for a in net) for net in params)
                self.params.append(copy)


def save(problem, history, draw_curves, path):
    """A frame for every set of parameters kept: draw_curves(axis, problem, params of one
    model), I^ and ELBO by step."""
    from matplotlib import colormaps
    levels, last = history.levels, history.frames[-1]
    size = dict(figsize=(13, len(levels) + 1.2), layout="constrained")
    figure = canvas.figure(False, **size)
    left, right = figure.subfigures(1, 2, width_ratios=[3, 2])
    axes = np.atleast_1d(left.subplots(len(levels), sharex=True))
    information, elbo = right.subplots(2)
    estimates = np.array(history.values)  # (steps, 2, models)
    truth = np.array([exact.evaluate(problem, params, 1e-3)["exact"]
                      for params in history.params])
    colours = colormaps["viridis"](np.linspace(0, 0.9, len(levels)))

    def frame(n):
        step = history.frames[n]
        for axis in (*axes, information, elbo):
            axis.clear()
        for index, (level, axis) in enumerate(zip(levels, axes)):
            draw_curves(axis, problem, stacks.select(history.params[n], index))
            axis.text(0.01, 0.9, "plain VAE" if level is None else f"M = {level:g}",
                      transform=axis.transAxes, va="top", fontsize=16, fontweight="bold")
        for index, (level, colour) in enumerate(zip(levels, colours)):
            style = dict(color=colour, linewidth=2, linestyle="--" if level is None else "-")
            if level is not None:
                information.axhline(level, color="grey", linewidth=0.7)
            steps = np.arange(1, step + 1)
            information.plot(steps, estimates[:step, 1, index], **style)
            information.plot(history.frames[:n + 1], truth[:n + 1, index], "o", color=colour,
                             markersize=5)
            elbo.plot(steps, estimates[:step, 0, index], **style)
        elbo.axhline(problem.best, color="black", linewidth=1)
        highest = max(0.1, *[level or 0 for level in levels])
        information.set(xlim=(0, last + 1), ylim=(-0.1, 1.15 * highest))
        elbo.set(xlim=(0, last + 1), ylim=(problem.best - 0.4, problem.best + 0.05))
        elbo.set_xlabel(f"step {step}", fontsize=13)
        information.set_title("lines Î, dots exact I, nats", fontsize=13)
        elbo.set_title("ELBO, nats; dashed the VAE, black the best", fontsize=13)
        canvas.bare(information, elbo)

    canvas.frames(figure, path, len(history.params), frame)
