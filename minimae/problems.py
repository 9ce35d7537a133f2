"""A problem is a class: a model, its data, nodes of both.  The poster's two examples.

Training needs `Problem`; what can be summed over, for exact figures, is `Summable`.
"""
import numpy as np

from . import checks, normal
from .critics import check, critic, init_critic
from .nets import CategoricalNet, NormalNet, held, init
from .nodes import across, cross, down, grid, pair

# In training grids end where 7e-6 of the normal's mass is left: further out, points
# would be spent on next to nothing.
TRAINING_WIDTH = 4.5
FINEST = 2 ** 20  # cells of a table p(x|z); 16 hidden units take 300 MB on the way


class Problem:
    """What training needs to know of a model and its data.

    Attributes: dim_x, dim_z; n_hidden, units of each net; critic, see critics.
    """
    highest, why_highest = np.inf, ""  # the highest level that makes sense, in nats

    def init(self, rng):
        """Parameters of one model: p's, q's and r's, a tuple of arrays each."""
        x, z = self.dim_x, self.dim_z
        return (self.init_decoder(rng), init(rng, x, self.n_hidden, z, z),
                init_critic(self.critic, rng, x, self.n_hidden, z))

    def densities(self, params):
        """p, q, r of all models of a stack."""
        p, q, r = params
        return (self.decoder(p), NormalNet(q),
                critic(self.critic, r, self.decoder(held(p)), self.dim_z))

    def init_decoder(self, rng):
        """Parameters of one p(x|z)."""

    def decoder(self, params):
        """p(x|z) with such parameters."""

    def nodes(self, rng):
        """Nodes for a step of training: (x, eps, weights) of the data and N(0, I), for
        the ELBO, and (z, eps, weights) of p(z) and N(0, I), for the information."""


class Summable(Problem):
    """And what exact figures need: the same expectations on grids of any fineness.

    Attributes: best, the highest possible E log p(x), -H(p_true), in nats; finest, the
    most points per dimension for a table p(x|z) of FINEST cells.
    """

    def grids(self, n, *place):
        """As `nodes`, on fixed grids with n points per dimension; place: see grid."""

    def outcomes(self, n, p):
        """x (1, 1, J, X) and cells dx that cover the range of x under p, for sums."""

    def log_true(self, x):
        """log p_true(x) at x (L, N, J, X), as (L, N, J)."""


def shifted(rng, n, dim=1):
    """A coarse grid for training, n points per dimension, shifted at random."""
    return grid(n, dim, rng.random(dim), TRAINING_WIDTH)


class SplitNormal(Summable):
    """x ~ N(0, 1) as an infinite mixture of normals (poster, "Splitting the normal").

    The decoder is expressive (mean and log variance from the net), or restricted where
    log_var is a number held fixed; its mean may then be linear in z.
    n_train: points in training per variable; with `draw`, nodes.monte_carlo or
    nodes.lattice, pairs of points instead of a grid.
    """
    dim_x = dim_z = 1
    finest = np.sqrt(FINEST)
    # The linear solution has sd exp(-M); the finest but one of the exact grids, of
    # width 18, must have a point in each sd.
    highest = np.log(finest / 2 / 18)
    why_highest = "; beyond, the exact figures cannot be resolved"

    def __init__(self, n_hidden=16, n_train=12, log_var=None, linear=False, critic=1,
                 draw=None):
        if linear and log_var is None:
            raise ValueError("a linear decoder needs a log_var to hold fixed")
        checks.whole(1, n_hidden=n_hidden, n_train=n_train)
        check(critic)
        self.n_hidden, self.n_train, self.draw = n_hidden, n_train, draw
        self.log_var, self.linear, self.critic = log_var, linear, critic
        self.best = -normal.entropy(np.zeros(1))

    def init_decoder(self, rng):
        outs = [1, 1] if self.log_var is None else [1]
        return init(rng, 1, 0 if self.linear else self.n_hidden, *outs)

    def decoder(self, params):
        return NormalNet(params, self.log_var)

    def nodes(self, rng):
        return self.two(rng), self.two(rng)

    def two(self, rng):
        """Nodes of two independent standard normals."""
        if not self.draw:
            return cross(shifted(rng, self.n_train), shifted(rng, self.n_train))
        points, weights = self.draw(rng, self.n_train, 2)
        return pair((points[..., :1], weights), (points[..., 1:], weights))

    def grids(self, n, *place):
        both = cross(grid(n, 1, *place), grid(n, 1, *place))
        return both, both

    def outcomes(self, n, p):
        z, weights = grid(n)
        # What a net does where z has no mass must not stretch the grid.
        mean, log_var = p.moments(z[:, weights[0, :, 0] > 1e-9])
        reach = 9 * np.exp(0.5 * log_var)
        x = np.linspace(np.min(mean - reach), np.max(mean + reach), n)
        return across(x), x[1] - x[0]

    def log_true(self, x):
        return normal.log_prob(x, 0.0, 0.0)


class Categorical(Summable):
    """x one of len(p_true) categories, one-hot (poster, "MAE, categorical example").

    The poster's critic, a normal, tops out near 2.105 nats for ten equal categories
    while I can reach log 10 = 2.30, so the default is a mixture of two.
    n_z, n_eps: points in training per dimension of z and of eps.
    Raises ValueError where p_true is not a distribution.
    """
    why_highest = "; with p(x) = p_true, I cannot exceed the entropy of x"

    def __init__(self, p_true, n_hidden=16, dim_z=1, critic=2, n_z=128, n_eps=10):
        law = np.asarray(p_true, float)
        if not (law.ndim == 1 and np.all(law >= 0) and np.isclose(np.sum(law), 1)):
            raise ValueError(f"p_true {law.tolist()} must be probabilities that "
                             "sum to 1")
        checks.whole(1, n_hidden=n_hidden, dim_z=dim_z, n_z=n_z, n_eps=n_eps)
        check(critic)
        self.p_true, self.dim_x = law / np.sum(law), len(law)
        self.n_hidden, self.dim_z, self.n_z, self.n_eps = n_hidden, dim_z, n_z, n_eps
        self.critic, self.finest = critic, (FINEST / self.dim_x) ** (1 / dim_z)
        masses = self.p_true[law > 0]
        self.best = np.sum(masses * np.log(masses))
        self.highest = abs(self.best)

    def init_decoder(self, rng):
        return init(rng, self.dim_z, self.n_hidden, self.dim_x)

    def decoder(self, params):
        return CategoricalNet(params)

    def nodes(self, rng):
        data = self.with_data(shifted(rng, self.n_eps, self.dim_z))
        return data, self.with_all_x(shifted(rng, self.n_z, self.dim_z))

    def grids(self, n, *place):
        z = grid(n, self.dim_z, *place)
        return self.with_data(z), self.with_all_x(z)

    def with_data(self, eps):
        """Every category with its probability, and every node of eps for each."""
        x = down(np.eye(self.dim_x))
        return cross((x, self.p_true[None, :, None]), eps)

    def with_all_x(self, z):
        """All x are summed over at every z, so none is drawn by a node of eps."""
        return cross(z, (np.zeros((1, 1, 1, 1)), np.ones((1, 1, 1))))

    def outcomes(self, n, p):
        return across(np.eye(self.dim_x)), 1.0

    def log_true(self, x):
        with np.errstate(divide="ignore"):  # U is infinite where p_true misses mass
            return np.log(np.sum(x * self.p_true, -1))
