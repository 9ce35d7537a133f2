"""What goes wrong: five ways to miss the information asked for, each a few lines away from the right one."""
import autograd.numpy as np
from autograd.tracer import getval

import common
import speed
from minimae import bounds, exact, nodes, problems, train

LEVELS = [0, 0.8, 1.6]
STEPS = 500


def right(p, q, r, data, model, penalty):
    """r climbs I^, p climbs ELBO + slope I^, and the slope comes from the nodes of the step before."""
    return train.mutual(p, q, r, data, model, penalty.slope)


def shared_critic(p, q, r, data, model, penalty):
    """r shares p's penalty: above its level I^ falls because r gets worse, and I stays."""
    z, eps, weights = model
    lower = bounds.infomax(r, z, *p.joint(z, eps, weights))
    everyone = bounds.elbo(p, q, *data) + penalty.slope * lower
    return np.array([everyone, getval(lower)])  # the second for the penalty to see, without a gradient of its own


def same_nodes(p, q, r, data, model, penalty):
    """The slope is taken from the nodes that give the gradient: where noise makes I^ look low, p is told to raise it
    there, and the noise of the two does not cancel."""
    z, eps, weights = model
    penalty.update(getval(bounds.infomax(r, z, *p.joint(z, eps, weights))), penalty.now)
    return train.mutual(p, q, r, data, model, penalty.slope)


class Fixed(train.Penalty):
    """C |I^ - M| with a C that never changes and the kink left sharp."""
    def __init__(self, levels, steps, C):
        super().__init__(levels, steps)
        self.C = np.full(len(levels), C)

    def update(self, lower, step):
        self.slope = -self.C * np.sign(lower - self.target)


def climb(problem, objective, penalty, rows, seeds, steps):
    def after(step, params, values):
        penalty.now = step + 1
        if objective is not same_nodes:
            penalty.update(values[1], step)

    penalty.now = 1
    return train.climb(problem, lambda *args: objective(*args, penalty), rows, seeds, steps, after=after)


def main(argv=None):
    options = common.parser(__doc__, LEVELS, STEPS, "traps.png")
    options.set_defaults(seeds=4, out=options.get_default("default_out"))  # always a figure
    return common.main(options, run, argv)


def run(args):
    grid, seeds = problems.split_normal(), common.seeds(args)
    iid = speed.with_nodes(grid, nodes.monte_carlo, 144)  # as many as the grid has, 12 x 12
    train.check(grid, args.levels, seeds, args.steps)
    all_levels = list(args.levels) * len(seeds)

    def penalty():
        return train.Penalty(all_levels, args.steps)

    ways = [("right", grid, right, penalty()), ("critic shares the penalty", grid, shared_critic, penalty()),
            ("144 i.i.d. nodes", iid, right, penalty()), ("144 i.i.d. nodes, slope from the same", iid, same_nodes, penalty()),
            ("C fixed at .001, sharp kink", grid, right, Fixed(all_levels, args.steps, 1e-3)),
            ("C fixed at 10, sharp kink", grid, right, Fixed(all_levels, args.steps, 10.0))]
    rows, done = [], common.stages(len(ways))
    for name, problem, objective, how in ways:
        params = climb(problem, objective, how, len(args.levels), seeds, args.steps)
        found = common.rows(args.levels, seeds, exact.figures(problem, params, strict=False), problem.best)
        rows += [{"way": name, **row} for row in found]
        done()
    if args.csv:
        common.write_csv(args.csv, rows)
    print_table(rows)
    common.save(draw(rows, args.show), args)


def by_way(rows):
    return {way: [row for row in rows if row["way"] == way] for way in dict.fromkeys(row["way"] for row in rows)}


def print_table(rows):
    print("in nats: worst over seeds, and mean in brackets")
    for way, found in by_way(rows).items():
        print(way)
        for level in dict.fromkeys(row["level"] for row in found):
            same = [row for row in found if row["level"] == level]
            errors = np.array([[row["lower"] - level, row["exact"] - level, row["best"] - row["log_likelihood"]] for row in same])
            worst, mean = np.max(np.abs(errors), 0), np.mean(errors, 0)
            print(f"  M {level:<5.4g} |I^ - M| {worst[0]:.4f} ({mean[0]:+.4f})   |I - M| {worst[1]:.4f} ({mean[1]:+.4f})"
                  f"   likelihood lost {worst[2]:.4f}")


def draw(rows, show=False):
    """A panel per way: how far I^ and I are from what was asked for, every seed."""
    ways = by_way(rows)
    figure = common.figure(show, figsize=(13, 7), layout="constrained")
    axes = figure.subplots(2, -(-len(ways) // 2), sharex=True, sharey=True, squeeze=False).ravel()
    for axis, (way, found) in zip(axes, ways.items()):
        level = np.array([row["level"] for row in found])
        axis.axhline(0, color="black", linewidth=1)
        for key, marker, size, colour, label in [("exact", "o", 11, "#e08214", "exact I"), ("lower", "+", 14, "#003f5c", "bound Î")]:
            axis.plot(level, [row[key] for row in found] - level, marker, color=colour, markersize=size, markeredgewidth=2,
                      label=label)
        axis.set_yscale("symlog", linthresh=0.01)  # linear up to .01 nats, the aim for every level
        axis.set_title(f"{way}\nlikelihood lost: {max(row['best'] - row['log_likelihood'] for row in found):.4f}", fontsize=14)
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=11)
    figure.supxlabel("M, nats asked for", fontsize=13)
    figure.supylabel("delivered - asked, nats", fontsize=13)
    axes[0].legend(fontsize=13, frameon=False, loc="lower right")
    return figure


if __name__ == "__main__":
    raise SystemExit(main())
