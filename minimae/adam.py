"""Adam (Kingma & Ba 2015), for the arrays of all models at once."""
import numpy as np

# The usual beta1.  beta2 is not the usual 0.999: gradients jump by orders of magnitude
# when a density sharpens, and 0.999 would remember that for a thousand steps.
BETA1 = 0.9
BETA2 = 0.95
EPSILON = 1e-8  # no 0 / 0 at the first step


class Adam:
    """Moves arrays uphill, in place: a += learning_rate m_hat / (sqrt v_hat + epsilon).

    m_hat and v_hat are the bias-corrected running means of the gradient and its square.
    """

    def __init__(self, arrays):
        self.arrays = arrays
        self.t = 0
        self.m = [np.zeros_like(a) for a in arrays]
        self.v = [np.zeros_like(a) for a in arrays]

    def step(self, gradients, learning_rate):
        """One step: changes the arrays, m, v and the count of steps t."""
        self.t += 1
        for a, g, m, v in zip(self.arrays, gradients, self.m, self.v):
            m *= BETA1
            m += (1 - BETA1) * g
            v *= BETA2
            v += (1 - BETA2) * g ** 2
            m_hat = m / (1 - BETA1 ** self.t)
            v_hat = v / (1 - BETA2 ** self.t)
            a += learning_rate * m_hat / (np.sqrt(v_hat) + EPSILON)


def cosine_decay(step, steps):
    """Half a cosine, from 1 at step 1 to nearly 0 at the last step: early steps travel,
    late steps settle.

    >>> cosine_decay(step=51, steps=100)
    0.5
    """
    angle = np.pi * (step - 1) / steps
    return float(0.5 * (1 + np.cos(angle)))
