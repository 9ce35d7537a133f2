"""Why the likelihood is not enough (the poster's Figure 4): exact log-likelihood against
exact information, by family."""
import numpy as np

import canvas
import common
from minimae import exact, problems, table, train

LEVELS = [round(level, 4) for level in np.linspace(0, 2, 33)]
STEPS = 600
STYLES = {"linear": ("o", "#003f5c", "sd fixed, linear mean"),
          "restricted": ("^", "#c2410c", "sd fixed, net mean"),
          "expressive": ("s", "#7a5195", "expressive: mean and sd from the net")}


def main(argv=None):
    options = common.parser(__doc__, LEVELS, STEPS, "likelihood_vs_information.png",
                            always_out=4)  # --seeds are those of the plain VAEs
    options.add_argument("--sd", type=float, default=0.5,
                         help="standard deviation at which restricted decoders are fixed")
    return common.main(options, run, argv)


def closed_form(information, sd):
    """E log p(x) of x|z ~ N(a z, sd^2) with I(z, x) = information: the marginal is N(0, v),
    v = sd^2 exp(2 I)."""
    v = sd ** 2 * np.exp(2 * information)
    return -0.5 * np.log(2 * np.pi * v) - 0.5 / v


def run(args):
    if not 0.05 <= args.sd <= 2:
        raise ValueError(f"--sd {args.sd}: give one from 0.05 to 2")
    log_var = 2 * np.log(args.sd)
    families = {"linear": problems.SplitNormal(log_var=log_var, linear=True),
                "restricted": problems.SplitNormal(log_var=log_var),
                "expressive": problems.SplitNormal()}
    rows = []
    for name, problem in families.items():
        for levels, seeds in [(args.levels, [args.seed]), ([None], common.seeds(args))]:
            params = train.train(problem, levels, seeds, args.steps,
                                 after=common.progress(args.steps))
            values = exact.evaluate(problem, params)
            rows += [{"family": name, **row}
                     for row in table.rows(levels, seeds, values, problem.best)]
    show(rows, args.sd)
    canvas.finish(args, rows, lambda: draw(rows, args.sd, args.show))


def column(rows, key, family, vae):
    """One key of a family's sweep over levels, or of its plain VAEs."""
    return np.array([row[key] for row in rows
                     if row["family"] == family and (row["level"] == "vae") == vae])


def show(rows, sd):
    """Where each family's sweep, its closed form and its plain VAEs lie."""
    print(f"all in nats, by quadrature; the best E log p(x) is {rows[0]['best']:.5f}, "
          f"-log sd is {-np.log(sd):.4f}")
    for family in STYLES:
        information = column(rows, "exact", family, False)
        likelihood = column(rows, "log_likelihood", family, False)
        worst = np.max(np.abs(information - column(rows, "level", family, False)))
        vaes = column(rows, "exact", family, True)
        print(f"  {family:10s}  worst |I - M| {worst:.4f}   "
              f"E log p(x) {likelihood.min():.4f} to {likelihood.max():.4f}   "
              "plain VAEs at I = " + " ".join(f"{value:.4f}" for value in vaes))
        if family != "expressive":
            excess = likelihood - closed_form(information, sd)
            print("              above the closed form of a linear mean: "
                  f"{excess.min():+.5f} to {excess.max():+.5f}")


def draw(rows, sd, show=False):
    """I on the x axis, E log p(x) on the y axis; a sweep per family, the closed form, and
    the plain VAEs as stars."""
    figure = canvas.figure(show, figsize=(10, 6), layout="constrained")
    axis = figure.subplots()
    line = np.linspace(0, max(row["exact"] for row in rows), 300)
    axis.plot(line, closed_form(line, sd), color="black", linewidth=2,
              label=f"closed form, sd = {sd:g} and linear mean")
    for family, (marker, colour, label) in STYLES.items():
        sweep, vaes = [sorted(zip(column(rows, "exact", family, vae),
                                  column(rows, "log_likelihood", family, vae)))
                       for vae in (False, True)]
        axis.plot(*zip(*sweep), "--" if family == "expressive" else "", marker=marker,
                  color=colour, markersize=6, label=label)
        axis.plot(*zip(*vaes), "*", color=colour, markersize=22, markeredgecolor="black",
                  zorder=3)
    axis.plot([], [], "*", color="white", markersize=18, markeredgecolor="black",
              label="plain VAEs: where likelihood alone stops")
    axis.axvline(-np.log(sd), color="grey", linewidth=1)
    axis.annotate("-log sd", (-np.log(sd), 0.02), xycoords=("data", "axes fraction"),
                  xytext=(-6, 0), ha="right", textcoords="offset points", fontsize=13)
    axis.set_xlabel("exact information I(z, x), nats", fontsize=13)
    axis.set_ylabel("exact E log p(x), nats", fontsize=13)
    axis.legend(fontsize=13, framealpha=1, edgecolor="white", loc="lower center",
                bbox_to_anchor=(0.48, 0.06))
    canvas.bare(axis)
    return figure


if __name__ == "__main__":
    raise SystemExit(main())
