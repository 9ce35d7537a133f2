"""Critics r(z|x), which guess the code of an x that the decoder has made.

The poster's critic is a normal, nets.NormalNet().  Here are a mixture of normals, and
Bayes' rule, which needs no parameters and cannot lag behind the decoder.  A critic of
your own is a nets.Density with init and log_prob(z, x).  It may also have
    given(p, codes)          r with the decoder p, whose parameters are detached, and
                             codes = (z, weights), (S, Z) and (S,), of this step
    max_target(n_codes)      the largest target in nats that train accepts
"""
import autograd.numpy as np

from . import checks, normal, quadrature
from .bounds import log_sum_exp
from .nets import Density, init, net


class NormalMixture(Density):
    """z | x ~ sum_c weight_c(x) N(mean_c(x), diag exp log_var_c(x)), n_parts normals.

    Raises ValueError if n_parts is not an integer from 1 to 1000; more take gigabytes.
    """

    def __init__(self, n_parts):
        checks.check_integer(n_parts=n_parts, minimum=1, maximum=1000)
        self.n_parts = n_parts

    def init(self, rng, n_in, n_hidden, n_out):
        """Parameters of a net for the logits of the weights, all means and all log
        variances."""
        n = self.n_parts
        return init(rng, n_in, n_hidden, n, n * n_out, n * n_out)

    def log_prob(self, z, x):
        """log r(z|x) of z (..., Z) at x (..., X)."""
        n = self.n_parts
        dim = z.shape[-1]
        out = net(self.params, x)                               # (..., n + 2 n Z)
        logits, means, log_vars = np.split(out, [n, n + n * dim], axis=-1)
        log_weights = logits - log_sum_exp(logits, axis=-1)[..., None]
        log_parts = []
        for part in range(n):
            columns = slice(part * dim, (part + 1) * dim)
            log_normal = normal.log_prob(z, means[..., columns], log_vars[..., columns])
            log_parts.append(log_weights[..., part] + log_normal)
        return log_sum_exp(np.array(log_parts), axis=0)


class Bayes(Density):
    """Bayes' rule, r(z|x) = p(z) p(x|z) / sum_s w_s p(x|z_s), on a fixed grid of codes.

    In one dimension the grid is fine enough for 3.5 nats.  In two its spacing is .5,
    which is fine enough for about 1.5 nats in one direction.

    Raises ValueError if z has more than two dimensions: the grid would take gigabytes.
    """

    def init(self, rng, n_in, n_hidden, n_out):
        """No parameters."""
        if n_out > 2:
            raise ValueError(f"critic Bayes(), dim_z {n_out}: a grid has 1 or 2 "
                             "dimensions; use MultiSample()")
        return ()

    def given(self, p, codes):
        """p(z|x), from a grid in place of the codes of this step."""
        z, _ = codes
        dim_z = z.shape[-1]
        # 256 points on [-6, 6] have a distance of .05, the sd of a posterior of 3 nats.
        # 24 points in each of two dimensions are as many as training can afford.
        n = 256 if dim_z == 1 else 24
        grid, weights = quadrature.grid(n, dim_z, half_width=6.0)
        return Posterior(p, grid, weights)


class MultiSample(Density):
    """Bayes' rule on the codes of the step itself, in any dimension of z.

    I^ is then bounds.multi_sample, a lower bound of I on average that cannot exceed
    log n_codes.  log p(z) is replaced by its mean -H(z), which changes no average and
    removes noise.
    """

    def init(self, rng, n_in, n_hidden, n_out):
        """No parameters."""
        return ()

    def given(self, p, codes):
        """p(z|x) with that replacement."""
        z, weights = codes
        dim_z = z.shape[-1]
        mean_log_prior = -float(normal.entropy(np.zeros(dim_z)))

        def log_prior(z):
            return mean_log_prior
        return Posterior(p, z, weights, log_prior)

    def max_target(self, n_codes):
        """The largest M with 10 e^M <= n_codes, in nats: with fewer codes the bound is
        loose."""
        return max(0.0, float(np.log(n_codes / 10)))


class Posterior(Density):
    """p(z|x) = p(z) p(x|z) / sum_s weights_s p(x|z_s), from nodes z (S, Z) and weights
    (S,) of N(0, I).

    The parameters of p are detached.  r already maximises I^, so the gradient of I^
    through r is zero on average (the envelope theorem), and dropping it removes noise.
    Second derivatives by p's parameters are therefore wrong.
    If the nodes are too coarse for p(z|x), I^ is too large by KL[p(x) || sum], and is
    not a bound.
    """

    def __init__(self, p, z, weights, log_prior=normal.log_prior):
        self.p = p
        self.z = z
        self.weights = weights
        self.log_prior = log_prior

    def log_prob(self, z, x):
        """log p(z|x) of z (..., Z) at x (..., X)."""
        log_px = self.p.log_marginal(x, self.z, self.weights)
        return self.log_prior(z) + self.p.log_prob(x, z) - log_px


def is_bayes(critic):
    """Whether a critic is Bayes' rule.  It cannot lag behind p, and I^ = I if both use
    the same nodes."""
    return isinstance(critic, (Bayes, MultiSample, Posterior))
