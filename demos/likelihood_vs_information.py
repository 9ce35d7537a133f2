"""Why the likelihood is not enough (the poster's Figure 4): exact log-likelihood
against exact information, by family."""
import autograd.numpy as np

import canvas
import common
import workers
from minimae import bounds, exact, problems, table, train

LEVELS = [round(level, 4) for level in np.linspace(0, 2, 21)]
STEPS = 500
# Where the sd is held fixed the ELBO is steep in I, with a slope of 1 / sd^2 - 1 at 0:
# 3 for the sd of .5, and C starts at .3.  With this rate and a C that grows faster I
# ends .004 above 0, with the defaults .009; for the expressive family, whose ELBO is
# flat, they would only cost likelihood.
STEEP_RATE = 0.04
STYLES = {"linear": ("o", "#003f5c", "sd fixed, linear mean"),
          "restricted": ("^-", "#c2410c", "sd fixed, net mean"),
          "expressive": ("s--", "#7a5195", "expressive: mean and sd from the net")}


def main(argv=None):
    options = common.parser(__doc__, LEVELS, STEPS, "likelihood_vs_information.png",
                            always_out=4)  # --seeds are those of the plain VAEs
    options.add_argument("--sd", type=float, default=0.5,
                         help="standard deviation of the decoders that hold it fixed")
    common.add_critic(options, default="bayes")
    return common.main(options, run, argv)


def closed_form(information, sd):
    """E log p(x) of x|z ~ N(a z, sd^2) with I(z, x) = information: the marginal is
    N(0, v), v = sd^2 exp(2 I)."""
    v = sd ** 2 * np.exp(2 * information)
    return -0.5 * np.log(2 * np.pi * v) - 0.5 / v


def run(args):
    if not 0.05 <= args.sd <= 2:
        raise ValueError(f"--sd {args.sd}: give one from 0.05 to 2")
    seeds, fixed = common.seeds(args), dict(log_var=2 * np.log(args.sd))
    steep = dict(growth=common.growth(args), rate=STEEP_RATE)
    jobs, rows = [], []
    for name, decoder, how in [("linear", dict(fixed, linear=True), steep),
                               ("restricted", fixed, steep), ("expressive", {}, {})]:
        swept = problems.SplitNormal(**decoder, critic=args.critic)
        vae = problems.SplitNormal(**decoder, critic="bayes")  # nothing of r to train
        train.check(swept, args.levels, seeds, args.steps)
        jobs += [(name, swept, args.levels, seeds[:1], args.steps, how),
                 (name, vae, [None], seeds, args.steps, dict(how, objectives=plain))]
    done = common.progress(len(jobs), "runs")
    for (name, _, levels, *_), found in zip(jobs, workers.each(measure, jobs, done)):
        rows += found
        if levels == [None]:
            show(rows, name, args.sd)
    canvas.finish(args, rows, lambda: draw(rows, args.sd, args.show))


def measure(name, problem, levels, seeds, steps, how):
    """Train a family and give its rows."""
    try:
        params = train.train(problem, levels, seeds, steps, **how)
    except FloatingPointError as error:
        raise FloatingPointError(f"{name}: {error}")
    values = exact.evaluate(problem, params)
    return [{"family": name, **row}
            for row in table.rows(levels, seeds, values, problem.best)]


def plain(p, q, r, data, prior, slope):
    """Objectives of a plain VAE: the ELBO, of which no penalty is told."""
    elbo = bounds.elbo(p, q, *data)
    return np.array([elbo, 0 * elbo])


def column(rows, key, family, vae):
    """One key of a family's sweep over levels, or of its plain VAEs."""
    return np.array([row[key] for row in rows
                     if row["family"] == family and (row["level"] == "vae") == vae])


def show(rows, family, sd):
    """Where a family's sweep, its closed form and its plain VAEs lie."""
    if family == rows[0]["family"]:
        print(f"all in nats, by quadrature; the best E log p(x) is "
              f"{rows[0]['best']:.5f}, -log sd is {-np.log(sd):.4f}")
    found = [column(rows, key, family, False)
             for key in ("level", "exact", "log_likelihood")]
    resolved = np.isfinite(found[1])
    level, information, likelihood = (values[resolved] if any(resolved) else values
                                      for values in found)
    worst = np.max(np.abs(information - level))
    vaes = column(rows, "exact", family, True)
    print(f"  {family:10s}  worst |I - M| {worst:.4f}   "
          f"E log p(x) {likelihood.min():.4f} to {likelihood.max():.4f}   "
          "plain VAEs at I = " + " ".join(f"{value:.4f}" for value in vaes))
    if family != "expressive":
        excess = likelihood - closed_form(information, sd)
        print("              above the closed form of a linear mean: "
              f"{excess.min():+.5f} to {excess.max():+.5f}")
    unresolved = [row for row in rows
                  if row["family"] == family and np.isnan(row["exact"])]
    if unresolved:
        levels = ", ".join(table.level_name(row["level"]) for row in unresolved)
        print(f"              left out: M {levels}; {len(unresolved)} "
              + table.UNRESOLVED)


def draw(rows, sd, show=False):
    """I on the x axis, E log p(x) on the y axis; a sweep per family, the closed form,
    and the plain VAEs as stars."""
    figure = canvas.figure(show, figsize=(10, 6))
    axis = figure.subplots()
    figure.subplots_adjust(0.085, 0.09, 0.99, 0.985)
    line = np.linspace(0, max([row["level"] for row in rows if row["level"] != "vae"]),
                       300)
    axis.plot(line, closed_form(line, sd), color="black", linewidth=2,
              label=f"closed form, sd = {sd:g} and linear mean")
    for family, (style, colour, label) in STYLES.items():
        for vae, how in [(False, dict(fmt=style, markersize=6, label=label)),
                         (True, dict(fmt="*", markersize=22, markeredgecolor="black",
                                     zorder=3))]:
            x, y = (column(rows, key, family, vae)
                    for key in ("exact", "log_likelihood"))
            order = np.argsort(x)
            axis.plot(x[order], y[order], how.pop("fmt"), color=colour, **how)
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
