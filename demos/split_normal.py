"""Splitting the normal (the poster's Figure 6): a normal as an infinite mixture of
normals, with I(z, x) on request."""
import shared

import numpy as np

from minimae import checks, exact, plot, problems, train

PARSER = shared.options(__doc__, [0, 0.4, 0.8, 1.2, 1.6, 2], "split_normal.png",
                        critic="1", film="the training")
PARSER.add_argument("--critic-steps", type=int, default=1, metavar="N",
                    help="steps of r for each one of p and q")
PARSER.add_argument("--sd", type=float, help="hold the decoder's sd fixed at SD")


def run(args):
    if args.sd is not None:
        checks.real(0.05, 2, sd=args.sd)
    log_var = None if args.sd is None else 2 * np.log(args.sd)
    train_and_draw(args, problems.SplitNormal(log_var=log_var, critic=args.critic))


def train_and_draw(args, problem, **settings):
    """Train a model for each level, and a plain VAE; save all files, then print."""
    levels = [*args.levels, None]  # None: the plain VAE
    history, tell = plot.History(args.steps), shared.progress(args.steps)

    def callback(*state):
        tell(*state)
        history(*state)

    models = train.train(problem, levels, args.seeds, args.steps, callback=callback,
                         critic_steps=args.critic_steps,
                         penalty=shared.penalty(args.critic), **settings)
    rows = exact.evaluate(models)
    shared.save(args, rows, plot.models(models, rows[:len(levels)]))
    shared.save_film(args, lambda: plot.training(models, history))
    shared.report(rows)


if __name__ == "__main__":
    shared.main(run, PARSER)
