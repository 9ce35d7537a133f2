"""Second routes to the truth: plain NumPy on one dense grid, sharing no code with the library."""
import numpy as np
import pytest

from minimae import exact
from minimae.nets import NormalNet


class Given(NormalNet):
    """A normal whose mean and log variance are given functions instead of nets, so that closed forms are known."""

    def __init__(self, mean, log_var):
        self.functions = mean, log_var

    def moments(self, given):
        return [function(given) for function in self.functions]


def linear(a, log_var, b=0.0):
    """value | given ~ N(a given + b, exp log_var), with numbers a, b, log_var."""
    return Given(lambda given: a * given + b, lambda given: np.full(given.shape, log_var))


def random_like(net, rng, scale):
    """Standard normal numbers times scale in place of every parameter of a net."""
    return tuple(scale * rng.standard_normal(array.shape) for array in net)


def grid(n, dim, reach=8.0):
    """Points and weights of the trapezoidal rule for N(0, I)."""
    line = np.linspace(-reach, reach, n)
    points = np.stack(np.meshgrid(*[line] * dim), -1).reshape(-1, dim)
    weights = np.exp(-np.sum(points ** 2, 1) / 2)
    return points, weights / weights.sum()


def forward(params, given):
    """The net of a single model, given (n, in)."""
    arrays = [array[0, 0] for array in params]
    hidden = np.tanh(given @ arrays[0] + arrays[1])
    return [hidden @ arrays[i] + arrays[i + 1] for i in range(2, len(arrays), 2)]


def log_density(z, mean, log_var):
    """log of the product over the last axis of normal densities."""
    sd = np.sqrt(np.exp(log_var))
    return np.sum(np.log(1 / (sd * np.sqrt(2 * np.pi))) - ((z - mean) / sd) ** 2 / 2, -1)


def log_critic(params, z, x):
    """log r(z_i | x_k), (n, K), for a normal or a mixture of normals."""
    outs = [out[None] for out in forward(params, x)]
    if len(outs) == 2:
        return log_density(z[:, None], *outs)
    logits, mean, log_var = outs
    shape = (1, len(x), logits.shape[-1], z.shape[-1])
    probs = np.exp(logits - logits.max(-1, keepdims=True))
    log_probs = np.log(probs / probs.sum(-1, keepdims=True))
    parts = log_probs + log_density(z[:, None, None], mean.reshape(shape), log_var.reshape(shape))
    top = parts.max(-1)
    return top + np.log(np.exp(parts - top[..., None]).sum(-1))


def log_posterior_terms(params, z):
    """log p(x = k | z_i), (n, K)."""
    logits, = forward(params, z)
    logits = logits - logits.max(1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


def discrete_truth(params, p_true, n):
    """Everything about one model of the discrete problem, by sums over one grid of n points a dimension."""
    p, q, r = params
    p_true, x, dim = np.asarray(p_true), np.eye(len(p_true)), p[0].shape[2]
    z, weights = grid(n, dim)
    log_pxz = log_posterior_terms(p, z)
    joint = weights[:, None] * np.exp(log_pxz)
    px = joint.sum(0)
    log_px = np.log(px)
    information = np.sum(joint * (log_pxz - log_px))
    log_pzx = log_pxz + log_density(z, 0, np.zeros(dim))[:, None] - log_px  # Bayes' rule
    critic_gap = np.sum(joint * (log_pzx - log_critic(r, z, x)))  # E_x KL(p(z|x) || r(z|x))
    mean, log_var = forward(q, x)
    encoder_gap = np.zeros(len(x))  # KL(q(z|x) || p(z|x)) on a grid of its own for every x
    for k in range(len(x)):
        zk = mean[k] + np.exp(log_var[k] / 2) * z
        log_pzx_k = log_posterior_terms(p, zk)[:, k] + log_density(zk, 0, np.zeros(dim)) - log_px[k]
        encoder_gap[k] = np.sum(weights * (log_density(zk, mean[k], log_var[k]) - log_pzx_k))
    with np.errstate(divide="ignore"):
        missed = np.sum(np.where(px > 0, px * (log_px - np.log(p_true)), 0))  # KL(p(x) || p_true)
    return dict(log_px=log_px, px=px, information=information, critic_gap=critic_gap, encoder_gap=encoder_gap,
                law_gap=missed, log_likelihood=np.sum(p_true * log_px))


def dense(params):
    """Points a dimension on which the second route stands to 1e-6 at the scales of the tests."""
    return 4001 if params[0][0].shape[2] == 1 else 161


def check_identities(problem, params, p_true):
    """Bounds, exact figures and the three gap identities of one model, by two routes."""
    got = {key: value[0] for key, value in exact.figures(problem, params).items()}
    truth = discrete_truth(params, p_true, dense(params))
    close = dict(rel=1e-5, abs=1e-5)  # both routes stand to 1e-6 and better
    assert got["exact"] == pytest.approx(truth["information"], **close)
    assert got["log_likelihood"] == pytest.approx(truth["log_likelihood"], **close)
    assert got["lower"] == pytest.approx(truth["information"] - truth["critic_gap"], **close)
    assert got["elbo"] == pytest.approx(truth["log_likelihood"] - np.sum(p_true * truth["encoder_gap"]), **close)
    assert got["upper"] == pytest.approx(truth["information"] + truth["law_gap"], **close)
    entropy_of_x = -np.sum(truth["px"] * truth["log_px"])
    assert got["lower"] <= got["exact"] + 1e-6 and got["exact"] <= got["upper"] + 1e-6
    assert -1e-6 <= got["exact"] <= entropy_of_x + 1e-6 <= np.log(len(p_true)) + 2e-6
    assert got["elbo"] <= got["log_likelihood"] + 1e-6 and got["log_likelihood"] <= problem.best + 1e-6
    return got
