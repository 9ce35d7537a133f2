"""An expectation is a set of nodes and weights: E f(e) = sum_n weights[n] f(points[n]).

The bounds take their nodes as arguments, so one function is an estimate
(`monte_carlo`), an estimate with little noise (`kronecker`, or a coarse `grid` with a
random shift) or the exact value (a fine `grid`).  The poster's two problems train on
the coarse grid; the others are for comparison, and for dimensions that a grid cannot
fill.
Each gives points (1, N, 1, dim) of N(0, I) and weights (1, N, 1) that sum to one, along
the axis N of the variable drawn first; `cross` puts every node of one beside every node
of another.
"""
import numpy as np


def along_first(a):
    """Values (n,), (n, dim) or nodes as (1, n, 1, dim): along N, the variable drawn
    first."""
    a = np.asarray(a)
    return np.reshape(a, (1, -1, 1, a.shape[-1] if a.ndim > 1 else 1))


def along_second(a):
    """The same as (1, 1, n, dim): along J, the other variable."""
    return np.swapaxes(along_first(a), 1, 2)


def monte_carlo(rng, n, dim):
    """n independent draws of N(0, I), equal weights: the error falls as 1/sqrt(n)."""
    return along_first(rng.standard_normal((n, dim))), np.full((1, n, 1), 1 / n)


def kronecker(rng, n, dim):
    """n points i (1/g, 1/g^2, ...) mod 1, shifted at random and mapped to N(0, I) in
    pairs by Box-Muller, equal weights: an additive recurrence, or Kronecker sequence.

    g is the root of g^(d+1) = g + 1 above 1, which spreads the points evenly for every
    n.  In one or two dimensions the error falls as n^-.7 to n^-.8, for bounded
    integrands nearly as 1/n; in eight it is .05 to .36 of that of monte_carlo
    (randomised quasi-Monte Carlo: Buchholz, Wenzel & Mandt 2018).
    """
    d = dim + dim % 2  # Box-Muller takes coordinates in pairs
    g = 2.0
    for _ in range(64):  # each step shrinks the error to less than half
        g = (1 + g) ** (1 / (d + 1))
    u = (np.arange(n)[:, None] / g ** np.arange(1, d + 1) + rng.random(d)) % 1
    radius, angle = np.sqrt(-2 * np.log1p(-u[:, ::2])), 2 * np.pi * u[:, 1::2]
    points = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], -1)
    return along_first(points[:, :dim]), np.full((1, n, 1), 1 / n)


def grid(n, dim=1, shift=0.5, half_width=9.0):
    """n^dim equally spaced points on [-half_width, half_width], weights ~ N(0, I): the
    trapezoidal rule.

    Where the integrand is smooth the error falls faster than any power of n, down to
    what lies beyond half_width; beyond 9 the normal has no mass in double precision.
    `shift` in [0, 1), one number or (dim,), is where in its cell each point sits; a new
    random shift at every step keeps the nets from adapting to fixed points.
    """
    index = np.indices((n,) * dim).reshape(dim, -1).T
    points = half_width * (2 * (index + shift) / n - 1)
    weights = np.exp(-0.5 * np.sum(points ** 2, -1))
    return along_first(points), (weights / np.sum(weights)).reshape(1, -1, 1)


def cross(first, second):
    """Every node of the second at every node of the first:
    (1, N, 1, dim), (1, 1, J, dim), (1, N, J)."""
    (a, a_weights), (b, b_weights) = first, second
    return a, along_second(b), a_weights * b_weights.swapaxes(1, 2)
