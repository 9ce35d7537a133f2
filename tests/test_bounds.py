"""The bounds on continuous x, where closed forms and dense grids know the truth."""
from statistics import NormalDist

import numpy as np
import pytest

from helpers import (Given, differences, generator, linear, log_density, one_model,
                     random_like, truth)
from minimae import bounds, critics, exact, nodes, problems

# All integrands of closed forms are polynomials of the nodes or nearly so: what 200
# points leave is rounding.
FINE = nodes.cross(nodes.grid(200), nodes.grid(200))


@pytest.mark.parametrize("sd", [None, 0.25, 0.5])
@pytest.mark.parametrize("level", [0.0, 0.4, 2.0])
def test_split_normal_closed_forms(level, sd):
    """x|z ~ N(a z, sd^2): I^ = I = M for a^2 = sd^2 (exp(2 M) - 1), x has variance
    v = sd^2 exp(2 M), and ELBO = E log p(x) = -1/2 log(2 pi v) - 1 / (2 v).  With
    sd = exp(-M), v = 1: U = I, and the ELBO is -1/2 log(2 pi e) whatever M is."""
    sd = sd or np.exp(-level)
    v = sd ** 2 * np.exp(2 * level)
    a = np.sqrt(v - sd ** 2)
    p, q = linear(a, 2 * np.log(sd)), linear(a / v, np.log(sd ** 2 / v))
    z, eps, weights = FINE
    x, weights = p.joint(z, eps, weights)
    upper = bounds.upper(p, lambda x: log_density(x, 0, np.zeros(1)), z, x, weights)
    assert bounds.infomax(q, z, x, weights) == pytest.approx(level, abs=1e-9)
    law_gap = 0.5 * (v - 1 - np.log(v))  # KL[N(0, v) || N(0, 1)]
    assert upper == pytest.approx(level + law_gap, abs=1e-9)
    expected = -0.5 * np.log(2 * np.pi * v) - 0.5 / v
    assert bounds.elbo(p, q, *FINE) == pytest.approx(expected, abs=1e-9)


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
        return bounds.infomax(critic, nodes.along_first(z), x, joint)[0]

    best = lower(mean, log_var)
    assert best == pytest.approx(best_lower, abs=0.005)  # stated to two digits
    assert lower(mean, log_var + 0.3) < best and lower(mean + 0.3, log_var) < best
    # z acts through f only, and f is N(0, 1)
    line = np.linspace(-9, 9, 801)
    information = bounds.information(linear(a, -2 * level), nodes.along_second(line),
                                     line[1] - line[0], *nodes.grid(400))
    assert information == pytest.approx(level, abs=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_bounds_and_gap_identities_for_random_nets(seed):
    """I^ = I - E KL(p(z|x) || r), U = I + KL(p(x) || p_true) and
    ELBO = E log p(x) - E KL(q || p(z|x)), by a dense second route."""
    critic = [critics.Normal(), critics.Mixture(2), critics.Bayes()][seed % 3]
    problem, rng = problems.SplitNormal(n_hidden=5, critic=critic), generator(seed)
    params = random_like(problem.init(rng), rng, 0.5)
    got, = exact.evaluate(one_model(problem, params), tolerance=1e-7)
    assert differences(problem, got, truth(problem, params, 401)) == []


def test_log_marginal_is_bayes_denominator():
    """p(x) = N(0, 1.5) of x|z ~ N(z, .5), whatever the layout of x; the posterior that
    it normalises sums to one."""
    p, (z, weights) = linear(1.0, np.log(0.5)), nodes.grid(200)
    x = nodes.along_second([-2.0, 0.0, 1.3])
    log_px = bounds.log_marginal(p, x, z, weights)
    np.testing.assert_allclose(log_px, log_density(x, 0.0, np.log([1.5])), atol=1e-12)
    np.testing.assert_array_equal(
        bounds.log_marginal(p, np.swapaxes(x, 1, 2), z, weights)[0, :, 0], log_px[0, 0])
    posterior = weights * np.exp(p.log_prob(x, z) - log_px)
    np.testing.assert_allclose(posterior.sum(1), 1, rtol=1e-12)


class Never:
    """A decoder that can yield x = 0 alone, with log 0 = -inf elsewhere."""

    def log_prob(self, x, z):
        with np.errstate(divide="ignore"):
            return np.log(np.where(x[..., 0] == 0, 1.0, 0.0) + 0 * z[..., 0])


def test_what_nothing_can_yield_has_log_0_and_costs_no_mean():
    """log p(x) = -inf and not NaN, and 0 log 0 = 0 in upper and information."""
    z, weights = nodes.grid(8)
    x = nodes.along_second([0.0, 1.0])
    log_px = bounds.log_marginal(Never(), x, z, weights)
    np.testing.assert_allclose(log_px, [[[0.0, -np.inf]]], atol=1e-15)
    joint = weights * np.array([1.0, 0.0])
    for got in (bounds.upper(Never(), lambda x: log_px, z, x, joint),
                bounds.information(Never(), x, 1.0, z, weights)):
        assert got == pytest.approx(0, abs=1e-15)
