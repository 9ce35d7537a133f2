"""The bounds on continuous x, where closed forms and dense grids know the truth."""
from statistics import NormalDist

import numpy as np
import pytest

from helpers import (Given, check_identities, elbo_sampled, linear, log_density,
                     random_like, truth)
from minimae import bounds, exact, nodes, problems

BEST = -0.5 * np.log(2 * np.pi * np.e)
# All integrands of closed forms are polynomials of the nodes or nearly so: what 200
# points leave is rounding.
FINE = nodes.cross(nodes.grid(200), nodes.grid(200))


def best_encoder(a, log_var):
    """The posterior N(mean, var) of z under z ~ N(0, 1), x|z ~ N(a z, exp log_var)."""
    var = np.exp(log_var)
    return linear(a / (a * a + var), np.log(var / (a * a + var)))


@pytest.mark.parametrize("level", [0.0, 0.4, 1.0, 2.0])
def test_split_normal_closed_forms(level):
    """x|z ~ N(a z, 1 - a^2): I = -1/2 log(1 - a^2) = I^ = U, and the ELBO equals
    -1/2 log(2 pi e), whatever a is."""
    p = linear(np.sqrt(1 - np.exp(-2 * level)), -2 * level)
    q = best_encoder(np.sqrt(1 - np.exp(-2 * level)), -2 * level)
    z, eps, weights = FINE
    x, weights = p.joint(z, eps, weights)

    def log_true(x):
        return log_density(x, 0, np.zeros(1))

    assert bounds.infomax(q, z, x, weights) == pytest.approx(level, abs=1e-9)
    assert bounds.upper(p, log_true, z, x, weights) == pytest.approx(level, abs=1e-9)
    assert bounds.elbo(p, q, *FINE) == pytest.approx(BEST, abs=1e-9)


@pytest.mark.parametrize("sd", [0.25, 0.5])
@pytest.mark.parametrize("level", [0.3, 0.7, 1.5])
def test_restricted_closed_form(sd, level):
    """sd fixed, mean a z: the marginal has variance v = sd^2 exp(2 M), and
    E log p(x) = -1/2 log(2 pi v) - 1 / (2 v)."""
    v = sd ** 2 * np.exp(2 * level)
    a = np.sqrt(v - sd ** 2)
    p, q = linear(a, 2 * np.log(sd)), best_encoder(a, 2 * np.log(sd))
    z, eps, weights = FINE
    expected = -0.5 * np.log(2 * np.pi * v) - 0.5 / v
    assert bounds.elbo(p, q, *FINE) == pytest.approx(expected, abs=1e-9)
    lower = bounds.infomax(q, z, *p.joint(z, eps, weights))
    assert lower == pytest.approx(level, abs=1e-9)


def test_elbo_of_every_single_x_is_log_p_of_x_where_the_encoder_is_the_posterior():
    x = np.linspace(-4, 4, 9)
    nodes_of_x = nodes.cross((nodes.down(x), np.ones((1, 9, 1))), nodes.grid(200))
    got = bounds.elbo(linear(0.8, np.log(0.36)), best_encoder(0.8, np.log(0.36)),
                      *nodes_of_x, axis=2)
    np.testing.assert_allclose(got[0], log_density(x[:, None], 0, np.zeros(1)),
                               rtol=1e-12)


def test_linear_gaussian_model_in_two_and_three_dimensions():
    """z in R^2, x|z ~ N(A z, D) in R^3: I = 1/2 log det(I + A' D^-1 A), and the best
    diagonal critic is the posterior when A has orthogonal columns in the metric of D.
    """
    variances = np.array([0.5, 0.3, 0.8])
    A = np.array([[0.9, 0.5], [0.6, -0.4], [0.2, 0.0]])
    A[2, 1] = -(A[:2, 0] * A[:2, 1] / variances[:2]).sum() / (A[2, 0] / 0.8)
    precision = np.eye(2) + A.T @ np.diag(1 / variances) @ A
    gain = np.linalg.solve(precision, A.T / variances)
    log_vars = np.log(variances), -np.log(np.diag(precision))
    p = Given(lambda z: z @ A.T, lambda z: np.tile(log_vars[0], z.shape[:-1] + (1,)))
    q = Given(lambda x: x @ gain.T, lambda x: np.tile(log_vars[1], x.shape[:-1] + (1,)))
    marginal = A @ A.T + np.diag(variances)
    information = 0.5 * np.linalg.slogdet(precision)[1]

    def log_px(x):
        squares = np.einsum("...i,ij,...j", x, np.linalg.inv(marginal), x)
        return -0.5 * (squares + np.linalg.slogdet(2 * np.pi * marginal)[1])

    # The integrands are quadratic, so spacing h errs by about exp(-2 pi^2 / h^2) and
    # the ends by the mass beyond them, both below 1e-8 here.
    z, eps, weights = nodes.cross(nodes.grid(16, 2, half_width=6.5),
                                  nodes.grid(14, 3, half_width=6.5))
    x, weights = p.joint(z, eps, weights)
    lower = bounds.infomax(q, z, x, weights)
    assert lower == pytest.approx(information, abs=1e-6)
    upper = bounds.upper(p, log_px, z, x, weights)
    assert upper == pytest.approx(information, abs=1e-6)
    data = np.array([[0.3, -1.0, 0.5], [2.0, 0.1, -0.4]])
    nodes_of_x = nodes.cross((nodes.down(data), np.ones((1, 2, 1))), nodes.grid(24, 2))
    elbo = bounds.elbo(p, q, *nodes_of_x, axis=2)[0]
    np.testing.assert_allclose(elbo, log_px(data), atol=1e-6)


