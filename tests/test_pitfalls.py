"""demos/traps.py: each wrong way is the one it is called, and goes wrong as it says."""
import csv
from pathlib import Path

import numpy as np
from autograd import make_vjp

import traps as demo
from minimae import bounds, problems, stacks, train

WAYS = [{}, dict(shares=True), dict(C=0.3), dict(same=True)]


def gradients(objective, params):
    """Gradient of the sum over models, one vector per net."""
    backward, value = make_vjp(objective)(params)
    return [stacks.flatten([net]) for net in backward(np.ones_like(value))]


def test_who_climbs_what():
    """p: ELBO + slope I^; q: ELBO; r: I^, or slope I^ where it shares the penalty.  The
    slope is the one given, or that of the nodes at hand."""
    problem = problems.SplitNormal(n_hidden=3)
    rng = np.random.default_rng(0)
    params = problem.init(rng)
    data, prior = problem.nodes(rng)
    z, eps, weights = prior

    def elbo(params):
        p, q, _ = problem.densities(params)
        return bounds.elbo(p, q, *data)

    def infomax(params):
        p, _, r = problem.densities(params)
        return bounds.infomax(r, z, *p.joint(z, eps, weights))
    of_elbo, of_lower = gradients(elbo, params), gradients(infomax, params)
    for way in WAYS:
        penalty = demo.Penalty([way], [0.8], [0], 10)
        got = gradients(lambda params: penalty.objectives(
            *problem.densities(params), data, prior, np.array([-0.7])), params)
        at_hand = train.Penalty([0.8], 10)
        at_hand.update([None, infomax(params)], 1)
        slope = at_hand.slope[0] if way.get("same") else -0.7
        shares = [slope, 0, slope if way.get("shares") else 1]
        for mine, a, b, share in zip(got, of_elbo, of_lower, shares):
            np.testing.assert_allclose(mine, a + share * b, rtol=1e-9, atol=1e-12)
        assert penalty.C == train.Penalty.START  # looking ahead, it does not grow twice


def test_every_model_is_told_of_its_own_way():
    """Stacked by seed, way and level: what a fixed C says, and what the others do."""
    levels, seeds = [0.2, 0.8], [0, 1]
    penalty = demo.Penalty(WAYS, levels, seeds, 10)
    plain = train.Penalty(levels * 8, 10)
    np.testing.assert_array_equal(penalty.slope, plain.slope)
    for step in range(1, 4):
        values = np.full((2, 16), 0.5)
        penalty.update(values, step), plain.update(values, step)
        of = penalty.slope.reshape(2, 4, 2)  # seed, way, level
        expected = plain.slope.reshape(2, 4, 2).copy()
        expected[:, 2] = [-0.3, 0.3]  # .5 is above the one level, below the other
        np.testing.assert_array_equal(of, expected)


def test_every_way_goes_wrong_as_it_says(capsys, tmp_path, monkeypatch):
    """A short run.  What is said of I^ - M, of I - M and of the likelihood lost holds
    for seeds 0 to 7, in pairs; the worst that they do is told in brackets."""
    monkeypatch.chdir(tmp_path)
    assert demo.main(["--levels", "1.6", "1.6", "--steps", "150", "--seeds", "2",
                      "--csv", "t.csv"]) == 0
    found = {}
    for row in csv.DictReader(Path("t.csv").read_text().splitlines()):
        level, lower, truth, best, likelihood = [float(row[key]) for key in (
            "level", "lower", "exact", "best", "log_likelihood")]
        found.setdefault(row["way"], []).append(
            (lower - level, truth - level, best - likelihood))
    assert list(found) == list(demo.WAYS) and Path("traps.png").exists()
    right, shared, iid, same, low, high, normal, bayes = [
        np.array(rows).T for rows in found.values()]
    assert np.max(np.abs(right[0])) < 0.02 and np.max(np.abs(right[1])) < 0.05  # .032
    assert np.max(np.abs(shared[0])) < 0.04 and np.max(shared[1]) > 0.1  # .022, .24
    assert np.max(iid[2]) > 2 * np.max(right[2])  # 3 times: noise costs likelihood
    assert not np.array_equal(iid, same)
    np.testing.assert_allclose(low, [[-1.6] * 4, [-1.6] * 4, [0] * 4], atol=0.01)
    assert np.max(high[1]) > 0.06 and np.max(high[2]) > 0.2  # .12, .46
    # far below its peak a decoder with its sd held hides information from a normal
    assert len(normal[0]) == len(bayes[0]) == 2 * len(demo.HIDING)
    assert np.max(normal[1] - normal[0]) > 0.02  # .034
    np.testing.assert_array_equal(bayes[1], bayes[0])
    assert np.max(np.abs(bayes[1])) < 0.03  # .022


def test_the_table(capsys):
    row = dict(way="a way", best=-1.0, seed=0)
    demo.show([dict(row, level=0.5, lower=0.4, exact=0.6, log_likelihood=-1.2),
               dict(row, level=0.5, lower=0.5, exact=0.55, log_likelihood=-1.1),
               dict(row, level=1.5, lower=1.4, exact=1.6, log_likelihood=-1.2),
               dict(row, level=1.5, lower=np.nan, exact=np.nan, log_likelihood=np.nan)])
    _, name, first, second = capsys.readouterr().out.splitlines()
    assert name == "a way" and first.split() == (
        "M 0.5 |I^ - M| 0.1000 (-0.0500) |I - M| 0.1000 (+0.0750) likelihood lost "
        "0.2000").split()
    assert second.endswith("lost 0.2000   1 of 2 not resolved")
