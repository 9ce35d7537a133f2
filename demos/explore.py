"""One window with a slider for M: the split normal, the categories, their posteriors and
every bound beside the exact value."""
from typing import NamedTuple

import numpy as np

import canvas
import common
import curves
from minimae import bounds, exact, nodes, normal, problems, stacks, table, train

LEVELS = [round(level, 2) for level in np.linspace(0, 2, 21)]
STEPS = 400
K = 10
Z = np.linspace(-4, 4, 801)
DARK, LIGHT, ORANGE = "#003f5c", "#67b8d6", "#c2410c"


class Family(NamedTuple):
    """The models of one problem, a row of figures for each level."""
    name: str
    problem: problems.Summable
    params: tuple
    rows: list


def families(args):
    """Both problems, trained at all levels."""
    pair = {"splitting the normal": problems.SplitNormal(),
            f"{K} categories": problems.Categorical(np.full(K, 1 / K))}
    for problem in pair.values():
        train.check(problem, args.levels, [args.seed], args.steps)
    found = []
    for name, problem in pair.items():
        params = train.train(problem, args.levels, [args.seed], args.steps,
                             after=common.progress(args.steps))
        values = exact.evaluate(problem, params)
        rows = table.rows(args.levels, [args.seed], values, problem.best)
        found.append(Family(name, problem, params, rows))
    return found


def posteriors(p, q, r, x):
    """p(z|x), q(z|x) and r(z|x) of a single model on Z for one x (1, 1, 1, X), and log p(x)."""
    log_px = bounds.log_marginal(p, x, *nodes.grid(1000)).item()
    z = nodes.down(Z)
    logs = [p.log_prob(x, z) + normal.log_prob(z, 0, 0) - log_px,
            q.log_prob(z, x), r.log_prob(z, x)]
    return [np.exp(log.ravel()) for log in logs], log_px


def gap(f, g):
    """f log(f / g) - f + g, which is nowhere negative and whose area is KL[f || g]."""
    tiny = 1e-300  # 0 log 0 = 0; a density below this is 0 here
    return f * np.log((f + tiny) / (g + tiny)) - f + g


class Window:
    """The figure of one level, one x of each problem, redrawn whenever `show` is called with others."""

    def __init__(self, figure, families):
        self.figure, self.families = figure, families
        self.level, self.xs = len(families[0].rows) // 2, [0.5, 3]
        grid = figure.add_gridspec(4, 4, height_ratios=[3, 2, 1.2, 1.5], left=0.08, right=0.98, top=0.95, bottom=0.2,
                                   hspace=0.75, wspace=0.35)
        self.axes = [[figure.add_subplot(grid[row, 2 * n:2 * n + 2]) for row in range(3)]
                     + [figure.add_subplot(grid[3, 2 * n]), figure.add_subplot(grid[3, 2 * n + 1])] for n in range(2)]

    def show(self, level=None, x=None, category=None):
        """Go to the level with this number, this x of the normal, this category; what is not given stays."""
        self.level = self.level if level is None else int(level)
        self.xs = [old if new is None else new for old, new in zip(self.xs, (x, category))]
        for n, (family, axes) in enumerate(zip(self.families, self.axes)):
            for axis in axes:
                axis.clear()
            self.draw_family(family, axes, self.xs[n], n == 0)
        self.figure.canvas.draw_idle()

    def draw_family(self, family, axes, x, of_normal):
        top, posterior, gaps, likelihoods, informations = axes
        row, params = family.rows[self.level], stacks.select(family.params, self.level)
        (curves.split_normal if of_normal else curves.categorical)(top, family.problem, params)
        top.set_title(f"{family.name}, M = {row['level']:.2f} nats" + ("" if table.reached(row) else ", not reached"),
                         fontsize=14, fontweight="bold")
        top.set_xlabel("x: curves p(x|z) p(z), and their sum" if of_normal else "z: curves p(x|z)", fontsize=11)
        node = np.full((1, 1, 1, 1), float(x)) if of_normal else np.eye(K)[None, None, [int(x)]]
        (true, q, r), log_px = posteriors(*family.problem.densities(params), node)
        posterior.fill_between(Z, true, color="#cccccc", label="exact p(z|x)")
        posterior.plot(Z, q, color=DARK, linewidth=2.5, label="encoder q(z|x)")
        posterior.plot(Z, r, color=ORANGE, linewidth=2.5, linestyle="--", label="critic r(z|x)")
        posterior.set(xlim=(-4, 4), ylim=(0, None), yticks=[])
        posterior.set_title(f"x = {x:.2f}" if of_normal else f"x = category {int(x)}", fontsize=12)
        posterior.legend(fontsize=10, frameon=False, loc="upper left")
        dz = Z[1] - Z[0]
        of_elbo, of_infomax = gap(q, true), gap(true, r)
        gaps.fill_between(Z, of_elbo, color=DARK, alpha=0.8, linewidth=0)
        gaps.fill_between(Z, -of_infomax, color=ORANGE, alpha=0.8, linewidth=0)
        gaps.axhline(0, color="black", linewidth=0.8)
        limit = max(1e-4, 1.1 * np.max([of_elbo, of_infomax]))
        gaps.set(xlim=(-4, 4), ylim=(-limit, limit), yticks=[])
        gaps.set_title(f"the gaps at this x as areas, scaled to fit; above: log p(x) - ELBO(x) = {dz * np.sum(of_elbo):.1e}\n"
                       f"below: KL[p(z|x) || r(z|x)] = {dz * np.sum(of_infomax):.1e}", fontsize=11)
        gaps.set_xlabel("z", fontsize=11)
        bars(likelihoods, [("ELBO", row["elbo"], LIGHT), ("E log p(x)", row["log_likelihood"], DARK), ("best", row["best"], "grey")],
             (np.nanmin([known["elbo"] for known in family.rows]) - 0.01, row["best"] + 0.001), "{:.4f}")
        bars(informations, [("Î", row["lower"], LIGHT), ("I", row["exact"], DARK), ("U", row["upper"], "grey")],
             (0, 1.25 * np.nanmax([known["exact"] for known in family.rows]) + 0.05), "{:.3f}")
        informations.axvline(row["level"], color=ORANGE, linewidth=2.5)
        informations.set_title("asked for: the line", fontsize=11, color=ORANGE)
        for axis in axes:
            axis.spines[["top", "right"]].set_visible(False)


