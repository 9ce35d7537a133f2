"""What check.py checks, part by part.  All information is in nats.

Each function of yours is called with inputs for which the right value is known in
another way: by a closed form, by a sum over a fine grid, or by loops.  Then its
gradient by autograd is compared with finite differences.  Parts 2, 4, 5 and 6 end with
a training.
"""
import math
import sys
from pathlib import Path

import autograd.numpy as np
from autograd import make_vjp
from autograd.misc import flatten

from minimae import adam, bounds, critics, exact, models, nets, normal, penalty
from minimae import problems, quadrature, table, train
from verdict import Wrong, call, compare, compare_gradient, read_only, show

FOLDER = Path(__file__).resolve().parent
LOG_2PI = math.log(2 * math.pi)
BEST = -0.5 * (LOG_2PI + 1)  # E log N(x | 0, 1) for x ~ N(0, 1)
# Nats.  I of the trainings below ends within .016 for each of the seeds 0 to 7.
TRAINING_TOLERANCE = 0.03


def normal_density(x, mean, variance):
    """N(x | mean, variance)."""
    return np.exp(-(x - mean) ** 2 / (2 * variance)) / np.sqrt(2 * np.pi * variance)


# A fine grid of x for sums: 7 standard deviations of the widest normal below.
FINE_X = np.linspace(-10, 10, 4001)
FINE_DX = FINE_X[1] - FINE_X[0]


# Part 1: densities and nodes

def check_entropy():
    log_var = np.array([[0.0, -1.3], [0.7, 0.2]])
    density = normal_density(FINE_X, 0.0, np.exp(log_var)[..., None])       # (2, 2, n)
    of_dimensions = -np.sum(density * np.log(density), axis=-1) * FINE_DX
    expected = np.sum(of_dimensions, axis=-1)
    what = f"normal.entropy(log_var={show(log_var)})"
    compare(what, call(normal.entropy, log_var), expected)
    compare_gradient(what, normal.entropy, log_var=log_var)


def check_log_prob():
    x = np.array([[0.5, 0.5], [-1.0, 0.2]])
    mean = np.array([[1.0, 0.0], [2.0, -1.0]])
    log_var = np.array([[0.0, -1.4], [-0.7, 0.7]])
    density = normal_density(x, mean, np.exp(log_var))
    expected = np.sum(np.log(density), axis=-1)
    what = f"normal.log_prob(x={show(x)}, mean={show(mean)}, log_var={show(log_var)})"
    compare(what, call(normal.log_prob, x, mean, log_var), expected)
    compare_gradient(what, normal.log_prob, x=x, mean=mean, log_var=log_var)

    density = normal_density(x, 1.5, np.exp(0.4))
    expected = np.sum(np.log(density), axis=-1)
    what = f"normal.log_prob(x={show(x)}, mean=1.5, log_var=0.4), with numbers"
    compare(what, call(normal.log_prob, x, 1.5, 0.4), expected)

    far = np.array([0.0, 40.0])
    mistakes = {"exp(-800) is 0 for a computer: add up logarithms": -np.inf}
    what = "normal.log_prob(x=[0, 40], mean=0, log_var=0)"
    compare(what, call(normal.log_prob, far, 0.0, 0.0), -800 - LOG_2PI, mistakes)


def check_kl_to_standard():
    mean = np.array([[1.0, 0.0], [2.0, -1.0]])
    for log_var in [np.array([[0.0, -1.3], [-0.7, 0.5]]), 0.4]:
        variance = np.exp(log_var) * np.ones((2, 2))
        q = normal_density(FINE_X, mean[..., None], variance[..., None])    # (2, 2, n)
        log_ratio = np.log(q) - np.log(normal_density(FINE_X, 0.0, 1.0))
        of_dimensions = np.sum(q * log_ratio, axis=-1) * FINE_DX
        expected = np.sum(of_dimensions, axis=-1)
        what = f"normal.kl_to_standard(mean={show(mean)}, log_var={show(log_var)})"
        compare(what, call(normal.kl_to_standard, mean, log_var), expected)
        compare_gradient(what, normal.kl_to_standard, mean=mean,
                         log_var=np.log(variance))


