"""Adam against its definition, on several arrays."""
import numpy as np
from numpy.testing import assert_allclose
from pytest import approx

from helpers import generator
from minimae.adam import BETA1, BETA2, EPSILON, Adam, cosine_decay


def test_adam_moves_along_the_bias_corrected_running_means():
    """The running means as weighted sums over all gradients so far."""
    rng = generator(0)
    arrays = [rng.standard_normal((2, 3)), rng.standard_normal(4)]
    expected = [np.copy(a) for a in arrays]
    optimizer = Adam(arrays)
    history = []
    for t in range(1, 6):
        gradients = [rng.standard_normal((2, 3)), rng.standard_normal(4)]
        history.append(gradients)
        rate = 0.1 / t
        optimizer.step(gradients, rate)
        for k in range(2):
            first = weighted_mean([g[k] for g in history], BETA1)
            second = weighted_mean([g[k] ** 2 for g in history], BETA2)
            expected[k] += rate * first / (np.sqrt(second) + EPSILON)
            assert_allclose(arrays[k], expected[k], rtol=1e-12, atol=1e-12)


def weighted_mean(values, beta):
    """The mean of values with the weights 1, beta, beta^2, ... from the last back."""
    weights = beta ** np.arange(len(values))[::-1]
    return np.tensordot(weights / np.sum(weights), np.array(values), axes=1)


def test_the_first_step_has_the_length_of_the_learning_rate():
    """Uphill: it has the sign of the gradient."""
    a = np.zeros(3)
    Adam([a]).step([np.array([1e-3, -5.0, 1e6])], learning_rate=0.1)
    assert_allclose(a, [0.1, -0.1, 0.1], rtol=1e-4)


def test_a_zero_gradient_moves_nothing():
    a = np.ones(3)
    Adam([a]).step([np.zeros(3)], learning_rate=0.1)
    assert_allclose(a, 1)


def test_arrays_are_changed_in_place():
    a = np.zeros(3)
    view = a[:]
    Adam([a]).step([np.ones(3)], learning_rate=0.1)
    assert_allclose(view, 0.1, rtol=1e-6)


def test_cosine_decay_falls_from_one_to_nearly_zero():
    rates = [cosine_decay(step, 100) for step in range(1, 101)]
    assert rates[0] == 1
    assert rates[50] == approx(0.5)
    assert 0 < rates[-1] < 1e-3
    assert np.all(np.diff(rates) < 0)
    assert cosine_decay(1, 1) == 1
