"""An expectation is a set of nodes and weights: E f(e) = sum_n weights[n] f(points[n]).

A rule for N(0, I) is a pair: points (n, dim), and weights (n,) that sum to one.
    monte_carlo    independent draws; the error falls as 1 / sqrt(n)
    kronecker      evenly spread points with a random shift, for a few dimensions
    wide_kronecker the same with half of the points in the tails
    grid           the trapezoidal rule; exact in one or two dimensions if it is fine

The bounds need nodes of two variables, such as a code z and the noise eps of x given z.
The variable that is drawn first keeps its ordinary shape, (N, dim).  The other one has
an axis J in front, and weights have the shape (J, N):
    tensor_product    every eps for every z: z (N, dim), eps (J, 1, dim)
    paired            one eps for each z:    z (N, dim), eps (1, N, dim), so J = 1
"""
import numpy as np


def monte_carlo(rng, n, dim):
    """n independent draws of N(0, I), with equal weights."""
    points = rng.standard_normal((n, dim))
    return points, equal_weights(n)


def equal_weights(n):
    """n weights 1 / n."""
    return np.full(n, 1 / n)


def kronecker(rng, n, dim):
    """n points of a Kronecker sequence, shifted at random, with equal weights.

    Point i is i (1/g, 1/g^2, ...) + shift modulo 1, mapped to N(0, I).  In one or two
    dimensions the error falls as n^-0.7 to n^-0.8, and nearly as 1/n for bounded
    integrands.  In eight dimensions it is 1 to 6 times below that of monte_carlo, and
    in many dimensions single products of coordinates may be several times worse.
    Randomised quasi-Monte Carlo: Buchholz, Wenzel & Mandt 2018.
    """
    even_dim = dim + dim % 2  # Box-Muller takes coordinates in pairs
    g = generalised_golden_ratio(even_dim)
    direction = g ** -np.arange(1, even_dim + 1)
    shift = rng.random(even_dim)
    uniform = (np.arange(n)[:, None] * direction + shift) % 1   # (n, even_dim)
    points = box_muller(uniform)
    return points[:, :dim], equal_weights(n)


def generalised_golden_ratio(dim):
    """The root g > 1 of g^(dim + 1) = g + 1: its powers spread the points evenly for
    every n (Roberts 2018).

    >>> round(generalised_golden_ratio(1), 4)
    1.618
    """
    g = 2.0
    for _ in range(64):  # a step halves the error: 64 steps reach rounding
        g = (1 + g) ** (1 / (dim + 1))
    return g


def box_muller(uniform):
    """Uniform numbers in [0, 1), (n, even), as independent N(0, 1), (n, even)."""
    radius = np.sqrt(-2 * np.log1p(-uniform[:, ::2]))
    angle = 2 * np.pi * uniform[:, 1::2]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)


def wide_kronecker(rng, n, dim):
    """n points for integrands that live in the tails of N(0, I): every second point of
    a Kronecker sequence is doubled, and weighted points stand for N(0, I) on average.

    n should be even.  The proposal is [N(0, I) + N(0, 4 I)] / 2.  A weight is
    N(0, I) / proposal / n, at most 2 / n; the weights sum to one on average only.
    """
    points, _ = kronecker(rng, n, dim)
    scale = np.where(np.arange(n) % 2 == 0, 1.0, 2.0)
    points = scale[:, None] * points
    square = np.sum(points ** 2, axis=-1)
    # N(z; 0, 4 I) / N(z; 0, I) = 2^-dim exp(3/8 |z|^2)
    ratio = np.exp(0.375 * square - dim * np.log(2))
    return points, 2 / (1 + ratio) / n


def grid(n, dim=1, shift=0.5, half_width=9.0):
    """n^dim equally spaced points on [-half_width, half_width], with weights
    proportional to N(0, I): the trapezoidal rule.

    If the integrand is smooth the error falls faster than any power of n, down to the
    mass beyond half_width; beyond 9 it is below double precision.  `shift` is the
    position of a point within its cell, in [0, 1): a number, or one for each dimension.
    A new random shift at every step keeps the nets from adapting to fixed points.

    >>> points, weights = grid(n=64)
    >>> round(float(np.sum(weights * points[:, 0] ** 2)), 6)     # the variance
    1.0
    """
    line = np.arange(n)
    axes = np.meshgrid(*[line] * dim, indexing="ij")
    index = np.stack(axes, axis=-1).reshape(-1, dim)            # (n^dim, dim)
    points = half_width * (2 * (index + shift) / n - 1)
    density = np.exp(-0.5 * np.sum(points ** 2, axis=-1))
    return points, density / np.sum(density)


def tensor_product(first, second):
    """Every node of the second rule for every node of the first: points (N, dim) and
    (J, 1, dim), weights (J, N).

    >>> z, eps, weights = tensor_product(grid(n=3), grid(n=5))
    >>> z.shape, eps.shape, weights.shape
    ((3, 1), (5, 1, 1), (5, 3))
    """
    points, weights = first
    others, other_weights = second
    return points, others[:, None], other_weights[:, None] * weights


def paired(first, others):
    """Each node of a rule with one of the other points (N, dim): (N, dim),
    (1, N, dim), weights (1, N)."""
    points, weights = first
    return points, others[None], weights[None]
