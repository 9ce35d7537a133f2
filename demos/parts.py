"""Build it yourself: is what you have written right?  In nats.

    python parts.py 1     part 1; there are six, and the last draws a figure
    python parts.py       all of them, up to the first that is not right

Right values come another way: from NormalDist, dense sums, closed forms, other passes.
"""
import sys
from functools import partial
from math import e, exp, log, pi, sqrt, tanh
from pathlib import Path
from statistics import NormalDist
from types import SimpleNamespace

import autograd.numpy as np
from autograd import make_vjp
from autograd.misc import flatten

from minimae import adam, bounds, critics, exact, nets, nodes, normal, problems, table
from minimae import train

BEST = -0.5 * log(2 * pi * e)  # E log N(x | 0, 1) for x ~ N(0, 1)
ENDS = 0.03  # nats; seeds 0 to 7 of the runs below end within .016
pdf = np.vectorize(lambda x, mean=0, var=1: NormalDist(mean, sqrt(var)).pdf(x))


def call(function, *args, returns="an array"):
    """What your function returns, of the right kind; arrays of args are read-only."""
    value = function(*(np.broadcast_to(a, a.shape) if isinstance(a, np.ndarray) else a
                       for a in args))
    kind = {tuple: "a tuple", list: "a list", type(None): "None"}
    kind = kind.get(type(value), "an array")
    why = ": is the return missing?" * (value is None)
    name = f"{function.__module__.split('.')[-1]}.{function.__qualname__}"
    assert kind == returns, f"{name} should return {returns}, yours returns {kind}{why}"
    return value


def compare(what, yours, right, why="", within=1e-4):
    """Say that yours is right, or raise AssertionError with what it should be.  1e-4:
    four digits are shown."""
    yours, right = np.array(yours, float), np.array(right, float)
    assert yours.shape == right.shape, (
        f"{what}: the shape should be {right.shape}, yours is {yours.shape}")
    if np.allclose(yours, 2 * right, atol=1e-9):
        why = "; twice what is right: is a 1/2 missing?"
    elif np.allclose(yours, -right, atol=1e-9):
        why = "; the sign is the wrong way round"
    off = np.where(np.isfinite(yours), np.abs(yours - right), np.inf)
    worst = np.unravel_index(np.argmax(off), off.shape)  # and + 0.0: no -0.0000
    gives, is_ = (f"{round(values[worst], 4) + 0.0:.4f}" for values in (yours, right))
    at = f" at {[*map(int, worst)]}" * (off.size > 1)
    assert off[worst] < within, f"{what}: should be {is_}, yours is {gives}{at}{why}"
    print(f"  right: {what}")


class Line(nets.NormalNet):
    """value | inputs ~ N(a inputs + b, var), with numbers, or (L, 1, 1, 1) of them."""

    def __init__(self, a, var, b=0.0):
        self.a, self.var, self.b = a, var, b

    def mean_and_log_var(self, inputs):
        mean = self.a * inputs + self.b
        return mean, np.log(self.var) + 0 * mean


# x|z ~ N(.6 z, .64) makes x ~ N(0, 1) and z|x ~ N(.6 x, .64): p, and its posterior.
LINE, INFORMATION = Line(0.6, 0.64), -0.5 * log(0.64)


def dense_sum(log_ratio, mean, var):
    """E log_ratio(q, p) with q = N(mean, var) and p = N(0, 1), on -10 to 10 by .05."""
    x = np.linspace(-10, 10, 401)
    q = pdf(x, mean[..., None], var[..., None])
    return np.sum(0.05 * q * log_ratio(q, pdf(x)), -1)


def train_and_show(problem, levels, growth, ends=None):
    """Train with such a growth of C and print the table: I must end where it should."""
    trained = train.train(problem, levels, steps=150,
                          penalty=partial(train.Penalty, growth=growth))
    rows = exact.evaluate(trained)
    table.show(rows)
    compare("I at the end", [row["information"] for row in rows],
            ends or [level or 0 for level in levels], within=ENDS)  # 0: the VAE's
    return trained, rows


