"""The categorical example (the poster's Figure 5): K equal categories, and how p(x|z)
shares z out among them."""
import shared

import numpy as np

from minimae import checks, problems
from split_normal import train_and_draw

PARSER = shared.options(__doc__, [0, 0.4, 0.8, 1.2, 1.6, 2], "categorical.png",
                        critic="2", film="the training")
PARSER.add_argument("--critic-steps", type=int, default=1, metavar="N",
                    help="steps of r for each one of p and q")
PARSER.add_argument("--categories", type=int, default=10, metavar="K",
                    help="how many values x takes")
PARSER.add_argument("--learning-rate", "--rate", type=float, default=0.03,
                    help="Adam's, at first")
PARSER.add_argument("--nodes", type=int, default=128, help="points of z in a step")


def run(args):
    # 100: the square of them is what a run takes, here a minute
    checks.whole(2, 100, categories=args.categories)
    checks.whole(1, nodes=args.nodes)
    law = np.full(args.categories, 1 / args.categories)
    train_and_draw(args, problems.Categorical(law, critic=args.critic, n_z=args.nodes),
                   learning_rate=args.learning_rate)


if __name__ == "__main__":
    shared.main(run, PARSER)
