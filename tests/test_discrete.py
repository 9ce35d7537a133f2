"""Properties of the bounds where x is enumerable, over random nets, laws, critics and
dimensions, against a second route.

Two kinds of tolerance.  Inequalities between sums over one and the same set of nodes,
with densities normalised on it, are Jensen's inequality for finite sums: they hold to
rounding, 1e-9 relative (sums of up to 10^5 terms of size 1 to 10^3).  Figures of the
library's continuous bounds carry a quadrature error, below 1e-6 on the grids used here;
the second route is good to about as much, so equalities are tested to 1e-5.
"""
from statistics import NormalDist

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from hypothesis import assume, given
from hypothesis import strategies as st

from helpers import check_identities, elbo_sampled, log_sum_exp, random_like, truth
from minimae import bounds, exact, nodes, problems
from minimae.nets import CategoricalNet, init

SEEDS = st.integers(0, 2 ** 32 - 1)


@st.composite
def laws(draw):
    """Laws of 2 to 7 categories, uniform or not, with zeros and near zeros."""
    parts = draw(st.lists(st.sampled_from([0.0, 1e-12, 1e-3, 0.3, 1.0, 2.0]),
                          min_size=2, max_size=7))
    assume(sum(parts) > 0.1)
    return np.array(parts) / sum(parts)


@st.composite
def models(draw, scales=(0.1, 0.5, 1.0, 2.0), critics=(1, 2, 3, "bayes")):
    """(problem, parameters) with random nets of small and large weights."""
    dim = draw(st.sampled_from([1, 2]))
    # What a grid in two dimensions can resolve is less.
    scale = draw(st.sampled_from([s for s in scales if s < 1 or dim == 1]))
    problem = problems.Categorical(draw(laws()), n_hidden=4, dim_z=dim,
                                   critic=draw(st.sampled_from(critics)))
    rng = np.random.default_rng(draw(SEEDS))
    # q and r have log variances of 1 or so, so that no grid is asked for a spike.
    return problem, random_like(problem.init(rng), rng, scale, 0.5, 0.5)


