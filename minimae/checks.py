"""Arguments that make no sense: a ValueError of one line that says what would."""
from numbers import Integral, Real


def whole(least, **numbers):
    """Raise ValueError unless every one is a whole number, `least` or more."""
    for name, number in numbers.items():
        if not (isinstance(number, Integral) and number >= least):
            raise ValueError(f"{name} {number}: give a whole number from {least}")


def real(least, most, **numbers):
    """Raise ValueError unless every one is a number from `least` to `most`."""
    for name, number in numbers.items():
        if not (isinstance(number, Real) and least <= number <= most):
            raise ValueError(f"{name} {number}: give a number from {least:g} to "
                             f"{most:g}")
