"""An expectation is a set of nodes and weights: E f(e) = sum_n weights[n] f(points[n]) for e ~ N(0, I).

The bounds take their nodes as arguments, so one function is an estimate (nodes from `monte_carlo`), an estimate with
little noise (`lattice`, or a coarse `grid` with a random shift) or the exact value (a fine `grid`).
Training on the poster's two problems uses the coarse grid; the others are for comparison and for dimensions that a grid
cannot fill.
Each function returns points (n, dim) and weights (n,) that sum to one; `pair` and `cross` put two of them together.
"""
import numpy as np


def monte_carlo(rng, n, dim):
    """n independent draws of N(0, I), equal weights: the error falls as 1/sqrt(n)."""
    return rng.standard_normal((n, dim)), np.full(n, 1 / n)


def lattice(rng, n, dim):
    """n points i (1/g, 1/g^2, ...) mod 1, shifted at random and mapped to N(0, I) in pairs by Box-Muller, equal weights.

    g is the real root of g^(d+1) = g + 1, which spreads the points evenly for every n; the error falls nearly as 1/n
    (randomised quasi-Monte Carlo: Buchholz, Wenzel & Mandt 2018).
    """
    d = dim + dim % 2  # Box-Muller takes coordinates in pairs
    g = 1.5
    for _ in range(40):  # each turn shrinks the error by more than 5, so 40 reach rounding from anywhere
        g = (1 + g) ** (1 / (d + 1))
    u = (np.arange(n)[:, None] / g ** np.arange(1, d + 1) + rng.random(d)) % 1
    radius, angle = np.sqrt(-2 * np.log1p(-u[:, ::2])), 2 * np.pi * u[:, 1::2]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], -1)[:, :dim], np.full(n, 1 / n)


def grid(n, dim=1, shift=0.5, half_width=9.0):
    """n^dim equally spaced points on [-half_width, half_width], weights ~ N(0, I): the trapezoidal rule.

    Where the integrand is smooth the error falls faster than any power of n, down to what lies beyond half_width.
    `shift` in [0, 1), one number or (dim,), says where in its cell each point sits; drawn anew at every step of training it
    leaves a net no place to hide between the points.  Beyond 9 the normal has no mass in double precision.
    """
    index = np.indices((n,) * dim).reshape(dim, -1).T
    points = half_width * (2 * (index + shift) / n - 1)
    weights = np.exp(-0.5 * np.sum(points ** 2, -1))
    return points, weights / np.sum(weights)


def pair(first, second):
    """Nodes that belong together one to one, as (1, 1, n, dim), (1, 1, n, dim), (1, 1, n)."""
    (a, weights), (b, _) = first, second
    return a[None, None], b[None, None], weights[None, None]


def cross(given, other):
    """Every node of `other` at every node of `given`, as (1, N, 1, dim), (1, 1, J, dim), (1, N, J)."""
    (a, a_weights), (b, b_weights) = given, other
    return a[None, :, None], b[None, None], (a_weights[:, None] * b_weights)[None]
