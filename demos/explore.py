"""Both examples of the poster at many targets: a page for a browser, with sliders for M
and x.  It shows the exact posterior beside q and r, and every bound of I."""
import cli  # first: it reports a missing package

import json
import math
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.animation import FuncAnimation
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import summary
from minimae import (bounds, exact, normal, notes, plot, problems, quadrature, table,
                     train)
from progress import Progress

TARGETS = [n / 10 for n in range(21)]
N_CATEGORIES = 10
PARSER = cli.demo_parser(__doc__, example="--targets 0 1 2 --html a.html", seconds=20,
                         targets=TARGETS, max_target="log 10 = 2.302", out=None,
                         steps=400, film="a film of all targets",
                         page="the page (default explore.html)")
PARSER.set_defaults(html="explore.html")

TEMPLATE = Path(__file__).with_name("explore_page.html")
PLACE_OF_CONTENTS = "CONTENTS_OF_THE_PAGE"
N_POINTS = 201        # of a curve: .04 apart, a third of an sd at 2 nats
TOP = 1000            # heights in the page are integers from 0 to TOP, short to write
SIZE = 12.6, 7        # inches of the still and the film
DARK = "#003f5c"
LIGHT = "#67b8d6"
ORANGE = "#c2410c"
GREY = "#cccccc"
BOUNDS = [("Î", "critic", "infomax"), ("I", "exact", "information"),
          ("U", "upper bound", "upper")]


# The two examples

class SplitNormal:
    """The first example, and what the page says of it.

    x_rows : the values of x that can be chosen, (n, X)
    x_texts : these values in words
    first_x : index of the value at the start
    marks : positions of these values on the axis in percent, None if it is no x axis
    end : the axes of x and z are [-end, end]
    axis : abscissae of all curves, (N_POINTS,)
    top : the least upper end of their heights
    colours : of the curves
    colours_of_z : pairs of a colour and its position on the z axis in percent, or None
    """
    problem = problems.SplitNormal()
    title = "Splitting the normal"
    about = ("Each coloured curve is p(x|z) p(z) of one code z.  Black is p(x), their "
             "sum over all z.  Yellow are the data.")
    x_name = "x"
    x_rows = (np.arange(31)[:, None] - 15) / 5                  # -3 to 3, (31, 1)
    x_texts = [f"{x:.1f}" for x in x_rows[:, 0]]
    first_x = 18  # x = 0.6
    end = 4
    marks = (50 + 50 * x_rows[:, 0] / end).tolist()
    axis = np.linspace(-end, end, N_POINTS)
    top = 0.44  # N(0, 1) has the height .4
    codes = np.linspace(-plot.LAST_CURVE, plot.LAST_CURVE, plot.N_CURVES)
    colours = [to_hex(colour) for colour in plot.COLOUR_OF_Z.to_rgba(codes)]
    colours_of_z = list(zip(colours, 50 + 50 * codes / end))

    def curves(self, p):
        """The coloured curves, (17, N_POINTS)."""
        _, parts, _ = plot.mixture(p, self.axis)
        return parts

    def lines(self, p):
        """Pairs of a colour and the heights of a line, (N_POINTS,)."""
        _, _, total = plot.mixture(p, self.axis)
        data = np.exp(self.problem.log_m(self.axis[:, None]))
        return [(plot.DATA_COLOUR, data), ("black", total)]


class Categories:
    """The second example, with the same attributes."""
    problem = problems.Categorical(np.full(N_CATEGORIES, 1 / N_CATEGORIES))
    title = f"{N_CATEGORIES} categories"
    about = ("Each curve is p(x|z) of one category x, as a function of the code z.  "
             "Orange is the chosen x.")
    x_name = "category"
    x_rows = np.eye(N_CATEGORIES)
    x_texts = [str(k) for k in range(N_CATEGORIES)]
    first_x = 6
    marks = None
    end = 3
    axis = np.linspace(-end, end, N_POINTS)
    top = 1.05
    colours = [plot.line_of_category(k)[0] for k in range(N_CATEGORIES)]
    colours_of_z = None

    def curves(self, p):
        """A curve for each category, (K, N_POINTS)."""
        return np.exp(p.log_probs(self.axis[:, None])).T

    def lines(self, p):
        """No other lines."""
        return []


def log_posteriors(p, q, r, x, z):
    """log p(z|x), log q(z|x) and log r(z|x) of codes z (n, 1) at one x (X,)."""
    # A distance of .02 resolves posteriors up to 3.2 nats.
    codes, weights = quadrature.grid(600, half_width=6.0)
    log_px = bounds.log_marginal(p, x[None], codes, weights)    # (1,)
    log_p = normal.log_prior(z) + p.log_prob(x, z) - log_px     # (n,)
    return log_p, q.log_prob(z, x), r.log_prob(z, x)


def posteriors(p, q, r, x, axis):
    """The heights of p(z|x), q(z|x) and r(z|x) over an axis of z, (3, n)."""
    logs = log_posteriors(p, q, r, x, axis[:, None])
    return np.exp(np.stack(logs))


