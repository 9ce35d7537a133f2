"""The bounds on real x, for which closed forms and dense grids give the truth."""
from statistics import NormalDist

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from numpy.testing import assert_allclose
from pytest import approx

from helpers import (GivenNormal, differences, flatten, generator, linear_normal,
                     log_density, one_model, random_model, random_net, truth)
from minimae import bounds, critics, exact, nets, problems, quadrature

# The integrands of closed forms are polynomials of the nodes or nearly so: with 200
# points only rounding is left.
FINE = quadrature.tensor_product(quadrature.grid(200), quadrature.grid(200))
CRITICS = [nets.NormalNet(), critics.NormalMixture(2), critics.Bayes()]


def log_standard_normal(x):
    return log_density(x, 0.0, np.zeros(1))


# Closed forms

@pytest.mark.parametrize("sd", ["exp(-M)", 0.25, 0.5])
@pytest.mark.parametrize("target", [0.0, 0.4, 2.0])
def test_split_normal_closed_forms(target, sd):
    """x|z ~ N(a z, sd^2) with a^2 = sd^2 (exp(2 M) - 1): I^ = I = M, x has the variance
    v = sd^2 exp(2 M), and ELBO = E log p(x) = -1/2 log(2 pi v) - 1 / (2 v).  If
    sd = exp(-M), v is 1, U = I, and the ELBO is -1/2 log(2 pi e) for all M."""
    if sd == "exp(-M)":
        sd = np.exp(-target)
    v = sd ** 2 * np.exp(2 * target)
    a = np.sqrt(v - sd ** 2)
    p = linear_normal(a, np.log(sd ** 2))
    q = linear_normal(a / v, np.log(sd ** 2 / v))
    z, eps, weights = FINE
    x, weights = p.joint_nodes(z, eps, weights)
    assert bounds.infomax(q, z, x, weights) == approx(target, abs=1e-9)
    upper = bounds.upper_bound(p, log_standard_normal, z, x, weights)
    data_gap = 0.5 * (v - 1 - np.log(v))    # KL[N(0, v) || N(0, 1)]
    assert upper == approx(target + data_gap, abs=1e-9)
    expected = -0.5 * np.log(2 * np.pi * v) - 0.5 / v
    assert bounds.elbo(p, q, *FINE) == approx(expected, abs=1e-9)


def test_elbo_terms_of_a_linear_model():
    """x|z ~ N(z, 1) and q(z|x) = N(x / 2, 1 / 2) at x = 1, by hand."""
    p = linear_normal(1.0, log_var=0.0)
    q = linear_normal(0.5, log_var=np.log(0.5))
    x = np.ones((1, 1))
    eps = np.zeros((1, 1))  # so that z = 1/2
    reconstruction, kl = bounds.elbo_terms(p, q, x, eps)
    log_density_at_half = -0.5 * np.log(2 * np.pi) - 0.125
    assert reconstruction == approx(log_density_at_half)
    # 1/2 [mean^2 + var - log var - 1]
    assert kl == approx(0.5 * (0.25 + 0.5 + np.log(2) - 1))


class NormalWithoutKL(nets.NormalNet):
    """An encoder that does not know its KL divergence."""
    sample_with_kl = nets.Density.sample_with_kl


def test_elbo_of_an_encoder_without_a_closed_kl():
    """log q(z|x) - log p(z) has the KL as its mean, so the ELBO on a grid is equal."""
    rng = generator(3)
    params = random_net(nets.init(rng, 1, 4, 1, 1), rng, 0.5)
    p = linear_normal(1.0, np.log(0.5))
    q = nets.NormalNet().with_params(params)
    other_q = NormalWithoutKL().with_params(params)
    x, eps, _ = FINE
    _, kl = bounds.elbo_terms(p, q, x, eps)
    _, other_kl = bounds.elbo_terms(p, other_q, x, eps)
    assert kl.shape == (200,)
    assert other_kl.shape == (200, 200)
    elbo = bounds.elbo(p, q, *FINE)
    other_elbo = bounds.elbo(p, other_q, *FINE)
    # The grid of eps is exact to rounding for polynomials of degree 2.
    assert elbo == approx(other_elbo, abs=1e-9)


@pytest.mark.parametrize("target, best_infomax", [
    (0.5, 0.13), (1.0, 0.20), (2.0, 0.24)])
