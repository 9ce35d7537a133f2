"""Training as an animation: the curves of every model, and its bounds over the steps beside what is exact."""
import numpy as np

import common
from minimae import exact


class History:
    """A callback of training that keeps the bounds of every step and, now and then, a copy of the parameters."""
    FRAMES = 40

    def __init__(self, steps, models):
        # The square puts more frames where more happens, in the beginning.
        self.frames = sorted(set(np.round(1 + (steps - 1) * np.linspace(0, 1, self.FRAMES) ** 2).astype(int).tolist()))
        self.models, self.values, self.params = models, [], []

    def __call__(self, step, params, values):
        self.values.append(values[:, :self.models])
        if step in self.frames:
            self.params.append(tuple(tuple(a[:self.models].copy() for a in net) for net in params))


def save(problem, history, levels, draw_curves, path):
    """Draw a frame for every set of parameters kept: draw_curves(axis, problem, params of one model), I^ and ELBO by step."""
    from matplotlib import colormaps
    figure = common.figure(False, figsize=(13, len(levels) + 1.2), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[3, 2])
    axes = np.atleast_1d(left.subplots(len(levels), sharex=True))
    of_information, of_elbo = right.subplots(2)
    estimates = np.array(history.values)  # (steps, 2, models)
    information = np.array([exact.figures(problem, params, tolerance=1e-3, strict=False)["exact"] for params in history.params])
    colours = colormaps["viridis"](np.linspace(0, 0.9, len(levels)))

    def frame(n):
        step = history.frames[n]
        for axis in (*axes, of_information, of_elbo):
            axis.clear()
        for l, axis in enumerate(axes):
            draw_curves(axis, problem, exact.select(history.params[n], l))
            axis.text(0.01, 0.9, "plain VAE" if levels[l] is None else f"M = {levels[l]:g}", transform=axis.transAxes, va="top",
                      fontsize=16, fontweight="bold")
        for l, colour in enumerate(colours):
            style = dict(color=colour, linewidth=2, linestyle="--" if levels[l] is None else "-")
            if levels[l] is not None:
                of_information.axhline(levels[l], color="grey", linewidth=0.7)
            of_information.plot(np.arange(1, step + 1), estimates[:step, 1, l], **style)
            of_information.plot(history.frames[:n + 1], information[:n + 1, l], "o", color=colour, markersize=5)
            of_elbo.plot(np.arange(1, step + 1), estimates[:step, 0, l], **style)
        of_elbo.axhline(problem.best, color="black", linewidth=1)
        of_information.set(xlim=(0, history.frames[-1] + 1), ylim=(-0.1, 1.15 * max(0.1, *[level or 0 for level in levels])))
        of_elbo.set(xlim=(0, history.frames[-1] + 1), ylim=(problem.best - 0.4, problem.best + 0.05))
        of_elbo.set_xlabel(f"step {step}", fontsize=13)
        of_information.set_title("lines Î, dots exact I, nats", fontsize=13)
        of_elbo.set_title("ELBO, nats; dashed the VAE, black the best", fontsize=13)
        for axis in (of_information, of_elbo):
            axis.spines[["top", "right"]].set_visible(False)

    common.animate(figure, path, len(history.params), frame)
