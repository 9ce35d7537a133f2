"""Strings of bits, and a decoder p(x_t | x_<t, z) that can write them without its code:
what makes it use z, what does that cost, and what does the code know about the cause of
a string?"""
import cli  # first: it reports a missing package

import numpy as np
from matplotlib import pyplot as plt

import jobs
import summary
from minimae import exact, normal, notes, plot, problems, table, train
from minimae.models import Models
from progress import Progress
from string_nets import DropOutNet, StringNet, all_strings

TARGETS = [0.3, 0.6, 1.0, 1.5]
RATES = [0.25, 0.5, 0.75]       # of drop-out
KEEP = 0.9                      # probability that a string goes on as it began
MAX_LENGTH = 7                  # exact values sum over all 2^T strings
LEAST_LOST = 1e-5               # nats; less is not shown
MARKERS = {"MAE": "o", "VAE": "X", "drop-out": "^", "window": "s"}
COLOURS = {"MAE": "#003f5c", "VAE": "black", "drop-out": "#c2410c", "window": "#ffa600"}
# Where the label of a point is: offset in points, alignment, and which point of a
# method has the name as well, counted from the fewest nats.  Labels of rivals are above
# them.
LABEL_PLACES = {"MAE": ((6, -17), "left", -1), "VAE": ((0, 10), "center", 0),
                "drop-out": ((-3, 9), "right", 0), "window": ((3, 9), "left", -1)}

PARSER = cli.demo_parser(__doc__, "--length 4 --targets 0.5 1 --seeds 2", seconds=30,
                         targets=TARGETS, max_target="H(x), the entropy of the strings",
                         out="strings.png", critic="2")
PARSER.add_number("--length", int, 5, 2, MAX_LENGTH, "symbols of a string")


def run(args, save):
    given_cause = strings_given_cause(args.length)
    about_cause = information_of(given_cause)
    problem = make_problem(given_cause, StringNet(args.length), args.critic)
    targets = cli.choose_targets(args.targets, TARGETS, problem)
    seeds = range(args.seed, args.seed + args.seeds)
    train.check_arguments(problem, targets, seeds, args.steps)

    runs = []
    for seed in seeds:
        settings = given_cause, seed, args.steps, args.critic
        runs.append(("MAE", None, targets + [None], *settings))
        for rate in RATES:
            runs.append(("drop-out", rate, [None], *settings))
        for window in range(args.length - 1):
            runs.append(("window", window, [None], *settings))
    progress = Progress(len(runs), "runs")
    rows = []
    for rows_of_run in jobs.run_all(train_and_measure, runs, progress):
        rows.extend(rows_of_run)
    heading = f"in nats; H(x) = {-problem.best:.4f}, {about_cause:.4f} about the cause"
    table.show(rows, COLUMNS, heading)
    save.table(args.csv, rows, cli.settings(args))
    save.figure(args.out, draw(rows, about_cause))


# Data

def strings_given_cause(length):
    """p(x|cause), (2, K): a fair first symbol, then a symbol repeats the last one with
    probability KEEP, or differs from it with this probability."""
    strings = all_strings(length)
    n_same = np.sum(strings[:, 1:] == strings[:, :-1], axis=1)
    n_different = length - 1 - n_same
    sticky = KEEP ** n_same * (1 - KEEP) ** n_different
    alternating = KEEP ** n_different * (1 - KEEP) ** n_same
    return 0.5 * np.array([sticky, alternating])


def information_of(given_cause):
    """I(cause; value) in nats for a fair cause, from p(value|cause), (2, n), of
    categories or at points of a line."""
    p_value = np.mean(given_cause, axis=0)
    is_possible = given_cause > 0  # an underflow to 0 has no share in the sum
    ratio = np.ones_like(given_cause)
    np.divide(given_cause, p_value, out=ratio, where=is_possible)
    return np.sum(0.5 * given_cause * np.log(ratio))


# A run

def make_problem(given_cause, decoder, critic):
    """Strings of either cause, with this decoder and the critic of this name."""
    p_true = np.mean(given_cause, axis=0)
    problem = problems.Categorical(p_true, critic=cli.make_critic(critic), n_z=64,
                                   n_eps=8)
    problem.decoder = decoder
    return problem


def train_and_measure(method, setting, targets, given_cause, seed, steps, critic):
    """Train a model for each target; their rows, with exact values, the likelihood that
    is lost, and what q knows about the cause."""
    length = int(np.log2(given_cause.shape[1]))
    decoder = StringNet(length)
    if method == "window":
        decoder = StringNet(length, window=setting)
    trained = decoder
    if method == "drop-out":
        # Random numbers of its own: the nodes stay those of the other methods.
        trained = DropOutNet(length, setting, np.random.default_rng([seed, 1]))
    problem = make_problem(given_cause, trained, critic)
    models = train.train(problem, targets, [seed], steps)
    # Nothing is hidden in the evaluation.
    problem = make_problem(given_cause, decoder, critic)
    models = Models(problem, models.targets, models.seeds, models.params)
    rows = []
    for k, row in enumerate(exact.evaluate(models)):
        _, q, _ = models[k]
        rows.append({
            "method": method_name(method, row["target"]), "setting": setting, **row,
            "lost": row["best"] - row["log_likelihood"],
            "information_about_cause": information_about_cause(q, given_cause)})
    return rows


