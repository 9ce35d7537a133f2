"""The table of a demo: a line for each model, or for each target over several seeds."""
import numpy as np

from minimae import notes, table

# Distances that are summarised over seeds: a name, the two keys, and the decimals
DISTANCES = [
    ("I - M", "information", "target", 4),
    ("I - I^", "information", "infomax", 4),
    ("lost", "best", "log_likelihood", 5),
    ("gap", "log_likelihood", "elbo", 5),
]


# Printed tables

def show(rows, columns=table.EXACT, figure_seed=None):
    """Print the rows if they are of one seed, or else a line for each target.

    figure_seed: the seed that the figure of the demo shows, if it shows one.
    """
    seeds = {row["seed"] for row in rows}
    if len(seeds) == 1:
        table.show(rows, columns)
        return
    heading = (f"over {len(seeds)} seeds, in nats without sign; lost: best - log p(x), "
               "gap: log p(x) - ELBO")
    table.show(over_seeds(rows), summary_columns(), heading)
    if figure_seed is not None:
        print(f"figure: seed {figure_seed}")


def summary_columns():
    """Columns for table.show: the target, and two for each of DISTANCES."""
    columns = [("M asked", "target", 4)]
    for name, _, _, decimals in DISTANCES:
        columns.append((f"{name} max", f"{name} max", decimals))
        columns.append(("median", f"{name} median", decimals))
    return columns


def over_seeds(rows):
    """A dict for each target, with the largest and the median of DISTANCES over its
    rows, "-" if there is none, and a note on those that are not as asked.

    rows: all targets of the first seed, then those of the second.
    """
    n_seeds = len({row["seed"] for row in rows})
    n_targets = len(rows) // n_seeds
    lines = []
    for k in range(n_targets):
        of_target = rows[k::n_targets]
        line = {"target": of_target[0]["target"], "note": count_notes(of_target)}
        for name, first, second, _ in DISTANCES:
            found = distances(of_target, first, second)
            line[f"{name} max"] = np.max(found) if len(found) else "-"
            line[f"{name} median"] = np.median(found) if len(found) else "-"
        lines.append(line)
    return lines


def distances(rows, first, second):
    """|row[first] - row[second]| of the rows in which both are known."""
    found = np.abs(column(rows, first) - column(rows, second))
    return found[np.isfinite(found)]


def count_notes(rows):
    """How many rows of one target are not on it, or have no exact I; "" if none."""
    is_known = np.isfinite(column(rows, "information"))
    n_missed = 0
    for row, known in zip(rows, is_known):
        if known and not notes.on_target(row):
            n_missed += 1
    n_unknown = len(rows) - np.sum(is_known)
    words = []
    if n_missed:
        words.append(f"not reached by {n_missed} of {len(rows)}")
    if n_unknown:
        words.append(f"not resolved in {n_unknown} of {len(rows)}")
    return ", ".join(words)


# Rows for figures

def select(rows, **values):
    """The rows that have all of these values, as select(rows, method="MAE")."""
    return [row for row in rows
            if all(row[key] == value for key, value in values.items())]


def column(rows, key):
    """row[key] of all rows, an array of floats; None becomes NaN."""
    return np.array([row[key] for row in rows], dtype=float)


def caption(rows, words):
    """Words below a figure, and how many of the rows it cannot show."""
    n_unknown = np.sum(np.isnan(column(rows, "information")))
    return f"{words}\nnot resolved, not shown: {n_unknown} of {len(rows)}"
