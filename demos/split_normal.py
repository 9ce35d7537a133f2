"""Splitting the normal (the poster's Figure 6): a normal as an infinite mixture of normals, with I(z, x) on request."""
import numpy as np

import common
from minimae import exact, nodes, normal, problems, train

LEVELS = [0, 0.4, 0.8, 1.2, 1.6, 2]
STEPS = 500


def main(argv=None):
    options = common.parser(__doc__, LEVELS, STEPS, "split_normal.png")
    return common.main(options, run, argv)


def run(args):
    problem = problems.split_normal()
    levels = [*args.levels, None]  # the last row is the plain VAE
    params = train.train(problem, levels, common.seeds(args), args.steps, after=common.progress(args.steps))
    rows = common.rows(levels, common.seeds(args), exact.figures(problem, params, strict=False), problem.best)
    common.report(rows, args, lambda rows: draw(problem, params, rows, args.show))


def draw(problem, params, rows, show=False):
    """A row per model: p(x|z) p(z) dz for a grid of z, the sum p(x) of all of them, and the true N(0, 1)."""
    from matplotlib import cm, colors
    figure = common.figure(show, figsize=(10, 1.05 * len(rows) + 0.9), layout="constrained")
    axes = np.atleast_1d(figure.subplots(len(rows), sharex=True))
    p, _, _ = problem.densities(params)
    x = np.linspace(-4, 4, 401)[None, None, :, None]
    z, dz = np.linspace(-2.4, 2.4, 17, retstep=True)
    curves = np.exp(p.log_prob(x, z[None, :, None, None]) + normal.log_prob(z[None, :, None, None], 0, 0)) * dz
    fine_z, weights = nodes.grid(1000)
    colour = cm.ScalarMappable(colors.Normalize(z[0], z[-1] * 1.1), "viridis")  # 1.1: pale yellow would vanish on white
    for l, (row, axis) in enumerate(zip(rows, axes)):
        axis.plot(x.ravel(), np.exp(normal.log_prob(x, 0, 0)).ravel(), color="#f4b942", linewidth=7, label="true N(0, 1)")
        for z_i, curve in zip(z, curves[l]):
            axis.fill_between(x.ravel(), curve, color=colour.to_rgba(z_i), alpha=0.35, linewidth=0)
            axis.plot(x.ravel(), curve, color=colour.to_rgba(z_i), linewidth=1.2)
        p_l, _, _ = problem.densities(exact.select(params, l))
        marginal = np.exp(exact.log_marginal(p_l, x, fine_z[None, :, None], weights[None, :, None])[0])
        axis.plot(x.ravel(), marginal, color="black", linewidth=1.8, label="p(x), the sum of the coloured curves over all z")
        common.label(axis, row)
        axis.set(xlim=(-4, 4), ylim=(0, None), yticks=[])
        axis.spines[["top", "left", "right"]].set_visible(False)
    axes[-1].set_xlabel("x", fontsize=13)
    figure.colorbar(colour, ax=axes, aspect=60, pad=0.01).set_label("z of the curve p(x|z) p(z) dz", fontsize=13)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False, fontsize=13)
    return figure


if __name__ == "__main__":
    raise SystemExit(main())
