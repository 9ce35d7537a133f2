"""The bounds on continuous x, where closed forms and dense grids know the truth."""
from statistics import NormalDist

import numpy as np
import pytest

from helpers import Given, forward, grid, linear, log_density, random_like
from minimae import bounds, exact, nodes, problems

BEST = -0.5 * np.log(2 * np.pi * np.e)
FINE = nodes.cross(nodes.grid(200), nodes.grid(200))


def best_encoder(a, log_var):
    """The exact posterior N(mean, var) of z under z ~ N(0, 1), x|z ~ N(a z, exp log_var)."""
    var = np.exp(log_var)
    return linear(a / (a * a + var), np.log(var / (a * a + var)))


@pytest.mark.parametrize("level", [0.0, 0.4, 1.0, 2.0])
def test_split_normal_closed_forms(level):
    """x|z ~ N(a z, 1 - a^2): I = -1/2 log(1 - a^2) = I^ = U, and the ELBO equals -1/2 log(2 pi e), whatever a is."""
    a = np.sqrt(1 - np.exp(-2 * level))
    p = linear(a, -2 * level)
    q = best_encoder(a, -2 * level)
    z, eps, weights = FINE
    x, weights = p.joint(z, eps, weights)
    # On 200 points all integrands here are polynomials in the nodes: what is left is rounding.
    assert bounds.infomax(q, z, x, weights) == pytest.approx(level, abs=1e-9)
    assert bounds.upper(p, lambda x: log_density(x, 0, np.zeros(1)), z, x, weights) == pytest.approx(level, abs=1e-9)
    assert bounds.elbo(p, q, *FINE) == pytest.approx(BEST, abs=1e-9)
    assert bounds.elbo_sampled(p, q, *FINE) == pytest.approx(BEST, abs=1e-9)


@pytest.mark.parametrize("sd", [0.25, 0.5])
@pytest.mark.parametrize("level", [0.3, 0.7, 1.5])
def test_restricted_closed_form(sd, level):
    """sd fixed, mean a z: the marginal has variance v = sd^2 exp(2 M) and E log p(x) = -1/2 log(2 pi v) - 1 / (2 v)."""
    v = sd ** 2 * np.exp(2 * level)
    a = np.sqrt(v - sd ** 2)
    p, q = linear(a, 2 * np.log(sd)), best_encoder(a, 2 * np.log(sd))
    assert bounds.elbo(p, q, *FINE) == pytest.approx(-0.5 * np.log(2 * np.pi * v) - 0.5 / v, abs=1e-9)
    z, eps, weights = FINE
    assert bounds.infomax(q, z, *p.joint(z, eps, weights)) == pytest.approx(level, abs=1e-9)


def test_every_single_sample_of_the_elbo_is_exact_where_the_encoder_is():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 50, 1, 1))
    got = bounds.elbo_sampled(linear(0.8, np.log(0.36)), best_encoder(0.8, np.log(0.36)), x, rng.standard_normal((1, 50, 1, 1)),
                              np.ones((1, 1, 1)), axis=2)
    np.testing.assert_allclose(got[0], log_density(x, 0, np.zeros(1))[0, :, 0], rtol=1e-12)


def test_linear_gaussian_model_in_two_and_three_dimensions():
    """z in R^2, x|z ~ N(A z, D) in R^3: I = 1/2 log det(I + A' D^-1 A), and the best diagonal critic is the posterior
    when A has orthogonal columns in the metric of D."""
    variances = np.array([0.5, 0.3, 0.8])
    A = np.array([[0.9, 0.5], [0.6, -0.4], [0.2, 0.0]])
    A[2, 1] = -(A[0, 0] * A[0, 1] / 0.5 + A[1, 0] * A[1, 1] / 0.3) / (A[2, 0] / 0.8)
    precision = np.eye(2) + A.T @ np.diag(1 / variances) @ A
    assert abs(precision[0, 1]) < 1e-12
    gain = np.linalg.solve(precision, A.T / variances)
    p = Given(lambda z: z @ A.T, lambda z: np.broadcast_to(np.log(variances), z.shape[:-1] + (3,)))
    q = Given(lambda x: x @ gain.T, lambda x: np.broadcast_to(-np.log(np.diag(precision)), x.shape[:-1] + (2,)))
    marginal = A @ A.T + np.diag(variances)
    information = 0.5 * np.linalg.slogdet(precision)[1]
    # The integrands are quadratic, so spacing h errs by about exp(-2 pi^2 / h^2) and the ends by the mass beyond them,
    # both below 1e-8 here.
    z, eps, weights = nodes.cross(nodes.grid(18, 2, half_width=7), nodes.grid(16, 3, half_width=7))
    x, weights = p.joint(z, eps, weights)
    quadratic = np.einsum("...i,ij,...j", x, np.linalg.inv(marginal), x)
    log_px = -0.5 * (quadratic + np.linalg.slogdet(marginal)[1] + 3 * np.log(2 * np.pi))
    assert bounds.infomax(q, z, x, weights) == pytest.approx(information, abs=1e-6)
    assert bounds.upper(p, lambda _: log_px, z, x, weights) == pytest.approx(information, abs=1e-6)
    data = np.array([[0.3, -1.0, 0.5], [2.0, 0.1, -0.4]])
    points, w = nodes.grid(24, 2)
    got = bounds.elbo(p, q, data[None, :, None], points[None, None], w[None, None], axis=2)[0]
    expected = [-0.5 * (d @ np.linalg.solve(marginal, d) + np.linalg.slogdet(marginal)[1] + 3 * np.log(2 * np.pi)) for d in data]
    np.testing.assert_allclose(got, expected, atol=1e-6)


