"""Bad arguments: one line that names the argument, its value and what is allowed."""
import math

import numpy as np
import pytest

from minimae import checks


@pytest.mark.parametrize("value", [1, 10, np.int64(3), np.uint8(3)])
def test_integers_in_the_range_pass(value):
    checks.check_integer(minimum=1, maximum=10, n=value)


@pytest.mark.parametrize("value", [0, 11, 2.0, "2", None, True, math.nan, [2]])
def test_other_values_are_no_integers(value):
    with pytest.raises(ValueError) as error:
        checks.check_integer(minimum=1, maximum=10, n=value)
    assert str(error.value) == f"n {value!r}: give an integer from 1 to 10"


def test_the_first_of_several_bad_names_is_named():
    with pytest.raises(ValueError, match="^second 0: give"):
        checks.check_integer(minimum=1, first=1, second=0, third=0)


@pytest.mark.parametrize("value", [0, 0.5, 1, np.float64(0.5), np.int64(1)])
def test_numbers_in_the_range_pass(value):
    checks.check_number(minimum=0, maximum=1, rate=value)


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf, "0.5", None, True,
                                   1j])
def test_other_values_are_no_numbers(value):
    with pytest.raises(ValueError) as error:
        checks.check_number(minimum=0, maximum=1, reason=" nats", rate=value)
    assert str(error.value) == f"rate {value!r}: give a number from 0 to 1 nats"


@pytest.mark.parametrize("number, text", [
    (math.log(10), "2.3025"), (math.log(2), "0.6931"), (0.99999, "0.9999"),
    (1.0, "1"), (1e9, "1e+09")])
def test_a_printed_limit_is_allowed(number, text):
    """Rounded down: a user who types the limit is not refused."""
    assert checks.rounded_down(number) == text
    assert float(text) <= number


@pytest.mark.parametrize("values", [[1], (1, 2), range(3), np.array([1.0])])
def test_lists_pass(values):
    checks.check_list(targets=values)


@pytest.mark.parametrize("values", [[], (), 0.5, None, "abc", np.array([])])
def test_other_values_are_no_lists(values):
    with pytest.raises(ValueError, match="^targets .*: give a list of at least one$"):
        checks.check_list(targets=values)
