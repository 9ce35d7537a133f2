"""Argument checks; the error says what is allowed."""
from math import floor
from numbers import Integral, Real


def whole(least, most=2 ** 32 - 1, **numbers):
    """Raise ValueError unless every one is a whole number from `least` to `most`."""
    real(least, most, kind=(Integral, "whole number"), **numbers)


def real(least, most, why="", kind=(Real, "number"), **numbers):
    """Raise ValueError unless every one is a number from `least` to `most`."""
    for name, number in numbers.items():
        if not (isinstance(number, kind[0]) and least <= number <= most):
            raise ValueError(f"{name} {number}: give a {kind[1]} from {least:g} to "
                             f"{floor(1e4 * most) / 1e4:.10g}{why}")