def check_sample():
    mean = np.array([[1.0, 0.0], [2.0, -1.0]])
    eps = np.array([[-1.0, 2.0], [0.5, 1.0]])
    for log_var in [np.log([[4.0, 9.0], [0.25, 1.0]]), math.log(4.0)]:
        expected = mean + np.sqrt(np.exp(log_var)) * eps
        mistakes = {
            "exp log_var is the variance, and a deviation is its square root":
            mean + np.exp(log_var) * eps}
        what = (f"normal.sample(mean={show(mean)}, log_var={show(log_var)}, "
                f"eps={show(eps)})")
        compare(what, call(normal.sample, mean, log_var, eps), expected, mistakes)
        compare_gradient(what, normal.sample, mean=mean, eps=eps,
                         log_var=log_var * np.ones((2, 2)))
    yours = call(normal.sample, 1.0, math.log(4.0), 3.0)
    compare("normal.sample(mean=1, log_var=log 4, eps=3), with numbers", yours, 7.0)


def check_net():
    rng = np.random.default_rng(0)
    first = random_net(rng)
    second = random_net(rng)
    inputs = rng.standard_normal((4, 2))
    what = f"nets.net(params, inputs={show(inputs)}) with params={show(first)}"
    compare(what, call(nets.net, first, inputs), net_by_loops(first, inputs))
    compare_gradient(what, nets.net, params=first, inputs=inputs)

    both = stack_of_nets(first, second)
    expected = [net_by_loops(first, inputs), net_by_loops(second, inputs)]
    what = "nets.net for a stack of two models and inputs (J, N, 2) with J = 4, N = 1"
    yours = call(nets.net, both, inputs[:, None])
    compare(what, yours, np.array(expected)[:, :, None])


def random_net(rng):
    """Parameters W (2, 3), b (3,), V (3, 2), c (2,)."""
    shapes = [(2, 3), (3,), (3, 2), (2,)]
    return tuple(rng.standard_normal(shape) for shape in shapes)


def net_by_loops(params, inputs):
    W, b, V, c = params
    rows = []
    for row in inputs:
        out = np.copy(c)
        for unit in range(len(b)):
            a = sum(row * W[:, unit]) + b[unit]
            out = out + math.tanh(a) * V[unit]
        rows.append(out)
    return np.array(rows)


def stack_of_nets(first, second):
    """Parameters of two nets in the shapes in which train.train stacks them."""
    stacked, _, _ = models.stack([(first, (), ()), (second, (), ())])
    return stacked


def check_grid():
    points, weights = call(quadrature.grid, 4, 1, 0.25, 2.0, n_results=2)
    expected = np.array([-1.75, -0.75, 0.25, 1.25])
    density = normal_density(expected, 0.0, 1.0)
    what = "quadrature.grid(n=4, dim=1, shift=0.25, half_width=2)"
    compare(f"points of {what}", points, expected[:, None])
    compare(f"weights of {what}", weights, density / np.sum(density),
            {"they should sum to one": density})

    shift = np.array([0.3, 0.6])
    points, weights = call(quadrature.grid, 3, 2, shift, 1.5, n_results=2)
    expected = []
    densities = []
    for first in [-1.2, -0.2, 0.8]:
        for second in [-0.9, 0.1, 1.1]:
            expected.append([first, second])
            densities.append(normal_density(first, 0, 1) * normal_density(second, 0, 1))
    what = f"quadrature.grid(n=3, dim=2, shift={show(shift)}, half_width=1.5)"
    compare(f"shape of the points of {what}", np.shape(points), (9, 2))
    order = np.lexsort(np.round(points.T[::-1], 6))  # any order of the points is right
    compare(f"points of {what}, sorted", points[order], expected)
    compare(f"weights of {what}, sorted", np.asarray(weights)[order],
            densities / np.sum(densities), {"they should sum to one": densities})
    points, _ = call(quadrature.grid, 2, 3, n_results=2)
    compare("shape of the points of quadrature.grid(n=2, dim=3)", points.shape, (8, 3))


