"""normal and nets: textbook values, shapes of one plain model, and what a density of
one's own inherits."""
import math

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import value_and_grad
from numpy.testing import assert_allclose, assert_array_equal
from pytest import approx

from helpers import forward, generator, linear_normal, log_density, random_net
from minimae import bounds, critics, nets, normal, quadrature


def random_density(density, rng, n_in, n_out, scale=0.5):
    """The density with random parameters of a net with 5 hidden units."""
    like = density.init(rng, n_in, 5, n_out)
    return density.with_params(random_net(like, rng, scale))


# normal

def test_log_prob_is_the_sum_of_one_dimensional_log_densities():
    rng = generator(1)
    x, mean, log_sd = rng.standard_normal((3, 2, 4))
    expected = np.zeros(2)
    for i in range(2):
        for d in range(4):
            sd = math.exp(log_sd[i, d])
            error = (x[i, d] - mean[i, d]) / sd
            normaliser = sd * math.sqrt(2 * math.pi)
            expected[i] -= error ** 2 / 2 + math.log(normaliser)
    got = normal.log_prob(x, mean, 2 * log_sd)
    assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


def test_kl_and_entropy_are_the_integrals_they_stand_for():
    mean = np.array([0.7, -1.1])
    log_var = np.array([-1.3, 0.4])
    eps, weights = quadrature.grid(64, dim=2)
    z = normal.sample(mean, log_var, eps)
    log_q = normal.log_prob(z, mean, log_var)
    # The integrands are polynomials of degree 2 in eps: the grid is exact to rounding.
    kl = np.sum(weights * (log_q - normal.log_prior(z)))
    entropy = -np.sum(weights * log_q)
    assert normal.kl_to_standard(mean, log_var) == approx(kl, abs=1e-12)
    assert normal.entropy(log_var) == approx(entropy, abs=1e-12)


# Nets

def test_net_is_a_layer_of_tanh_and_a_linear_one():
    rng = generator(2)
    params = random_net(nets.init(rng, 3, 5, 2, 4), rng, 1.0)
    inputs = rng.standard_normal((6, 7, 3))
    out = nets.net(params, inputs)
    assert out.shape == (6, 7, 6)
    assert_allclose(out, forward(params, inputs), rtol=1e-12, atol=1e-14)


def test_a_new_net_has_the_documented_shapes_and_nearly_ignores_its_input():
    rng = generator(3)
    params = nets.init(rng, 3, 50, 2, 4)
    assert [a.shape for a in params] == [(3, 50), (50,), (50, 6), (6,)]
    # An output is a sum of 50 numbers of the sd .1 / sqrt 50, times |tanh| < 1: its sd
    # is .1 at most, and none of 60 is beyond 6 sds.
    out = nets.net(params, rng.standard_normal((10, 3)))
    assert np.max(np.abs(out)) < 0.6


def test_log_sum_exp_neither_overflows_nor_loses_small_terms():
    a = np.array([[1e3, 1e3], [-1e3, -1e3], [0.0, -800.0], [-np.inf, -np.inf]])
    expected = [1e3 + np.log(2), -1e3 + np.log(2), 0.0, -np.inf]
    assert_allclose(bounds.log_sum_exp(a, axis=1), expected, rtol=1e-15)


def test_categorical_probabilities_sum_to_one_and_match_log_prob():
    rng = generator(4)
    p = random_density(nets.CategoricalNet(), rng, 1, 4, scale=3.0)
    z = rng.standard_normal((9, 1))
    log_probs = p.log_probs(z)                                  # (9, 4)
    assert_allclose(np.sum(np.exp(log_probs), axis=1), 1, rtol=1e-12)
    every_x = np.eye(4)[:, None]                                # (4, 1, 4)
    assert_allclose(p.log_prob(every_x, z), log_probs.T, rtol=1e-12)


def test_a_fixed_log_var_stays():
    p = random_density(nets.NormalNet(log_var=-0.7), generator(5), 2, 3)
    z = np.zeros((4, 2))
    mean, log_var = p.mean_and_log_var(z)
    assert mean.shape == (4, 3)
    assert log_var == -0.7


