"""The densities p(x|z) and q(z|x): a net of what is given yields their parameters.

Parameters of a net are a tuple (W, b, V, c): one hidden layer, then what it says of the
density, side by side: mean and log_var, or logits.  Weights are (L, 1, in, out):
matmul applies model l to the values of l.
"""
import autograd.numpy as np
# The value alone: no gradient flows through it.
from autograd.tracer import getval as held

from . import normal


def init(rng, n_in, n_hidden, *n_outs):
    """Parameters of one model's net: n_in inputs, n_hidden tanh units, and outputs in
    parts of n_outs.

    n_hidden = 0 leaves the hidden layer out: a linear map (W, b).
    """
    def layer(fan_in, scale, *fan_outs):
        parts = [rng.standard_normal((1, 1, fan_in, fan_out)) for fan_out in fan_outs]
        weights = scale * np.concatenate(parts, -1)
        return weights, np.zeros((1, 1, 1, sum(fan_outs)))

    if not n_hidden:
        return layer(n_in, 0.1 / np.sqrt(n_in), *n_outs)
    W, _ = layer(n_in, 1 / np.sqrt(n_in), n_hidden)
    # Units bend where a standard normal input has its mass.
    b = rng.standard_normal((1, 1, 1, n_hidden))
    # Outputs start near zero: densities nearly ignore what is given, the VAE's trap.
    return W, b, *layer(n_hidden, 0.1 / np.sqrt(n_hidden), *n_outs)


def net(params, given):
    """The poster's 2-layer FC net: tanh(given W + b) V + c; without V and c,
    given W + b.  (L, N, J, in) -> (L, N, J, out)."""
    W, b, *last = params
    first = np.matmul(given, W) + b
    if not last:
        return first
    V, c = last
    return np.matmul(np.tanh(first), V) + c


def log_sum_exp(a, axis):
    """log sum exp a over one axis, without overflow: the largest entry is taken out."""
    top = np.max(held(a), axis=axis, keepdims=True)
    return np.log(np.sum(np.exp(a - top), axis=axis)) + np.squeeze(top, axis)


class NormalNet:
    """value | given ~ N(mean(given), diag exp log_var(given)), both from the net, or
    log_var a number held fixed."""

    def __init__(self, params, log_var=None):
        self.params, self.log_var = params, log_var

    def moments(self, given):
        """mean and log_var, (L, N, J, dim), at given (L, N, J, in)."""
        out = net(self.params, given)
        if self.log_var is not None:
            return out, self.log_var
        half = out.shape[-1] // 2
        return out[..., :half], out[..., half:]

    def log_prob(self, value, given):
        """log density of value (L, N, J, dim) at given (L, N, J, in), as (L, N, J)."""
        return normal.log_prob(value, *self.moments(given))

    def joint(self, z, eps, weights):
        """Nodes and weights (x, weights) of p(z) p(x|z) from nodes z, eps of N(0, I):
        x = mean + sd eps."""
        return normal.sample(*self.moments(z), eps), weights


class CategoricalNet:
    """x | z is one of K values, one-hot, with probabilities softmax(logits(z))."""

    def __init__(self, params):
        self.params = params

    def log_probs(self, z):
        """log p(x = k | z) for every k at once, (L, N, J, K)."""
        logits = net(self.params, z)
        return logits - np.expand_dims(log_sum_exp(logits, -1), -1)

    def log_prob(self, x, z):
        """log p(x|z) of one-hot x (L, N, J, K) at z (L, N, J, Z), as (L, N, J)."""
        return np.sum(x * self.log_probs(z), axis=-1)

    def joint(self, z, eps, weights):
        """Nodes and weights (x, weights) of p(z) p(x|z) from nodes z (L, N, 1, Z):
        every x, weighted by p(x|z).  Raises ValueError where z lies along J."""
        if z.shape[2] != 1:
            raise ValueError(f"z of shape {z.shape} must be (L, N, 1, Z): "
                             "every x is summed over along the third axis")
        # Nodes of z along J for the net: one matmul per model instead of N.
        log_probs = np.squeeze(self.log_probs(np.swapaxes(z, 1, 2)), 1)
        return np.eye(log_probs.shape[-1])[None, None], weights * np.exp(log_probs)
