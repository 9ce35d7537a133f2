"""A window with sliders for M and x: both problems of the poster, the exact posterior
beside q and r, and every bound beside its exact value."""
import shared

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.animation import FuncAnimation
from matplotlib.widgets import Slider

from minimae import bounds, exact, nodes, normal, plot, problems, train

PARSER = shared.options(__doc__, [n / 10 for n in range(21)], None, steps=400)
PARSER.set_defaults(show=True)  # a window, unless a file is asked for
PARSER.add_argument("--gif", metavar="FILE", help="where to save a sweep of all levels")
PARSER.add_argument("--html", metavar="FILE", help="the same as a page with a slider")
K = 10
XS, START = (np.arange(K), np.linspace(-3, 3, 61).round(1)), (6, 0.6)  # of the sliders
Z = np.linspace(-4, 4, 801)
SIZE = 13, 6.5  # inches; with its frame and tools the window fits on 1366 x 768
DARK, LIGHT, ORANGE = "#003f5c", "#67b8d6", "#c2410c"


def posteriors(p, q, r, x):
    """p(z|x), q(z|x), r(z|x) on Z, (3, 801), at one x (1, 1, 1, X)."""
    log_px, z = bounds.log_marginal(p, x, *nodes.grid(1000)), nodes.along_first(Z)
    logs = [p.log_prob(x, z) + normal.log_prob(z, 0, 0) - log_px,
            q.log_prob(z, x), r.log_prob(z, x)]
    return np.exp([log.ravel() for log in logs])


def kl_integrand(f, g):
    """f log(f / g) - f + g, which is nowhere negative and whose area is KL[f || g]."""
    tiny = 1e-300  # 0 log 0 = 0; a density below this is 0 here
    return f * np.log((f + tiny) / (g + tiny)) - f + g


def contents(axis):
    """What moves: all but frame, ticks, title and legend."""
    return [*axis.patches, *axis.collections, *axis.lines, *axis.texts]


class Panel:
    """A problem at one level and one x: curves, posteriors, gaps, bounds as bars."""

    def __init__(self, figure, models, rows):
        self.models, self.rows = models, rows
        self.discrete = models.problem.dim_x > 1
        self.axes = figure.subplots(4, height_ratios=[3, 3, 1.6, 2.4])
        _, densities, gaps, bars = self.axes
        densities.set(xlim=(-4, 4), yticks=[], xticklabels=[])
        gaps.set(xlim=(-4, 4), yticks=[], xlabel="z; areas: the gaps, scaled to fit")
        bars.set(xlim=(0, 1.2 * max(0.1, *models.levels)), ylim=(-0.6, 2.6),
                 xlabel="nats; the line is M")
        bars.set_yticks(range(3), ["U", "I", "Î"])
        self.show(len(rows) // 2, START[not self.discrete])
        densities.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 0.94),
                         frameon=False, fontsize=12)

    def show(self, level, x):
        """Draw the model with this number anew, at this x."""
        for axis in self.axes:
            for artist in contents(axis):
                artist.remove()
            axis.relim()
        row, (curves, densities, gaps, bars) = self.rows[level], self.axes
        plot.curves_of(self.models)(curves, self.models, level)
        curves.tick_params(labelbottom=True)
        curves.set_xlabel("z; a curve p(x|z) for each x" if self.discrete else
                          "x; black is p(x), the sum of the curves; yellow the data")
        curves.set_title(f"{row['problem']}, {plot.title(row)}, x = {x}", weight="bold")
        node = nodes.along_second([np.eye(K)[x] if self.discrete else [x]])
        p, q, r = posteriors(*self.models.densities(level), node)
        densities.fill_between(Z, p, color="#cccccc", label="exact p(z|x)")
        densities.plot(Z, q, color=DARK, linewidth=2.5, label="encoder q(z|x)")
        densities.plot(Z, r, "--", color=ORANGE, linewidth=2.5, label="critic r(z|x)")
        densities.set_ylim(0, 1.05 * np.max([p, q, r]))
        above, below = kl_integrand(q, p), kl_integrand(p, r)
        gaps.fill_between(Z, above, color=DARK)
        gaps.fill_between(Z, -below, color=ORANGE)
        limit, dz = max(1e-4, 1.1 * np.max([above, below])), Z[1] - Z[0]
        gaps.set_ylim(-limit, limit)
        gaps.set_title(f"log p(x) - ELBO(x) = {dz * np.sum(above):.1e}    "
                       f"KL[p(z|x) || r(z|x)] = {dz * np.sum(below):.1e}", size=12)
        for place, key in enumerate(["upper", "information", "lower"]):
            bars.hlines(place, 0, min(row[key], 99), linewidth=10,  # U may be infinite
                        color=[LIGHT, DARK][place % 2])
            bars.text(1.01, place, f"{row[key]:.4f}", va="center",
                      transform=bars.get_yaxis_transform())
        bars.axvline(row["level"], color=ORANGE, linewidth=2.5)
        bars.set_title("ELBO {elbo:.4f} <= E log p(x) {log_likelihood:.4f} <= best "
                       "{best:.4f}".format(**row), size=12)


