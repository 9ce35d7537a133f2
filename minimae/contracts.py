"""Whether a decoder, an encoder or a critic of your own is what training takes it for.

    contracts.check(problem)        # in a test of your own; half a second or so

A wrong density does not stop training; it makes every bound wrong.  `check` raises
ValueError with one line that names the first fault.  train.train makes the cheap ones
of these checks, `check_shapes`, by itself.
"""
import copy
import math
import warnings

import numpy as np
from autograd import grad

from . import bounds, models, normal, quadrature
from .critics import is_bayes
from .nets import Density

NOISE = 0.5          # of an output of a net, so that no density ignores its inputs
TOLERANCE = 1e-6     # relative; the same formula in another order differs by rounding
# Standard errors.  Student's t with 63 degrees of freedom exceeds 6 with a probability
# of 1e-7, and one check makes some fifteen comparisons.
N_ERRORS = 6
N_BATCHES = 64       # independent batches, whose spread gives the standard error
N_EPS = 64           # points of a batch for a KL
# Rows, nodes beside them, and codes of the cheap checks: different numbers, so that
# exchanged axes are noticed.
N_FEW = 5
J_FEW = 3
S_FEW = 7
# The least overlap of two densities from which the mass of one of them can be told.
MIN_OVERLAP = 0.02
# Rows of a batch.  An ImageMixture needs as many nodes as it has images.
MIN_BATCH = 64
MAX_BATCH = 256
# Importance sampling of a critic.
N_WIDE = 8192
N_ROUNDS = 6
SCALES = np.array([1.0, 2.0, 4.0, 8.0])   # some critics have wide tails
MIN_VARIANCE = 1e-4                       # if a single code has all of the weight
MAX_RELATIVE_ERROR = 0.05


# The checks

def check(problem, seed=0):
    """Raise ValueError, one line, if the decoder, the encoder or the critic of a
    problem has a fault.  For two models with random parameters:

        shapes      as in check_shapes, with its gradients and its KL
        p, q        log_prob sums to one, and draws follow it: those of joint_nodes,
                    of reparameterize, and of sample if there is one
        r           log_prob sums to one over z, unless it is Bayes' rule

    A right density is refused with a probability of about 1e-6.  These are accepted,
    because they cannot be decided:
        rows with both discrete and continuous columns
        discrete rows of a fixed sum above 1, as several one-hot places
        a p or q that overlaps with no normal; with more than 45 columns, or discrete
        ones, with no density of independent columns
        a critic that importance sampling cannot integrate, as in many dimensions
        a sum that is off by less than 6 standard errors, a few per cent as a rule
    A fault of the gradient's value is not looked for, only one of its presence.

    seed : of the random parameters and draws
    """
    rng = np.random.default_rng(seed)
    problem = with_own_densities(problem)
    nodes = problem.draw_nodes(rng)
    check_shapes(problem, nodes)
    for _ in range(2):
        params = random_model(problem, rng)
        with np.errstate(all="ignore"):  # overflow shows in the values
            check_decoder(problem, params, nodes, rng)
            check_encoder(problem, params, nodes, rng)
            check_critic(problem, params, nodes, rng)


def check_shapes(problem, nodes, has_target=True):
    """The checks that take some milliseconds; raise ValueError as `check` does.

        shapes      of all values, for one model and in a stack of two
        stacks      values in a stack are those of each model alone; those of a row do
                    not depend on other rows
        weights     joint_nodes keeps their total
        p           log_marginal is bounds.log_marginal
        q           the z of sample_with_kl is that of reparameterize, and its KL is
                    the mean of log q(z|x) - log p(z)
        gradients   of the ELBO by q's parameters, and of I^ by p's if has_target

    nodes : problem.draw_nodes(rng)

    Nothing is changed: random numbers come from a Generator of its own, and densities
    are copied.  If a log_prob draws random numbers, as for drop-out, no values are
    compared.
    """
    problem = with_own_densities(problem)
    rng = np.random.default_rng(0)
    data, prior, codes = nodes
    nodes = data, with_normalised_weights(prior), few_codes(codes)
    first = random_model(problem, rng)
    second = random_model(problem, rng)
    with np.errstate(all="ignore"):
        values = values_of(problem, first, nodes)
        again = values_of(problem, first, nodes)
        stacks = stacks_of_values(problem, [first, second], nodes)
        if same_values(values, again):
            other_values = values_of(problem, second, nodes)
            check_agreement(problem, values)
            for stacked in stacks:
                check_stack(stacked, [values, other_values])
        check_kl(problem, first, nodes, rng)
        check_gradients(problem, first, nodes, has_target)


