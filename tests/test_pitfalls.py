"""demos/pitfalls.py: each wrong way is what it is called, and goes wrong as it says."""
import csv
from pathlib import Path

import numpy as np
import pytest
from autograd import make_vjp

import pitfalls as demo
import shared
from helpers import flatten
from minimae import nodes, problems, train


def gradients(objective, params):
    """Gradient of the sum over models, one vector per net."""
    backward, value = make_vjp(objective)(params)
    return [flatten([net]) for net in backward(np.ones_like(value))]


def test_a_critic_that_shares_the_penalty():
    """p: ELBO + slope I^; q: ELBO; r: slope I^ instead of I^."""
    problem = problems.SplitNormal(n_hidden=3)
    rng = np.random.default_rng(0)
    params = problem.init(rng)
    data, prior, _ = problem.nodes(rng)
    right, shares = (gradients(lambda params: objectives(
        *problem.densities(params), data, prior, np.array([-0.7])), params)
        for objectives in (train.objectives, demo.shared_penalty))
    for mine, other, factor in zip(shares, right, [1, 1, -0.7]):
        np.testing.assert_allclose(mine, factor * other, rtol=1e-9, atol=1e-12)


def test_a_fixed_C_has_a_sharp_kink():
    penalty = demo.FixedC([0.2, 0.8], 10, start=0.3)
    for step in (1, 2):
        penalty.update(np.full((2, 2), 0.5), step)
        np.testing.assert_array_equal(penalty.slope, [-0.3, 0.3])


@pytest.mark.parametrize("draw", [nodes.monte_carlo, nodes.kronecker])
def test_drawn_nodes_are_pairs(draw):
    """x, z and eps of their own for each of n_train; the codes are the z."""
    problem = demo.Drawn(draw, n_train=50, dim_z=2)
    (x, eps, _), (z, noise, weights), (codes, _) = problem.nodes(
        np.random.default_rng(0))
    assert eps.shape == z.shape == (1, 50, 1, 2) and weights.shape == (1, 50, 1)
    np.testing.assert_array_equal(codes, z)
    columns = np.concatenate([a.reshape(50, -1) for a in (x, eps, z, noise)], 1)
    # Independent: correlations of 50 draws have a sd of .14.
    assert np.max(abs(np.corrcoef(columns.T) - np.eye(6))) < 0.7


def test_every_way_goes_wrong_as_it_says(capsys, tmp_path, monkeypatch):
    """A short run.  What is said of I^ - M, of I - M and of the likelihood lost holds
    for seeds 0 to 7, in pairs; the worst that they do is told in brackets."""
    monkeypatch.chdir(tmp_path)
    shared.main(demo.run, demo.PARSER, [
        "--levels", "1.2", "--steps", "80", "--seeds", "2", "--csv", "t.csv"])
    found = {}
    for row in csv.DictReader(Path("t.csv").read_text().splitlines()):
        level, lower, truth, best, likelihood = [float(row[key]) for key in (
            "level", "lower", "information", "best", "log_likelihood")]
        found.setdefault(row["method"], []).append(
            (lower - level, truth - level, best - likelihood))
    assert list(found) == list(demo.WAYS) and Path("pitfalls.png").exists()
    right, shares, iid, low, high, normal, bayes = [
        np.array(rows).T for rows in found.values()]
    assert np.max(np.abs(right[0])) < 0.04 and np.max(right[1]) < 0.15  # .022, .062
    assert np.max(np.abs(shares[0])) < 0.2 and np.max(shares[1]) > 0.2  # .101, .26
    assert np.max(iid[2]) > 1.5 * np.max(right[2])  # 2.9 times: noise costs likelihood
    np.testing.assert_allclose(low, [[-1.2] * 2, [-1.2] * 2, [0] * 2], atol=0.01)
    assert np.max(high[1]) > 0.03 and np.max(high[2]) > 0.3  # .044, .43
    # far below its peak a decoder with its sd held hides information from a normal
    assert len(normal[0]) == len(bayes[0]) == 2 * len(demo.HIDING)
    assert np.max(normal[1] - normal[0]) > 0.02  # .031
    np.testing.assert_array_equal(bayes[1], bayes[0])
    assert np.max(np.abs(bayes[1])) < 0.1  # .063
    # Levels that are missed are marked under the name of their way.
    printed = capsys.readouterr().out
    assert "not reached by 2 of 2" in printed.split("C fixed at .001")[1]
