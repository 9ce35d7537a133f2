"""normal and nets against textbook values, and gradients against finite differences."""
import math
from statistics import NormalDist

import autograd.numpy as anp
import numpy as np
import pytest
from autograd.test_util import check_grads

from helpers import forward, random_like
from minimae import nets, nodes, normal

rng = np.random.default_rng(7)


def test_log_prob_is_the_product_of_one_dimensional_densities():
    x, mean, sd = rng.standard_normal((3, 4)), rng.standard_normal((3, 4)), np.exp(rng.standard_normal((3, 4)))
    expected = [sum(math.log(NormalDist(m, s).pdf(v)) for v, m, s in zip(*row)) for row in zip(x, mean, sd)]
    np.testing.assert_allclose(normal.log_prob(x, mean, 2 * np.log(sd)), expected, rtol=1e-12)


def test_kl_and_entropy_are_the_integrals_they_stand_for():
    mean, log_var = np.array([0.7, -1.1]), np.array([-1.3, 0.4])
    eps, weights = nodes.grid(64, 2)
    z = normal.sample(mean, log_var, eps)
    log_q = normal.log_prob(z, mean, log_var)
    # The integrands are polynomials of degree 2 in eps, for which the grid is exact to rounding.
    assert normal.kl_to_standard(mean, log_var) == pytest.approx(np.sum(weights * (log_q - normal.log_prob(z, 0., 0.))), abs=1e-12)
    assert normal.entropy(log_var) == pytest.approx(-np.sum(weights * log_q), abs=1e-12)


def test_kl_is_zero_at_the_standard_normal_only():
    assert normal.kl_to_standard(np.zeros(3), np.zeros(3)) == 0
    assert normal.kl_to_standard(np.array([0.1]), np.zeros(1)) == pytest.approx(0.005)
    assert normal.kl_to_standard(np.zeros(1), np.array([0.2])) > 0 < normal.kl_to_standard(np.zeros(1), np.array([-0.2]))


def test_samples_have_the_mean_and_variance_asked_for():
    n, mean, log_var = 200_000, np.array([1.5, -2.0]), np.array([-1.0, 1.0])
    x = normal.sample(mean, log_var, np.random.default_rng(0).standard_normal((n, 2)))
    # 6 standard errors: sd / sqrt(n) for the mean, var sqrt(2 / n) for the variance; a false alarm in 10^8 seeds.
    assert np.all(np.abs(x.mean(0) - mean) < 6 * np.exp(log_var / 2) / np.sqrt(n))
    assert np.all(np.abs(x.var(0) - np.exp(log_var)) < 6 * np.exp(log_var) * np.sqrt(2 / n))


def test_net_applies_each_models_own_weights_to_values_of_any_layout():
    one, two = (nets.init(np.random.default_rng(s), 3, 5, 2, 4) for s in (1, 2))
    stacked = tuple(np.concatenate(pair) for pair in zip(one, two))
    given = rng.standard_normal((2, 6, 7, 3))
    for out, expected in zip(nets.net(stacked, given), zip(forward(one, given[0]), forward(two, given[1]))):
        assert out.shape[:3] == (2, 6, 7)
        np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-14)


def test_log_sum_exp_neither_overflows_nor_loses_small_terms():
    a = np.array([[1e3, 1e3], [-1e3, -1e3], [0.0, -800.0]])
    np.testing.assert_allclose(nets.log_sum_exp(a, 1), [1e3 + np.log(2), -1e3 + np.log(2), 0.0], rtol=1e-15)


def test_categorical_probabilities_sum_to_one_and_match_log_prob():
    p = nets.CategoricalNet(random_like(nets.init(rng, 1, 5, 4), rng, 3))
    z = rng.standard_normal((1, 9, 1, 1))
    log_probs = p.log_probs(z)
    np.testing.assert_allclose(np.exp(log_probs).sum(-1), 1, rtol=1e-13)
    np.testing.assert_allclose(p.log_prob(np.eye(4)[None, None], z), log_probs[:, :, 0], rtol=1e-13)


def test_mixture_is_a_density_and_with_one_part_a_normal():
    z, weights = nodes.grid(4000, half_width=30.0)
    dz = z[1, 0] - z[0, 0]
    params = random_like(nets.init(rng, 2, 5, 3, 3, 3), rng, 1)
    x = rng.standard_normal((1, 4, 1, 2))
    log_r = nets.MixtureNet(params).log_prob(z[None, None], x)
    # Parts have sd exp(log_var / 2) > .05 here; on 4000 points 0.015 apart the rule is exact to rounding for them.
    np.testing.assert_allclose(np.exp(log_r).sum(-1) * dz, 1, atol=1e-9)
    single = random_like(nets.init(rng, 2, 5, 1, 1, 1), rng, 1)
    normal_r = nets.NormalNet(single[:2] + single[4:])
    np.testing.assert_allclose(nets.MixtureNet(single).log_prob(z[None, None], x), normal_r.log_prob(z[None, None], x), rtol=1e-9)


@pytest.mark.parametrize("kind, heads", [(nets.NormalNet, [2, 2]), (nets.CategoricalNet, [2]), (nets.MixtureNet, [3, 6, 6])])
def test_gradients_of_every_density(kind, heads):
    params = random_like(nets.init(rng, 2, 4, *heads), rng, 0.7)
    value, given = rng.standard_normal((1, 3, 5, 2)), rng.standard_normal((1, 3, 1, 2))

    check_grads(lambda params, value, given: anp.sum(kind(params).log_prob(value, given)), modes=["rev"])(params, value, given)


def test_restricted_decoder_keeps_its_variance():
    p = nets.NormalNet(random_like(nets.init(rng, 1, 4, 1), rng, 1), log_var=2 * np.log(0.5))
    x, z = rng.standard_normal((1, 1, 8, 1)), rng.standard_normal((1, 8, 1, 1))
    mean, = nets.net(p.params, z)
    expected = np.log(np.vectorize(lambda v, m: NormalDist(m, 0.5).pdf(v))(x[..., 0], mean[..., 0]))
    np.testing.assert_allclose(p.log_prob(x, z), expected, rtol=1e-9)
