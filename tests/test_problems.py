"""The poster's two problems: their constants, their laws and what they refuse."""
import numpy as np
import pytest

from helpers import log_density, random_like
from minimae import bounds, exact, nodes, problems


@pytest.mark.parametrize("law", [[0.5, 0.5], [0.7, 0.2, 0.1], [1.0, 0.0]])
def test_best_and_highest_of_a_law(law):
    """best = sum p log p, the most that E log p(x) can be; highest = -best."""
    problem = problems.Categorical(law)
    expected = sum(p * np.log(p) for p in law if p > 0)
    assert problem.best == pytest.approx(expected, abs=1e-15)
    assert problem.highest == -problem.best


def test_best_of_the_split_normal_is_the_mean_of_its_true_log_density():
    problem = problems.SplitNormal()
    x, _, weights = problem.grids(200)[0]
    assert np.sum(weights * problem.log_true(x)) == pytest.approx(problem.best)
    assert problem.log_true(x)[0, :, 0] == pytest.approx(
        log_density(x[0, :, 0], 0.0, np.zeros(1)))


def test_a_law_that_sums_to_one_nearly_is_made_to():
    law = np.array([0.5, 0.3, 0.2])
    right, nearly = problems.Categorical(law), problems.Categorical(law * (1 + 9e-6))
    rng = np.random.default_rng(0)
    params = random_like(right.init(rng), rng, 0.5)
    got, expected = (exact.evaluate(problem, params) for problem in (nearly, right))
    for key in expected:
        assert got[key] == pytest.approx(expected[key], abs=1e-12)  # rounding
    assert nearly.best == pytest.approx(right.best, abs=1e-12)


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("which", ["nodes", "grids"])
def test_nodes_average_over_the_law_and_the_prior(which, dim):
    """Weights sum to p_true over eps, and to one over z; eps and z are N(0, I)."""
    problem = problems.Categorical([0.7, 0.2, 0.1], dim_z=dim, n_z=16, n_eps=10)
    data, prior = (problem.nodes(np.random.default_rng(0)) if which == "nodes"
                   else problem.grids(16))
    x, eps, weights = data
    np.testing.assert_array_equal(x[0, :, 0], np.eye(3))
    np.testing.assert_allclose(np.sum(weights, (0, 2)), problem.p_true, rtol=1e-12)
    z, _, z_weights = prior
    # 5e-3: six points in a unit are plenty, but in training grids end at 4.5.
    for points, w in [(eps, weights), (z, z_weights)]:
        assert points.shape[-1] == dim
        second = bounds.expect(np.sum(points ** 2, -1), w)
        assert second == pytest.approx(dim, abs=5e-3)


@pytest.mark.parametrize("kind, arguments, message", [
    ("Categorical", dict(p_true=[0.5, 0.6]), "must be probabilities that sum to 1"),
    ("Categorical", dict(p_true=[-0.1, 1.1]), "must be probabilities that sum to 1"),
    ("Categorical", dict(p_true=[[0.5, 0.5]]), "must be probabilities that sum to 1"),
    ("Categorical", dict(p_true=[np.nan, 1]), "must be probabilities that sum to 1"),
    ("Categorical", dict(p_true=[1.0], dim_z=0), "dim_z 0: give a whole number from 1"),
    ("Categorical", dict(p_true=[1.0], n_z=0), "n_z 0: give a whole number"),
    ("Categorical", dict(p_true=[1.0], n_eps=1.5), "n_eps 1.5: give a whole"),
    ("SplitNormal", dict(n_hidden=0), "n_hidden 0: give a whole number from 1"),
    ("SplitNormal", dict(n_hidden="x"), "n_hidden x: give a whole number from 1"),
    ("SplitNormal", dict(n_train=2.5), "n_train 2.5: give a whole number from 1"),
    ("SplitNormal", dict(linear=True), "a linear decoder needs a log_var to hold"),
])
def test_what_makes_no_sense_is_refused_in_one_line(kind, arguments, message):
    with pytest.raises(ValueError, match=message) as error:
        getattr(problems, kind)(**arguments)
    assert "\n" not in str(error.value)


def test_numbers_of_numpy_are_welcome():
    problem = problems.Categorical(np.full(3, 1 / 3), np.int64(4), np.int32(2))
    assert problem.grids(np.int64(4))[1][0].shape == (1, 16, 1, 2)


def test_decoders_of_the_split_normal():
    """Both moments from the net, the variance held fixed, or a line as well."""
    z = nodes.down(np.linspace(-2, 2, 5))
    for arguments, outs in [({}, 2), ({"log_var": -1.0}, 1),
                            ({"log_var": -1.0, "linear": True}, 1)]:
        problem = problems.SplitNormal(n_hidden=3, **arguments)
        params = problem.init_decoder(np.random.default_rng(0))
        assert params[-1].shape == (1, 1, 1, outs)
        mean, log_var = problem.decoder(params).moments(z)
        assert mean.shape == z.shape and (np.all(log_var == -1.0) or not arguments)
        bends = np.diff(mean.ravel(), 2)
        assert np.allclose(bends, 0, atol=1e-12) == ("linear" in arguments)
