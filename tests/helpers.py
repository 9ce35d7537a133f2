"""A second route to the truth: plain NumPy on one dense grid.

It uses the library's parameters, which define a model, and none of its formulas.
"""
import os

import numpy as np

from minimae import exact
from minimae.models import Models
from minimae.nets import NormalNet

SEED = int(os.environ.get("MINIMAE_SEED", 0))


def generator(seed):
    """Random numbers that differ by the seed of a test and by MINIMAE_SEED."""
    return np.random.default_rng([SEED, seed])


# Models

class GivenNormal(NormalNet):
    """A normal whose mean and log variance are given functions instead of a net, so
    that closed forms are known."""

    def __init__(self, mean, log_var):
        super().__init__()
        self.mean = mean
        self.log_variance = log_var

    def mean_and_log_var(self, inputs):
        return self.mean(inputs), self.log_variance(inputs)


def linear_normal(a, log_var, b=0.0):
    """value | inputs ~ N(a inputs + b, exp log_var), for numbers a, b and log_var."""
    def mean(inputs):
        return a * inputs + b

    def constant(inputs):
        return np.full(inputs.shape, log_var)
    return GivenNormal(mean, constant)


def net_params(W, b, *outputs):
    """Parameters of a net from lists: W (in, H), b (H,), and V (H, out) and c (out,)
    for each part of the output."""
    V = np.concatenate([V for V, _ in outputs], axis=-1)
    c = np.concatenate([c for _, c in outputs])
    return tuple(np.array(a, float) for a in (W, b, V, c))


def random_net(like, rng, scale):
    """Parameters in the shapes of `like`, standard normal numbers times scale."""
    return tuple(scale * rng.standard_normal(a.shape) for a in like)


def random_model(problem, rng, scale=1.0, p=None):
    """Random parameters of a model; those of p have a scale of their own if given."""
    p_like, q_like, r_like = problem.init(rng)
    p_scale = scale if p is None else p
    return (random_net(p_like, rng, p_scale), random_net(q_like, rng, scale),
            random_net(r_like, rng, scale))


def zero_model(problem):
    """Parameters with which p ignores z, and q and all parts of r are N(0, 1)."""
    return random_model(problem, generator(0), scale=0.0)


def one_model(problem, params):
    """Models with one model, a plain VAE."""
    return Models(problem, targets=[None], seeds=[0], params=[params])


def flatten(params):
    """All numbers of a model, or of a list of models, in one vector."""
    if isinstance(params, np.ndarray):
        return np.ravel(params)
    vectors = [flatten(part) for part in params]
    return np.concatenate([np.zeros(0), *vectors])


# Formulas

def log_sum_exp(a, axis):
    largest = np.max(a, axis=axis, keepdims=True)
    total = np.sum(np.exp(a - largest), axis=axis)
    return np.squeeze(largest, axis) + np.log(total)


def grid(n, dim, half_width=8.0):
    """Points (n^dim, dim) and log weights of the trapezoidal rule for N(0, I)."""
    line = np.linspace(-half_width, half_width, n)
    axes = np.meshgrid(*[line] * dim)
    points = np.stack(axes, axis=-1).reshape(-1, dim)
    log_weights = -0.5 * np.sum(points ** 2, axis=1)
    return points, log_weights - log_sum_exp(log_weights, axis=0)


def forward(params, inputs):
    """A net with one hidden layer, (..., in) -> (..., out)."""
    W, b, V, c = params
    return np.tanh(inputs @ W + b) @ V + c


def log_density(z, mean, log_var):
    """The log of the product of one-dimensional normal densities."""
    sd = np.sqrt(np.exp(log_var))
    log_densities = -0.5 * ((z - mean) / sd) ** 2 - np.log(sd * np.sqrt(2 * np.pi))
    return np.sum(log_densities, axis=-1)


def log_prior(z):
    return log_density(z, 0.0, np.zeros(z.shape[-1]))


def log_softmax(logits):
    return logits - log_sum_exp(logits, axis=-1)[..., None]


def is_categorical(problem):
    return hasattr(problem, "p_true")


def decoder_mean_and_log_var(problem, p, z):
    """Mean and log variance of the decoder N(mean, exp log_var)."""
    out = forward(p, z)
    if problem.decoder.log_var is not None:
        return out, np.full(out.shape, problem.decoder.log_var)
    return np.split(out, 2, axis=-1)


def log_decoder(problem, p, x, z):
    """log p(x|z); x (..., X) and z (..., Z) broadcast."""
    if is_categorical(problem):
        return np.sum(x * log_softmax(forward(p, z)), axis=-1)
    mean, log_var = decoder_mean_and_log_var(problem, p, z)
    return log_density(x, mean, log_var)


def log_critic(r, z, x):
    """log r(z|x) of a normal or a mixture of normals; z (..., Z) and x (..., X)
    broadcast."""
    out = forward(r, x)
    dim_z = z.shape[-1]
    if out.shape[-1] == 2 * dim_z:
        mean, log_var = np.split(out, 2, axis=-1)
        return log_density(z, mean, log_var)
    n_parts = out.shape[-1] // (1 + 2 * dim_z)
    logits = out[..., :n_parts]
    means, log_vars = np.split(out[..., n_parts:], 2, axis=-1)
    of_parts = (*logits.shape, dim_z)
    log_parts = log_density(z[..., None, :], means.reshape(of_parts),
                            log_vars.reshape(of_parts))
    return log_sum_exp(log_softmax(logits) + log_parts, axis=-1)


