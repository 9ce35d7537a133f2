"""The categorical example: K equal categories, and how p(x|z) divides z among them
(Phuong et al., section "MAE, categorical example", Figure 5)."""
import cli  # first: it reports a missing package

import numpy as np

import summary
from minimae import exact, plot, problems
from split_normal import film, train_and_record

TARGETS = [0, 0.4, 0.8, 1.2, 1.6, 2]
PARSER = cli.demo_parser(__doc__, example="--categories 4 --targets 0.5 1", seconds=10,
                         targets=TARGETS, max_target="log K", out="categorical.png",
                         critic="2", film="the training")
PARSER.add_number("--critic-steps", int, default=1, minimum=1, maximum=100,
                  help="steps of r for each step of p")
# The time grows with K^2: 100 categories take a minute.
PARSER.add_number("--categories", int, default=10, minimum=2, maximum=100,
                  help="number of categories K")
PARSER.add_number("--learning-rate", float, default=0.03, minimum=1e-6, maximum=1,
                  help="learning rate of Adam at the first step")
# Each point of z takes memory for every category and hidden unit.
PARSER.add_number("--points", int, default=128, minimum=2, maximum=4096,
                  help="points of z in a step of training")


def run(args, save):
    p_true = np.full(args.categories, 1 / args.categories)
    problem = problems.Categorical(p_true, critic=cli.make_critic(args.critic),
                                   n_z=args.points)
    targets = cli.choose_targets(args.targets, TARGETS, problem)
    targets = targets + [None]  # the plain VAE
    seeds = range(args.seed, args.seed + args.seeds)

    models, recorder = train_and_record(
        problem, targets, seeds, args.steps, critic_steps=args.critic_steps,
        learning_rate=args.learning_rate)
    rows = exact.evaluate(models)
    summary.show(rows, figure_seed=args.seed)
    save.table(args.csv, rows, cli.settings(args))
    rows_of_first_seed = rows[:len(targets)]
    save.figure(args.out, plot.draw_models(models, rows_of_first_seed))
    if args.gif is not None:
        save.film(args.gif, film(models, recorder))


if __name__ == "__main__":
    cli.main(run, PARSER)
