"""The critic r(z|x), which guesses the code: a net of x, or Bayes' rule.

`kind` says which: 1 the poster's normal, C > 1 a mixture of C normals, "bayes" the
posterior p(z|x) itself, which never lags behind p but must sum over z.
"""
from numbers import Integral

import autograd.numpy as np

from . import normal
from .bounds import log_marginal
from .nets import NormalNet, held, init, log_sum_exp, net
from .nodes import grid


def check(kind):
    """Raise ValueError unless there is such a critic."""
    if kind != "bayes" and not (isinstance(kind, Integral) and kind >= 1):
        raise ValueError(f"critic {kind}: give a number of normals from 1, or bayes")


def init_critic(kind, rng, dim_x, n_hidden, dim_z):
    """Parameters of one model's r(z|x); Bayes' rule has none."""
    if kind == "bayes":
        return ()
    if kind == 1:
        return init(rng, dim_x, n_hidden, dim_z, dim_z)
    return init(rng, dim_x, n_hidden, kind, kind * dim_z, kind * dim_z)


def critic(kind, params, p, dim_z):
    """r(z|x) with such parameters; Bayes' rule takes those of p, held fixed."""
    if kind == "bayes":
        # A point in every sd of 3 nats, .05, up to 1e-9 of the mass; more dimensions
        # have room for less.
        return Bayes(p, *grid(256 if dim_z == 1 else 24, dim_z, half_width=6.0))
    return NormalNet(params) if kind == 1 else MixtureNet(params)


class MixtureNet:
    """z | x is a mixture of normals: its log weights (up to a constant), means and log
    variances come from the net."""

    def __init__(self, params):
        self.params = params

    def log_prob(self, z, x):
        """log density of z (L, N, J, Z) at x (L, N, J, X), as (L, N, J)."""
        out, Z = net(self.params, x), z.shape[-1]
        C = out.shape[-1] // (1 + 2 * Z)
        logits, mean, log_var = np.split(out, [C, C + C * Z], -1)
        parts = logits.shape + (Z,)
        mean, log_var = np.reshape(mean, parts), np.reshape(log_var, parts)
        log_probs = normal.log_prob(z[..., None, :], mean, log_var)
        return log_sum_exp(logits + log_probs, -1) - log_sum_exp(logits, -1)


class Bayes:
    """r(z|x) = p(z) p(x|z) / sum_j weights_j p(x|z_j), from nodes z (1, N, 1, Z) and
    weights (1, N, 1) of N(0, I).

    The parameters of p are held fixed here: r = argmax of I^ already, so the gradient
    through r is zero on average, and p acts on I^ through the nodes of p(x|z) alone, as
    with any other critic.  What the nodes miss of p(x) makes I^ larger, by
    KL[p(x) || sum]: next to nothing where they resolve p(z|x), else I^ is no bound.
    """

    def __init__(self, p, z, weights):
        self.p, self.z, self.weights = p, z, weights

    def log_prob(self, z, x):
        """log r of z (L, N, J, Z) at x (L, N, J, X), as (L, N, J)."""
        sums = normal_marginal if isinstance(self.p, NormalNet) else log_marginal
        log_px = sums(self.p, x, self.z, self.weights)
        return normal.log_prob(z, 0.0, 0.0) + self.p.log_prob(x, z) - log_px


def normal_marginal(p, x, z, weights):
    """log_marginal of a normal p that is held fixed, with the slope in x by hand:
    a tape of every p(x|z_j) would cost more than the rest of a step.

    With a_j = 1 / var_j, b_j = mean_j / var_j and c_j = log weights_j + log p(0|z_j),
        log p(x) = log sum_j exp(-a_j x^2 / 2 + b_j x + c_j),
        d/dx log p(x) = sum_j p(z_j|x) (b_j - a_j x);
    for x of more dimensions the first two terms are sums over them.
    """
    at = np.reshape(held(x), (len(x), -1, x.shape[-1]))          # (L, N J, X)
    mean, log_var = p.moments(z)                                 # (L, M, 1, X)
    a = np.exp(-log_var) + 0 * mean
    c = np.log(weights) + p.log_prob(0 * mean, z)
    abc = np.concatenate([a, a * mean, c[..., None]], -1)[:, :, 0]
    powers = np.concatenate([-0.5 * at ** 2, at, 1 + 0 * at[..., :1]], -1)
    terms = np.matmul(powers, np.swapaxes(abc, 1, 2))            # (L, N J, M)
    top = np.max(terms, -1, keepdims=True)
    np.exp(np.subtract(terms, top, out=terms), out=terms)
    total = np.sum(terms, -1, keepdims=True)
    sum_a, sum_b = np.split(np.matmul(terms, abc[..., :-1]), 2, -1)
    log_px = np.reshape(np.log(total) + top, (-1, *x.shape[1:-1]))
    slope = np.reshape((sum_b - sum_a * at) / total, (-1, *x.shape[1:]))
    return log_px + np.sum(slope * (x - held(x)), -1)
