"""Backpropagation by hand: the gradient that autograd takes of `train.objectives`, for
the split normal, in plain NumPy.

Exercise: derive it before you read on.  Write d_a for the derivative by a; every line
of a backward pass is the chain rule through one line of the forward pass, last line
first.  A number used twice collects two terms.  x and z have one dimension here, so
arrays are (L, N, J, units).
"""
import numpy as np

LOG_2PI = np.log(2 * np.pi)


def net(params, inputs):
    """mean and log_var at inputs (L, N, J, 1), and backward: from the derivatives by
    these two to the one by each parameter, and by the inputs."""
    W, b, V, c = params
    h = np.tanh(inputs * W + b)
    out = h @ V + c

    def backward(d_mean, d_log_var):
        d_out = np.concatenate([d_mean, d_log_var], -1)
        d_a = d_out @ V.swapaxes(2, 3) * (1 - h * h)  # tanh' = 1 - tanh^2
        d_V = (h.swapaxes(2, 3) @ d_out).sum(1, keepdims=True)
        d_W = (inputs.swapaxes(2, 3) @ d_a).sum(1, keepdims=True)
        d_b, d_c = (d.sum((1, 2), keepdims=True) for d in (d_a, d_out))
        return (d_W, d_b, d_V, d_c), d_a @ W.swapaxes(2, 3)
    return out[..., :1], out[..., 1:], backward


def expected_log(mean, log_var, params, inputs, eps, w):
    """E log N(inputs | net(params, code)), (L,), for a code = mean + sd eps, at nodes
    and weights as in `minimae.bounds`; its derivatives by params, mean and log_var."""
    noise = np.exp(0.5 * log_var) * eps
    code = mean + noise                                               # (L, N, J, 1)
    mean_2, log_var_2, backward = net(params, code)
    u, precision, w = inputs - mean_2, np.exp(-log_var_2), w[..., None]
    log = -0.5 * (u ** 2 * precision + log_var_2 + LOG_2PI)
    value = np.sum(w * log, (1, 2, 3))
    d_mean_2, d_log_var_2 = w * u * precision, 0.5 * w * (u ** 2 * precision - 1)
    d_params, d_code = backward(d_mean_2, d_log_var_2)
    d_mean = d_code.sum(2, keepdims=True)
    d_log_var = 0.5 * (d_code * noise).sum(2, keepdims=True)
    return value, d_params, d_mean, d_log_var


def bounds_and_gradient(params, data, prior, slope):
    """[ELBO, I^] (2, L), and what p, q and r climb: see `minimae.train.objectives`."""
    (p, q, r), (x, _, weights), (z, _, _) = params, data, prior
    slope, w = slope[:, None, None, None], weights.sum(2, keepdims=True)[..., None]

    # ELBO = E log p(x|z) - E KL[q(z|x) || N(0, 1)], z ~ q(z|x)
    mean, log_var, backward = net(q, x)
    elbo, d_p, d_mean, d_log_var = expected_log(mean, log_var, p, *data)
    variance = np.exp(log_var)
    elbo -= 0.5 * np.sum(w * (mean ** 2 + variance - log_var - 1), (1, 2, 3))
    d_q, _ = backward(d_mean - w * mean, d_log_var - 0.5 * w * (variance - 1))

    # I^ = H(z) + E log r(z|x), x ~ p(x|z); p climbs slope I^ only
    mean, log_var, backward = net(p, z)
    lower, d_r, d_mean, d_log_var = expected_log(mean, log_var, r, *prior)
    lower += 0.5 * (LOG_2PI + 1)
    d_p_too, _ = backward(slope * d_mean, slope * d_log_var)
    d_p = tuple(a + b for a, b in zip(d_p, d_p_too))
    return np.array([elbo, lower]), (d_p, d_q, d_r)
