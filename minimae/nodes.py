"""An expectation is a set of nodes and weights: E f(e) = sum_n weights[n] f(points[n]).

The bounds take their nodes as arguments, so one function is an estimate
(`monte_carlo`), an estimate with little noise (`lattice`, or a coarse `grid` with a
random shift) or the exact value (a fine `grid`).  The poster's two problems train on
the coarse grid; the others are for comparison, and for dimensions that a grid cannot
fill.
Each gives points (1, N, 1, dim) of N(0, I) and weights (1, N, 1) that sum to one, in
the place of the variable drawn first; `pair` and `cross` put two of them together.
"""
import numpy as np


def down(a):
    """Values (n,) or (n, dim) in the place of what is drawn first, (1, n, 1, dim)."""
    return np.reshape(a, (1, len(a), 1, -1))


def across(a):
    """Values (n,), (n, dim) or (1, n, 1, dim) in the place of the other variable,
    (1, 1, n, dim)."""
    a = np.asarray(a)
    return np.reshape(a, (1, 1, -1, a.shape[-1] if a.ndim > 1 else 1))


def monte_carlo(rng, n, dim):
    """n independent draws of N(0, I), equal weights: the error falls as 1/sqrt(n)."""
    return down(rng.standard_normal((n, dim))), np.full((1, n, 1), 1 / n)


def lattice(rng, n, dim):
    """n points i (1/g, 1/g^2, ...) mod 1, shifted at random and mapped to N(0, I) in
    pairs by Box-Muller, equal weights.

    g is the real root of g^(d+1) = g + 1, which spreads the points evenly for every n;
    the error falls nearly as 1/n (randomised quasi-Monte Carlo: Buchholz, Wenzel &
    Mandt 2018).
    """
    d = dim + dim % 2  # Box-Muller takes coordinates in pairs
    g = np.max(np.real(np.roots([1, *[0] * (d - 1), -1, -1])))
    u = (np.arange(n)[:, None] / g ** np.arange(1, d + 1) + rng.random(d)) % 1
    radius, angle = np.sqrt(-2 * np.log1p(-u[:, ::2])), 2 * np.pi * u[:, 1::2]
    points = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], -1)
    return down(points[:, :dim]), np.full((1, n, 1), 1 / n)


def grid(n, dim=1, shift=0.5, half_width=9.0):
    """n^dim equally spaced points on [-half_width, half_width], weights ~ N(0, I): the
    trapezoidal rule.

    Where the integrand is smooth the error falls faster than any power of n, down to
    what lies beyond half_width; beyond 9 the normal has no mass in double precision.
    `shift` in [0, 1), one number or (dim,), is where in its cell each point sits; drawn
    anew at every step of training it leaves a net no place to hide between the points.
    """
    index = np.indices((n,) * dim).reshape(dim, -1).T
    points = half_width * (2 * (index + shift) / n - 1)
    weights = np.exp(-0.5 * np.sum(points ** 2, -1))
    return down(points), (weights / np.sum(weights)).reshape(1, -1, 1)


def pair(first, second):
    """Nodes that belong together one to one:
    (1, 1, n, dim), (1, 1, n, dim), (1, 1, n)."""
    (a, weights), (b, _) = first, second
    return across(a), across(b), weights.reshape(1, 1, -1)


def cross(first, second):
    """Every node of the second at every node of the first:
    (1, N, 1, dim), (1, 1, J, dim), (1, N, J)."""
    (a, a_weights), (b, b_weights) = first, second
    return a, across(b), a_weights * b_weights.reshape(1, 1, -1)