def densities_and_nodes():
    """Part 1."""
    mean, var = np.array([[1.0, 0], [2, -1]]), np.array([[1, 0.25], [0.5, 2]])
    x, log_var = np.full((2, 2), 0.5), np.log(var)
    for function, args, right in [
            (normal.entropy, [log_var], dense_sum(lambda q, p: -np.log(q), mean, var)),
            (normal.log_prob, [x, mean, log_var], np.log(pdf(x, mean, var))),
            (normal.kl_to_standard, [mean, log_var],
             dense_sum(lambda q, p: np.log(q / p), mean, var))]:
        compare(f"normal.{function.__name__} of two normals, 2-d",
                call(function, *args), right.sum(1))
    compare("log N((0, 40) | 0, I), with numbers for mean and log_var",
            call(normal.log_prob, np.array([0.0, 40.0]), 0.0, 0.0), -800 - log(2 * pi))
    compare("normal.sample from N(1, 4) for eps = -1, 2",
            call(normal.sample, np.ones(2), np.full(2, log(4)), np.array([-1.0, 2.0])),
            [NormalDist(1, 2).inv_cdf(NormalDist().cdf(eps)) for eps in (-1, 2)])

    layers = [[2, 2]], [[-1, -1]], [[1.5, -1], [1.5, 0]], [[1, 0]]  # units: tanh(2 - 1)
    params = tuple(np.array([[a]], float) for a in layers)
    compare("nets.net, 3 tanh(1) + 1 and -tanh(1)",
            call(nets.net, params, np.ones(4 * [1])), [[[[3 * tanh(1) + 1, -tanh(1)]]]])

    points, weights = call(nodes.grid, 4, 1, 0.25, 2.0, returns="a tuple")
    right = np.array([-1.75, -0.75, 0.25, 1.25])
    compare("points of nodes.grid(4, 1, .25, 2)", points, right.reshape(1, 4, 1, 1))
    compare("its weights", weights, (pdf(right) / sum(pdf(right))).reshape(1, 4, 1))
    z, weights = call(nodes.grid, 24, 2, np.array([0.3, 0.6]), returns="a tuple")
    compare("least points of grid(24, 2, (.3, .6))", np.min(z, 1), [[[-8.775, -8.55]]])
    compare("E z_1^2 cos z_2 by grid(24, 2, (.3, .6)), exp(-1/2)",
            np.sum(weights * z[..., 0] ** 2 * np.cos(z[..., 1])), exp(-0.5))


def vae_collapses():
    """Part 2."""
    problem = problems.SplitNormal(n_hidden=8)
    a, p, q, codes = np.array([[[[0.1]]], [[[0.0]]]]), LINE, LINE, nodes.grid(200)
    for place in nodes.along_first, nodes.along_second:
        x = place([0.0, 1.0, 40.0])
        right = np.repeat(-0.5 * (x ** 2 + log(2 * pi))[..., 0], 2, 0)
        compare(f"bounds.log_marginal, two models N(0, 1) at 0, 1, 40, x {x.shape}",
                call(bounds.log_marginal, Line(a, 1 - a ** 2), x, *codes), right,
                "; exp(-800) is 0 for a computer: that is what log_sum_exp is for")
    compare("bounds.information, I of x|z ~ N(.6 z, .64)", call(
        bounds.information, p, *problem.outcomes(400, p), *codes), [INFORMATION])
    x = np.ones((1, 1, 1, 1))
    log_pxz, kl = call(bounds.reconstruction_and_kl, p, q, x, x, returns="a tuple")
    compare("log p(x|z) of bounds.reconstruction_and_kl for x = 1, z = 1.4", log_pxz,
            np.log(pdf(x[0], 0.84, 0.64)))
    compare("its KL[q(z|x) || p(z)]", kl, [[[INFORMATION]]])  # as .6^2 + .64 = 1
    x, eps = nodes.along_first([0.0, 2.0]), codes[0].swapaxes(1, 2)
    compare("bounds.elbo at x = 0, 2, by axis=2, with the exact posterior for q",
            call(bounds.elbo, p, q, x, eps, codes[1].reshape(1, 1, -1), 2),
            np.log(pdf(x))[..., 0, 0])

    theta, right, g = np.ones(2), np.ones(2), np.array([[2, -0.01], [-1, 0], [0, 3]])
    player = adam.Adam([theta])
    for t in 1, 2, 3:
        call(player.step, [g[t - 1]], 0.1, returns="None")
        m, s = (np.average(values[:t], 0, decay ** np.arange(t)[::-1])
                for values, decay in ((g, 0.9), (g ** 2, 0.95)))
        right = right + 0.1 * m / np.sqrt(s)
        compare(f"Adam's theta, from 1, after gradients {g[:t].tolist()}, rate .1",
                theta, right, "; is it uphill, a += in place, with .9 and .95?")

    init, times = problem.init_decoder, (1, 1, 10, 1)  # large outputs do not ignore z
    problem.init_decoder = lambda rng: [k * a for k, a in zip(times, init(rng))]
    # Of seeds 0 to 7, 7 starts with the most information, .28.  All end with I below
    # .003 and the likelihood within 1e-5.
    p, _, _ = train.train(
        problem, [None], [7], 150,
        penalty=lambda *_: SimpleNamespace(slope=0, update=lambda *_: None),
        objectives=lambda p, q, r, x, *_: bounds.elbo(p, q, *x) * [[1], [0]]
        ).densities(0)
    # The codes are N(0, 1), which is the law of the data as well.
    compare("E log p(x) of the VAE at the end", np.sum(
        codes[1] * bounds.log_marginal(p, codes[0], *codes)), BEST, within=1e-3)
    compare("I(z, x) of the VAE at the end, from .28", bounds.information(
        p, *problem.outcomes(400, p), *codes), [0], within=0.01)


