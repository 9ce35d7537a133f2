"""The critics: densities of z, Bayes' rule without a gap, a decoder of one's own."""
import math

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import value_and_grad

from helpers import (Given, generator, linear, log_density, log_sum_exp, one_model,
                     random_like)
from minimae import bounds, critics, exact, nets, nodes, problems, train


@pytest.mark.parametrize("critic", [critics.Normal(), critics.Mixture(3)])
def test_a_critic_is_a_density_of_z(critic):
    z, dz = np.linspace(-60, 60, 60001, retstep=True)
    rng = generator(7)
    x = rng.standard_normal((1, 1, 4, 2))
    params, = random_like([critic.init(rng, 2, 5, 1)], rng, 0.4)
    r = critic.density(params, None, None)
    # Points are .002 apart: for sds from exp(-3) on the rule is exact to rounding.
    mass = dz * np.sum(np.exp(r.log_prob(nodes.along_first(z), x)[0]), 0)
    np.testing.assert_allclose(mass, 1, atol=1e-6)


def test_bayes_rule_resolves_three_nats():
    """x|z ~ N(a z, exp(-6)), a^2 = 1 - exp(-6): r is the posterior N(a x, exp(-6))."""
    a = np.sqrt(1 - np.exp(-6.0))
    r = critics.Bayes().density((), linear(a, -6.0), nodes.grid(4))
    x = nodes.along_second(np.linspace(-3, 3, 7))
    z = a * x + np.exp(-3) * nodes.along_first([-2.0, 0.0, 1.0])
    expected = -0.5 * (np.log(2 * np.pi) - 6 + np.array([4.0, 0.0, 1.0]))
    # 1e-8: its points are .0469 apart and the sd is .0498, which leaves
    # 2 exp(-2 pi^2 (.0498 / .0469)^2) = 5e-10.
    np.testing.assert_allclose(r.log_prob(z, x)[0],
                               np.tile(expected[:, None], (1, 7)), atol=1e-8)


@pytest.mark.parametrize("points, least", [(200, 0.0), (12, 0.01)])
def test_gap_of_bayes_rule(points, least):
    """I^ = I + KL[p(x) || sum_j w_j p(x|z_j)]: no gap on fine nodes; on coarse ones it
    is above I, as r is then no density.  x|z ~ N(z, 1/4), I = 1/2 log 5."""
    p, coarse = linear(1.0, np.log(0.25)), nodes.grid(points)
    z, eps, weights = nodes.cross(nodes.grid(100), nodes.grid(100))
    x, _ = p.joint(z, eps, weights)
    lower = bounds.infomax(critics.Posterior(p, *coarse), z, x, weights)
    log_px = log_density(x, 0.0, np.log([1.25]))
    gap = bounds.expectation(log_px - bounds.log_marginal(p, x, *coarse), weights)
    assert lower == pytest.approx(0.5 * np.log(5) + gap, abs=1e-9)
    assert least <= gap + 1e-9 and (least > 0 or gap < 1e-9)


@pytest.mark.parametrize("problem", [
    problems.SplitNormal(n_hidden=5, dim_z=2), problems.Categorical([0.8, 0.2], 5)])
def test_infomax_with_multi_sample_is_the_multi_sample_bound(problem):
    """To rounding, whatever the decoder, nodes and codes."""
    rng = generator(5)
    p, _, _ = problem.densities(random_like(problem.init(rng), rng, 0.7))
    codes = nodes.kronecker(rng, 50, problem.dim_z)
    z, eps, weights = nodes.cross(nodes.kronecker(rng, 30, problem.dim_z),
                                  problem.noise(lambda dim: nodes.grid(12, dim)))
    x, weights = p.joint(z, eps, weights)
    r = critics.MultiSample().density((), p, codes)
    np.testing.assert_allclose(bounds.infomax(r, z, x, weights), bounds.multi_sample(
        p, z, x, weights, *codes), rtol=1e-9, atol=1e-9)


def test_a_normal_critic_of_ten_equal_slices_ends_at_2_104_nats():
    """x is the decile of z, so I = log 10; the best normal has each slice's own mean
    and variance.  In an inner slice, nearly uniform, it misses 1/2 log(2 pi e / 12)."""
    z, dz = np.linspace(-9, 9, 720_001, retstep=True)
    mass = np.exp(-0.5 * z ** 2) * dz / np.sqrt(2 * np.pi)
    decile = np.minimum(10 * np.cumsum(mass), 9).astype(int)
    missed = []
    for k in range(10):
        weights, at = 10 * mass[decile == k], z[decile == k]
        var = weights @ at ** 2 - (weights @ at) ** 2
        entropy = -weights @ np.log(weights / dz)
        missed.append(0.5 * np.log(2 * np.pi * np.e * var) - entropy)
    # A cell is 2.5e-5 wide, so edges and figures are good to 1e-4.
    assert np.log(10) - np.mean(missed) == pytest.approx(2.10402, abs=1e-4)
    uniform = 0.5 * np.log(2 * np.pi * np.e / 12)
    # The density varies by 3 % within a middle slice, which moves this by .001.
    assert missed[4] == pytest.approx(uniform, abs=2e-3)