def coarse(problem, n=100):
    """The prior's nodes z and weights on a grid on which nothing has to converge."""
    return nodes.grid(n if problem.dim_z == 1 else n // 3, problem.dim_z)


@given(models())
def test_bounds_and_gap_identities(model):
    """All figures, I <= H(x) <= log K, and the ELBO of every single x."""
    problem, params = model
    n = {1: 2000, 2: 72}[problem.dim_z]  # enough for 1e-6 at these scales
    expected = truth(problem, params, n)
    values = exact.on_grid(problem, params, n, 0.5, exact.WIDTH)
    got = dict(zip(exact.KEYS, values))
    check_identities(problem, got, expected)
    entropy = -np.sum(expected["px"] * expected["log_px"])
    assert got["exact"] <= entropy + 1e-6 <= np.log(problem.dim_x) + 2e-6
    p, q, _ = problem.densities(params)
    eps = nodes.grid(n, problem.dim_z)
    every_x = nodes.down(np.eye(problem.dim_x)), np.ones((1, problem.dim_x, 1))
    elbo = bounds.elbo(p, q, *nodes.cross(every_x, eps), axis=2)[0]
    np.testing.assert_allclose(elbo, expected["elbo_of_x"], rtol=1e-5, atol=1e-5)
    assert np.all(elbo <= expected["log_px_of_x"] + 1e-6)


class OnGrid:
    """A critic normalised on the very nodes z: r(z_i|x) / sum_i dz r(z_i|x)."""

    def __init__(self, r, z, dz):
        self.r, self.z, self.dz = r, z, dz

    def log_prob(self, z, x):
        log_mass = log_sum_exp(self.r.log_prob(self.z, x), 1)[:, None]
        return self.r.log_prob(z, x) - log_mass - np.log(self.dz)


@given(models(scales=(0.5, 2.0, 10.0, 100.0), critics=(1, 2, 3)), st.integers(40, 120))
def test_jensen_on_any_grid(model, n):
    """With r normalised on the nodes I^ <= I, and the sampled ELBO never exceeds the
    log of its own importance weights, to rounding, however sharp the nets and coarse
    the grid."""
    problem, params = model
    p, q, r = problem.densities(params)
    dim, n = problem.dim_z, n if problem.dim_z == 1 else n // 2
    z, weights = nodes.grid(n, dim)
    x, joint = p.joint(z, None, weights)
    information = bounds.information(p, x, 1.0, z, weights)
    lower = bounds.infomax(OnGrid(r, z, (18 / n) ** dim), z, x, joint)
    # H(z) is the continuous entropy here, and the grid's own is larger by rounding at
    # h = 18 / 40 in one dimension and by up to 2.4e-9 at h = 18 / 20 in two; for an odd
    # n it may be smaller, by 2.2e-10 at most, well within the tolerance.
    assert lower <= information + 1e-9 * (1 + np.abs(lower))
    assert -1e-9 <= information <= np.log(problem.dim_x) + 1e-9
    every_x = nodes.down(np.eye(problem.dim_x)), np.ones((1, problem.dim_x, 1))
    x, eps, weights = nodes.cross(every_x, (z, weights))
    log_importance = elbo_sampled(p, q, x, eps)
    with np.errstate(divide="ignore"):  # what underflows has no weight
        estimate = log_sum_exp(log_importance + np.log(weights), 2)
    mean = np.sum(weights * log_importance, 2)
    assert np.all(mean <= estimate + 1e-9 * (1 + np.abs(estimate)))


@given(models())
def test_posterior_sums_to_one_and_obeys_bayes_rule(model):
    """p(z|x) from log_marginal against the joint table normalised over z directly."""
    problem, params = model
    p, _, _ = problem.densities(params)
    z, weights = coarse(problem)
    x, joint = p.joint(z, None, weights)
    log_px = bounds.log_marginal(p, x, z, weights)
    posterior = weights * np.exp(p.log_prob(x, z) - log_px)
    np.testing.assert_allclose(posterior.sum(1), 1, rtol=1e-9)
    np.testing.assert_allclose(posterior, joint / joint.sum(1, keepdims=True),
                               rtol=1e-9, atol=1e-12)


@given(models(), st.randoms(use_true_random=False))
def test_relabelling_categories_changes_nothing(model, random):
    """On any one grid, to rounding."""
    problem, (p, q, r) = model
    order = list(range(problem.dim_x))
    random.shuffle(order)
    relabelled = problems.Categorical(problem.p_true[order], 4, problem.dim_z,
                                      problem.critic)
    new_p = (*p[:2], p[2][..., order], p[3][..., order])
    new_q, new_r = ((net[0][:, :, order], *net[1:]) if net else () for net in (q, r))
    before = exact.on_grid(problem, (p, q, r), 30, 0.5, 9.0)
    after = exact.on_grid(relabelled, (new_p, new_q, new_r), 30, 0.5, 9.0)
    np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-9)


class Merged:
    """A decoder whose two last categories are told apart no more."""

    def __init__(self, p):
        self.p = p

    def log_prob(self, x, z):
        log_probs = self.p.log_probs(z)
        both = np.logaddexp(log_probs[..., -2], log_probs[..., -1])[..., None]
        return np.sum(x * np.concatenate([log_probs[..., :-2], both], -1), -1)


@given(models(scales=(0.5, 2.0, 10.0)))
def test_merging_categories_never_raises_information(model):
    """The data processing inequality, to rounding on one grid."""
    problem, params = model
    p, _, _ = problem.densities(params)
    whole, merged = (bounds.information(density, nodes.across(np.eye(K)), 1.0,
                                        *coarse(problem))
                     for density, K in [(p, problem.dim_x),
                                        (Merged(p), problem.dim_x - 1)])
    assert merged <= whole + 1e-9


