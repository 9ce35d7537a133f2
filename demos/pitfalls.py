"""What goes wrong: five ways to miss the information asked for, each a few lines away
from the right one."""
import shared

from functools import partial

import autograd.numpy as np
from matplotlib import pyplot as plt

from minimae import critics, exact, nodes, plot, problems, train

# Far below where its likelihood peaks, at log 2 nats, a decoder with its sd held at .5
# wants more information than it may have, and hides it from a critic that is a normal.
HIDING = [0, 0.2]
PARSER = shared.options(__doc__, [0, 0.8, 1.6], "pitfalls.png", seeds=4)


class Drawn(problems.SplitNormal):
    """The split normal, trained on n_train pairs of points from draw, that is
    nodes.monte_carlo or nodes.kronecker, in place of a grid."""

    def __init__(self, draw, n_train=144, **settings):  # 144: as many as 12 x 12
        super().__init__(n_train=n_train, **settings)
        self.draw = draw

    def nodes(self, rng):
        def pair(n):
            """n numbers of each point, the others, and the weights."""
            points, weights = self.draw(rng, self.n_eps, 1 + self.dim_z)
            return points[..., :n], points[..., n:], weights
        data, (z, eps, weights) = pair(1), pair(self.dim_z)
        return data, (z, eps, weights), (z, weights)


def shared_penalty(p, q, r, data, prior, slope):
    """r shares p's penalty: above the level I^ falls as r gets worse, and I stays."""
    elbo, lower = train.objectives(p, q, r, data, prior, np.ones_like(slope))
    return np.array([elbo, train.scale_gradient(lower, slope)])


class FixedC(train.Penalty):
    """C never changes, and the kink of C |I^ - M| is left sharp."""

    def update(self, values, step):
        self.slope = -self.C * np.sign(values[1] - self.target)


GRID, SD = problems.SplitNormal(), 2 * np.log(0.5)
WAYS = {  # name: problem, and how it is trained
    "right": (GRID, {}),
    "critic shares the penalty": (GRID, dict(objectives=shared_penalty)),
    "independent nodes": (Drawn(nodes.monte_carlo), {}),
    "C fixed at .001, sharp kink": (GRID, dict(penalty=partial(FixedC, start=0.001))),
    "C fixed at 10, sharp kink": (GRID, dict(penalty=partial(FixedC, start=10.0))),
    "sd .5, critic a normal": (problems.SplitNormal(log_var=SD), {}),
    "sd .5, Bayes critic": (problems.SplitNormal(log_var=SD, critic=critics.Bayes()),
                            {})}


def run(args):
    train.check(GRID, args.levels, args.seeds, args.steps)
    jobs = [(name, HIDING if "sd" in name else args.levels, args.seeds, args.steps)
            for name in WAYS]
    rows = sum(shared.each(measure, jobs, shared.progress(len(jobs), "runs")), [])
    shared.save(args, rows, draw(rows))
    for name in WAYS:
        print(name)
        shared.report([row for row in rows if row["method"] == name])


def measure(name, levels, seeds, steps):
    """Train one way; its rows."""
    problem, how = WAYS[name]
    models = train.train(problem, levels, seeds, steps, **how)
    return [{"method": name, **row} for row in exact.evaluate(models)]


@plot.style()
def draw(rows):
    """A panel per way: how far I^ and I are from what was asked for, every seed."""
    figure, axes = plt.subplots(2, 4, figsize=(13, 8.2), sharey=True,
                                layout="constrained")
    # Linear up to .01 nats, the aim, and logarithmic far above it.
    axes[0, 0].set_yscale("symlog", linthresh=0.01)
    for axis, name in zip(axes.flat, WAYS):
        values = shared.columns(rows, "level", "lower", "information", "best",
                                "log_likelihood", method=name)
        by_level = np.argsort(values[0], kind="stable")  # seeds side by side
        level, lower, information, best, likelihood = values[:, by_level]
        axis.axhline(0, color="black", linewidth=1)
        axis.plot(information - level, "o", color="#e08214", ms=9, label="exact I")
        axis.plot(lower - level, "+", color="#003f5c", ms=11, mew=2, label="bound Î")
        levels, first = np.unique(level, return_index=True)
        axis.set_xticks(first - 0.5, [f"M = {m:g}" for m in levels], ha="left")
        axis.grid(axis="x")
        lost = np.max(np.nan_to_num(best - likelihood))  # NaN: not resolved
        axis.set_title(f"{name}\nlikelihood lost: up to {lost:.4f}", fontsize=12)
    axes[1, 3].axis("off")
    axes[1, 3].legend(*axes[0, 0].get_legend_handles_labels(), loc="center")
    figure.supylabel("delivered - asked, nats", size=13)
    shared.note(figure, rows,
                "M: nats asked for, seeds side by side    I: exact information    Î: "
                "what the critic finds\nvertical axis: linear up to .01 nats, then "
                "logarithmic\nA decoder with sd .5 loses likelihood below log 2 nats, "
                "whatever the critic: M = 0 costs that.")
    return figure


if __name__ == "__main__":
    shared.main(run, PARSER)
