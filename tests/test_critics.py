"""The critics: densities of z, Bayes' rule without a gap, a decoder of one's own."""
import math

import autograd.numpy as anp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from pytest import approx

from helpers import (generator, linear_normal, log_density, log_sum_exp, one_model,
                     random_model, random_net)
from minimae import bounds, critics, exact, nets, problems, quadrature


@pytest.mark.parametrize("critic", [nets.NormalNet(), critics.NormalMixture(3)])
def test_a_critic_is_a_density_of_z(critic):
    rng = generator(7)
    like = critic.init(rng, n_in=2, n_hidden=5, n_out=1)
    r = critic.with_params(random_net(like, rng, scale=0.4))
    x = rng.standard_normal((4, 2))
    z, dz = np.linspace(-60, 60, 60_001, retstep=True)
    log_r = r.log_prob(z[:, None, None], x)                     # (60001, 4)
    # Points are .002 apart: the rule is exact to rounding for an sd of exp(-3) or more.
    mass = dz * np.sum(np.exp(log_r), axis=0)
    assert_allclose(mass, 1, atol=1e-6)


def test_a_mixture_of_one_part_is_a_normal():
    rng = generator(8)
    mixture = critics.NormalMixture(1)
    like = mixture.init(rng, n_in=2, n_hidden=5, n_out=3)
    W, b, V, c = random_net(like, rng, scale=0.5)
    r = mixture.with_params((W, b, V, c))
    without_logit = (W, b, V[:, 1:], c[1:])
    normal_r = nets.NormalNet().with_params(without_logit)
    z = rng.standard_normal((6, 3))
    x = rng.standard_normal((6, 2))
    assert_allclose(r.log_prob(z, x), normal_r.log_prob(z, x), rtol=1e-12, atol=1e-12)


# Bayes' rule

def test_bayes_rule_resolves_three_nats():
    """x|z ~ N(a z, exp(-6)) with a^2 = 1 - exp(-6): r is the posterior
    N(a x, exp(-6))."""
    a = np.sqrt(1 - np.exp(-6.0))
    p = linear_normal(a, log_var=-6.0)
    r = critics.Bayes().given(p, quadrature.grid(4))
    x = np.linspace(-3, 3, 7)[:, None]
    for n_sds in [-2.0, 0.0, 1.0]:
        z = a * x + np.exp(-3) * n_sds
        expected = -0.5 * (np.log(2 * np.pi) - 6 + n_sds ** 2)
        # The points are .0469 apart and the sd is .0498, which leaves an error of
        # 2 exp(-2 pi^2 (.0498 / .0469)^2) = 5e-10.
        assert_allclose(r.log_prob(z, x), expected, atol=1e-8)


@pytest.mark.parametrize("n_points, smallest_gap", [(200, 0.0), (12, 0.01)])
def test_gap_of_bayes_rule(n_points, smallest_gap):
    """I^ = I + KL[p(x) || sum_s w_s p(x|z_s)] for x|z ~ N(z, 1/4), I = 1/2 log 5: no
    gap on fine nodes.  On coarse ones r is no density, and I^ is above I."""
    p = linear_normal(1.0, np.log(0.25))
    coarse = quadrature.grid(n_points)
    fine = quadrature.grid(100)
    z, eps, weights = quadrature.tensor_product(fine, fine)
    x, _ = p.joint_nodes(z, eps, weights)
    r = critics.Posterior(p, *coarse)
    log_px = log_density(x, 0.0, np.log([1.25]))
    log_coarse_px = bounds.log_marginal(p, x, *coarse)
    gap = bounds.expectation(log_px - log_coarse_px, weights)
    information = 0.5 * np.log(5)
    infomax = bounds.infomax(r, z, x, weights)
    assert infomax == approx(information + gap, abs=1e-9)
    assert gap >= smallest_gap - 1e-9
    if smallest_gap == 0:
        assert gap < 1e-9


@pytest.mark.parametrize("problem", [
    problems.SplitNormal(n_hidden=5, dim_z=2),
    problems.Categorical([0.8, 0.2], n_hidden=5)])
def test_infomax_with_multi_sample_is_the_multi_sample_bound(problem):
    """To rounding, for any decoder, nodes and codes."""
    rng = generator(5)
    params = random_model(problem, rng, scale=0.7)
    p, _, _ = problem.densities(params)
    codes = quadrature.kronecker(rng, 50, problem.dim_z)

    def coarse_rule(dim):
        return quadrature.grid(12, dim)
    of_z = quadrature.kronecker(rng, 30, problem.dim_z)
    noise = problem.noise_nodes(coarse_rule)
    z, eps, weights = quadrature.tensor_product(of_z, noise)
    x, weights = p.joint_nodes(z, eps, weights)
    r = critics.MultiSample().given(p, codes)
    infomax = bounds.infomax(r, z, x, weights)
    multi_sample = bounds.multi_sample(p, z, x, weights, *codes)
    assert infomax == approx(multi_sample, abs=1e-9)


