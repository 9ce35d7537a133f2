"""The critics: mixtures are densities, and Bayes' rule leaves no gap."""
import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad, value_and_grad

from helpers import log_density, random_like
from minimae import bounds, critics, exact, nets, nodes, problems, train

PROBLEMS = {
    "split normal": problems.SplitNormal(n_hidden=5, critic="bayes"),
    "categories": problems.Categorical([0.5, 0.3, 0.2], n_hidden=5, critic="bayes"),
    "categories in two dimensions": problems.Categorical([0.5, 0.3, 0.2], n_hidden=5,
                                                         dim_z=2, critic="bayes"),
}


def random_params(problem, seed=3):
    rng = np.random.default_rng(seed)
    return random_like(problem.init(rng), rng, 0.7)


def test_mixture_is_a_density_and_with_one_part_a_normal():
    rng = np.random.default_rng(7)
    z = nodes.down(np.linspace(-30, 30, 4001))
    x = rng.standard_normal((1, 1, 4, 2))
    params, = random_like([nets.init(rng, 2, 5, 3, 3, 3)], rng, 1.0)
    r = np.exp(critics.MixtureNet(params).log_prob(z, x))
    # Parts have sd exp(log_var / 2) > .05 here; on points .015 apart the rule is exact
    # to rounding for them.
    np.testing.assert_allclose(np.sum(r, 1) * 0.015, 1, atol=1e-9)
    params, = random_like([nets.init(rng, 2, 5, 1, 1, 1)], rng, 1.0)
    np.testing.assert_allclose(
        critics.MixtureNet(params).log_prob(z, x),
        nets.NormalNet((*params[:2], params[2][..., 1:], params[3][..., 1:])).log_prob(
            z, x), rtol=1e-9)


@pytest.mark.parametrize("name", PROBLEMS)
def test_bayes_rule_is_a_density_of_z(name):
    """It sums to one over other nodes than its own, at every likely x."""
    problem = PROBLEMS[name]
    p, _, r = problem.densities(random_params(problem))
    x = (nodes.across(np.eye(3)) if problem.dim_x == 3
         else nodes.across(np.linspace(-2, 2, 5)))
    z, weights = nodes.grid(501 if problem.dim_z == 1 else 61, problem.dim_z)
    log_prior = log_density(z, 0.0, np.zeros(problem.dim_z))
    mass = np.sum(weights * np.exp(r.log_prob(z, x) - log_prior), 1)
    # 1e-5: in two dimensions its 24 points a side are .5 apart, and units 1 / W wide
    # are seen to exp(-20 / W) with W up to 1.5 here.
    np.testing.assert_allclose(mass, 1, atol=1e-5)


def test_bayes_rule_resolves_three_nats():
    """x|z ~ N(a z, exp(-6)), a^2 = 1 - exp(-6): r is the posterior N(a x, exp(-6))."""
    a = np.sqrt(1 - np.exp(-6.0))
    problem = problems.SplitNormal(log_var=-6.0, linear=True, critic="bayes")
    _, q, r = problem.init(np.random.default_rng(0))
    _, _, r = problem.densities(((np.full((1, 1, 1, 1), a), np.zeros((1, 1, 1, 1))),
                                 q, r))
    x = nodes.across(np.linspace(-3, 3, 7))
    z = a * x + np.exp(-3) * nodes.down([-2.0, 0.0, 1.0])
    expected = -0.5 * (np.log(2 * np.pi) - 6 + np.array([4.0, 0.0, 1.0]))
    # 1e-8: its points are .0469 apart and the sd is .0498, which leaves
    # 2 exp(-2 pi^2 (.0498 / .0469)^2) = 5e-10.
    np.testing.assert_allclose(r.log_prob(z, x)[0],
                               np.tile(expected[:, None], (1, 7)), atol=1e-8)


