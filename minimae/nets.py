"""The conditional densities p(x|z), q(z|x), r(z|x): a net of what is given yields the parameters of a density.

Parameters of a net are a flat tuple of arrays (W, b, W_1, b_1, W_2, b_2, ...): one hidden layer, then a layer per head.
Weights have shape (L, 1, in, out), so that matmul applies model l to the values of row l.
"""
import autograd.numpy as np
from autograd.tracer import getval

from . import normal


def init(rng, n_in, n_hidden, *n_outs):
    """Draw the parameters of one model's net: n_in inputs, n_hidden tanh units, and a head for each of n_outs.

    n_hidden = 0 leaves the hidden layer out: a linear map with one head.
    """
    def layer(fan_in, fan_out, scale):
        return [scale * rng.standard_normal((1, 1, fan_in, fan_out)), np.zeros((1, 1, 1, fan_out))]

    if not n_hidden:
        return tuple(layer(n_in, n_outs[0], 0.1 / np.sqrt(n_in)))
    hidden = layer(n_in, n_hidden, 1 / np.sqrt(n_in))
    hidden[1] = rng.standard_normal((1, 1, 1, n_hidden))  # bends where a standard normal input has its mass
    # Heads start near zero: every density starts almost ignoring what is given, like the VAE's trivial solution.
    return tuple(hidden + [a for n_out in n_outs for a in layer(n_hidden, n_out, 0.1 / np.sqrt(n_hidden))])


def net(params, given):
    """The poster's 2-layer FC net: tanh(given W + b) W_k + b_k for each head k; without heads, given W + b.

    (L, N, J, in) -> a list of (L, N, J, out_k).
    """
    W, b, *heads = params
    if not heads:
        return [np.matmul(given, W) + b]
    hidden = np.tanh(np.matmul(given, W) + b)
    return [np.matmul(hidden, W_k) + b_k for W_k, b_k in zip(heads[::2], heads[1::2])]


def log_sum_exp(a, axis):
    """log sum exp a over one axis.  The largest entry is taken out first: nothing overflows, and it needs no gradient."""
    top = np.max(getval(a), axis=axis, keepdims=True)
    return np.log(np.sum(np.exp(a - top), axis=axis)) + np.squeeze(top, axis)


class NormalNet:
    """value | given ~ N(mean(given), diag exp log_var(given)); both from the net, or log_var a number held fixed."""

    def __init__(self, params, log_var=None):
        self.params, self.log_var = tuple(params), log_var

    def moments(self, given):
        """mean and log_var, (L, N, J, dim), at given (L, N, J, in); a log_var held fixed stays a number."""
        return net(self.params, given) if self.log_var is None else (*net(self.params, given), self.log_var)

    def log_prob(self, value, given):
        """log density of value (L, N, J, dim) at given (L, N, J, in), as (L, N, J)."""
        return normal.log_prob(value, *self.moments(given))

    def joint(self, z, eps, weights):
        """Nodes and weights (x, weights) of p(z) p(x|z), from nodes z, eps of the standard normal: x = mean + sd eps."""
        return normal.sample(*self.moments(z), eps), weights


class CategoricalNet:
    """x | z takes one of K values, one-hot coded, with probabilities softmax(logits(z))."""

    def __init__(self, params):
        self.params = tuple(params)

    def log_probs(self, z):
        """log p(x = k | z) for every k at once, (L, N, J, K)."""
        logits, = net(self.params, z)
        return logits - np.expand_dims(log_sum_exp(logits, -1), -1)

    def log_prob(self, x, z):
        """log p(x|z) of one-hot x (L, N, J, K) at z (L, N, J, Z), as (L, N, J)."""
        return np.sum(x * self.log_probs(z), axis=-1)

    def joint(self, z, eps, weights):
        """Nodes and weights (x, weights) of p(z) p(x|z), from nodes z (L, N, 1, Z): every x, weighted by p(x|z).

        Raises ValueError where z lies along J, which the sum over x needs.
        """
        if z.shape[2] != 1:
            raise ValueError(f"z of shape {z.shape} must be (L, N, 1, Z): every x is summed over along the third axis")
        log_probs = self.log_probs(np.swapaxes(z, 1, 2))  # nodes z along J, for one matmul per model instead of N
        probs = np.exp(np.squeeze(log_probs, 1))
        return np.eye(probs.shape[-1])[None, None], weights * probs


class MixtureNet:
    """z | x is a mixture of normals whose log weights (up to a constant), means and log variances come from the net."""

    def __init__(self, params):
        self.params = tuple(params)

    def log_prob(self, z, x):
        """log density of z (L, N, J, Z) at x (L, N, J, X), as (L, N, J)."""
        logits, mean, log_var = net(self.params, x)
        parts = logits.shape + z.shape[-1:]
        log_probs = normal.log_prob(z[..., None, :], np.reshape(mean, parts), np.reshape(log_var, parts))
        return log_sum_exp(logits + log_probs, -1) - log_sum_exp(logits, -1)
