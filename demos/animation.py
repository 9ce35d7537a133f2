"""Pictures that move, in a window or a GIF; and training as an animation: the curves of
every model, and its bounds over the steps beside what is exact."""
import numpy as np

import canvas
import common
import curves
from minimae import exact, stacks


class Moving:
    """What changes in axes that lie in one part of a figure, drawn over a picture of
    what stays: frames, ticks and legends, which take most of the time.

    part: left, bottom, right, top as fractions of the figure, which also holds titles
    and labels.  A canvas that cannot keep a picture draws everything as ever.
    """

    def __init__(self, axes, part=(0, 0, 1, 1)):
        self.figure, self.part, self.still = axes[0].figure, part, None
        self.artists = [artist for axis in axes for artist in moving(axis)]
        if self.figure.canvas.supports_blit:
            for artist in self.artists:
                artist.set_animated(True)  # drawn by `draw` alone, or to save it
            self.figure.canvas.mpl_connect("draw_event", self.keep)

    def keep(self, event):
        """After everything that stays was drawn: at first, and in every new size."""
        if not event.canvas.is_saving():
            from matplotlib.transforms import Bbox
            place = Bbox.from_extents(*self.part).transformed(self.figure.transFigure)
            self.still = event.canvas.copy_from_bbox(place)
            self.draw()

    def draw(self):
        """Show what has changed."""
        if self.still is None:
            self.figure.canvas.draw_idle()
            return
        self.figure.canvas.restore_region(self.still)
        for artist in self.artists:
            self.figure.draw_artist(artist)
        self.figure.canvas.blit(self.figure.bbox)


def moving(axis):
    """Curves, bars, texts and titles of an axis, in the order of drawing."""
    stay = {axis.xaxis, axis.yaxis, axis.patch, axis.get_legend(),
            *axis.spines.values()}
    return sorted((artist for artist in axis.get_children() if artist not in stay),
                  key=lambda artist: artist.get_zorder())


def figure(**size):
    """A figure for frames, at 60 dots an inch: a GIF is looked at in a page."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    return FigureCanvasAgg(Figure(dpi=60, **size)).figure


def save_frames(figure, path, count, draw, rate=4):
    """Save an animation: draw(n) draws frame n; `rate` frames a second, and 3 s for the
    last."""
    from PIL import Image

    def picture(n):
        draw(n)
        return Image.fromarray(np.array(figure.canvas.buffer_rgba())[..., :3])

    done, images = common.progress(count, "frames"), []
    # One palette for all: with one for each, frames flicker in a file twice as big.
    colours = picture(count // 2).quantize(256)
    for n in range(count):
        images.append(picture(n).quantize(palette=colours, dither=0))
        done(n + 1)
    images[0].save(path, format="GIF", save_all=True, append_images=images[1:], loop=0,
                   duration=[1000 // rate] * (count - 1) + [3000])


class History:
    """A callback of training that shows progress and, if asked to `keep`, the bounds of
    every step and now and then a copy of the parameters, of the first seed."""
    FRAMES = 24  # six seconds, half a megabyte

    def __init__(self, steps, levels, progress=None, keep=True):
        # The square puts more frames where more happens, in the beginning.
        at = 1 + (steps - 1) * np.linspace(0, 1, self.FRAMES) ** 2
        self.frames = sorted(set(np.round(at).astype(int).tolist()))
        self.levels, self.progress, self.keep = levels, progress, keep
        self.shown = levels[:curves.MOST]
        self.values, self.params = [], []

    def __call__(self, step, params, values):
        if self.progress:
            self.progress(step)
        if self.keep:
            first = len(self.shown)
            self.values.append(values[:, :first])
            if step in self.frames:
                copy = tuple(tuple(a[:first].copy() for a in net) for net in params)
                self.params.append(copy)


def save(problem, history, draw, path):
    """A frame for every set of parameters kept: a row of curves per model, I^ and ELBO
    by step.  draw: split_normal or categorical of curves."""
    levels = history.shown
    picture = figure(figsize=(13, len(levels) + 1.2))
    rows = [draw(axis, problem) for axis in row_axes(picture, levels)]
    axes = bound_axes(picture, levels, problem.best, history.frames[-1])
    lines = [by_step(axes, level, 0.9 * index / max(1, len(levels) - 1))
             for index, level in enumerate(levels)]
    curves.say_cut(picture, "animation", len(history.levels), 0.64)
    estimates = np.array(history.values)  # (steps, 2, models)
    truth = np.array([exact.evaluate(problem, params, 1e-3)["exact"]
                      for params in history.params])
    view = Moving(picture.axes)

    def frame(n):
        step, seen = history.frames[n], slice(n + 1)
        for index, (show, (elbo, bound, dots)) in enumerate(zip(rows, lines)):
            show(stacks.select(history.params[n], index))
            for line, values in zip([elbo, bound], estimates[:step, :, index].T):
                line.set_data(np.arange(1, step + 1), values)
            dots.set_data(history.frames[seen], truth[seen, index])
        axes[1].title.set_text(f"step {step}: lines Î, dots exact I, nats")
        view.draw()

    save_frames(picture, path, len(history.params), frame)


def row_axes(picture, levels):
    """On the left, an axis per level."""
    axes = picture.subplots(len(levels), sharex=True, squeeze=False, gridspec_kw=dict(
        left=0.015, right=0.58, top=0.98, bottom=0.35 / picture.get_figheight()))[:, 0]
    for level, axis in zip(levels, axes):
        axis.text(0.01, 0.9, "plain VAE" if level is None else f"M = {level:g}",
                  transform=axis.transAxes, va="top", fontsize=16, fontweight="bold")
    return axes


def bound_axes(picture, levels, best, last):
    """On the right, axes for ELBO and I^ up to the last step."""
    high = 1 - 0.5 / picture.get_figheight()
    information, elbo = picture.subplots(2, gridspec_kw=dict(
        left=0.64, right=0.985, top=high, bottom=1 - high, hspace=0.25))
    highest = max(0.1, *[level or 0 for level in levels])
    information.set(xlim=(0, last + 1), ylim=(-0.1, 1.15 * highest))
    elbo.set(xlim=(0, last + 1), ylim=(best - 0.4, best + 0.05))
    elbo.axhline(best, color="black", linewidth=1)
    information.title.set_fontsize(13)
    elbo.set_title("ELBO, nats; dashed the VAE, black the best", fontsize=13)
    canvas.bare(information, elbo)
    return elbo, information


def by_step(axes, level, rank):
    """Lines for ELBO and I^ and dots for I of one level, still without points."""
    from matplotlib import colormaps
    elbo, information = axes
    colour = colormaps["viridis"](rank)
    style = dict(color=colour, linewidth=2, linestyle="--" if level is None else "-")
    if level is not None:
        information.axhline(level, color="grey", linewidth=0.7)
    lines = [axis.plot([], [], **style)[0] for axis in axes]
    dots, = information.plot([], [], "o", color=colour, markersize=5)
    return *lines, dots
