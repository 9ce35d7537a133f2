"""A problem is a class: a model, its data, and nodes of both.  The poster's two
examples, and data of your own."""
import numpy as np

from . import checks, normal
from .bounds import stop_gradient
from .critics import Mixture, MultiSample, Normal
from .nets import CategoricalNet, NormalNet, init
from .nodes import along_first, along_second, cross, grid, kronecker

TRAINING_WIDTH = 4.5  # training grids cover all but 7e-6 of N(0, 1)


class Problem:
    """What training and the figures need to know of a model and its data.

    Attributes: dim_x, dim_z; n_hidden, units of each net; critic, see critics; Decoder,
    a nets.Density with init; dtype of all arrays; best, the highest possible E log p(x)
    in nats, None where it is unknown; max_information, the highest level that makes
    sense.  Training needs `nodes`, certified figures `code_nodes`.  Exact figures need
    data, noise, outcomes, log_m and cells, on grids; the `nodes` here are coarse grids
    of n_eps and n_z points per dimension of eps and z.
    """
    dtype, best, Decoder, max_information = np.float64, None, NormalNet, np.inf

    def init(self, rng):
        """Parameters of one model: p's, q's and r's, a tuple of arrays each."""
        x, z, n = self.dim_x, self.dim_z, self.n_hidden
        return (self.init_decoder(rng), NormalNet.init(rng, x, n, z),
                self.critic.init(rng, x, n, z))

    def densities(self, params, codes=None):
        """p, q, r of all models of a stack; codes are the step's, see critics."""
        p, q, r = params
        codes = codes or kronecker(np.random.default_rng(0), 1024, self.dim_z)
        held = self.decoder(stop_gradient(p))
        return self.decoder(p), NormalNet(q), self.critic.density(r, held, codes)

    def init_decoder(self, rng):
        """Parameters of one p(x|z)."""
        return self.Decoder.init(rng, self.dim_z, self.n_hidden, self.dim_x)

    def decoder(self, params):
        """p(x|z) with such parameters."""
        return self.Decoder(params)

    def code_nodes(self, rng, n_codes, n):
        """n_codes codes, spread evenly, and n of them with an eps each: (z, eps,
        weights) along N, then (codes, weights)."""
        codes, code_weights = kronecker(rng, n_codes, self.dim_z)
        # Neighbours in the sequence are spread evenly as well.
        z = np.roll(codes, rng.integers(n_codes), 1)[:, :n]
        eps = rng.standard_normal((1, n, 1, self.dim_x))
        nodes = (z, eps, np.full((1, n, 1), 1 / n)), (codes, code_weights)
        return [[a.astype(self.dtype) for a in group] for group in nodes]

    # Grids: what exact figures need, and training on a coarse one.

    def cells(self, n):
        """Entries of the largest table with n points per dimension: of p(x|z), data or
        a net's units, at every z; infinite where x has several dimensions."""
        if self.dim_x > 1:
            return np.inf
        rows = self.data(lambda dim: grid(n, dim))[0].shape[1]
        return n ** self.dim_z * max(n, rows, self.n_hidden)

    def data(self, grid):
        """Nodes and weights of x; grid(dim) are those of N(0, I) in dim dimensions."""

    def noise(self, grid):
        """Nodes and weights of the eps that p(x|z) needs."""
        return grid(1)

    def nodes(self, rng):
        """Nodes for a step of training: (x, eps, weights) of the data and N(0, I), for
        the ELBO; (z, eps, weights) of p(z) and N(0, I), for the information; and
        (codes, weights) of p(z), for the critic."""
        def coarse(dim, n=self.n_eps):
            return grid(n, dim, rng.random(dim), TRAINING_WIDTH)
        data = cross(self.data(coarse), coarse(self.dim_z))
        codes = coarse(self.dim_z, self.n_z)
        return data, cross(codes, self.noise(coarse)), codes

    def outcomes(self, n, p):
        """x (1, 1, J, X) and cells dx that cover the range of x under p, for sums."""
        # Ignore z without mass, beyond 6: the net's output there is arbitrary.
        z, _ = grid(n if self.dim_z == 1 else 24, self.dim_z, half_width=6.0)
        ends, _ = p.joint(z, along_second([-9.0, 9.0]), 1.0)
        x = np.linspace(np.min(ends), np.max(ends), n)
        return along_second(x), x[1] - x[0]

    def log_m(self, x):
        """log m(x) at x (L, N, J, X), as (L, N, J): p_true where it is known, else any
        law of x; see bounds.upper."""


class SplitNormal(Problem):
    """x ~ N(0, 1) as an infinite mixture of normals (poster, "Splitting the normal").

    The decoder is expressive (mean and log variance from the net), or restricted where
    log_var is a number held fixed.
    n_train: points of a step of training per dimension.
    """
    dim_x, best = 1, -0.5 * (normal.LOG_2PI + 1)  # minus the entropy of N(0, 1)

    def __init__(self, n_hidden=16, n_train=12, log_var=None, critic=Normal(), dim_z=1):
        checks.whole(1, n_hidden=n_hidden, n_train=n_train, dim_z=dim_z)
        self.n_hidden, self.dim_z, self.log_var = n_hidden, dim_z, log_var
        self.n_eps, self.n_z, self.critic = n_train, n_train, critic
        # Beyond, exact figures may not be resolved: the linear solution at M nats has
        # sd exp(-M), two points of exact's second finest grid, 1024 on a width of 18.
        self.max_information = np.log(1024 / 18 / 2)

    def init_decoder(self, rng):
        outs = [1, 1] if self.log_var is None else [1]
        return init(rng, self.dim_z, self.n_hidden, *outs)

    def decoder(self, params):
        return NormalNet(params, self.log_var)

    def data(self, grid):
        return grid(1)

    def log_m(self, x):
        return normal.log_prob(x, 0.0, 0.0)


