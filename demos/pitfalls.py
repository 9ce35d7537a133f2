"""What goes wrong: six ways to miss the information asked for, each a few lines away
from the right one."""
import shared

from functools import partial

import autograd.numpy as np
from matplotlib import pyplot as plt

from minimae import bounds, critics, exact, nodes, plot, problems, train

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
        def pairs(n):
            points, weights = self.draw(rng, self.n_eps, 1 + self.dim_z)
            return nodes.pair((points[..., :n], weights), (points[..., n:], weights))
        data, (z, eps, weights) = pairs(1), pairs(self.dim_z)
        return data, (z, eps, weights), (z.swapaxes(1, 2), weights.swapaxes(1, 2))


class SharedPenalty(train.Penalty):
    """r shares p's penalty: above the level I^ falls as r gets worse, and I stays."""

    def objectives(self, p, q, r, data, prior, slope):
        elbo, lower = train.objectives(p, q, r, data, prior, np.ones_like(slope))
        return np.array([elbo, train.scale_gradient(lower, slope)])


class FixedC(train.Penalty):
    """C never changes, and the kink of C |I^ - M| is left sharp."""

    def __init__(self, levels, steps, C):
        super().__init__(levels, steps)
        self.C = C

    def update(self, values, step):
        self.slope = -self.C * np.sign(values[1] - self.target)


class SameNodes(train.Penalty):
    """The slope is taken from the nodes that give the gradient.  Where noise makes I^
    look low, p is told to raise it there, and the noise of the two does not cancel."""
    step = 0

    def objectives(self, p, q, r, data, prior, slope):
        z, eps, weights = prior
        lower = bounds.stop_gradient(bounds.infomax(r, z, *p.joint(z, eps, weights)))
        self.step += 1
        super().update([None, lower], self.step)
        return train.objectives(p, q, r, data, prior, self.slope)

    def update(self, values, step):
        """Nothing: done before the gradient."""


GRID, DRAWN, SD = problems.SplitNormal(), Drawn(nodes.monte_carlo), 2 * np.log(0.5)
WAYS = {  # name: problem, penalty
    "right": (GRID, train.Penalty),
    "critic shares the penalty": (GRID, SharedPenalty),
    "i.i.d. nodes": (DRAWN, train.Penalty),
    "i.i.d. nodes, same for slope": (DRAWN, SameNodes),
    "C fixed at .001, sharp kink": (GRID, partial(FixedC, C=0.001)),
    "C fixed at 10, sharp kink": (GRID, partial(FixedC, C=10.0)),
    "sd .5, critic a normal": (problems.SplitNormal(log_var=SD), train.Penalty),
    "sd .5, Bayes critic": (problems.SplitNormal(log_var=SD, critic=critics.Bayes()),
                            train.Penalty)}


def run(args):
    train.check(GRID, args.levels, args.seeds, args.steps)
    jobs = [(name, HIDING if "sd" in name else args.levels, args.seeds, args.steps)
            for name in WAYS]
    rows = sum(shared.each(measure, jobs, shared.progress(len(jobs), "runs")), [])
    for name, of_way in by_way(rows).items():
        print(name)
        shared.show_seeds(of_way)
    shared.save(args, rows, draw(rows))


def measure(name, levels, seeds, steps):
    """Train one way, with the objectives of its penalty if it has some; its rows."""
    problem, penalty = WAYS[name]
    penalty = penalty([*levels] * len(seeds), steps)
    models = train.train(problem, levels, seeds, steps, penalty=lambda *_: penalty,
                         objectives=getattr(penalty, "objectives", train.objectives))
    return [{"method": name, **row} for row in exact.evaluate(models)]


def by_way(rows):
    """Rows of each way, in order."""
    return {name: [row for row in rows if row["method"] == name] for name in WAYS}


@plot.style()
def draw(rows):
    """A panel per way: how far I^ and I are from what was asked for, every seed."""
    figure, axes = plt.subplots(2, 4, figsize=(13, 8.2), sharey=True,
                                layout="constrained")
    # About linear up to .01 nats, the aim, and logarithmic far above it.
    axes[0, 0].set_yscale("asinh", linear_width=0.01)
    ticks = [-1, -0.1, -0.01, 0, 0.01, 0.1, 1]
    axes[0, 0].set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes[0, 0].set_yticks([], minor=True)
    for axis, (name, of_way) in zip(axes.flat, by_way(rows).items()):
        levels = [row["level"] for row in of_way if row["seed"] == rows[0]["seed"]]
        seed, level = np.divmod(np.arange(len(of_way)), len(levels))
        axis.axhline(0, color="black", linewidth=1)
        for key, style, colour, size in [("information", "o", "#e08214", 9),
                                         ("lower", "+", "#003f5c", 11)]:
            axis.plot(level + 0.7 * (seed + 0.5) / (seed[-1] + 1),
                      [row[key] - row["level"] for row in of_way], style, color=colour,
                      markersize=size, markeredgewidth=2)
        axis.set_xticks(np.arange(len(levels)) + 0.35, [f"{m:g}" for m in levels])
        axis.set_xlim(-0.15, len(levels) - 0.15)
        lost, m = max(((row["best"] - row["log_likelihood"], row["level"])
                       for row in of_way if not row["note"]), default=(np.nan, np.nan))
        axis.set_title(f"{name}\nlikelihood lost: {lost:.4f} at M = {m:g}", fontsize=12)
    missing = sum(np.isnan([row["information"] for row in rows]))
    figure.supxlabel(
        "M: nats asked for, seeds side by side    I: exact information    Î: what the "
        "critic finds\nvertical axis: bent (asinh), linear up to about .01 nats, then "
        f"logarithmic    not resolved, not shown: {missing} of {len(rows)}\n"
        "A decoder with sd .5 loses likelihood below log 2 nats, whatever the critic: "
        "M = 0 costs that.", size=12)
    figure.supylabel("delivered - asked, nats (bent axis)", size=13)
    axes[0, 0].legend(axes[0, 0].lines[1:], ["exact I", "bound Î"], frameon=False)
    return figure


if __name__ == "__main__":
    shared.main(run, PARSER)
