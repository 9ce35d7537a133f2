"""Why the likelihood is not enough: exact log-likelihood against exact information, for
two families of decoders (Phuong et al., section "VAEs can fail to learn a
representation", Figure 4)."""
import cli  # first: it reports a missing package

import numpy as np
from matplotlib import pyplot as plt

import jobs
import summary
from minimae import exact, notes, plot, problems, table, train
from progress import Progress

TARGETS = [k / 10 for k in range(21)]
# If the sd is fixed, the ELBO is infinitely steep at I = 0.  With this learning rate I
# ends .004 nats above a target of 0, with the usual .03 it ends .009 above.
STEEP_LEARNING_RATE = 0.04
# Marker, line and colour of a family, and its label in the figure.
STYLES = {
    "restricted": ("^", "-", "#c2410c", "sd fixed: the likelihood asks for -log sd"),
    "expressive": ("s", "--", "#7a5195", "expressive: the likelihood does not mind"),
}
PARSER = cli.demo_parser(__doc__, example="--sd 0.25", seconds=20, targets=TARGETS,
                         max_target=3.3, out="likelihood_vs_information.png", seeds=4,
                         critic="bayes")
PARSER.add_number("--sd", float, default=0.5, minimum=0.05, maximum=2,
                  help="standard deviation of the restricted decoder")


def run(args, save):
    critic = cli.make_critic(args.critic)
    restricted = problems.SplitNormal(log_var=2 * np.log(args.sd), critic=critic)
    expressive = problems.SplitNormal(critic=critic)
    targets = cli.choose_targets(args.targets, TARGETS, restricted)
    train.check_arguments(restricted, targets)
    seeds = range(args.seed, args.seed + args.seeds)

    runs = []
    for family, problem, learning_rate in [
            ("restricted", restricted, STEEP_LEARNING_RATE),
            ("expressive", expressive, problems.Problem.learning_rate)]:
        settings = (family, problem, learning_rate, args.steps)
        runs.append((*settings, targets, seeds[:1]))  # the curve
        runs.append((*settings, [None], seeds))       # plain VAEs, from all seeds
    rows = []
    for some_rows in jobs.run_all(measure, runs, Progress(len(runs), "runs")):
        rows.extend(some_rows)

    show(rows, args.sd)
    save.table(args.csv, rows, cli.settings(args))
    save.figure(args.out, draw(rows, args.sd))


def measure(family, problem, learning_rate, steps, targets, seeds):
    """Train models of a family; their rows."""
    models = train.train(problem, targets, seeds, steps, learning_rate)
    rows = exact.evaluate(models)
    for row in rows:
        row["family"] = family
    return rows


def closed_form(information, sd):
    """E log p(x) of x|z ~ N(a z, sd^2) with I(z, x) = information: the marginal is
    N(0, v) with v = sd^2 exp(2 I)."""
    v = sd ** 2 * np.exp(2 * information)
    return -0.5 * np.log(2 * np.pi * v) - 0.5 / v


def targets_and_vaes(rows, family):
    """The rows of one family, with a target and without."""
    of_family = summary.select(rows, family=family)
    with_target = [row for row in of_family if row["target"] is not None]
    vaes = [row for row in of_family if row["target"] is None]
    return with_target, vaes


def show(rows, sd):
    """Print a line for each family: its curve and its plain VAEs."""
    lines = []
    for family in STYLES:
        with_target, vaes = targets_and_vaes(rows, family)
        error = np.abs(summary.column(with_target, "information")
                       - summary.column(with_target, "target"))
        missed = [f"{row['target']:g}" for row in with_target if row["note"]]
        note = ""
        if missed:
            note = f"not reached or not resolved: M = {', '.join(missed)}"
        lines.append({
            "family": family, "note": note, "error": np.fmax.reduce(error),
            "log_likelihood": span(summary.column(with_target, "log_likelihood")),
            "vae": span(summary.column(vaes, "information"))})
    columns = [("family", "family", 0), ("max |I - M|", "error", 4),
               ("E log p(x)", "log_likelihood", 4), ("I of plain VAEs", "vae", 4)]
    heading = (f"all in nats; the best E log p(x) is {rows[0]['best']:.5f}, "
               f"-log sd is {-np.log(sd):.4f}")
    table.show(lines, columns, heading)


def span(values):
    """The smallest and the largest value that is not NaN."""
    smallest = np.fmin.reduce(values) + 0.0  # no -0.0000
    largest = np.fmax.reduce(values) + 0.0
    return f"{smallest:.4f} to {largest:.4f}"


@plot.style()
def draw(rows, sd):
    """E log p(x) against I: the curve of each family, and stars for plain VAEs."""
    figure, axis = plt.subplots(figsize=(11, 6.6), layout="constrained")
    targets = [row["target"] for row in rows if row["target"] is not None]
    information = np.linspace(0, max(targets), 300)
    axis.plot(information, closed_form(information, sd), color="black", linewidth=2,
              label=f"closed form: sd fixed at {sd:g}, mean linear in z")
    for family in STYLES:
        draw_family(axis, rows, family)
    axis.plot([], [], "*", color="grey", markersize=20, label="plain VAEs stop here")
    axis.axvline(-np.log(sd), color="grey", linewidth=1, zorder=0)
    axis.text(-np.log(sd), 1, " -log sd", va="top", color="grey",
              transform=axis.get_xaxis_transform())
    axis.set(xlabel="exact information I, nats", ylabel="exact E log p(x), nats")
    figure.suptitle(finding(rows))
    axis.legend(framealpha=1, edgecolor="white", loc=(0.26, 0.04))  # below the curves
    figure.supxlabel(summary.caption(rows, "a point for each target; hollow: missed"),
                     size=12)
    return figure


def draw_family(axis, rows, family):
    """Points on a curve, hollow if the target was missed, and stars for plain VAEs."""
    marker, line, colour, label = STYLES[family]
    with_target, vaes = targets_and_vaes(rows, family)
    axis.plot(summary.column(with_target, "information"),
              summary.column(with_target, "log_likelihood"), marker=marker,
              linestyle=line, color=colour, markersize=7, label=label)
    missed = [row for row in with_target if not notes.on_target(row)]
    axis.plot(summary.column(missed, "information"),
              summary.column(missed, "log_likelihood"), marker=marker, linestyle="",
              color="white", markersize=4)
    axis.plot(summary.column(vaes, "information"),
              summary.column(vaes, "log_likelihood"), "*", color=colour, markersize=22,
              markeredgecolor="white", zorder=3)


def finding(rows):
    """The title: the finding if the rows show it, else what is drawn."""
    lost = {}
    for family in STYLES:
        with_target, _ = targets_and_vaes(rows, family)
        log_likelihood = summary.column(with_target, "log_likelihood")
        lost[family] = np.fmax.reduce(rows[0]["best"] - log_likelihood)
    # .01 nats are the width of the line in the figure.
    if lost["expressive"] < 0.01 < lost["restricted"]:
        return ("The likelihood asks for information if the decoder is restricted,\n"
                "and does not mind if it is expressive")
    return "Log-likelihood against information"


if __name__ == "__main__":
    cli.main(run, PARSER)
