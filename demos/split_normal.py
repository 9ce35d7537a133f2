"""Splitting the normal: a normal distribution as a mixture of normals, with I(z, x) on
request (Phuong et al., section "Splitting the normal", Figure 6)."""
import cli  # first: it reports a missing package

import numpy as np

import summary
from minimae import exact, plot, problems, train
from progress import Progress

TARGETS = [0, 0.4, 0.8, 1.2, 1.6, 2]
PARSER = cli.demo_parser(__doc__, example="--targets 0 1 2 --seeds 3", seconds=10,
                         targets=TARGETS, max_target=3.3, out="split_normal.png",
                         critic="1", film="the training")
PARSER.add_number("--critic-steps", int, default=1, minimum=1, maximum=100,
                  help="steps of r for each step of p")
PARSER.add_number("--sd", float, default=None, minimum=0.05, maximum=2,
                  help="fix the decoder's standard deviation")


def run(args, save):
    log_var = None
    if args.sd is not None:
        log_var = 2 * np.log(args.sd)
    problem = problems.SplitNormal(log_var=log_var, critic=cli.make_critic(args.critic))
    targets = cli.choose_targets(args.targets, TARGETS, problem)
    targets = targets + [None]  # the plain VAE
    seeds = range(args.seed, args.seed + args.seeds)

    models, recorder = train_and_record(problem, targets, seeds, args.steps,
                                        critic_steps=args.critic_steps)
    rows = exact.evaluate(models)
    summary.show(rows, figure_seed=args.seed)
    save.table(args.csv, rows, cli.settings(args))
    rows_of_first_seed = rows[:len(targets)]
    save.figure(args.out, plot.draw_models(models, rows_of_first_seed))
    if args.gif is not None:
        save.film(args.gif, film(models, recorder))


def train_and_record(problem, targets, seeds, steps, **settings):
    """Trained models, and the plot.Recorder of their training."""
    recorder = plot.Recorder(steps)
    progress = Progress(steps)

    def callback(step, models, values):
        progress(step)
        recorder(step, models, values)

    models = train.train(problem, targets, seeds, steps, callback=callback, **settings)
    return models, recorder


def film(models, recorder):
    """An animation of the training, with the exact I of every frame."""
    rows_of_stages = []
    for stage in recorder.models:
        # A thousandth of a nat cannot be seen, and takes a fifth of the time.
        rows_of_stages.append(exact.evaluate(stage, tolerance=1e-3))
    return plot.training_film(models, recorder, rows_of_stages)


if __name__ == "__main__":
    cli.main(run, PARSER)