@pytest.mark.parametrize("level, best_lower", [(0.5, 0.13), (1.0, 0.20), (2.0, 0.24)])
def test_a_decoder_that_fools_every_gaussian_critic(level, best_lower):
    """x|z ~ N(a f(z), exp(-2 M)) with f(z) = F^-1(2 F(z) mod 1), F the normal cdf: p(x) = N(0, 1) and I = M, but two codes
    lead to every x, so that p(z|x) has two modes and no Gaussian r comes near it."""
    a, sd = np.sqrt(1 - np.exp(-2 * level)), np.exp(-level)
    cdf, quantile = np.vectorize(NormalDist().cdf), np.vectorize(NormalDist().inv_cdf)
    e, e_weights = nodes.grid(48, half_width=6.5)  # further out F is 1 in double precision

    def codes(f):
        return np.concatenate([quantile(cdf(f) / 2), quantile((1 + cdf(f)) / 2)], 1)

    def moments(x):
        """Mean and log variance of z given x: f given x is N(a x, exp(-2 M)), and its two codes are equally likely."""
        x_flat, where = np.unique(np.round(x, 9), return_inverse=True)
        z = codes(np.clip(a * x_flat[:, None] + sd * e[:, 0], -6.5, 6.5))
        mean = z @ np.tile(e_weights, 2) / 2
        var = z ** 2 @ np.tile(e_weights, 2) / 2 - mean ** 2
        return mean[where].reshape(x.shape), np.log(var)[where].reshape(x.shape)

    best = Given(lambda x: moments(x)[0], lambda x: moments(x)[1])
    f = np.concatenate([e, e])
    z = np.concatenate(np.split(codes(e), 2, 1))
    x = a * f + sd * e[:, 0]
    weights = np.outer(np.tile(e_weights, 2) / 2, e_weights)
    lower = bounds.infomax(best, z[None, :, None], x[None, :, :, None], weights[None])
    assert lower == pytest.approx(best_lower, abs=0.005)  # the figures are stated to two digits
    p = Given(lambda f: a * f, lambda f: np.full(f.shape, -2 * level))  # z acts through f only, and f is N(0, 1)
    f, f_weights = nodes.grid(400)
    x_line = np.linspace(-9, 9, 801)
    information = exact.information(p, x_line[None, None, :, None], x_line[1] - x_line[0], f[None, :, None],
                                    f_weights[None, :, None])
    assert information == pytest.approx(level, abs=1e-6)
    worse = Given(best.functions[0], lambda x: best.functions[1](x) + 0.3)
    assert bounds.infomax(worse, z[None, :, None], x[None, :, :, None], weights[None]) < lower


def random_model(seed, scale):
    problem = problems.split_normal(n_hidden=5)
    rng = np.random.default_rng(seed)
    return problem, tuple(random_like(net, rng, scale) for net in problem.init(rng))