# Part 2: the VAE

class Line(nets.NormalNet):
    """value | inputs ~ N(slope inputs + shift, exp log_var), with log_var fixed and
    params = (slope, shift)."""

    def init(self, rng, n_in, n_hidden, n_out):
        return 0.1 * rng.standard_normal(1), np.zeros(1)

    def mean_and_log_var(self, inputs):
        slope, shift = self.params
        return slope * inputs + shift, self.log_var


def line(slope, variance, shift=0.0):
    """A Line with numbers; or a stack of two, with pairs of numbers."""
    params = []
    for number in [slope, shift]:
        if np.ndim(number) == 0:
            params.append(np.array([number]))
        else:
            params.append(np.reshape(number, (2, 1, 1, 1)))  # as models.stack does
    return Line(math.log(variance)).with_params(tuple(params))


# p(x|z) = N(2 z, 1) gives p(x) = N(0, 5), and the posterior p(z|x) = N(.4 x, .2).
P = line(2.0, 1.0)
P_IS = "p(x|z) = N(2 z, 1)"
POSTERIOR = line(0.4, 0.2)
INFORMATION = 0.5 * math.log(5)


def check_log_marginal():
    p = line(0.1, 0.99)  # p(x) = N(0, 1)
    z, weights = quadrature.grid(200)
    x = np.array([[0.0], [1.0], [40.0]])
    log_px = -0.5 * (x[:, 0] ** 2 + LOG_2PI)
    log_pxz = -0.5 * ((x - 0.1 * z[:, 0]) ** 2 / 0.99 + math.log(0.99) + LOG_2PI)
    mistakes = {
        "exp(-800) is 0 for a computer: that is what log_sum_exp is for":
        [log_px[0], log_px[1], -np.inf],
        "this is the value without the weights":
        bounds.log_sum_exp(log_pxz, axis=1),
        "this is the mean of log p(x|z), not the logarithm of a mean":
        log_pxz @ weights}
    what = "bounds.log_marginal of p(x|z) = N(.1 z, .99) at x = 0, 1, 40"
    yours = call(bounds.log_marginal, p, x, z, weights)
    compare(f"{what}, shape (3, 1)", yours, log_px, mistakes)
    yours = call(bounds.log_marginal, p, x[:, None], z, weights)
    compare(f"{what}, shape (3, 1, 1)", yours, log_px[:, None])

    def of_params(params, x):
        return bounds.log_marginal(p.with_params(params), x, z, weights)
    compare_gradient(what, of_params, params=p.params, x=x)

    both = line([0.1, 0.1], 0.99, shift=[0.0, 1.0])  # p(x) = N(0, 1) and N(1, 1)
    of_second = -0.5 * ((x[:, 0] - 1) ** 2 + LOG_2PI)
    expected = np.array([log_px, of_second])[..., None]                     # (2, 3, 1)
    what = "bounds.log_marginal of a stack of two models, N(0, 1) and N(1, 1), at x"
    yours = call(bounds.log_marginal, both, x[:, None], z, weights)
    compare(f"{what} (3, 1, 1)", yours, expected)
    x_of_both = np.array([x[:, None], x[:, None]])
    yours = call(bounds.log_marginal, both, x_of_both, z, weights)
    compare(f"{what} (2, 3, 1, 1)", yours, expected)


def check_information():
    z, weights = quadrature.grid(100)
    x_grid = np.linspace(-25, 25, 501)[:, None]
    what = f"bounds.information of {P_IS}, x_grid from -25 to 25, dx = 0.1"
    yours = call(bounds.information, P, x_grid, 0.1, z, weights)
    compare(what, yours, INFORMATION)

    def of_params(params):
        return bounds.information(P.with_params(params), x_grid, 0.1, z, weights)
    compare_gradient(what, of_params, params=P.params)


