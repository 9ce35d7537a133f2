"""Adam (Kingma & Ba 2015), for all parameters of all models at once."""
import numpy as np


class Adam:
    """Moves theta (P,) uphill, in place: theta += learning_rate m / (sqrt s + 1e-8),
    with m and s the bias-corrected running means of g and g^2."""

    def __init__(self, theta):
        self.theta, self.mean, self.square, self.steps = theta, 0.0, 0.0, 0

    def step(self, gradient, learning_rate):
        """One step; changes theta, both means and the count of steps."""
        # The usual 0.9 for the mean, but 0.95 for the square: gradients can jump by
        # orders of magnitude as a density sharpens; 0.999 would remember that for a
        # thousand steps.
        self.mean = 0.9 * self.mean + (1 - 0.9) * gradient
        self.square = 0.95 * self.square + (1 - 0.95) * gradient ** 2
        self.steps += 1
        m = self.mean / (1 - 0.9 ** self.steps)
        s = self.square / (1 - 0.95 ** self.steps)
        self.theta += learning_rate * m / (np.sqrt(s) + 1e-8)  # 1e-8: no 0 / 0


def cosine(step, steps):
    """Half a cosine, from 1 at step 1 to nearly 0 at the last: early steps travel, late
    steps settle."""
    # float: a NumPy scalar would turn single precision into double
    return float(0.5 * (1 + np.cos(np.pi * (step - 1) / steps)))