def gaps(p, q, r, x):
    """KL[q(z|x) || p(z|x)] = log p(x) - ELBO(x), and KL[p(z|x) || r(z|x)], whose mean
    over x is I - I^."""
    z, dz = np.linspace(-6, 6, 1201, retstep=True)
    log_p, log_q, log_r = log_posteriors(p, q, r, x, z[:, None])
    gap_of_q = np.sum(np.exp(log_q) * (log_q - log_p)) * dz
    gap_of_r = np.sum(np.exp(log_p) * (log_p - log_r)) * dz
    return gap_of_q, gap_of_r


# Words

def target_text(target):
    """A target as text: 0.4, and 1.0 rather than 1, as in 1.0 nats."""
    return str(round(float(target), 4))


def result_text(row):
    """What was asked for, and what came."""
    asked = f"Asked for {target_text(row['target'])} nats"
    if row["note"]:
        return f"{asked}: {row['note']}"
    return f"{asked}, got {row['information']:.3f}"


def gap_text(p, q, r, x):
    """Both gaps at x."""
    gap_of_q, gap_of_r = gaps(p, q, r, x)
    # Rounding may make -0.0000 of a gap of 0.
    gap_of_q = max(gap_of_q, 0.0)
    gap_of_r = max(gap_of_r, 0.0)
    return (f"At this x, q misses p(z|x) by {gap_of_q:.4f} nats (the gap of the ELBO), "
            f"r by {gap_of_r:.4f} (the gap of Î).")


def likelihood_text(row):
    """The ELBO and what it bounds."""
    elbo = table.format_cell(row, "elbo", 4)
    log_px = table.format_cell(row, "log_likelihood", 4)
    best = table.format_cell(row, "best", 4)
    return f"ELBO {elbo} ≤ E log p(x) {log_px} ≤ best {best}"


def missed_text(results):
    """A sentence on the targets that are not reached."""
    names = []
    for example, _, rows in results:
        for row in rows:
            if row["note"]:
                names.append(f"M = {target_text(row['target'])} of {example.title}")
    if names:
        return "Not reached: " + ", ".join(names) + "."
    return f"All models have their target to {notes.TOLERANCE} nats."


def all_rows(results):
    """The rows of both examples."""
    rows = []
    for _, _, rows_of_example in results:
        rows.extend(rows_of_example)
    return rows


# The page

def make_page(results, targets):
    """The text of the page.  results: (example, models, rows) for both examples."""
    contents = {
        "finding": plot.finding(all_rows(results)),
        "missed": missed_text(results),
        "targets": [page_of_target(target) for target in targets],
        "first_target": len(targets) // 2,
        "examples": [page_of_example(*result, targets) for result in results],
    }
    template = TEMPLATE.read_text(encoding="utf-8")
    no_spaces = (",", ":")
    text = json.dumps(contents, separators=no_spaces, allow_nan=False)
    return template.replace(PLACE_OF_CONTENTS, text)


def page_of_target(target):
    """What the page says of a target."""
    return {"text": target_text(target), "exp": f"{math.exp(target):.1f}"}


def page_of_example(example, models, rows, targets):
    """What the page shows of one example, with an entry for each target."""
    curves = [example.curves(models[k][0]) for k in range(len(targets))]
    # The same scale for all targets.
    top = max(example.top, 1.05 * np.max(curves))
    entries = []
    for k in range(len(targets)):
        p, q, r = models[k]
        entry = page_of_row(rows[k], longest_bar(targets))
        entry["curves"] = as_integers(curves[k], top)
        entry["lines"] = []
        for colour, heights in example.lines(p):
            entry["lines"].append({"colour": colour,
                                   "heights": as_integers(heights, top)})
        entry["at_x"] = [page_of_x(p, q, r, x, example.axis) for x in example.x_rows]
        entries.append(entry)
    return {"title": example.title, "about": example.about, "x_name": example.x_name,
            "x_texts": example.x_texts, "first_x": example.first_x,
            "marks": example.marks, "end": example.end, "colours": example.colours,
            "colours_of_z": example.colours_of_z, "models": entries}


def page_of_x(p, q, r, x, axis):
    """What the page shows of one model at one x."""
    heights = posteriors(p, q, r, x, axis)
    prior = np.exp(normal.log_prior(axis[:, None]))
    # A scale of its own for every x: a narrow curve is high.
    top = 1.05 * max(np.max(heights), np.max(prior))
    of_p, of_q, of_r = as_integers(heights, top)
    return {"prior": as_integers(prior, top), "p": of_p, "q": of_q, "r": of_r,
            "gaps": gap_text(p, q, r, x)}


def page_of_row(row, longest):
    """The words and bars of one model.  longest: nats of a bar of full length."""
    bars = []
    for symbol, words, key in BOUNDS:
        bars.append({"name": f"{symbol}, {words}",
                     "text": table.format_cell(row, key, 4),
                     "percent": percent(row[key], longest)})
    return {"result": result_text(row), "missed": bool(row["note"]), "bars": bars,
            "target": percent(row["target"], longest),
            "likelihood": likelihood_text(row)}


