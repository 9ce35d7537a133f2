"""Nodes and weights: what makes a sum an expectation."""
import numpy as np
import pytest

from minimae import nodes

KINDS = {
    "monte_carlo": lambda rng, dim: nodes.monte_carlo(rng, 4096, dim),
    "lattice": lambda rng, dim: nodes.lattice(rng, 4096, dim),
    "grid": lambda rng, dim: nodes.grid({1: 4096, 2: 64, 3: 16}[dim], dim,
                                        rng.random(dim)),
}


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_moments_of_the_standard_normal(kind, dim):
    points, weights = KINDS[kind](np.random.default_rng(0), dim)
    assert points.shape == (1, 4096, 1, dim) and weights.shape == (1, 4096, 1)
    assert np.sum(weights) == pytest.approx(1, abs=1e-12)
    points, weights = points[0, :, 0], weights[0]
    # Monte Carlo is the noisiest: 6 standard errors of means (sd 1), squares and
    # products (sd up to sqrt 2) at n = 4096, a false alarm in 10^8 seeds for each.
    allowed = 6 * np.sqrt(2 / 4096)
    np.testing.assert_allclose(np.sum(weights * points, 0), 0, atol=allowed)
    np.testing.assert_allclose((weights * points).T @ points, np.eye(dim), atol=allowed)


def test_error_falls_from_monte_carlo_to_lattice_to_grid():
    """Root mean square error of E cos(e_1 + e_2) = exp(-1) over 200 shifts, 144 nodes
    each."""
    def rms(draw):
        errors = []
        for seed in range(200):
            points, weights = draw(np.random.default_rng(seed))
            values = np.cos(np.sum(points, -1))
            errors.append(np.sum(weights * values) - np.exp(-1))
        return np.sqrt(np.mean(np.square(errors)))

    monte_carlo = rms(lambda rng: nodes.monte_carlo(rng, 144, 2))
    lattice = rms(lambda rng: nodes.lattice(rng, 144, 2))
    grid = rms(lambda rng: nodes.grid(12, 2, rng.random(2), 4.5))
    # The sd of cos(e_1 + e_2) is sqrt(1/2 (1 + e^-4) - e^-2) = .616, so Monte Carlo has
    # .616 / 12 = .051; the rms of 200 draws is off by 5 % (one standard error), so
    # these factors have five standard errors of room and more.
    assert monte_carlo == pytest.approx(0.616 / 12, rel=0.3)
    assert lattice < monte_carlo / 3
    assert grid < lattice / 30


@pytest.mark.parametrize("draw", [nodes.monte_carlo, nodes.lattice])
def test_random_nodes_are_unbiased(draw):
    """E exp(e_1) = sqrt(e), from the mean of 1000 independent sets of 16 nodes."""
    rng = np.random.default_rng(3)
    means = [np.sum(weights * np.exp(points[..., 0]))
             for points, weights in (draw(rng, 16, 2) for _ in range(1000))]
    # 6 standard errors as measured from the sets themselves: a false alarm in 10^8
    # seeds or so.
    allowed = 6 * np.std(means) / np.sqrt(1000)
    assert np.mean(means) == pytest.approx(np.exp(0.5), abs=allowed)


def test_grid_is_exact_to_rounding_once_fine_enough():
    # cos(t e) has expectation exp(-t^2 / 2); the trapezoidal rule of spacing h errs by
    # about exp(-(2 pi / h - t)^2 / 2).
    for t in (0.5, 2.0, 5.0):
        points, weights = nodes.grid(64)
        got = np.sum(weights * np.cos(t * points[..., 0]))
        assert got == pytest.approx(np.exp(-t * t / 2), abs=1e-13)


def test_same_generator_state_same_nodes():
    for kind in KINDS.values():
        first, second = (kind(np.random.default_rng(5), 2)[0] for _ in range(2))
        np.testing.assert_array_equal(first, second)


def test_down_and_across_put_values_in_their_place():
    line, table = np.arange(3.0), np.arange(6.0).reshape(3, 2)
    assert nodes.down(line).shape == (1, 3, 1, 1)
    assert nodes.down(table).shape == (1, 3, 1, 2)
    assert nodes.across(line).shape == (1, 1, 3, 1)
    for values in (table, nodes.down(table)):
        assert nodes.across(values).shape == (1, 1, 3, 2)
        np.testing.assert_array_equal(nodes.across(values)[0, 0], table)


def test_pair_and_cross_average_what_they_say():
    """E f g = E f E g over the product; over pairs the mean of a node's two values."""
    first, second = nodes.grid(5), nodes.grid(7, 2)
    a, b, weights = nodes.cross(first, second)
    assert a.shape == (1, 5, 1, 1) and b.shape == (1, 1, 49, 2)
    np.testing.assert_allclose(weights, first[1] * second[1].reshape(1, 1, 49))
    rng = np.random.default_rng(0)
    first, second = nodes.monte_carlo(rng, 6, 2), nodes.monte_carlo(rng, 6, 3)
    a, b, weights = nodes.pair(first, second)
    assert a.shape == (1, 1, 6, 2) and b.shape == (1, 1, 6, 3)
    assert weights.shape == (1, 1, 6)
    np.testing.assert_array_equal(a[0, 0], first[0][0, :, 0])
    np.testing.assert_array_equal(b[0, 0], second[0][0, :, 0])
    np.testing.assert_array_equal(weights.ravel(), first[1].ravel())
