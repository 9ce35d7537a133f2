"""One window with a slider for M: the split normal, the categories, their posteriors
and every bound beside the exact value."""
from typing import NamedTuple

import numpy as np

import animation
import canvas
import common
import curves
from minimae import bounds, exact, nodes, normal, problems, stacks, table, train

LEVELS = [round(level, 2) for level in np.linspace(0, 2, 21)]
STEPS = 400
K = 10
Z = np.linspace(-4, 4, 801)
SIZE = 13, 6.4  # inches; with its frame and tools the window fits on 1366 x 768
DARK, LIGHT, ORANGE = "#003f5c", "#67b8d6", "#c2410c"


class Family(NamedTuple):
    """The models of one problem, a row of the table and an entry of params a level."""
    name: str
    problem: problems.Summable
    params: tuple
    rows: list


def families(args):
    """Both problems, trained at all levels."""
    critic = {} if args.critic is None else {"critic": args.critic}
    pair = {"splitting the normal": problems.SplitNormal(**critic),
            f"{K} categories": problems.Categorical(np.full(K, 1 / K), **critic)}
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
    """p(z|x), q(z|x), r(z|x) of a single model on Z for one x (1, 1, 1, X), and
    log p(x)."""
    log_px = bounds.log_marginal(p, x, *nodes.grid(1000)).item()
    z = nodes.down(Z)
    logs = [p.log_prob(x, z) + normal.log_prob(z, 0, 0) - log_px,
            q.log_prob(z, x), r.log_prob(z, x)]
    return [np.exp(log.ravel()) for log in logs], log_px


def gap(f, g):
    """f log(f / g) - f + g, which is nowhere negative and whose area is KL[f || g]."""
    tiny = 1e-300  # 0 log 0 = 0; a density below this is 0 here
    return f * np.log((f + tiny) / (g + tiny)) - f + g


def column(figure, left, family, draw, about):
    """One problem: its curves, posteriors and gaps at one x, and its bounds as bars;
    returns show(level, x), which moves them all."""
    places = [(0, 0.71, 0.42, 0.22), (0, 0.485, 0.42, 0.115), (0, 0.33, 0.42, 0.1),
              (0.02, 0.15, 0.11, 0.1), (0.23, 0.15, 0.14, 0.1)]
    axes = [figure.add_axes([left + right, *place]) for right, *place in places]
    top, middle, below, likelihoods, informations = axes
    canvas.bare(*axes)
    top.set_xlabel(about, fontsize=11)
    best, known = family.problem.best, {key: [row[key] for row in family.rows]
                                        for key in ("level", "exact", "elbo")}
    low = np.nanmin([*known["elbo"], best]) - 0.01
    likelihoods.set(xlabel="nats", xticks=[low, best])  # more ticks would collide
    likelihoods.xaxis.set_major_formatter("{x:.3f}")
    high = 1.2 * np.nanmax(known["level"] + known["exact"]) + 0.05
    informations.set_xlabel("nats; asked for: the line")
    asked = informations.axvline(0, color=ORANGE, linewidth=2.5)
    move_curves, move_posteriors = draw(top, family.problem), at_one_x(middle, below)
    move_bars = [bars(likelihoods, low, best + 0.001, "{:.4f}", elbo="ELBO",
                      log_likelihood="E log p(x)", best="best"),
                 bars(informations, 0, high, "{:.3f}", lower="Î", exact="I", upper="U")]

    def show(level, x):
        row, params = family.rows[level], stacks.select(family.params, level)
        reached = "" if table.reached(row) else ", not reached"
        top.set_title(f"{family.name}, M = {row['level']:.2f} nats{reached}",
                      fontsize=14, fontweight="bold")
        move_curves(params)
        if family.problem.dim_x == 1:
            node, title = [x], f"x = {x:.2f}"
        else:
            node, title = np.eye(K)[int(x)], f"category {x:.0f}"
        densities = family.problem.densities(params)
        move_posteriors(title, *posteriors(*densities, nodes.across([node]))[0])
        asked.set_xdata([row["level"]] * 2)
        for move in move_bars:
            move(row)
    return show


def at_one_x(middle, below):
    """Axes for p(z|x), q(z|x) and r(z|x), and for what the bounds miss at this x, as
    areas; returns show(title, exact, q, r)."""
    fill, fill_gaps = curves.hills(middle, Z, 1, 0), curves.hills(below, Z, 0.8, 0)
    middle.fill_between([], [], color="#cccccc", label="exact p(z|x)")  # for the legend
    encoder, = middle.plot(Z, Z, color=DARK, linewidth=2.5, label="encoder q(z|x)")
    critic, = middle.plot(Z, Z, "--", color=ORANGE, linewidth=2.5,
                          label="critic r(z|x)")
    middle.legend(ncols=3, fontsize=10, frameon=False, loc="lower right",
                  bbox_to_anchor=(1.02, 0.9))
    middle.tick_params(labelbottom=False)  # as below
    below.axhline(0, color="black", linewidth=0.8)
    below.set_xlabel("z; the areas are the gaps, scaled to fit", fontsize=11)
    for axis in (middle, below):
        axis.set(xlim=(-4, 4), yticks=[])

    def show(title, exact, q, r):
        middle.set_title(title, fontsize=12, loc="left")
        middle.set_ylim(0, 1.05 * np.max([exact, q, r]))
        fill([exact], ["#cccccc"])
        encoder.set_ydata(q)
        critic.set_ydata(r)
        gaps = np.array([gap(q, exact), gap(exact, r)])
        missed = np.sum(gaps, 1) * (Z[1] - Z[0])
        below.set_title(f"log p(x) - ELBO(x) = {missed[0]:.1e}", fontsize=11,
                        loc="left", color=DARK)
        below.set_title(f"KL[p(z|x) || r(z|x)] = {missed[1]:.1e}", fontsize=11,
                        loc="right", color=ORANGE)
        limit = max(1e-4, 1.1 * np.max(gaps))
        below.set_ylim(-limit, limit)
        fill_gaps(gaps * [[1], [-1]], [DARK, ORANGE])
    return show


