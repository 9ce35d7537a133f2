"""The exact figures stand when the grid is refined, and say so when they do not."""
import numpy as np
import pytest

from helpers import random_like
from minimae import exact, nodes, problems, train


def with_bias(problem, log_var):
    """Parameters of a decoder N(z, exp log_var) (nearly), encoder and critic N(0, 1)."""
    p, q, r = (tuple(np.zeros_like(a) for a in net) for net in problem.init(np.random.default_rng(0)))
    p[0][..., 0], p[2][..., 0, :] = 1e-3, 1e3  # tanh(z / 1000) * 1000 is z to 1e-6
    p[5][...] = log_var
    return p, q, r


def test_figures_of_a_known_decoder():
    problem = problems.split_normal()
    got = exact.figures(problem, with_bias(problem, np.log(0.25)))
    v = 1.25  # x ~ N(0, 1 + 1/4)
    # 1e-5: the tanh is linear to 1e-6 only
    assert got["exact"] == pytest.approx(0.5 * np.log(v / 0.25), abs=1e-5)
    assert got["log_likelihood"] == pytest.approx(-0.5 * np.log(2 * np.pi * v) - 0.5 / v, abs=1e-5)
    assert got["upper"] == pytest.approx(0.5 * np.log(v / 0.25) + 0.5 * (v - 1 - np.log(v)), abs=1e-5)
    assert got["lower"] == pytest.approx(0, abs=1e-9)  # r = N(0, 1) knows nothing
    assert got["elbo"] == pytest.approx(-0.5 * np.log(2 * np.pi * 0.25) - 0.5 * (1 + 1) / 0.25, abs=1e-4)


def test_a_decoder_too_sharp_is_an_error_never_a_number(monkeypatch):
    monkeypatch.setattr(exact, "MOST_CELLS", 2 ** 16)  # the same on a smaller table, to save seconds
    problem = problems.split_normal()
    params = train.stack([with_bias(problem, np.log(0.25)), with_bias(problem, -20.0)], 1)
    with pytest.raises(ArithmeticError, match="model 1: .*too sharp"):
        exact.figures(problem, params)


def test_refining_further_moves_nothing():
    problem = problems.split_normal(n_hidden=5)
    rng = np.random.default_rng(1)
    params = tuple(random_like(net, rng, 1.0) for net in problem.init(rng))
    rough, fine = exact.figures(problem, params, 1e-6), exact.figures(problem, params, 1e-10)
    for key in rough:
        assert rough[key] == pytest.approx(fine[key], abs=1e-6)


def test_log_marginal_is_bayes_denominator():
    """p(x) of a linear decoder at given x, and the posterior it normalises sums to one."""
    problem = problems.split_normal()
    p, _, _ = problem.densities(with_bias(problem, np.log(0.5)))
    z, weights = nodes.grid(400)
    x = np.array([-2.0, 0.0, 1.3])[None, None, :, None]
    log_px = exact.log_marginal(p, x, z[None, :, None], weights[None, :, None])
    np.testing.assert_allclose(log_px[0], -0.5 * (np.log(2 * np.pi * 1.5) + x.ravel() ** 2 / 1.5), atol=1e-5)
    posterior = weights[None, :, None] * np.exp(p.log_prob(x, z[None, :, None]) - log_px[:, None])
    np.testing.assert_allclose(posterior.sum(1), 1, rtol=1e-12)