# Models and nodes

def with_own_densities(problem):
    """The problem with copies of its densities: some hold a Generator."""
    problem = copy.copy(problem)
    problem.decoder = copy.deepcopy(problem.decoder)
    problem.encoder = copy.deepcopy(problem.encoder)
    problem.critic = copy.deepcopy(problem.critic)
    return problem


def random_model(problem, rng):
    """Parameters of a model: those of init, plus noise."""
    model = []
    for label, net in zip(labels_of(problem), problem.init(rng)):
        arrays = []
        for i, a in enumerate(net):
            is_array = isinstance(a, (np.ndarray, np.floating))
            if not is_array or a.dtype.kind != "f":
                raise ValueError(f"{label}: init returns {a!r:.40} as parameter {i}; "
                                 "give a tuple of arrays of floats")
            # A unit adds up as many numbers as a matrix has rows.
            n_rows = 1
            if a.ndim > 1:
                n_rows = a.shape[-2]
            noise = rng.standard_normal(a.shape) / math.sqrt(n_rows)
            arrays.append(a + NOISE * noise)
        model.append(tuple(arrays))
    return tuple(model)


def labels_of(problem):
    """The names of decoder, encoder and critic in a message."""
    labels = []
    for role in ["decoder", "encoder", "critic"]:
        density = getattr(problem, role)
        labels.append(f"{role} {type(density).__name__}")
    return labels


def with_normalised_weights(prior):
    """Nodes whose weights sum to one: some problems draw weights that do so on average
    only."""
    z, eps, weights = prior
    return z, eps, weights / np.sum(weights)


def stack_nodes(nodes):
    """The same nodes for each of two models, as train.train stacks those of seeds."""
    stacked = []
    for *points, weights in nodes:
        group = [models.stack_arrays([a, a], n_axes=3) for a in points]
        group.append(models.stack_arrays([weights, weights], n_axes=2))
        stacked.append(tuple(group))
    return tuple(stacked)


def spread(n, most):
    """At most so many of n indices, evenly spread."""
    return np.unique(np.linspace(0, n - 1, most).astype(int))


def few_points(points):
    """A few of the points (..., N, dim) or (..., J, N, dim)."""
    points = points[..., spread(points.shape[-2], N_FEW), :]
    if points.ndim > 2:
        points = points[..., spread(points.shape[-3], J_FEW), :, :]
    return points


def few_weights(weights):
    """The weights (..., J, N) of these points."""
    weights = weights[..., spread(weights.shape[-1], N_FEW)]
    return weights[..., spread(weights.shape[-2], J_FEW), :]


def few_codes(codes):
    """A few of the codes, with equal weights."""
    z, weights = codes
    z = z[..., spread(z.shape[-2], S_FEW), :]
    n_codes = z.shape[-2]
    return z, np.full((*weights.shape[:-1], n_codes), 1 / n_codes)


# Shapes

def values_of(problem, params, nodes, n_models=None):
    """What training asks of p, q and r, a dict from a name to an array; for one model,
    or for a stack of n_models.  Raises ValueError if a shape is wrong."""
    stack = () if n_models is None else (n_models,)
    data, prior, codes = nodes
    densities = problem.densities(params, codes)
    values = decoder_and_critic_values(problem, densities, prior, codes, stack)
    values.update(encoder_values(problem, densities, data, stack))
    return values


def decoder_and_critic_values(problem, densities, prior, codes, stack):
    """The part of values_of that belongs to nodes of p(z) p(x|z)."""
    p, _, r = densities
    z, eps, weights = prior
    decoder, _, critic = labels_of(problem)
    values = {}

    # All nodes: some decoders need one for each part of a mixture.
    name = f"{decoder}.joint_nodes"
    x, joint = call(name, stack, p.joint_nodes, z, eps, weights)
    check_weights(name, joint, stack, n_nodes=z.shape[-2])
    check_points(f"{name}, x", x, stack, joint.shape[-2:], problem.dim_x)
    values[f"{name}, x"] = x
    values[f"{name}, weights"] = joint

    x = few_points(x)
    z = few_points(z)
    shape = few_weights(joint).shape[-2:]
    name = f"{decoder}.log_prob"
    values[name] = call(name, stack, p.log_prob, x, z)
    check_values(name, values[name], stack, shape)
    values[f"{name} of two rows"] = p.log_prob(x[..., :2, :], z[..., :2, :])

    name = f"{decoder}.log_prob of every x for every z"
    values[name] = call(name, stack, bounds.log_marginal, p, x, *codes)
    name = f"{decoder}.log_marginal"
    values[name] = call(name, stack, p.log_marginal, x, *codes)

    name = f"{critic}.log_prob"
    values[name] = call(name, stack, r.log_prob, z, x)
    check_values(name, values[name], stack, shape)
    return values


