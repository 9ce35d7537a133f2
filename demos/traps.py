"""What goes wrong: five ways to miss the information asked for, each a few lines away from
the right one."""
import autograd.numpy as np

import canvas
import common
from minimae import bounds, exact, nodes, problems, table, train
from minimae.nets import held

LEVELS = [0, 0.8, 1.6]
STEPS = 500


def shared_critic(p, q, r, data, prior, slope):
    """r shares p's penalty: above its level I^ falls because r gets worse, and I stays."""
    z, eps, weights = prior
    lower = bounds.infomax(r, z, *p.joint(z, eps, weights))
    everyone = bounds.elbo(p, q, *data) + slope * lower
    return np.array([everyone, held(lower)])  # the second only for the penalty to see


class Fixed(train.Penalty):
    """C |I^ - M| with a C that never changes and the kink left sharp."""

    def __init__(self, levels, steps, C):
        super().__init__(levels, steps)
        self.C = np.full(len(levels), C)

    def update(self, values, step):
        self.slope = -self.C * np.sign(values[1] - self.target)


class SameNodes(train.Penalty):
    """The slope is taken from the nodes that give the gradient: where noise makes I^ look
    low, p is told to raise it there, and the noise of the two does not cancel."""
    step = 1

    def objectives(self, p, q, r, data, prior, slope):
        z, eps, weights = prior
        lower = held(bounds.infomax(r, z, *p.joint(z, eps, weights)))
        super().update([None, lower], self.step)
        return train.objectives(p, q, r, data, prior, self.slope)

    def update(self, values, step):
        self.step = step + 1


def main(argv=None):
    options = common.parser(__doc__, LEVELS, STEPS, "traps.png", always_out=4)
    return common.main(options, run, argv)


def run(args):
    seeds, grid = common.seeds(args), problems.SplitNormal()
    # as many as the grid has, 12 x 12
    iid = problems.SplitNormal(draw=nodes.monte_carlo, n_train=144)
    train.check(grid, args.levels, seeds, args.steps)
    every = list(args.levels) * len(seeds), args.steps
    same = SameNodes(*every)
    ways = {
        "right": (grid, {}),
        "critic shares the penalty": (grid, dict(objectives=shared_critic)),
        "144 i.i.d. nodes": (iid, {}),
        "144 i.i.d. nodes, slope from the same": (
            iid, dict(objectives=same.objectives, penalty=same)),
        "C fixed at .001, sharp kink": (grid, dict(penalty=Fixed(*every, 1e-3))),
        "C fixed at 10, sharp kink": (grid, dict(penalty=Fixed(*every, 10.0)))}
    rows, done = [], common.progress(len(ways), "runs")
    for n, (way, (problem, change)) in enumerate(ways.items(), 1):
        params = train.train(problem, args.levels, seeds, args.steps, **change)
        values = exact.evaluate(problem, params)
        rows += [{"way": way, **row}
                 for row in table.rows(args.levels, seeds, values, problem.best)]
        done(n)
    show(rows)
    canvas.finish(args, rows, lambda: draw(rows, args.show))


def by_way(rows):
    return {way: [row for row in rows if row["way"] == way]
            for way in dict.fromkeys(row["way"] for row in rows)}


def show(rows):
    print("in nats: worst over seeds, and mean in brackets")
    for way, found in by_way(rows).items():
        print(way)
        for level in dict.fromkeys(row["level"] for row in found):
            errors = np.array([[row["lower"] - level, row["exact"] - level,
                                row["best"] - row["log_likelihood"]]
                               for row in found if row["level"] == level])
            worst, mean = np.max(np.abs(errors), 0), np.mean(errors, 0)
            print(f"  M {level:<5.4g} |I^ - M| {worst[0]:.4f} ({mean[0]:+.4f})   "
                  f"|I - M| {worst[1]:.4f} ({mean[1]:+.4f})   "
                  f"likelihood lost {worst[2]:.4f}")


def draw(rows, show=False):
    """A panel per way: how far I^ and I are from what was asked for, every seed."""
    ways = by_way(rows)
    figure = canvas.figure(show, figsize=(13, 7), layout="constrained")
    shape = dict(sharex=True, sharey=True, squeeze=False)
    axes = figure.subplots(2, -(-len(ways) // 2), **shape).ravel()
    for axis, (way, found) in zip(axes, ways.items()):
        level = np.array([row["level"] for row in found])
        axis.axhline(0, color="black", linewidth=1)
        for key, marker, size, colour, label in [
                ("exact", "o", 11, "#e08214", "exact I"), ("lower", "+", 14, "#003f5c", "bound Î")]:
            axis.plot(level, [row[key] for row in found] - level, marker, color=colour,
                      markersize=size, markeredgewidth=2, label=label)
        axis.set_yscale("symlog", linthresh=0.01)  # linear up to .01 nats, the aim
        lost = max(row["best"] - row["log_likelihood"] for row in found)
        axis.set_title(f"{way}\nlikelihood lost: {lost:.4f}", fontsize=14)
        axis.tick_params(labelsize=11)
        canvas.bare(axis)
    figure.supxlabel("M, nats asked for", fontsize=13)
    figure.supylabel("delivered - asked, nats", fontsize=13)
    axes[0].legend(fontsize=13, frameon=False, loc="lower right")
    return figure


if __name__ == "__main__":
    raise SystemExit(main())
