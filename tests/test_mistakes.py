"""Tests of the tests: plausible mistakes, planted one at a time.  Each must break an
identity between the values of two fixed models and those of the second route.

One model has unequal categories and a mixture as critic, the other has codes of two
dimensions and a normal critic.  The values come from one fixed grid, so that the
identities catch a mistake and not the checks of exact.evaluate.
"""
import functools

import autograd.numpy as np
import pytest

import test_train
from helpers import differences, generator, random_model, truth
from minimae import bounds, critics, exact, nets, normal, problems, quadrature, train

RIGHT_LOG_PROB = normal.log_prob
RIGHT_KL = normal.kl_to_standard
RIGHT_ELBO = bounds.elbo
RIGHT_INFOMAX = bounds.infomax
RIGHT_UPPER_BOUND = bounds.upper_bound
RIGHT_LOG_MARGINAL = bounds.log_marginal
RIGHT_TENSOR_PRODUCT = quadrature.tensor_product
LOG_2PI = normal.LOG_2PI


@functools.cache
def models_with_truth():
    """(problem, parameters, points per dimension that are enough, the truth) twice."""
    unequal = problems.Categorical([0.5, 0.3, 0.15, 0.05], n_hidden=4,
                                   critic=critics.NormalMixture(2))
    two_dimensions = problems.Categorical([0.6, 0.3, 0.1], n_hidden=4, dim_z=2,
                                          critic=nets.NormalNet())
    models = []
    for seed, problem, n in [(0, unequal, 512), (1, two_dimensions, 96)]:
        params = random_model(problem, generator(seed), scale=0.8)
        models.append((problem, params, n, truth(problem, params, 2 * n)))
    return models


def broken_identities():
    """The keys of values that the second route does not confirm, and of bounds in the
    wrong order."""
    broken = []
    for problem, params, n, expected in models_with_truth():
        values = exact.on_grid(problem, params, n)
        broken.extend(differences(problem, values, expected))
        if not np.all(np.isfinite(list(values.values()))):
            broken.append("NaN")
        elbo = elbo_on_grid(problem, params, n)
        if not np.isclose(elbo, expected["elbo"], rtol=1e-5, atol=1e-5):
            broken.append("bounds.elbo")
    return broken


def elbo_on_grid(problem, params, n):
    """bounds.elbo, which exact replaces by sums in parts."""
    p, q, _ = problem.densities(params)
    data = np.eye(problem.dim_x), problem.p_true
    nodes = quadrature.tensor_product(data, quadrature.grid(n, problem.dim_z))
    return bounds.elbo(p, q, *nodes)


# normal

def kl_without_half(mean, log_var):
    return np.sum(mean ** 2 + np.exp(log_var) - log_var - 1, axis=-1)


def kl_of_log_sd(mean, log_var):
    return RIGHT_KL(mean, 2 * log_var)


def kl_with_wrong_sign_of_log_var(mean, log_var):
    return 0.5 * np.sum(mean ** 2 + np.exp(log_var) + log_var - 1, axis=-1)


def kl_the_other_way_round(mean, log_var):
    ratio = (1 + mean ** 2) * np.exp(-log_var)
    return 0.5 * np.sum(ratio + log_var - 1, axis=-1)


def kl_as_mean_over_z(mean, log_var):
    return 0.5 * np.mean(mean ** 2 + np.exp(log_var) - log_var - 1, axis=-1)


def negative_kl(mean, log_var):
    return -RIGHT_KL(mean, log_var)


def no_kl(mean, log_var):
    return 0 * np.sum(mean, axis=-1)


def sample_with_variance_as_sd(mean, log_var, eps):
    return mean + np.exp(log_var) * eps


def sample_without_noise(mean, log_var, eps):
    return mean + 0 * eps


def log_prob_of_log_sd(x, mean, log_var):
    return RIGHT_LOG_PROB(x, mean, 2 * log_var)


def log_prob_without_2pi(x, mean, log_var):
    return -0.5 * np.sum((x - mean) ** 2 * np.exp(-log_var) + log_var, axis=-1)


def log_prob_without_determinant(x, mean, log_var):
    return -0.5 * np.sum((x - mean) ** 2 * np.exp(-log_var) + LOG_2PI, axis=-1)


def log_prob_as_mean_over_z(x, mean, log_var):
    return -0.5 * np.mean((x - mean) ** 2 * np.exp(-log_var) + log_var + LOG_2PI,
                          axis=-1)


def no_entropy(log_var):
    return 0.0


def entropy_of_one_dimension(log_var):
    return 0.5 * (LOG_2PI + 1)


def negative_entropy(log_var):
    return -0.5 * np.sum(log_var + LOG_2PI + 1, axis=-1)


# bounds

def infomax_at_the_wrong_category(r, z, x, weights):
    return RIGHT_INFOMAX(r, z, np.roll(x, 1, axis=0), weights)


