"""What goes wrong: five ways to miss the information that was asked for.  Each differs
from the right way by a few lines."""
import cli  # first: it reports a missing package

from functools import partial

import autograd.numpy as np
from matplotlib import pyplot as plt

import jobs
import summary
from minimae import critics, exact, plot, problems, quadrature, train
from minimae.penalty import Penalty
from progress import Progress

TARGETS = [0, 0.8, 1.6]
# The likelihood of a decoder with sd .5 peaks at log 2 = .69 nats.  Asked for far less,
# it hides information from a critic that is a normal.
LOW_TARGETS = [0, 0.2]
PARSER = cli.demo_parser(__doc__, example="--targets 0.5 1.5 --seeds 2", seconds=30,
                         targets=TARGETS, max_target=3.3, out="pitfalls.png", seeds=4)


# The wrong ways

class Drawn(problems.SplitNormal):
    """The split normal, trained on random nodes in place of a grid.

    draw: quadrature.monte_carlo or quadrature.kronecker.  n_nodes is 144 by default, as
    many as the grid of 12 x 12 has.
    """

    def __init__(self, draw, n_nodes=144):
        super().__init__()
        self.draw = draw
        self.n_nodes = n_nodes

    def draw_nodes(self, rng):
        """Each x with one code, and each code with one x."""
        data = self.draw_pairs(rng)
        z, eps, weights = self.draw_pairs(rng)
        return data, (z, eps, weights), (z, weights[0])

    def draw_pairs(self, rng):
        """Two columns of random points, as nodes of two variables."""
        points, weights = self.draw(rng, self.n_nodes, dim=2)
        return quadrature.paired((points[:, :1], weights), points[:, 1:])


def shared_penalty(p, q, r, data, prior, slope, targets):
    """r shares the penalty of p.  Above the target I^ falls because r gets worse, and I
    stays where it is."""
    ones = np.ones_like(slope)
    elbo, infomax = train.objectives(p, q, r, data, prior, ones)
    return np.array([elbo, train.scale_gradient(infomax, slope)])


class FixedC(Penalty):
    """C never changes, and the kink of C |I^ - M| stays sharp."""

    def update(self, values, step):
        """The derivative of -C |I^ - M| by I^."""
        _, infomax = values
        slope = -self.C * np.sign(infomax - self.targets)
        self.slope = np.where(np.isnan(self.targets), 0.0, slope)


SPLIT_NORMAL = problems.SplitNormal()
SD_HALF = problems.SplitNormal(log_var=2 * np.log(0.5))
SD_HALF_BAYES = problems.SplitNormal(log_var=2 * np.log(0.5), critic=critics.Bayes())
# A way: its problem, and the arguments of train.train.
WAYS = {
    "right": (SPLIT_NORMAL, {}),
    "the critic shares the penalty": (SPLIT_NORMAL, {"objectives": shared_penalty}),
    "independent random nodes": (Drawn(quadrature.monte_carlo), {}),
    "C fixed at .001, sharp kink": (SPLIT_NORMAL, {"penalty": FixedC(C=0.001)}),
    "C fixed at 10, sharp kink": (SPLIT_NORMAL, {"penalty": FixedC(C=10.0)}),
    "sd .5, critic a normal": (SD_HALF, {}),
    "sd .5, critic Bayes' rule": (SD_HALF_BAYES, {}),
}


# The demo

def run(args, save):
    targets = cli.choose_targets(args.targets, TARGETS, SPLIT_NORMAL)
    train.check_arguments(SPLIT_NORMAL, targets)
    seeds = range(args.seed, args.seed + args.seeds)
    runs = []
    for way, (problem, _) in WAYS.items():
        is_restricted = problem.decoder.log_var is not None
        if is_restricted and args.targets is None:
            runs.append((way, LOW_TARGETS, seeds, args.steps))
        else:
            runs.append((way, targets, seeds, args.steps))
    rows = []
    for some_rows in jobs.run_all(measure, runs, Progress(len(runs), "runs")):
        rows.extend(some_rows)

    for way in WAYS:
        print(way)
        summary.show(summary.select(rows, way=way))
    save.table(args.csv, rows, cli.settings(args))
    save.figure(args.out, draw(rows))


def measure(way, targets, seeds, steps):
    """Train in one way; the rows."""
    problem, settings = WAYS[way]
    models = train.train(problem, targets, seeds, steps, **settings)
    rows = exact.evaluate(models)
    for row in rows:
        row["way"] = way
    return rows


@plot.style()
def draw(rows):
    """A line for each way: the targets, and exact I and the bound I^ of every seed."""
    figure, axis = plt.subplots(figsize=(13, 7.4), layout="constrained")
    ways = list(WAYS)
    heights = [-k for k in range(len(ways))]
    for way, height in zip(ways, heights):
        draw_way(axis, summary.select(rows, way=way), height)
    axis.set_yticks(heights, ways)
    axis.set(xlabel="nats", ylim=(heights[-1] - 0.6, 1.2))
    axis.plot([], [], "|", color="black", markersize=22, label="M, asked for")
    axis.plot([], [], "o", color=plot.COLOURS[4], markersize=10, label="I, exact")
    axis.plot([], [], "+", color=plot.COLOURS[0], markersize=12, markeredgewidth=2,
              label="Î, seen by the critic")
    axis.legend(loc="upper left", ncols=3, frameon=False)
    figure.suptitle(finding(rows))
    figure.supxlabel(summary.caption(rows, "a mark for every seed"), size=12)
    return figure


def draw_way(axis, rows, height):
    """The marks of one way at this height, and its largest error beside them."""
    target = summary.column(rows, "target")
    information = summary.column(rows, "information")
    infomax = summary.column(rows, "infomax")
    axis.vlines(target, height - 0.35, height + 0.35, color="black", linewidth=1.5)
    axis.plot(information, np.full(len(rows), height + 0.12), "o",
              color=plot.COLOURS[4], markersize=10)
    axis.plot(infomax, np.full(len(rows), height - 0.12), "+", color=plot.COLOURS[0],
              markersize=12, markeredgewidth=2)
    axis.annotate(f"I off by up to {largest_error(rows):.3f}", (1.01, height),
                  xycoords=axis.get_yaxis_transform(), va="center")


def largest_error(rows):
    """The largest |I - M| of the rows whose I is resolved."""
    error = np.abs(summary.column(rows, "information") - summary.column(rows, "target"))
    return np.max(error, where=np.isfinite(error), initial=0.0)


def finding(rows):
    """The title: the finding if the rows show it, else what is drawn."""
    shared = summary.select(rows, way="the critic shares the penalty")
    seen_error = np.abs(summary.column(shared, "infomax")
                        - summary.column(shared, "target"))
    # A tenth of a nat is twice the width of a mark.
    if largest_error(shared) > 0.1 and np.max(seen_error) < 0.02:
        return ("A critic that knows M says what it was told:\n"
                "Î is on target, and I is not")
    return "Information asked for, seen and delivered, in seven ways"


if __name__ == "__main__":
    cli.main(run, PARSER)
