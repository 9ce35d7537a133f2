"""Backpropagation by hand: the gradient that autograd takes of `train.objectives`, for
the split normal, in plain NumPy.

Exercise: derive it before you read on.  Write d_a for the derivative of ELBO + I^ by a;
every line of a backward pass is the chain rule through one line of the forward pass,
last line first.  A number used twice collects two terms.  x and z have one dimension
here; the N x J nodes of each model lie along one axis, so that arrays are
(L, N * J, units).
"""
import numpy as np

LOG_2PI = np.log(2 * np.pi)


def forward(net, inputs):
    """a = inputs W + b; h = tanh a; mean and log_var = h V + c; inputs (L, R, 1)."""
    W, b, V, c = net
    h = np.tanh(inputs * W + b)
    out = h @ V + c
    return h, out[..., :1], out[..., 1:]


def backward(net, inputs, h, d_mean, d_log_var):
    """From d_mean, d_log_var (L, R, 1) to the derivative by each parameter, and by the
    inputs."""
    W, b, V, c = net
    d_out = np.concatenate([d_mean, d_log_var], -1)
    d_h = d_out @ V.swapaxes(1, 2)
    d_a = d_h * (1 - h * h)                           # tanh' = 1 - tanh^2
    parameters = (inputs.swapaxes(1, 2) @ d_a, d_a.sum(1, keepdims=True),
                  h.swapaxes(1, 2) @ d_out, d_out.sum(1, keepdims=True))
    return parameters, d_a @ W.swapaxes(1, 2)


def log_prob(x, mean, log_var):
    """log N(x | mean, exp log_var), and its derivatives by mean and log_var."""
    precision = np.exp(-log_var)
    u = x - mean
    d_mean = u * precision         # of -1/2 [u^2 / exp log_var + log_var + log 2 pi]
    square = u * d_mean
    return -0.5 * (square + log_var + LOG_2PI), d_mean, 0.5 * (square - 1)


def bounds_and_gradient(params, data, prior, slope):
    """[ELBO, I^] (2, L), and what p, q and r climb: see `minimae.train.objectives`."""
    p, q, r = ([array[:, 0] for array in net] for net in params)
    L = len(slope)

    def in_rows(*arrays):  # every (L, N, J) or (L, N, J, 1) as (L, N J, 1)
        full = [np.broadcast_to(a.reshape(*a.shape[:3], 1), (L, n, j, 1))
                for a in arrays]
        return [a.reshape(L, n * j, 1) for a in full]

    # ELBO = sum w [log p(x|z) - KL], z = mean + sd eps.
    x, eps, w = data
    n, j = w.shape[1:3]
    x_rows, w_rows = in_rows(x, w)
    q_h, q_mean, q_log_var = forward(q, x[:, :, 0])
    q_sd = np.exp(0.5 * q_log_var)
    noise = q_sd[:, :, None] * eps                                    # (L, N, J, 1)
    z, = in_rows(q_mean[:, :, None] + noise)
    p_h, p_mean, p_log_var = forward(p, z)
    log_p, d_mean, d_log_var = log_prob(x_rows, p_mean, p_log_var)
    w_x, q_var = w.sum(2)[..., None], q_sd * q_sd
    kl = 0.5 * (q_mean ** 2 + q_var - q_log_var - 1)
    elbo = np.sum(w_rows * log_p, (1, 2)) - np.sum(w_x * kl, (1, 2))
    d_p, d_z = backward(p, z, p_h, w_rows * d_mean, w_rows * d_log_var)
    d_z = d_z.reshape(L, n, j, 1)
    d_q_mean = d_z.sum(2) - w_x * q_mean
    d_q_log_var = 0.5 * ((d_z * noise).sum(2) - w_x * (q_var - 1))
    d_q, _ = backward(q, x[:, :, 0], q_h, d_q_mean, d_q_log_var)

    # I^ = H(z) + sum w log r(z|x), x = mean + sd eps.
    z, eps, w = prior
    z_rows, w_rows = in_rows(z, w)
    p_h, p_mean, p_log_var = forward(p, z[:, :, 0])
    noise = np.exp(0.5 * p_log_var)[:, :, None] * eps
    x, = in_rows(p_mean[:, :, None] + noise)
    r_h, r_mean, r_log_var = forward(r, x)
    log_r, d_mean, d_log_var = log_prob(z_rows, r_mean, r_log_var)
    lower = 0.5 * (LOG_2PI + 1) + np.sum(w_rows * log_r, (1, 2))
    d_r, d_x = backward(r, x, r_h, w_rows * d_mean, w_rows * d_log_var)
    d_x = d_x.reshape(L, n, j, 1) * slope[:, None, None, None]  # p climbs slope I^ only
    d_p_too, _ = backward(p, z[:, :, 0], p_h, d_x.sum(2), 0.5 * (d_x * noise).sum(2))

    gradient = tuple(a + b for a, b in zip(d_p, d_p_too)), d_q, d_r
    return (np.array([elbo, lower]),
            tuple(tuple(array[:, None] for array in net) for net in gradient))