def infomax_under_the_marginals(r, z, x, weights):
    """As if x had been drawn without z."""
    of_x = np.sum(weights, axis=1, keepdims=True)
    of_z = np.sum(weights, axis=0, keepdims=True)
    return RIGHT_INFOMAX(r, z, x, of_x * of_z)


def infomax_under_another_distribution_of_x(r, z, x, weights):
    """As q's joint p_true(x) q(z|x) would have: here p(x) is proportional to the number
    of the category."""
    numbers = np.arange(1.0, len(x) + 1)[:, None]
    z_given_x = weights / np.sum(weights, axis=1, keepdims=True)
    return RIGHT_INFOMAX(r, z, x, z_given_x * numbers / np.sum(numbers))


def elbo_without_p_true(p, q, x, eps, weights):
    of_eps = np.sum(weights, axis=1, keepdims=True)
    return RIGHT_ELBO(p, q, x, eps, of_eps / weights.shape[1])


def expectation_as_mean(values, weights):
    return np.mean(weights * values, axis=(-2, -1))


def upper_bound_without_p_true(p, log_m, z, x, weights):
    def log_uniform(x):
        return -np.log(x.shape[-1])
    return RIGHT_UPPER_BOUND(p, log_uniform, z, x, weights)


def upper_bound_with_wrong_sign(p, log_m, z, x, weights):
    def minus_log_m(x):
        return -log_m(x)
    return RIGHT_UPPER_BOUND(p, minus_log_m, z, x, weights)


def log_marginal_without_weights(p, x, z, weights):
    return RIGHT_LOG_MARGINAL(p, x, z, np.ones_like(weights))


# quadrature and nets

def unnormalised_product(first, second):
    points, others, weights = RIGHT_TENSOR_PRODUCT(first, second)
    return points, others, 1.02 * weights


def softmax_without_normalisation(a, axis):
    return np.max(a, axis=axis)


def net_without_output_bias(params, inputs):
    W, b, V, _ = params
    return np.matmul(np.tanh(np.matmul(inputs, W) + b), V)


def net_without_hidden_bias(params, inputs):
    W, _, V, c = params
    return np.matmul(np.tanh(np.matmul(inputs, W)), V) + c


MISTAKES = [
    (normal, "kl_to_standard", [
        kl_without_half, kl_of_log_sd, kl_with_wrong_sign_of_log_var,
        kl_the_other_way_round, kl_as_mean_over_z, negative_kl, no_kl]),
    (normal, "sample", [sample_with_variance_as_sd, sample_without_noise]),
    (normal, "log_prob", [
        log_prob_of_log_sd, log_prob_without_2pi, log_prob_without_determinant,
        log_prob_as_mean_over_z]),
    (normal, "entropy", [no_entropy, entropy_of_one_dimension, negative_entropy]),
    (bounds, "infomax", [
        infomax_at_the_wrong_category, infomax_under_the_marginals,
        infomax_under_another_distribution_of_x]),
    (bounds, "elbo", [elbo_without_p_true]),
    (bounds, "expectation", [expectation_as_mean]),
    (bounds, "upper_bound", [upper_bound_without_p_true, upper_bound_with_wrong_sign]),
    (bounds, "log_marginal", [log_marginal_without_weights]),
    (quadrature, "tensor_product", [unnormalised_product]),
    (nets, "log_sum_exp", [softmax_without_normalisation]),
    (nets, "net", [net_without_output_bias, net_without_hidden_bias]),
]

PLANTED = [(module, name, mistake) for module, name, mistakes in MISTAKES
           for mistake in mistakes]


def name_of(value):
    return getattr(value, "__name__", None)


def test_identities_hold_without_a_mistake():
    assert broken_identities() == []


@pytest.mark.parametrize("module, name, mistake", PLANTED, ids=name_of)
def test_every_mistake_is_caught(module, name, mistake, monkeypatch):
    models_with_truth()  # without the mistake
    monkeypatch.setattr(module, name, mistake)
    broken = broken_identities()
    assert set(broken) & {*exact.KEYS, "bounds.elbo"}
    assert "NaN" not in broken  # a mistake that any check would catch


def test_a_critic_that_shares_the_penalty_is_caught(monkeypatch):
    """Above its target p must be told to lower I^ and r to raise it.  r with the sign
    of p is the mistake that section "The mutual autoencoder" warns of."""
    def shared_slope(p, q, r, data, prior, slope, targets=None):
        z, eps, weights = prior
        x, weights = p.joint_nodes(z, eps, weights)
        elbo = bounds.elbo(p, q, *data)
        return np.array([elbo, slope * bounds.infomax(r, z, x, weights)])

    check_gradients = test_train.test_each_density_climbs_its_own_objective
    check_gradients(test_train.SMALL, slope=-0.7)
    monkeypatch.setattr(train, "objectives", shared_slope)
    with pytest.raises(AssertionError, match="rtol=1e-09"):
        check_gradients(test_train.SMALL, slope=-0.7)
