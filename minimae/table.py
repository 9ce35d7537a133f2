"""The table: every bound beside the exact value it bounds, and what was asked for."""
import numpy as np

from .exact import KEYS

REACHED = 0.02  # nats; a row whose exact I is further from its level is marked
UNRESOLVED = "not resolved: exact figures need finer or wider grids"
COLUMNS = ["level", *KEYS, "best"]


def rows(levels, seeds, values, best):
    """A dict per model, keys COLUMNS and the seed, from exact.evaluate's values: all
    levels of the first seed, then of the second, and so on."""
    return [{**dict(zip(COLUMNS, [level, *row, best])), "seed": seed}
            for (level, seed), row in zip(models(levels, seeds),
                                          zip(*(values[key] for key in KEYS)))]


def models(levels, seeds):
    """(level as rows name it, seed) of every model of a stack, in its order."""
    return [("vae" if level is None else level, seed)
            for seed in seeds for level in levels]


def reached(row):
    """Whether I is what was asked for, as far as its standard error can tell; always
    for the plain VAE, of which nothing is asked."""
    missed_by = 0 if row["level"] == "vae" else abs(row["exact"] - row["level"])
    return missed_by <= REACHED + 2 * row.get("error", 0)


def level_name(level):
    """A level as it is printed."""
    return "VAE" if level == "vae" else f"{level:.4g}"


def show(rows):
    """Print the rows of one seed."""
    print("all in nats, by quadrature on the trained nets")
    print("  M asked   I^ <=    I     <= U   "
          "     ELBO + gap        = E log p(x) <= best")
    for row in rows:
        gap = row["log_likelihood"] - row["elbo"]
        line = ("  {:>7}  {lower:7.4f} {exact:7.4f} {upper:7.4f}  {elbo:9.5f}   {:7.5f}"
                "   {log_likelihood:9.5f}    {best:9.5f}   {}")
        why = "" if reached(row) else why_missed(row)
        print(line.format(level_name(row["level"]), gap, why, **row).rstrip())


def why_missed(row):
    """What the bounds tell of a level that was not reached."""
    if np.isnan(row["exact"]):
        return UNRESOLVED
    missed = f"level not reached, I - M = {row['exact'] - row['level']:+.3f}: "
    if abs(row["lower"] - row["level"]) <= REACHED:
        return missed + ("I^ is on it, but this critic lags behind I; "
                         "more steps or a richer critic may help")
    if row["lower"] < row["level"]:
        return missed + "I^ stays below, out of reach of this critic or of these steps"
    return missed + "I^ stays above, these steps did not bring it down"
