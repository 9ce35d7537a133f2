"""The poster's two examples, each a handful of functions for training and for the exact figures."""
from typing import Callable, NamedTuple

import numpy as np

from . import exact, normal
from .nets import CategoricalNet, MixtureNet, NormalNet, init
from .nodes import cross, grid

# In training, grids end where 7e-6 of the normal's mass is left: further out their points would be spent on next to nothing.
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


def init_critic(rng, dim_x, n_hidden, dim_z, n_components):
    """Parameters of r(z|x): the poster's normal for one component, a mixture of normals for more."""
    if n_components == 1:
        return init(rng, dim_x, n_hidden, dim_z, dim_z)
    return init(rng, dim_x, n_hidden, n_components, n_components * dim_z, n_components * dim_z)


def critic(params):
    """r(z|x) with such parameters: two heads make a normal, three a mixture."""
    return NormalNet(params) if len(params) == 6 else MixtureNet(params)


def split_normal(n_hidden=16, n_train=12, log_var=None, linear=False, n_components=1):
    """Splitting the normal: x ~ N(0, 1) as an infinite mixture of normals (poster, "Splitting the normal").

    The decoder is expressive (mean and log variance from the net), or restricted where log_var is a number held fixed; its
    mean may then be linear in z as well.  The critic is the poster's normal, or a mixture of n_components.
    """
    if linear and log_var is None:
        raise ValueError("a linear decoder needs a log_var to hold fixed")

    def init_all(rng):
        heads = [1, 1] if log_var is None else [1]
        return (init(rng, 1, 0 if linear else n_hidden, *heads), init(rng, 1, n_hidden, 1, 1),
                init_critic(rng, 1, n_hidden, 1, n_components))

    def densities(params):
        return NormalNet(params[0], log_var), NormalNet(params[1]), critic(params[2])

    def nodes(n=None, rng=None):
        # The data are N(0, 1), so nodes of N(0, 1) are nodes of the data.
        return tuple(cross(points(n, rng, n_train), points(n, rng, n_train)) for _ in range(2))

    def outcomes(n, p):
        z, weights = grid(n)
        mean, log_var = p.moments(z[None, :, None])
        seen = weights > 1e-9  # what a net does where z has no mass must not stretch the grid
        reach = 9 * np.exp(0.5 * np.broadcast_to(log_var, mean.shape))[0, seen]
        x = np.linspace(np.min(mean[0, seen] - reach), np.max(mean[0, seen] + reach), n)
        return x[None, None, :, None], x[1] - x[0]

    # The linear solution has sd exp(-M); the finest but one of the exact grids, of width 18, must have a point in each sd.
    highest = np.log(np.sqrt(exact.MOST_CELLS) / 2 / 18)
    return Problem(init_all, densities, nodes, outcomes, lambda x: normal.log_prob(x, 0.0, 0.0), -normal.entropy(np.zeros(1)),
                   highest, "beyond, the exact figures cannot be resolved")


def categorical(p_true, n_hidden=16, dim_z=1, n_components=2, n_train=(128, 10)):
    """The categorical example: x one of len(p_true) categories, one-hot coded (poster, "MAE, categorical example").

    The poster's critic is a normal, n_components=1.  Its bound tops out near 2.105 nats for ten equal categories while I can
    reach log 10 = 2.30, so the default is a mixture of two.  n_train: points in training per dimension of z and of eps.
    Raises ValueError where p_true is not a distribution.
    """
    p_true = np.asarray(p_true, float)
    if p_true.ndim != 1 or not np.all(p_true >= 0) or not np.isclose(np.sum(p_true), 1):
        raise ValueError(f"p_true {p_true} must be probabilities that sum to 1")
    K, p_true = len(p_true), p_true / np.sum(p_true)
    n_z, n_eps = n_train
    certain = np.zeros((1, 1)), np.ones(1)  # all x are summed over, so no node is needed to draw one

    def init_all(rng):
        return (init(rng, dim_z, n_hidden, K), init(rng, K, n_hidden, dim_z, dim_z),
                init_critic(rng, K, n_hidden, dim_z, n_components))

    def densities(params):
        return CategoricalNet(params[0]), NormalNet(params[1]), critic(params[2])

    def nodes(n=None, rng=None):
        return cross((np.eye(K), p_true), points(n, rng, n_eps, dim_z)), cross(points(n, rng, n_z, dim_z), certain)

    def outcomes(n, p):
        return np.eye(K)[None, None], 1.0

    def log_true(x):
        with np.errstate(divide="ignore"):  # log 0 = -inf is meant: U is infinite where p_true misses mass of p
            return np.log(np.sum(x * p_true, -1))

    best = np.sum(p_true * np.log(np.where(p_true > 0, p_true, 1)))
    return Problem(init_all, densities, nodes, outcomes, log_true, best, abs(best),
                   "with p(x) = p_true, I(z, x) cannot exceed the entropy of x")
