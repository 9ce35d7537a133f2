"""The diagonal normal N(mean, diag exp log_var) over the last axis, in nats."""
import math

import autograd.numpy as np

LOG_2PI = math.log(2 * math.pi)  # a plain number: it leaves single precision single


def log_prob(x, mean, log_var):
    """log N(x | mean, exp log_var)
    = -1/2 sum_d [(x - mean)^2 / exp log_var + log_var + log 2 pi], in nats."""
    squares = np.square(x - mean) * np.exp(-log_var)
    return -0.5 * np.sum(squares + log_var + LOG_2PI, axis=-1)


def sample(mean, log_var, eps):
    """Reparameterisation: mean + exp(log_var / 2) eps ~ N(mean, exp log_var) for
    eps ~ N(0, I) (Kingma & Welling 2013)."""
    return mean + np.exp(0.5 * log_var) * eps


def kl_to_standard(mean, log_var):
    """KL[N(mean, exp log_var) || N(0, I)]
    = 1/2 sum_d [mean^2 + exp log_var - log_var - 1], in nats."""
    return 0.5 * np.sum(np.square(mean) + np.exp(log_var) - log_var - 1, axis=-1)


def entropy(log_var):
    """H[N(., exp log_var)] = 1/2 sum_d [log_var + log 2 pi + 1], in nats."""
    return 0.5 * np.sum(log_var + LOG_2PI + 1, axis=-1)
