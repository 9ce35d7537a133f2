"""log p(x) and I(z, x), and the bounds on both: one function for each formula.

p, q and r are densities with a log_prob, see nets.Density.  Nodes and weights are
arguments.  With random nodes a bound is a Monte Carlo estimate; on a fine grid it is
exact.  Weights have the shape (J, N) and sum to one, see quadrature; so each weighted
sum below is the expectation that stands beside it.
"""
import autograd.numpy as np
# stop_gradient(a) has the value of a; autograd treats it as a constant.
from autograd.tracer import getval as stop_gradient

from . import normal


def expectation(values, weights):
    """E f = sum weights f, over the two node axes: (..., J, N) -> (...).

    >>> float(expectation(np.array([[1.0, 3.0]]), weights=np.array([[0.5, 0.5]])))
    2.0
    """
    with np.errstate(under="ignore"):  # weights may be tiny
        return np.sum(weights * values, axis=(-2, -1))


def log_sum_exp(a, axis):
    """log sum exp a over one axis.  The largest entry is taken out: no overflow.

    >>> float(log_sum_exp(np.array([1000.0, -np.inf]), axis=0))
    1000.0
    """
    largest = np.max(stop_gradient(a), axis=axis, keepdims=True)
    # If all entries are -inf, -inf - (-inf) would be NaN.
    largest = np.maximum(largest, np.finfo(largest.dtype).min)
    with np.errstate(under="ignore", divide="ignore"):  # exp -1000 = 0, log 0 = -inf
        total = np.sum(np.exp(a - largest), axis=axis)
        return np.log(total) + np.squeeze(largest, axis=axis)


def log_marginal(p, x, z, weights):
    """log p(x) = log sum_s weights_s p(x|z_s) at x (..., X), as (...).

    z (S, Z) and weights (S,) are nodes of p(z).
    Phuong et al., section "Variational autoencoders".
    """
    # Every x beside every code.  A stack of models keeps its axis in front.
    rows = np.reshape(x, (*x.shape[:-3], -1, 1, x.shape[-1]))   # (n, 1, X)
    log_joint = log_weights(weights) + p.log_prob(rows, z)      # (n, S)
    log_px = log_sum_exp(log_joint, axis=-1)                    # (n,)
    return np.reshape(log_px, log_px.shape[:-1] + x.shape[-3:-1])


def log_weights(weights):
    """The logarithm of weights; that of 0 is -inf, without a warning."""
    with np.errstate(divide="ignore"):
        return np.log(weights)


def elbo(p, q, x, eps, weights):
    """ELBO = E_x { E_{z ~ q(.|x)} log p(x|z) - KL[q(z|x) || p(z)] } <= E_x log p(x).

    x, eps and weights are nodes of the data and of N(0, I), see quadrature.  The gap is
    E_x KL[q(z|x) || p(z|x)].  Phuong et al., section "Variational autoencoders".
    """
    reconstruction, kl = elbo_terms(p, q, x, eps)
    return expectation(reconstruction - kl, weights)


def elbo_terms(p, q, x, eps):
    """Both terms of the ELBO at every node, (J, N) each or broadcasting to it:
    log p(x|z) for a code z of q(z|x), and KL[q(z|x) || p(z)]."""
    z, kl = q.sample_with_kl(x, eps)
    reconstruction = p.log_prob(x, z)
    return reconstruction, kl


def information(p, x_grid, dx, z, weights):
    """I(z, x) = sum_s weights_s sum_x dx p(x|z_s) [log p(x|z_s) - log p(x)], a number.

    x_grid (J, X) covers the range of x: every category with dx = 1, or points of real x
    at a distance of dx.  z (S, Z) and weights (S,) are nodes of p(z).
    Phuong et al., section "The mutual autoencoder".
    """
    x = x_grid[:, None]                                         # (J, 1, X)
    with np.errstate(under="ignore"):  # p(x|z) may round to 0
        joint = weights * np.exp(p.log_prob(x, z)) * dx         # (J, S)

    def log_px(x):
        return log_marginal(p, x, z, weights)
    return upper_bound(p, log_px, z, x, joint)


def infomax(r, z, x, weights):
    """I^ = H(z) + E_{z,x ~ p} log r(z|x) <= I(z, x).

    z, x and weights are nodes of p(z) p(x|z).  The gap is E_x KL[p(z|x) || r(z|x)].
    Phuong et al., section "Tractable approximation"; Barber & Agakov 2003.
    """
    dim_z = z.shape[-1]
    # A Python number, which leaves single precision as it is.
    entropy_of_z = float(normal.entropy(np.zeros(dim_z)))
    return entropy_of_z + expectation(r.log_prob(z, x), weights)


def upper_bound(p, log_m, z, x, weights):
    """U = E_{z,x ~ p} [log p(x|z) - log m(x)] >= I(z, x).

    z, x and weights are nodes of p(z) p(x|z).  log_m is a function of x:
        the log density of any distribution m    the gap is KL[p(x) || m], infinite if
                                                 m(x) = 0 where p(x) > 0
        a lower bound of log p(x), as the ELBO   the gap is that bound's gap under p
        log p(x)                                 U is I(z, x)
    Poole et al. 2019, section 2.1.
    """
    with np.errstate(invalid="ignore"):  # -inf - (-inf), where the weight is 0
        difference = p.log_prob(x, z) - log_m(x)
    # Terms of weight 0 count as 0, even if m(x) = 0.
    difference = np.where(weights > 0, difference, 0.0)
    return expectation(difference, weights)


def multi_sample(p, z, x, weights, codes, code_weights):
    """E_{z,x ~ p} [log p(x|z) - log sum_s code_weights_s p(x|codes_s)].

    z, x and weights are nodes of p(z) p(x|z).  codes (S, Z) and code_weights (S,) are a
    random set, whose weighted sums are expectations under N(0, I) on average.
        z is in the set             a lower bound of I(z, x) on average over sets; it
                                    misses I(set; x), and never exceeds log S if the
                                    weights are equal
        the set is independent of z an upper bound on average, by Jensen's inequality
    Poole et al. 2019, section 2.5.
    """
    def log_mean(x):
        return p.log_marginal(x, codes, code_weights)
    return upper_bound(p, log_mean, z, x, weights)


def score_weights(log_p, weights):
    """weights (J, N), with gradients for nodes x that were drawn from p(x|z).

    A discrete x cannot carry the gradient of E f(x) by p's parameters.  Its weight can:
    with log_p = log p(x|z) at the nodes, sum score_weights f has the gradient
        E [(f - E f) grad log p(x|z)],
    the score function estimator with the mean as its baseline (Williams 1992).
    """
    ratio = np.exp(log_p - stop_gradient(log_p))                # 1, with a gradient
    unnormalised = weights * ratio
    return unnormalised / np.sum(unnormalised, axis=(-2, -1), keepdims=True)