@pytest.mark.parametrize("name", PROBLEMS)
def test_gap_of_bayes_rule_vanishes(name):
    """I^ = I on a fine grid; on a coarse one I^ = I + KL[p(x) || sum_j w_j p(x|z_j)],
    which is above: r is then no density."""
    problem = PROBLEMS[name]
    params = random_params(problem)
    n = 64 if problem.dim_z == 1 else 32
    p, _, r = problem.densities(params)
    _, (z, eps, weights) = problem.grids(n)
    x, joint = p.joint(z, eps, weights)
    information = exact.evaluate(problem, params)["exact"]
    lower = bounds.infomax(r, z, x, joint)
    assert lower == pytest.approx(information, abs=1e-5)  # as above
    coarse = nodes.grid(2, problem.dim_z, 0.2, half_width=2.0)
    above = bounds.infomax(critics.Bayes(p, *coarse), z, x, joint)
    prior = nodes.grid(n, problem.dim_z)
    ratio = bounds.log_marginal(p, x, *prior) - bounds.log_marginal(p, x, *coarse)
    gap = bounds.expect(ratio, joint)  # KL
    assert gap > 1e-4 and above == pytest.approx(information + gap, abs=1e-5)


class Moving(critics.Bayes):
    """Bayes' rule on the tape, with p not held."""

    def log_prob(self, z, x):
        log_px = bounds.log_marginal(self.p, x, self.z, self.weights)
        log_prior = log_density(z, 0.0, np.zeros(z.shape[-1]))
        return log_prior + self.p.log_prob(x, z) - log_px


@pytest.mark.parametrize("name", PROBLEMS)
def test_no_gradient_reaches_p_through_bayes_rule(name):
    """The gradient of both bounds is that with r built from parameters that are just
    numbers, and another one where r is built from those that move."""
    problem = PROBLEMS[name]
    params = random_params(problem)
    data, prior = problem.grids(8)

    def gradient(critic):
        def total(params):
            p, q, r = problem.densities(params)
            return anp.sum(train.objectives(p, q, critic(p, r), data, prior,
                                            np.array([0.7])))
        return grad(total)(params)[0]

    fixed = problem.densities(params)[2]
    own, held = gradient(lambda p, r: r), gradient(lambda p, r: fixed)
    moving = gradient(lambda p, r: Moving(p, *nodes.grid(8, problem.dim_z)))
    for a, b, c in zip(own, held, moving):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)  # rounding
        assert np.max(np.abs(c - b)) > 1e-6


@pytest.mark.parametrize("kind", [0, -1, 1.5, "x", None])
def test_no_such_critic(kind):
    message = f"critic {kind}: give a number of normals from 1, or bayes"
    with pytest.raises(ValueError, match=message):
        problems.SplitNormal(critic=kind)
    with pytest.raises(ValueError, match=message):
        problems.Categorical([1.0], critic=kind)


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
    assert missed[0] + missed[9] < np.sum(missed) / 3  # the ends are the smaller part


@pytest.mark.parametrize("dim", [1, 2])
def test_a_sum_of_normals_has_the_slope_that_autograd_finds(dim):
    """The value is that of log_marginal, and so is the gradient in x, for x of any
    dimension and any layout, one or several models."""
    rng = np.random.default_rng(dim)
    params, = random_like([nets.init(rng, 1, 4, dim, dim)], rng, 0.8)
    params = tuple(np.concatenate([a, 0.5 * a]) for a in params)
    for p in (nets.NormalNet(params), nets.NormalNet(
            (*params[:2], params[2][..., :dim], params[3][..., :dim]), -0.7)):
        x, nodes_of_z = rng.standard_normal((2, 3, 4, dim)), nodes.grid(40)
        pull = rng.standard_normal((2, 3, 4))
        (value, slope), (expected, right) = (
            value_and_grad(lambda x: anp.sum(pull * f(p, x, *nodes_of_z)))(x)
            for f in (critics.normal_marginal, bounds.log_marginal))
        assert value == pytest.approx(expected, rel=1e-12)
        # Rounding of quadratics in x: as precise as their largest terms, some 1e3.
        np.testing.assert_allclose(slope, right, rtol=1e-10, atol=1e-11)
        np.testing.assert_allclose(critics.normal_marginal(p, x, *nodes_of_z),
                                   bounds.log_marginal(p, x, *nodes_of_z), rtol=1e-11)