def test_a_decoder_that_fools_every_gaussian_critic(target, best_infomax):
    """x|z ~ N(a f(z), exp(-2 M)) with f(z) = F^-1(2 F(z) mod 1), F the normal cdf:
    p(x) = N(0, 1) and I = M.  But two codes lead to every x, so p(z|x) has two modes,
    and no Gaussian r comes near it."""
    a = np.sqrt(1 - np.exp(-2 * target))
    sd = np.exp(-target)
    # Beyond 6.5, F is 1 in double precision.
    points, weights = quadrature.grid(40, half_width=6.5)
    e = points[:, 0]
    f = np.concatenate([e, e])
    both_weights = np.concatenate([weights, weights]) / 2       # of the codes of e
    z = codes_of(e)[:, None]                                    # (80, 1)
    noise = sd * e[:, None, None]                               # (40, 1, 1)
    x = a * f[:, None] + noise                                  # (40, 80, 1)
    joint = np.outer(weights, both_weights)

    # f given x is N(a x, exp(-2 M)), and its two codes are equally likely.
    f_given_x = np.clip(a * x + sd * e, -6.5, 6.5)              # (40, 80, 40)
    codes = codes_of(f_given_x)                                 # (40, 80, 80)
    mean = codes @ both_weights
    var = codes ** 2 @ both_weights - mean ** 2
    log_var = np.log(var)

    def infomax(mean, log_var):
        r = GivenNormal(lambda x: mean[..., None], lambda x: log_var[..., None])
        return bounds.infomax(r, z, x, joint)

    best = infomax(mean, log_var)
    assert best == approx(best_infomax, abs=0.005)  # stated to two digits
    assert infomax(mean, log_var + 0.3) < best
    assert infomax(mean + 0.3, log_var) < best
    # z acts through f only, and f is N(0, 1).
    line, dx = np.linspace(-9, 9, 801, retstep=True)
    p = linear_normal(a, -2 * target)
    information = bounds.information(p, line[:, None], dx, *quadrature.grid(400))
    assert information == approx(target, abs=1e-6)


def codes_of(f):
    """Both codes z with f(z) = f, concatenated along the last axis."""
    cdf = np.vectorize(NormalDist().cdf)
    quantile = np.vectorize(NormalDist().inv_cdf)
    values, where = np.unique(np.round(f, 9), return_inverse=True)  # saves time
    half = cdf(values) / 2
    both = []
    for codes in [quantile(half), quantile(half + 0.5)]:
        of_f = codes[where]
        both.append(of_f.reshape(f.shape))
    return np.concatenate(both, axis=-1)


# Identities

@pytest.mark.parametrize("seed", range(6))
def test_bounds_and_gap_identities_for_random_nets(seed):
    """I^ = I - E KL[p(z|x) || r], U = I + KL[p(x) || p_true] and
    ELBO = E log p(x) - E KL[q || p(z|x)], by a dense second route."""
    problem = problems.SplitNormal(n_hidden=5, critic=CRITICS[seed % 3])
    params = random_model(problem, generator(seed), scale=0.5)
    row, = exact.evaluate(one_model(problem, params), tolerance=1e-7)
    assert differences(problem, row, truth(problem, params, n=401)) == []


