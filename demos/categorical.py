"""The categorical example (the poster's Figure 5): K equal categories, and how p(x|z)
shares z out among them."""
import numpy as np

import canvas
import common
import curves
from minimae import exact, problems, table, train

LEVELS = [0, 0.4, 0.8, 1.2, 1.6, 2]
STEPS = 500
MOST = 100  # categories: the square of them is what a run takes, here a minute


def main(argv=None):
    options = common.parser(__doc__, LEVELS, STEPS, "categorical.png")
    options.add_argument("--categories", type=int, default=10, metavar="K",
                         help="how many values x takes")
    common.add_critic(options, default=2, steps=True)
    options.add_argument("--rate", type=float, default=0.03, help="Adam's, at first")
    options.add_argument("--nodes", type=int, default=128, metavar="N",
                         help="points of z in a step of training")
    return common.main(options, run, argv)


def run(args):
    if not 2 <= args.categories <= MOST:
        raise ValueError(f"--categories {args.categories}: give 2 to {MOST}")
    uniform = np.full(args.categories, 1 / args.categories)
    problem = problems.Categorical(uniform, critic=args.critic,
                                   n_z=args.nodes)
    levels, seeds = [*args.levels, None], common.seeds(args)  # None: the plain VAE
    common.fits(problem, levels, seeds)
    params = train.train(problem, levels, seeds, args.steps, args.rate,
                         after=common.progress(args.steps), growth=common.growth(args),
                         critic_steps=args.critic_steps)
    values = exact.evaluate(problem, params)
    rows = table.rows(levels, seeds, values, problem.best)
    first = common.report(args, rows)
    canvas.finish(args, rows, lambda: draw(problem, params, first, args.show))


def draw(problem, params, rows, show=False):
    """A row per model: p(x|z) as a function of z."""
    figure, axes = curves.figure(problem, params, rows, curves.categorical, show,
                                 left=0.5)
    axes[-1].set_xlabel("z", fontsize=13)
    figure.supylabel("p(x|z) for each category x", x=0.005, fontsize=13)
    return figure


if __name__ == "__main__":
    raise SystemExit(main())
