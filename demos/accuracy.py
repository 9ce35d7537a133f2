"""How well levels are held over seeds: the worst and the median of each error."""
import numpy as np

from minimae.table import level_name, reached


def show(rows, seeds):
    """Print worst and median over seeds, a line per level in the order of the rows."""
    print(f"over {seeds} seeds, in nats: worst and median of each")
    print("  M asked     |I - M|          I - I^       "
          "best - E log p(x)   E log p(x) - ELBO")
    each = len(rows) // seeds
    for group in [rows[i::each] for i in range(each)]:
        level = group[0]["level"]
        known = [row for row in group if not np.isnan(row["exact"])]
        gaps = np.array([[np.nan if level == "vae" else abs(row["exact"] - level),
                          row["exact"] - row.get("held", row["lower"]),
                          row["best"] - row["log_likelihood"],
                          row["log_likelihood"] - row["elbo"]]
                         for row in known] or [[np.nan] * 4])
        cells = [f"{worst:8.5f} {median:8.5f}"
                 for worst, median in zip(gaps.max(0), np.median(gaps, 0))]
        line = f"  {level_name(level):>7} " + "  ".join(cells).replace("nan", "  -")
        for words, count in [("not reached by", sum(not reached(row) for row in known)),
                             ("not resolved in", seeds - len(known))]:
            line += f"   {words} {count} of {seeds}" if count else ""
        print(line)