def test_log_marginal_is_bayes_denominator():
    """p(x) = N(0, 1.5) for x|z ~ N(z, .5), and the posterior that it normalises sums
    to one."""
    p = linear_normal(1.0, np.log(0.5))
    z, weights = quadrature.grid(200)
    x = np.array([[-2.0], [0.0], [1.3]])
    log_px = bounds.log_marginal(p, x, z, weights)
    expected = log_density(x, 0.0, np.log([1.5]))
    assert_allclose(log_px, expected, atol=1e-12)
    log_pxz = p.log_prob(x[:, None], z)                         # (3, 200)
    posterior = weights * np.exp(log_pxz - log_px[:, None])
    assert_allclose(np.sum(posterior, axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize("shape", [(2,), (3, 2), (4, 3, 2), (4, 1, 2), (1, 3, 2)])
def test_log_marginal_has_the_shape_of_x_without_its_last_axis(shape):
    rng = generator(1)
    like = nets.NormalNet().init(rng, n_in=1, n_hidden=4, n_out=2)
    p = nets.NormalNet().with_params(random_net(like, rng, scale=0.5))
    z, weights = quadrature.grid(20)
    x = rng.standard_normal(shape)
    log_px = bounds.log_marginal(p, x, z, weights)
    assert log_px.shape == shape[:-1]
    rows = x.reshape(-1, 2)
    one_by_one = [bounds.log_marginal(p, row, z, weights) for row in rows]
    assert_allclose(np.ravel(log_px), one_by_one, rtol=1e-12)


# Zero probabilities

class OnlyZero(nets.Density):
    """A decoder that can only yield x = 0: log p is 0 there and -inf elsewhere."""

    def log_prob(self, x, z):
        shape = np.broadcast_shapes(x.shape, z.shape)
        values = np.broadcast_to(x, shape)[..., 0]
        return np.where(values == 0, 0.0, -np.inf)


def test_an_impossible_x_has_log_probability_minus_infinity():
    """-inf and not NaN; and 0 log 0 = 0 in upper_bound and information."""
    z, weights = quadrature.grid(8)
    x = np.array([[0.0], [1.0]])

    def log_px(x):
        return bounds.log_marginal(OnlyZero(), x, z, weights)
    assert_allclose(log_px(x), [0.0, -np.inf], atol=1e-15)
    joint = np.outer([1.0, 0.0], weights)
    upper = bounds.upper_bound(OnlyZero(), log_px, z, x[:, None], joint)
    assert upper == approx(0, abs=1e-15)
    information = bounds.information(OnlyZero(), x, 1.0, z, weights)
    assert information == approx(0, abs=1e-15)


def test_upper_bound_is_infinite_if_m_misses_mass_of_p():
    p = linear_normal(1.0, 0.0)
    z, eps, weights = FINE
    x, weights = p.joint_nodes(z, eps, weights)

    def log_half_line(x):
        return np.where(x[..., 0] > 0, 0.0, -np.inf)
    assert bounds.upper_bound(p, log_half_line, z, x, weights) == np.inf


# The score function estimator

def test_score_weights_have_the_gradient_by_enumeration():
    """With every category as a node, sum score_weights f has the gradient of
    sum_z w sum_x p(x|z) f(x, z), for a fixed f."""
    rng = generator(4)
    like = nets.CategoricalNet().init(rng, 1, 3, 4)
    params = random_net(like, rng, 1.0)
    z, weights = quadrature.grid(6)
    x = np.eye(4)[:, None]                                      # (4, 1, 4)
    f = rng.standard_normal((4, 6))

    def log_prob(params):
        return nets.CategoricalNet().with_params(params).log_prob(x, z)

    def enumerated(params):
        return anp.sum(weights * anp.exp(log_prob(params)) * f)

    probs = np.exp(log_prob(params))                            # (4, 6)

    def by_score(params):
        w = bounds.score_weights(log_prob(params), weights * probs)
        return bounds.expectation(f, w)

    # Rounding of sums of 24 terms of size 1.
    assert by_score(params) == approx(enumerated(params), abs=1e-12)
    expected = flatten(grad(enumerated)(params))
    assert np.max(np.abs(expected)) > 0.01
    gradient = flatten(grad(by_score)(params))
    assert_allclose(gradient, expected, rtol=0, atol=1e-12)


def test_score_weights_have_the_mean_as_baseline():
    """A constant added to f changes nothing, though the nodes are a few draws."""
    rng = generator(5)
    log_p = rng.standard_normal((1, 8))
    weights = np.full((1, 8), 1 / 8)
    f = rng.standard_normal((1, 8))

    def gradient(f):
        def mean(log_p):
            return bounds.expectation(f, bounds.score_weights(log_p, weights))
        return grad(mean)(log_p)
    expected = weights * (f - np.mean(f))
    assert_allclose(gradient(f), expected, atol=1e-15)
    assert_allclose(gradient(f + 100), expected, atol=1e-12)


# A user's setting of NumPy

@pytest.mark.parametrize("log_var", [-14.0, 0.0])
def test_bounds_of_real_x_work_if_numpy_raises_on_underflow(log_var):
    """Some set np.seterr(all="raise") in every session.  If the sd is exp(-7), the
    density of most x is 0 in double precision."""
    p = linear_normal(1.0, log_var)
    q = linear_normal(0.5, log_var)
    z, eps, weights = quadrature.tensor_product(quadrature.grid(30),
                                                quadrature.grid(30))
    check_all_bounds(p, q, z, eps, weights)


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_bounds_of_categories_work_if_numpy_raises_on_underflow(scale):
    rng = generator(6)
    decoder = nets.CategoricalNet()
    p = decoder.with_params(random_net(decoder.init(rng, 1, 4, 3), rng, scale))
    encoder = nets.NormalNet()
    q = encoder.with_params(encoder.init(rng, 3, 4, 1))
    z, weights = quadrature.grid(30)
    check_all_bounds(p, q, z, None, weights[None])


def check_all_bounds(p, q, z, eps, weights):
    """Raise FloatingPointError if a bound has an underflow."""
    codes = z, np.sum(weights, axis=0)
    with np.errstate(all="raise"):
        x, joint = p.joint_nodes(z, eps, weights)
        r = critics.Posterior(p, *codes)
        rows = x[:, 0]                                          # (J, X)
        row_eps = np.zeros((len(rows), 1))
        row_weights = np.full((1, len(rows)), 1 / len(rows))
        values = [
            bounds.elbo(p, q, rows, row_eps, row_weights),
            bounds.infomax(r, z, x, joint),
            bounds.information(p, rows, 0.1, *codes),
            bounds.upper_bound(p, log_flat, z, x, joint),
            bounds.multi_sample(p, z, x, joint, *codes),
            *bounds.log_marginal(p, rows, *codes)]
    assert not np.any(np.isnan(values))


def log_flat(x):
    return np.zeros(x.shape[:-1])
