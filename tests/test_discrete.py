"""Properties of the bounds where x is enumerable, over random nets, laws and dimensions, against a second route.

Two kinds of tolerance.  Inequalities between sums over one and the same set of nodes, with densities normalised on it, are
Jensen's inequality for finite sums: they hold to rounding, 1e-9 relative (sums of up to 10^5 terms of size 1 to 10^3).
Figures of the library's continuous bounds carry a quadrature error, which refining pushes below 1e-6 (`exact.figures`);
the dense second route is good to about as much, so equalities are tested to 1e-5.
"""
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from helpers import check_identities, dense, discrete_truth, random_like
from minimae import bounds, exact, nodes, problems
from minimae.nets import log_sum_exp

@st.composite
def laws(draw, largest=7):
    """Laws of x with 2 categories and more, uniform or not, with zeros and near zeros."""
    parts = draw(st.lists(st.sampled_from([0.0, 1e-12, 1e-3, 0.3, 1.0, 2.0]), min_size=2, max_size=largest))
    assume(sum(parts) > 0.1)
    return np.array(parts) / sum(parts)


@st.composite
def models(draw, dims=(1, 2), scales=(0.1, 0.5, 1.0, 2.0), law=None):
    """(problem, parameters, p_true) with random nets of small and large weights."""
    p_true = draw(laws()) if law is None else law
    dim = draw(st.sampled_from(dims))
    scale = draw(st.sampled_from(scales if dim == 1 else [s for s in scales if s <= 1]))  # what a 2-d grid can resolve
    rng = np.random.default_rng(draw(st.integers(0, 2 ** 32 - 1)))
    problem = problems.categorical(p_true, n_hidden=4, dim_z=dim, n_components=draw(st.integers(1, 3)))
    p, q, r = problem.init(rng)
    # q and r have log variances of 1 at most in size, so that no grid is asked to resolve a spike of theirs.
    return problem, (random_like(p, rng, scale), random_like(q, rng, 0.5), random_like(r, rng, 0.5)), p_true


@given(models())
def test_bounds_and_gap_identities(model):
    check_identities(*model)


