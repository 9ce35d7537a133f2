"""normal and nets against textbook values, gradients against finite differences."""
import math
from statistics import NormalDist

import autograd.numpy as anp
import numpy as np
import pytest
from autograd.test_util import check_grads

from helpers import forward, random_like
from minimae import critics, nets, nodes, normal

rng = np.random.default_rng(7)


def random_net(*sizes, scale=1.0):
    return random_like([nets.init(rng, *sizes)], rng, scale)[0]


def test_log_prob_is_the_product_of_one_dimensional_densities():
    x, mean = rng.standard_normal((2, 3, 4))
    sd = np.exp(rng.standard_normal((3, 4)))
    expected = [sum(math.log(NormalDist(m, s).pdf(v)) for v, m, s in zip(*row))
                for row in zip(x, mean, sd)]
    np.testing.assert_allclose(normal.log_prob(x, mean, 2 * np.log(sd)), expected,
                               rtol=1e-12)


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
    n, mean, log_var = 200_000, np.array([1.5, -2.0]), np.array([-1.0, 1.0])
    eps = np.random.default_rng(0).standard_normal((n, 2))
    x, sd = normal.sample(mean, log_var, eps), np.exp(log_var / 2)
    # 6 standard errors: sd / sqrt(n) for the mean, var sqrt(2 / n) for the variance; a
    # false alarm in 10^8 seeds.
    assert np.all(np.abs(x.mean(0) - mean) < 6 * sd / np.sqrt(n))
    assert np.all(np.abs(x.var(0) - sd ** 2) < 6 * sd ** 2 * np.sqrt(2 / n))


def test_net_applies_each_models_own_weights_to_values_of_any_layout():
    one, two = (nets.init(np.random.default_rng(s), 3, 5, 2, 4) for s in (1, 2))
    stacked = tuple(np.concatenate(both) for both in zip(one, two))
    given = rng.standard_normal((2, 6, 7, 3))
    expected = [forward(one, given[0]), forward(two, given[1])]
    out = nets.net(stacked, given)
    assert out.shape == (2, 6, 7, 6)
    np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-14)


def test_a_linear_net_is_a_line():
    """given W + b, both with their signs, and no hidden layer."""
    W, b = nets.init(rng, 2, 0, 1)
    assert W.shape == (1, 1, 2, 1) and b.shape == (1, 1, 1, 1)
    W, b = np.array([2.0, -3.0]).reshape(W.shape), np.full(b.shape, 0.7)
    got = nets.net((W, b), np.array([[[[1.0, 0.0]], [[0.0, 0.5]]]]))
    np.testing.assert_allclose(got.ravel(), [2.7, -0.8], rtol=1e-12)


def test_log_sum_exp_neither_overflows_nor_loses_small_terms():
    a = np.array([[1e3, 1e3], [-1e3, -1e3], [0.0, -800.0]])
    np.testing.assert_allclose(nets.log_sum_exp(a, 1),
                               [1e3 + np.log(2), -1e3 + np.log(2), 0.0], rtol=1e-15)


def test_categorical_probabilities_sum_to_one_and_match_log_prob():
    p = nets.CategoricalNet(random_net(1, 5, 4, scale=3.0))
    z = rng.standard_normal((1, 9, 1, 1))
    log_probs = p.log_probs(z)
    np.testing.assert_allclose(np.exp(log_probs).sum(-1), 1, rtol=1e-13)
    np.testing.assert_allclose(p.log_prob(nodes.across(np.eye(4)), z),
                               log_probs[:, :, 0], rtol=1e-13)


def test_a_categorical_joint_wants_z_along_the_first_nodes():
    p = nets.CategoricalNet(random_net(1, 5, 4))
    with pytest.raises(ValueError, match=r"\(1, 1, 9, 1\) must be \(L, N, 1, Z\)"):
        p.joint(np.zeros((1, 1, 9, 1)), None, 1.0)


@pytest.mark.parametrize("kind, outs", [
    (nets.NormalNet, [2, 2]), (nets.CategoricalNet, [2]),
    (critics.MixtureNet, [3, 6, 6])])
def test_gradients_of_every_density(kind, outs):
    def total(params, value, given):
        return anp.sum(kind(params).log_prob(value, given))

    check_grads(total, modes=["rev"])(
        random_net(2, 4, *outs, scale=0.7), rng.standard_normal((1, 3, 5, 2)),
        rng.standard_normal((1, 3, 1, 2)))


def test_restricted_decoder_keeps_its_variance():
    p = nets.NormalNet(random_net(1, 4, 1), log_var=2 * np.log(0.5))
    x, z = rng.standard_normal((1, 1, 8, 1)), rng.standard_normal((1, 8, 1, 1))
    mean = nets.net(p.params, z)
    pdf = np.vectorize(lambda value, mean: NormalDist(mean, 0.5).pdf(value))
    np.testing.assert_allclose(p.log_prob(x, z), np.log(pdf(x, mean)[..., 0]),
                               rtol=1e-9)
