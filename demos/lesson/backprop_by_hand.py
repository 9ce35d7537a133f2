"""Backpropagation by hand: the gradient of train.objectives for the split normal, in
plain NumPy, beside the one that autograd takes.

Exercise: derive it before you read on.  d_a stands for the derivative by a.  A backward
pass is the chain rule through each line of the forward pass, the last line first.  If a
number is used twice, its two derivatives are added.

There is one model, and x and z have one dimension.  The n pairs of a node and its noise
are the rows of (n, 1); in training n is 144.
"""
import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parent.parent))  # the folder of cli.py
import cli

import time

import numpy as np
from autograd import make_vjp

from minimae import problems, train

LOG_2PI = np.log(2 * np.pi)
REPEATS = 50  # a quarter of a second, and a median that does not jump


class Net:
    """mean and log_var, both from tanh(inputs W + b) V + c."""

    def __init__(self, params):
        self.params = params

    def forward(self, inputs):
        """mean and log_var, (n, 1) each, at inputs (n, 1)."""
        W, b, V, c = self.params
        self.inputs = inputs
        self.hidden = np.tanh(inputs @ W + b)                   # (n, H)
        out = self.hidden @ V + c                               # (n, 2)
        return out[:, :1], out[:, 1:]

    def backward(self, d_mean, d_log_var):
        """The derivatives by the parameters, and by the inputs."""
        W, b, V, c = self.params
        d_out = np.concatenate([d_mean, d_log_var], axis=1)     # (n, 2)
        d_c = np.sum(d_out, axis=0)
        d_V = self.hidden.T @ d_out                             # (H, 2)
        d_hidden = d_out @ V.T                                  # (n, H)
        d_a = d_hidden * (1 - self.hidden ** 2)                 # tanh' = 1 - tanh^2
        d_b = np.sum(d_a, axis=0)
        d_W = self.inputs.T @ d_a                               # (1, H)
        d_inputs = d_a @ W.T                                    # (n, 1)
        return (d_W, d_b, d_V, d_c), d_inputs


def elbo(p, q, x, eps, weights):
    """ELBO = E [log p(x|z) - KL[q(z|x) || N(0, 1)]], and its derivatives by p and q.

    All arguments behind the two nets are (n, 1).
    """
    mean, log_var = q.forward(x)
    noise = np.exp(0.5 * log_var) * eps
    z = mean + noise
    mean_x, log_var_x = p.forward(z)
    u = x - mean_x
    precision = np.exp(-log_var_x)
    log_prob = -0.5 * (u ** 2 * precision + log_var_x + LOG_2PI)
    kl = 0.5 * (mean ** 2 + np.exp(log_var) - log_var - 1)
    value = np.sum(weights * (log_prob - kl))

    d_mean_x = weights * u * precision
    d_log_var_x = weights * 0.5 * (u ** 2 * precision - 1)
    d_p, d_z = p.backward(d_mean_x, d_log_var_x)
    # mean and log_var are used twice: in z and in the KL.
    d_mean = d_z - weights * mean
    d_log_var = d_z * 0.5 * noise - weights * 0.5 * (np.exp(log_var) - 1)
    d_q, _ = q.backward(d_mean, d_log_var)
    return value, d_p, d_q


def infomax(p, r, z, eps, weights):
    """I^ = H(z) + E log r(z|x), and its derivatives by p and r.

    All arguments behind the two nets are (n, 1).
    """
    mean, log_var = p.forward(z)
    noise = np.exp(0.5 * log_var) * eps
    x = mean + noise
    mean_z, log_var_z = r.forward(x)
    u = z - mean_z
    precision = np.exp(-log_var_z)
    log_prob = -0.5 * (u ** 2 * precision + log_var_z + LOG_2PI)
    entropy_of_z = 0.5 * (LOG_2PI + 1)
    value = entropy_of_z + np.sum(weights * log_prob)

    d_mean_z = weights * u * precision
    d_log_var_z = weights * 0.5 * (u ** 2 * precision - 1)
    d_r, d_x = r.backward(d_mean_z, d_log_var_z)
    d_mean = d_x
    d_log_var = d_x * 0.5 * noise
    d_p, _ = p.backward(d_mean, d_log_var)
    return value, d_p, d_r


def by_hand(params, data, prior, slope):
    """[ELBO, I^], and what p, q and r climb; see train.objectives."""
    p, q, r = params
    value_elbo, d_p, d_q = elbo(Net(p), Net(q), *as_pairs(*data))
    value_infomax, d_p_infomax, d_r = infomax(Net(p), Net(r), *as_pairs(*prior))
    # p is used twice, and climbs ELBO + slope I^.
    d_p = tuple(a + slope * b for a, b in zip(d_p, d_p_infomax))
    return np.array([value_elbo, value_infomax]), (d_p, d_q, d_r)


def as_pairs(points, noise, weights):
    """Points (N, 1) and noise (J, 1, 1) with weights (J, N) as n = J N pairs, (n, 1)
    each."""
    shape = (*weights.shape, 1)                                 # (J, N, 1)
    points = np.broadcast_to(points, shape)
    noise = np.broadcast_to(noise, shape)
    return points.reshape(-1, 1), noise.reshape(-1, 1), weights.reshape(-1, 1)


def by_autograd(params, data, prior, slope):
    """The same from train.objectives."""
    problem = problems.SplitNormal()

    def both_bounds(params):
        p, q, r = problem.densities(params)
        return train.objectives(p, q, r, data, prior, slope)

    backward, values = make_vjp(both_bounds)(params)
    gradients = backward(np.ones_like(values))
    return values, gradients


# The comparison

PARSER = cli.Parser(__doc__, "--seed 1", seconds=3, folder="demos/lesson")
PARSER.add_number("--seed", int, 0, 0, cli.MAX_SEED, "the seed of weights and nodes")


def run(args, save):
    rng = np.random.default_rng(args.seed)
    problem = problems.SplitNormal()
    params = problem.init(rng)
    data, prior, _ = problem.draw_nodes(rng)
    slope = 0.3  # of the first step of training

    values, gradients = by_hand(params, data, prior, slope)
    values_too, gradients_too = by_autograd(params, data, prior, slope)
    print("                 by hand   autograd")
    for name, a, b in zip(["ELBO", "I^"], values, values_too):
        print(f"{name:12}  {a:10.6f} {b:10.6f}   nats")
    for net, arrays, arrays_too in zip("pqr", gradients, gradients_too):
        for name, a, b in zip("WbVc", arrays, arrays_too):
            # The length of the gradient by this array.
            a = np.linalg.norm(a)
            b = np.linalg.norm(b)
            print(f"|d_{name}| of {net}   {a:10.6f} {b:10.6f}")
    difference = largest_difference(gradients, gradients_too)
    time_by_hand = milliseconds(by_hand, params, data, prior, slope)
    time_by_autograd = milliseconds(by_autograd, params, data, prior, slope)
    print(f"time          {time_by_hand:10.3f} {time_by_autograd:10.3f}   ms")
    print(f"largest difference of a derivative: {difference:.0e}")


def largest_difference(gradients, others):
    """The largest difference between two derivatives of the same parameter."""
    largest = 0.0
    for arrays, other_arrays in zip(gradients, others):
        for a, b in zip(arrays, other_arrays):
            largest = max(largest, np.max(np.abs(a - b)))
    return largest


def milliseconds(function, *arguments):
    """The median time of a call, in ms."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - start)
    return 1e3 * np.median(times)


if __name__ == "__main__":
    cli.main(run, PARSER)
