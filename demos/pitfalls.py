"""What goes wrong: six ways to miss the information asked for, each a few lines away
from the right one."""
import copy

import autograd.numpy as np

import canvas
import common
import workers
from minimae import bounds, exact, nodes, problems, table, train
from minimae.nets import held

LEVELS = [0, 0.8, 1.6]
STEPS = 500
# Far below where its likelihood peaks, at log 2 nats, a decoder with its sd held at .5
# wants more information than it may have, and hides it from a critic that is a normal.
HIDING = [0, 0.2]
WAYS = {  # name: problem, and what is done wrong
    "right": ("grid", {}),
    "critic shares the penalty": ("grid", dict(shares=True)),
    "144 i.i.d. nodes": ("i.i.d.", {}),
    "144 i.i.d. nodes, slope from the same": ("i.i.d.", dict(same=True)),
    "C fixed at .001, sharp kink": ("grid", dict(C=0.001)),
    "C fixed at 10, sharp kink": ("grid", dict(C=10.0)),
    "sd .5, critic a normal": ("sd .5", {}),
    "sd .5, Bayes critic": ("sd .5, Bayes", {})}
PROBLEMS = {
    "grid": problems.SplitNormal(),
    # as many as the grid has, 12 x 12
    "i.i.d.": problems.SplitNormal(draw=nodes.monte_carlo, n_train=144),
    "sd .5": problems.SplitNormal(log_var=2 * np.log(0.5)),
    "sd .5, Bayes": problems.SplitNormal(log_var=2 * np.log(0.5), critic="bayes")}


class Penalty(train.Penalty):
    """The penalty of a stack of right and wrong models, stacked by seed, way and level.

    `shares`: r shares p's penalty, so that above its level I^ falls because r gets
    worse, and I stays.  `C`: one that never changes, and the kink of C |I^ - M| left
    sharp.  `same`: the slope is taken from the nodes that give the gradient.  Where
    noise makes I^ look low, p is told to raise it there, and the noise of the two does
    not cancel.
    """
    step = 0

    def __init__(self, ways, levels, seeds, steps):
        super().__init__([*levels] * len(ways) * len(seeds), steps)
        self.shares, self.same, self.fixed = (
            np.tile(np.repeat([way.get(key, 0) for way in ways], len(levels)),
                    len(seeds)) for key in ("shares", "same", "C"))

    def update(self, values, step):
        super().update(values, step)
        sharp = -self.fixed * np.sign(values[1] - self.target)
        self.slope = np.where(self.fixed, sharp, self.slope)
        self.step = step

    def objectives(self, p, q, r, data, prior, slope):
        if np.any(self.same):
            z, eps, weights = prior
            lower = held(bounds.infomax(r, z, *p.joint(z, eps, weights)))
            ahead = copy.copy(self)
            ahead.update([None, lower], self.step + 1)
            slope = np.where(self.same, ahead.slope, slope)
        elbo, lower = train.objectives(p, q, r, data, prior,
                                       np.where(self.shares, 1, slope))
        return np.array([elbo, train.scale_gradient(
            lower, np.where(self.shares, slope, 1))])  # of p and of r


def main(argv=None):
    options = common.parser(__doc__, LEVELS, STEPS, "traps.png", always_out=4)
    return common.main(options, run, argv)


def run(args):
    seeds, rows = common.seeds(args), []
    train.check(PROBLEMS["grid"], args.levels, seeds, args.steps)
    jobs = [(name, HIDING if "sd" in name else args.levels, seeds, args.steps)
            for name in PROBLEMS]
    for found in workers.each(measure, jobs, common.progress(len(jobs), "runs")):
        rows += found
    rows.sort(key=lambda row: [*WAYS].index(row["way"]))
    show(rows)
    canvas.finish(args, rows, lambda: draw(rows, args.show))


def measure(name, levels, seeds, steps):
    """Train all ways to go wrong on one problem, in a stack; a row per model."""
    problem = PROBLEMS[name]
    ways = {way: wrong for way, (of, wrong) in WAYS.items() if of == name}
    penalty = Penalty(ways.values(), levels, seeds, steps)
    params = train.train(problem, [*levels] * len(ways), seeds, steps,
                         penalty=penalty, objectives=penalty.objectives)
    values = exact.evaluate(problem, params)
    stacked = table.rows([*levels] * len(ways), seeds, values, problem.best)
    return [{"way": [*ways][index // len(levels) % len(ways)], **row}
            for index, row in enumerate(stacked)]


def by_way(rows):
    """Rows of each way, in order."""
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
            resolved = np.isfinite(errors[:, 1])
            note = "" if all(resolved) else (f"   {np.sum(~resolved)} of {len(errors)} "
                                             "not resolved")
            errors = errors[resolved] if any(resolved) else errors
            worst, mean = np.max(np.abs(errors), 0), np.mean(errors, 0)
            print(f"  M {level:<5.4g} |I^ - M| {worst[0]:.4f} ({mean[0]:+.4f})   "
                  f"|I - M| {worst[1]:.4f} ({mean[1]:+.4f})   "
                  f"likelihood lost {worst[2]:.4f}{note}")


def draw(rows, show=False):
    """A panel per way: how far I^ and I are from what was asked for, every seed."""
    figure = canvas.figure(show, figsize=(15, 7.5))
    axes = figure.subplots(2, 4, sharey=True)
    figure.subplots_adjust(0.07, 0.09, 0.995, 0.92, 0.06, 0.36)
    # About linear up to .01 nats, the aim, and logarithmic far above it.
    axes[0, 0].set_yscale("asinh", linear_width=0.01)
    ticks = [-1, -0.1, -0.01, 0, 0.01, 0.1, 1]
    axes[0, 0].set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes[0, 0].set_yticks([], minor=True)
    for axis, (way, found) in zip(axes.ravel(), by_way(rows).items()):
        level = np.array([row["level"] for row in found])
        axis.axhline(0, color="black", linewidth=1)
        for key, marker, size, colour, label in [
                ("exact", "o", 11, "#e08214", "exact I"),
                ("lower", "+", 14, "#003f5c", "bound Î")]:
            axis.plot(level, [row[key] for row in found] - level, marker, color=colour,
                      markersize=size, markeredgewidth=2, label=label)
        axis.set_xticks(np.unique(level), [f"{value:g}" for value in np.unique(level)])
        axis.margins(x=0.12)
        lost = max([row["best"] - row["log_likelihood"] for row in found
                    if np.isfinite(row["exact"])], default=np.nan)
        axis.set_title(f"{way}\nlikelihood lost: {lost:.4f}", fontsize=12)
        axis.tick_params(labelsize=12)
        canvas.bare(axis)
    figure.supxlabel("M, nats asked for", y=0.01, fontsize=13)
    figure.supylabel("delivered - asked, nats", x=0.005, fontsize=13)
    axes[0, 0].legend(fontsize=13, frameon=False, loc="lower right")
    return figure


if __name__ == "__main__":
    raise SystemExit(main())
