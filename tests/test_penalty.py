"""The penalty: its slope is a derivative, C grows while it must, the target rises."""
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pytest import approx

from minimae import critics, nets
from minimae.adam import cosine_decay
from minimae.penalty import AugmentedLagrangian, Penalty

NORMAL = nets.NormalNet()


def update(state, infomax, step):
    """Update the state of a run from I^; the ELBO must not matter."""
    elbo = np.full(len(infomax), -77.0)
    state.update(np.array([elbo, infomax]), step)


def test_before_the_first_step_information_is_raised_at_the_price_of_c():
    state = Penalty(C=0.5).start([1.0, 0.0, None], steps=100, critic=NORMAL)
    assert_array_equal(state.slope, [0.5, 0.5, 0.0])


def huber_penalty(infomax, target, C, width):
    """-C |d|, with d^2 / (2 width) + width / 2 for |d| < width."""
    d = abs(infomax - target)
    if d < width:
        return -C * (d ** 2 / (2 * width) + width / 2)
    return -C * d


@pytest.mark.parametrize("infomax", [-3.0, 0.5, 0.9, 1.0, 1.1, 5.0])
@pytest.mark.parametrize("step", [1, 50, 100])
def test_slope_is_the_derivative_of_the_rounded_absolute_value(infomax, step):
    state = Penalty(C=0.7).start([1.0], steps=100, critic=NORMAL)
    update(state, [infomax], step)
    width = cosine_decay(step, 100) * Penalty.WIDTH + Penalty.MIN_WIDTH
    h = 1e-6
    higher = huber_penalty(infomax + h, 1.0, state.C[0], width)
    lower = huber_penalty(infomax - h, 1.0, state.C[0], width)
    # The function is quadratic between its kinks, none of which is within h.
    assert state.slope[0] == approx((higher - lower) / (2 * h), abs=1e-8)


@pytest.mark.parametrize("growth", [1.0, 100.0, 1000.0])
def test_c_grows_by_its_factor_while_the_target_is_violated(growth):
    penalty = Penalty(C=0.3, growth=growth)
    state = penalty.start([1.0, 1.0, None], steps=100, critic=NORMAL)
    for step in range(1, 101):
        update(state, [0.0, 1.0, 5.0], step)
    assert state.C[0] == approx(0.3 * growth)
    assert state.C[1] == 0.3
    assert state.slope[2] == 0
    # At the end .01 nats already meet the full C.
    update(state, [0.99, 1.0, 5.0], 100)
    assert state.slope[0] == approx(state.C[0])


def test_growth_depends_on_the_critic_unless_it_is_given():
    def growth(penalty, critic):
        return penalty.start([1.0], steps=10, critic=critic).growth
    for critic in [critics.Bayes(), critics.MultiSample()]:
        assert growth(Penalty(), critic) == 1000
        assert growth(Penalty(growth=7.0), critic) == 7
    for critic in [NORMAL, critics.NormalMixture(2)]:
        assert growth(Penalty(), critic) == 100
    assert growth(AugmentedLagrangian(), critics.Bayes()) == 1


def test_multiplier_is_the_sum_of_violations():
    """slope = -C clip(d / width) - rate / steps sum of clip(d), with C fixed."""
    penalty = AugmentedLagrangian(C=2.0, multiplier_rate=3.0)
    state = penalty.start([1.0, None], steps=10, critic=NORMAL)
    total = 0.0
    for step, infomax in [(1, 1.5), (2, 0.9), (3, 4.0)]:
        update(state, [infomax, infomax], step)
        violation = infomax - 1
        total += 3.0 / 10 * np.clip(violation, -1, 1)
        width = cosine_decay(step, 10) * Penalty.WIDTH + Penalty.MIN_WIDTH
        expected = -2.0 * np.clip(violation / width, -1, 1) - total
        assert_allclose(state.slope, [expected, 0.0], rtol=1e-12)
        assert_allclose(state.C, 2.0)


def test_a_rising_target_reaches_m_after_its_part_of_the_run():
    state = Penalty(rise=0.6).start([2.0, 0.0, None], steps=100, critic=NORMAL)
    assert_allclose(state.target_at(1), [2 / 60, 0, np.nan])
    assert_allclose(state.target_at(30), [1, 0, np.nan])
    assert_allclose(state.target_at(60), [2, 0, np.nan])
    assert_allclose(state.target_at(100), [2, 0, np.nan])
    # At step 30 the target is 1: 1.5 nats are too many, though M is 2.
    update(state, [1.5, 0.0, 0.0], 30)
    assert state.slope[0] < 0


def test_without_a_rise_the_target_is_m_at_once():
    state = Penalty().start([2.0, None], steps=100, critic=NORMAL)
    assert_allclose(state.target_at(1), [2, np.nan])


def test_an_instance_can_be_used_for_several_runs():
    """start gives a copy: the settings of the instance do not change."""
    penalty = Penalty(C=0.3)
    before = dict(vars(penalty))
    state = penalty.start([1.0], steps=10, critic=critics.Bayes())
    update(state, [0.0], 1)
    assert state.C[0] > 0.3
    assert vars(penalty) == before
    assert_array_equal(penalty.start([1.0], 10, NORMAL).C, [0.3])


@pytest.mark.parametrize("settings, message", [
    ({"C": -1}, "C -1: give a number from 0"),
    ({"C": np.nan}, "C nan: give a number from 0"),
    ({"growth": 0.5}, "growth 0.5: give a number from 1"),
    ({"multiplier_rate": "a"}, "multiplier_rate 'a': give a number from 0"),
    ({"rise": 1.5}, "rise 1.5: give a number from 0 to 1")])
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Penalty(**settings)
