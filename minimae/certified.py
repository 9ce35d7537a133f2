"""Estimates of I and log p(x) with standard errors, for any problem with samples.

I lies between two multi-sample bounds.  The lower one sums over the codes that x came
from, the upper one over an independent set of codes.  Both hold on average, whatever
the decoder is, and neither uses the critic.
"""
import math

import numpy as np

from . import bounds, checks, normal, notes

KEYS = ["infomax", "lower", "information", "upper", "elbo", "kl", "log_likelihood"]

# nats; if the bounds of I are further apart, there is only an interval.  In normal
# models the errors of both bounds nearly cancel: at .1 their mean is off by less than
# .004.  In the worst case, as a rare and sharp region of z, it is off by half of it.
MAX_INTERVAL = 0.1
# log p(x) by importance sampling is too low by about 1 / (2 n) nats, if n is the
# effective number of codes: .005 nats for 100.
MIN_EFFECTIVE = 100
N_FIRST = 64            # codes of a row at first
N_LAST = 2 ** 11        # codes of a row at most: some seconds for 1000 images
MAX_BIAS = 0.01         # nats; a larger mean of 1 / (2 n) is named in the note
MAX_NUMBERS = 2 ** 23   # in one array, 64 MB


def evaluate(models, x_test=None, control=0.0, seed=0, n_sets=8, n=512, n_codes=4096):
    """One row, a dict, for each model, with the keys of exact.evaluate, in nats:

        target, seed      as in train.train
        infomax           I^ of the critic, with as many codes as a step of training
        lower, upper      multi-sample bounds of I: E lower <= I <= E upper
        information       their mean; NaN if they are more than MAX_INTERVAL apart
        elbo, kl          the ELBO, and KL[q(z|x) || p(z)] in it, means over x_test
        log_likelihood    log p(x) by importance sampling, a mean over x_test; a lower
                          bound on average, as a mode of p(z|x) that neither q(z|x) nor
                          p(z) hits is missed without a sign
        best              the highest possible E log p(x), None if it is unknown
        note              what is wrong with the row, or ""
        KEY_se            the standard error of each of these means

    Parameters
    ----------
    x_test : rows (m, X) that training has not seen; problem.x_test by default
    control : control variate for elbo and log_likelihood of every row, (m,), of known
        mean 0, such as log p_true(x) - best: it is subtracted and reduces the noise
    seed : of the random numbers, which are the same for all models
    n_sets : 8 or more independent sets of n_codes codes, n of which yield x

    Raises ValueError if there are no test rows or an argument makes no sense.
    """
    problem = models.problem
    if x_test is None:
        x_test = problem.x_test
    if x_test is None:
        raise ValueError(f"{problem} has no x_test: give certified.evaluate some rows")
    x_test = np.reshape(x_test, (-1, problem.dim_x))
    check_sizes(len(x_test), n_sets, n, n_codes)
    rows = []
    for k in range(len(models)):
        row = {"target": models.targets[k], "seed": models.seeds[k]}
        rng = np.random.default_rng(seed)
        with np.errstate(all="ignore"):  # values that are not finite are named below
            values = sampled_values(problem, models.params[k], rng, x_test, n_sets, n,
                                    n_codes)
        effective = values.pop("effective_codes")
        width_se = standard_error(values["upper"] - values["lower"])
        values["elbo"] = values["elbo"] - control
        values["log_likelihood"] = values["log_likelihood"] - control
        for key in KEYS:
            row[key] = float(np.mean(values[key]))
            row[key + "_se"] = standard_error(values[key])
        row["best"] = problem.best
        row["note"] = note_of(row, width_se, effective, n_codes)
        rows.append(row)
    return rows


def check_sizes(n_rows, n_sets, n, n_codes):
    """Raise ValueError if a number of samples makes no sense."""
    if n_rows == 0:
        raise ValueError("x_test has no rows: give at least one")
    # notes.T_95 is for eight sets.  A million codes take gigabytes.
    checks.check_integer(n_sets=n_sets, minimum=8, maximum=1000)
    checks.check_integer(n_codes=n_codes, minimum=2, maximum=10 ** 6)
    checks.check_integer(n=n, minimum=1, maximum=n_codes)


def sampled_values(problem, params, rng, x_test, n_sets, n, n_codes):
    """Independent values of each of KEYS for one model, and the effective number of
    codes of log p(x) for each row: a dict of vectors."""
    p, q, _ = problem.densities(params)
    lower, upper = information_bounds(problem, p, rng, n_sets, n, n_codes)
    values = {"lower": lower, "information": (lower + upper) / 2, "upper": upper}
    values["infomax"] = critic_bounds(problem, params, rng, n_sets)
    eps = rng.standard_normal((N_FIRST, len(x_test), problem.dim_z))
    reconstruction, kl = bounds.elbo_terms(p, q, x_test, eps)
    kl = np.broadcast_to(kl, reconstruction.shape)
    values["elbo"] = np.mean(reconstruction - kl, axis=0)
    values["kl"] = np.mean(kl, axis=0)
    log_px, effective = log_marginal_of_rows(p, q, x_test, problem.dim_z, rng)
    values["log_likelihood"] = log_px
    values["effective_codes"] = effective
    return values


