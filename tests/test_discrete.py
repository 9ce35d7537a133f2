"""Properties of the bounds for categorical x, over random nets, distributions, critics
and dimensions, against a second route.

There are two kinds of tolerance.  Inequalities between sums over the same nodes, with
densities that are normalised on them, are Jensen's inequality for finite sums.  They
hold to rounding, 1e-9 relative for up to 10^5 terms of size 1 to 10^3.  Values of the
continuous bounds have a quadrature error below 1e-6 on the grids used here.  The second
route has about the same error, so equalities are tested to 1e-5.
"""
import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from helpers import (differences, generator, log_prior, log_sum_exp, random_model,
                     truth)
from minimae import bounds, critics, exact, nets, problems, quadrature

SEEDS = st.integers(0, 2 ** 32 - 1)
LEARNED = [nets.NormalNet(), critics.NormalMixture(2), critics.NormalMixture(3)]
ROUNDING = 1e-9


@st.composite
def distributions(draw):
    """Probabilities of 2 to 7 categories, equal or not, with zeros and near zeros."""
    sizes = st.sampled_from([0.0, 1e-12, 1e-3, 0.3, 1.0, 2.0])
    parts = draw(st.lists(sizes, min_size=2, max_size=7))
    assume(sum(parts) > 0.1)
    return np.array(parts) / sum(parts)


@st.composite
def models(draw, scales=(0.1, 0.5, 1.0, 2.0), kinds=(*LEARNED, critics.Bayes())):
    """A problem, and parameters of a model with small or large weights."""
    dim_z = draw(st.sampled_from([1, 2]))
    scale_of_q_and_r = 0.5
    if dim_z == 2:
        # A grid with 72 points per dimension resolves an sd of .21, a log variance of
        # -3.1: with this scale that is 8 standard deviations away.
        scales = [scale for scale in scales if scale < 1]
        scale_of_q_and_r = 0.3
    scale = draw(st.sampled_from(scales))
    p_true = draw(distributions())
    critic = draw(st.sampled_from(kinds))
    problem = problems.Categorical(p_true, n_hidden=4, dim_z=dim_z, critic=critic)
    rng = generator(draw(SEEDS))
    return problem, random_model(problem, rng, scale=scale_of_q_and_r, p=scale)


def elbo_of_each_x(problem, p, q, codes):
    """The ELBO of every category on its own, (K,)."""
    eps, weights = codes
    elbos = []
    for x in np.eye(problem.dim_x):
        elbos.append(bounds.elbo(p, q, x, eps[:, None], weights[:, None]))
    return np.array(elbos)


@given(models())
def test_bounds_and_gap_identities(model):
    """All values, I <= H(x) <= log K, and the ELBO <= log p(x) of every single x."""
    problem, params = model
    # Enough for 1e-6 with these scales.
    n = 2000 if problem.dim_z == 1 else 72
    values = exact.on_grid(problem, params, n)
    expected = truth(problem, params, n)
    assert differences(problem, values, expected) == []
    entropy = -np.sum(expected["px"] * expected["log_px"])
    assert values["information"] <= entropy + 1e-6
    assert entropy <= np.log(problem.dim_x) + 1e-6

    p, q, _ = problem.densities(params)
    elbo = elbo_of_each_x(problem, p, q, quadrature.grid(n, problem.dim_z))
    assert_allclose(elbo, expected["elbo_of_x"], rtol=1e-5, atol=1e-5)
    assert np.all(elbo <= expected["log_px_of_x"] + 1e-6)


class NormalisedOnNodes(nets.Density):
    """The critic r(z|x) / sum_s dz r(z_s|x), which is normalised on the nodes z_s."""

    def __init__(self, r, nodes, dz):
        self.r = r
        self.nodes = nodes
        self.dz = dz

    def log_prob(self, z, x):
        log_mass = log_sum_exp(self.r.log_prob(self.nodes, x), axis=-1)
        return self.r.log_prob(z, x) - log_mass[..., None] - np.log(self.dz)


@given(models(scales=(0.1, 0.5, 2.0, 10.0, 100.0), kinds=LEARNED),
       st.integers(40, 120))
def test_infomax_is_at_most_information_on_any_grid(model, n):
    """I^ <= I to rounding if r is normalised on the nodes, however sharp the nets and
    however coarse the grid are."""
    problem, params = model
    p, _, r = problem.densities(params)
    if problem.dim_z == 2:
        n = n // 2
    z, weights = quadrature.grid(n, problem.dim_z)
    x, joint = p.joint_nodes(z, None, weights[None])
    information = bounds.information(p, np.eye(problem.dim_x), 1.0, z, weights)
    dz = (18 / n) ** problem.dim_z
    infomax = bounds.infomax(NormalisedOnNodes(r, z, dz), z, x, joint)
    # H(z) in I^ is that of the continuous N(0, I).  The grid's own entropy is larger,
    # by up to 2.4e-9, or smaller by 2.2e-10 at most, for an odd n.
    assert infomax <= information + ROUNDING * (1 + np.abs(infomax))
    assert -ROUNDING <= information <= np.log(problem.dim_x) + ROUNDING


@given(models(scales=(0.1, 0.5, 2.0, 10.0, 100.0), kinds=LEARNED),
       st.integers(40, 120))
def test_elbo_is_at_most_the_log_of_its_importance_weights(model, n):
    """The ELBO on any nodes is E log w, with w = p(x|z) p(z) / q(z|x).  It never
    exceeds log E w on the same nodes, the estimate of log p(x)."""
    problem, params = model
    p, q, _ = problem.densities(params)
    if problem.dim_z == 2:
        n = n // 2
    eps, weights = quadrature.grid(n, problem.dim_z)
    x = np.eye(problem.dim_x)
    mean, log_var = q.mean_and_log_var(x)                       # (K, Z)
    z = mean + np.exp(log_var / 2) * eps[:, None]               # (n, K, Z)
    log_q = log_prior(eps)[:, None] - 0.5 * np.sum(log_var, axis=-1)
    log_w = p.log_prob(x, z) + log_prior(z) - log_q             # (n, K)
    with np.errstate(divide="ignore"):  # a weight may underflow to 0
        log_mean = log_sum_exp(log_w + np.log(weights)[:, None], axis=0)
    mean_log = weights @ log_w
    slack = ROUNDING * (1 + np.abs(log_mean))
    assert np.all(mean_log <= log_mean + slack)

    # The library's ELBO has the mean KL in place of its value at each eps: both have
    # the same sum on a grid that is exact for eps^2, as these are to 1e-8.
    elbo = elbo_of_each_x(problem, p, q, (eps, weights))
    assert_allclose(elbo, mean_log, rtol=1e-6, atol=1e-6)