def bars(axis, low, high, form, **names):
    """A bar from `low` for some values of a row of the table, by key, its number on the
    right; returns show(row)."""
    places = -np.arange(len(names))
    drawn = axis.barh(places, 0, 0.7, left=low, color=[LIGHT, DARK, "grey"])
    numbers = [axis.text(1.06, place, "", transform=axis.get_yaxis_transform(),
                         va="center", fontsize=11, fontweight="bold")
               for place in places]
    axis.set_xlim(low, high)
    axis.set_yticks(places, names.values(), fontsize=11)

    def show(row):
        for key, bar, number in zip(names, drawn, numbers):
            bar.set_width(np.minimum(row[key], high) - low)  # U may be infinite
            number.set_text(form.format(row[key]))
    return show


class Window:
    """Both problems at one level and an x each, with sliders for all three."""

    def __init__(self, figure, families):
        self.figure, figure.window = figure, self  # else nobody keeps the sliders
        self.levels = [row["level"] for row in families[0].rows]
        self.level, self.xs = len(self.levels) // 2, [0.5, 3]
        least, most = min(self.levels), max(self.levels) + 1e-9  # a range even for one
        self.sliders = [  # first, because they draw all there is
            self.slider([0.2, 0.05, 0.6, 0.03], "M, nats ", least, most, "%.4g",
                        lambda level: self.show(level=self.levels.index(level)),
                        valinit=self.levels[self.level], color=ORANGE,
                        valstep=sorted(set(self.levels))),
            self.slider([0.12, 0.012, 0.3, 0.025], "x ", -3, 3, "%.2f",
                        lambda x: self.show(x=x), valinit=self.xs[0], color=DARK),
            self.slider([0.62, 0.012, 0.3, 0.025], "category ", 0, K - 1, "%d",
                        lambda category: self.show(category=category),
                        valinit=self.xs[1], valstep=1, color=DARK)]
        self.columns = [
            column(figure, 0.06, families[0], curves.split_normal,
                   "x: curves p(x|z) p(z), and their sum"),
            column(figure, 0.56, families[1], curves.categorical, "z: curves p(x|z)")]
        axes = figure.axes
        self.moving = [animation.Moving(axes[3:8], (0, 0.09, 0.5, 1)),  # the left half
                       animation.Moving(axes[8:], (0.5, 0.09, 1, 1)),
                       animation.Moving(axes[:3], (0, 0, 1, 0.09))]  # the sliders
        self.show(self.level)

    def slider(self, place, label, least, most, form, move, **style):
        from matplotlib.widgets import Slider
        slider = Slider(self.figure.add_axes(place), label, least, most, valfmt=form,
                        initcolor="none", **style)
        slider.label.set_fontsize(12)
        slider.drawon = False  # `show` draws
        slider.on_changed(move)
        return slider

    def show(self, level=None, x=None, category=None):
        """Go to the level with this number, this x of the normal, this category; what
        is not given stays."""
        self.level = self.level if level is None else level
        for n, new in enumerate((x, category)):
            self.xs[n] = self.xs[n] if new is None else new
            if level is not None or new is not None:
                self.columns[n](self.level, self.xs[n])
                self.moving[n].draw()
        self.moving[2].draw()


def main(argv=None):
    # No figure by default, but a window.
    options = common.parser(__doc__, LEVELS, STEPS, None, several=False)
    common.add_critic(options, default=None)
    common.add_gif(options, "the sweep through all levels")
    return common.main(options, run, argv)


def run(args):
    args.show = args.show or not (args.out or args.gif)
    figure = canvas.figure(args.show, figsize=SIZE)
    if not (args.out or args.gif or canvas.has_window(figure)):
        raise ValueError(f"{canvas.NO_WINDOW}; give --out or --gif")
    found = families(args)
    for family in found:
        print(family.name)
        table.show(family.rows)
    rows = [{"problem": family.name, **row} for family in found for row in family.rows]
    canvas.finish(args, rows, lambda: Window(figure, found).figure,
                  lambda path: sweep(found, path))


def sweep(found, path):
    """An animation: the slider goes through all levels."""
    levels = sorted(row["level"] for row in found[0].rows)
    window = Window(animation.figure(figsize=SIZE), found)
    animation.save_frames(window.figure, path, len(levels),
                          lambda n: window.sliders[0].set_val(levels[n]))


if __name__ == "__main__":
    raise SystemExit(main())
