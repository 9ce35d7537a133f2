"""Densities whose parameters come from a small net: p(x|z), q(z|x) and r(z|x).

Parameters of a net are a tuple (W, b, V, c) of the shapes (in, H), (H,), (H, out) and
(out,).  A stack of L models has (L, 1, in, H) and so on, and NumPy's broadcasting
carries L along; see models.stack.
"""
import copy

import autograd.numpy as np

from . import bounds, checks, normal
from .bounds import log_sum_exp, stop_gradient


def init(rng, n_in, n_hidden, *n_outs):
    """Random parameters of a net with n_in inputs, n_hidden tanh units and
    sum(n_outs) outputs."""
    W = rng.standard_normal((n_in, n_hidden)) / np.sqrt(n_in)
    # Random biases spread the bends of the units over a N(0, 1) input.
    b = rng.standard_normal(n_hidden)
    # Small output weights: at first every density ignores its input.  A VAE gets stuck
    # in this state, which an experiment should show.
    parts = [rng.standard_normal((n_hidden, n_out)) for n_out in n_outs]
    V = 0.1 / np.sqrt(n_hidden) * np.concatenate(parts, axis=-1)
    c = np.zeros(sum(n_outs))
    return W, b, V, c


def net(params, inputs):
    """The poster's fully connected net of two layers, tanh(inputs W + b) V + c,
    (..., in) -> (..., out)."""
    W, b, V, c = params
    hidden = np.tanh(np.matmul(inputs, W) + b)
    return np.matmul(hidden, V) + c


class Density:
    """A density of a value given inputs.  Subclass it for a p, q or r of your own.

    A decoder, an encoder or a critic is handed to a problem as an instance without
    parameters, such as NormalNet().  The problem makes parameters by `init`, and
    `with_params` gives the same density with them.  Methods to write:

        all        init(rng, n_in, n_hidden, n_out): parameters, a tuple of arrays
                   log_prob(value, inputs): (..., dim) and (..., in) -> (...)
        p(x|z)     joint_nodes(z, eps, weights), or reparameterize if x is a smooth
                   function of eps; sample(z, rng) for drawing rows
        q(z|x)     reparameterize(x, eps); and sample_with_kl(x, eps) if
                   KL[q(z|x) || p(z)] has a closed form
        r(z|x)     given(p, codes), if it needs the decoder; see critics

    A leading axis of stacked models must broadcast: use negative axes.
    """
    params = ()

    def with_params(self, params):
        """The same density with these parameters, a tuple of arrays."""
        density = copy.copy(self)
        density.params = params
        return density

    def __repr__(self):
        settings = []
        for name, value in vars(self).items():
            if isinstance(value, (int, float, str)):
                settings.append(f"{name}={value}")
        return f"{type(self).__name__}({', '.join(settings)})"

    def init(self, rng, n_in, n_hidden, n_out):
        """Random parameters of one model, a tuple of arrays."""
        raise ValueError(f"{self}: write init(rng, n_in, n_hidden, n_out)")

    def log_prob(self, value, inputs):
        """log density of the value given the inputs, (...)."""
        raise ValueError(f"{self}: write log_prob(value, inputs)")

    def reparameterize(self, inputs, eps):
        """The value as a differentiable function of inputs and eps ~ N(0, I)."""
        raise ValueError(f"{self}: write reparameterize(inputs, eps), or joint_nodes")

    def sample(self, inputs, rng):
        """One random value for each of the inputs."""
        raise ValueError(f"{self}: write sample(inputs, rng)")

    def sample_with_kl(self, x, eps):
        """A code z for each x, and KL[q(z|x) || p(z)].  By default the second one is
        log q(z|x) - log p(z), which has the KL as its mean over eps."""
        z = self.reparameterize(x, eps)
        return z, self.log_prob(z, x) - normal.log_prior(z)

    def joint_nodes(self, z, eps, weights):
        """Nodes x and weights of p(z) p(x|z), from nodes z (N, Z), eps and their
        weights (J, N); see quadrature."""
        return self.reparameterize(z, eps), weights

    def log_marginal(self, x, z, weights):
        """bounds.log_marginal; override it only for speed."""
        return bounds.log_marginal(self, x, z, weights)

    def given(self, p, codes):
        """A critic r(z|x) that may use the decoder p, whose parameters are detached,
        and codes = (z, weights), nodes of p(z).  By default it does not."""
        return self