@pytest.mark.parametrize("seed", range(8))
def test_bounds_and_gap_identities_for_random_nets(seed):
    """I^ = I - E KL(p(z|x) || r), U = I + KL(p(x) || m), ELBO = E log p(x) - E KL(q || p(z|x)), by a dense second route."""
    problem, params = random_model(seed, 0.5)
    got = {key: value[0] for key, value in exact.figures(problem, params, tolerance=1e-7).items()}
    z, weights = grid(801, 1)
    mean, log_var = (out[:, 0] for out in forward(params[0], z))
    reach = 9 * np.exp(log_var / 2)
    x = np.linspace(min(-9, np.min(mean - reach)), max(9, np.max(mean + reach)), 1501)
    dx = x[1] - x[0]
    log_pxz = log_density(x[None, :, None], mean[:, None, None], log_var[:, None, None])
    joint = weights[:, None] * np.exp(log_pxz) * dx
    with np.errstate(divide="ignore"):
        log_px = np.log(weights @ np.exp(log_pxz))
    # log p(x) underflows only where joint does, so where counts.
    information = np.sum(np.where(joint > 0, joint * (log_pxz - np.where(np.isfinite(log_px), log_px, 0)), 0))
    r_mean, r_log_var = (out[None] for out in forward(params[2], x[:, None]))
    log_pzx = log_pxz + log_density(z, 0, np.zeros(1))[:, None] - np.where(np.isfinite(log_px), log_px, 0)
    critic_gap = np.sum(np.where(joint > 0, joint * (log_pzx - log_density(z[:, None], r_mean, r_log_var)), 0))
    px = joint.sum(0)
    law_gap = np.sum(np.where(px > 0, px * (np.where(np.isfinite(log_px), log_px, 0) - log_density(x[:, None], 0, np.zeros(1))), 0))
    data, data_weights = grid(401, 1)
    log_lik = np.log(weights @ np.exp(log_density(data.T[..., None], mean[:, None, None], log_var[:, None, None])))
    q_mean, q_log_var = (out[:, 0] for out in forward(params[1], data))
    encoder_gap = []
    for i in range(len(data)):
        zi = q_mean[i] + np.exp(q_log_var[i] / 2) * data[:, 0]
        m, v = (out[:, 0] for out in forward(params[0], zi[:, None]))
        posterior = log_density(data[i], m[:, None], v[:, None]) + log_density(zi[:, None], 0, np.zeros(1)) - log_lik[i]
        encoder_gap.append(np.sum(data_weights * (log_density(zi[:, None], q_mean[i], q_log_var[i]) - posterior)))
    # Both routes are trapezoidal sums of smooth functions, the library's refined to 1e-7; 1e-5 leaves room for the dense
    # grids' ends, at 8 and 9 standard deviations with integrands that grow.
    close = dict(rel=1e-5, abs=1e-5)
    assert got["exact"] == pytest.approx(information, **close)
    assert got["lower"] == pytest.approx(information - critic_gap, **close)
    assert got["upper"] == pytest.approx(information + law_gap, **close)
    assert got["log_likelihood"] == pytest.approx(np.sum(data_weights * log_lik), **close)
    assert got["elbo"] == pytest.approx(np.sum(data_weights * (log_lik - encoder_gap)), **close)
    assert -1e-7 <= got["exact"] and got["lower"] <= got["exact"] + 1e-7 and got["exact"] <= got["upper"] + 1e-7
    assert got["elbo"] <= got["log_likelihood"] + 1e-7 and got["log_likelihood"] <= problem.best + 1e-7


def test_upper_bound_with_the_elbo_in_place_of_a_law():
    """U = I + E_p KL(q(z|x) || p(z|x)), and with the exact posterior for q it is I."""
    a, log_var = 0.8, np.log(0.36)
    p = linear(a, log_var)
    eps, eps_weights = nodes.grid(64)
    z, x_eps, weights = nodes.cross(nodes.grid(64), nodes.grid(64))
    x, weights = p.joint(z, x_eps, weights)

    def log_m(q):
        flat = x.reshape(1, -1, 1, 1)
        return lambda _: bounds.elbo(p, q, flat, eps[None, None], eps_weights[None, None], axis=2).reshape(x.shape[:-1])

    information = -0.5 * np.log(1 - a * a)
    assert bounds.upper(p, log_m(best_encoder(a, log_var)), z, x, weights) == pytest.approx(information, abs=1e-9)
    # A standard normal for q: KL(N(0, 1) || N(a x, v)) with v = .36, averaged over x ~ N(0, 1).
    v = 0.36
    gap = 0.5 * (1 / v + a * a / v - 1 + np.log(v))
    assert bounds.upper(p, log_m(linear(0.0, 0.0)), z, x, weights) == pytest.approx(information + gap, abs=1e-9)


@pytest.mark.parametrize("kind, sets", [("monte_carlo", 400), ("lattice", 400)])
def test_estimates_agree_with_quadrature(kind, sets):
    """The same bound functions on random nodes: means over independent sets of nodes, in standard errors of their own."""
    problem, params = random_model(3, 0.5)
    truth = exact.figures(problem, params)
    p, q, r = problem.densities(params)
    rng = np.random.default_rng(11)
    draws = []
    for _ in range(sets):
        both, weights = getattr(nodes, kind)(rng, 64, 2)
        first, second, weights = nodes.pair((both[:, :1], weights), (both[:, 1:], weights))
        x, joint_weights = p.joint(first, second, weights)
        draws.append([bounds.elbo(p, q, first, second, weights)[0], bounds.elbo_sampled(p, q, first, second, weights)[0],
                      bounds.infomax(r, first, x, joint_weights)[0],
                      bounds.upper(p, problem.log_true, first, x, joint_weights)[0]])
    draws = np.array(draws)
    expected = [truth["elbo"][0], truth["elbo"][0], truth["lower"][0], truth["upper"][0]]
    # 6 standard errors, estimated from the 400 sets: a false alarm in 10^8 seeds for each of the four.
    assert np.all(np.abs(draws.mean(0) - expected) < 6 * draws.std(0) / np.sqrt(sets))
    assert np.all(draws.std(0) > 0)
