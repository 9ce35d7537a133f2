"""Nodes and weights: what makes a sum an expectation."""
import numpy as np
import pytest

from minimae import nodes

KINDS = {
    "monte_carlo": lambda rng, dim: nodes.monte_carlo(rng, 4096, dim),
    "lattice": lambda rng, dim: nodes.lattice(rng, 4096, dim),
    "grid": lambda rng, dim: nodes.grid({1: 4096, 2: 64, 3: 16}[dim], dim, rng.random(dim)),
}


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_moments_of_the_standard_normal(kind, dim):
    points, weights = KINDS[kind](np.random.default_rng(0), dim)
    assert points.shape == (4096, dim) and weights.sum() == pytest.approx(1, abs=1e-12)
    # Monte Carlo is the noisiest: 6 standard errors of means (sd 1), squares and products (sd up to sqrt 2) at n = 4096,
    # a false alarm in about 10^8 seeds for each.
    allowed = 6 * np.sqrt(2 / 4096)
    np.testing.assert_allclose(weights @ points, 0, atol=allowed)
    np.testing.assert_allclose((weights[:, None] * points).T @ points, np.eye(dim), atol=allowed)


def test_error_falls_from_monte_carlo_to_lattice_to_grid():
    """Root mean square error of E cos(e_1 + e_2) = exp(-1) over 200 shifts, 144 nodes each."""
    def rms(draw):
        errors = [np.sum(weights * np.cos(points.sum(1))) - np.exp(-1) for points, weights in map(draw, range(200))]
        return np.sqrt(np.mean(np.square(errors)))

    monte_carlo = rms(lambda seed: nodes.monte_carlo(np.random.default_rng(seed), 144, 2))
    lattice = rms(lambda seed: nodes.lattice(np.random.default_rng(seed), 144, 2))
    grid = rms(lambda seed: nodes.grid(12, 2, np.random.default_rng(seed).random(2), 4.5))
    # The sd of cos(e_1 + e_2) is sqrt(1/2 (1 + e^-4) - e^-2) = .616, so Monte Carlo has .616 / 12 = .051; the rms of 200
    # draws is off by 5 % (one standard error), so these factors have ten standard errors of room.
    assert monte_carlo == pytest.approx(0.616 / 12, rel=0.3)
    assert lattice < monte_carlo / 3
    assert grid < lattice / 30


@pytest.mark.parametrize("draw", [nodes.monte_carlo, nodes.lattice])
def test_random_nodes_are_unbiased(draw):
    """E exp(e_1) = sqrt(e), from the mean of 2000 independent sets of 16 nodes."""
    rng = np.random.default_rng(3)
    means = [np.sum(weights * np.exp(points[:, 0])) for points, weights in (draw(rng, 16, 2) for _ in range(2000))]
    # 6 standard errors as measured from the sets themselves: a false alarm in 10^8 seeds or so.
    assert np.mean(means) == pytest.approx(np.exp(0.5), abs=6 * np.std(means) / np.sqrt(2000))


def test_grid_is_exact_to_rounding_once_fine_enough():
    # cos(t e) has expectation exp(-t^2 / 2); the trapezoidal rule of spacing h errs by about exp(-(2 pi / h - t)^2 / 2).
    for t in (0.5, 2.0, 5.0):
        points, weights = nodes.grid(64)
        assert np.sum(weights * np.cos(t * points[:, 0])) == pytest.approx(np.exp(-t * t / 2), abs=1e-13)


def test_same_generator_state_same_nodes():
    for kind in KINDS.values():
        np.testing.assert_array_equal(kind(np.random.default_rng(5), 2)[0], kind(np.random.default_rng(5), 2)[0])


def test_pair_and_cross_average_what_they_say():
    a, b = nodes.grid(5), nodes.grid(7)
    x, y, weights = nodes.cross(a, b)
    assert x.shape == (1, 5, 1, 1) and y.shape == (1, 1, 7, 1) and weights.shape == (1, 5, 7)
    np.testing.assert_allclose(weights[0], np.outer(a[1], b[1]))
    rng = np.random.default_rng(0)
    u, v = nodes.monte_carlo(rng, 6, 2), nodes.monte_carlo(rng, 6, 3)
    x, y, weights = nodes.pair(u, v)
    assert x.shape == (1, 1, 6, 2) and y.shape == (1, 1, 6, 3) and weights.shape == (1, 1, 6)
    assert np.sum(weights) == pytest.approx(1)