def check_elbo_terms():
    other_q = line(0.5, 0.3, shift=0.2)
    x = np.array([[1.0], [-2.0]])
    eps = np.array([-1.0, 0.0, 2.0])[:, None, None]                         # (3, 1, 1)
    reconstruction, kl = call(bounds.elbo_terms, P, other_q, x, eps, n_results=2)
    mean = 0.5 * x + 0.2                                                    # (2, 1)
    z = mean + math.sqrt(0.3) * eps                                         # (3, 2, 1)
    expected = np.log(normal_density(x, 2 * z, 1.0))[..., 0]                # (3, 2)
    what = (f"of bounds.elbo_terms for {P_IS}, q(z|x) = N(.5 x + .2, .3), x = 1, -2, "
            "eps = -1, 0, 2")
    compare(f"reconstruction {what}", reconstruction, expected)
    expected_kl = 0.5 * (mean ** 2 + 0.3 - math.log(0.3) - 1)[:, 0]         # (2,)
    compare(f"KL {what}", np.broadcast_to(kl, (3, 2)), [expected_kl] * 3)

    def reconstruction_of(p, q):
        return bounds.elbo_terms(P.with_params(p), other_q.with_params(q), x, eps)[0]

    def kl_of(q):
        return bounds.elbo_terms(P, other_q.with_params(q), x, eps)[1]
    q = other_q.params
    compare_gradient(f"reconstruction {what}", reconstruction_of, p=P.params, q=q)
    compare_gradient(f"KL {what}", kl_of, q=q)


def check_elbo():
    x = np.array([[1.0], [-2.0]])
    data = (x, np.array([0.3, 0.7]))
    x, eps, weights = quadrature.tensor_product(data, quadrature.grid(64))
    log_px = np.log(normal_density(x[:, 0], 0.0, 5.0))
    expected = 0.3 * log_px[0] + 0.7 * log_px[1]
    what = f"bounds.elbo for {P_IS}, x = 1 and -2 with the weights .3 and .7, q(z|x)"
    yours = call(bounds.elbo, P, POSTERIOR, x, eps, weights)
    compare(f"{what} the posterior", yours, expected)

    prior = line(0.0, 1.0)  # KL = 0, and E (x - 2 z)^2 = x^2 + 4
    log_pxz = -0.5 * (x[:, 0] ** 2 + 4 + LOG_2PI)
    expected_prior = 0.3 * log_pxz[0] + 0.7 * log_pxz[1]
    yours = call(bounds.elbo, P, prior, x, eps, weights)
    compare(f"{what} the prior", yours, expected_prior)

    both = line([0.4, 0.0], 0.2)
    yours = call(bounds.elbo, P, both, x, eps, weights)
    compare("shape of bounds.elbo for a stack of two models", np.shape(yours), (2,))

    other_q = line(0.5, 0.3, shift=0.2)

    def of_params(p, q):
        return bounds.elbo(P.with_params(p), other_q.with_params(q), x, eps, weights)
    compare_gradient(f"{what} N(.5 x + .2, .3)", of_params, p=P.params,
                     q=other_q.params)


def check_adam_step():
    arrays = (np.array([1.0, 1.0]), np.array([[0.5]]))
    start = [a.copy() for a in arrays]
    gradients = [(np.array([2.0, 0.0]), np.array([[1.0]])),
                 (np.array([-1.0, -0.01]), np.array([[1.0]])),
                 (np.array([0.0, 3.0]), np.array([[-4.0]]))]
    optimizer = adam.Adam(arrays)
    expected = [a.copy() for a in arrays]
    for t in [1, 2, 3]:
        optimizer.step(read_only(gradients[t - 1]), 0.1)
        for k in [0, 1]:
            so_far = [gradient[k] for gradient in gradients[:t]]
            m_hat = running_mean(so_far, adam.BETA1)
            v_hat = running_mean([g ** 2 for g in so_far], adam.BETA2)
            expected[k] = expected[k] + 0.1 * m_hat / (np.sqrt(v_hat) + adam.EPSILON)
            what = (f"array {k + 1} of 2, from {show(start[k])}, after adam.Adam.step "
                    f"with its gradients {show(tuple(so_far))} and learning_rate 0.1")
            mistakes = {"it has not changed: change it in place, as a += ...": start[k],
                        "it moves downhill": 2 * start[k] - expected[k]}
            compare(what, arrays[k], expected[k], mistakes)


