"""The truth beside the bounds: quadrature on grids refined until the numbers stand."""
import numpy as np

from . import bounds
from .critics import Bayes
from .nets import net
from .stacks import flatten, select

COARSEST = 64  # points per dimension on the first grid
# z within 9 holds the normal's mass in double precision; but p(x) of an unlikely x may
# hang on z further out, and 13 covers every case that was found
WIDTH, WIDER = 9.0, 13.0
KEYS = ["lower", "exact", "upper", "elbo", "log_likelihood"]


def evaluate(problem, params, tolerance=1e-6):
    """Every quantity of every stacked model by quadrature: a dict of (L,) arrays, nats.

    Keys: lower (I^), exact (I), upper (U with m the true law), elbo and log_likelihood
    (both averaged over the true law).  Grids are refined until no number moves by more
    than `tolerance`, p sums to one and every bound is on its side of what it bounds;
    NaN for a model that needs finer or wider grids than there are.
    """
    with np.errstate(all="ignore"):  # what overflows is not finite, and does not stand
        rows = [refine(problem, select(params, index), tolerance)
                for index in range(len(params[0][0]))]
    return dict(zip(KEYS, np.array(rows).T))


def refine(problem, params, tolerance):
    """The values of a single model, in the order of KEYS, on the first grid that agrees
    with a rough one: twice as coarse, wider and with its points elsewhere.  NaN where
    none does."""
    n, needed = COARSEST, detail(problem, params)
    while n < needed <= problem.finest:
        n *= 2
    while n <= problem.finest >= needed:
        rough = on_grid(problem, params, int(n / 2 * WIDER / WIDTH), 0.3, WIDER)
        values = on_grid(problem, params, n, 0.5, WIDTH)
        slack = [*np.diff(values[:3]), *np.diff([*values[3:5], problem.best])]
        if (np.allclose(values, rough, rtol=0, atol=tolerance)
                and min(slack) > -tolerance and abs(values[5] - 1) < tolerance):
            return values[:5]
        n *= 2
    return np.full(len(KEYS), np.nan)


def detail(problem, params):
    """Points per dimension that give one to every bend of a net over the span of its
    input, and one to the narrowest part of r."""
    if not np.all(np.isfinite(flatten(params))):
        return np.inf
    (p, q, r), (data, prior) = problem.densities(params), problem.grids(COARSEST)
    (z, z_weights), (x, x_weights) = q.joint(*data), p.joint(*prior)
    needed = [bends(p) * max(WIDTH, seen(z, z_weights)), bends(q) * WIDTH]
    if not isinstance(r, Bayes):
        # what the net says last, for a normal and for a mixture
        log_var = net(r.params, x)[..., -problem.critic * problem.dim_z:]
        needed += [bends(r) * max(WIDTH, seen(x, x_weights)),
                   WIDTH * seen(np.exp(-0.5 * log_var), x_weights)]
    return 2 * np.max(needed)


def seen(values, weights):
    """The largest of values (1, N, J, dim) in size, where there is mass."""
    return np.max(np.where(weights[..., None] > 1e-9, np.abs(values), 0))


def bends(density):
    """1 / width of the narrowest feature of a net: W for tanh(z W + b), and where units
    meet the root of the most that an output can curve, sum_h W_h^2 |V_h|."""
    W, _, *last = density.params
    slopes = np.max(np.abs(W), 2)  # one per unit, (1, 1, H)
    curves = [np.max(np.matmul(slopes ** 2, np.abs(V))) for V in last[:1]]
    return max([np.max(slopes), *np.sqrt(curves)])


def on_grid(problem, params, n, shift, half_width):
    """The values of a single model on grids of n points, and the mass of p on them."""
    p, q, r = problem.densities(params)
    data, (z, z_eps, weights) = problem.grids(n, shift, half_width)
    x, dx = problem.outcomes(n, p)
    x_joint, joint_weights = p.joint(z, z_eps, weights)
    z_weights = np.sum(weights, -1, keepdims=True)
    information = bounds.information(p, x, dx, z, z_weights)
    # Bayes' rule on these grids is I itself; a sum of its own for every x would cost
    # the square of what they do.
    lower = (information if isinstance(r, Bayes)
             else bounds.infomax(r, z, x_joint, joint_weights))
    x_true, _, x_weights = data
    log_px = bounds.log_marginal(p, x_true, z, z_weights)
    mass = bounds.expect(np.exp(p.log_prob(x, z)) * dx, z_weights)
    return np.concatenate([lower, information,
                           bounds.upper(p, problem.log_true, z, x_joint, joint_weights),
                           bounds.elbo(p, q, *data),
                           bounds.expect(log_px, np.sum(x_weights, -1, keepdims=True)),
                           mass])
