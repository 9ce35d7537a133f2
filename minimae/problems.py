"""A problem bundles a model, its data, and the nodes for training and evaluation.

Problem is what training needs, ExactProblem what exact.evaluate needs as well.  The
poster's two examples are SplitNormal and Categorical; Data is for rows of your own.
"""
import numpy as np

from . import checks, normal
from .bounds import log_weights, stop_gradient
from .critics import MultiSample, NormalMixture
from .nets import CategoricalNet, Density, NormalNet
from .penalty import AugmentedLagrangian, Penalty
from .quadrature import grid, kronecker, paired, tensor_product, wide_kronecker

TRAINING_HALF_WIDTH = 4.5  # training grids cover all but 7e-6 of N(0, 1)
MAX_NODES = 2 ** 23        # of a step of training, 64 MB for an array of numbers


class Problem:
    """What training and certified.evaluate need to know of a model and its data.

    A subclass calls __init__ and writes draw_nodes.
    """
    best = None           # the highest possible E log p(x) in nats, None if unknown
    max_target = np.inf   # the largest target that makes sense, in nats
    x_test = None         # rows (n, X) that training does not see, for certified
    # Defaults of train.train: chosen for the poster's two examples on seeds 0 to 5.
    steps = 500
    learning_rate = 0.03
    penalty = Penalty()

    def __init__(self, dim_x, dim_z, n_hidden, decoder, encoder, critic):
        # More would take gigabytes.
        checks.check_integer(dim_x=dim_x, n_hidden=n_hidden, minimum=1, maximum=10 ** 6)
        checks.check_integer(dim_z=dim_z, minimum=1, maximum=10 ** 4)
        check_densities(decoder=decoder, encoder=encoder, critic=critic)
        self.dim_x = dim_x
        self.dim_z = dim_z
        self.n_hidden = n_hidden
        self.decoder = decoder
        self.encoder = encoder
        self.critic = critic

    def __repr__(self):
        return (f"{type(self).__name__}(dim_x={self.dim_x}, dim_z={self.dim_z}, "
                f"n_hidden={self.n_hidden}, decoder={self.decoder}, "
                f"encoder={self.encoder}, critic={self.critic})")

    def init(self, rng):
        """Random parameters of one model: a tuple of arrays for each of p, q and r."""
        p = self.decoder.init(rng, self.dim_z, self.n_hidden, self.dim_x)
        q = self.encoder.init(rng, self.dim_x, self.n_hidden, self.dim_z)
        r = self.critic.init(rng, self.dim_x, self.n_hidden, self.dim_z)
        return p, q, r

    def densities(self, params, codes=None):
        """p, q and r with these parameters, of one model or of a stack.

        codes = (z, weights), (S, Z) and (S,), are nodes of p(z) that the critic may
        use; 1024 fixed ones if they are not given.
        """
        p_params, q_params, r_params = params
        if codes is None:
            codes = kronecker(np.random.default_rng(0), 1024, self.dim_z)
        p = self.decoder.with_params(p_params)
        q = self.encoder.with_params(q_params)
        detached_p = self.decoder.with_params(stop_gradient(p_params))
        r = self.critic.with_params(r_params).given(detached_p, codes)
        return p, q, r

    def draw_nodes(self, rng):
        """Nodes for one step of training, see quadrature:
            data    (x, eps, weights) of the data and of the noise of q(z|x)
            prior   (z, eps, weights) of p(z) and of the noise of p(x|z)
            codes   (z, weights) of p(z), which the critic may use
        """
        raise ValueError(f"{self}: write draw_nodes(rng)")

    def draw_codes(self, rng, n_codes, n):
        """n_codes evenly spread codes, n of which yield x: prior and codes as in
        draw_nodes.  Their weights sum to one on average.

        Half of the codes lie in the tails of p(z): a model of a low target may keep all
        of the data there, in a region of little mass.
        """
        codes, code_weights = wide_kronecker(rng, n_codes, self.dim_z)
        # Any n consecutive points of a Kronecker sequence are spread evenly.
        offset = rng.integers(n_codes)
        index = (np.arange(n) - offset) % n_codes
        z_weights = code_weights[index] * (n_codes / n)
        eps = rng.standard_normal((n, self.dim_x))
        prior = paired((codes[index], z_weights), eps)
        return prior, (codes, code_weights)