def encoder_values(problem, densities, data, stack):
    """The part of values_of that belongs to nodes of the data."""
    p, q, _ = densities
    x, eps, weights = data
    decoder, encoder, _ = labels_of(problem)
    x = few_points(x)
    eps = few_points(eps)
    shape = few_weights(weights).shape[-2:]
    values = {}

    name = f"{encoder}.sample_with_kl"
    z, kl = call(name, stack, q.sample_with_kl, x, eps)
    check_points(f"{name}, z", z, stack, shape, problem.dim_z)
    check_kl_shape(f"{name}, KL", kl, stack, shape)
    values[f"{name}, z"] = z
    values[f"{name}, KL"] = kl
    name = f"{encoder}.reparameterize"
    values[name] = call(name, stack, q.reparameterize, x, eps)

    name = f"{encoder}.log_prob"
    values[name] = call(name, stack, q.log_prob, z, x)
    check_values(name, values[name], stack, shape)
    name = f"{decoder}.log_prob at z of the encoder"
    values[name] = call(name, stack, p.log_prob, x, z)
    check_values(name, values[name], stack, shape)
    return values


def call(label, stack, function, *args):
    """The result of a function; ValueError with a label if it fails."""
    try:
        return function(*args)
    except Exception as error:
        text = str(error).split("\n")[0]
        raise ValueError(f"{label}{in_stack(stack)} fails: {text}") from error


def in_stack(stack):
    """Words for a message."""
    if stack == ():
        return ""
    return " in a stack of two models (use negative axes)"


def check_values(label, values, stack, shape):
    """Raise ValueError unless there is one number, not NaN, for every node."""
    found = np.shape(values)
    right = (*stack, *shape)
    if found not in (right, shape):
        raise ValueError(f"{label}{in_stack(stack)} has the shape {found}: give "
                         f"{right}, one number for each row")
    if np.any(np.isnan(values)):
        raise ValueError(f"{label}{in_stack(stack)} is NaN: give numbers")


def check_points(label, points, stack, shape, dim):
    """Raise ValueError unless points broadcast to (..., J, N, dim)."""
    found = np.shape(points)
    right = (*stack, *shape, dim)
    if found[-1:] != (dim,) or not broadcasts(found, right):
        raise ValueError(f"{label}{in_stack(stack)} has the shape {found}: give "
                         f"{right}, or a shape that broadcasts to it")
    if not np.all(np.isfinite(points)):
        raise ValueError(f"{label}{in_stack(stack)} is not finite: give numbers")


def check_weights(label, weights, stack, n_nodes):
    """Raise ValueError unless weights are (..., J, N) and keep the total of one."""
    found = np.shape(weights)
    if len(found) not in (2, len(stack) + 2) or found[-1] != n_nodes:
        raise ValueError(f"{label}{in_stack(stack)} returns weights of the shape "
                         f"{found}: give (..., J, N) with N = {n_nodes}")
    total = np.ravel(np.sum(weights, axis=(-2, -1)))
    if not np.allclose(total, 1, rtol=TOLERANCE, atol=TOLERANCE):
        raise ValueError(f"{label}{in_stack(stack)} returns weights that sum to "
                         f"{total[0]:.4g}: keep the sum of the given weights, 1")


def check_kl_shape(label, kl, stack, shape):
    """Raise ValueError unless there is a KL for every row: (..., N) or (..., J, N)."""
    found = np.shape(kl)
    right = (*stack, *shape)
    if found[-1:] != shape[-1:] or not broadcasts(found, right):
        raise ValueError(f"{label}{in_stack(stack)} has the shape {found}: give "
                         f"{right}, or {right[-1:]} if it does not depend on eps")


