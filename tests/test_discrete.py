"""Properties of the bounds where x is enumerable, over random nets, laws and
dimensions, against a second route.

Two kinds of tolerance.  Inequalities between sums over one and the same set of nodes,
with densities normalised on it, are Jensen's inequality for finite sums: they hold to
rounding, 1e-9 relative (sums of up to 10^5 terms of size 1 to 10^3).  The library's
continuous bounds carry a quadrature error, which refining pushes below 1e-6; the dense
second route is good to about as much, so equalities are tested to 1e-5.
"""
import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from hypothesis import assume, given
from hypothesis import strategies as st

from helpers import check_identities, elbo_sampled, random_like, truth
from minimae import bounds, exact, nodes, problems
from minimae.nets import CategoricalNet, init, log_sum_exp


@st.composite
def laws(draw, largest=7):
    """Laws of x with 2 categories and more, uniform or not, with zeros and near zeros."""
    masses = st.sampled_from([0.0, 1e-12, 1e-3, 0.3, 1.0, 2.0])
    parts = draw(st.lists(masses, min_size=2, max_size=largest))
    assume(sum(parts) > 0.1)
    return np.array(parts) / sum(parts)


@st.composite
def models(draw, dims=(1, 2), scales=(0.1, 0.5, 1.0, 2.0)):
    """(problem, parameters, p_true) with random nets of small and large weights."""
    p_true, dim = draw(laws()), draw(st.sampled_from(dims))
    # what a grid in two dimensions can resolve
    scale = draw(st.sampled_from([s for s in scales if s <= 1 or dim == 1]))
    rng = np.random.default_rng(draw(st.integers(0, 2 ** 32 - 1)))
    problem = problems.Categorical(p_true, n_hidden=4, dim_z=dim,
                                   critic=draw(st.sampled_from([1, 2, 3, "bayes"])))
    # q and r have log variances of 1 at most in size: no spikes to resolve
    return problem, random_like(problem.init(rng), rng, scale, 0.5, 0.5), p_true


def points(problem):
    """Points per dimension on which the second route stands to 1e-6."""
    return 4001 if problem.dim_z == 1 else 161


@given(models())
def test_bounds_and_gap_identities(model):
    problem, params, p_true = model
    check_identities(problem, exact.evaluate(problem, params),
                     truth(problem, params, points(problem)))


@given(models())
def test_elbo_of_every_single_x(model):
    """ELBO(x) <= log p(x) for each x, and the gap is KL[q(z|x) || p(z|x)]."""
    problem, params, p_true = model
    p, q, _ = problem.densities(params)
    eps, weights = nodes.grid(2001 if problem.dim_z == 1 else 121, problem.dim_z)
    eps, weights = nodes.across(eps), np.reshape(weights, (1, 1, -1))
    x = nodes.down(np.eye(problem.dim_x))
    got = bounds.elbo(p, q, x, eps, weights, axis=2)[0]
    expected = truth(problem, params, points(problem))
    np.testing.assert_allclose(got, expected["elbo_of_x"], rtol=1e-5, atol=1e-5)
    assert np.all(got <= expected["log_px"] + 1e-6)


class OnGrid:
    """A critic normalised on the nodes z: log r(z_i|x) - log sum_i dz r(z_i|x)."""

    def __init__(self, r, z, dz):
        self.r, self.z, self.dz = r, z, dz

    def log_prob(self, z, x):
        total = log_sum_exp(self.r.log_prob(self.z, x), 1)[:, None]
        return self.r.log_prob(z, x) - total - np.log(self.dz)


