"""The table: every bound beside the exact value it bounds, and what was asked for."""
REACHED = 0.02  # nats; a row whose I is further from its level is marked
# A column is the key of a row, or a function of it; its heading; its digits.
EXACT = [("level", "M asked", 4), ("lower", "I^ <=", 4), ("information", "I", 4),
         ("upper", "<= U", 4), ("elbo", "ELBO", 5),
         (lambda row: row["log_likelihood"] - row["elbo"], "+ gap", 5),
         ("log_likelihood", "= E log p(x)", 5), ("best", "<= best", 5)]
CERTIFIED = [*EXACT[:3], ("information_se", "+- s.e.", 4), EXACT[3], ("kl", "E KL", 3),
             ("elbo", "ELBO", 3), ("log_likelihood", "log p(x)", 3),
             ("log_likelihood_se", "+- s.e.", 3)]


def show(rows, columns=None, heading="all in nats"):
    """Print rows of exact.evaluate or certified.evaluate, or a list of columns, under
    their headings; and below what is to be said of rows that are marked *."""
    columns = columns or (CERTIFIED if "kl" in rows[0] else EXACT)
    lines = [[words for _, words, _ in columns]]
    lines += [[text(row, key, digits) for key, _, digits in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines)]
    remarks = ["", *map(remark, rows)]
    print(heading)
    for line, said in zip(lines, remarks):
        print("  " + "  ".join(map(str.rjust, line, widths)) + " *" * bool(said))
    for line, said in zip(lines, remarks):
        print(f"  * {line[0]}: {said}\n" * bool(said), end="")


def text(row, key, digits):
    """A cell of the table."""
    value = key(row) if callable(key) else row[key]
    if value is None or isinstance(value, str):
        return value or ("VAE" if key == "level" else "unknown")
    shown = round(value, digits) + 0.0  # + 0.0: no -0.0000
    return f"{value:.4g}" if key == "level" else f"{shown:.{digits}f}"


def reached(row):
    """Whether I is within REACHED and 2 standard errors of the level; always true for
    the VAE, which has no target."""
    missed_by = 0 if row["level"] is None else abs(row["information"] - row["level"])
    return missed_by <= REACHED + 2 * row.get("information_se", 0)


def remark(row):
    """What is to be said of a row: its note, or that its level was not reached, with
    what the bounds tell of the reason."""
    if reached(row) or row["note"]:
        return row["note"]
    why = "too few steps, too small a C, or too poor a critic"
    if abs(row["lower"] - row["level"]) <= REACHED:
        why = "I^ is there, so the critic lags behind"
    return f"not reached, I - M = {row['information'] - row['level']:+.3f}; {why}"
