"""Why the likelihood is not enough (the poster's Figure 4): exact log-likelihood
against exact information, by family of decoders."""
import shared

import numpy as np
from matplotlib import pyplot as plt

from minimae import checks, exact, plot, problems, table, train

# Where the sd is held fixed the slope of the ELBO in I near 0 has no limit; C starts at
# .3.  With this rate, and a C that may grow faster, I ends .004 above 0, else .009.
STEEP_RATE = 0.04
STYLES = {  # marker and line, colour, label
    "restricted": ("^-", "#c2410c", "sd fixed, mean from the net"),
    "expressive": ("s--", "#7a5195", "expressive: mean and sd from the net")}
PARSER = shared.options(__doc__, [k / 10 for k in range(21)],
                        "likelihood_vs_information.png", seeds=4, critic="bayes")
PARSER.add_argument("--sd", type=float, default=0.5, help="where it is held fixed")


def closed_form(information, sd):
    """E log p(x) of x|z ~ N(a z, sd^2) with I(z, x) = information: the marginal is
    N(0, v), v = sd^2 exp(2 I)."""
    v = sd ** 2 * np.exp(2 * information)
    return -0.5 * np.log(2 * np.pi * v) - 0.5 / v


def run(args):
    checks.real(0.05, 2, sd=args.sd)
    restricted = problems.SplitNormal(log_var=2 * np.log(args.sd), critic=args.critic)
    steep = dict(learning_rate=STEEP_RATE, penalty=shared.penalty(args.critic))
    families = {"restricted": (restricted, steep),
                "expressive": (problems.SplitNormal(critic=args.critic), {})}
    train.check(restricted, args.levels, args.seeds, args.steps)
    # Levels from the first seed, plain VAEs from all
    jobs = [(name, *how, levels, seeds, args.steps) for name, how in families.items()
            for levels, seeds in [(args.levels, args.seeds[:1]), ([None], args.seeds)]]
    rows = sum(shared.each(measure, jobs, shared.progress(len(jobs), "runs")), [])
    shared.save(args, rows, draw(rows, args.sd))
    show(rows, args.sd)


def measure(family, problem, how, levels, seeds, steps):
    """Train some models of a family and give their rows."""
    models = train.train(problem, levels, seeds, steps, **how)
    return [{"family": family, **row} for row in exact.evaluate(models)]


def span(values):
    """The least and the greatest of those that are not NaN."""
    least, most = np.round([np.fmin.reduce(values), np.fmax.reduce(values)], 4) + 0.0
    return f"{least:.4f} to {most:.4f}"


def show(rows, sd):
    """A line per family: where its levels and its plain VAEs lie."""
    lines = []
    for family in STYLES:
        level, information, likelihood = shared.columns(
            rows, "level", "information", "log_likelihood", family=family)
        missed = ", ".join(f"{row['level']:g}" for row in rows
                           if row["family"] == family and table.remark(row))
        lines.append({
            "family": family, "missed": np.fmax.reduce(abs(information - level)),
            "likelihood": span(likelihood[level >= 0]),
            "vae": span(information[np.isnan(level)]), "level": None,
            "note": f"not reached or not resolved: M {missed}" if missed else ""})
    table.show(lines, [("family", "family", 0), ("missed", "worst |I - M|", 4),
                       ("likelihood", "E log p(x)", 4), ("vae", "I of plain VAEs", 4)],
               f"all in nats; the best E log p(x) is {rows[0]['best']:.5f}, -log sd is "
               f"{-np.log(sd):.4f}")


@plot.style()
def draw(rows, sd):
    """E log p(x) against I: a sweep and plain VAEs, as stars, of each family."""
    figure, axis = plt.subplots(figsize=(11, 6.6), layout="constrained")
    line = np.linspace(0, max(row["level"] or 0 for row in rows), 300)
    axis.plot(line, closed_form(line, sd), color="black", linewidth=2,
              label=f"closed form, sd = {sd:g} and linear mean")
    star = dict(linestyle="", marker="*", ms=22, markeredgecolor="white", zorder=3)
    for name, (style, colour, label) in STYLES.items():
        level, x, y, reached = shared.columns(
            rows, "level", "information", "log_likelihood", table.reached, family=name)
        sweep, missed, vae = level >= 0, reached == 0, np.isnan(level)
        axis.plot(x[sweep], y[sweep], style, color=colour, markersize=7, label=label)
        axis.plot(x[missed], y[missed], style[0], color="white", markersize=4)
        axis.plot(x[vae], y[vae], color=colour, **star)
    axis.plot([], [], color="grey", **star, label="where plain VAEs stop")
    axis.axvline(-np.log(sd), color="grey", linewidth=1, zorder=0, label="I = -log sd")
    axis.set(xlabel="exact information I, nats", ylabel="exact E log p(x), nats")
    axis.legend(framealpha=1, edgecolor="white", loc=(0.3, 0.04))
    shared.note(figure, rows,
                "a point for every M, the nats asked for    hollow: not reached")
    return figure


if __name__ == "__main__":
    shared.main(run, PARSER)
