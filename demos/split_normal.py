"""Splitting the normal (the poster's Figure 6): a normal as an infinite mixture of
normals, with I(z, x) on request."""
import shared

import numpy as np

from minimae import checks, exact, plot, problems, train

PARSER = shared.options(__doc__, [0, 0.4, 0.8, 1.2, 1.6, 2], "split_normal.png",
                        critic="1")
PARSER.add_argument("--critic-steps", type=int, default=1, metavar="K",
                    help="steps of r for each one of p and q")
PARSER.add_argument("--sd", type=float, help="hold the decoder's sd fixed at SD")
PARSER.add_argument("--gif", metavar="FILE", help="where to save the training")
PARSER.add_argument("--html", metavar="FILE", help="the same as a page with a slider")


def run(args):
    if args.sd is not None:
        checks.real(0.05, 2, sd=args.sd)
    log_var = None if args.sd is None else 2 * np.log(args.sd)
    problem = problems.SplitNormal(log_var=log_var, critic=args.critic)
    levels = [*args.levels, None]  # None: the plain VAE
    history, tell = plot.History(args.steps), shared.progress(args.steps)

    def callback(step, params, values):
        tell(step)
        if args.gif or args.html:
            history(step, params, values)

    models = train.train(problem, levels, args.seeds, args.steps,
                         critic_steps=args.critic_steps, callback=callback,
                         penalty=shared.penalty(args.critic))
    rows = exact.evaluate(models)
    shared.save(args, rows, plot.models(models, shared.report(args, rows)))
    for path in filter(None, [args.gif, args.html]):
        shared.save_animation(path, plot.training(models, history))


if __name__ == "__main__":
    shared.main(run, PARSER)
