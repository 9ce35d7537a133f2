"""normal and nets against textbook values."""
import math

import numpy as np
import pytest

from helpers import forward, generator, random_like
from minimae import bounds, nets, nodes, normal

rng = generator(7)


def random_net(*sizes, scale=1.0):
    return random_like([nets.init(rng, *sizes)], rng, scale)[0]


def test_log_prob_is_the_product_of_one_dimensional_densities():
    x, mean = rng.standard_normal((2, 3, 4))
    sd = np.exp(rng.standard_normal((3, 4)))
    # by hand: the pdf of NormalDist underflows 40 sd away
    expected = [sum(-((v - m) / s) ** 2 / 2 - math.log(s * math.sqrt(2 * math.pi))
                    for v, m, s in zip(*row)) for row in zip(x, mean, sd)]
    np.testing.assert_allclose(normal.log_prob(x, mean, 2 * np.log(sd)), expected,
                               rtol=1e-12, atol=1e-12)


def test_kl_and_entropy_are_the_integrals_they_stand_for():
    mean, log_var = np.array([0.7, -1.1]), np.array([-1.3, 0.4])
    eps, weights = nodes.grid(64, 2)
    z = normal.sample(mean, log_var, eps)
    log_q, log_p = normal.log_prob(z, mean, log_var), normal.log_prob(z, 0.0, 0.0)
    # The integrands are polynomials of degree 2 in eps, for which the grid is exact to
    # rounding.
    kl, entropy = np.sum(weights * (log_q - log_p)), -np.sum(weights * log_q)
    assert normal.kl_to_standard(mean, log_var) == pytest.approx(kl, abs=1e-12)
    assert normal.entropy(log_var) == pytest.approx(entropy, abs=1e-12)


def test_samples_have_the_mean_and_variance_asked_for():
    """Of both nets: counts of categories, mean and variance of a normal."""
    n = 40_000
    z = np.full((1, n, 1, 1), 0.3)
    p = nets.CategoricalNet(random_net(1, 5, 4))
    probs = np.exp(p.log_probs(z[:, :1])).ravel()
    x = p.sample(z, rng)
    assert x.shape == (1, n, 1, 4) and np.all(np.sum(x, -1) == 1)
    # 6 standard errors of a frequency, and one count where p n < 1: as above
    assert np.all(np.abs(x.mean((0, 1, 2)) - probs)
                  < 6 * np.sqrt(probs / n) + 1 / n)
    p = nets.NormalNet(random_net(1, 5, 2, 2))
    mean, log_var = (a.ravel() for a in p.mean_and_log_var(z[:, :1]))
    x = p.sample(z, rng)[0, :, 0]
    assert np.all(np.abs(x.mean(0) - mean) < 6 * np.exp(log_var / 2) / np.sqrt(n))
    assert np.all(np.abs(x.var(0) / np.exp(log_var) - 1) < 6 * np.sqrt(2 / n))


def test_net_applies_each_models_own_weights_to_values_of_any_layout():
    one, two = (nets.init(generator(s), 3, 5, 2, 4) for s in (1, 2))
    stacked = tuple(np.concatenate(both) for both in zip(one, two))
    inputs = rng.standard_normal((2, 6, 7, 3))
    expected = [forward(one, inputs[0]), forward(two, inputs[1])]
    out = nets.net(stacked, inputs)
    assert out.shape == (2, 6, 7, 6)
    np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-14)


def test_log_sum_exp_neither_overflows_nor_loses_small_terms():
    a = np.array([[1e3, 1e3], [-1e3, -1e3], [0.0, -800.0], [-np.inf, -np.inf]])
    np.testing.assert_allclose(bounds.log_sum_exp(a, 1),
                               [1e3 + np.log(2), -1e3 + np.log(2), 0.0, -np.inf],
                               rtol=1e-15)


def test_categorical_probabilities_sum_to_one_and_match_log_prob():
    p = nets.CategoricalNet(random_net(1, 5, 4, scale=3.0))
    z = rng.standard_normal((1, 9, 1, 1))
    log_probs = p.log_probs(z)
    np.testing.assert_allclose(np.exp(log_probs).sum(-1), 1, rtol=1e-12)
    np.testing.assert_allclose(p.log_prob(nodes.along_second(np.eye(4)), z),
                               log_probs[:, :, 0], rtol=1e-12)
