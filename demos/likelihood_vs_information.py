"""Why the likelihood is not enough (the poster's Figure 4): exact log-likelihood
against exact information, by family."""
import numpy as np

import canvas
import common
from minimae import exact, problems, table, train

LEVELS = [round(level, 4) for level in np.linspace(0, 2, 17)]
STEPS = 600
# Of C.  A fixed sd makes the likelihood steep in I, up to 1/sd^2 - 1 nats a nat; with a
# critic that cannot lag C may grow ten times as fast as by default without harm.
GROWTH = 1000.0
STYLES = {"linear": ("o", "#003f5c", "sd fixed, linear mean"),
          "restricted": ("^", "#c2410c", "sd fixed, net mean"),
          "expressive": ("s", "#7a5195", "expressive: mean and sd from the net")}


def main(argv=None):
    options = common.parser(__doc__, LEVELS, STEPS, "likelihood_vs_information.png",
                            always_out=4)  # --seeds are those of the plain VAEs
    options.add_argument("--sd", type=float, default=0.5,
                         help="standard deviation of the restricted decoders")
    common.add_critic(options, "bayes")  # of those with a net for a mean
    return common.main(options, run, argv)


def closed_form(information, sd):
    """E log p(x) of x|z ~ N(a z, sd^2) with I(z, x) = information: the marginal is
    N(0, v), v = sd^2 exp(2 I)."""
    v = sd ** 2 * np.exp(2 * information)
    return -0.5 * np.log(2 * np.pi * v) - 0.5 / v


def run(args):
    if not 0.05 <= args.sd <= 2:
        raise ValueError(f"--sd {args.sd}: give one from 0.05 to 2")
    log_var = 2 * np.log(args.sd)
    families = {"linear": problems.SplitNormal(log_var=log_var, linear=True),
                "restricted": problems.SplitNormal(log_var=log_var, critic=args.critic),
                "expressive": problems.SplitNormal()}
    rows = []
    for name, problem in families.items():
        for levels, seeds in [(args.levels, [args.seed]), ([None], common.seeds(args))]:
            # The exact posteriors of the other two are nearly normal, or are.
            growth = GROWTH if problem.critic == "bayes" else train.GROWTH
            params = train.train(problem, levels, seeds, args.steps, growth=growth,
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
        levels, information, likelihood = [
            column(rows, key, family, False)
            for key in ("level", "exact", "log_likelihood")]
        vaes = column(rows, "exact", family, True)
        if np.any(np.isfinite(information)):
            worst = np.nanmax(np.abs(information - levels))
            print(f"  {family:10s}  worst |I - M| {worst:.4f}   E log p(x) "
                  f"{np.nanmin(likelihood):.4f} to {np.nanmax(likelihood):.4f}   plain "
                  "VAEs at I = " + " ".join(f"{value:.4f}" for value in vaes))
            excess = likelihood - closed_form(information, sd)
            if family != "expressive":
                print("              above the closed form of a linear mean: "
                      f"{np.nanmin(excess):+.5f} to {np.nanmax(excess):+.5f}")
        for level in levels[np.isnan(information)]:
            print(f"  {family:10s}  M = {level:.4g}: not resolved, p(x|z) is too sharp "
                  "for exact figures")


def draw(rows, sd, show=False):
    """I on the x axis, E log p(x) on the y axis; a sweep per family, the closed form, and
    the plain VAEs as stars."""
    figure = canvas.figure(show, figsize=(10, 6), layout="constrained")
    axis = figure.subplots()
    known = [row["exact"] for row in rows if np.isfinite(row["exact"])]
    line = np.linspace(0, max(known, default=1), 300)
    axis.plot(line, closed_form(line, sd), color="black", linewidth=2,
              label=f"closed form, sd = {sd:g} and linear mean")
    for family, (marker, colour, label) in STYLES.items():
        sweep, vaes = [sorted(zip(column(rows, "exact", family, vae),
                                  column(rows, "log_likelihood", family, vae)))
                       for vae in (False, True)]
        axis.plot(*zip(*sweep), "--" if family == "expressive" else "", marker=marker,
                  color=colour, markersize=7, label=label)
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
