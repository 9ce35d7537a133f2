"""Why the likelihood is not enough (the poster's Figure 4): exact log-likelihood
against exact information, by family of decoders."""
import shared

import numpy as np
from matplotlib import pyplot as plt

from minimae import checks, exact, nets, plot, problems, table, train

# Where the sd is held fixed the ELBO is steep in I near 0: for sd .5 its slope is
# 1 / sd^2 - 1 = 3 with a linear mean and has no limit with a net's; C starts at .3.
# With this rate, and a C that may grow faster, I ends .004 above 0, else .009.
STEEP_RATE = 0.04
# Marker and line, colour, label, size of a star: those of the first two coincide.
STYLES = {"linear": ("o", "#003f5c", "sd fixed, linear mean", 34),
          "restricted": ("^-", "#c2410c", "sd fixed, net mean", 16),
          "expressive": ("s--", "#7a5195", "expressive: mean and sd from the net", 22)}
PARSER = shared.options(__doc__, [k / 10 for k in range(21)],
                        "likelihood_vs_information.png", seeds=4, critic="bayes")
PARSER.add_argument("--sd", type=float, default=0.5, help="where it is held fixed")


class LinearNet(nets.NormalNet):
    """x | z ~ N(z W + b, exp log_var)."""

    def mean_and_log_var(self, inputs):
        W, b = self.params
        return inputs @ W + b, self.log_var


class Linear(problems.SplitNormal):
    """The split normal with such a decoder, for which `closed_form` holds."""

    def init_decoder(self, rng):
        return 0.1 * rng.standard_normal((1, 1, 1, 1)), np.zeros((1, 1, 1, 1))

    def decoder(self, params):
        return LinearNet(params, self.log_var)


def closed_form(information, sd):
    """E log p(x) of x|z ~ N(a z, sd^2) with I(z, x) = information: the marginal is
    N(0, v), v = sd^2 exp(2 I)."""
    v = sd ** 2 * np.exp(2 * information)
    return -0.5 * np.log(2 * np.pi * v) - 0.5 / v


def run(args):
    checks.real(0.05, 2, sd=args.sd)
    fixed = dict(log_var=2 * np.log(args.sd), critic=args.critic)
    steep = dict(learning_rate=STEEP_RATE, penalty=shared.penalty(args.critic))
    families = {"linear": (Linear(**fixed), steep),
                "restricted": (problems.SplitNormal(**fixed), steep),
                "expressive": (problems.SplitNormal(critic=args.critic), {})}
    train.check(families["linear"][0], args.levels, args.seeds, args.steps)
    # Levels from the first seed, plain VAEs from all
    jobs = [(family, *families[family], levels, seeds, args.steps) for family in STYLES
            for levels, seeds in [(args.levels, args.seeds[:1]), ([None], args.seeds)]]
    rows = sum(shared.each(measure, jobs, shared.progress(len(jobs), "runs")), [])
    show(rows, args.sd)
    shared.save(args, rows, draw(rows, args.sd))


def measure(family, problem, how, levels, seeds, steps):
    """Train some models of a family and give their rows."""
    models = train.train(problem, levels, seeds, steps, **how)
    return [{"family": family, **row} for row in exact.evaluate(models)]


def columns(rows, family, vae=False):
    """Level, I, E log p(x) and if they miss it, of a family's levels or plain VAEs."""
    keys = "level", "information", "log_likelihood"
    these = [row for row in rows if row["family"] == family]
    return np.array([[*map(row.get, keys), not table.reached(row)] for row in these
                     if (row["level"] is None) == vae], float).T


def span(values, digits=4):
    """The least and the greatest of those that are not NaN."""
    ends = np.round([np.fmin.reduce(values), np.fmax.reduce(values)], digits) + 0.0
    return " to ".join(f"{end:.{digits}f}" for end in ends)


def show(rows, sd):
    """A line per family: where its levels and its plain VAEs lie."""
    lines = []
    for family in STYLES:
        level, information, likelihood, _ = columns(rows, family)
        names = ", ".join(table.text(row, "level", 4) for row in rows
                          if row["family"] == family and table.remark(row))
        lines.append({
            "family": family,
            "worst |I - M|": f"{np.fmax.reduce(abs(information - level)):.4f}",
            "E log p(x)": span(likelihood),
            "above closed form": span(likelihood - closed_form(information, sd), 5),
            "I of plain VAEs": span(columns(rows, family, True)[1]), "level": None,
            "note": f"not reached or not resolved: M {names}" if names else ""})
    table.show(lines, [(words, words, 0) for words in [*lines[0]][:-2]],
               f"all in nats; the best E log p(x) is {rows[0]['best']:.5f}, -log sd is "
               f"{-np.log(sd):.4f}")


@plot.style()
def draw(rows, sd):
    """E log p(x) against I: a sweep and plain VAEs, as stars, of each family."""
    figure, axis = plt.subplots(figsize=(11, 6.6), layout="constrained")
    line = np.linspace(0, max(row["level"] or 0 for row in rows), 300)
    axis.plot(line, closed_form(line, sd), color="black", linewidth=2,
              label=f"closed form, sd = {sd:g} and linear mean")
    star = dict(linestyle="", marker="*", markeredgecolor="white", zorder=3)
    for family, (style, colour, label, size) in STYLES.items():
        _, x, y, missed = columns(rows, family)
        axis.plot(x, y, style, color=colour, markersize=7, label=label)
        axis.plot(x[missed == 1], y[missed == 1], style[0], color="white", markersize=4)
        axis.plot(*columns(rows, family, True)[1:3], color=colour, ms=size, **star)
    axis.plot([], [], color="grey", markersize=22, **star,
              label="plain VAEs: where likelihood alone stops")
    axis.axvline(-np.log(sd), color="grey", linewidth=1, zorder=0, label="I = -log sd")
    axis.set(xlabel="exact information I, nats", ylabel="exact E log p(x), nats")
    axis.legend(framealpha=1, edgecolor="white", loc=(0.3, 0.04))
    missing = sum(np.isnan([row["information"] for row in rows]))
    figure.supxlabel("a point for every M, the nats asked for    hollow: not reached"
                     f"    not resolved, not shown: {missing} of {len(rows)}", size=12)
    return figure


if __name__ == "__main__":
    shared.main(run, PARSER)