def check_densities(**densities):
    """Raise ValueError unless each is an instance of nets.Density."""
    for name, density in densities.items():
        if isinstance(density, type):
            raise ValueError(f"{name} {density.__name__}: give an instance, as "
                             f"{density.__name__}()")
        if not isinstance(density, Density):
            raise ValueError(f"{name} {density!r}: give a nets.Density")


def check_nodes(n_nodes, settings):
    """Raise ValueError if the nodes of a step of training would take gigabytes."""
    if n_nodes > MAX_NODES:
        raise ValueError(f"{settings}: the nodes of a step would take gigabytes; give "
                         "fewer points or dimensions")


class ExactProblem(Problem):
    """A problem whose expectations are sums over grids.

    `rule` below is a function of a dimension that gives nodes of N(0, I), as
    quadrature.grid with a fixed n does.  Training uses the same methods with coarse
    grids: n_eps points per dimension of noise, n_z per dimension of z.
    """
    n_eps: int
    n_z: int

    def data_nodes(self, rule):
        """Nodes (n, X) and weights (n,) of the data."""
        raise ValueError(f"{self}: write data_nodes(rule)")

    def noise_nodes(self, rule):
        """Nodes and weights of the noise of p(x|z)."""
        return rule(self.dim_x)

    def log_m(self, x):
        """The log density of the data at x (..., X), for bounds.upper_bound."""
        raise ValueError(f"{self}: write log_m(x)")

    def x_grid(self, n, p):
        """Points (J, X) that cover the range of x under p, and their distance dx."""
        raise ValueError(f"{self}: write x_grid(n, p)")

    def table_size(self, n):
        """Entries of the largest array of exact.evaluate, for n points a dimension."""
        raise ValueError(f"{self}: write table_size(n)")

    def draw_nodes(self, rng):
        """As in Problem, on coarse grids with random shifts."""
        def coarse_rule(dim, n=self.n_eps):
            shift = rng.random(dim)
            return grid(n, dim, shift, TRAINING_HALF_WIDTH)

        data = tensor_product(self.data_nodes(coarse_rule), coarse_rule(self.dim_z))
        codes = coarse_rule(self.dim_z, n=self.n_z)
        prior = tensor_product(codes, self.noise_nodes(coarse_rule))
        return data, prior, codes


class SplitNormal(ExactProblem):
    """x ~ N(0, 1) as an infinite mixture of normals.
    Phuong et al., section "Splitting the normal".

    Parameters
    ----------
    n_hidden : tanh units of each net
    n_train : points of a training grid, per dimension
    log_var : None for an expressive decoder, whose log variance comes from the net; a
        number for a restricted one
    critic : see critics
    dim_z : dimension of the code
    """

    def __init__(self, n_hidden=16, n_train=12, log_var=None, critic=NormalNet(),
                 dim_z=1):
        checks.check_integer(n_train=n_train, minimum=1)
        super().__init__(dim_x=1, dim_z=dim_z, n_hidden=n_hidden,
                         decoder=NormalNet(log_var), encoder=NormalNet(), critic=critic)
        check_nodes(int(n_train) ** (dim_z + 1), f"n_train {n_train}, dim_z {dim_z}")
        self.n_eps = n_train
        self.n_z = n_train
        self.best = -normal.entropy(np.zeros(1))
        # At M nats a decoder may have the sd exp(-M).  Above this target that is less
        # than two points of the second finest grid of exact, 1024 on a width of 18.
        self.max_target = np.log(1024 / 18 / 2)

    def data_nodes(self, rule):
        """Nodes of N(0, 1)."""
        return rule(1)

    def log_m(self, x):
        """log N(x | 0, 1)."""
        return normal.log_prob(x, mean=0.0, log_var=0.0)

    def x_grid(self, n, p):
        """n points from the least to the greatest mean -+ 9 standard deviations."""
        # |z| > 6 has probability 2e-9, and the net's output there is arbitrary.
        n_z = n if self.dim_z == 1 else 24
        z, _ = grid(n_z, self.dim_z, half_width=6.0)
        ends = p.reparameterize(z, eps=np.array([[[-9.0]], [[9.0]]]))       # (2, n, 1)
        x, dx = np.linspace(np.min(ends), np.max(ends), n, retstep=True)
        return x[:, None], dx

    def table_size(self, n):
        """The table p(x|z), or the units of a net at every z and x."""
        return n ** self.dim_z * max(n, self.n_hidden)


