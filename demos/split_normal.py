"""Splitting the normal (the poster's Figure 6): a normal as an infinite mixture of normals, with I(z, x) on request."""
import numpy as np

import animation
import common
from minimae import exact, nodes, normal, problems, train

LEVELS = [0, 0.4, 0.8, 1.2, 1.6, 2]
STEPS = 500
Z = np.linspace(-2.4, 2.4, 17)  # of the curves in the figure


def main(argv=None):
    options = common.parser(__doc__, LEVELS, STEPS, "split_normal.png")
    common.add_gif(options, "the training of the first seed")
    return common.main(options, run, argv)


def run(args):
    problem = problems.split_normal()
    levels = [*args.levels, None]  # the last row is the plain VAE
    history = animation.History(args.steps, len(levels)) if args.gif else None
    params = train.train(problem, levels, common.seeds(args), args.steps, after=common.both(common.progress(args.steps), history))
    rows = common.rows(levels, common.seeds(args), exact.figures(problem, params, strict=False), problem.best)
    common.report(rows, args, lambda rows: draw(problem, params, rows, args.show))
    if args.gif:
        animation.save(problem, history, levels, draw_curves, args.gif)


def draw(problem, params, rows, show=False):
    """A row per model: p(x|z) p(z) dz for a grid of z, the sum p(x) of all of them, and the true N(0, 1)."""
    figure = common.figure(show, figsize=(10, 1.05 * len(rows) + 0.9), layout="constrained")
    axes = np.atleast_1d(figure.subplots(len(rows), sharex=True))
    for l, (row, axis) in enumerate(zip(rows, axes)):
        draw_curves(axis, problem, exact.select(params, l))
        common.label(axis, row)
    axes[-1].set_xlabel("x", fontsize=13)
    figure.colorbar(colours(), ax=axes, aspect=60, pad=0.01).set_label("z of the curve p(x|z) p(z) dz", fontsize=13)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False, fontsize=13)
    return figure


def colours():
    """Values of z as colours."""
    from matplotlib import cm, colors
    return cm.ScalarMappable(colors.Normalize(Z[0], Z[-1] * 1.1), "viridis")  # 1.1: pale yellow would vanish on white


def draw_curves(axis, problem, params):
    """The curves of a single model."""
    p, _, _ = problem.densities(params)
    x, colour = np.linspace(-4, 4, 401), colours()
    at_x, at_z = x[None, None, :, None], Z[None, :, None, None]
    axis.plot(x, np.exp(normal.log_prob(at_x, 0, 0)).ravel(), color="#f4b942", linewidth=7, label="true N(0, 1)")
    curves = np.exp(p.log_prob(at_x, at_z) + normal.log_prob(at_z, 0, 0))[0] * (Z[1] - Z[0])
    for z, curve in zip(Z, curves):
        axis.fill_between(x, curve, color=colour.to_rgba(z), alpha=0.35, linewidth=0)
        axis.plot(x, curve, color=colour.to_rgba(z), linewidth=1.2)
    fine_z, weights = nodes.grid(1000)
    marginal = np.exp(exact.log_marginal(p, at_x, fine_z[None, :, None], weights[None, :, None])[0])
    axis.plot(x, marginal, color="black", linewidth=1.8, label="p(x), the sum of the coloured curves over all z")
    axis.set(xlim=(-4, 4), ylim=(0, None), yticks=[])
    axis.spines[["top", "left", "right"]].set_visible(False)


if __name__ == "__main__":
    raise SystemExit(main())