@pytest.mark.parametrize("dim", [1, 2])
def test_log_p_of_x_by_hand_is_that_of_autograd_in_value_and_slope(dim):
    """NormalNet.log_marginal is bounds.log_marginal, and so is its gradient in x, for x
    of any dimension and any layout, one or several models."""
    rng = generator(dim)
    params, = random_like([nets.init(rng, 1, 4, dim, dim)], rng, 0.6)
    params = tuple(np.concatenate([a, 0.5 * a]) for a in params)
    for p in (nets.NormalNet(params), nets.NormalNet(
            (*params[:2], params[2][..., :dim], params[3][..., :dim]), -0.7)):
        x, nodes_of_z = rng.standard_normal((2, 3, 4, dim)), nodes.grid(40)
        pull = rng.standard_normal((2, 3, 4))
        (value, slope), (expected, right) = (
            value_and_grad(lambda x: anp.sum(pull * f(x, *nodes_of_z)))(x)
            for f in (p.log_marginal, lambda *args: bounds.log_marginal(p, *args)))
        # Rounding of quadratics in x: as precise as their largest terms, some 1e3.
        assert value == pytest.approx(expected, rel=1e-9, abs=1e-9)
        np.testing.assert_allclose(slope, right, rtol=1e-9, atol=1e-9)


# A decoder of one's own, x|z ~ Laplace(mean, scale)

QUANTILES = np.vectorize(  # of Laplace(0, 1), from eps ~ N(0, 1)
    lambda eps: -math.copysign(math.log(math.erfc(abs(eps) / math.sqrt(2))), eps))


class OnlyLogProb(nets.NormalNet):
    def log_prob(self, value, inputs):
        mean, log_scale = self.mean_and_log_var(inputs)
        return -anp.sum(anp.abs(value - mean) * anp.exp(-log_scale) + log_scale
                        + math.log(2), -1)


class Laplace(OnlyLogProb):
    def joint(self, z, eps, weights):
        mean, log_scale = self.mean_and_log_var(z)
        return mean + anp.exp(log_scale) * QUANTILES(eps), weights


class LaplaceProblem(problems.SplitNormal):
    kind = Laplace

    def decoder(self, params):
        return self.kind(params)


def test_a_subclass_with_its_own_log_prob_is_right_under_bayes_rule():
    """I^ under Bayes' rule, and the exact I, are those of a dense table."""
    problem = LaplaceProblem(n_hidden=3, critic=critics.Bayes())
    p, q, r = random_like(problem.init(generator(1)), generator(2), 1.0)
    p = (*p[:2], np.stack([p[2][..., 0], 0 * p[2][..., 0]], -1), p[3] * 0)  # scale 1
    z, x = np.linspace(-8, 8, 801), np.linspace(-40, 40, 8001)
    mean = nets.net(p, nodes.along_first(z))[0, :, :, 0]
    log_pxz = -np.abs(x - mean) - np.log(2)
    log_pz = -z[:, None] ** 2 / 2 - log_sum_exp(-z ** 2 / 2, 0)
    log_px = log_sum_exp(log_pz + log_pxz, 0)
    information = np.sum(np.exp(log_pz + log_pxz) * (log_pxz - log_px)) * 0.01

    density, _, critic = problem.densities((p, q, r))
    at, eps, weights = nodes.cross(nodes.grid(100), nodes.grid(400))
    lower = bounds.infomax(critic, at, *density.joint(at, eps, weights))
    # The kink of |x - mean| costs some h^2 = 1e-4 of either sum, and less on average.
    assert lower == pytest.approx(information, abs=2e-4)
    row, = exact.evaluate(one_model(problem, (p, q, r)), tolerance=1e-4)
    assert row["information"] == pytest.approx(information, abs=2e-4)
    assert row["lower"] <= row["information"]


class HalfLogits(nets.CategoricalNet):
    def log_prob(self, x, z):
        return 0.5 * super().log_prob(x, z)


@pytest.mark.parametrize("problem, kind", [
    (problems.SplitNormal(n_hidden=3, critic=critics.Bayes()), OnlyLogProb),
    (problems.Categorical([0.5, 0.5], n_hidden=3), HalfLogits)])
def test_a_subclass_with_another_log_prob_alone_is_refused(problem, kind):
    problem.decoder = kind
    with pytest.raises(TypeError, match=f"{kind.__name__}: its own log_prob needs a j"):
        train.train(problem, [None], steps=1)


def test_squares_far_from_0_do_not_cancel():
    """log p(x) in single precision where x is -1 with an sd of .003: 1e-3 off double
    precision at most, and 5e-3 if x were not centred."""
    z, x = generator(5).standard_normal((2, 1, 50, 1, 1))
    log_px = []
    for kind in (float, np.float32):
        p = Given(lambda z: 0 * z - kind(1), lambda z: 0 * z - kind(11.6))
        log_px.append(p.log_marginal((0.003 * x - 1).astype(kind), z.astype(kind),
                                     np.full((1, 50, 1), 1 / 50, kind)))
    np.testing.assert_allclose(*log_px, rtol=0, atol=1e-3)