@pytest.mark.parametrize("level, best_lower", [(0.5, 0.13), (1.0, 0.20), (2.0, 0.24)])
def test_a_decoder_that_fools_every_gaussian_critic(level, best_lower):
    """x|z ~ N(a f(z), exp(-2 M)) with f(z) = F^-1(2 F(z) mod 1), F the normal cdf:
    p(x) = N(0, 1) and I = M, but two codes lead to every x, so that p(z|x) has two
    modes and no Gaussian r comes near it."""
    a, sd = np.sqrt(1 - np.exp(-2 * level)), np.exp(-level)
    cdf = np.vectorize(NormalDist().cdf)
    quantile = np.vectorize(NormalDist().inv_cdf)
    e, weights = nodes.grid(40, half_width=6.5)  # beyond, F is 1 in double precision
    e, weights = e.ravel(), np.tile(weights.ravel(), 2) / 2

    def codes(f):
        """Both codes of f, along the last axis one after the other."""
        half = cdf(f) / 2
        return np.concatenate([quantile(half), quantile(half + 0.5)], -1)

    def moments(x):
        """Mean and log variance of z given x: f given x is N(a x, exp(-2 M)), and its
        two codes are equally likely."""
        points, where = np.unique(np.round(x, 9), return_inverse=True)
        z = codes(np.clip(a * points[:, None] + sd * e, -6.5, 6.5))
        mean = z @ weights
        var = z ** 2 @ weights - mean ** 2
        return mean[where].reshape(x.shape), np.log(var)[where].reshape(x.shape)

    f, z = np.tile(e, 2), codes(e)
    x = (a * f[:, None] + sd * e)[None, ..., None]
    mean, log_var = moments(x)
    joint = np.outer(weights, 2 * weights[:len(e)])[None]

    def lower(mean, log_var):
        critic = Given(lambda _: mean, lambda _: log_var)
        return bounds.infomax(critic, nodes.down(z), x, joint)[0]

    best = lower(mean, log_var)
    assert best == pytest.approx(best_lower, abs=0.005)  # stated to two digits
    assert lower(mean, log_var + 0.3) < best and lower(mean + 0.3, log_var) < best
    # z acts through f only, and f is N(0, 1)
    line = np.linspace(-9, 9, 801)
    information = bounds.information(linear(a, -2 * level), nodes.across(line),
                                     line[1] - line[0], *nodes.grid(400))
    assert information == pytest.approx(level, abs=1e-6)


def random_model(seed, critic=1):
    problem = problems.SplitNormal(n_hidden=5, n_train=64, critic=critic)
    rng = np.random.default_rng(seed)
    return problem, random_like(problem.init(rng), rng, 0.5)


@pytest.mark.parametrize("seed", range(6))
def test_bounds_and_gap_identities_for_random_nets(seed):
    """I^ = I - E KL(p(z|x) || r), U = I + KL(p(x) || p_true) and
    ELBO = E log p(x) - E KL(q || p(z|x)), by a dense second route."""
    problem, params = random_model(seed, critic=[1, 2, "bayes"][seed % 3])
    got = exact.evaluate(problem, params, tolerance=1e-7)
    check_identities(problem, got, truth(problem, params, 401))


def test_upper_bound_with_the_elbo_in_place_of_a_law():
    """U = I + E_p KL(q(z|x) || p(z|x)), and with the posterior for q it is I."""
    a, log_var = 0.8, np.log(0.36)
    p = linear(a, log_var)
    z, eps, weights = nodes.cross(nodes.grid(64), nodes.grid(64))
    x, weights = p.joint(z, eps, weights)
    flat = np.reshape(x, (1, -1, 1, 1)), np.ones((1, x.size, 1))

    def upper(q):
        elbos = bounds.elbo(p, q, *nodes.cross(flat, nodes.grid(64)), axis=2)
        return bounds.upper(p, lambda _: elbos.reshape(x.shape[:-1]), z, x, weights)

    information = -0.5 * np.log(1 - a * a)
    assert upper(best_encoder(a, log_var)) == pytest.approx(information, abs=1e-9)
    # A standard normal for q: KL(N(0, 1) || N(a x, v)) with v = .36, averaged over
    # x ~ N(0, 1).
    v = 0.36
    gap = 0.5 * (1 / v + a * a / v - 1 + np.log(v))
    assert upper(linear(0.0, 0.0)) == pytest.approx(information + gap, abs=1e-9)


@pytest.mark.parametrize("draw", [nodes.monte_carlo, nodes.lattice])
def test_estimates_agree_with_quadrature(draw):
    """The same bound functions on random nodes: means over 400 independent sets of
    nodes, in standard errors of their own."""
    problem, params = random_model(3)
    problem.draw = draw
    figures = exact.evaluate(problem, params)
    p, q, r = problem.densities(params)
    rng = np.random.default_rng(11)
    draws = []
    for _ in range(400):
        (x, eps, weights), (z, z_eps, z_weights) = problem.nodes(rng)
        x_joint, joint = p.joint(z, z_eps, z_weights)
        draws.append([bounds.elbo(p, q, x, eps, weights)[0],
                      np.sum(weights * elbo_sampled(p, q, x, eps)),
                      bounds.infomax(r, z, x_joint, joint)[0],
                      bounds.upper(p, problem.log_true, z, x_joint, joint)[0]])
    errors = np.mean(draws, 0) - [*figures["elbo"], *figures["elbo"],
                                  *figures["lower"], *figures["upper"]]
    # 6 standard errors, estimated from the 400 sets: a false alarm in 10^8 seeds for
    # each of the four.
    assert np.all(np.abs(errors) < 6 * np.std(draws, 0) / np.sqrt(400))
    assert np.all(np.std(draws, 0) > 0)