class Categorical(ExactProblem):
    """x is one of len(p_true) categories, one-hot.
    Phuong et al., section "MAE, categorical example".

    Parameters
    ----------
    p_true : probabilities of the categories
    n_hidden : tanh units of each net
    dim_z : dimension of the code
    critic : see critics.  The poster's normal cannot exceed 2.105 nats for ten equal
        categories, while I can reach log 10 = 2.303; so the default is a mixture of two
    n_z, n_eps : points of a training grid, per dimension of z and of eps

    Raises ValueError if p_true is not a distribution.
    """

    def __init__(self, p_true, n_hidden=16, dim_z=1, critic=NormalMixture(2), n_z=128,
                 n_eps=10):
        p_true = np.asarray(p_true, float)
        is_vector = p_true.ndim == 1
        if not is_vector or np.any(p_true < 0) or not np.isclose(np.sum(p_true), 1):
            raise ValueError(f"p_true {p_true.tolist()}: give probabilities that sum "
                             "to 1")
        checks.check_integer(n_z=n_z, n_eps=n_eps, minimum=1)
        super().__init__(dim_x=len(p_true), dim_z=dim_z, n_hidden=n_hidden,
                         decoder=CategoricalNet(), encoder=NormalNet(), critic=critic)
        most_points = int(max(n_z, n_eps))
        check_nodes(len(p_true) * most_points ** dim_z,
                    f"n_z {n_z}, n_eps {n_eps}, dim_z {dim_z}")
        self.p_true = p_true / np.sum(p_true)
        self.n_z = n_z
        self.n_eps = n_eps
        positive = self.p_true[self.p_true > 0]  # 0 log 0 = 0
        entropy_of_x = -np.sum(positive * np.log(positive))
        self.best = -entropy_of_x
        self.max_target = abs(entropy_of_x)  # if p(x) = p_true; abs: not -0.0

    def data_nodes(self, rule):
        """Every category, weighted by p_true."""
        return np.eye(self.dim_x), self.p_true

    def noise_nodes(self, rule):
        """No noise: every x is summed over at every z."""
        return np.zeros((1, 1)), np.ones(1)

    def log_m(self, x):
        """log p_true(x), -inf if it is 0."""
        return log_weights(np.sum(x * self.p_true, axis=-1))

    def x_grid(self, n, p):
        """Every category."""
        return np.eye(self.dim_x), 1.0

    def table_size(self, n):
        """The table p(x|z), or the units of a net; at least 16 for each z, which keeps
        the finest grid below some seconds."""
        return n ** self.dim_z * max(self.dim_x, self.n_hidden, 16)


