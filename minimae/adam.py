"""Adam (Kingma & Ba 2015): one step, on all parameters of all models at once."""
import numpy as np


def adam_step(state, gradient, step, rate):
    """Move theta uphill: theta += rate m / (sqrt s + 1e-8), with m and s the running
    means of g and g^2 freed of their start at zero.

    state (3, P) holds theta and both running means, and is changed in place; step
    counts from 1.
    """
    # The usual 0.9 for the mean, but 0.95 for the square: when a density turns sharp
    # its gradient jumps by orders of magnitude, and the usual 0.999 would hold that
    # model back for the next thousand steps.
    beta_mean, beta_square = 0.9, 0.95
    theta, mean, square = state
    mean[:] = beta_mean * mean + (1 - beta_mean) * gradient
    square[:] = beta_square * square + (1 - beta_square) * gradient ** 2
    m, s = mean / (1 - beta_mean ** step), square / (1 - beta_square ** step)
    theta += rate * m / (np.sqrt(s) + 1e-8)  # 1e-8: no 0 / 0


def cosine(step, steps):
    """Half a cosine, from 1 at step 1 to nearly 0 at the last: early steps travel, late
    steps settle."""
    # float: a NumPy scalar would make theta's updates double where it is single
    return float(0.5 * (1 + np.cos(np.pi * (step - 1) / steps)))