def standard_error(values):
    """The standard error of the mean of independent values; NaN for a single one."""
    if len(values) == 1:
        return math.nan
    return float(np.std(values, ddof=1) / math.sqrt(len(values)))


def note_of(row, width_se, effective, n_codes):
    """Mark an I that is only an interval (NaN in the row), and return the note."""
    if not all(math.isfinite(row[key]) for key in KEYS):
        return "diverged: values that are not finite"
    width = row["upper"] - row["lower"]
    if width > MAX_INTERVAL:
        row["information"] = math.nan
        least = row["lower"] - notes.T_95 * row["lower_se"]
        most = row["upper"] + notes.T_95 * row["upper_se"]
        return (f"I lies between {least:.2f} and {most:.2f}; {n_codes} codes show "
                f"about {math.log(n_codes / 2):.2f} nats at most: evaluate with more")
    missed = notes.missed_target(row)
    if missed:
        return missed
    noise = notes.T_95 * width_se
    if -width > noise + 5e-4:  # 5e-4 nats round to nothing
        return f"lower is {-width:.4f} above upper, beyond the noise of {noise:.4f}"
    bias = float(np.mean(1 / (2 * effective)))
    if bias > MAX_BIAS:
        return f"log p(x) is at least this: importance sampling is about {bias:.2f} low"
    return ""


# Information

def information_bounds(problem, p, rng, n_sets, n, n_codes):
    """Lower and upper bounds of I(z, x), (n_sets,) each; see bounds.multi_sample."""
    lower = []
    upper = []
    for _ in range(n_sets):
        (z, eps, weights), own_codes = problem.draw_codes(rng, n_codes, n)
        _, other_codes = problem.draw_codes(rng, n_codes, n)
        x, weights = p.joint_nodes(z, eps, weights)
        lower.append(bounds.multi_sample(p, z, x, weights, *own_codes))
        upper.append(bounds.multi_sample(p, z, x, weights, *other_codes))
    return np.array(lower), np.array(upper)


def critic_bounds(problem, params, rng, n_sets):
    """I^ with the nodes of a step of training, (n_sets,)."""
    values = []
    for _ in range(n_sets):
        _, (z, eps, weights), codes = problem.draw_nodes(rng)
        p, _, r = problem.densities(params, codes)
        x, weights = p.joint_nodes(z, eps, weights)
        values.append(bounds.infomax(r, z, x, weights))
    return np.array(values)


# log p(x)

def log_marginal_of_rows(p, q, x, dim_z, rng):
    """log p(x) of rows (m, X) by importance sampling, and the effective number of
    codes, (m,) each.

    The codes of a row are doubled until MIN_EFFECTIVE count.  Then they are drawn anew:
    draws that missed the large weights look effective, and stop early.
    """
    log_px = np.empty(len(x))
    effective = np.empty(len(x))
    unfinished = np.arange(len(x))
    n_codes = N_FIRST
    while len(unfinished) > 0 and n_codes <= N_LAST:
        is_enough = np.zeros(len(unfinished), bool)
        for part in row_parts(unfinished, n_codes, x.shape[1]):
            eps = rng.standard_normal((n_codes, len(part), dim_z))
            _, found = importance_sample(p, q, x[part], eps)
            is_enough[np.isin(unfinished, part)] = found >= MIN_EFFECTIVE
        if n_codes == N_LAST:
            is_enough[:] = True  # as many as there may be
        finished = unfinished[is_enough]
        for part in row_parts(finished, n_codes, x.shape[1]):
            eps = rng.standard_normal((n_codes, len(part), dim_z))
            log_px[part], effective[part] = importance_sample(p, q, x[part], eps)
        unfinished = unfinished[~is_enough]
        n_codes *= 2
    return log_px, effective


def row_parts(rows, n_codes, dim_x):
    """Cut rows so that arrays of n_codes x rows x dim_x have MAX_NUMBERS at most."""
    size = max(1, MAX_NUMBERS // (n_codes * dim_x))
    return [rows[start:start + size] for start in range(0, len(rows), size)]


def importance_sample(p, q, x, eps):
    """log p(x) = log E_{z ~ proposal} p(z) p(x|z) / proposal(z), with one code for each
    eps (K, n, Z), and the effective number of codes, (n,) each.

    Half of the codes come from q(z|x), half from p(z), and the proposal is their mean:
    then no weight exceeds 2 p(x|z).  The log of an average is low on average, by about
    1 / (2 n) with the effective number n = (sum weights)^2 / sum weights^2 (Kong 1992).
    """
    n_codes = len(eps)
    half = n_codes // 2
    from_q = q.reparameterize(x, eps[:half])
    z = np.concatenate([from_q, eps[half:]])                    # (K, n, Z)
    log_prior = normal.log_prior(z)
    log_proposal = np.logaddexp(q.log_prob(z, x), log_prior) - math.log(2)
    log_weights = p.log_prob(x, z) + log_prior - log_proposal   # (K, n)
    log_sum = bounds.log_sum_exp(log_weights, axis=0)
    log_sum_of_squares = bounds.log_sum_exp(2 * log_weights, axis=0)
    effective = np.exp(2 * log_sum - log_sum_of_squares)
    return log_sum - math.log(n_codes), effective
