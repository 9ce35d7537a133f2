"""Whether a row of an evaluation is on target, and the sentence that stands below the
table if it is not.  Rows are dicts, see exact and certified."""

TOLERANCE = 0.02  # nats; the accuracy that is promised for I
# Standard errors in an interval of 95 %, if they come from eight sets of samples:
# Student's t with seven degrees of freedom.
T_95 = 2.365


def on_target(row):
    """Whether I is within TOLERANCE of the target, and T_95 standard errors if I is an
    estimate.  A plain VAE has no target and is always on it; an I that is not resolved
    (NaN) never is."""
    if row["target"] is None:
        return True
    tolerance = TOLERANCE + T_95 * row.get("information_se", 0.0)
    return abs(row["information"] - row["target"]) <= tolerance


def missed_target(row):
    """The note on a row that is not on target, with the likely reason; "" if it is."""
    if on_target(row):
        return ""
    error = row["information"] - row["target"]
    if abs(row["infomax"] - row["target"]) <= TOLERANCE:
        reason = "I^ is on target, so the critic lags behind"
    else:
        reason = "too few steps, too small a C, or too poor a critic"
    return f"not reached, I - M = {error:+.3f}; {reason}"
