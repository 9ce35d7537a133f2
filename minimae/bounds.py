"""log p(x) and I(z, x), and the bounds on both, one function each.

p, q and r are any objects with a log_prob; see nets and critics.  Nodes and weights
come in as arguments, so each function is an estimate or an exact value, as its nodes
are; see nodes.  Weights sum to one over (N, J) for each model, so each weighted sum
below is the expectation written next to it.
"""
import autograd.numpy as np
# stop_gradient(a) is a's value, treated as a constant.
from autograd.tracer import getval as stop_gradient

from . import normal


def expectation(values, weights, axis=(1, 2)):
    """E f = sum weights f over the node axes: values, weights (L, N, J) -> (L,)."""
    return np.sum(weights * values, axis=axis)


def log_sum_exp(a, axis):
    """log sum exp a over one axis, without overflow: the largest entry is taken out."""
    top = np.max(stop_gradient(a), axis=axis, keepdims=True)
    top = np.maximum(top, np.finfo(top.dtype).min)  # if all are -inf: no inf - inf
    with np.errstate(divide="ignore"):
        return np.log(np.sum(np.exp(a - top), axis=axis)) + np.squeeze(top, axis)


def log_marginal(p, x, z, weights):
    """log p(x) = log sum_z weights p(x|z) at x (L, N, J, X), as (L, N, J), from nodes z
    (L, S, 1, Z) and weights (L, S, 1).  Poster, "Variational autoencoders"."""
    every_x = np.reshape(x, (x.shape[0], 1, -1, x.shape[-1]))
    with np.errstate(divide="ignore"):  # nodes without mass have log weight -inf
        log_px = log_sum_exp(np.log(weights) + p.log_prob(every_x, z), 1)
    return np.reshape(log_px, log_px.shape[:1] + x.shape[1:-1])


def elbo(p, q, x, eps, weights, axis=(1, 2)):
    """ELBO = E_x { E_{z ~ q(.|x)} log p(x|z) - KL[q(z|x) || p(z)] } <= E_x log p(x).

    x are nodes of the data and eps of N(0, I); z = mean(x) + sd(x) eps; nats, (L,).
    With axis=2 and weights of eps given x alone the result is ELBO(x) at every x,
    (L, N).  Poster, "Variational autoencoders"; the gap is E_x KL[q(z|x) || p(z|x)].
    """
    reconstruction, kl = reconstruction_and_kl(p, q, x, eps)
    return expectation(reconstruction - kl, weights, axis)


def reconstruction_and_kl(p, q, x, eps):
    """Both terms of the ELBO at every node: log p(x|z), (L, N, J), and
    KL[q(z|x) || p(z)], which broadcasts with it."""
    mean, log_var = q.mean_and_log_var(x)
    z = normal.sample(mean, log_var, eps)
    return p.log_prob(x, z), normal.kl_to_standard(mean, log_var)


def information(p, x, dx, z, weights):
    """I(z, x) = sum_z weights sum_x dx p(x|z) [log p(x|z) - log p(x)] in nats, (L,).

    x (L, 1, J, X) with cells dx cover the range of x: every category with dx = 1, or a
    grid over real x.  Nodes z (L, N, 1, Z), weights (L, N, 1).
    Poster, "The mutual autoencoder".
    """
    joint = weights * np.exp(p.log_prob(x, z)) * dx
    return upper(p, lambda x: log_marginal(p, x, z, weights), z, x, joint)


def infomax(r, z, x, weights):
    """I^ = H(z) + E_{z,x ~ p} log r(z|x) <= I(z, x), in nats, (L,).

    z, x, weights are nodes of p(z) p(x|z).  The gap is E_x KL[p(z|x) || r(z|x)].
    Poster, "Tractable approximation" (Barber & Agakov 2003).
    """
    entropy = float(normal.entropy(np.zeros(z.shape[-1])))  # float: single stays single
    return entropy + expectation(r.log_prob(z, x), weights)


def upper(p, log_m, z, x, weights):
    """U = E_{z,x ~ p} [log p(x|z) - log m(x)] >= I(z, x), in nats, (L,).

    z, x, weights are nodes of p(z) p(x|z).  log_m(x) is the log density of any law m of
    x, with gap KL[p(x) || m], infinite where m misses mass of p; or any lower bound of
    log p(x) such as the ELBO, with gap E_p KL[q(z|x) || p(z|x)]; log p(x) gives I.
    """
    with np.errstate(divide="ignore", invalid="ignore"):  # m may miss mass of p
        difference = p.log_prob(x, z) - log_m(x)
    # 0 log 0 = 0: skip x that p gives no weight, even where m(x) = 0.
    return expectation(np.where(weights > 0, difference, 0), weights)


def multi_sample(p, z, x, weights, codes, code_weights):
    """E_{z,x ~ p} [log p(x|z) - log sum_j code_weights_j p(x|codes_j)], in nats, (L,).

    z, x, weights are nodes of p(z) p(x|z); codes (L, S, 1, Z), code_weights (L, S, 1)
    are S random codes; one picked with its weight is N(0, I) distributed.  p is a
    nets.Density.
    Where z is one of them the value is I(k; x | set) = I(z, x) - I(set; x) on average
    over sets: a lower bound, and never above log S for equal weights.  Where z is
    independent of the set, an upper bound, by Jensen (structured bounds: Poole, Ozair,
    van den Oord, Alemi & Tucker 2019, section 2.5).
    """
    return upper(p, lambda x: p.log_marginal(x, codes, code_weights), z, x, weights)
