"""A table of rows: every bound beside the value that it bounds, and the target."""
import math

# A column: its heading, the key of a row or a function of a row, and its decimals.
EXACT = [
    ("M asked", "target", 4),
    ("I^ <=", "infomax", 4),
    ("I", "information", 4),
    ("<= U", "upper", 4),
    ("ELBO", "elbo", 5),
    ("+ gap", lambda row: row["log_likelihood"] - row["elbo"], 5),
    ("= E log p(x)", "log_likelihood", 5),
    ("<= best", "best", 5),
]
CERTIFIED = [
    ("M asked", "target", 4),
    ("I^", "infomax", 4),
    ("lower <=", "lower", 4),
    ("I", "information", 4),
    ("+- s.e.", "information_se", 4),
    ("<= U", "upper", 4),
    ("E KL", "kl", 3),
    ("ELBO", "elbo", 3),
    ("log p(x)", "log_likelihood", 3),
    ("+- s.e.", "log_likelihood_se", 3),
]


def show(rows, columns=EXACT, heading="all in nats"):
    """Print format_table(rows, columns, heading)."""
    print(format_table(rows, columns, heading))


def format_table(rows, columns=EXACT, heading="all in nats"):
    """The rows under the headings of the columns, as one string.  Rows with a note are
    marked by *, and the notes stand below.

    >>> rows = [{"target": 0.5, "information": 0.4, "note": "not reached"}]
    >>> print(format_table(rows, [("M", "target", 4), ("I", "information", 2)]))
    all in nats
        M     I
      0.5  0.40 *
      * 0.5: not reached
    """
    lines = [[name for name, _, _ in columns]]
    for row in rows:
        lines.append([format_cell(row, key, decimals) for _, key, decimals in columns])
    widths = [max(len(cell) for cell in cells) for cells in zip(*lines)]

    text = [heading]
    notes = [""] + [row.get("note", "") for row in rows]
    for line, note in zip(lines, notes):
        cells = [cell.rjust(width) for cell, width in zip(line, widths)]
        mark = " *" if note else ""
        text.append("  " + "  ".join(cells) + mark)
    for line, note in zip(lines, notes):
        if note:
            text.append(f"  * {line[0]}: {note}")
    return "\n".join(text)


def format_cell(row, key, decimals):
    """The value of a row for one column as a string."""
    value = key(row) if callable(key) else row[key]
    if isinstance(value, str):
        return value
    if value is None:
        return "VAE" if key == "target" else "unknown"
    if key == "target":
        return f"{value:.4g}"
    if key == "information" and math.isnan(value) and "lower" in row:
        return f"{row['lower']:.2f} to {row['upper']:.2f}"
    rounded = round(value, decimals)
    return f"{rounded + 0.0:.{decimals}f}"  # -0.0 + 0.0 is 0.0
