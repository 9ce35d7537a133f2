"""The critic r(z|x), which guesses the code: a net of x, or Bayes' rule.

A critic is an object with two methods; problems take it as critic=.

    init(rng, dim_x, n_hidden, dim_z)   parameters of one model, a tuple of arrays
    density(params, p, codes)           r, an object whose log_prob(z, x) is the log
                                        density of z (L, N, J, Z) at x (L, N, J, X)

p is the decoder with its parameters held fixed, codes = (z, weights) are the step's
nodes of N(0, I), (L, S, 1, Z) and (L, S, 1).  One of your own needs no more than that.
Where it has max_information(n_codes), in nats, higher levels are refused.
"""
import autograd.numpy as np

from . import checks, normal
from .bounds import log_sum_exp
from .nets import Density, NormalNet, init, net
from .nodes import grid


class Normal:
    """r(z|x) = N(z | mean(x), diag exp log_var(x)), the poster's."""
    init = staticmethod(NormalNet.init)

    def density(self, params, p, codes):
        """r(z|x)."""
        return NormalNet(params)


class Mixture:
    """r(z|x) = sum_c weight_c(x) N(z | mean_c(x), diag exp log_var_c(x)), of n_parts
    normals.  Raises ValueError where n_parts is no whole number from 1 to 1000."""

    def __init__(self, n_parts):
        checks.whole(1, 1000, n_parts=n_parts)  # more would take gigabytes
        self.n_parts = n_parts

    def init(self, rng, dim_x, n_hidden, dim_z):
        """Logits of the weights, then means and log variances of all parts."""
        C = self.n_parts
        return init(rng, dim_x, n_hidden, C, C * dim_z, C * dim_z)

    def density(self, params, p, codes):
        """r(z|x)."""
        return MixtureNet(params)


class MixtureNet(Density):
    """z | x is a mixture of C normals: its log weights (up to a constant), means and
    log variances come from the net."""

    def log_prob(self, z, x):
        """log density of z (L, N, J, Z) at x (L, N, J, X), as (L, N, J)."""
        out, Z = net(self.params, x), z.shape[-1]
        C = out.shape[-1] // (1 + 2 * Z)
        logits, *parts = np.split(out, [C, C + C * Z], -1)
        mean, log_var = (np.reshape(part, (*logits.shape, Z)) for part in parts)
        log_probs = normal.log_prob(z[..., None, :], mean, log_var)
        return log_sum_exp(logits + log_probs, -1) - log_sum_exp(logits, -1)


class Bayes:
    """Bayes' rule on a grid: needs no training, but costs a sum over z."""

    def init(self, rng, dim_x, n_hidden, dim_z):
        """No parameters."""
        return ()

    def density(self, params, p, codes):
        """p(z|x), with nodes of its own in place of the step's codes."""
        # 256 points on [-6, 6]: one per posterior sd at 3 nats (.05).  In more
        # dimensions we can only afford a coarser grid.
        dim_z = codes[0].shape[-1]
        return Posterior(p, *grid(256 if dim_z == 1 else 24, dim_z, half_width=6.0))


class MultiSample(Bayes):
    """Bayes' rule on the step's own codes, in any dimension; at least 10 e^M of them.

    I^ is then bounds.multi_sample: log p(z) is replaced by its mean, -H(z), which is
    the same on average and less noise.
    """

    def density(self, params, p, codes):
        """p(z|x), but for that replacement."""
        entropy = float(normal.entropy(np.zeros(codes[0].shape[-1])))
        return Posterior(p, *codes, log_prior=lambda z: -entropy)

    def max_information(self, n_codes):
        """The level, in nats, for which so many codes are 10 e^M."""
        return max(0.0, float(np.log(n_codes / 10)))


class Posterior(Density):
    """p(z|x) = p(z) p(x|z) / sum_j weights_j p(x|z_j), from nodes z (L, S, 1, Z) and
    weights (L, S, 1) of N(0, I).

    p's parameters are held fixed: r already maximises I^, so its gradient is zero on
    average and may be dropped.  If the nodes are too coarse for p(z|x), I^ is too
    large, by KL[p(x) || sum], and no longer a bound.  Second derivatives lack those by
    p's parameters, by design.
    """

    def __init__(self, p, z, weights,
                 log_prior=lambda z: normal.log_prob(z, 0.0, 0.0)):
        self.p, self.z, self.weights, self.log_prior = p, z, weights, log_prior

    def log_prob(self, z, x):
        """log p(z|x) of z (L, N, J, Z) at x (L, N, J, X), as (L, N, J)."""
        log_px = self.p.log_marginal(x, self.z, self.weights)
        return self.log_prior(z) + self.p.log_prob(x, z) - log_px
