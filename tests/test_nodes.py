"""Nodes and weights: what makes a sum an expectation."""
from types import SimpleNamespace

import numpy as np
import pytest

from helpers import generator
from minimae import nodes

KINDS = {
    "monte_carlo": lambda rng, dim: nodes.monte_carlo(rng, 2 ** 20, dim),
    "kronecker": lambda rng, dim: nodes.kronecker(rng, 2 ** 20, dim),
    "grid": lambda rng, dim: nodes.grid({1: 4096, 2: 64, 3: 16}[dim], dim,
                                        rng.random(dim)),
}


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_moments_of_the_standard_normal(kind, dim):
    points, weights = KINDS[kind](generator(0), dim)
    n = {"grid": 4096}.get(kind, 2 ** 20)
    assert points.shape == (1, n, 1, dim) and weights.shape == (1, n, 1)
    assert np.sum(weights) == pytest.approx(1, abs=1e-9)
    points, weights = points[0, :, 0], weights[0]

    def error(points):
        squares = (weights * points).T @ points - np.eye(dim)
        return max(np.max(np.abs(np.sum(weights * points, 0))), np.max(np.abs(squares)))

    # Monte Carlo is the noisiest: 6 standard errors of means (sd 1), squares and
    # products (sd up to sqrt 2), a false alarm in 10^8 seeds for each.
    assert error(points) < 6 * np.sqrt(2 / 2 ** 20)
    assert error(1.01 * points) > 6 * np.sqrt(2 / 2 ** 20)  # 2 % of variance is seen


def random_sets(draw, dim, n=4, sets=8000):
    """Many independent small sets, (sets, n, dim)."""
    rng = generator(3)
    return np.concatenate([draw(rng, n, dim)[0] for _ in range(sets)])[:, :, 0]


def moments_of_a_point(points):
    """Whether one point of a set is N(0, I) over sets: its second moments, and fourth
    ones E a^2 b^2 = 1 + 2 [a is b], in standard errors.  Variances of the terms: 2 and
    1; E a^8 - 9 = 96 and E a^4 b^4 - 1 = 8."""
    n, dim = points.shape
    squares = points ** 2
    tests = [(points.T @ points / n - np.eye(dim), 1 + np.eye(dim)),
             (squares.T @ squares / n - 1 - 2 * np.eye(dim), 8 + 88 * np.eye(dim))]
    return max(np.max(np.abs(off) / np.sqrt(var / n)) for off, var in tests)


def worst(draw, dim):
    """Of the four points of a set, over 8000 sets."""
    return max(map(moments_of_a_point, np.swapaxes(random_sets(draw, dim), 0, 1)))


@pytest.mark.parametrize("draw", [nodes.monte_carlo, nodes.kronecker])
def test_every_random_point_is_standard_normal(draw):
    # Over 30 seeds the worst was 4.7: a^4 has heavier tails than a normal.
    assert max(worst(draw, dim) for dim in (1, 2, 5, 8)) < 7


@pytest.mark.parametrize("dim", [2, 8])
def test_one_shift_for_all_dimensions_is_caught(dim):
    def one_shift(rng, *size):
        shared = SimpleNamespace(random=lambda d: np.full(d, rng.random()))
        return nodes.kronecker(shared, *size)
    assert worst(one_shift, dim) > 10


def test_cross_averages_over_the_product():
    """E f g = E f E g."""
    first, second = nodes.grid(5), nodes.grid(7, 2)
    a, b, weights = nodes.cross(first, second)
    assert a.shape == (1, 5, 1, 1) and b.shape == (1, 1, 49, 2)
    np.testing.assert_allclose(weights, first[1] * second[1].reshape(1, 1, 49))