def critic():
    """Part 3."""
    z, eps, weights = nodes.cross(nodes.grid(60), nodes.grid(60))
    compare("bounds.infomax with p(z|x) for r",
            call(bounds.infomax, LINE, z, *LINE.joint(z, eps, weights)), [INFORMATION])
    z, weights = nodes.grid(24, 2)
    compare("bounds.infomax with p(z) for r, z of two dimensions",
            call(bounds.infomax, Line(0, 1), z, 0 * z, weights), [0])
    z, x = nodes.along_first([-1.0, 0.5]), nodes.along_second([0.0, 2.0])
    r = critics.Posterior(LINE, *nodes.grid(200))
    compare("critics.Posterior, log p(z|x) at z = -1, .5 and x = 0, 2",
            call(r.log_prob, z, x), np.log(pdf(z, 0.6 * x, 0.64))[..., 0])


def fixed_c():
    """Part 4."""
    def gradients(objectives, shares):  # the values; a vector for each of p, q and r
        backward, values = make_vjp(lambda params: objectives(
            *problem.densities(params, codes), data, prior, np.array([-0.7])))(params)
        return values, [flatten(net)[0] for net in backward(np.array(shares))]

    def unscaled(p, q, r, data, prior, slope):
        return np.array([bounds.elbo(p, q, *data),
                         bounds.infomax(r, prior[0], *p.joint(*prior))])

    rng = np.random.default_rng(0)
    for problem in (problems.SplitNormal(n_hidden=2, n_train=4), problems.Categorical(
            [0.5, 0.3, 0.2], 2, critic=critics.Normal(), n_z=8, n_eps=4)):
        init, (data, prior, codes) = problem.init(rng), problem.nodes(rng)
        vector, with_shapes = flatten(init)
        params = with_shapes(rng.standard_normal(vector.size))
        values, (p, q, r) = gradients(partial(call, train.objectives), [[1.0], [1.0]])
        right, elbo = gradients(unscaled, [[1.0], [0.0]])  # a pass for each bound
        _, lower = gradients(unscaled, [[0.0], [1.0]])
        compare("train.objectives, [ELBO, I^]", values, right)
        compare("p climbs ELBO + slope I^; its gradient", p, elbo[0] - 0.7 * lower[0])
        compare("q climbs ELBO; its gradient", q, elbo[1])
        compare("r climbs I^; its gradient", r, lower[2])

    lower = np.array([1.1, 0.8, 5.0, 7.0])  # I^
    for step, width in (1, 1.001), (51, 0.501):
        penalty = train.Penalty([1, 1, 1, None], 100, growth=1)
        call(penalty.update, np.array([0 * lower, lower]), step, returns="None")
        right = penalty.C * [-0.1 / width, 0.2 / width, -1, 0]
        compare(f"Penalty.slope at step {step} of 100, I^ = {lower.tolist()}, M = 1 or "
                "None", penalty.slope, right, "; is + 1e-3 in width?" * (step == 51))

    print("    where likelihood does not mind I, a fixed C gives what you ask for")
    train_and_show(problems.SplitNormal(n_hidden=8), [0.0, 0.8], growth=1)


def growing_c():
    """Part 5."""
    lower, factor = np.array([1.3, 1.2, -1.0, 0.8]), train.GROWTH ** (1 / 100)
    penalty = train.Penalty([1.0] * 4, 100)
    right = penalty.C * np.array([factor, 1, factor, 1]) ** 2
    for step in 1, 2:
        call(penalty.update, np.array([lower, lower]), step, returns="None")
    compare(f"Penalty.C after step 2, I^ = {lower.tolist()}, M = 1", penalty.C, right)
    compare("Penalty.slope for I^ = -1, C,", penalty.slope[2], right[2],
            "; C grows before the slope is set")

    # x|z ~ N(W z + b, .25): E log p(x) = -1/2 log(2 pi v) - 1 / (2 v) with the variance
    # v = .25 exp(2 I) of x has the slope 1 / v - 1 in I.  A fixed C stops at -C.
    problem, stops = problems.SplitNormal(), 0.5 * log(4 / (1 - train.Penalty.START))
    problem.init_decoder = lambda rng: 0.1 * rng.standard_normal((2, 1, 1, 1, 1))
    problem.decoder = lambda params: Line(params[0], 0.25, params[1])
    print(f"    where likelihood falls with I, a fixed C stops at {stops:.4f}, and one "
          "that grows arrives")
    train_and_show(problem, [1.2], growth=1, ends=[stops])
    train_and_show(problem, [1.2], train.GROWTH)


def figure_6():
    """Part 6."""
    from minimae import plot
    plot.plt.switch_backend("agg")  # no window
    path = Path(__file__).with_name("figure6.png")
    plot.models(*train_and_show(problems.SplitNormal(), [0, 0.4, 0.8, 1.2, None],
                                train.GROWTH)).savefig(path)
    print(f"    your code drew {path}")


PARTS = dict(zip("123456", (densities_and_nodes, vae_collapses, critic, fixed_c,
                            growing_c, figure_6)))


def main(numbers):
    if not {*numbers} <= {*PARTS}:
        sys.exit(__doc__)
    for number in numbers or PARTS:
        try:
            PARTS[number]()
        except (NotImplementedError, AssertionError, FloatingPointError) as error:
            sys.exit(f"part {number}: {error}")
        print(f"part {number} is right")


if __name__ == "__main__":
    main(sys.argv[1:])
