"""log p(x) and I(z, x), and the bounds on both, one function each.

Nodes and weights come in as arguments, so each function is an estimate or an exact
value, as its nodes are; see nodes.  Weights sum to one over (N, J) for each model,
which makes every sum below the mean of the equation beside it.
"""
import autograd.numpy as np

from . import normal
from .nets import log_sum_exp


def expect(values, weights, axis=(1, 2)):
    """E f = sum weights f over the node axes: values, weights (L, N, J) -> (L,)."""
    return np.sum(weights * values, axis=axis)


def log_marginal(p, x, z, weights):
    """log p(x) = log sum_z weights p(x|z) at x (L, N, J, X), as (L, N, J), from nodes z
    (L, M, 1, Z) and weights (L, M, 1).  Poster, "Variational autoencoders"."""
    with np.errstate(divide="ignore"):  # nodes without mass have log weight -inf
        log_weights = np.log(weights)
    each = np.reshape(x, (x.shape[0], 1, -1, x.shape[-1]))
    log_px = log_sum_exp(log_weights + p.log_prob(each, z), 1)
    return np.reshape(log_px, log_px.shape[:1] + x.shape[1:-1])


def elbo(p, q, x, eps, weights, axis=(1, 2)):
    """ELBO = E_x { E_{z ~ q(.|x)} log p(x|z) - KL[q(z|x) || p(z)] } <= E_x log p(x).

    x are nodes of the data and eps of N(0, I); z = mean(x) + sd(x) eps; nats, (L,).
    With axis=2 and weights of eps given x alone the result is ELBO(x) at every x,
    (L, N).  Poster, "Variational autoencoders"; the gap is E_x KL[q(z|x) || p(z|x)].
    """
    log_likelihood, kl = elbo_terms(p, q, x, eps)
    return expect(log_likelihood - kl, weights, axis)


def elbo_terms(p, q, x, eps):
    """Both terms of the ELBO at every node: log p(x|z), (L, N, J), and
    KL[q(z|x) || p(z)], which broadcasts with it."""
    mean, log_var = q.moments(x)
    z = normal.sample(mean, log_var, eps)
    return p.log_prob(x, z), normal.kl_to_standard(mean, log_var)


def information(p, x, dx, z, weights):
    """I(z, x) = sum_z weights sum_x dx p(x|z) [log p(x|z) - log p(x)] in nats, (L,).

    x (L, 1, J, X) with cells dx cover the range of x: every category with dx = 1, or a
    grid over real x.  Nodes z (L, N, 1, Z), weights (L, N, 1).
    Poster, "The mutual autoencoder".
    """
    log_px = log_marginal(p, x, z, weights)
    joint = weights * np.exp(p.log_prob(x, z)) * dx
    return upper(p, lambda _: log_px, z, x, joint)


def infomax(r, z, x, weights):
    """I^ = H(z) + E_{z,x ~ p} log r(z|x) <= I(z, x), in nats, (L,).

    z, x, weights are nodes of p(z) p(x|z).  The gap is E_x KL[p(z|x) || r(z|x)].
    Poster, "Tractable approximation" (Barber & Agakov 2003).
    """
    return normal.entropy(np.zeros(z.shape[-1])) + expect(r.log_prob(z, x), weights)


def upper(p, log_m, z, x, weights):
    """U = E_{z,x ~ p} [log p(x|z) - log m(x)] >= I(z, x), in nats, (L,).

    z, x, weights are nodes of p(z) p(x|z).  log_m(x) is the log density of any law m of
    x, with gap KL[p(x) || m], infinite where m misses mass of p; or any lower bound of
    log p(x) such as the ELBO, with gap E_p KL[q(z|x) || p(z|x)]; log p(x) gives I.
    """
    values = p.log_prob(x, z) - log_m(x)
    # What p never yields does not count, not even where m = 0.
    return expect(np.where(weights > 0, values, 0.0), weights)


def multi_sample(p, z, x, weights, codes, code_weights):
    """E_{z,x ~ p} [log p(x|z) - log sum_j code_weights_j p(x|codes_j)], in nats, (L,).

    z, x, weights are nodes of p(z) p(x|z); codes (L, N, 1, Z), code_weights (L, N, 1)
    are a random set of N codes of which a member drawn by its weight is ~ N(0, I).
    Where z is such a member the value is I(k; x | set) = I(z, x) - I(set; x) on average
    over sets: a lower bound, and never above log N for equal weights.  Where z is
    independent of the set, an upper bound, by Jensen (structured InfoNCE: Poole, Ozair,
    van den Oord, Alemi & Tucker 2019, section 2.3).
    """
    return upper(p, lambda x: log_marginal(p, x, codes, code_weights), z, x, weights)