@given(models(scales=(0.5, 2.0, 10.0, 100.0)), st.integers(40, 120))
def test_jensen_on_any_grid(model, n):
    """With r normalised on the nodes I^ <= I, and the mean of log p(x|z) p(z) / q(z|x)
    never exceeds the log of the mean, however sharp the nets and coarse the grid."""
    problem, params, p_true = model
    p, q, r = problem.densities(params)
    n = n if problem.dim_z == 1 else n // 2
    z, weights = nodes.grid(n, problem.dim_z)
    x, joint = p.joint(z, None, weights)
    information = bounds.information(p, x, 1.0, z, weights)
    on_grid = OnGrid(r, z, (18 / n) ** problem.dim_z)
    lower = bounds.infomax(on_grid, z, x, joint)
    # H(z) is that of the continuous normal.  The grid's own is larger, to rounding in
    # one dimension and by up to 2.4e-9 in two; for odd n smaller, by 2.2e-10 at most.
    assert lower <= information + 1e-9 * (1 + np.abs(lower))
    assert -1e-9 <= information <= np.log(len(p_true)) + 1e-9
    eps, eps_weights = nodes.across(z), np.reshape(weights, (1, 1, -1))
    single = elbo_sampled(p, q, nodes.down(np.eye(problem.dim_x)), eps)
    with np.errstate(divide="ignore"):
        estimate = log_sum_exp(single + np.log(eps_weights), 2)
    mean = np.sum(eps_weights * single, 2)
    assert np.all(mean <= estimate + 1e-9 * (1 + np.abs(estimate)))


@given(models())
def test_posterior_sums_to_one_and_obeys_bayes_rule(model):
    """p(z|x) from log_marginal, against the joint table normalised over z directly."""
    problem, params, p_true = model
    p, _, _ = problem.densities(params)
    z, weights = nodes.grid(201 if problem.dim_z == 1 else 41, problem.dim_z)
    x, joint = p.joint(z, None, weights)
    posterior = weights * np.exp(p.log_prob(x, z) - bounds.log_marginal(p, x, z, weights))
    np.testing.assert_allclose(posterior.sum(1), 1, rtol=1e-9)
    np.testing.assert_allclose(posterior, joint / joint.sum(1, keepdims=True), rtol=1e-9,
                               atol=1e-12)


@given(models(), st.randoms(use_true_random=False))
def test_relabelling_categories_changes_nothing(model, random):
    problem, (p, q, r), p_true = model
    order = list(range(len(p_true)))
    random.shuffle(order)
    other = problems.Categorical(p_true[order], 4, problem.dim_z, problem.critic)
    relabelled = ((*p[:2], p[2][..., order], p[3][..., order]),
                  *((net[0][:, :, order], *net[1:]) if net else net for net in (q, r)))
    before, after = exact.evaluate(problem, (p, q, r)), exact.evaluate(other, relabelled)
    for key in before:
        assert after[key] == pytest.approx(before[key], rel=1e-9, abs=1e-9)


class Merged:
    """A decoder whose two last categories are told apart no more."""

    def __init__(self, p):
        self.p = p

    def log_prob(self, x, z):
        log_probs = self.p.log_probs(z)
        last = np.logaddexp(log_probs[..., -2:-1], log_probs[..., -1:])
        return np.sum(x * np.concatenate([log_probs[..., :-2], last], -1), -1)


@given(models(scales=(0.5, 2.0, 10.0)))
def test_merging_categories_never_raises_information(model):
    """The data processing inequality, to rounding on one grid."""
    problem, params, p_true = model
    p, _, _ = problem.densities(params)
    z, weights = nodes.grid(101 if problem.dim_z == 1 else 31, problem.dim_z)
    K = len(p_true)
    whole = bounds.information(p, nodes.across(np.eye(K)), 1.0, z, weights)
    merged = bounds.information(Merged(p), nodes.across(np.eye(K - 1)), 1.0, z, weights)
    assert merged <= whole + 1e-9


