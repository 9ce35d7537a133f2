"""Second routes to the truth: plain NumPy on one dense grid, of the library only what
defines the model (arrays of parameters) and none of its formulas."""
import os

import numpy as np

from minimae import exact
from minimae.models import Models, arrays
from minimae.nets import NormalNet

SEED = int(os.environ.get("MINIMAE_SEED", 0))


def generator(seed):
    """Random numbers of one's own for each test, and others for each SEED."""
    return np.random.default_rng([SEED, seed])


class Given(NormalNet):
    """A normal whose mean and log variance are given functions instead of nets, so that
    closed forms are known."""

    def __init__(self, mean, log_var):
        self.functions = mean, log_var

    def mean_and_log_var(self, inputs):
        return [function(inputs) for function in self.functions]


def linear(a, log_var, b=0.0):
    """value | inputs ~ N(a inputs + b, exp log_var), with numbers a, b, log_var."""
    return Given(lambda inputs: a * inputs + b,
                 lambda inputs: np.full(inputs.shape, log_var))


def by_hand(W, b, *outs):
    """Parameters of a net from lists, W (in, hidden) and b (hidden,), and for each part
    of the output a pair of V (hidden, out) and c (out,)."""
    V, c = (np.concatenate(parts, -1) for parts in zip(*outs))
    return tuple(np.array(array, float)[None, None] for array in (W, [b], V, [c]))


def zeros(problem):
    """Parameters with which p ignores z; q, and r or all its parts, are N(0, 1)."""
    return random_like(problem.init(np.random.default_rng(0)), None, 0)


def random_like(params, rng, *scales):
    """Standard normal numbers times a scale in place of every parameter, one scale for
    all nets or one for each."""
    scales = scales if len(scales) > 1 else scales * len(params)
    return tuple(tuple(scale * rng.standard_normal(array.shape) if scale
                       else np.zeros_like(array) for array in net)
                 for net, scale in zip(params, scales))


def flatten(params):
    """All numbers of all arrays in one vector."""
    return np.concatenate([np.ravel(a) for a in arrays(params)] or [np.zeros(0)])


def at_most(points, problem):
    """The same problem, on exact grids of so many points: it is marked sooner, which
    saves seconds."""
    problem.__class__ = type("Small", (type(problem),), {
        "cells": lambda self, n: exact.MOST_CELLS * n / points})
    return problem


def one_model(problem, params):
    """The Models of a single model, a plain VAE."""
    return Models(problem, [None], [0], params)


def log_sum_exp(a, axis):
    top = np.max(a, axis, keepdims=True)
    return np.squeeze(top, axis) + np.log(np.sum(np.exp(a - top), axis))


def grid(n, dim, reach=8.0):
    """Points (n^dim, dim) and log weights of the trapezoidal rule for N(0, I)."""
    line = np.linspace(-reach, reach, n)
    points = np.stack(np.meshgrid(*[line] * dim), -1).reshape(-1, dim)
    log_weights = -np.sum(points ** 2, 1) / 2
    return points, log_weights - log_sum_exp(log_weights, 0)


def forward(params, inputs):
    """The net of a single model, (..., in) -> (..., out)."""
    W, b, V, c = [array[0, 0] for array in params]
    return np.tanh(inputs @ W + b) @ V + c


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


def truth(problem, params, n, reach=8.0, far=None, n_data=401):
    """Everything about one model, by sums over one grid of n points per dimension: each
    bound as what it bounds, less a Kullback-Leibler divergence.  p(x) of the data is a
    sum over z up to `far`.

    Keys as those of exact.evaluate, and px, log_px (J,) at the points that p(x) is
    summed over, elbo_of_x and log_px_of_x (D,) at data.
    """
    p, q, r = params
    z, log_weights = grid(n, problem.dim_z, reach)
    x, dx, log_true = discrete_or_line(problem, p, z, log_weights)

    def log_pz(z):
        return log_density(z, 0.0, np.zeros(problem.dim_z))

    log_pxz = log_decoder(problem, p, x, z[:, None])
    log_px = log_sum_exp(log_weights[:, None] + log_pxz, 0)
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
        data, law = grid(n_data, 1)
        law = np.exp(law)
    wide, log_wide = grid(int(n * (far or reach) / reach), problem.dim_z, far or reach)
    log_px_of_x = log_sum_exp(
        log_wide[:, None] + log_decoder(problem, p, data, wide[:, None]), 0)
    mean, log_var = np.split(forward(q, data)[:, None], 2, -1)
    eps, weights = z, np.exp(log_weights)
    zq = mean + np.exp(log_var / 2) * eps  # (D, n, Z), a grid of its own for every x
    # log q by eps, as (zq - mean) / sd rounds away where sd < 1e-16
    log_q = log_density(eps, 0.0, np.zeros(problem.dim_z)) - np.sum(log_var, -1) / 2
    log_posterior = (log_decoder(problem, p, data[:, None], zq) + log_pz(zq)
                     - log_px_of_x[:, None])
    encoder_gap = (log_q - log_posterior) @ weights  # KL[q(z|x) || p(z|x)]
    elbo_of_x = log_px_of_x - encoder_gap
    return dict(lower=information - critic_gap, information=information,
                upper=information + law_gap, elbo=law @ elbo_of_x,
                log_likelihood=law @ log_px_of_x, px=px, log_px=log_px,
                elbo_of_x=elbo_of_x, log_px_of_x=log_px_of_x)


def differences(problem, got, expected):
    """What is wrong with figures, a list of keys: those that the other route does not
    find, and bounds that are on the wrong side."""
    # Both routes are trapezoidal sums that stand to 1e-6 and better.
    wrong = [key for key in exact.KEYS
             if not np.isclose(got[key], expected[key], 1e-5, 1e-5)]
    order = [(0, "information"), ("lower", "information"), ("information", "upper"),
             ("elbo", "log_likelihood"), ("log_likelihood", problem.best)]
    for low, high in order:
        low, high = (got.get(end, end) for end in (low, high))
        if not low <= high + 1e-6:
            wrong.append(f"{low} above {high}")
    return wrong
