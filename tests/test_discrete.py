"""Properties of the bounds where x is enumerable, over random nets, laws, critics and
dimensions, against a second route.

Two kinds of tolerance.  Inequalities between sums over one and the same set of nodes,
with densities normalised on it, are Jensen's inequality for finite sums: they hold to
rounding, 1e-9 relative (sums of up to 10^5 terms of size 1 to 10^3).  Figures of the
library's continuous bounds carry a quadrature error, below 1e-6 on the grids used here;
the second route is good to about as much, so equalities are tested to 1e-5.
"""
import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from helpers import differences, log_density, log_sum_exp, random_like, truth
from minimae import bounds, critics, exact, nodes, problems

SEEDS = st.integers(0, 2 ** 32 - 1)
CRITICS = critics.Normal(), critics.Mixture(2), critics.Mixture(3)


@st.composite
def laws(draw):
    """Laws of 2 to 7 categories, uniform or not, with zeros and near zeros."""
    parts = draw(st.lists(st.sampled_from([0.0, 1e-12, 1e-3, 0.3, 1.0, 2.0]),
                          min_size=2, max_size=7))
    assume(sum(parts) > 0.1)
    return np.array(parts) / sum(parts)


@st.composite
def models(draw, scales=(0.1, 0.5, 1.0, 2.0), kinds=(*CRITICS, critics.Bayes())):
    """(problem, parameters) with random nets of small and large weights."""
    dim = draw(st.sampled_from([1, 2]))
    # What a grid in two dimensions can resolve is less.
    scale = draw(st.sampled_from([s for s in scales if s < 1 or dim == 1]))
    problem = problems.Categorical(draw(laws()), n_hidden=4, dim_z=dim,
                                   critic=draw(st.sampled_from(kinds)))
    rng = np.random.default_rng(draw(SEEDS))
    # q and r have log variances of 1 or so, so that no grid is asked for a spike.
    return problem, random_like(problem.init(rng), rng, scale, 0.5, 0.5)


def every_x(problem):
    return nodes.along_first(np.eye(problem.dim_x)), np.ones((1, problem.dim_x, 1))


@given(models())
def test_bounds_and_gap_identities(model):
    """All figures, I <= H(x) <= log K, and the ELBO of every single x."""
    problem, params = model
    n = {1: 2000, 2: 72}[problem.dim_z]  # enough for 1e-6 at these scales
    got, expected = exact.on_grid(problem, params, n), truth(problem, params, n)
    assert differences(problem, got, expected) == []
    entropy = -np.sum(expected["px"] * expected["log_px"])
    assert got["information"] <= entropy + 1e-6 <= np.log(problem.dim_x) + 2e-6
    p, q, _ = problem.densities(params)
    eps = nodes.grid(n, problem.dim_z)
    elbo = bounds.elbo(p, q, *nodes.cross(every_x(problem), eps), axis=2)[0]
    np.testing.assert_allclose(elbo, expected["elbo_of_x"], rtol=1e-5, atol=1e-5)
    assert np.all(elbo <= expected["log_px_of_x"] + 1e-6)


class OnGrid:
    """A critic normalised on the very nodes z: r(z_i|x) / sum_i dz r(z_i|x)."""

    def __init__(self, r, z, dz):
        self.r, self.z, self.dz = r, z, dz

    def log_prob(self, z, x):
        log_mass = log_sum_exp(self.r.log_prob(self.z, x), 1)[:, None]
        return self.r.log_prob(z, x) - log_mass - np.log(self.dz)


@given(models(scales=(0.5, 2.0, 10.0, 100.0), kinds=CRITICS), st.integers(40, 120))
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
    x, eps, weights = nodes.cross(every_x(problem), (z, weights))
    mean, log_var = q.mean_and_log_var(x)
    zq = mean + np.exp(log_var / 2) * eps
    log_importance = (p.log_prob(x, zq) + log_density(zq, 0.0, np.zeros(dim))
                      - log_density(eps, 0.0, np.zeros(dim)) + np.sum(log_var, -1) / 2)
    with np.errstate(divide="ignore"):  # what underflows has no weight
        estimate = log_sum_exp(log_importance + np.log(weights), 2)
    mean = np.sum(weights * log_importance, 2)
    assert np.all(mean <= estimate + 1e-9 * (1 + np.abs(estimate)))
