"""The true values beside the bounds, by quadrature, refined until three grids agree.

The three share no points, and one of them is wider.  Each figure is reported where they
agree on it, whatever the others do; else it is NaN, and the row says why.
"""
from functools import partial

import numpy as np

from . import bounds, nodes
from .critics import Posterior
from .models import arrays, select

KEYS = ["lower", "information", "upper", "elbo", "log_likelihood"]
COARSEST = 64  # points per dimension of z on the first grid
MOST_CELLS = 2 ** 22  # of a table p(x|z) on the last, 32 MB
LOOK = 2 ** 11  # points of z on which the decoder is looked at for what a grid may miss
# The weights of N(0, 1) end here in double precision.  p(x) of an unlikely x may depend
# on z far beyond 9, which holds all of the mass.
WIDEST = 37.0
MOST_UNITS = 2 ** 23  # hidden units at all nodes that a net sees at once, 64 MB


def evaluate(models, tolerance=1e-6, most_cells=MOST_CELLS):
    """A row of the table per model, a dict: level, seed; in nats lower (I^),
    information (I), upper (U with m = problem.log_m), elbo and log_likelihood, means
    over the data, and best; then note, what is not resolved and why, or "".

    A figure on which the grids do not agree to `tolerance`, relative above 1, is NaN.
    Known limits: a p(x|z), or an r(z|x) seen as a function of z, that changes and
    changes back within 12 / LOOK of z, or beyond WIDEST, may go unseen; so may a q or r
    that does so, or jumps, within 18 / COARSEST of x or eps, and in two dimensions a
    p(x|z) that does so within 18 / COARSEST of z.  Needles made by hand do.
    """
    return [{"level": level, "seed": seed, **figures(
        models.problem, select(models.params, k), tolerance, most_cells)}
        for k, (level, seed) in enumerate(zip(models.levels, models.seeds))]


def figures(problem, params, tolerance=1e-6, most_cells=MOST_CELLS):
    """The rest of the row of a single model."""
    row = {**dict.fromkeys(KEYS, np.nan), "best": problem.best, "note": ""}
    missing, n = KEYS, COARSEST
    if not all(np.all(np.isfinite(a)) for a in arrays(params)):
        return {**row, "note": "diverged"}
    while missing and problem.cells(n) <= most_cells:
        with np.errstate(all="ignore"):  # overflow becomes inf or NaN, and is rejected
            mass, pace, looked = look(problem, params, n)
            if abs(mass - 1) < tolerance and pace < 0.5:
                fine = on_grid(problem, params, n)
                others = [on_grid(problem, params, int(0.7 * n), 0.85), fine | looked,
                          on_grid(problem, params, int(0.7 * n), 0.3, 13.0, WIDEST)]
                row.update((key, fine[key]) for key in missing if all(np.isclose(
                    fine[key], other[key], tolerance, tolerance) for other in others))
        missing, n = [key for key in KEYS if np.isnan(row[key])], 2 * n
    if n == COARSEST:
        row["note"] = "no room for a grid in so many dimensions, units or rows"
    elif missing:
        row["note"] = f"not resolved at {n // 2} points: {', '.join(missing)}"
    ends = {**row, "best": np.inf if problem.best is None else problem.best}
    for low, high in [("lower", "information"), ("information", "upper"),
                      ("elbo", "log_likelihood"), ("log_likelihood", "best")]:
        if ends[low] > ends[high] + tolerance * max(1, abs(ends[high])):
            row["note"] = f"{low} above {high}: bounds in the wrong order"
            row.update(dict.fromkeys({low, high} & {*KEYS}, np.nan))
    return row


def look(problem, params, n):
    """What tells whether n points per dimension of z miss something: the mass of p(x),
    which is 1; the most that p(x|z) changes from one z with mass to the next; and I^ on
    a finer grid, but of Bayes' rule.

    The change is a total variation, as if every step were as steep as the steepest one;
    near 1 the decoder jumps between two points, which figures that agree may not show.
    """
    # Of few categories more points are as cheap.
    points = LOOK if problem.dim_x == 1 else max(LOOK, 2 ** 16 // problem.dim_x)
    finer = max(1, points // n) if problem.dim_z == 1 else 1
    # Beyond 6 lies 2e-9 of the mass.
    z, weights = nodes.grid(n * finer, problem.dim_z, half_width=6.0)
    p, _, r = problem.densities(params, (z, weights))
    x, dx = problem.outcomes(n, p)
    p_x_given_z = np.exp(p.log_prob(x, z)) * dx
    joint = weights * p_x_given_z
    # 1.5: these points are closer.  In two dimensions not all are neighbours.
    change = 1.5 * finer * np.sum(np.abs(np.diff(p_x_given_z[0], axis=0)), -1) / 2
    pace = np.max(change) if problem.dim_z == 1 else 0.0
    looked = {} if type(r) is Posterior else {
        "lower": bounds.infomax(r, z, x, joint).item()}
    return np.sum(joint), pace, looked


def on_grid(problem, params, n, shift=0.5, half_width=9.0, reach=9.0):
    """The figures of a single model on a grid of n points per dimension of z; p(x) of
    the data is a sum over z up to `reach`."""
    def grid(dim):
        return nodes.grid(n, dim, shift, half_width)
    z, z_weights = grid(problem.dim_z)
    p, q, r = problem.densities(params, (z, z_weights))
    information = bounds.information(p, *problem.outcomes(n, p), z, z_weights)
    z, eps, weights = nodes.cross((z, z_weights), problem.noise(grid))
    x, weights = p.joint(z, eps, weights)
    upper = bounds.upper(p, problem.log_m, z, x, weights)
    part = MOST_UNITS // problem.n_hidden
    # With r Bayes' rule I^ is I, and a sum over z for every x is saved.
    lower = information if type(r) is Posterior else in_parts(
        part, partial(bounds.infomax, r), z, x, weights)
    x, x_weights = problem.data(grid)
    data = nodes.cross((x, x_weights), grid(problem.dim_z))
    elbo = in_parts(part, partial(bounds.elbo, p, q), *data)
    wide = nodes.grid(int(n * reach / half_width), problem.dim_z, shift, reach)
    log_likelihood = bounds.expectation(bounds.log_marginal(p, x, *wide), x_weights)
    figures = lower, information, upper, elbo, log_likelihood
    return {key: value.item() for key, value in zip(KEYS, figures)}


def in_parts(size, bound, *variables):
    """bound(first, second, weights), a mean over nodes, in parts of about `size` along
    N, since all at once may take gigabytes."""
    total, weights = 0.0, variables[-1]
    for part in np.array_split(np.arange(weights.shape[1]), -(-weights.size // size)):
        parts = [a[:, part] if a.shape[1] > 1 else a for a in variables]
        mass = max(np.sum(parts[-1]), 1e-300)  # no 0 / 0
        total += mass * bound(*parts[:-1], parts[-1] / mass)
    return total