def broadcasts(found, right):
    """Whether the shape `found` broadcasts to the shape `right`."""
    try:
        return np.broadcast_shapes(found, right) == right
    except ValueError:
        return False


# Values

def check_agreement(problem, values):
    """Raise ValueError unless values of one model that should be equal are so."""
    decoder, encoder, _ = labels_of(problem)
    log_p = f"{decoder}.log_prob"
    check_equal(f"{log_p} of two rows", values[f"{log_p} of two rows"],
                values[log_p][..., :2],
                "among other rows it is {:.6g}; a row should not depend on others")
    name = f"{decoder}.log_marginal"
    check_equal(name, values[name], values[f"{log_p} of every x for every z"],
                "the sum over its log_prob is {:.6g}; right would be log_marginal = "
                "nets.Density.log_marginal")
    name = f"{encoder}.sample_with_kl, z"
    check_equal(name, values[name], values[f"{encoder}.reparameterize"],
                "reparameterize gives {:.6g}; both should be the same draw")


def check_equal(label, value, right, words):
    """Raise ValueError, with words in which the right number is put, unless two arrays
    are equal up to rounding."""
    value, right = np.broadcast_arrays(value, right)
    is_equal = np.isclose(value, right, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
    if not np.all(is_equal):
        k = np.argmin(is_equal)
        advice = words.format(np.ravel(right)[k])
        raise ValueError(f"{label} is {np.ravel(value)[k]:.6g}, but {advice}")


def same_values(values, again):
    """Whether two dicts have the same arrays."""
    for label, value in values.items():
        if not np.array_equal(value, again[label], equal_nan=True):
            return False
    return True


def stacks_of_values(problem, pair, nodes):
    """values_of a stack of two models, once with the same nodes for both and once with
    nodes that are stacked as well."""
    params = models.stack(pair)
    stacks = []
    for given in [nodes, stack_nodes(nodes)]:
        stacks.append(values_of(problem, params, given, n_models=2))
    return stacks


def check_stack(stacked, alone):
    """Raise ValueError unless the values of a stack are those of each model alone."""
    for label, value in stacked.items():
        pair = [values[label] for values in alone]
        # As stacks of parameters: axes of length 1 follow that of the models.
        n_axes = max(np.ndim(pair[0]), np.ndim(value) - 1)
        right = models.stack_arrays(pair, n_axes)
        # What is the same for all models may lack their axis.
        if not broadcasts(np.shape(value), right.shape):
            raise ValueError(f"{label}{in_stack((2,))} has the shape "
                             f"{np.shape(value)}: give {right.shape}")
        check_equal(f"{label}{in_stack((2,))}", value, right,
                    "of the model alone it is {:.6g}")


def check_kl(problem, params, nodes, rng):
    """Raise ValueError unless the KL of sample_with_kl is E_q [log q(z|x) - log p(z)],
    for each of a few rows."""
    _, encoder, _ = labels_of(problem)
    (x, _, _), _, codes = nodes
    _, q, _ = problem.densities(params, codes)
    x = few_points(x)
    # Batches of evenly spread points, whose means vary little.
    batches = [quadrature.kronecker(rng, N_EPS, problem.dim_z)[0]
               for _ in range(N_BATCHES)]
    eps = np.concatenate(batches)[:, None]
    z, kl = q.sample_with_kl(x, eps)
    log_ratio = q.log_prob(z, x) - normal.log_prior(z)          # (B N_EPS, N)
    kl = np.broadcast_to(kl, log_ratio.shape)
    difference = np.reshape(kl - log_ratio, (N_BATCHES, N_EPS, -1))
    means = np.mean(difference, axis=1)                         # (B, N)
    error = np.abs(np.mean(means, axis=0))
    standard_error = np.std(means, axis=0) / math.sqrt(N_BATCHES)
    rounding = TOLERANCE * (1 + np.max(np.abs(log_ratio)))
    is_equal = error <= N_ERRORS * standard_error + rounding
    if not np.all(is_equal):
        k = np.argmin(is_equal)
        raise ValueError(
            f"{encoder}.sample_with_kl: the KL is {np.mean(kl[:, k]):.4g}, but the "
            f"mean of log_prob - log p(z) is {np.mean(log_ratio[:, k]):.4g} +- "
            f"{standard_error[k]:.2g}; right would be sample_with_kl = "
            "nets.Density.sample_with_kl, if log_prob is right")


# Gradients

def check_gradients(problem, params, nodes, has_target):
    """Raise ValueError unless the ELBO has a gradient by the encoder's parameters and,
    for models with a target, I^ has one by the decoder's."""
    decoder, encoder, _ = labels_of(problem)
    p_params, q_params, r_params = params
    (x, eps, data_weights), (z, noise, weights), codes = nodes

    def elbo(q_params):
        p, q, _ = problem.densities((p_params, q_params, r_params), codes)
        return bounds.elbo(p, q, few_points(x), few_points(eps),
                           few_weights(data_weights))

    def infomax(p_params):
        p, _, r = problem.densities((p_params, q_params, r_params), codes)
        drawn, joint = p.joint_nodes(z, noise, weights)
        return bounds.infomax(r, few_points(z), few_points(drawn), few_weights(joint))

    if has_target:
        check_gradient(decoder, "I^", infomax, p_params,
                       "so no target can be held; if x is discrete, joint_nodes should "
                       "return x, bounds.score_weights(self.log_prob(x, z), weights)")
    check_gradient(encoder, "the ELBO", elbo, q_params,
                   "let reparameterize be a smooth function of them")


def check_gradient(label, name, function, params, advice):
    """Raise ValueError unless a function has a gradient by params that is finite and
    not 0."""
    if len(params) == 0:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # autograd's, if there is no gradient
        gradient = call(f"{label}: autograd, for the gradient of {name},", (),
                        grad(function), params)
    size = sum(np.sum(np.abs(a)) for a in gradient)
    if not np.isfinite(size):
        raise ValueError(f"{label}: {name} has a gradient by its parameters that is "
                         "not finite: give a smooth function")
    if size == 0:
        raise ValueError(f"{label}: {name} has no gradient by its parameters, {advice}")


# Densities that sum to one

def check_decoder(problem, params, nodes, rng):
    """Raise ValueError unless p(x|z) sums to one and draws follow it, for one z."""
    decoder, _, _ = labels_of(problem)
    _, (nodes_of_z, eps, _), codes = nodes
    p, _, _ = problem.densities(params, codes)
    z = rng.standard_normal((1, problem.dim_z))
    n = min(max(MIN_BATCH, len(nodes_of_z)), MAX_BATCH)
    same_z = np.repeat(z, n, axis=0)                            # (n, Z)
    weights = np.full((1, n), 1 / n)

    def log_prob(x):
        return p.log_prob(x, z)

    def draw_nodes():
        noise = rng.standard_normal((1, n, eps.shape[-1]))
        x, joint = p.joint_nodes(same_z, noise, weights)
        return as_weighted_rows(x, joint)

    def draw_sample():
        x = sample(decoder, p, same_z, problem.dim_x, rng)
        return x, weights[0]

    check_mass(f"{decoder}.log_prob and joint_nodes", log_prob, draw_nodes, rng)
    if type(p).sample is not Density.sample:
        check_mass(f"{decoder}.log_prob and sample", log_prob, draw_sample, rng)


def sample(label, density, inputs, dim, rng):
    """A value for each of the inputs, (n, dim), by density.sample."""
    name = f"{label}.sample"
    values = call(name, (), density.sample, inputs, rng)
    right = (len(inputs), dim)
    if np.shape(values) != right:
        raise ValueError(f"{name} has the shape {np.shape(values)}: give {right}")
    return values


def as_weighted_rows(x, weights):
    """Nodes x and weights (J, N) as rows (m, X) and weights (m,).  An x that is the
    same for all N is one row, with the sum of their weights."""
    if x.ndim > 2 and x.shape[-2] == 1:
        weights = np.sum(weights, axis=-1, keepdims=True)
    rows = np.broadcast_to(x, (*weights.shape, x.shape[-1]))
    return np.reshape(rows, (-1, x.shape[-1])), np.ravel(weights)


def check_encoder(problem, params, nodes, rng):
    """Raise ValueError unless q(z|x) sums to one and draws follow it, for one x."""
    _, encoder, _ = labels_of(problem)
    _, q, _ = problem.densities(params)
    x = one_row(nodes, rng)
    same_x = np.repeat(x, MIN_BATCH, axis=0)
    weights = np.full(MIN_BATCH, 1 / MIN_BATCH)

    def log_prob(z):
        return q.log_prob(z, x)

    def draw_nodes():
        eps = rng.standard_normal((MIN_BATCH, problem.dim_z))
        return q.reparameterize(same_x, eps), weights

    def draw_sample():
        z = sample(encoder, q, same_x, problem.dim_z, rng)
        return z, weights

    check_mass(f"{encoder}.log_prob and reparameterize", log_prob, draw_nodes, rng)
    if type(q).sample is not Density.sample:
        check_mass(f"{encoder}.log_prob and sample", log_prob, draw_sample, rng)


def one_row(nodes, rng):
    """A row of the data, (1, X)."""
    (x, _, _), _, _ = nodes
    rows = np.reshape(x, (-1, x.shape[-1]))
    return rows[rng.integers(len(rows))][None]


def check_mass(label, log_prob, draw, rng):
    """Raise ValueError unless p = exp log_prob sums to one and draws follow it.

    draw() gives rows (m, dim) and weights (m,), which are independent of other calls.
    For a known density g, fitted to other draws of p, and any h
        E_p [g h] = E_g [p h],
    because both are the sum of p g h (bridge sampling, Meng & Wong 1996).  With
    h = 1 / (p + g) both means are of numbers between 0 and 1, so their standard errors
    can be trusted.  If p exceeds a density that sums to one by a factor, so does E_g.
    """
    g = fit(*draw_batches(draw), rng)
    if g is None:
        return
    rows, weights = draw_batches(draw)                          # (B, m, dim), (B, m)
    log_p = np.reshape(log_prob(np.concatenate(rows)), weights.shape)
    is_wrong = ~np.isfinite(log_p) & (weights > 0)
    if np.any(is_wrong):
        raise ValueError(f"{label}: log_prob is {log_p[is_wrong][0]} at a row that was "
                         "drawn: give its log density")
    log_g = np.reshape(g.log_prob(np.concatenate(rows)), weights.shape)
    is_covered = np.reshape(g.covers(np.concatenate(rows)), weights.shape)
    g_share = np.where(is_covered, sigmoid(log_g - log_p), 0.0)
    means = np.sum(weights * g_share, axis=-1)                  # (B,)
    under_p = np.mean(means)
    error_under_p = np.std(means) / math.sqrt(N_BATCHES)

    n = N_BATCHES * MIN_BATCH
    rows = g.sample(rng, n)
    log_ratio = log_prob(rows) - g.log_prob(rows)
    p_share = np.where(g.covers(rows), sigmoid(log_ratio), 0.0)
    under_g = np.mean(p_share)
    error_under_g = np.std(p_share) / math.sqrt(n)

    error = math.hypot(error_under_p, error_under_g)
    is_decided = under_p + under_g > MIN_OVERLAP
    if is_decided and not abs(under_p - under_g) <= N_ERRORS * error + TOLERANCE:
        raise ValueError(
            f"{label}: the density sums to {under_g / under_p:.3g} in place of 1, by "
            f"draws ({under_g:.4f} and {under_p:.4f} +- {error:.4f} should be equal); "
            "log_prob is not normalised, or the draws do not follow it")


def sigmoid(a):
    """1 / (1 + exp(-a)), without overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * a)


def draw_batches(draw):
    """Rows (B, m, dim) and weights (B, m) of N_BATCHES draws."""
    batches = [draw() for _ in range(N_BATCHES)]
    rows, weights = zip(*batches)
    return np.stack(rows), np.stack(weights)


def fit(rows, weights, rng):
    """A density g fitted to rows (B, m, dim) with weights; None if no kind fits."""
    rows = np.concatenate(rows)
    weights = np.ravel(weights)
    is_discrete = []
    for column in rows.T:
        # Continuous draws do not repeat.
        is_discrete.append(len(np.unique(column)) < len(column) / 2)
    index = rng.choice(len(rows), len(rows), p=weights / np.sum(weights))
    if np.all(is_discrete):
        sums = np.unique(np.round(np.sum(rows, axis=-1), 6))
        # Several one-hot places: independent columns would put two symbols in one.
        if len(sums) == 1 and sums[0] > 1:
            return None
        return ColumnsFit(rows[index])
    if np.any(is_discrete):
        return None
    try:
        return NormalFit(rows[index])
    except np.linalg.LinAlgError:  # a column that follows from the others
        return None


class NormalFit:
    """A normal with the mean and the covariance of rows (n, dim)."""

    def __init__(self, rows):
        n, dim = rows.shape
        self.lowest = np.min(rows, axis=0)
        self.highest = np.max(rows, axis=0)
        self.mean = np.mean(rows, axis=0)
        self.sd = np.std(rows, axis=0)
        self.root = None
        # Correlations of more columns could not be estimated.
        if 2 * dim ** 2 < n:
            correlations = np.atleast_2d(np.corrcoef(rows.T))
            self.root = np.linalg.cholesky(correlations)

    def sample(self, rng, n):
        """n rows."""
        eps = rng.standard_normal((n, len(self.mean)))
        if self.root is not None:
            eps = eps @ self.root.T
        return self.mean + self.sd * eps

    def log_prob(self, rows):
        """log g of rows."""
        eps = (rows - self.mean) / self.sd
        log_volume = np.sum(np.log(self.sd))
        if self.root is not None:
            eps = np.linalg.solve(self.root, eps.T).T
            log_volume += np.sum(np.log(np.diag(self.root)))
        return normal.log_prior(eps) - log_volume

    def covers(self, rows):
        """Whether rows lie in the range of the draws.  Beyond it, the formula of a
        density of positive numbers, say, has no meaning."""
        return np.all((rows >= self.lowest) & (rows <= self.highest), axis=-1)


class ColumnsFit:
    """Independent columns with the frequencies of their values in rows (n, dim)."""

    def __init__(self, rows):
        self.rows = np.sort(rows, axis=0)
        self.sums = np.unique(np.round(np.sum(rows, axis=-1), 6))

    def sample(self, rng, n):
        """n rows."""
        n_rows, dim = self.rows.shape
        index = rng.integers(n_rows, size=(n, dim))
        return np.take_along_axis(self.rows, index, axis=0)

    def log_prob(self, rows):
        """log g of rows."""
        counts = np.empty(rows.shape)
        for d, known in enumerate(self.rows.T):
            first = np.searchsorted(known, rows[:, d], side="left")
            end = np.searchsorted(known, rows[:, d], side="right")
            counts[:, d] = end - first
        return np.sum(np.log(counts / len(self.rows)), axis=-1)

    def covers(self, rows):
        """Whether the sum of a row is one of a draw: the formula of a density of
        one-hot rows has no meaning for other rows."""
        sums = np.round(np.sum(rows, axis=-1), 6)
        return np.isin(sums, self.sums)


def check_critic(problem, params, nodes, rng):
    """Raise ValueError unless r(z|x) sums to one over z, for one x: E r(z|x) / g(z) is
    1 for z of a known density g.  That is fitted to r in some rounds."""
    if is_bayes(problem.critic):
        return
    _, _, critic = labels_of(problem)
    _, _, r = problem.densities(params)
    x = one_row(nodes, rng)
    mean = np.zeros(problem.dim_z)
    sd = np.ones(problem.dim_z)
    for _ in range(N_ROUNDS):
        z = draw_wide(rng, mean, sd)
        log_ratio = r.log_prob(z, x) - log_wide(z, mean, sd)
        share = np.exp(log_ratio - bounds.log_sum_exp(log_ratio, axis=0))
        mean = share @ z
        sd = np.sqrt(share @ (z - mean) ** 2 + MIN_VARIANCE)
    ratio = np.exp(log_ratio)
    mass = np.mean(ratio)
    error = np.std(ratio) / math.sqrt(N_WIDE)
    is_decided = error < MAX_RELATIVE_ERROR * mass
    if is_decided and abs(mass - 1) > N_ERRORS * error:
        raise ValueError(f"{critic}.log_prob: the density sums to {mass:.4g} +- "
                         f"{error:.2g} over z in place of 1")


def draw_wide(rng, mean, sd):
    """Codes of a mixture of normals that are 1, 2, 4 and 8 times as wide as sd."""
    scale = rng.choice(SCALES, size=(N_WIDE, 1))
    return mean + scale * sd * rng.standard_normal((N_WIDE, len(mean)))


def log_wide(z, mean, sd):
    """The log density of that mixture."""
    log_parts = []
    for scale in SCALES:
        log_parts.append(normal.log_prob(z, mean, 2 * np.log(scale * sd)))
    return bounds.log_sum_exp(np.stack(log_parts), axis=0) - math.log(len(SCALES))