def longest_bar(targets):
    """Nats of a bar of full length: with room for an I above its target."""
    return 1.2 * max(0.1, max(targets))


def percent(value, longest):
    """The length of a bar in percent.  An upper bound may be infinite, and a value that
    is not resolved is NaN: it has no bar."""
    if math.isnan(value):
        return 0.0
    return round(100 * min(max(value / longest, 0.0), 1.0), 2)


def as_integers(heights, top):
    """Heights as integers from 0 to TOP, nested lists; what is higher is cut."""
    scaled = np.round(TOP * np.array(heights) / top)
    return np.minimum(scaled, TOP).astype(int).tolist()


# The still and the film

@plot.style()
def make_still(results, targets):
    """A figure of both examples at the target in the middle."""
    figure = plt.figure(figsize=SIZE, layout="constrained")
    axes = make_axes(figure)
    draw_all(axes, results, targets, len(targets) // 2)
    return figure


@plot.style()
def make_film(results, targets):
    """An animation: M goes through all targets."""
    # Not made by pyplot, or --show would open it as well.
    figure = Figure(figsize=SIZE, dpi=66, layout="constrained")  # 830 pixels
    axes = make_axes(figure)
    draw_all(axes, results, targets, 0)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once, not for every frame

    def draw_frame(k):
        draw_all(axes, results, targets, k)
    return FuncAnimation(figure, draw_frame, len(targets), interval=250)


def make_axes(figure):
    """Axes (3, 2), a column for each example."""
    figure.supxlabel(f"{plot.CAPTION}    U: upper bound of I", size=12)
    return figure.subplots(3, 2, height_ratios=[3, 3, 1.4])


@plot.style()
def draw_all(axes, results, targets, k):
    """Draw both examples for target k."""
    for column, (example, models, rows) in zip(axes.T, results):
        for axis in column:
            axis.clear()
        curve_axis, posterior_axis, bar_axis = column
        plot.draw_curves(curve_axis, models, k)
        curve_axis.set_title(f"{example.title}\n{result_text(rows[k])}", weight="bold")
        draw_posteriors(posterior_axis, example, models[k])
        draw_bounds(bar_axis, rows[k], longest_bar(targets))


def draw_posteriors(axis, example, densities):
    """p(z|x), q and r at the first x of the page."""
    x = example.x_rows[example.first_x]
    of_p, of_q, of_r = posteriors(*densities, x, example.axis)
    prior = np.exp(normal.log_prior(example.axis[:, None]))
    axis.fill_between(example.axis, of_p, color=GREY, label="exact p(z|x)")
    axis.plot(example.axis, prior, ":", color="black", label="prior p(z)")
    axis.plot(example.axis, of_q, color=DARK, linewidth=2.5, label="encoder q(z|x)")
    axis.plot(example.axis, of_r, "--", color=ORANGE, linewidth=2.5,
              label="critic r(z|x)")
    text = example.x_texts[example.first_x]
    axis.set_title(f"{example.x_name} = {text}: which z has made it?")
    axis.set(xlim=(-example.end, example.end), ylim=(0, None), yticks=[], xlabel="z")
    axis.legend(loc="upper right", frameon=False, fontsize=12)


def draw_bounds(axis, row, longest):
    """The bounds of I as bars, and the target as a line."""
    for place, (symbol, _, key) in enumerate(BOUNDS):
        length = longest * percent(row[key], longest) / 100
        colour = DARK if key == "information" else LIGHT
        axis.barh(place, length, height=0.5, color=colour)
        axis.text(0.99, place, table.format_cell(row, key, 4), ha="right", va="center",
                  transform=axis.get_yaxis_transform())
        axis.text(-0.01, place, symbol, ha="right", va="center",
                  transform=axis.get_yaxis_transform())
    axis.axvline(row["target"], color=ORANGE, linewidth=2.5)
    axis.set(xlim=(0, longest), ylim=(2.6, -0.6), yticks=[],
             xlabel="nats; the line is M")


# The run

def run(args, save):
    targets = cli.choose_targets(args.targets, TARGETS, Categories.problem)
    targets = sorted(set(targets))
    seeds = range(args.seed, args.seed + args.seeds)
    # Both are checked before the first one is trained.
    for example in (SplitNormal(), Categories()):
        train.check_arguments(example.problem, targets, seeds, args.steps)

    results = []
    rows_of_all_seeds = []
    for example in (SplitNormal(), Categories()):
        models = train.train(example.problem, targets, seeds, args.steps,
                             callback=Progress(args.steps, example.title))
        rows = exact.evaluate(models)
        print(example.title)
        summary.show(rows, figure_seed=args.seed)
        for row in rows:
            rows_of_all_seeds.append({"problem": example.title, **row})
        results.append((example, models, rows[:len(targets)]))  # of the first seed

    save.table(args.csv, rows_of_all_seeds, cli.settings(args))
    save.text(args.html, make_page(results, targets))
    if args.gif is not None:
        save.film(args.gif, make_film(results, targets))
    if args.out is not None or args.show:
        save.figure(args.out, make_still(results, targets))


if __name__ == "__main__":
    cli.main(run, PARSER)