def bars(axis, values, limits, form):
    """Named values in nats, each written beside its bar."""
    for n, (name, value, colour) in enumerate(values):
        axis.barh(-n, value - limits[0], left=limits[0], color=colour, height=0.7)
        axis.text(limits[0], -n, f" {form.format(value)}", va="center", fontsize=11, color="black" if colour == LIGHT else "white",
                  fontweight="bold")
    axis.set(xlim=limits, yticks=[-n for n in range(len(values))], xlabel="nats")
    axis.set_yticklabels([name for name, _, _ in values], fontsize=11)


def controls(window):
    """Sliders for the level, x and the category; keep what is returned, or they die."""
    from matplotlib.widgets import Slider
    levels = [row["level"] for row in window.families[0].rows]
    place = window.figure.add_axes
    level = Slider(place([0.2, 0.095, 0.6, 0.03]), "M, nats ", min(levels), max(levels) + 1e-9,  # 1e-9: a range even for one
                   valinit=levels[window.level], valstep=sorted(set(levels)), color=ORANGE)
    x = Slider(place([0.2, 0.055, 0.6, 0.025]), "x on the left ", -3, 3, valinit=window.xs[0], color=DARK)
    category = Slider(place([0.2, 0.02, 0.6, 0.025]), "category on the right ", 0, K - 1, valinit=window.xs[1], valstep=1, color=DARK)
    level.on_changed(lambda value: window.show(level=int(np.argmin(np.abs(np.array(levels) - value)))))
    x.on_changed(lambda value: window.show(x=value))
    category.on_changed(lambda value: window.show(category=value))
    for slider in (level, x, category):
        slider.label.set_fontsize(13)
    return level, x, category


def main(argv=None):
    options = common.parser(__doc__, LEVELS, STEPS, None, several=False)  # a window, unless a file is asked for
    common.add_gif(options, "the sweep through all levels")
    return common.main(options, run, argv)


def run(args):
    args.show = args.show or not (args.out or args.gif)
    figure = canvas.figure(args.show, figsize=(14, 9))
    if not (args.out or args.gif or canvas.has_window(figure)):
        raise ValueError("there is no display for a window; give --out or --gif")
    found = families(args)
    for family in found:
        print(family.name)
        table.show(family.rows)
    window = Window(figure, found)
    sliders = controls(window)
    window.show()
    ordered = sorted(args.levels)

    def animate(path):
        canvas.frames(figure, path, len(ordered), lambda n: sliders[0].set_val(ordered[n]))
        sliders[0].reset()

    rows = [{"problem": family.name, **row} for family in found for row in family.rows]
    canvas.finish(args, rows, lambda: figure, animate)


if __name__ == "__main__":
    raise SystemExit(main())
