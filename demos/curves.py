"""What a model looks like: the curves of the poster's Figures 5 and 6, one model an axis."""
import numpy as np

import canvas
from minimae import bounds, nodes, normal, stacks, table

Z = np.linspace(-2.4, 2.4, 17)  # of the curves of a split normal
COLOURS = ["#003f5c", "#ffa600", "#7a5195", "#67b8d6", "#c2410c"]


def figure(problem, params, rows, draw, show):
    """A row per model: draw(axis, problem, params of it), with what was asked and came."""
    size = dict(figsize=(10, 1.05 * len(rows) + 0.9), layout="constrained")
    figure = canvas.figure(show, **size)
    axes = np.atleast_1d(figure.subplots(len(rows), sharex=True))
    for index, (row, axis) in enumerate(zip(rows, axes)):
        draw(axis, problem, stacks.select(params, index))
        label(axis, row)
    return figure, axes


def label(axis, row):
    """What was asked for, what the bound says and what is true, on the row's axis."""
    level = table.level_name(row["level"])
    asked = "plain VAE" if row["level"] == "vae" else f"M = {level}"
    asked += "" if table.reached(row) else "\nnot reached"
    axis.text(0.005, 0.95, asked, transform=axis.transAxes, va="top", fontsize=14,
              fontweight="bold")
    axis.text(0.995, 0.95, f"$\\hat I$ = {row['lower']:.3f}\n$I$ = {row['exact']:.3f} nats",
              transform=axis.transAxes, va="top", ha="right", fontsize=13)


def colours():
    """Values of z as colours."""
    from matplotlib import cm, colors
    # 1.1: pale yellow would vanish on white
    return cm.ScalarMappable(colors.Normalize(Z[0], Z[-1] * 1.1), "viridis")


def split_normal(axis, problem, params):
    """p(x|z) p(z) dz for a grid of z, the sum p(x) of all of them, and the true N(0, 1)."""
    p, _, _ = problem.densities(params)
    x, colour = np.linspace(-4, 4, 401), colours()
    at_x, at_z = nodes.across(x), nodes.down(Z)
    axis.plot(x, np.exp(normal.log_prob(at_x, 0, 0)).ravel(), color="#f4b942", linewidth=7,
              label="true N(0, 1)")
    joint = np.exp(p.log_prob(at_x, at_z) + normal.log_prob(at_z, 0, 0))[0]
    for z, curve in zip(Z, joint * (Z[1] - Z[0])):
        axis.fill_between(x, curve, color=colour.to_rgba(z), alpha=0.35, linewidth=0)
        axis.plot(x, curve, color=colour.to_rgba(z), linewidth=1.2)
    marginal = np.exp(bounds.log_marginal(p, at_x, *nodes.grid(1000)).ravel())
    axis.plot(x, marginal, color="black", linewidth=1.8,
              label="p(x), the sum of the coloured curves over all z")
    axis.set(xlim=(-4, 4), ylim=(0, None), yticks=[])
    axis.spines[["top", "left", "right"]].set_visible(False)


def categorical(axis, problem, params):
    """p(x|z) as a function of z, a curve per category with its number where it leads."""
    z = np.linspace(-3, 3, 601)
    p, _, _ = problem.densities(params)
    curves = np.exp(p.log_probs(nodes.across(z)))[0, 0]  # (z, K)
    alike = np.max(np.ptp(curves, 1)) < 0.02
    written = []
    # Neighbours along z get colours far apart, in grey as well.
    rank = np.argsort(np.argsort(np.exp(-0.5 * z ** 2) * z @ curves))
    for k, curve in enumerate(curves.T):
        colour = "grey" if alike else COLOURS[rank[k] % len(COLOURS)]
        axis.fill_between(z, curve, color=colour, alpha=0.25, linewidth=0)
        axis.plot(z, curve, color=colour, linewidth=1.8)
        lead = curve / np.delete(curves, k, 1).max(1)
        if lead.max() <= 1.02 or alike:  # a number would sit on another's curve
            continue
        at = np.argmax(np.where(lead > 1.02, curve, 0))
        height = curve[at] + 0.04
        while any(abs(z[at] - a) < 0.2 and abs(height - b) < 0.2 for a, b in written):
            height += 0.1  # else 4 and 7 read as 47
        written.append((z[at], height))
        axis.text(z[at], height, str(k), ha="center", fontsize=13, fontweight="bold")
    if alike:
        axis.text(0, curves.max() + 0.06, f"all {curves.shape[1]} alike", ha="center",
                  fontsize=13)
    axis.set(xlim=(-4.6, 4.6), ylim=(0, 1.35), yticks=[0, 1], xticks=range(-3, 4))
    canvas.bare(axis)