def method_name(method, target):
    """The name of a method for one model: the MAE without a target is the VAE."""
    if method == "MAE" and target is None:
        return "VAE"
    return method


def information_about_cause(q, given_cause):
    """I(cause; z) in nats for z ~ q(z|x), x ~ p(x|cause) and a fair cause, by the
    trapezoidal rule."""
    every_x = np.eye(given_cause.shape[1])
    mean, log_var = q.mean_and_log_var(every_x)                 # (K, 1)
    half_width = 9 * np.exp(0.5 * np.max(log_var))
    z, dz = np.linspace(np.min(mean) - half_width, np.max(mean) + half_width, 4001,
                        retstep=True)
    log_q = normal.log_prob(z[:, None, None], mean, log_var)    # (4001, K)
    with np.errstate(under="ignore"):  # exp -1000 = 0
        p_z = given_cause @ np.exp(log_q).T                     # (2, 4001)
        return information_of(p_z) * dz


# The table

def setting_of(row):
    """The target, rate or window of a row as a string, "" for the VAE."""
    value = row["setting"] if row["target"] is None else row["target"]
    if value is None:
        return ""
    return f"{value:.4g}"


def name_of(row):
    """The method and its setting."""
    return f"{row['method']} {setting_of(row)}".strip()


COLUMNS = [
    ("method", name_of, 0),
    ("seed", "seed", 0),
    ("I^ <=", "infomax", 4),
    ("I", "information", 4),
    ("E log p(x)", "log_likelihood", 4),
    ("lost", "lost", 4),
    ("gap of ELBO", lambda row: row["log_likelihood"] - row["elbo"], 4),
    ("I(cause; z)", "information_about_cause", 4),
]


# The figure

@plot.style()
def draw(rows, about_cause):
    """Likelihood lost, and information about the cause, against I."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 7), layout="constrained")
    draw_points(left, rows, "lost")
    left.set(title=finding(rows, "lost", "lose more likelihood"), yscale="log",
             ylim=(LEAST_LOST / 2, None), xlabel="exact I, nats",
             ylabel=f"log-likelihood lost, nats ({LEAST_LOST:g} and less)")
    draw_points(right, rows, "information_about_cause")
    right.set(title=finding(rows, "information_about_cause", "know more of the cause"),
              xlabel="exact I, nats", ylabel="I(cause; z) under q, nats")
    right.axhline(about_cause, color="grey", linewidth=1)
    right.text(0, about_cause, "all that a string tells about its cause", va="bottom")
    words = ("MAE: for M nats    drop-out: a share of the symbols is hidden in training"
             "    window: so many symbols are seen\n"
             "the same nats: on the line through the MAE    hollow: M not reached")
    figure.supxlabel(summary.caption(rows, words), size=12)
    return figure


def draw_points(axis, rows, key):
    """A point for each row; those of the MAE and the VAE are on a line.  Rows of the
    first seed have labels."""
    first_seed = rows[0]["seed"]
    resolved = [row for row in rows if not np.isnan(row["information"])]
    for seed in sorted({row["seed"] for row in rows}):
        x, y = line_of_mae(summary.select(resolved, seed=seed), key)
        axis.plot(x, y, color=COLOURS["MAE"])
    for row in resolved:
        colour = COLOURS[row["method"]]
        inside = colour if notes.on_target(row) else "white"
        axis.plot(row["information"], shown(row, key), MARKERS[row["method"]],
                  color=colour, markerfacecolor=inside, markersize=11)
    for method in MARKERS:
        of_method = summary.select(resolved, method=method, seed=first_seed)
        write_labels(axis, of_method, key)
    axis.margins(x=0.12)


def write_labels(axis, rows, key):
    """The setting beside the point of each row of a method, and its name beside one."""
    rows = sorted(rows, key=lambda row: row["information"])
    for row in rows:
        offset, alignment, named = LABEL_PLACES[row["method"]]
        words = setting_of(row)
        if row is rows[named]:
            words = name_of(row)
        point = row["information"], shown(row, key)
        axis.annotate(words, point, offset, textcoords="offset points", size=12,
                      ha=alignment)


def shown(row, key):
    """The value of a row in the figure."""
    if key == "lost":
        return max(row[key], LEAST_LOST)
    return row[key]


def line_of_mae(rows, key):
    """I and another value of the VAE and the MAE, two arrays in the order of I."""
    of_mae = [row for row in rows if row["method"] in ("MAE", "VAE")]
    of_mae = sorted(of_mae, key=lambda row: row["information"])
    information = summary.column(of_mae, "information")
    return information, np.array([shown(row, key) for row in of_mae])


def finding(rows, key, words):
    """How many rivals are above the line of the MAE, as a title."""
    resolved = [row for row in rows if not np.isnan(row["information"])]
    n_above = 0
    n_beside = 0  # rivals whose I the line covers
    for row in resolved:
        x, y = line_of_mae(summary.select(resolved, seed=row["seed"]), key)
        is_rival = row["method"] not in ("MAE", "VAE")
        if is_rival and len(x) and x[0] <= row["information"] <= x[-1]:
            n_beside += 1
            if shown(row, key) > np.interp(row["information"], x, y):
                n_above += 1
    return (f"For the same nats, {n_above} of {n_beside} rival runs\n"
            f"{words} than the MAE")


if __name__ == "__main__":
    cli.main(run, PARSER)