def running_mean(values, beta):
    """The mean of values with weights 1, beta, beta^2, ... for the last, the one before
    and so on: the bias-corrected running mean."""
    total = 0.0
    total_weight = 0.0
    for value in values:
        total = beta * total + value
        total_weight = beta * total_weight + 1
    return total / total_weight


class FullCode(problems.SplitNormal):
    """A decoder that uses z at first: its output weights are ten times as large."""

    def init(self, rng):
        p, q, r = super().init(rng)
        W, b, V, c = p
        return (W, b, 10 * V, c), q, r


class NoPenalty:
    """A constraint that is none, for train.train."""
    slope = 0.0

    def start(self, targets, steps, critic):
        self.targets = targets
        return self

    def update(self, values, step):
        pass


def elbo_only(p, q, r, data, prior, slope, targets):
    """The objectives of a plain VAE."""
    elbo = bounds.elbo(p, q, *data)
    return np.array([elbo, 0 * elbo])


def train_a_vae():
    # Of the seeds 0 to 7 this one starts with the most information, .28 nats.  All of
    # them end with I below .003, and with a likelihood within 1e-5 of the best.
    trained = train.train(FullCode(n_hidden=8), [None], seeds=[7], steps=150,
                          penalty=NoPenalty(), objectives=elbo_only)
    p, _, _ = trained[0]
    z, weights = quadrature.grid(200)
    x_grid, dx = trained.problem.x_grid(400, p)
    information = bounds.information(p, x_grid, dx, z, weights)
    # The nodes of z are nodes of the data as well: both are N(0, 1).
    log_likelihood = np.sum(weights * bounds.log_marginal(p, z, z, weights))
    print(f"    a plain VAE ends with E log p(x) = {log_likelihood:.4f}, I = "
          f"{information:.4f}")
    compare("E log p(x) of the VAE at the end", log_likelihood, BEST, tolerance=1e-3)
    compare("I(z, x) of the VAE at the end", information, 0.0, tolerance=0.01)


# Part 3: the critic

def check_infomax():
    rule = quadrature.grid(48)
    z, eps, weights = quadrature.tensor_product(rule, rule)
    x, weights = P.joint_nodes(z, eps, weights)
    what = f"bounds.infomax for {P_IS}, r(z|x)"
    yours = call(bounds.infomax, POSTERIOR, z, x, weights)
    compare(f"{what} the posterior", yours, INFORMATION)
    r = line(0.5, 1.0)
    # E (z - .5 x)^2 = 1 - 2 + 1.25
    yours = call(bounds.infomax, r, z, x, weights)
    compare(f"{what} = N(.5 x, 1)", yours, 0.5 * (1 - 0.25))
    both = line([0.5, 0.6], 1.0)
    yours = call(bounds.infomax, both, z, x, weights)
    # E (z - .6 x)^2 = 1 - 2.4 + 1.8
    compare("bounds.infomax for two critics in a stack, N(.5 x, 1) and N(.6 x, 1)",
            yours, [0.5 * (1 - 0.25), 0.5 * (1 - 0.4)])

    coarse_rule = quadrature.grid(4)
    few_z, eps, weights = quadrature.tensor_product(coarse_rule, coarse_rule)
    few_x, weights = P.joint_nodes(few_z, eps, weights)

    def of_critic(r, x):
        return bounds.infomax(POSTERIOR.with_params(r), few_z, x, weights)
    compare_gradient(f"{what} the posterior", of_critic, r=POSTERIOR.params, x=few_x)

    z, weights = quadrature.grid(24, 2)
    yours = call(bounds.infomax, line(0.0, 1.0), z, z, weights[None])
    compare("bounds.infomax for r(z|x) = p(z), z of two dimensions", yours, 0.0)


