"""The truth beside the bounds: log p(x) and I(z, x) by quadrature, on grids refined until the figure stands."""
import numpy as np

from . import bounds
from .nets import log_sum_exp

COARSEST = 64  # points per dimension on the first grid
MOST_CELLS = 2 ** 20  # of a table p(x|z) on the finest grid; with 16 hidden units it takes 300 MB on the way


def log_marginal(p, x, z, weights):
    """log p(x) = log sum_z weights p(x|z) at x (L, 1, J, X) from nodes z (1, N, 1, Z) and weights (1, N, 1); (L, J)."""
    with np.errstate(divide="ignore"):  # nodes without mass have log weight -inf
        return log_sum_exp(np.log(weights) + p.log_prob(x, z), 1)


def information(p, x, dx, z, weights):
    """I(z, x) = sum_z weights sum_x dx p(x|z) [log p(x|z) - log p(x)] in nats, (L,).

    x (L, 1, J, X) with cells dx (L, 1, J) cover the range of x: every category with dx = 1, or a grid over real x.
    """
    log_px = log_marginal(p, x, z, weights)[:, None]
    return bounds.upper(p, lambda _: log_px, z, x, weights * np.exp(p.log_prob(x, z)) * dx)


def select(params, l):
    """The parameters of model l alone."""
    return tuple(tuple(a[l:l + 1] for a in net) for net in params)


def figures(problem, params, tolerance=1e-6, strict=True):
    """Every figure of every stacked model by quadrature: a dict of (L,) arrays in nats.

    Keys: lower (I^), exact (I), upper (U with m the true law), elbo and log_likelihood (both averaged over the true law).
    The grids start with a point for every bend of p's net and double until no figure moves by more than `tolerance` and p
    sums to one.  Raises ArithmeticError naming the model where that takes too fine a grid; or gives NaN, unless `strict`.
    """
    rows = [refine(problem, select(params, l), tolerance) for l in range(len(params[0][0]))]
    unresolved = [l for l, row in enumerate(rows) if np.isnan(row[1])]
    if strict and unresolved:
        raise ArithmeticError(f"model {unresolved[0]}: p, q or r is too sharp, its figures do not stand to {tolerance:g} nats")
    return dict(zip(["lower", "exact", "upper", "elbo", "log_likelihood"], np.array(rows).T))


def refine(problem, params, tolerance):
    """The figures of a single model on the first grid that agrees with the one half as fine; NaN where none does."""
    n, values = COARSEST, None
    while n < 18 * np.max(np.abs(params[0][0])):  # tanh(z W + b) turns over a width of 1 / W, and z is spread over 18
        n *= 2
    while True:
        coarser, values = values, on_grid(problem, params, n)
        if values is None:
            return np.full(5, np.nan)
        if coarser is not None and np.allclose(values, coarser, rtol=0, atol=tolerance) and abs(values[-1]) < tolerance:
            return values[:-1]
        n *= 2


def on_grid(problem, params, n):
    """I^, I, U, ELBO, E log p(x) of a single model on grids of n points, and how far the mass of p on them is from 1."""
    p, q, r = problem.densities(params)
    (x_true, x_eps, x_weights), (z, z_eps, weights) = problem.nodes(n)
    x, dx = problem.outcomes(n, p)
    if z.shape[1] * x.shape[2] > MOST_CELLS:
        return None
    x_joint, joint_weights = p.joint(z, z_eps, weights)
    z_weights = np.sum(weights, -1, keepdims=True)
    log_px = log_marginal(p, np.swapaxes(x_true, 1, 2), z, z_weights)
    mass = bounds.expect(np.exp(p.log_prob(x, z)) * dx, z_weights)
    return np.concatenate([bounds.infomax(r, z, x_joint, joint_weights),
                           information(p, x, dx, z, z_weights),
                           bounds.upper(p, problem.log_true, z, x_joint, joint_weights),
                           bounds.elbo(p, q, x_true, x_eps, x_weights),
                           bounds.expect(log_px[:, :, None], np.sum(x_weights, -1, keepdims=True)),
                           mass - 1])
