"""What a model looks like: the curves of the poster's Figures 5 and 6, a model an axis.

split_normal and categorical put curves on an axis and return show(params), which moves
them to those of a model; so the same curves make figures, animations and windows.
"""
import numpy as np

import canvas
from minimae import bounds, nodes, normal, stacks, table

Z = np.linspace(-2.4, 2.4, 17)  # of the curves of a split normal
COLOURS = ["#003f5c", "#ffa600", "#7a5195", "#67b8d6", "#c2410c"]
WIDTH, ROW = 10, 1.05  # of a figure and of the row of a model, in inches
MOST = 40  # rows in a figure: more than 6500 pixels are beyond some viewers


def figure(problem, params, rows, curves, show, left=0.15, right=0.15, top=0.1):
    """A row per model: its curves, what was asked for and what came; returns the figure
    and its axes.  Margins in inches: a layout engine would draw everything twice."""
    shown = rows[:MOST]
    bottom = 0.55
    height = ROW * len(shown) + bottom + top
    figure = canvas.figure(show, figsize=(WIDTH, height))
    figure.subplots_adjust(left / WIDTH, bottom / height, 1 - right / WIDTH,
                           1 - top / height, hspace=0.15)
    axes = np.atleast_1d(figure.subplots(len(shown), sharex=True))
    for index, (row, axis) in enumerate(zip(shown, axes)):
        curves(axis, problem)(stacks.select(params, index))
        label(axis, row)
    say_cut(figure, "figure", len(rows))
    return figure, axes


def say_cut(figure, what, count, left=0.01):
    """Say in a figure and on standard output that it shows the first rows only."""
    if count > MOST:
        note = f"the {what} shows the first {MOST} of {count} rows"
        print(note)
        figure.text(left, 0.1 / figure.get_figheight(), note, fontsize=11)


def label(axis, row):
    """What was asked for, what the bound says and what is true, on the row's axis."""
    level = table.level_name(row["level"])
    asked = "plain VAE" if row["level"] == "vae" else f"M = {level}"
    asked += "" if table.reached(row) else "\nnot reached"
    axis.text(0.005, 0.95, asked, transform=axis.transAxes, va="top", fontsize=14,
              fontweight="bold")
    came = f"Î = {row['lower']:.3f}\nI = {row['exact']:.3f} nats"
    axis.text(0.995, 0.95, came, transform=axis.transAxes, va="top", ha="right",
              fontsize=13)


def colours():
    """Values of z as colours."""
    from matplotlib import cm, colors
    # 1.1: pale yellow would vanish on white
    return cm.ScalarMappable(colors.Normalize(Z[0], Z[-1] * 1.1), "viridis")


def hills(axis, x, alpha, linewidth):
    """Curves over x with the area below them filled; returns move(heights (curves, x),
    colours)."""
    from matplotlib.collections import LineCollection, PolyCollection
    areas = axis.add_collection(PolyCollection([], alpha=alpha, linewidth=0))
    lines = axis.add_collection(LineCollection([], linewidth=linewidth))
    feet = [[x[-1], 0], [x[0], 0]]

    def move(heights, colours):
        outlines = np.stack(np.broadcast_arrays(x, heights), -1)
        lines.set(segments=outlines, color=colours)
        areas.set(verts=[[*line, *feet] for line in outlines], facecolor=colours)
    return move


def split_normal(axis, problem):
    """p(x|z) p(z) dz for a grid of z, the sum p(x) of all of them, and N(0, 1)."""
    x = np.linspace(-4, 4, 401)
    at_x, at_z = nodes.across(x), nodes.down(Z)
    true = np.exp(normal.log_prob(at_x, 0, 0)).ravel()
    axis.plot(x, true, color="#f4b942", linewidth=7, label="true N(0, 1)")
    move, colour_of_z = hills(axis, x, 0.35, 1.2), colours().to_rgba(Z)
    total, = axis.plot(x, true, color="black", linewidth=1.8,
                       label="p(x), the sum of the coloured curves over all z")
    axis.set(xlim=(-4, 4), yticks=[])
    axis.spines[["top", "left", "right"]].set_visible(False)

    def show(params):
        p, _, _ = problem.densities(params)
        joint = np.exp(p.log_prob(at_x, at_z) + normal.log_prob(at_z, 0, 0))[0]
        heights = joint * (Z[1] - Z[0])
        # Beyond 6 lies 1e-9 of the mass; .02 is half the sd of 3.2 nats.
        log_px = bounds.log_marginal(p, at_x, *nodes.grid(600, half_width=6.0))
        total.set_ydata(np.exp(log_px.ravel()))
        move(heights, colour_of_z)
        highest = max(np.max(true), np.max(heights), np.exp(np.max(log_px)))
        axis.set_ylim(0, 1.05 * highest)
    return show


def categorical(axis, problem):
    """p(x|z) as a function of z, a curve per category, its number where it leads."""
    z = np.linspace(-3, 3, 601)
    move = hills(axis, z, 0.25, 1.8)
    numbers = [axis.text(0, 0, str(k), ha="center", fontsize=13, fontweight="bold")
               for k in range(problem.dim_x)]
    all_alike = axis.text(0, 0, f"all {problem.dim_x} alike", ha="center", fontsize=13)
    axis.set(xlim=(-4.6, 4.6), ylim=(0, 1.35), yticks=[0, 1], xticks=range(-3, 4))
    canvas.bare(axis)

    def show(params):
        p, _, _ = problem.densities(params)
        curves = np.exp(p.log_probs(nodes.across(z)))[0, 0].T  # (K, z)
        alike = np.max(np.ptp(curves, 0)) < 0.02
        # Neighbours along z get colours far apart, in grey as well.
        rank = np.argsort(np.argsort(curves @ (np.exp(-0.5 * z ** 2) * z)))
        move(curves, ["grey" if alike else COLOURS[r % len(COLOURS)] for r in rank])
        all_alike.set(visible=alike, y=np.max(curves) + 0.06)
        second, first = np.partition(curves, -2, 0)[-2:]
        lead = curves / np.where(curves == first, second, first)
        written = []
        for number, curve, ahead in zip(numbers, curves, lead):
            # else a number would sit on another's curve
            number.set_visible(np.max(ahead) > 1.02 and not alike)
            if not number.get_visible():
                continue
            at = np.argmax(np.where(ahead > 1.02, curve, 0))
            height = curve[at] + 0.04
            while any(abs(z[at] - a) < 0.2 and abs(height - b) < 0.2
                      for a, b in written):
                height += 0.1  # else 4 and 7 read as 47
            written.append((z[at], height))
            number.set_position((z[at], height))
    return show