@pytest.mark.parametrize("log_var", [None, -0.7])
@pytest.mark.parametrize("dim", [1, 2])
def test_log_marginal_by_matrices_is_that_of_the_formula(dim, log_var):
    """NormalNet.log_marginal is bounds.log_marginal, in value and in its gradient by
    x, for x of any shape."""
    rng = generator(dim)
    p = random_density(nets.NormalNet(log_var), rng, 1, dim)
    z, weights = quadrature.grid(40)
    for shape in [(dim,), (4, dim), (3, 4, dim)]:
        x = rng.standard_normal(shape)
        factors = rng.standard_normal(shape[:-1])

        def by_matrices(x):
            return anp.sum(factors * p.log_marginal(x, z, weights))

        def by_formula(x):
            return anp.sum(factors * bounds.log_marginal(p, x, z, weights))
        value, gradient = value_and_grad(by_matrices)(x)
        expected, expected_gradient = value_and_grad(by_formula)(x)
        # Rounding of quadratic functions of x, whose largest terms are about 1e3.
        assert value == approx(expected, rel=1e-9, abs=1e-9)
        assert_allclose(gradient, expected_gradient, rtol=1e-9, atol=1e-9)


def test_squares_far_from_zero_do_not_cancel():
    """log p(x) near x = 1e4 with an sd of .01: without centring, the terms of the
    matrix product would be 1e12, with a rounding error of 1e-4."""
    rng = generator(6)
    p = linear_normal(0.01, log_var=np.log(1e-4), b=1e4)
    z, weights = quadrature.grid(50)
    x = 1e4 + 0.01 * rng.standard_normal((30, 1))
    log_px = p.log_marginal(x, z, weights)
    expected = bounds.log_marginal(p, x, z, weights)
    # x - mean has a rounding error of 1e-12, which is 1e-10 sds.
    assert_allclose(log_px, expected, rtol=0, atol=1e-8)


# Shapes of one model

@pytest.mark.parametrize("encoder", [nets.NormalNet(), nets.NormalNet(log_var=-1.0)])
@pytest.mark.parametrize("decoder", [nets.NormalNet(), nets.NormalNet(log_var=-1.0),
                                     nets.CategoricalNet()])
def test_one_model_has_plain_shapes(decoder, encoder):
    """Rows (n, X) and codes (n, Z): no other axes."""
    rng = generator(7)
    p = random_density(decoder, rng, 2, 3)
    q = random_density(encoder, rng, 3, 2)
    rows = np.eye(3)[[0, 1, 2, 1]]                              # (4, 3)
    z = q.sample(rows, rng)
    assert z.shape == (4, 2)
    assert p.sample(z, rng).shape == (4, 3)
    assert p.log_prob(rows, z).shape == (4,)
    assert q.log_prob(z, rows).shape == (4,)
    assert p.log_prob(rows[0], z[0]).shape == ()
    assert p.log_prob(rows[:, None], z).shape == (4, 4)         # every x at every z
    eps = rng.standard_normal((5, 4, 2))
    reconstruction, kl = bounds.elbo_terms(p, q, rows, eps)
    assert reconstruction.shape == (5, 4)
    assert kl.shape == (4,)
    codes = quadrature.kronecker(rng, 7, 2)
    assert p.log_marginal(rows, *codes).shape == (4,)
    assert bounds.log_marginal(p, rows, *codes).shape == (4,)


@pytest.mark.parametrize("critic", [nets.NormalNet(), critics.NormalMixture(2),
                                    critics.Bayes(), critics.MultiSample()])
def test_a_critic_has_plain_shapes(critic):
    rng = generator(8)
    p = random_density(nets.NormalNet(), rng, 2, 3)
    params = critic.init(rng, 3, 5, 2)
    r = critic.with_params(params).given(p, quadrature.kronecker(rng, 7, 2))
    z = rng.standard_normal((4, 2))
    x = rng.standard_normal((4, 3))
    assert r.log_prob(z, x).shape == (4,)
    assert r.log_prob(z, x[:, None]).shape == (4, 4)


# Draws

N_DRAWS = 40_000


def test_samples_have_the_mean_and_variance_asked_for():
    rng = generator(9)
    p = random_density(nets.NormalNet(), rng, 1, 2)
    z = np.full((N_DRAWS, 1), 0.3)
    x = p.sample(z, rng)
    mean, log_var = p.mean_and_log_var(z[:1])                   # (1, 2)
    # 6 standard errors: a false alarm in 10^8 seeds.
    standard_error = np.exp(log_var / 2) / np.sqrt(N_DRAWS)
    error = np.mean(x, axis=0) - mean
    assert np.all(np.abs(error) < 6 * standard_error)
    relative_error = np.var(x, axis=0) / np.exp(log_var) - 1
    assert np.all(np.abs(relative_error) < 6 * np.sqrt(2 / N_DRAWS))


