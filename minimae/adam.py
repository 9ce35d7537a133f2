"""Adam (Kingma & Ba 2015), written out, on all parameters of all models of a stack at once."""
import autograd.numpy as np
from autograd import make_vjp


def ascend(objective, params, steps, rate, after=None, names=None):
    """Maximise the sum of objective(params), an array (..., L); returns the params after the last step.

    params is a tuple of tuples of arrays.  The rate falls to zero along a cosine: early steps travel, late steps settle.
    after(step, params, values) is called once a step with the params after it (views: copy them to keep them) and the values
    that objective had before it.
    Raises FloatingPointError with the step and the name of the model (its row, without names) where a value or a part of the
    gradient is not finite.
    """
    # The usual 0.9 for the mean, but 0.95 for the square: when a density turns sharp the gradient jumps by orders of
    # magnitude, and the usual 0.999 would hold that model back for the next thousand steps.
    beta_mean, beta_square = 0.9, 0.95
    theta = flatten(params)
    params = views(theta, params)  # updating theta in place updates params
    mean, square = np.zeros_like(theta), np.zeros_like(theta)
    for step in range(1, steps + 1):
        with np.errstate(all="ignore"):  # a model that diverges is named below
            vjp, values = make_vjp(objective)(params)
            gradients = vjp(np.ones_like(values))
        gradient = flatten(gradients)
        if not (np.all(np.isfinite(values)) and np.all(np.isfinite(gradient))):
            arrays = [values.T] + [array for group in gradients for array in group]  # models along the first axis
            row = min(found[0, 0] for found in (np.argwhere(~np.isfinite(array)) for array in arrays) if len(found))
            raise FloatingPointError(f"training diverged at step {step}, level {names[row] if names else row}")
        mean = beta_mean * mean + (1 - beta_mean) * gradient
        square = beta_square * square + (1 - beta_square) * gradient ** 2
        unbiased_mean, unbiased_square = mean / (1 - beta_mean ** step), square / (1 - beta_square ** step)
        theta += rate * cosine(step, steps) * unbiased_mean / (np.sqrt(unbiased_square) + 1e-8)  # 1e-8: no 0 / 0
        if after:
            after(step, params, values)
    return params


def cosine(step, steps):
    """Half a cosine, from 1 at step 1 to nearly 0 at the last."""
    return 0.5 * (1 + np.cos(np.pi * (step - 1) / steps))


def flatten(params):
    """All numbers of a tuple of tuples of arrays in one vector."""
    return np.concatenate([array.ravel() for group in params for array in group])


def views(theta, params):
    """Arrays with the shapes of params that are parts of the vector theta, sharing its memory."""
    parts = iter(np.split(theta, np.cumsum([array.size for group in params for array in group])[:-1]))
    return tuple(tuple(next(parts).reshape(array.shape) for array in group) for group in params)
