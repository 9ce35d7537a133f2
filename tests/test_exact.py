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


def test_a_model_that_does_not_stand_can_be_marked_instead(monkeypatch):
    monkeypatch.setattr(exact, "MOST_CELLS", 2 ** 16)
    problem = problems.split_normal()
    params = train.stack([with_bias(problem, np.log(0.25)), with_bias(problem, -20.0)], 1)
    got = exact.figures(problem, params, strict=False)
    assert all(np.isnan(value[1]) and np.isfinite(value[0]) for value in got.values())


def test_the_restricted_decoder_in_closed_form():
    """sd .5, mean z: I = 1/2 log(1 + 4)."""
    problem = problems.split_normal(log_var=2 * np.log(0.5), linear=True)
    p, q, r = problem.init(np.random.default_rng(0))
    got = exact.figures(problem, ((np.ones((1, 1, 1, 1)), p[1]), q, r))
    assert got["exact"] == pytest.approx(0.5 * np.log(5), abs=1e-6)
    assert got["log_likelihood"] == pytest.approx(-0.5 * np.log(2 * np.pi * 1.25) - 0.5 / 1.25, abs=1e-6)


def test_two_grids_that_both_miss_a_spike_are_not_believed():
    """p(x = 1|z) is near 1 for |z| < .02 only: grids of 64 and 128 points agree that there is nothing."""
    problem = problems.categorical([0.5, 0.5], n_hidden=2)
    p, q, r = problem.init(np.random.default_rng(0))
    p = (np.full_like(p[0], 400.0), 400 * np.array([0.02, -0.02]).reshape(p[1].shape),
         20 * np.array([[0.0, 1.0], [0.0, -1.0]]).reshape(p[2].shape), np.array([20.0, 0.0]).reshape(p[3].shape))
    spike = 0.015954  # the mass of |z| < .02; its entropy is I, up to the steep flanks
    entropy = -spike * np.log(spike) - (1 - spike) * np.log(1 - spike)
    assert exact.figures(problem, (p, q, r))["exact"] == pytest.approx(entropy, rel=0.1)


def test_mass_that_is_lost_is_noticed(monkeypatch):
    """Figures that stand but belong to a p that does not sum to one are not given out."""
    problem = problems.split_normal()
    lossy = problem._replace(outcomes=lambda n, p: (np.linspace(-1, 1, n)[None, None, :, None], 2 / (n - 1)))
    monkeypatch.setattr(exact, "MOST_CELLS", 2 ** 16)
    with pytest.raises(ArithmeticError):
        exact.figures(lossy, problem.init(np.random.default_rng(0)))


def test_the_highest_level_is_resolved_and_not_by_much():
    """The linear solution at the highest level that is let through stands; a nat above, it does not."""
    problem = problems.split_normal()

    def linear_solution(level):
        p, q, r = with_bias(problem, -2 * level)
        return (p[0], p[1], p[2] * np.sqrt(1 - np.exp(-2 * level)), *p[3:]), q, r

    assert exact.figures(problem, linear_solution(problem.highest))["exact"] == pytest.approx(problem.highest, abs=1e-3)
    with pytest.raises(ArithmeticError):
        exact.figures(problem, linear_solution(problem.highest + 1))


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


def test_information_on_few_nodes_of_z_is_capped_at_the_log_of_their_number():
    """What befalls every estimate that compares the samples of a minibatch with one another."""
    problem = problems.categorical(np.full(10, 0.1), n_hidden=4)
    (W, b, _, b_out), _, _ = problem.init(np.random.default_rng(0))
    # logits k z - k^2 / 50, by a net whose tanh(z / 1000) * 1000 is z
    W, b, k = 1e-3 + 0 * W, 0 * b, np.arange(-5, 5) * 4.0
    p, _, _ = problem.densities(((W, b, np.tile(1e3 / 4 * k, (4, 1))[None, None], 0 * b_out - k ** 2 / 50), (), ()))

    def information(n):
        z, weights = nodes.grid(n, half_width=2.0)
        return exact.information(p, np.eye(10)[None, None], 1.0, z[None, :, None], weights[None, :, None])[0]

    assert information(2) <= np.log(2) + 1e-12 and information(3) <= np.log(3) + 1e-12
    assert information(2) < information(400) - 0.1  # the cap is what holds it down
