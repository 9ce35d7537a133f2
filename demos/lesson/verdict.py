"""Comparisons that raise Wrong, with the inputs that show what is wrong."""
import warnings

import autograd.numpy as np
from autograd import grad
from autograd.misc import flatten

TOLERANCE = 1e-6  # closed forms and fine grids agree to 1e-9
# Finite differences with this step are off by about 1e-9; a derivative that misses a
# term is off by far more than GRADIENT_TOLERANCE.
STEP = 1e-5
GRADIENT_TOLERANCE = 1e-6


class Wrong(Exception):
    """What is wrong, with the inputs that show it."""


def call(function, *arguments, n_results=1):
    """function(*arguments), with arrays that cannot be changed by mistake."""
    arguments = [read_only(a) for a in arguments]
    result = function(*arguments)
    name = f"{function.__module__.split('.')[-1]}.{function.__qualname__}"
    if result is None:
        raise Wrong(f"{name} returns None: is the return missing?")
    n_returned = len(result) if isinstance(result, (tuple, list)) else 1
    if n_returned != n_results:
        raise Wrong(f"{name} should return {n_results} array(s), yours returns "
                    f"{n_returned}")
    return result


def read_only(a):
    """A copy of an array, or of all arrays of a tuple, that raises ValueError if it is
    changed.  Other arguments as they are."""
    if isinstance(a, tuple):
        return tuple(read_only(each) for each in a)
    if isinstance(a, np.ndarray):
        a = a.copy()
        a.flags.writeable = False
    return a


def compare(what, yours, expected, mistakes=None, tolerance=TOLERANCE):
    """Raise Wrong unless yours is expected.

    what : the call, with its inputs
    mistakes : words about a mistake, and the value that it gives; the words are shown
        only if yours has this value
    """
    yours = np.array(yours, dtype=float)
    expected = np.array(expected, dtype=float)
    if yours.shape != expected.shape:
        raise Wrong(f"{what}: the shape should be {expected.shape}, yours is "
                    f"{yours.shape}")
    error = np.where(np.isfinite(yours), np.abs(yours - expected), np.inf)
    if np.max(error) < tolerance:
        return
    worst = np.unravel_index(np.argmax(error), error.shape)
    message = f"{what}: should be {expected[worst]:.6g}, yours is {yours[worst]:.6g}"
    if expected.size > 1:
        position = [int(i) for i in worst]
        message += f" at {position}"
    raise Wrong(message + remark(yours, expected, mistakes or {}))


def remark(yours, expected, mistakes):
    """What is true of your value, if it says more than that it is wrong; or ""."""
    if np.allclose(yours, 2 * expected):
        return "; yours is twice as much"
    if np.allclose(yours, -expected):
        return "; yours has the opposite sign"
    for words, value in mistakes.items():
        if np.shape(value) in [(), yours.shape] and np.allclose(yours, value):
            return f"; {words}"
    return ""


def compare_gradient(what, function, **arguments):
    """Raise Wrong unless autograd's derivatives of function(**arguments) by each of the
    arguments, arrays or tuples of arrays, are those of finite differences."""
    for name, argument in arguments.items():
        vector, with_shapes = flatten(argument)

        def total(vector):
            changed = {**arguments, name: with_shapes(vector)}
            values = function(**changed)
            # Different factors, so that no errors cancel.
            factors = np.cos(np.arange(values.size)).reshape(values.shape)
            return np.sum(factors * values)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # autograd's, if the gradient is 0
            yours = grad(total)(vector)
        expected = finite_differences(total, vector)
        error = np.abs(yours - expected) / (1 + np.abs(expected))
        worst = np.argmax(error)
        if not error[worst] < GRADIENT_TOLERANCE:  # also if it is NaN
            raise Wrong(
                f"{what}: a derivative by {name} should be {expected[worst]:.6g}, "
                f"autograd finds {yours[worst]:.6g}; stop_gradient, and NumPy without "
                "autograd, take a part out of the gradient")


def finite_differences(function, vector):
    """The derivatives of a function of a vector."""
    derivatives = []
    for i in range(len(vector)):
        step = np.zeros(len(vector))
        step[i] = STEP
        rise = function(vector + step) - function(vector - step)
        derivatives.append(rise / (2 * STEP))
    return np.array(derivatives)


def show(a):
    """An array, or a tuple of arrays, for a message."""
    if isinstance(a, tuple):
        return ", ".join(str(show(each)) for each in a)
    return np.round(a, 4).tolist()