class Data(Problem):
    """Rows of your own: real numbers of about N(0, 1), or one-hot categories.

    Parameters
    ----------
    x_train : rows for training, (n, X)
    x_test : rows that are kept for the evaluation, (n, X)
    decoder : nets.NormalNet(), nets.CategoricalNet() for one-hot rows, or your own
    encoder : nets.NormalNet() or your own
    critic : see critics
    n_hidden : tanh units of each net
    dim_z : dimension of the code
    batch : rows of a step, each with two codes; as many codes of p(z) yield x
    n_codes : codes of p(z) of a step, for the multi-sample bound

    Raises ValueError if the rows are not numbers of about N(0, 1).
    """
    # Chosen on three tables (4 to 30 columns) and on digits, seeds 0 to 2.
    steps = 1000
    learning_rate = 0.02

    def __init__(self, x_train, x_test=None, decoder=NormalNet(), encoder=NormalNet(),
                 critic=MultiSample(), n_hidden=32, dim_z=2, batch=64, n_codes=512):
        checks.check_integer(batch=batch, minimum=1)
        # More codes would take gigabytes.
        checks.check_integer(n_codes=n_codes, minimum=batch, maximum=10 ** 6)
        self.x_train = as_rows("x_train", x_train)
        check_scale("x_train", self.x_train)
        if x_test is not None:
            self.x_test = as_rows("x_test", x_test)
            if self.x_test.shape[1] != self.x_train.shape[1]:
                raise ValueError(f"x_test has {self.x_test.shape[1]} columns: give "
                                 f"{self.x_train.shape[1]}, as in x_train")
        super().__init__(dim_x=self.x_train.shape[1], dim_z=dim_z, n_hidden=n_hidden,
                         decoder=decoder, encoder=encoder, critic=critic)
        # If all X columns follow one code, log p(x|z) = -X log sd + const and
        # I = -log sd + const: a nat may be worth X nats of likelihood.
        self.penalty = AugmentedLagrangian(
            C=self.dim_x, multiplier_rate=10 * self.dim_x, rise=0.6)
        self.batch = min(batch, len(self.x_train))
        self.n_codes = n_codes

    def draw_nodes(self, rng):
        """A batch of rows with two codes each, and a batch of p(z)."""
        rows = rng.choice(len(self.x_train), self.batch, replace=False)
        eps, weights = kronecker(rng, self.batch, self.dim_z)
        # Antithetic pairs: errors that are odd in eps cancel.
        both_eps = np.stack([eps, -eps])                        # (2, batch, Z)
        both_weights = np.stack([weights, weights]) / 2         # (2, batch)
        data = self.x_train[rows], both_eps, both_weights
        (z, noise, z_weights), codes = self.draw_codes(rng, self.n_codes, self.batch)
        prior = z, noise, z_weights / np.sum(z_weights)
        return data, prior, codes


def as_rows(name, rows):
    """The rows as an array of floats (n, X); ValueError if they are not numbers."""
    n_masked = np.sum(np.ma.getmaskarray(rows))
    if n_masked > 0:
        raise ValueError(f"{name}: {n_masked} values are masked; fill or drop them")
    rows = np.array(rows, dtype=float)
    if rows.size == 0 or rows.ndim == 0:
        raise ValueError(f"{name}, shape {rows.shape}: give at least one row")
    rows = rows.reshape(len(rows), -1)
    is_finite = np.all(np.isfinite(rows), axis=0)
    if not np.all(is_finite):
        k = np.argmin(is_finite)
        raise ValueError(f"{name}, column {k}: NaN or infinite; fill or drop such rows")
    return rows


def check_scale(name, rows):
    """Raise ValueError if a net cannot learn from the rows: tanh saturates for inputs
    beyond 5, and is constant if no column varies.  Single constant columns, as the
    margins of images, are fine."""
    mean = np.mean(rows, axis=0)
    sd = np.std(rows, axis=0)
    # A constant column has sd 0, which 1e-6 keeps from becoming 0 / 0.
    advice = "give about 0 and 1, as (rows - rows.mean(0)) / (rows.std(0) + 1e-6)"
    is_good = (np.abs(mean) < 5) & (sd < 5)
    if not np.all(is_good):
        k = np.argmin(is_good)
        raise ValueError(f"{name}, column {k}: mean {mean[k]:.4g} and sd {sd[k]:.4g}; "
                         + advice)
    if np.max(sd) < 0.01:
        raise ValueError(f"{name}: no column has an sd above {np.max(sd):.4g}; "
                         + advice)
