"""Nodes and weights: what makes a weighted sum an expectation."""
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pytest import approx

from helpers import generator
from minimae import quadrature

N_RANDOM = 2 ** 20


def make_rule(name, dim):
    rng = generator(0)
    if name == "monte_carlo":
        return quadrature.monte_carlo(rng, N_RANDOM, dim)
    if name == "kronecker":
        return quadrature.kronecker(rng, N_RANDOM, dim)
    if name == "wide_kronecker":
        return quadrature.wide_kronecker(rng, N_RANDOM, dim)
    points_per_dim = {1: 4096, 2: 64, 3: 16}
    return quadrature.grid(points_per_dim[dim], dim, shift=rng.random(dim))


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("name", ["monte_carlo", "kronecker", "wide_kronecker", "grid"])
def test_moments_of_the_standard_normal(name, dim):
    points, weights = make_rule(name, dim)
    n = len(weights)
    assert points.shape == (n, dim)
    assert weights.shape == (n,)
    # The weights of wide_kronecker sum to one on average only, to about 1 / n.
    assert np.sum(weights) == approx(1, abs=1e-4 if name == "wide_kronecker" else 1e-9)

    def error(points):
        means = weights @ points
        squares = (weights[:, None] * points).T @ points
        return max(np.max(np.abs(means)), np.max(np.abs(squares - np.eye(dim))))

    # Monte Carlo is the noisiest: 6 standard errors of means (sd 1), of squares and of
    # products (sd at most sqrt 2), a false alarm in 10^8 seeds for each.
    tolerance = 6 * np.sqrt(2 / N_RANDOM)
    assert error(points) < tolerance
    assert error(1.01 * points) > tolerance  # 2 % of variance is seen


# Random points

def small_sets(rule, dim, n=4, n_sets=8000):
    """Many independent small sets of points, (n_sets, n, dim)."""
    rng = generator(3)
    sets = [rule(rng, n, dim)[0] for _ in range(n_sets)]
    return np.stack(sets)


def distance_from_normal(points):
    """How far draws (n, dim) are from N(0, I), in standard errors: the second moments,
    and the fourth moments E a^2 b^2 = 1, or 3 if b is a."""
    n, dim = points.shape
    same = np.eye(dim)
    squares = points ** 2
    second = points.T @ points / n - same
    fourth = squares.T @ squares / n - (1 + 2 * same)
    # The variances are E a^4 - 1 = 2, E a^2 b^2 = 1, E a^8 - 9 = 96 and
    # E a^4 b^4 - 1 = 8.
    second_error = np.abs(second) / np.sqrt((1 + same) / n)
    fourth_error = np.abs(fourth) / np.sqrt((8 + 88 * same) / n)
    return max(np.max(second_error), np.max(fourth_error))


def largest_distance(rule, dim):
    """That of the worst of the four points of a set, over 8000 sets."""
    sets = small_sets(rule, dim)
    return max(distance_from_normal(sets[:, i]) for i in range(4))


@pytest.mark.parametrize("dim", [1, 2, 5, 8])
@pytest.mark.parametrize("rule", [quadrature.monte_carlo, quadrature.kronecker])
def test_every_random_point_is_standard_normal(rule, dim):
    # The worst of 30 seeds was 4.7: a^4 has heavier tails than a normal.
    assert largest_distance(rule, dim) < 7


@pytest.mark.parametrize("dim", [2, 8])
def test_one_shift_for_all_dimensions_is_caught(dim):
    def rule_with_one_shift(rng, n, dim):
        def one_number(dim):
            return np.full(dim, rng.random())
        return quadrature.kronecker(SimpleNamespace(random=one_number), n, dim)
    assert largest_distance(rule_with_one_shift, dim) > 10


@pytest.mark.parametrize("dim", [1, 2, 8])
def test_kronecker_has_a_smaller_error_than_monte_carlo(dim):
    """The spread over 100 sets of the mean of a bounded function."""
    def spread(rule):
        rng = generator(4)
        means = []
        for _ in range(100):
            points, weights = rule(rng, 512, dim)
            means.append(weights @ np.mean(np.tanh(2 * points + 1), axis=1))
        return np.std(means)
    # Over seeds 0 to 9 the ratio was 5.4 or more.
    assert spread(quadrature.monte_carlo) > 3 * spread(quadrature.kronecker)


def test_wide_kronecker_has_weights_of_two_at_most_and_points_in_the_tails():
    points, weights = quadrature.wide_kronecker(generator(5), 4096, 2)
    assert np.max(weights) <= 2 / 4096
    radius = np.sqrt(np.sum(points ** 2, axis=1))
    # P(radius > 4) = exp(-8) = 3e-4 under N(0, I), and exp(-2) = .135 under N(0, 4 I):
    # half of that is .068, with a standard error of .004.
    assert np.mean(radius > 4) == approx(0.068, abs=0.024)
    # A tail probability is found with a relative error of some percent.
    assert weights @ (radius > 4) == approx(np.exp(-8), rel=0.4)


# Grids

def test_a_grid_is_exact_for_polynomials():
    """E z^6 = 15, for any shift: the error is below the mass beyond 9."""
    for shift in [0.0, 0.3, 0.5]:
        points, weights = quadrature.grid(64, shift=shift)
        assert weights @ points[:, 0] ** 6 == approx(15, rel=1e-10)


def test_a_grid_has_every_combination_of_coordinates():
    points, weights = quadrature.grid(3, dim=2, half_width=3.0)
    line = [-2, 0, 2]
    assert_array_equal(points, [[a, b] for a in line for b in line])
    one, one_weights = quadrature.grid(3, half_width=3.0)
    assert_allclose(weights, np.outer(one_weights, one_weights).ravel(), rtol=1e-12)


def test_shifts_of_a_grid_may_differ_by_dimension():
    points, _ = quadrature.grid(2, dim=2, shift=np.array([0.0, 0.5]), half_width=2.0)
    assert_array_equal(points, [[-2, -1], [-2, 1], [0, -1], [0, 1]])


# Pairs of rules

def test_tensor_product_averages_over_all_pairs():
    """E f(z) g(eps) = E f(z) E g(eps)."""
    first = quadrature.grid(5)
    second = quadrature.grid(7, dim=2)
    z, eps, weights = quadrature.tensor_product(first, second)
    assert z.shape == (5, 1)
    assert eps.shape == (49, 1, 2)
    assert_allclose(weights, np.outer(second[1], first[1]), rtol=1e-12)
    f = np.cos(z[:, 0])                                         # (5,)
    g = np.sin(eps[..., 1] + 1)                                 # (49, 1)
    product = (first[1] @ f) * (second[1] @ g[:, 0])
    assert np.sum(weights * f * g) == approx(product, abs=1e-12)


def test_paired_keeps_the_weights_of_the_first_rule():
    rng = generator(6)
    first = quadrature.grid(5)
    others = rng.standard_normal((5, 2))
    z, eps, weights = quadrature.paired(first, others)
    assert z.shape == (5, 1)
    assert eps.shape == (1, 5, 2)
    assert_array_equal(eps[0], others)
    assert_array_equal(weights, first[1][None])


def test_same_seed_same_nodes():
    for rule in [quadrature.monte_carlo, quadrature.kronecker]:
        first, _ = rule(generator(7), 5, 3)
        again, _ = rule(generator(7), 5, 3)
        other, _ = rule(generator(8), 5, 3)
        assert_array_equal(first, again)
        assert not np.array_equal(first, other)