def panels(figure, results):
    """Both problems in a figure."""
    figure.supxlabel(plot.EXPLAINED + "    U: upper bound on I", size=12)
    return [Panel(*pair) for pair in zip(figure.subfigures(1, 2), *zip(*results))]


class Window:
    """Both problems, with sliders for M and for both x.  The keys left and right move
    the one under the mouse, or M."""

    def __init__(self, figure, results):
        above, below = figure.subfigures(2, height_ratios=[1, 0.08])
        axes = below.subplots(1, 3, width_ratios=[2, 1, 1])
        self.panels = panels(above, results)
        self.levels = [row["level"] for row in results[0][1]]
        self.sliders = [
            # 1e-9: a range even for one level
            Slider(axis, name, values[0], values[-1] + 1e-9, valstep=values, valinit=at,
                   valfmt="%.4g   ", color=DARK, initcolor="none")
            for axis, name, values, at in zip(
                axes, ["M ", "category ", "x "], [self.levels, *XS],
                [self.levels[len(self.levels) // 2], *START])]
        for slider in self.sliders:
            slider.drawon = False  # `move` draws
            slider.on_changed(self.move)
        self.canvas, self.background = figure.canvas, None
        self.canvas.mpl_connect("key_press_event", self.press)
        self.axes = [*axes, *self.panels[0].axes, *self.panels[1].axes]
        if self.canvas.supports_blit:
            self.canvas.mpl_connect("draw_event", self.keep)
        self.move()

    def move(self, _=None):
        """Go where the sliders are."""
        level, *xs = [slider.val for slider in self.sliders]
        for panel, x in zip(self.panels, xs):
            panel.show(self.levels.index(level), x)
        self.update()

    def press(self, event):
        """Move a slider by one step."""
        here = [slider for slider in self.sliders if slider.ax is event.inaxes]
        slider = (here or self.sliders)[0]
        values, by = list(slider.valstep), {"left": -1, "right": 1}.get(event.key, 0)
        at = np.clip(values.index(slider.val) + by, 0, len(values) - 1)
        slider.set_val(values[at])

    def keep(self, event):
        """Keep a picture of what stays: at first, and in every new size."""
        if not self.canvas.is_saving():
            self.background = self.canvas.copy_from_bbox(self.canvas.figure.bbox)
            self.update()

    def update(self):
        """Draw what moves over what stays (blitting), in a third of the time."""
        artists = [artist for axis in self.axes
                   for artist in [*contents(axis), axis.title]]
        for artist in artists:
            artist.set_animated(self.canvas.supports_blit)
        if self.background is None:
            return self.canvas.draw_idle()
        self.canvas.restore_region(self.background)
        for artist in artists:
            self.canvas.figure.draw_artist(artist)
        self.canvas.blit(self.canvas.figure.bbox)


def sweep(results, dpi):
    """An animation: M goes through all levels."""
    figure = plt.figure(figsize=SIZE, dpi=dpi, layout="constrained")
    both = panels(figure, results)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # settled once, not for every frame
    return FuncAnimation(figure, lambda level: [
        panel.show(level, x) for panel, x in zip(both, START)],
        len(results[0][1]), interval=250)


@plot.style()
def run(args):
    args.show = not (args.out or args.gif or args.html)
    if args.show and plt.get_backend().lower() == "agg":
        raise ValueError("no window can be opened here: give --out, --gif or --html")
    figure, results, every = plt.figure(figsize=SIZE, layout="constrained"), [], []
    # The categories first: their levels have an end, which is then told at once.
    for name, problem in {f"{K} categories": problems.Categorical(np.full(K, 1 / K)),
                          "splitting the normal": problems.SplitNormal()}.items():
        models = train.train(problem, sorted({*args.levels}), args.seeds, args.steps,
                             callback=shared.progress(args.steps, name))
        rows = [{"problem": name, **row} for row in exact.evaluate(models)]
        print(name)
        results.append((models, shared.report(args, rows)))
        every += rows
    shared.save(args, every)
    # Dots an inch: so the first stays below half a megabyte, the other below three.
    for path, dpi in (args.gif, 60), (args.html, 66):
        if path:
            shared.save_animation(path, sweep(results, dpi))
    if args.out:
        panels(figure, results)
        shared.write(args.out, shared.picture(figure, args.out))
    if args.show:
        figure.window = Window(figure, results)  # kept as long as the figure
        plt.show(block=False)
        figure.canvas.flush_events()
        figure.dpi /= figure.canvas.device_pixel_ratio  # no larger on a dense screen


if __name__ == "__main__":
    shared.main(run, PARSER)
