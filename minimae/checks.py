"""Checks of arguments.  The error names the argument, its value and what is allowed."""
from numbers import Integral, Real

LARGEST_SEED = 2 ** 32 - 1


def check_integer(minimum, maximum=LARGEST_SEED, **named):
    """Raise ValueError unless every named value is an integer in the range."""
    for name, value in named.items():
        is_integer = isinstance(value, Integral) and not isinstance(value, bool)
        if not is_integer or not minimum <= value <= maximum:
            raise ValueError(
                f"{name} {value!r}: give an integer from {minimum} to {maximum}")


def check_number(minimum, maximum, reason="", **named):
    """Raise ValueError unless every named value is a number in the range.  `reason`
    says why there is an end."""
    for name, value in named.items():
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        if not is_number or not minimum <= value <= maximum:
            raise ValueError(
                f"{name} {value!r}: give a number from {minimum:g} to "
                f"{rounded_down(maximum)}{reason}")


def rounded_down(number):
    """A number with four decimals, never above the number itself: a limit that is
    printed is allowed."""
    if abs(number) >= 1e6:
        return f"{number:g}"
    return f"{int(number * 1e4) / 1e4:g}"


def check_list(**named):
    """Raise ValueError unless every named value is a list of at least one entry."""
    for name, values in named.items():
        if isinstance(values, str) or not hasattr(values, "__len__") or not len(values):
            raise ValueError(f"{name} {values!r}: give a list of at least one")
