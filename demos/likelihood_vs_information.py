"""Why the likelihood is not enough (the poster's Figure 4): exact log-likelihood against exact information, by family."""
import csv

import numpy as np

import common
from minimae import exact, problems, train

LEVELS = [round(level, 4) for level in np.linspace(0, 2, 33)]
STEPS = 600


def main(argv=None):
    options = common.parser(__doc__, LEVELS, STEPS, "likelihood_vs_information.png")
    options.add_argument("--sd", type=float, default=0.5, help="standard deviation at which restricted decoders are fixed")
    options.set_defaults(seeds=4, out=options.get_default("default_out"))  # seeds of the plain VAEs; always a figure
    return common.main(options, run, argv)


def closed_form(information, sd):
    """E log p(x) of x|z ~ N(a z, sd^2) with I(z, x) = information: the marginal is N(0, v), v = sd^2 exp(2 I)."""
    v = sd ** 2 * np.exp(2 * information)
    return -0.5 * np.log(2 * np.pi * v) - 0.5 / v


def run(args):
    if not 0.05 <= args.sd <= 2:
        raise ValueError(f"--sd {args.sd}: give one from 0.05 to 2")
    log_var = 2 * np.log(args.sd)
    families = {
        "linear": problems.split_normal(log_var=log_var, linear=True),
        "restricted": problems.split_normal(log_var=log_var),
        "expressive": problems.split_normal(),
    }
    rows = []
    for name, problem in families.items():
        progress = common.progress(args.steps)
        sweep = train.train(problem, args.levels, [args.seed], args.steps, after=progress)
        vaes = train.train(problem, [None], common.seeds(args), args.steps, after=progress)
        rows += [{"family": name, **row} for row in common.rows(args.levels, [args.seed], exact.figures(problem, sweep), problem.best)
                 + common.rows([None], common.seeds(args), exact.figures(problem, vaes), problem.best)]
    if args.csv:
        common.write_csv(args.csv, rows)
    print_summary(rows, args.sd)
    common.save(draw(rows, args.sd, args.show), args)


def print_summary(rows, sd):
    """Where each family's sweep, its closed form and its plain VAEs lie."""
    def of(family, vae=False):
        return [row for row in rows if row["family"] == family and (row["level"] == "vae") == vae]

    def column(chosen, key):
        return np.array([row[key] for row in chosen])

    best = rows[0]["best"]
    print(f"all in nats, by quadrature; the best E log p(x) is {best:.5f}, -log sd is {-np.log(sd):.4f}")
    for family in ("linear", "restricted", "expressive"):
        sweep, vaes = of(family), of(family, vae=True)
        information, likelihood = column(sweep, "exact"), column(sweep, "log_likelihood")
        print(f"  {family:10s}  worst |I - M| {np.max(np.abs(information - column(sweep, 'level'))):.4f}   "
              f"E log p(x) {likelihood.min():.4f} to {likelihood.max():.4f}   plain VAEs at I = "
              + " ".join(f"{value:.4f}" for value in column(vaes, "exact")))
        if family != "expressive":
            excess = likelihood - closed_form(information, sd)
            print(f"              above the closed form of a linear mean: {excess.min():+.5f} to {excess.max():+.5f}")


def draw(rows, sd, show=False):
    """I on the x axis, E log p(x) on the y axis; a sweep per family, the closed form, and the plain VAEs as stars."""
    figure = common.figure(show, figsize=(10, 6), layout="constrained")
    axis = figure.subplots()
    styles = {"linear": ("o", "#003f5c", "sd fixed, linear mean"), "restricted": ("^", "#c2410c", "sd fixed, net mean"),
              "expressive": ("s", "#7a5195", "expressive: mean and sd from the net")}
    line = np.linspace(0, max(row["exact"] for row in rows), 300)
    axis.plot(line, closed_form(line, sd), color="black", linewidth=2, label=f"closed form, sd = {sd:g} and linear mean")
    for family, (marker, colour, label) in styles.items():
        sweep = sorted((row["exact"], row["log_likelihood"]) for row in rows if row["family"] == family and row["level"] != "vae")
        axis.plot(*zip(*sweep), "--" if family == "expressive" else "", marker=marker, color=colour, markersize=6, label=label)
        vaes = [(row["exact"], row["log_likelihood"]) for row in rows if row["family"] == family and row["level"] == "vae"]
        axis.plot(*zip(*vaes), "*", color=colour, markersize=22, markeredgecolor="black", zorder=3)
    axis.plot([], [], "*", color="white", markersize=18, markeredgecolor="black", label="plain VAEs: where likelihood alone stops")
    axis.axvline(-np.log(sd), color="grey", linewidth=1)
    axis.annotate("-log sd", (-np.log(sd), 0.02), xycoords=("data", "axes fraction"), xytext=(-6, 0), ha="right",
                  textcoords="offset points", fontsize=13)
    axis.set_xlabel("exact information I(z, x), nats", fontsize=13)
    axis.set_ylabel("exact E log p(x), nats", fontsize=13)
    axis.legend(fontsize=13, framealpha=1, edgecolor="white", loc="lower center", bbox_to_anchor=(0.48, 0.06))
    axis.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    raise SystemExit(main())