@given(models())
def test_elbo_of_every_single_x(model):
    """ELBO(x) <= log p(x) for each x, and the gap is KL(q(z|x) || p(z|x))."""
    problem, params, p_true = model
    p, q, _ = problem.densities(params)
    eps, weights = nodes.grid(2001 if params[0][0].shape[2] == 1 else 121, params[0][0].shape[2])
    x = np.eye(len(p_true))[None, :, None]
    got = bounds.elbo(p, q, x, eps[None, None], weights[None, None], axis=2)[0]
    sampled = bounds.elbo_sampled(p, q, x, eps[None, None], weights[None, None], axis=2)[0]
    truth = discrete_truth(params, p_true, dense(params))
    np.testing.assert_allclose(got, truth["log_px"] - truth["encoder_gap"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(sampled, got, rtol=1e-6, atol=1e-6)
    assert np.all(got <= truth["log_px"] + 1e-6)


class OnGrid:
    """A critic normalised on the very nodes z: log r(z_i|x) - log sum_i dz r(z_i|x)."""

    def __init__(self, r, z, dz):
        self.r, self.z, self.dz = r, z, dz

    def log_prob(self, z, x):
        return self.r.log_prob(z, x) - log_sum_exp(self.r.log_prob(self.z, x), 1)[:, None] - np.log(self.dz)


@given(models(scales=(0.5, 2.0, 10.0, 100.0)), st.integers(40, 120))
def test_jensen_on_any_grid(model, n):
    """With r normalised on the nodes I^ <= I, and the sampled ELBO never exceeds the log of its own importance weights,
    to rounding, however sharp the nets and coarse the grid."""
    problem, params, p_true = model
    p, q, r = problem.densities(params)
    dim = params[0][0].shape[2]
    n = n if dim == 1 else n // 2
    z, weights = nodes.grid(n, dim)
    z = z[None, :, None]
    x, joint = p.joint(z, None, weights[None, :, None])
    information = exact.information(p, x, 1.0, z, weights[None, :, None])
    lower = bounds.infomax(OnGrid(r, z, (18 / n) ** dim), z, x, joint)
    # H(z) is the continuous entropy here, and the grid's own is larger by rounding at h = 18 / 40 in one dimension and by
    # up to 2.4e-9 at h = 18 / 20 in two; for an odd n it may be smaller, by 2.2e-10 at most, well within the tolerance.
    assert lower <= information + 1e-9 * (1 + np.abs(lower))
    assert -1e-9 <= information <= np.log(len(p_true)) + 1e-9
    eps, eps_weights = nodes.grid(n, dim)
    points = np.eye(len(p_true))[None, :, None], eps[None, None]
    single = bounds.elbo_sampled(p, q, *points, 1.0, axis=())  # (1, K, J): log p(x|z) p(z) / q(z|x) of every node
    with np.errstate(divide="ignore"):
        estimate = log_sum_exp(single + np.log(eps_weights), 2)
    assert np.all(np.sum(eps_weights * single, 2) <= estimate + 1e-9 * (1 + np.abs(estimate)))


@given(models())
def test_posterior_sums_to_one_and_obeys_bayes_rule(model):
    """p(z|x) from log_marginal against p(z|x) from the joint table, normalised over z directly."""
    problem, params, p_true = model
    p, _, _ = problem.densities(params)
    z, weights = nodes.grid(201 if params[0][0].shape[2] == 1 else 41, params[0][0].shape[2])
    x, z, weights = np.eye(len(p_true))[None, None], z[None, :, None], weights[None, :, None]
    posterior = weights * np.exp(p.log_prob(x, z) - exact.log_marginal(p, x, z, weights)[:, None])
    np.testing.assert_allclose(posterior.sum(1), 1, rtol=1e-9)
    joint = p.joint(z, None, weights)[1]
    np.testing.assert_allclose(posterior, joint / joint.sum(1, keepdims=True), rtol=1e-9, atol=1e-12)


@given(models(), st.randoms(use_true_random=False))
def test_relabelling_categories_changes_nothing(model, random):
    problem, (p, q, r), p_true = model
    order = list(range(len(p_true)))
    random.shuffle(order)
    relabelled = problems.categorical(p_true[order], 4, p[0].shape[2], {2: 1}.get((len(r) - 2) // 2, r[2].shape[-1]))
    p = (*p[:2], p[2][..., order], p[3][..., order])
    q, r = ((net[0][:, :, order], *net[1:]) for net in (q, r))
    before, after = exact.figures(problem, model[1]), exact.figures(relabelled, (p, q, r))
    for key in before:
        assert after[key] == pytest.approx(before[key], rel=1e-9, abs=1e-9)


class Merged:
    """A decoder whose two last categories are told apart no more."""

    def __init__(self, p):
        self.p = p

    def log_prob(self, x, z):
        log_probs = self.p.log_probs(z)
        merged = np.concatenate([log_probs[..., :-2], np.logaddexp(log_probs[..., -2], log_probs[..., -1])[..., None]], -1)
        return np.sum(x * merged, -1)


@given(models(scales=(0.5, 2.0, 10.0)))
def test_merging_categories_never_raises_information(model):
    """The data processing inequality, to rounding on one grid."""
    problem, params, p_true = model
    p, _, _ = problem.densities(params)
    z, weights = nodes.grid(101 if params[0][0].shape[2] == 1 else 31, params[0][0].shape[2])
    z, weights, K = z[None, :, None], weights[None, :, None], len(p_true)
    whole = exact.information(p, np.eye(K)[None, None], 1.0, z, weights)
    merged = exact.information(Merged(p), np.eye(K - 1)[None, None], 1.0, z, weights)
    assert merged <= whole + 1e-9


@given(models())
def test_a_decoder_that_ignores_z_has_no_information(model):
    problem, (p, q, r), p_true = model
    p = (0 * p[0], *p[1:])
    got = exact.figures(problem, (p, q, r))
    assert got["exact"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("K", [2, 3, 10])
def test_ever_sharper_bins_of_equal_mass_hold_log_K(K):
    """Category k in the k-th K-quantile of z: I rises to log K, and stays below it."""
    from statistics import NormalDist
    edges = np.array([NormalDist().inv_cdf(k / K) for k in range(1, K)])
    problem = problems.categorical(np.full(K, 1 / K), n_hidden=K - 1)
    previous = 0.0
    for sharpness in (3.0, 30.0, 300.0):
        p, q, r = problem.init(np.random.default_rng(0))
        # log p(k|z) + const = sum over edges below k of 2 sharpness (z - edge): differences of logits are lines through edges.
        p = (np.full_like(p[0], sharpness / 100), -sharpness / 100 * edges[None, None, None],
             200 * np.tri(K, K - 1, -1).T[None, None], np.zeros_like(p[3]))
        information = exact.figures(problem, (p, q, r))["exact"][0]
        assert previous < information < np.log(K)
        previous = information
    assert previous > np.log(K) - 0.03


def test_upper_bound_is_infinite_where_the_law_misses_mass():
    problem = problems.categorical([0.5, 0.5, 0.0], n_hidden=3)
    got = exact.figures(problem, problem.init(np.random.default_rng(0)))  # warnings are errors: inf comes without one
    assert got["upper"][0] == np.inf and np.isfinite(got["exact"][0]) and np.isfinite(got["elbo"][0])


@given(st.integers(0, 2 ** 32 - 1), st.sampled_from([-20.0, 20.0]), st.integers(1, 2))
def test_extreme_logits_and_variances_stay_finite(seed, log_var, components):
    """Logits of +-1e3 and log variances of +-20 in q and r: finite bounds, no warning, or the one clear error."""
    problem = problems.categorical(np.full(4, 0.25), n_hidden=4, n_components=components)
    rng = np.random.default_rng(seed)
    p, q, r = problem.init(rng)
    p = (*p[:3], 1e3 * rng.choice([-1.0, 1.0], p[3].shape))
    q, r = (*q[:5], np.full_like(q[5], log_var)), (*r[:-1], np.full_like(r[-1], log_var))
    params = p, q, r
    p, q, r = problem.densities(params)
    data, (z, eps, weights) = problem.nodes(64)
    x, joint = p.joint(z, eps, weights)
    values = [bounds.elbo(p, q, *data), bounds.elbo_sampled(p, q, *data), bounds.infomax(r, z, x, joint),
              bounds.upper(p, problem.log_true, z, x, joint)]
    assert np.all(np.isfinite(values))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "MOST_CELLS", 2 ** 12)  # gives up sooner, to save seconds
        try:
            assert all(np.all(np.isfinite(value)) for value in exact.figures(problem, params).values())
        except ArithmeticError as error:
            assert "too sharp" in str(error)


@given(laws(), st.integers(0, 2 ** 32 - 1))
def test_exact_sum_over_x_is_the_expectation_of_the_score_function_gradient(p_true, seed):
    """d/dtheta of sum_x p(x|z) f(x) equals E_{x|z} f(x) d/dtheta log p(x|z), here averaged over x exactly."""
    import autograd.numpy as anp
    from autograd import grad
    from minimae.nets import CategoricalNet, init
    rng = np.random.default_rng(seed)
    params = random_like(init(rng, 1, 3, len(p_true)), rng, 1.0)
    z, f = rng.standard_normal((1, 6, 1, 1)), rng.standard_normal(len(p_true))
    summed = grad(lambda params: anp.sum(CategoricalNet(params).joint(z, None, 1.0)[1] * f))(params)
    probs = CategoricalNet(params).joint(z, None, 1.0)[1]
    scored = grad(lambda params: anp.sum(probs * f * CategoricalNet(params).log_prob(np.eye(len(p_true))[None, None], z)))(params)
    for a, b in zip(summed, scored):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_score_function_samples_agree_with_the_exact_sum():
    """The estimator that needs samples of x only: its mean over 20,000 draws is the exact gradient, in standard errors."""
    from autograd import grad, jacobian
    from minimae.nets import CategoricalNet, init
    rng = np.random.default_rng(2)
    params = random_like(init(rng, 1, 3, 4), rng, 1.0)
    z, f, n = np.full((1, 1, 1, 1), 0.4), np.array([1.0, -2.0, 0.5, 3.0]), 20_000
    probs = CategoricalNet(params).joint(z, None, 1.0)[1][0, 0]
    bias = lambda b: CategoricalNet((*params[:3], b))
    exact_gradient = grad(lambda b: (bias(b).joint(z, None, 1.0)[1] * f).sum())(params[3]).ravel()
    scores = jacobian(lambda b: bias(b).log_prob(np.eye(4)[None, None], z)[0, 0])(params[3]).reshape(4, 4)
    draws = rng.choice(4, n, p=probs)
    samples = f[draws, None] * scores[draws]
    # 6 standard errors, a false alarm in 10^8 seeds for each of four components.
    assert np.all(np.abs(samples.mean(0) - exact_gradient) < 6 * samples.std(0) / np.sqrt(n))


@pytest.mark.parametrize("p_true", [[0.5, 0.6], [-0.1, 1.1], [[0.5, 0.5]], [np.nan, 1.0]])
def test_what_is_no_distribution_is_refused(p_true):
    with pytest.raises(ValueError, match="must be probabilities that sum to 1"):
        problems.categorical(p_true)