def test_multi_sample_has_a_largest_target():
    """10 e^M codes for M nats, and never a negative target."""
    critic = critics.MultiSample()
    assert critic.max_target(512) == approx(np.log(51.2))
    assert critic.max_target(5) == 0.0


def test_is_bayes_is_true_for_bayes_rule_only():
    p = linear_normal(1.0, 0.0)
    codes = quadrature.grid(4)
    for critic in [critics.Bayes(), critics.MultiSample()]:
        assert critics.is_bayes(critic)
        assert critics.is_bayes(critic.given(p, codes))
    assert not critics.is_bayes(nets.NormalNet())
    assert not critics.is_bayes(critics.NormalMixture(2))


def test_bayes_rule_in_three_dimensions_is_refused():
    with pytest.raises(ValueError, match=r"critic Bayes\(\), dim_z 3: .*MultiSample"):
        problems.SplitNormal(critic=critics.Bayes(), dim_z=3).init(generator(0))


# The poster's critic

def test_a_normal_critic_of_ten_equal_slices_ends_at_2_104_nats():
    """x is the decile of z, so I = log 10.  The best normal has the mean and variance
    of each slice.  In an inner slice, where p(z|x) is nearly uniform, it misses
    1/2 log(2 pi e / 12)."""
    z, dz = np.linspace(-9, 9, 720_001, retstep=True)
    mass = np.exp(-0.5 * z ** 2) * dz / np.sqrt(2 * np.pi)
    decile = np.minimum(10 * np.cumsum(mass), 9).astype(int)
    # H(best normal) - H(p(z|x)) for each slice
    gaps = []
    for k in range(10):
        points = z[decile == k]
        weights = 10 * mass[decile == k]
        mean = weights @ points
        var = weights @ points ** 2 - mean ** 2
        entropy = -weights @ np.log(weights / dz)
        entropy_of_normal = 0.5 * np.log(2 * np.pi * np.e * var)
        gaps.append(entropy_of_normal - entropy)
    # The points are 2.5e-5 apart, so the edges and all values are good to 1e-4.
    infomax = np.log(10) - np.mean(gaps)
    assert infomax == approx(2.10402, abs=1e-4)
    uniform_gap = 0.5 * np.log(2 * np.pi * np.e / 12)
    # The density varies by 3 % within a middle slice, which moves this by .001.
    assert gaps[4] == approx(uniform_gap, abs=2e-3)


# A decoder of one's own

def laplace_quantile(eps):
    """The quantile of Laplace(0, 1) for the probability Phi(eps)."""
    tail = math.erfc(abs(eps) / math.sqrt(2))
    return math.copysign(math.log(tail), eps)


class LaplaceNet(nets.Density):
    """x | z ~ Laplace(mean(z), 1)."""

    def init(self, rng, n_in, n_hidden, n_out):
        return nets.init(rng, n_in, n_hidden, n_out)

    def log_prob(self, x, z):
        error = anp.abs(x - nets.net(self.params, z))
        return -anp.sum(error + math.log(2), axis=-1)

    def reparameterize(self, z, eps):
        return nets.net(self.params, z) + np.vectorize(laplace_quantile)(eps)


class LaplaceProblem(problems.SplitNormal):
    """x_grid of SplitNormal covers 9 sds of a normal; exp(-40) is left beyond 40."""

    def x_grid(self, n, p):
        x, dx = np.linspace(-40, 40, n, retstep=True)
        return x[:, None], dx


def test_bayes_rule_for_a_decoder_of_ones_own_is_right():
    """I^ under Bayes' rule, and the exact I, are those of a dense table."""
    problem = LaplaceProblem(n_hidden=3, critic=critics.Bayes())
    problem.decoder = LaplaceNet()
    params = random_model(problem, generator(1))
    p, _, r = problem.densities(params)
    z = np.linspace(-8, 8, 801)
    x, dx = np.linspace(-40, 40, 8001, retstep=True)
    mean = nets.net(p.params, z[:, None])                       # (801, 1)
    log_pxz = -np.abs(x - mean) - np.log(2)                     # (801, 8001)
    log_pz = -0.5 * z ** 2 - log_sum_exp(-0.5 * z ** 2, axis=0)
    log_joint = log_pz[:, None] + log_pxz
    log_px = log_sum_exp(log_joint, axis=0)
    information = np.sum(np.exp(log_joint) * (log_pxz - log_px)) * dx

    codes = quadrature.grid(100)
    noise = quadrature.grid(400)
    z, eps, weights = quadrature.tensor_product(codes, noise)
    x, weights = p.joint_nodes(z, eps, weights)
    infomax = bounds.infomax(r, z, x, weights)
    # The kink of |x - mean| costs about h^2 = 1e-4 in either sum, less on average.
    assert infomax == approx(information, abs=2e-4)
    row, = exact.evaluate(one_model(problem, params), tolerance=1e-4)
    assert row["information"] == approx(information, abs=2e-4)
    assert row["infomax"] <= row["information"]