def check_posterior():
    z = np.array([[-1.0], [0.5]])
    x = np.array([0.0, 2.0, -0.3])[:, None, None]                           # (3, 1, 1)
    codes = quadrature.grid(100)
    expected = np.log(normal_density(z, 0.4 * x, 0.2))[..., 0]              # (3, 2)
    what = f"critics.Posterior.log_prob for {P_IS} at z = -1, .5 and x = 0, 2, -.3"
    posterior = critics.Posterior(P, *codes)
    compare(what, call(posterior.log_prob, z, x), expected)
    compare_gradient(what, posterior.log_prob, z=z, x=x)

    def log_prior(z):
        return -1.4
    posterior = critics.Posterior(P, *codes, log_prior)
    expected = expected - np.log(normal_density(z[:, 0], 0.0, 1.0)) - 1.4
    compare(f"{what}, with log_prior = -1.4", call(posterior.log_prob, z, x), expected)


# Part 4: a fixed C

def check_objectives():
    rng = np.random.default_rng(0)
    slopes = np.array([0.7, -0.4])
    of_reals = problems.SplitNormal(n_hidden=2, n_train=4)
    of_categories = problems.Categorical([0.5, 0.3, 0.2], n_hidden=2,
                                         critic=nets.NormalNet(), n_z=8, n_eps=4)
    for problem in [of_reals, of_categories]:
        data, prior, codes = problem.draw_nodes(rng)
        nodes = (problem, data, prior, codes)
        both = [random_params(problem, rng), random_params(problem, rng)]
        stack = models.stack(both)
        call(train.objectives, *problem.densities(stack, codes), data, prior, slopes)
        values, gradients = pass_backward(train.objectives, stack, nodes, slopes)
        what = (f"by train.objectives for {type(problem).__name__}, random parameters "
                "of seed 0, two models in a stack")
        compare(f"shape of the values {what}", np.shape(values), (2, 2))
        for k in [0, 1]:
            of_model = [[a[k] for a in net] for net in gradients]
            expected, right, mistakes = expected_objectives(both[k], nodes, slopes[k])
            compare(f"[ELBO, I^] {what}", values[:, k], expected)
            for name in "pqr":
                yours = of_model["pqr".index(name)]
                compare(f"gradient of {name} {what}, slope {slopes[k]}",
                        flatten(yours)[0], right[name], mistakes)


def random_params(problem, rng):
    """Parameters of one model that are not small."""
    vector, with_shapes = flatten(problem.init(rng))
    return with_shapes(rng.standard_normal(len(vector)))


def pass_backward(objectives, params, nodes, slope):
    """The values of an objectives function, and the gradient of their sum by p, q and
    r."""
    problem, data, prior, codes = nodes

    def values_of(params):
        p, q, r = problem.densities(params, codes)
        return objectives(p, q, r, data, prior, slope)

    backward, values = make_vjp(values_of)(params)
    return values, backward(np.ones_like(values))


def expected_objectives(params, nodes, slope):
    """[ELBO, I^] of one model, the vectors that p, q and r climb, and mistakes: from a
    pass for each bound."""
    def elbo(p, q, r, data, prior, slope):
        return bounds.elbo(p, q, *data)

    def infomax(p, q, r, data, prior, slope):
        z, eps, weights = prior
        x, weights = p.joint_nodes(z, eps, weights)
        return bounds.infomax(r, z, x, weights)

    value_elbo, gradient = pass_backward(elbo, params, nodes, slope)
    p_elbo, q_elbo, _ = [flatten(net)[0] for net in gradient]
    value_infomax, gradient = pass_backward(infomax, params, nodes, slope)
    p_infomax, _, r_infomax = [flatten(net)[0] for net in gradient]
    right = {"p": p_elbo + slope * p_infomax, "q": q_elbo, "r": r_infomax}
    mistakes = {"this is the one of ELBO + I^, without the slope": p_elbo + p_infomax,
                "this is the one of the ELBO alone": p_elbo,
                "r should climb I^, not slope I^": slope * r_infomax}
    return [value_elbo, value_infomax], right, mistakes