class Categorical(Problem):
    """x one of len(p_true) categories, one-hot (poster, "MAE, categorical example").

    The poster's critic, a normal, tops out near 2.105 nats for ten equal categories
    while I can reach log 10 = 2.30, so the default is a mixture of two.
    n_z, n_eps: points of a step of training per dimension of z and of eps.
    Raises ValueError where p_true is not a distribution.
    """
    Decoder = CategoricalNet

    def __init__(self, p_true, n_hidden=16, dim_z=1, critic=Mixture(2), n_z=128,
                 n_eps=10):
        p = np.asarray(p_true, float)
        if not (p.ndim == 1 and np.all(p >= 0) and np.isclose(np.sum(p), 1)):
            raise ValueError(f"p_true {p.tolist()} must be probabilities that sum to 1")
        checks.whole(1, n_hidden=n_hidden, dim_z=dim_z, n_z=n_z, n_eps=n_eps)
        self.p_true, self.dim_x, self.critic = p / np.sum(p), len(p), critic
        self.n_hidden, self.dim_z, self.n_z, self.n_eps = n_hidden, dim_z, n_z, n_eps
        self.best = np.sum(self.p_true * np.log(self.p_true + (p == 0)))  # 0 log 0 = 0
        self.max_information = abs(self.best)  # where p(x) = p_true, the entropy of x

    def data(self, grid):
        return along_first(np.eye(self.dim_x)), self.p_true[None, :, None]

    def noise(self, grid):
        """None: all x are summed over at every z."""
        return np.zeros((1, 1, 1, 1)), np.ones((1, 1, 1))

    def cells(self, n):
        # 16: a finer grid would take more than some seconds.
        return n ** self.dim_z * max(self.dim_x, self.n_hidden, 16)

    def outcomes(self, n, p):
        return along_second(np.eye(self.dim_x)), 1.0

    def log_m(self, x):
        return np.log(np.sum(x * self.p_true, -1))


class Data(Problem):
    """Rows of your own, (n, X): numbers of about N(0, 1), or one-hot categories.

    train is for training, test is held out for the figures.  Decoder: NormalNet,
    CategoricalNet for one-hot rows, or a nets.Density of your own with an init.  A step
    takes `batch` rows with two codes each, and n_codes codes of p(z), `batch` of which
    yield x; in single precision if train is.  The true law and `best` are unknown.
    Exact figures, for X = 1, are averages over test.
    Raises ValueError where rows are far from N(0, 1).
    """

    def __init__(self, train, test, Decoder=NormalNet, n_hidden=32, dim_z=2,
                 critic=MultiSample(), batch=64, n_codes=512):
        checks.whole(1, n_hidden=n_hidden, dim_z=dim_z, batch=batch)
        checks.whole(batch, 10 ** 6, n_codes=n_codes)  # more would take gigabytes
        self.train, self.test = check_rows("train", train), check_rows("test", test)
        self.dtype, self.dim_x = self.train.dtype, self.train.shape[1]
        self.Decoder, self.critic = Decoder, critic
        self.n_hidden, self.dim_z = n_hidden, dim_z
        self.batch, self.n_codes = min(batch, len(self.train)), n_codes

    def nodes(self, rng):
        rows = rng.choice(len(self.train), self.batch, replace=False)
        eps, weights = kronecker(rng, self.batch, self.dim_z)
        # In pairs: what is linear in eps cancels.
        eps, weights = np.concatenate([eps, -eps], 2), np.repeat(weights / 2, 2, 2)
        data = along_first(self.train[rows]), eps, weights
        return data, *self.code_nodes(rng, self.n_codes, self.batch)

    def data(self, grid):
        n = len(self.test)
        return along_first(self.test), np.full((1, n, 1), 1 / n)

    def log_m(self, x):
        log_var = np.log(np.var(self.train, 0) + 1e-9)  # a column may be constant
        return normal.log_prob(x, np.mean(self.train, 0), log_var)


def check_rows(name, rows):
    """The rows as an array (n, X); ValueError where nets could not take them."""
    rows = np.array(rows).reshape(len(rows), -1)
    rows = rows.astype(np.result_type(rows, np.float32))
    mean, sd = np.mean(rows, 0), np.std(rows, 0)
    # A tanh of W x + b is a constant for an x beyond some 5, and for a table that
    # hardly varies; single columns that do not, like a margin, do no harm.
    good = (np.abs(mean) < 5) & (sd < 5) & np.any(sd > 0.01)  # False for NaN
    for k in np.flatnonzero(~good):  # the first is enough
        raise ValueError(f"{name}, column {k}: mean {mean[k]:.4g} and sd {sd[k]:.4g}; "
                         "give about 0 and 1, as (rows - rows.mean(0)) / rows.std(0)")
    return rows