class NormalNet(Density):
    """value | inputs ~ N(mean(inputs), diag exp log_var(inputs)), both from one net.
    If log_var is a number it is fixed, and the net gives the mean only.

    Raises ValueError if log_var is not a number from -700 to 700.
    """

    def __init__(self, log_var=None):
        if log_var is not None:
            # exp(+-700) is about the range of double precision.
            checks.check_number(log_var=log_var, minimum=-700, maximum=700)
        self.log_var = log_var

    def init(self, rng, n_in, n_hidden, n_out):
        """Parameters of a net for the mean, and for the log variance if not fixed."""
        if self.log_var is None:
            return init(rng, n_in, n_hidden, n_out, n_out)
        return init(rng, n_in, n_hidden, n_out)

    def mean_and_log_var(self, inputs):
        """mean and log_var, (..., dim) each, or the fixed number for log_var."""
        out = net(self.params, inputs)
        if self.log_var is not None:
            return out, self.log_var
        dim = out.shape[-1] // 2
        return out[..., :dim], out[..., dim:]

    def log_prob(self, value, inputs):
        """log N(value | mean(inputs), exp log_var(inputs))."""
        mean, log_var = self.mean_and_log_var(inputs)
        return normal.log_prob(value, mean, log_var)

    def reparameterize(self, inputs, eps):
        """mean + sd eps, which is a draw for eps ~ N(0, I)."""
        mean, log_var = self.mean_and_log_var(inputs)
        return normal.sample(mean, log_var, eps)

    def sample(self, inputs, rng):
        """One value for each of the inputs."""
        mean, log_var = self.mean_and_log_var(inputs)
        eps = rng.standard_normal(mean.shape)
        return normal.sample(mean, log_var, eps)

    def sample_with_kl(self, x, eps):
        """A code z for each x, and KL[q(z|x) || p(z)] in closed form."""
        mean, log_var = self.mean_and_log_var(x)
        z = normal.sample(mean, log_var, eps)
        return z, normal.kl_to_standard(mean, log_var)

    def log_marginal(self, x, z, weights):
        """bounds.log_marginal by one matrix product, for large x and many codes.  It is
        right to 1e-5 for log_var above -26; for less, large numbers cancel.

        With u = x - center, log N(x | mean_s, var_s) is a polynomial of u for each s:
            sum_d [-1/2 u_d^2 / var_sd + u_d (mean_s - center)_d / var_sd]
            + log N(center | mean_s, var_s).
        """
        rows = np.reshape(x, (*x.shape[:-3], -1, x.shape[-1]))  # (n, X)
        # Centred rows are short, so that less cancels.
        center = np.mean(stop_gradient(rows), axis=-2, keepdims=True)
        u = rows - center
        mean, log_var = self.mean_and_log_var(z)
        mean = without_node_axis(mean)                          # (S, X)
        if self.log_var is None:
            log_var = without_node_axis(log_var)                # (S, X)
        difference = mean - center
        precision = np.exp(-log_var) * np.ones_like(difference)
        linear = precision * difference
        constant = normal.log_prob(center, mean, log_var)[..., None]
        one = np.ones_like(u[..., :1])
        powers = np.concatenate([-0.5 * np.square(u), u, one], axis=-1)
        coefficients = np.concatenate([precision, linear, constant], axis=-1)
        log_px_given_z = np.matmul(powers, transpose(coefficients))         # (n, S)
        log_joint = bounds.log_weights(weights) + log_px_given_z
        log_px = log_sum_exp(log_joint, axis=-1)                # (n,)
        return np.reshape(log_px, log_px.shape[:-1] + x.shape[-3:-1])


def without_node_axis(a):
    """(S, X) stays; a stack (L, 1, S, X) loses its axis J = 1 and becomes (L, S, X)."""
    return np.reshape(a, (*a.shape[:-3], *a.shape[-2:]))


def transpose(a):
    """The transposed matrix, or one for each model of a stack."""
    return np.swapaxes(a, -1, -2)


class CategoricalNet(Density):
    """x | z is one of K categories, one-hot, with probabilities softmax(logits(z))."""

    def init(self, rng, n_in, n_hidden, n_out):
        """Parameters of a net with a logit for each category."""
        return init(rng, n_in, n_hidden, n_out)

    def log_probs(self, z):
        """log p(x = k | z) of every category k, (..., K)."""
        logits = net(self.params, z)
        return logits - log_sum_exp(logits, axis=-1)[..., None]

    def log_prob(self, x, z):
        """log p(x|z) of one-hot x (..., K)."""
        return np.sum(x * self.log_probs(z), axis=-1)

    def sample(self, z, rng):
        """One-hot x, one for each z.  The category with the largest log probability
        plus Gumbel noise is a draw (Gumbel 1954)."""
        log_probs = self.log_probs(z)
        noise = rng.gumbel(size=log_probs.shape)
        category = np.argmax(log_probs + noise, axis=-1)
        return np.eye(log_probs.shape[-1])[category]

    def joint_nodes(self, z, eps, weights):
        """Every category at every code z (N, Z), weighted by p(x|z): x (K, 1, K), and
        weights (K, N) from the weights (1, N) of the codes.  eps is not used."""
        log_probs = without_node_axis(self.log_probs(z))        # (N, K)
        n_categories = log_probs.shape[-1]
        every_x = np.eye(n_categories)[:, None]                 # (K, 1, K)
        with np.errstate(under="ignore"):  # p(x|z) may round to 0
            return every_x, weights * transpose(np.exp(log_probs))
