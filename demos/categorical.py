"""The categorical example (the poster's Figure 5): K equal categories, and how p(x|z) shares z out among them."""
import numpy as np

import common
from minimae import exact, problems, train

LEVELS = [0, 0.4, 0.8, 1.2, 1.6, 2]
STEPS = 600


def main(argv=None):
    options = common.parser(__doc__, LEVELS, STEPS, "categorical.png")
    options.add_argument("--categories", type=int, default=10, metavar="K", help="how many values x takes")
    options.add_argument("--critic", type=int, default=2, metavar="C", help="normals in the critic r; 1 is the poster's")
    args = options.parse_args(argv)
    common.check(options, args)
    if args.categories < 2:
        options.error(f"--categories {args.categories}: at least 2 are needed")
    if args.critic < 1:
        options.error(f"--critic {args.critic}: at least 1 normal is needed")
    return common.guard(options, run, args)


def run(args):
    problem = problems.categorical(np.full(args.categories, 1 / args.categories), n_components=args.critic)
    levels = [*args.levels, None]  # the last row is the plain VAE
    params = train.train(problem, levels, common.seeds(args), args.steps, after=common.progress(args.steps))
    rows = common.rows(levels, exact.figures(problem, params), problem.best)
    common.report(rows, args, lambda: draw(problem, params, rows, args.show))


def draw(problem, params, rows, show=False):
    """A row per model: p(x|z) as a function of z, a curve for each category x with its number where it leads."""
    figure = common.figure(show, figsize=(10, 1.05 * len(rows) + 0.9), layout="constrained")
    axes = np.atleast_1d(figure.subplots(len(rows), sharex=True))
    z = np.linspace(-3, 3, 601)
    p, _, _ = problem.densities(params)
    probs = np.exp(p.log_probs(z[None, None, :, None]))[:, 0]  # (L, z, K)
    for row, axis, curves in zip(rows, axes, probs):
        # Neighbours along z get colours far apart, so that they differ in grey as well.
        rank = np.argsort(np.argsort(np.exp(-0.5 * z ** 2) * z @ curves))
        for k, curve in enumerate(curves.T):
            colour = ["#003f5c", "#ffa600", "#7a5195", "#67b8d6", "#c2410c"][rank[k] % 5]
            axis.fill_between(z, curve, color=colour, alpha=0.25, linewidth=0)
            axis.plot(z, curve, color=colour, linewidth=1.8)
            others = np.delete(curves, k, 1).max(1)
            lead = np.argmax(curve - others)
            if curve[lead] > 1.2 * others[lead]:  # by less, numbers would pile up where all curves are alike
                axis.text(z[lead], curve[lead] + 0.04, str(k), color=colour, ha="center", fontsize=12, fontweight="bold")
        common.label(axis, row)
        axis.set(xlim=(-3.9, 3.9), ylim=(0, 1.3), yticks=[0, 1], xticks=range(-3, 4))
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel("z")
    figure.supylabel("p(x|z) for each category x")
    return figure


if __name__ == "__main__":
    raise SystemExit(main())