@given(models())
def test_a_decoder_that_ignores_z_has_no_information(model):
    problem, (p, q, r), p_true = model
    got = exact.evaluate(problem, ((0 * p[0], *p[1:]), q, r))
    assert got["exact"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("K", [2, 3, 10])
def test_ever_sharper_bins_of_equal_mass_hold_log_K(K):
    """Category k in the k-th K-quantile of z: I rises to log K, and stays below it."""
    from statistics import NormalDist
    edges = np.array([NormalDist().inv_cdf(k / K) for k in range(1, K)])
    problem = problems.Categorical(np.full(K, 1 / K), n_hidden=K - 1)
    previous = 0.0
    for sharpness in (3.0, 30.0, 300.0):
        p, q, r = problem.init(np.random.default_rng(0))
        # Differences of logits are lines through the edges:
        # log p(k|z) + const = sum over edges below k of 2 sharpness (z - edge).
        p = (np.full_like(p[0], sharpness / 100),
             -sharpness / 100 * edges[None, None, None],
             200 * np.tri(K, K - 1, -1).T[None, None], np.zeros_like(p[3]))
        information = exact.evaluate(problem, (p, q, r))["exact"][0]
        assert previous < information < np.log(K)
        previous = information
    assert previous > np.log(K) - 0.03


def test_a_normal_critic_of_ten_equal_slices_ends_at_2_104_nats():
    """x is the decile of z, so I = log 10; the best normal has each slice's own mean
    and variance.  In an inner slice, nearly uniform, it misses 1/2 log(2 pi e / 12)."""
    from statistics import NormalDist
    cdf = np.vectorize(NormalDist().cdf)
    z, dz = np.linspace(-9, 9, 720_001, retstep=True)
    slices = np.minimum((10 * cdf(z)).astype(int), 9)
    mass = np.exp(-0.5 * z ** 2) * dz / np.sqrt(2 * np.pi)
    lower = 0.5 * np.log(2 * np.pi * np.e)
    for k in range(10):
        weights, at = mass[slices == k] * 10, z[slices == k]
        var = np.sum(weights * at ** 2) - np.sum(weights * at) ** 2
        lower -= 0.5 * np.log(2 * np.pi * np.e * var) / 10
    # 18/720000 is the width of a cell: edges are off by as much, and so is 1e-4 enough
    assert lower == pytest.approx(2.10402, abs=1e-4)


def test_upper_bound_is_infinite_where_the_law_misses_mass():
    problem = problems.Categorical([0.5, 0.5, 0.0], n_hidden=3)
    got = exact.evaluate(problem, problem.init(np.random.default_rng(0)))
    assert got["upper"][0] == np.inf
    assert np.isfinite(got["exact"][0]) and np.isfinite(got["elbo"][0])


def test_what_p_never_yields_does_not_count_in_the_upper_bound():
    """A third category of probability exp(-2000), zero in the law as well: U is that of
    the other two, finite."""
    problem = problems.Categorical([0.5, 0.5, 0.0], n_hidden=3)
    p, q, r = problem.init(np.random.default_rng(0))
    p = (*p[:3], p[3] + np.array([0.0, 0.0, -2000.0]))
    got = exact.evaluate(problem, (p, q, r))
    assert np.isfinite(got["upper"][0]) and got["upper"][0] >= got["exact"][0] - 1e-9


@given(laws(), st.integers(0, 2 ** 32 - 1))
def test_exact_sum_over_x_is_the_expectation_of_the_score_function(p_true, seed):
    """d/dtheta sum_x p(x|z) f(x) equals E_{x|z} f(x) d/dtheta log p(x|z), averaged over
    x exactly."""
    K, rng = len(p_true), np.random.default_rng(seed)
    params, = random_like((init(rng, 1, 3, K),), rng, 1.0)
    z, f = rng.standard_normal((1, 6, 1, 1)), rng.standard_normal(K)
    x, probs = CategoricalNet(params).joint(z, None, 1.0)

    def summed(params):
        return anp.sum(CategoricalNet(params).joint(z, None, 1.0)[1] * f)

    def scored(params):
        return anp.sum(probs * f * CategoricalNet(params).log_prob(x, z))

    for a, b in zip(grad(summed)(params), grad(scored)(params)):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("p_true", [[0.5, 0.6], [-0.1, 1.1], [[0.5, 0.5]], [np.nan, 1.0]])
def test_what_is_no_distribution_is_refused(p_true):
    with pytest.raises(ValueError, match="must be probabilities that sum to 1"):
        problems.Categorical(p_true)


@given(laws())
def test_the_best_likelihood_is_minus_the_entropy_and_so_is_the_highest_level(law):
    """And a law that is off by 9e-6 is the law."""
    problem, other = [problems.Categorical(law * a, n_hidden=3) for a in (1, 1 + 9e-6)]
    entropy = -sum(p * np.log(p) for p in law if p > 0)
    assert problem.best == pytest.approx(-entropy, abs=1e-12)
    assert problem.highest == pytest.approx(entropy, abs=1e-12)
    assert other.best == pytest.approx(problem.best, abs=1e-12)
    params = problem.init(np.random.default_rng(0))
    got, got_other = exact.evaluate(problem, params), exact.evaluate(other, params)
    assert got_other["elbo"] == pytest.approx(got["elbo"], abs=1e-9)
