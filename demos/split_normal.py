"""Splitting the normal (the poster's Figure 6): a normal as an infinite mixture of
normals, with I(z, x) on request."""
import numpy as np

import animation
import canvas
import common
import curves
from minimae import exact, problems, table, train

LEVELS = [0, 0.4, 0.8, 1.2, 1.6, 2]
STEPS = 500


def main(argv=None):
    options = common.parser(__doc__, LEVELS, STEPS, "split_normal.png")
    common.add_critic(options, steps=True)
    options.add_argument("--sd", type=float, help="hold the decoder's sd fixed at SD")
    common.add_gif(options, "the training of the first seed")
    return common.main(options, run, argv)


def run(args):
    if args.sd is not None and not 0.05 <= args.sd <= 2:
        raise ValueError(f"--sd {args.sd}: give one from 0.05 to 2")
    log_var = None if args.sd is None else 2 * np.log(args.sd)
    problem = problems.SplitNormal(log_var=log_var, critic=args.critic)
    seeds = common.seeds(args)
    levels = [*args.levels, None]  # the last row is the plain VAE
    common.fits(problem, levels, seeds)
    watch = animation.History(args.steps, levels, common.progress(args.steps),
                              keep=bool(args.gif))
    params = train.train(problem, levels, seeds, args.steps, after=watch,
                         growth=common.growth(args), critic_steps=args.critic_steps)
    values = exact.evaluate(problem, params)
    rows = table.rows(levels, seeds, values, problem.best)
    first = common.report(args, rows)

    def animate(path):
        animation.save(problem, watch, curves.split_normal, path)

    canvas.finish(args, rows, lambda: draw(problem, params, first, args.show), animate)


def draw(problem, params, rows, show=False):
    """A row per model: how it splits the normal."""
    figure, axes = curves.figure(problem, params, rows, curves.split_normal, show,
                                 right=0.95, top=0.45)
    axes[-1].set_xlabel("x", fontsize=13)
    low, high = axes[-1].get_position().y0, axes[0].get_position().y1
    bar = figure.colorbar(curves.colours(),
                          cax=figure.add_axes([0.92, low, 0.013, high - low]))
    bar.set_label("z of the curve p(x|z) p(z) dz", fontsize=13)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="upper center", ncols=2,
                  frameon=False, fontsize=13)
    return figure


if __name__ == "__main__":
    raise SystemExit(main())
