"""The true values beside the bounds, by quadrature, refined until three grids agree.

The three share no points, and one of them is wider.  Each figure is reported where they
agree on it, whatever the others do; else it is NaN, and the row says why.
"""
import numpy as np

from . import bounds, nodes
from .critics import Posterior
from .models import flatten, select

KEYS = ["lower", "information", "upper", "elbo", "log_likelihood"]
COARSEST = 64  # points per dimension of z on the first grid
LOOK = 2 ** 12  # points of z on which the decoder is looked at for what a grid may miss
# The weights of N(0, 1) end here in double precision.  p(x) of an unlikely x may depend
# on z far beyond 9, which holds all of the mass.
WIDEST = 37.0
PART = 2 ** 19  # nodes that a net sees at once: 16 hidden units of each take 64 MB


def evaluate(models, tolerance=1e-6):
    """A row of the table per model, a dict: level, seed; in nats lower (I^),
    information (I), upper (U with m = problem.log_m), elbo and log_likelihood, means
    over the data, and best; then note, what is not resolved and why, or "".

    A figure on which the grids do not agree to `tolerance`, relative above 1, is NaN.
    Known limits: what may go unseen is a decoder that changes and changes back within
    18 / LOOK of z, or beyond WIDEST; and q or r that do so, or jump, within
    18 / COARSEST of x, z or eps, as needles made by hand do.
    """
    rows = []
    for k, level in enumerate(models.levels):
        values, note = figures(models.problem, select(models.params, k), tolerance)
        rows.append(dict(level=level, seed=models.seeds[k], **values,
                         best=models.problem.best, note=note))
    return rows


def figures(problem, params, tolerance=1e-6):
    """The figures of a single model, a dict of KEYS, and what is wrong with them."""
    values, missing, n = dict.fromkeys(KEYS, np.nan), KEYS, COARSEST
    if not np.all(np.isfinite(flatten(params))):
        return values, "diverged"
    if problem.max_points < n:
        return values, "no room for a grid in so many dimensions"
    while missing and n <= problem.max_points:
        with np.errstate(all="ignore"):  # overflow becomes inf or NaN, and is rejected
            if is_resolved(problem, params, n, tolerance):
                fine = on_grid(problem, params, n, 0.5)
                others = [on_grid(problem, params, int(0.7 * n), 0.85),
                          on_grid(problem, params, int(0.7 * n), 0.3, 13.0, WIDEST)]
                values.update((key, fine[key]) for key in missing if all(np.isclose(
                    fine[key], other[key], tolerance, tolerance) for other in others))
        missing, n = [key for key in KEYS if np.isnan(values[key])], 2 * n
    note = f"not resolved at {n // 2} points: {', '.join(missing)}" if missing else ""
    limits = {**values, "best": np.inf if problem.best is None else problem.best}
    for low, high in [("lower", "information"), ("information", "upper"),
                      ("elbo", "log_likelihood"), ("log_likelihood", "best")]:
        if limits[low] > limits[high] + tolerance * max(1, abs(limits[high])):
            note = f"{low} above {high}: bounds in the wrong order"
            values.update({key: np.nan for key in (low, high) if key in KEYS})
    return values, note


def is_resolved(problem, params, n, tolerance):
    """Whether n points per dimension of z see all of the decoder: p(x) sums to one, and
    between neighbouring z with mass p(x|z) changes by less than half of its mass.

    The change is a total variation, added up over all steps of a finer grid; where it
    is 1, the decoder jumps between two points, which figures that agree may not show.
    """
    p, _, _ = problem.densities(params)
    steps = max(1, LOOK // n) if problem.dim_z == 1 else 1
    z, weights = nodes.grid(n * steps, problem.dim_z)
    seen = weights[0, :, 0] > 1e-9 * np.max(weights)
    z, weights = z[:, seen], weights[:, seen]
    x, dx = problem.outcomes(n, p)
    p_x_given_z = np.exp(p.log_prob(x, z)) * dx
    mass = bounds.expectation(p_x_given_z, weights)
    change = 0.5 * np.sum(np.abs(np.diff(p_x_given_z[0], axis=0)), -1)
    path = np.add.reduceat(change, np.arange(0, len(change), steps))
    # Neighbours in a list of nodes of two dimensions are none at the end of a row.
    return abs(mass - 1) < tolerance and (np.max(path) < 0.5 or problem.dim_z > 1)


def on_grid(problem, params, n, shift=0.5, half_width=9.0, reach=9.0):
    """The figures of a single model on a grid of n points per dimension of z; p(x) of
    the data is a sum over z up to `reach`."""
    data, (z, eps, weights) = problem.grids(n, shift, half_width)
    z_weights = np.sum(weights, -1, keepdims=True)
    p, q, r = problem.densities(params, (z, z_weights))
    information = bounds.information(p, *problem.outcomes(n, p), z, z_weights)
    x, weights = p.joint(z, eps, weights)
    upper = bounds.upper(p, problem.log_m, z, x, weights)
    # With r the exact posterior I^ is I, and a sum over z for every x is saved.
    is_posterior = getattr(r.log_prob, "__func__", None) is Posterior.log_prob
    lower = information if is_posterior else in_parts(
        lambda *nodes: bounds.infomax(r, *nodes), z, x, weights)
    elbo = in_parts(lambda *nodes: bounds.elbo(p, q, *nodes), *data)
    wide = nodes.grid(int(n * reach / half_width), problem.dim_z, shift, reach)
    log_likelihood = bounds.expectation(bounds.log_marginal(p, data[0], *wide),
                                        np.sum(data[2], -1, keepdims=True))
    figures = lower, information, upper, elbo, log_likelihood
    return {key: value.item() for key, value in zip(KEYS, figures)}


def in_parts(bound, *nodes):
    """bound(first, second, weights), a mean over nodes, in parts along N, since all at
    once may take gigabytes."""
    total, weights = 0.0, nodes[-1]
    for part in np.array_split(np.arange(weights.shape[1]), -(-weights.size // PART)):
        parts = [a[:, part] if a.shape[1] > 1 else a for a in nodes]
        mass = max(np.sum(parts[-1]), 1e-300)  # no 0 / 0
        total += mass * bound(*parts[:-1], parts[-1] / mass)
    return total
