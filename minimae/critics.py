"""The critic r(z|x), which guesses the code: a net of x, or Bayes' rule.

`kind` says which: 1 the poster's normal, C > 1 a mixture of C normals, "bayes" the
posterior p(z|x) itself, which never lags behind p but must sum over z.
"""
from numbers import Integral

import autograd.numpy as np

from . import normal
from .bounds import log_marginal
from .nets import NormalNet, init, log_sum_exp, net
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
        log_prior = normal.log_prob(z, 0.0, 0.0)
        log_px = log_marginal(self.p, x, self.z, self.weights)
        return log_prior + self.p.log_prob(x, z) - log_px
