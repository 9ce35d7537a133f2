"""Second routes to the truth: plain NumPy on one dense grid, of the library only what
defines the model (arrays of parameters) and none of its formulas."""
import numpy as np
import pytest

from minimae.nets import NormalNet


class Given(NormalNet):
    """A normal whose mean and log variance are given functions instead of nets, so that
    closed forms are known."""

    def __init__(self, mean, log_var):
        self.functions = mean, log_var

    def moments(self, given):
        return [function(given) for function in self.functions]


def linear(a, log_var, b=0.0):
    """value | given ~ N(a given + b, exp log_var), with numbers a, b, log_var."""
    return Given(lambda given: a * given + b,
                 lambda given: np.full(given.shape, log_var))


def random_like(params, rng, *scales):
    """Standard normal numbers times a scale in place of every parameter, one scale for
    all nets or one for each."""
    scales = scales if len(scales) > 1 else scales * len(params)
    return tuple(tuple(scale * rng.standard_normal(array.shape) for array in net)
                 for net, scale in zip(params, scales))


def log_sum_exp(a, axis):
    top = np.max(a, axis, keepdims=True)
    return np.squeeze(top, axis) + np.log(np.sum(np.exp(a - top), axis))


def grid(n, dim, reach=8.0):
    """Points (n^dim, dim) and log weights of the trapezoidal rule for N(0, I)."""
    line = np.linspace(-reach, reach, n)
    points = np.stack(np.meshgrid(*[line] * dim), -1).reshape(-1, dim)
    log_weights = -np.sum(points ** 2, 1) / 2
    return points, log_weights - log_sum_exp(log_weights, 0)


def forward(params, given):
    """The net of a single model, (..., in) -> (..., out)."""
    W, b, V, c = [array[0, 0] for array in params]
    return np.tanh(given @ W + b) @ V + c


def log_density(z, mean, log_var):
    """log of the product over the last axis of normal densities."""
    sd = np.sqrt(np.exp(log_var))
    return np.sum(-np.log(sd * np.sqrt(2 * np.pi)) - ((z - mean) / sd) ** 2 / 2, -1)


def log_softmax(logits):
    return logits - log_sum_exp(logits, -1)[..., None]


def log_decoder(problem, params, x, z):
    """log p(x|z), x (..., X) and z (..., Z) broadcast."""
    out = forward(params, z)
    if hasattr(problem, "p_true"):
        return np.sum(x * log_softmax(out), -1)
    return log_density(x, *np.split(out, 2, -1))


def log_critic(params, z, x):
    """log r(z|x) for a normal or a mixture of normals, z (..., Z) and x (..., X)."""
    out, Z = forward(params, x), z.shape[-1]
    if out.shape[-1] == 2 * Z:
        return log_density(z, *np.split(out, 2, -1))
    C = out.shape[-1] // (1 + 2 * Z)
    logits, mean, log_var = np.split(out, [C, C + C * Z], -1)
    parts = logits.shape + (Z,)
    mean, log_var = mean.reshape(parts), log_var.reshape(parts)
    log_probs = log_density(z[..., None, :], mean, log_var)
    return log_sum_exp(log_softmax(logits) + log_probs, -1)


def discrete_or_line(problem, params, z, log_weights):
    """Points x (J, X) that p(x) can be summed over, cells dx, log p_true (J,)."""
    if hasattr(problem, "p_true"):
        with np.errstate(divide="ignore"):
            return np.eye(problem.dim_x), 1.0, np.log(problem.p_true)
    mean, log_var = np.split(forward(params, z[log_weights > -40]), 2, -1)
    reach = 9 * np.exp(log_var / 2)
    x = np.linspace(np.min(mean - reach), np.max(mean + reach), 2 * len(z))[:, None]
    return x, x[1, 0] - x[0, 0], log_density(x, 0.0, 0.0)


def truth(problem, params, n, reach=8.0):
    """Everything about one model, by sums over one grid of n points per dimension: each
    bound as what it bounds, less a Kullback-Leibler divergence.

    Keys as those of exact.evaluate, and px, log_px (J,) at the points that p(x) is
    summed over, elbo_of_x and log_px_of_x (D,) at data.
    """
    p, q, r = params
    z, log_weights = grid(n, problem.dim_z, reach)
    x, dx, log_true = discrete_or_line(problem, p, z, log_weights)

    def log_pz(z):
        return log_density(z, 0.0, np.zeros(problem.dim_z))

    def log_marginal(x):
        table = log_decoder(problem, p, x, z[:, None])
        return table, log_sum_exp(log_weights[:, None] + table, 0)

    log_pxz, log_px = log_marginal(x)
    joint = np.exp(log_weights[:, None] + log_pxz) * dx
    px = np.exp(log_px) * dx
    information = np.sum(joint * (log_pxz - log_px))
    # Where r is Bayes' rule it has no parameters and no gap.
    log_pzx = log_pxz + log_pz(z)[:, None] - log_px
    log_r = log_critic(r, z[:, None], x) if r else log_pzx
    critic_gap = np.sum(joint * (log_pzx - log_r))  # E_x KL[p(z|x) || r(z|x)]
    law_gap = np.sum(px[px > 0] * (log_px - log_true)[px > 0])  # KL[p(x) || p_true]

    if hasattr(problem, "p_true"):
        data, law = x, problem.p_true
    else:
        data, law = grid(401, 1)
        law = np.exp(law)
    _, log_px_of_x = log_marginal(data)
    mean, log_var = np.split(forward(q, data)[:, None], 2, -1)
    zq = mean + np.exp(log_var / 2) * z  # (D, n, Z), a grid of its own for every x
    log_posterior = (log_decoder(problem, p, data[:, None], zq) + log_pz(zq)
                     - log_px_of_x[:, None])
    weights = np.exp(log_weights)
    # KL[q(z|x) || p(z|x)]
    encoder_gap = (log_density(zq, mean, log_var) - log_posterior) @ weights
    elbo_of_x = log_px_of_x - encoder_gap
    return dict(lower=information - critic_gap, exact=information,
                upper=information + law_gap, elbo=law @ elbo_of_x,
                log_likelihood=law @ log_px_of_x, px=px, log_px=log_px,
                elbo_of_x=elbo_of_x, log_px_of_x=log_px_of_x)


def check_identities(problem, got, expected):
    """Every figure by both routes, and every bound on its side."""
    got = {key: np.ravel(value)[0] for key, value in got.items()}
    for key, value in got.items():
        # Both routes are trapezoidal sums that stand to 1e-6 and better.
        assert value == pytest.approx(expected[key], rel=1e-5, abs=1e-5), key
    assert -1e-6 <= got["exact"] and got["lower"] <= got["exact"] + 1e-6
    assert got["exact"] <= got["upper"] + 1e-6
    assert got["elbo"] <= got["log_likelihood"] + 1e-6 <= problem.best + 2e-6


def elbo_sampled(p, q, x, eps):
    """log p(x|z) + log p(z) - log q(z|x) at z = mean + sd eps, node by node: the ELBO
    is its mean, with no KL in closed form."""
    mean, log_var = q.moments(x)
    z = mean + np.exp(log_var / 2) * eps
    return (p.log_prob(x, z) + log_density(z, 0.0, np.zeros(z.shape[-1]))
            - log_density(z, mean, log_var))