# The truth

def truth(problem, params, n, half_width=8.0, far=None, n_data=401):
    """All values of one model by sums over a grid of n points per dimension.

    Every bound is computed as the value that it bounds, minus a KL divergence.
    log p(x) of the data is a sum over |z| up to `far`, half_width by default; real data
    are n_data points.  The keys are those of exact.evaluate, and
        px, log_px          (J,), mass and log density at the points x that cover p(x)
        elbo_of_x, log_px_of_x      (n_data,), at each x of the data
    """
    if far is None:
        far = half_width
    p, q, r = params
    z, log_weights = grid(n, problem.dim_z, half_width)
    n_far = int(n * far / half_width)
    far_z, far_log_weights = grid(n_far, problem.dim_z, far)
    return {
        **truth_under_p(problem, p, r, z, log_weights),
        **truth_under_data(problem, p, q, z, log_weights, far_z, far_log_weights,
                           n_data)}


def truth_under_p(problem, p, r, z, log_weights):
    """I and its bounds: expectations under p(z) p(x|z)."""
    x, dx, log_true = points_of_x(problem, p, z, log_weights)
    log_pxz = log_decoder(problem, p, x, z[:, None])                # (S, J)
    log_joint = log_weights[:, None] + log_pxz
    log_px = log_sum_exp(log_joint, axis=0)                         # (J,)
    joint = np.exp(log_joint) * dx
    px = np.exp(log_px) * dx
    log_posterior = log_prior(z)[:, None] + log_pxz - log_px
    if len(r) > 0:
        log_r = log_critic(r, z[:, None], x)
    else:
        log_r = log_posterior  # Bayes' rule
    information = np.sum(joint * (log_pxz - log_px))
    critic_gap = np.sum(joint * (log_posterior - log_r))    # E_x KL[p(z|x) || r(z|x)]
    has_mass = px > 0
    data_gap = np.sum(px[has_mass] * (log_px - log_true)[has_mass])  # KL[p(x)||p_true]
    return {"infomax": information - critic_gap, "information": information,
            "upper": information + data_gap, "px": px, "log_px": log_px}


def points_of_x(problem, p, z, log_weights):
    """Points x (J, X) that cover p(x), their distance, and log p_true (J,)."""
    if is_categorical(problem):
        with np.errstate(divide="ignore"):
            return np.eye(problem.dim_x), 1.0, np.log(problem.p_true)
    has_mass = log_weights > -40
    mean, log_var = decoder_mean_and_log_var(problem, p, z[has_mass])
    nine_sds = 9 * np.exp(log_var / 2)
    x, dx = np.linspace(np.min(mean - nine_sds), np.max(mean + nine_sds), 2 * len(z),
                        retstep=True)
    x = x[:, None]
    return x, dx, log_prior(x)


def truth_under_data(problem, p, q, eps, log_weights, far_z, far_log_weights, n_data):
    """log p(x), the ELBO and its KL: expectations under the data."""
    if is_categorical(problem):
        x = np.eye(problem.dim_x)
        x_weights = problem.p_true
    else:
        x, log_x_weights = grid(n_data, dim=1)
        x_weights = np.exp(log_x_weights)
    log_pxz = log_decoder(problem, p, x, far_z[:, None])            # (S, n_data)
    log_px = log_sum_exp(far_log_weights[:, None] + log_pxz, axis=0)

    out = forward(q, x)[:, None]                                    # (n_data, 1, 2 Z)
    mean, log_var = np.split(out, 2, axis=-1)
    z = mean + np.exp(log_var / 2) * eps                            # (n_data, S, Z)
    # (z - mean) / sd would round to nothing for an sd below 1e-16; it is eps.
    log_q = log_prior(eps) - 0.5 * np.sum(log_var, axis=-1)
    log_posterior = (log_decoder(problem, p, x[:, None], z) + log_prior(z)
                     - log_px[:, None])
    weights = np.exp(log_weights)
    encoder_gap = (log_q - log_posterior) @ weights     # KL[q(z|x) || p(z|x)]
    kl = (log_q - log_prior(z)) @ weights               # KL[q(z|x) || p(z)]
    elbo = log_px - encoder_gap
    return {"elbo": x_weights @ elbo, "kl": x_weights @ kl,
            "log_likelihood": x_weights @ log_px, "elbo_of_x": elbo,
            "log_px_of_x": log_px}


def differences(problem, values, expected):
    """What is wrong with values of a model: a list of the keys for which the second
    route differs, and of bounds that lie on the wrong side."""
    wrong = []
    for key in exact.KEYS:
        # Both routes are trapezoidal sums, with errors of 1e-6 at most.
        if not np.isclose(values[key], expected[key], rtol=1e-5, atol=1e-5):
            wrong.append(key)
    ends = dict(values)
    ends["zero"] = 0.0
    ends["best"] = problem.best
    for low, high in [("zero", "information"), ("infomax", "information"),
                      ("information", "upper"), ("elbo", "log_likelihood"),
                      ("log_likelihood", "best")]:
        if not ends[low] <= ends[high] + 1e-6:
            wrong.append(f"{low} above {high}")
    return wrong
