"""The exact values of I and log p(x) beside their bounds, by sums over grids.

One grid cannot tell whether it is fine enough.  So every value is computed on three
grids that share no points, and is accepted if they agree.  If they do not, the number
of points is doubled until the tables get too large.  A value that is still not resolved
is NaN, and the note of the row says why.
"""
import math

import numpy as np

from . import bounds, notes, quadrature
from .critics import is_bayes

KEYS = ["infomax", "information", "upper", "elbo", "kl", "log_likelihood"]
# A lower bound and its upper bound; `best` is a bound of log p(x) from above.
ORDER = [("infomax", "information"), ("information", "upper"),
         ("elbo", "log_likelihood"), ("log_likelihood", "best")]

N_COARSEST = 64          # points per dimension of z of the first grid
MAX_TABLE = 2 ** 22      # entries of p(x|z) of the last grid, 32 MB
FINE_POINTS = 2 ** 11    # least number of z on which check_decoder compares neighbours
MAX_UNITS = 2 ** 23      # hidden units of a net on all nodes at once, 64 MB
# Total variation of p(x|z) from one z to the next.  Near 1 the decoder jumps, and all
# grids may agree on a wrong value.
MAX_CHANGE = 0.5
WIDEST = 37.0            # beyond it N(0, 1) is 0 in double precision


def evaluate(models, tolerance=1e-6, max_table=MAX_TABLE):
    """One row, a dict, for each model.  All values are in nats:

        target, seed      as in train.train
        infomax           I^ of the critic, a lower bound of I; it is I if the critic
                          is Bayes' rule, which uses the nodes of the evaluation here
        information       I(z, x)
        upper             an upper bound of I, with problem.log_m
        elbo, kl          the ELBO, and KL[q(z|x) || p(z)] in it, means over the data
        log_likelihood    E log p(x) over the data
        best              the highest possible E log p(x), None if it is unknown
        note              what is wrong with the row, or ""

    The grids must agree to `tolerance`, relative for values above 1.

    Limits: a p(x|z), or an r(z|x) as a function of z, that changes and changes back
    within 12 / FINE_POINTS of z may be missed.  The same holds for a q or r that
    changes so within 18 / N_COARSEST of x or eps, and for a p(x|z) in two dimensions,
    or within as many standard deviations of q.

    Raises ValueError if the problem is not a problems.ExactProblem.
    """
    problem = models.problem
    if not hasattr(problem, "table_size"):
        raise ValueError(f"{problem} has no exact values: use certified.evaluate")
    rows = []
    for k in range(len(models)):
        row = {"target": models.targets[k], "seed": models.seeds[k]}
        values, note = evaluate_one(problem, models.params[k], tolerance, max_table)
        row.update(values)
        row["best"] = problem.best
        row["note"] = note or notes.missed_target(row)
        rows.append(row)
    return rows


def evaluate_one(problem, params, tolerance=1e-6, max_table=MAX_TABLE):
    """The values of one model, a dict with KEYS, NaN if not resolved; and a note."""
    values = dict.fromkeys(KEYS, np.nan)
    if not all_finite(params):
        return values, "diverged: parameters that are not finite"
    n = N_COARSEST
    while unresolved(values) and problem.table_size(n) <= max_table:
        with np.errstate(all="ignore"):  # NaN agrees with nothing
            if decoder_is_resolved(problem, params, n, tolerance):
                accept_if_grids_agree(values, problem, params, n, tolerance)
        n *= 2

    note = ""
    if n == N_COARSEST:
        note = "no room for a grid: too many dimensions of z, categories or units"
    elif unresolved(values):
        names = ", ".join(unresolved(values))
        note = f"not resolved with {n // 2} points: {names}"
    wrong_order = reject_wrong_order(values, problem.best, tolerance)
    return values, wrong_order or note


def all_finite(params):
    """Whether all parameters of a model are finite."""
    for net in params:
        for a in net:
            if not np.all(np.isfinite(a)):
                return False
    return True


def unresolved(values):
    """The keys of the values that are still missing."""
    return [key for key in KEYS if np.isnan(values[key])]


def accept_if_grids_agree(values, problem, params, n, tolerance):
    """Fill in those missing values on which all grids agree."""
    found = on_grid(problem, params, n)
    n_coarser = int(0.7 * n)
    # Every point is moved.
    shifted = on_grid(problem, params, n_coarser, shift=0.85)
    # Moved again, on a wider grid.  p(x) of an unlikely x may depend on a z far outside
    # of the mass, so it is summed as far as double precision reaches.
    wider = on_grid(problem, params, n_coarser, shift=0.3, half_width=13.0,
                    reach=WIDEST)
    # A narrow critic may hide between the points.
    fine_critic = dict(found)
    fine_critic["infomax"] = infomax_on_fine_grid(problem, params, n, found["infomax"])
    for key in unresolved(values):
        checks = [shifted[key], wider[key], fine_critic[key]]
        # U is infinite if p_true has a 0.  Any other infinity is an overflow.
        may_be_accepted = np.isfinite(found[key]) or key == "upper"
        if may_be_accepted and np.allclose(found[key], checks, tolerance, tolerance):
            values[key] = found[key]


