"""Adam (Kingma & Ba 2015), for all parameters of all models at once."""
import numpy as np


class Adam:
    """Moves arrays uphill, in place: a += learning_rate m / (sqrt s + 1e-8), with m and
    s the bias-corrected running means of each gradient g and of g^2."""

    def __init__(self, arrays):
        self.arrays, self.steps = arrays, 0
        self.means, self.squares = [0.0] * len(arrays), [0.0] * len(arrays)

    def step(self, gradients, learning_rate):
        """One step; changes the arrays, their means and the count of steps."""
        self.steps += 1
        for k, (a, g) in enumerate(zip(self.arrays, gradients)):
            # The usual 0.9 for the mean, but 0.95 for the square: gradients can jump by
            # orders of magnitude as a density sharpens; 0.999 would remember that for a
            # thousand steps.
            self.means[k] = 0.9 * self.means[k] + (1 - 0.9) * g
            self.squares[k] = 0.95 * self.squares[k] + (1 - 0.95) * g ** 2
            m = self.means[k] / (1 - 0.9 ** self.steps)
            s = self.squares[k] / (1 - 0.95 ** self.steps)
            a += learning_rate * m / (np.sqrt(s) + 1e-8)  # 1e-8: no 0 / 0


def cosine(step, steps):
    """Half a cosine, from 1 at step 1 to nearly 0 at the last: early steps travel, late
    steps settle."""
    # float: a NumPy scalar would turn single precision into double
    return float(0.5 * (1 + np.cos(np.pi * (step - 1) / steps)))
