"""The diagonal normal N(mean, diag exp log_var) over the last axis, in nats.

mean and log_var are arrays (..., dim), or plain numbers for all dimensions.
"""
import math

import autograd.numpy as np

LOG_2PI = math.log(2 * math.pi)


def log_prob(x, mean, log_var):
    """log N(x | mean, exp log_var)
    = -1/2 sum_d [(x - mean)^2 / exp log_var + log_var + log 2 pi], (..., dim) -> (...).

    >>> round(float(log_prob(np.array([1.0]), mean=0.0, log_var=0.0)), 4)
    -1.4189
    """
    squares = np.square(x - mean) * np.exp(-log_var)
    return -0.5 * np.sum(squares + log_var + LOG_2PI, axis=-1)


def log_prior(z):
    """log p(z) = log N(z | 0, I), the density of codes, (..., Z) -> (...)."""
    return log_prob(z, mean=0.0, log_var=0.0)


def sample(mean, log_var, eps):
    """The reparameterisation z = mean + exp(log_var / 2) eps ~ N(mean, exp log_var) for
    eps ~ N(0, I), (..., dim).  Kingma & Welling 2013, section 2.4.

    >>> float(sample(mean=1.0, log_var=math.log(4), eps=3.0))
    7.0
    """
    standard_deviation = np.exp(0.5 * log_var)
    return mean + standard_deviation * eps


def kl_to_standard(mean, log_var):
    """KL[N(mean, exp log_var) || N(0, I)]
    = 1/2 sum_d [mean^2 + exp log_var - log_var - 1], (..., dim) -> (...).

    >>> float(kl_to_standard(mean=np.array([2.0]), log_var=np.array([0.0])))
    2.0
    """
    return 0.5 * np.sum(np.square(mean) + np.exp(log_var) - log_var - 1, axis=-1)


def entropy(log_var):
    """H[N(., exp log_var)] = 1/2 sum_d [log_var + log 2 pi + 1], (..., dim) -> (...).

    >>> round(float(entropy(np.zeros(2))), 4)
    2.8379
    """
    return 0.5 * np.sum(log_var + LOG_2PI + 1, axis=-1)
