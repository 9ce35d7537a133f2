"""The bounds on log p(x) and on I(z, x), one function each.

Nodes and weights come in as arguments, so each function is an estimate or an exact value, as its nodes are; see nodes.
Weights sum to one over (N, J) for each model, which makes every sum below the mean of the equation beside it.
"""
import autograd.numpy as np

from . import normal


def expect(values, weights, axis=(1, 2)):
    """E f = sum weights f over the node axes: values, weights (L, N, J) -> (L,)."""
    return np.sum(weights * values, axis=axis)


def elbo(p, q, x, eps, weights, axis=(1, 2)):
    """ELBO = E_x { E_{z ~ q(.|x)} log p(x|z) - KL[q(z|x) || p(z)] } <= E_x log p(x), in nats, (L,).

    x are nodes of the data and eps of N(0, I); z = mean(x) + sd(x) eps.  With axis=2 and weights of eps given x alone the
    result is ELBO(x) at every x, (L, N).  Poster, "Variational autoencoders"; the gap is E_x KL[q(z|x) || p(z|x)].
    """
    log_likelihood, kl = elbo_terms(p, q, x, eps)
    return expect(log_likelihood - kl, weights, axis)


def elbo_terms(p, q, x, eps):
    """The two terms of the ELBO at every node: log p(x|z), (L, N, J), and KL[q(z|x) || p(z)], broadcasting with it."""
    mean, log_var = q.moments(x)
    z = normal.sample(mean, log_var, eps)
    return p.log_prob(x, z), normal.kl_to_standard(mean, log_var)


def elbo_sampled(p, q, x, eps, weights, axis=(1, 2)):
    """The ELBO with its KL sampled too: E_x E_{z ~ q(.|x)} [log p(x|z) + log p(z) - log q(z|x)], in nats, (L,).

    Same expectation as `elbo`, more noise in general; but where q(z|x) = p(z|x) every single sample equals log p(x).
    """
    mean, log_var = q.moments(x)
    z = normal.sample(mean, log_var, eps)
    log_ratio = normal.log_prob(z, 0.0, 0.0) - normal.log_prob(z, mean, log_var)
    return expect(p.log_prob(x, z) + log_ratio, weights, axis)


def infomax(r, z, x, weights):
    """I^ = H(z) + E_{z,x ~ p} log r(z|x) <= I(z, x), in nats, (L,); z, x, weights are nodes of p(z) p(x|z).

    Poster, "Tractable approximation" (Barber & Agakov 2003); the gap is E_x KL[p(z|x) || r(z|x)].
    """
    return normal.entropy(np.zeros(z.shape[-1])) + expect(r.log_prob(z, x), weights)


def upper(p, log_m, z, x, weights):
    """U = E_{z,x ~ p} [log p(x|z) - log m(x)] >= I(z, x), in nats, (L,); z, x, weights are nodes of p(z) p(x|z).

    log_m(x) is the log density of any law m of x, with gap KL[p(x) || m], infinite where m misses mass of p; or any lower
    bound of log p(x) such as the ELBO, with gap E_p KL[q(z|x) || p(z|x)]; log p(x) itself gives I.
    """
    values = p.log_prob(x, z) - log_m(x)
    return expect(np.where(weights > 0, values, 0.0), weights)  # what p never yields does not count, not even where m = 0