def test_samples_have_the_frequencies_asked_for():
    rng = generator(10)
    p = random_density(nets.CategoricalNet(), rng, 1, 4)
    z = np.full((N_DRAWS, 1), 0.3)
    x = p.sample(z, rng)
    assert np.all(np.sum(x, axis=1) == 1)
    assert set(np.unique(x)) == {0.0, 1.0}
    probs = np.exp(p.log_probs(z[0]))
    # 6 standard errors, and one count.
    tolerance = 6 * np.sqrt(probs / N_DRAWS) + 1 / N_DRAWS
    error = np.mean(x, axis=0) - probs
    assert np.all(np.abs(error) < tolerance)


def test_joint_nodes_of_categories_are_all_of_them_with_their_probabilities():
    rng = generator(11)
    p = random_density(nets.CategoricalNet(), rng, 1, 3)
    z, code_weights = quadrature.grid(5)
    x, weights = p.joint_nodes(z, None, code_weights[None])
    assert_array_equal(x[:, 0], np.eye(3))
    probs = np.exp(p.log_probs(z))
    assert_allclose(weights, (code_weights[:, None] * probs).T, rtol=1e-12)


# A density of one's own

def test_with_params_leaves_the_original_as_it_is():
    density = nets.NormalNet(log_var=-1.0)
    first = density.with_params((1,))
    second = first.with_params((2,))
    assert density.params == ()
    assert first.params == (1,)
    assert second.params == (2,)
    assert second.log_var == -1.0
    assert type(second) is nets.NormalNet


def test_repr_is_short_and_shows_the_settings():
    rng = generator(12)
    assert repr(random_density(nets.CategoricalNet(), rng, 1, 2)) == "CategoricalNet()"
    assert repr(nets.NormalNet(log_var=-1.5)) == "NormalNet(log_var=-1.5)"
    assert repr(random_density(nets.NormalNet(), rng, 1, 2)) == "NormalNet()"
    assert repr(critics.NormalMixture(3)) == "NormalMixture(n_parts=3)"
    assert repr(critics.Bayes()) == "Bayes()"


class Logistic(nets.Density):
    """x | z ~ Logistic(net(z), 1): only what a decoder must have."""

    def init(self, rng, n_in, n_hidden, n_out):
        return nets.init(rng, n_in, n_hidden, n_out)

    def log_prob(self, x, z):
        error = x - nets.net(self.params, z)
        return anp.sum(-error - 2 * anp.logaddexp(0.0, -error), axis=-1)

    def reparameterize(self, z, eps):
        cdf = np.vectorize(lambda e: 0.5 * math.erfc(-e / math.sqrt(2)))(eps)
        return nets.net(self.params, z) + np.log(cdf / (1 - cdf))


def test_a_density_needs_only_log_prob_and_reparameterize():
    """All else is inherited: joint_nodes, log_marginal and an ELBO with it."""
    rng = generator(13)
    p = random_density(Logistic(), rng, 1, 1)
    # On [-6, 6] the cdf is neither 0 nor 1.
    rule = quadrature.grid(100, half_width=6.0)
    z, eps, weights = quadrature.tensor_product(rule, rule)
    x, joint = p.joint_nodes(z, eps, weights)
    assert x.shape == (100, 100, 1)
    assert_array_equal(joint, weights)
    # The variance of a logistic is pi^2 / 3.  The quantile is linear in the tails, so
    # the grid's error is that of |eps| < 6.
    noise = x - nets.net(p.params, z)
    variance = bounds.expectation(noise[..., 0] ** 2, weights)
    assert variance == approx(np.pi ** 2 / 3, abs=1e-5)
    line, dx = np.linspace(-60, 60, 4001, retstep=True)
    log_px = p.log_marginal(line[:, None], *rule)
    assert dx * np.sum(np.exp(log_px)) == approx(1, abs=1e-9)


def test_a_density_without_reparameterize_says_so():
    density = nets.Density()
    with pytest.raises(ValueError, match=r"Density\(\): write reparameterize"):
        density.joint_nodes(np.zeros((1, 1)), np.zeros((1, 1)), np.ones((1, 1)))


def test_the_default_kl_has_the_kl_as_its_mean():
    q = linear_normal(0.5, log_var=-1.0)
    x = np.array([[1.0]])
    eps, weights = quadrature.grid(64)
    z, difference = nets.Density.sample_with_kl(q, x, eps)
    assert_allclose(z, 0.5 + np.exp(-0.5) * eps, rtol=1e-12)
    log_ratio = log_density(z, 0.5, -1.0) - log_density(z, 0.0, 0.0)
    assert_allclose(difference, log_ratio, atol=1e-12)
    kl = normal.kl_to_standard(np.array([0.5]), np.array([-1.0]))
    assert np.sum(weights * difference) == approx(kl, abs=1e-12)
