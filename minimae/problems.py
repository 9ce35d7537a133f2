"""The poster's two examples, each a handful of functions for training and for the exact figures."""
from typing import Callable, NamedTuple

import numpy as np

from . import exact, normal
from .nets import CategoricalNet, MixtureNet, NormalNet, init
from .nodes import cross, grid

# In training, grids end where 7e-6 of the normal's mass is left: further out their points would be spent on nothing.
TRAINING_WIDTH = 4.5


class Problem(NamedTuple):
    """What a run needs to know of a model and its data."""
    init: Callable          # rng -> parameters of one model, (p's, q's, r's)
    densities: Callable     # parameters -> p, q, r
    nodes: Callable         # (n, rng) -> nodes (x, eps, weights) of the data and (z, eps, weights) of the model; see below
    outcomes: Callable      # (n, p) -> x and dx that cover the range of x under p
    log_true: Callable      # x -> log p_true(x)
    best: float             # the highest possible E log p(x): -H(p_true), in nats
    highest: float          # the highest level that makes sense, in nats
    why_highest: str        # and why


def points(n, rng, coarse, dim=1):
    """A grid for an expectation under N(0, I): fixed with n points, or for training coarse and shifted at random."""
    return grid(n, dim) if rng is None else grid(coarse, dim, rng.random(dim), TRAINING_WIDTH)


def split_normal(n_hidden=16, n_train=12, log_var=None):
    """Splitting the normal: x ~ N(0, 1) as an infinite mixture of normals (poster, "Splitting the normal").

    The decoder is expressive (mean and log variance from the net), or restricted where log_var is a number held fixed.
    """
    def init_all(rng):
        heads = [1, 1] if log_var is None else [1]
        return init(rng, 1, n_hidden, *heads), init(rng, 1, n_hidden, 1, 1), init(rng, 1, n_hidden, 1, 1)

    def densities(params):
        return NormalNet(params[0], log_var), NormalNet(params[1]), NormalNet(params[2])

    def nodes(n=None, rng=None):
        # The data are N(0, 1), so nodes of N(0, 1) are nodes of the data.
        return tuple(cross(points(n, rng, n_train), points(n, rng, n_train)) for _ in range(2))

    def outcomes(n, p):
        z, weights = grid(n)
        mean, log_var = p.moments(z[None, :, None])
        seen = weights > 1e-9  # what a net does where z has no mass must not stretch the grid
        reach = 9 * np.exp(0.5 * log_var + 0 * mean)[0, seen]
        x = np.linspace(np.min(mean[0, seen] - reach), np.max(mean[0, seen] + reach), n)
        return x[None, None, :, None], x[1] - x[0]

    # A decoder with I = M has sd exp(-M); even the grid twice as coarse as the finest must have a point in each sd.
    highest = np.log(exact.FINEST / 2 / 18)
    return Problem(init_all, densities, nodes, outcomes, lambda x: normal.log_prob(x, 0.0, 0.0), -normal.entropy(np.zeros(1)),
                   highest, "beyond, the exact figures cannot be resolved")