def reject_wrong_order(values, best, tolerance):
    """Make NaN of a lower bound that lies above its upper bound, and of the latter;
    returns a note, or ""."""
    note = ""
    ends = dict(values)
    ends["best"] = np.inf if best is None else best
    for low, high in ORDER:
        slack = tolerance * max(1, abs(ends[high]))
        if ends[low] > ends[high] + slack:
            note = f"{low} above {high}: bounds in the wrong order"
            values[low] = np.nan
            if high != "best":
                values[high] = np.nan
    return note


# The values on one grid

def on_grid(problem, params, n, shift=0.5, half_width=9.0, reach=9.0):
    """The values of one model on a grid of n points per dimension, a dict with KEYS.
    log p(x) of the data is a sum over |z| up to `reach`."""
    def rule(dim):
        return quadrature.grid(n, dim, shift, half_width)

    codes, code_weights = rule(problem.dim_z)
    p, q, r = problem.densities(params, (codes, code_weights))
    max_nodes = MAX_UNITS // problem.n_hidden

    x_grid, dx = problem.x_grid(n, p)
    information = bounds.information(p, x_grid, dx, codes, code_weights)
    noise = problem.noise_nodes(rule)
    z, eps, weights = quadrature.tensor_product((codes, code_weights), noise)
    x, weights = p.joint_nodes(z, eps, weights)
    upper = bounds.upper_bound(p, problem.log_m, z, x, weights)
    if is_bayes(r):
        infomax = information  # and a sum over z for every x is saved
    else:
        infomax = 0.0
        for x_part, weights_part in parts(x, weights, max_nodes):
            mass = np.sum(weights_part)
            infomax += mass * bounds.infomax(r, z, x_part, weights_part / mass)

    x, x_weights = problem.data_nodes(rule)
    x, eps, weights = quadrature.tensor_product((x, x_weights), rule(problem.dim_z))
    reconstruction = 0.0
    kl = 0.0
    for eps_part, weights_part in parts(eps, weights, max_nodes):
        terms = bounds.elbo_terms(p, q, x, eps_part)
        reconstruction += bounds.expectation(terms[0], weights_part)
        kl += bounds.expectation(terms[1], weights_part)
    n_wide = int(n * reach / half_width)
    wide = quadrature.grid(n_wide, problem.dim_z, shift, reach)
    log_px = bounds.log_marginal(p, x, *wide)
    return {"infomax": float(infomax), "information": float(information),
            "upper": float(upper), "elbo": float(reconstruction - kl), "kl": float(kl),
            "log_likelihood": float(np.sum(x_weights * log_px))}


def parts(points, weights, max_nodes):
    """Cut points (J, ..., dim) and weights (J, N) along J, so that about max_nodes
    nodes are handled at once.  All at once may take gigabytes."""
    n_parts = math.ceil(weights.size / max_nodes)
    for index in np.array_split(np.arange(len(weights)), min(n_parts, len(weights))):
        yield points[index], weights[index]


# Values that a grid may miss

def fine_grid(problem, n):
    """A rule for z with at least FINE_POINTS points in one dimension, and the number of
    its points for each of n points."""
    finer = 1
    if problem.dim_z == 1:
        # With few categories the table is small, and a finer grid is as cheap.
        points = FINE_POINTS
        if problem.dim_x > 1:
            points = max(FINE_POINTS, 2 ** 16 // problem.dim_x)
        finer = max(1, points // n)
    # |z| > 6 has probability 2e-9.
    return quadrature.grid(n * finer, problem.dim_z, half_width=6.0), finer


def table_on_fine_grid(problem, params, n):
    """z (S, Z), weights (S,), the critic, x (J, 1, X), and p(x|z) dx, (J, S)."""
    (z, weights), _ = fine_grid(problem, n)
    p, _, r = problem.densities(params, (z, weights))
    x_grid, dx = problem.x_grid(n, p)
    x = x_grid[:, None]
    return z, weights, r, x, np.exp(p.log_prob(x, z)) * dx


def decoder_is_resolved(problem, params, n, tolerance):
    """Whether p(x) has the mass 1, and p(x|z) changes little between neighbours on a
    grid of n points of z."""
    _, weights, _, _, table = table_on_fine_grid(problem, params, n)
    mass = np.sum(weights * table)
    if not abs(mass - 1) < tolerance:  # also if it is NaN
        return False
    if problem.dim_z > 1:  # neighbours in the list are not neighbours in the plane
        return True
    _, finer = fine_grid(problem, n)
    total_variation = 0.5 * np.sum(np.abs(np.diff(table, axis=1)), axis=0)
    # A step of the grid of n points on [-9, 9] is finer * 9 / 6 steps of this one.
    return np.max(total_variation) * finer * 1.5 < MAX_CHANGE


def infomax_on_fine_grid(problem, params, n, infomax):
    """I^ on the fine grid of z.  Under Bayes' rule I^ is I and needs no such check."""
    z, weights, r, x, table = table_on_fine_grid(problem, params, n)
    if is_bayes(r):
        return infomax
    return float(bounds.infomax(r, z, x, weights * table))
