"""The categorical example (the poster's Figure 5): K equal categories, and how p(x|z) shares z out among them."""
import numpy as np

import common
from minimae import exact, problems, train

LEVELS = [0, 0.4, 0.8, 1.2, 1.6, 2]
STEPS = 500
COLOURS = ["#003f5c", "#ffa600", "#7a5195", "#67b8d6", "#c2410c"]


def main(argv=None):
    options = common.parser(__doc__, LEVELS, STEPS, "categorical.png")
    options.add_argument("--categories", type=int, default=10, metavar="K", help="how many values x takes")
    options.add_argument("--critic", type=int, default=2, metavar="C", help="normals in the critic r; 1 is the poster's")
    return common.main(options, run, argv)


def run(args):
    if args.categories < 2:
        raise ValueError(f"--categories {args.categories}: at least 2 are needed")
    if args.critic < 1:
        raise ValueError(f"--critic {args.critic}: at least 1 normal is needed")
    problem = problems.categorical(np.full(args.categories, 1 / args.categories), n_components=args.critic)
    levels = [*args.levels, None]  # the last row is the plain VAE
    params = train.train(problem, levels, common.seeds(args), args.steps, after=common.progress(args.steps))
    rows = common.rows(levels, common.seeds(args), exact.figures(problem, params, strict=False), problem.best)
    common.report(rows, args, lambda rows: draw(problem, params, rows, args.show))


def draw(problem, params, rows, show=False):
    """A row per model: p(x|z) as a function of z, a curve for each category x with its number where it leads."""
    figure = common.figure(show, figsize=(10, 1.05 * len(rows) + 0.9), layout="constrained")
    axes = np.atleast_1d(figure.subplots(len(rows), sharex=True))
    for l, (row, axis) in enumerate(zip(rows, axes)):
        draw_curves(axis, problem, exact.select(params, l))
        common.label(axis, row)
    axes[-1].set_xlabel("z", fontsize=13)
    figure.supylabel("p(x|z) for each category x", fontsize=13)
    return figure


def draw_curves(axis, problem, params):
    """The curves of a single model."""
    z = np.linspace(-3, 3, 601)
    p, _, _ = problem.densities(params)
    curves = np.exp(p.log_probs(z[None, None, :, None]))[0, 0]  # (z, K)
    alike = np.max(np.ptp(curves, 1)) < 0.02
    # Neighbours along z get colours far apart, in grey as well.
    written = []
    rank = np.argsort(np.argsort(np.exp(-0.5 * z ** 2) * z @ curves))
    for k, curve in enumerate(curves.T):
        colour = "grey" if alike else COLOURS[rank[k] % len(COLOURS)]
        axis.fill_between(z, curve, color=colour, alpha=0.25, linewidth=0)
        axis.plot(z, curve, color=colour, linewidth=1.8)
        lead = curve / np.delete(curves, k, 1).max(1)
        if lead.max() > 1.02 and not alike:  # where a category never leads its number would sit on another's
            at = np.argmax(np.where(lead > 1.02, curve, 0))
            height = curve[at] + 0.04
            while any(abs(z[at] - x) < 0.2 and abs(height - y) < 0.2 for x, y in written):  # else 4 and 7 read as 47
                height += 0.1
            written.append((z[at], height))
            axis.text(z[at], height, str(k), ha="center", fontsize=13, fontweight="bold")
    if alike:
        axis.text(0, curves.max() + 0.06, f"all {curves.shape[1]} alike", ha="center", fontsize=13)
    axis.set(xlim=(-4.6, 4.6), ylim=(0, 1.35), yticks=[0, 1], xticks=range(-3, 4))
    axis.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    raise SystemExit(main())
