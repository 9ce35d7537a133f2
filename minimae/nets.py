"""The densities p(x|z) and q(z|x): a net of the inputs yields their parameters.

Parameters of a net are a tuple (W, b, V, c): one hidden layer, then what it says of the
density, side by side: mean and log_var, or logits.  Weights are (L, 1, in, out):
matmul applies model l to the values of l.
"""
import autograd.numpy as np

from . import bounds, normal
from .bounds import log_sum_exp, stop_gradient


def init(rng, n_in, n_hidden, *n_outs):
    """Parameters of one model's net: n_in inputs, n_hidden tanh units, and outputs in
    parts of n_outs."""
    W = 1 / np.sqrt(n_in) * rng.standard_normal((1, 1, n_in, n_hidden))
    # Random biases spread the bends of the units over a N(0, 1) input.
    b = rng.standard_normal((1, 1, 1, n_hidden))
    parts = [rng.standard_normal((1, 1, n_hidden, n_out)) for n_out in n_outs]
    # Small output weights: at first every density ignores its input, which is where a
    # VAE gets stuck.
    V = 0.1 / np.sqrt(n_hidden) * np.concatenate(parts, -1)
    return W, b, V, np.zeros((1, 1, 1, sum(n_outs)))


def net(params, inputs):
    """The poster's 2-layer FC net: tanh(inputs W + b) V + c.
    (L, N, J, in) -> (L, N, J, out)."""
    W, b, V, c = params
    # Fewer and larger products of matrices: faces train in a quarter of the time.
    if inputs.shape[1] > inputs.shape[2]:
        return np.swapaxes(net(params, np.swapaxes(inputs, 1, 2)), 1, 2)
    return np.matmul(np.tanh(np.matmul(inputs, W) + b), V) + c


class Density:
    """value | inputs, for all models of a stack.  What each of the three has to offer:

        p(x|z)  log_prob(x, z), joint(z, eps, weights); sample(z, rng) after training
        q(z|x)  log_prob(z, x), mean_and_log_var(x), sample(x, rng): a NormalNet
        r(z|x)  log_prob(z, x)

    with log_prob of value (L, N, J, dim) at inputs (L, N, J, in) as (L, N, J), and
    joint the nodes and weights (x, weights) of p(z) p(x|z) from nodes z and eps.
    All else is computed from what you write: a decoder of your own, or a subclass with
    another log_prob and joint, has its log p(x) from that.  Where a problem is to make
    its parameters, it has a static init(rng, n_in, n_hidden, n_out) as well.
    """

    def __init__(self, params=()):
        self.params = params

    def log_marginal(self, x, z, weights):
        """bounds.log_marginal, for a critic that holds p fixed."""
        return bounds.log_marginal(self, x, z, weights)


class NormalNet(Density):
    """value | inputs ~ N(mean(inputs), diag exp log_var(inputs)), both from the net; or
    only the mean, of a net with as many outputs, and log_var a number held fixed."""

    def __init__(self, params, log_var=None):
        self.params, self.log_var = params, log_var

    @staticmethod
    def init(rng, n_in, n_hidden, n_out):
        """Parameters of one model: means, then log variances."""
        return init(rng, n_in, n_hidden, n_out, n_out)

    def mean_and_log_var(self, inputs):
        """mean and log_var, (L, N, J, dim), at inputs (L, N, J, in)."""
        out, held = net(self.params, inputs), self.log_var
        n = out.shape[-1] // 2
        return (out[..., :n], out[..., n:]) if held is None else (out, held)

    def log_prob(self, value, inputs):
        """log density of value (L, N, J, dim) at inputs (L, N, J, in), as (L, N, J)."""
        return normal.log_prob(value, *self.mean_and_log_var(inputs))

    def sample(self, inputs, rng):
        """A value for every one of the inputs."""
        mean, _ = self.mean_and_log_var(inputs)
        return self.joint(inputs, rng.standard_normal(mean.shape), None)[0]

    def joint(self, z, eps, weights):
        """Nodes and weights (x, weights) of p(z) p(x|z) from nodes z, eps of N(0, I):
        x = mean + sd eps.  TypeError for a subclass with another log_prob."""
        if type(self).log_prob is not NormalNet.log_prob:
            raise TypeError(f"{type(self).__name__}: its own log_prob needs a joint")
        return normal.sample(*self.mean_and_log_var(z), eps), weights

    def log_marginal(self, x, z, weights):
        """bounds.log_marginal, for a p that is held fixed: one product of matrices.

        With u = x - x0 for any x0, a_j = 1 / var_j, b_j = (mean_j - x0) / var_j and
        c_j = log weights_j + log p(x0|z_j),
            log p(x) = log sum_j exp(-a_j u^2 / 2 + b_j u + c_j);
        for x of more dimensions the first two terms are sums over them.
        """
        if type(self).log_prob is not NormalNet.log_prob:
            return super().log_marginal(x, z, weights)
        x0 = np.mean(stop_gradient(x), (1, 2), keepdims=True)  # so that little cancels
        u = np.reshape(x - x0, (x.shape[0], -1, x.shape[-1]))          # (L, N J, X)
        mean, log_var = self.mean_and_log_var(z)                       # (L, S, 1, X)
        a = np.broadcast_to(np.exp(-log_var), mean.shape)
        c = np.log(weights) + self.log_prob(x0, z)
        coefficients = np.concatenate([a, a * (mean - x0), c[..., None]], -1)[:, :, 0]
        features = np.concatenate([-0.5 * u ** 2, u, np.ones_like(u[..., :1])], -1)
        terms = np.matmul(features, np.swapaxes(coefficients, 1, 2))   # (L, N J, S)
        return np.reshape(log_sum_exp(terms, -1), (-1, *x.shape[1:-1]))


class CategoricalNet(Density):
    """x | z is one of K values, one-hot, with probabilities softmax(logits(z))."""

    init = staticmethod(init)  # a logit per category

    def log_probs(self, z):
        """log p(x = k | z) for every k at once, (L, N, J, K)."""
        logits = net(self.params, z)
        return logits - np.expand_dims(log_sum_exp(logits, -1), -1)

    def log_prob(self, x, z):
        """log p(x|z) of one-hot x (L, N, J, K) at z (L, N, J, Z), as (L, N, J)."""
        return np.sum(x * self.log_probs(z), axis=-1)

    def sample(self, z, rng):
        """One-hot x for every z: the largest of log p(k|z) + Gumbel noise has k ~ p."""
        log_probs = self.log_probs(z)
        k = np.argmax(log_probs + rng.gumbel(size=log_probs.shape), -1)
        return np.eye(log_probs.shape[-1])[k]

    def joint(self, z, eps, weights):
        """Nodes and weights (x, weights) of p(z) p(x|z) from nodes z (L, N, 1, Z):
        every x, weighted by p(x|z).  TypeError for a subclass with another log_prob."""
        if (type(self).log_prob is not CategoricalNet.log_prob
                and type(self).log_probs is CategoricalNet.log_probs):
            raise TypeError(f"{type(self).__name__}: its own log_prob needs a joint")
        log_probs = self.log_probs(z)[:, :, 0]
        return np.eye(log_probs.shape[-1])[None, None], weights * np.exp(log_probs)