def check_slope():
    infomax = np.array([1.1, 0.8, 5.0, 0.2, 7.0])
    multiplier = np.array([0.0, 0.0, 0.0, 0.5, 0.5])
    targets = [1.0, 1.0, 1.0, 1.0, None]
    for step, width in [(1, 1.001), (51, 0.501)]:
        state = penalty.Penalty(C=2.0, growth=1.0).start(targets, 100, nets.NormalNet())
        state.multiplier = multiplier
        state.update(np.array([0 * infomax - 1, infomax]), step)
        right = slopes_for(infomax - 1.0, width, multiplier)
        mistakes = {"is MIN_WIDTH in the width?":
                    slopes_for(infomax - 1.0, width - 0.001, multiplier),
                    "is the multiplier in the slope?":
                    slopes_for(infomax - 1.0, width, 0 * multiplier)}
        what = (f"Penalty.slope after update at step {step} of 100 with C = 2, targets "
                f"{targets}, multiplier {show(multiplier)}, I^ = {show(infomax)}")
        compare(what, state.slope, right, mistakes)

    # The target has risen to a half.
    rising = penalty.Penalty(C=2.0, growth=1.0, rise=0.5)
    state = rising.start(targets, 100, nets.NormalNet())
    state.update(np.array([0 * infomax - 1, infomax]), 25)
    width = adam.cosine_decay(25, 100) + 0.001
    right = slopes_for(infomax - 0.5, width, 0 * multiplier)
    compare(f"Penalty.slope with rise = 0.5 after update at step 25 of 100, C = 2, "
            f"targets {targets}, I^ = {show(infomax)}", state.slope, right,
            {"is target_at(step) in the violation?":
             slopes_for(infomax - 1.0, width, 0 * multiplier)})


def slopes_for(violation, width, multiplier):
    """The slopes with C = 2; the last model is a plain VAE."""
    slopes = []
    for d, m in zip(violation[:-1], multiplier):
        if abs(d) > width:
            slopes.append(-2.0 * math.copysign(1, d) - m)
        else:
            slopes.append(-2.0 * d / width - m)
    return np.array(slopes + [0.0])


def train_and_show(problem, targets, constraint, ends=None):
    """Train, print the table, and compare I with where it should end: by default the
    targets, and 0 for a VAE."""
    trained = train.train(problem, targets, steps=150, penalty=constraint)
    rows = exact.evaluate(trained)
    table.show(rows)
    if ends is None:
        ends = [target or 0.0 for target in targets]
    information = [row["information"] for row in rows]
    compare("I at the end", information, ends, tolerance=TRAINING_TOLERANCE)
    return trained, rows


def train_with_fixed_c():
    print("    the likelihood does not depend on I: a fixed C gives what is asked for")
    problem = problems.SplitNormal(n_hidden=8)
    train_and_show(problem, [0.0, 0.8], penalty.Penalty(growth=1.0))


# Part 5: a growing C