@given(models())
def test_a_decoder_that_ignores_z_has_no_information(model):
    problem, (p, q, r) = model
    p, _, _ = problem.densities(((0 * p[0], *p[1:]), q, r))
    x = nodes.across(np.eye(problem.dim_x))
    got = bounds.information(p, x, 1.0, *coarse(problem))
    assert got == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("K", [2, 10])
def test_ever_sharper_bins_of_equal_mass_hold_log_K(K):
    """Category k in the k-th K-quantile of z: I rises to log K, and stays below it."""
    edges = np.array([NormalDist().inv_cdf(k / K) for k in range(1, K)])
    problem = problems.Categorical(np.full(K, 1 / K), n_hidden=K - 1)
    _, q, r = problem.init(np.random.default_rng(0))
    previous = 0.0
    for sharpness in (3.0, 30.0, 300.0):
        # log p(k|z) + const = sum over edges below k of 2 sharpness (z - edge), by
        # units that are lines: differences of logits are zero on the edges.
        W, b = np.full((1, K - 1), sharpness / 100), -sharpness / 100 * edges[None]
        V, c = 200 * np.tri(K, K - 1, -1).T, np.zeros((1, K))
        p = tuple(array[None, None] for array in (W, b, V, c))
        information = exact.evaluate(problem, (p, q, r), tolerance=1e-4)["exact"][0]
        assert previous < information < np.log(K)
        previous = information
    assert previous > np.log(K) - 0.03


def with_log_var(net, log_var, n):
    """A net whose last n outputs are this and what the hidden units add."""
    if not net:
        return net
    W, b, V, c = net
    return W, b, V, np.concatenate([c[..., :-n], np.full((1, 1, 1, n), log_var)], -1)


@given(SEEDS, st.sampled_from([-20.0, 20.0]), st.sampled_from([1, 2, "bayes"]))
def test_extreme_logits_and_variances_stay_finite(seed, log_var, critic):
    """Logits of +-1e3 and log variances of +-20 in q and r: finite bounds and figures,
    with no warning, or figures that are marked."""
    problem = problems.Categorical(np.full(4, 0.25), n_hidden=4, critic=critic)
    problem.finest = 2048  # marked sooner, to save seconds
    rng = np.random.default_rng(seed)
    p, *others = problem.init(rng)
    p = (*p[:3], 1e3 * rng.choice([-1.0, 1.0], p[3].shape))
    params = (p, *(with_log_var(net, log_var, n)
                   for net, n in zip(others, [1, critic])))
    p, q, r = problem.densities(params)
    data, (z, eps, weights) = problem.nodes(rng)
    x, joint = p.joint(z, eps, weights)
    assert np.all(np.isfinite([bounds.elbo(p, q, *data), bounds.infomax(r, z, x, joint),
                               bounds.upper(p, problem.log_true, z, x, joint)]))
    figures = list(exact.evaluate(problem, params).values())
    assert np.all(np.isfinite(figures)) or np.all(np.isnan(figures))


@given(laws(), SEEDS)
def test_exact_sum_over_x_is_the_expectation_of_the_score_function_gradient(law, seed):
    """d/dtheta of sum_x p(x|z) f(x) equals E_{x|z} f(x) d/dtheta log p(x|z), here
    averaged over x exactly."""
    rng = np.random.default_rng(seed)
    params, = random_like([init(rng, 1, 3, len(law))], rng, 1.0)
    z, f = rng.standard_normal((1, 6, 1, 1)), rng.standard_normal(len(law))
    x, probs = CategoricalNet(params).joint(z, None, 1.0)
    summed = grad(lambda params: anp.sum(
        CategoricalNet(params).joint(z, None, 1.0)[1] * f))(params)
    scored = grad(lambda params: anp.sum(
        probs * f * CategoricalNet(params).log_prob(x, z)))(params)
    for a, b in zip(summed, scored):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