def check_growth():
    infomax = np.array([1.3, 1.2, -1.0, 0.8])
    growing = penalty.Penalty(C=2.0, growth=100.0, multiplier_rate=3.0)
    state = growing.start([1.0] * 4, 100, nets.NormalNet())
    for step in [1, 2]:
        state.update(np.array([0 * infomax - 1, infomax]), step)
    growth = 100.0 ** (1 / 100)
    what = ("after updates at steps 1 and 2 of 100, C = 2, growth 100, multiplier_rate "
            f"3, targets 1, I^ = {show(infomax)}")
    right = 2.0 * np.array([growth, 1, growth, 1]) ** 2
    compare(f"Penalty.C {what}", state.C, right,
            {"C should grow only while the violation is large": 0 * right + right[0]})
    # The violation, clipped at 1 nat, 3 / 100 of it at each step.
    multiplier = 0.06 * np.array([0.3, 0.2, -1.0, -0.2])
    compare(f"Penalty.multiplier {what}", state.multiplier, multiplier)
    width = adam.cosine_decay(2, 100) + 0.001
    force = np.array([-0.3 / width, -0.2 / width, 1.0, 0.2 / width])
    compare(f"Penalty.slope {what}", state.slope, right * force - multiplier,
            {"C and the multiplier change before the slope is set":
             right / [growth, 1, growth, 1] * force - multiplier / 2,
             "C grows before the slope is set":
             right / [growth, 1, growth, 1] * force - multiplier,
             "the multiplier changes before the slope is set":
             right * force - multiplier / 2})
    state.update(np.array([0 * infomax - 1, infomax]), 51)
    compare(f"Penalty.C {what}, and at step 51", state.C, right * growth,
            {"the width has shrunk to a half": right * [growth, 1, growth, 1]})
    state = growing.start([None], 100, nets.NormalNet())
    state.update(np.array([[-1.0], [1.3]]), 1)
    compare("Penalty.slope of a plain VAE", state.slope, [0.0])


def train_with_growing_c():
    # x | z ~ N(slope z + shift, .25).  The variance of x is v = .25 exp(2 I), and
    # E log p(x) = -1/2 log(2 pi v) - 1 / (2 v) has the slope 1 / v - 1 in I.  A fixed C
    # stops where this is -C.
    problem = problems.SplitNormal()
    problem.decoder = Line(math.log(0.25))
    C = penalty.Penalty().initial_C
    stops = 0.5 * math.log(4 / (1 - C))
    print(f"    the likelihood falls with I: C = {C} stops at {stops:.4f} ...")
    train_and_show(problem, [1.2], penalty.Penalty(growth=1.0), ends=[stops])
    print("    ... and a growing C arrives")
    train_and_show(problem, [1.2], penalty.Penalty())


# Part 6: Figure 6

def draw_figure_6():
    from minimae import plot
    trained, rows = train_and_show(problems.SplitNormal(), [0.0, 0.4, 0.8, 1.2, None],
                                   penalty.Penalty())
    path = FOLDER / "figure6.png"
    plot.draw_models(trained, rows).savefig(path)
    print(f"    your code drew {path}")


# What is checked, and how it is called in the output.
PARTS = {
    "1": [("normal.entropy", check_entropy),
          ("normal.log_prob", check_log_prob),
          ("normal.kl_to_standard", check_kl_to_standard),
          ("normal.sample", check_sample),
          ("nets.net", check_net),
          ("quadrature.grid", check_grid)],
    "2": [("bounds.log_marginal", check_log_marginal),
          ("bounds.information", check_information),
          ("bounds.elbo_terms", check_elbo_terms),
          ("bounds.elbo", check_elbo),
          ("adam.Adam.step", check_adam_step),
          ("a VAE collapses", train_a_vae)],
    "3": [("bounds.infomax", check_infomax),
          ("critics.Posterior.log_prob", check_posterior)],
    "4": [("train.objectives", check_objectives),
          ("penalty.Penalty.update, the slope", check_slope),
          ("a training with a fixed C", train_with_fixed_c)],
    "5": [("penalty.Penalty.update, C and multiplier", check_growth),
          ("a training with a growing C", train_with_growing_c)],
    "6": [("Figure 6", draw_figure_6)],
}


def main():
    """Check the parts that are named in sys.argv[2:]."""
    package = Path(sys.modules["minimae"].__file__).parent
    if not package.samefile(FOLDER / "minimae"):
        print(f"check.py: Python imports minimae from {package}, not from {FOLDER}")
        sys.exit(2)
    for number in sys.argv[2:]:
        for name, check in PARTS[number]:
            try:
                check()
            except (Wrong, NotImplementedError, FloatingPointError) as error:
                print(f"part {number}: {error}")
                sys.exit(1)
            print(f"  right: {name}")
        print(f"part {number} is right")
