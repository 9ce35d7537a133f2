"""The exact values are right, or NaN with a note that says why."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from pytest import approx

from helpers import (generator, net_params, one_model, random_model, truth, zero_model)
from minimae import critics, exact, nets, problems
from minimae.models import Models

FLAT = ([[0], [0]], [0])  # the output 0 of two hidden units
# Values in the right order, in place of those of a grid
VALUES = {"infomax": 0.5, "information": 0.6, "upper": 0.7, "elbo": -1.6, "kl": 0.5,
          "log_likelihood": -1.5}


def evaluate(problem, params, n_last=None):
    """The row of one model.  n_last is the number of points of the last grid: with
    fewer of them a value is given up sooner, which saves seconds."""
    max_table = exact.MAX_TABLE
    if n_last is not None:
        max_table = problem.table_size(n_last)
    row, = exact.evaluate(one_model(problem, params), max_table=max_table)
    return row


def missing_keys(row):
    return [key for key in exact.KEYS if np.isnan(row[key])]


def check_right_or_marked(row, expected):
    """The values that are given are right, and a note tells if one is missing."""
    missing = missing_keys(row)
    assert bool(missing) == bool(row["note"]), row
    for key in exact.KEYS:
        if key not in missing:
            # Grids agree to 1e-6, relative for values above 1; ten times that here.
            assert row[key] == approx(expected[key], rel=1e-5, abs=1e-5), key


# Nets by hand

def linear_decoder(log_var, a=1.0):
    """N(a z, exp log_var): 1000 tanh(z / 1000) is z to 1e-6."""
    return net_params([[1e-3]], [0], ([[1e3 * a]], [0]), ([[0]], [log_var]))


def two_steps(edge, W, inside, outside):
    """Two units tanh(W (z - edge)) and tanh(-W (z + edge)), and weights and bias of an
    output that goes from `inside` to `outside` if |z| passes the edge."""
    half = (outside - inside) / 2
    hidden_W = [[W, -W]]
    hidden_b = [-W * edge, -W * edge]
    return hidden_W, hidden_b, ([[half], [half]], [outside])


def logit_decoder(W, b, output):
    """A decoder of two categories: log p(1|z) - log p(0|z) is this output."""
    V, c = output
    wide_V = [[0, *row] for row in V]
    return net_params(W, b, (wide_V, [0, *c]))


def constant_net(log_var, n_in=1):
    """N(0, exp log_var), whatever the input is."""
    return net_params([[0, 0]] * n_in, [0, 0], FLAT, ([[0], [0]], [log_var]))


# Values

def test_values_of_a_known_decoder():
    """x|z ~ N(z, 1/4), so x ~ N(0, v) with v = 5/4; q and r are N(0, 1)."""
    problem = problems.SplitNormal(n_hidden=1)
    _, q, r = zero_model(problem)
    p = linear_decoder(np.log(0.25))
    row = evaluate(problem, (p, q, r))
    v = 1.25
    information = 0.5 * np.log(v / 0.25)
    expected = {
        "infomax": 0,
        "information": information,
        "upper": information + 0.5 * (v - 1 - np.log(v)),
        "elbo": -0.5 * np.log(2 * np.pi * 0.25) - 0.5 * (1 + 1) / 0.25,
        "kl": 0,
        "log_likelihood": -0.5 * np.log(2 * np.pi * v) - 0.5 / v}
    # The tanh is linear to 1e-6 only.
    assert {key: row[key] for key in exact.KEYS} == approx(expected, abs=1e-5)
    assert row["target"] is None
    assert row["seed"] == 0
    assert row["best"] == problem.best
    assert row["note"] == ""

    with_bayes = problems.SplitNormal(n_hidden=1, critic=critics.Bayes())
    bayes_row = evaluate(with_bayes, (p, q, ()))
    assert bayes_row["infomax"] == bayes_row["information"] == row["information"]


def test_each_model_is_evaluated_on_its_own():
    problem = problems.SplitNormal(n_hidden=1)
    _, q, r = zero_model(problem)
    good = (linear_decoder(np.log(0.25)), q, r)
    sharp = (linear_decoder(-20.0), q, r)
    models = Models(problem, targets=[0.8, None], seeds=[3, 4], params=[good, sharp])
    rows = exact.evaluate(models, max_table=problem.table_size(256))
    alone = evaluate(problem, good)
    assert rows[0] == {**alone, "target": 0.8, "seed": 3}
    assert "not resolved with 256 points" in rows[1]["note"]


def test_a_missed_target_is_noted():
    problem = problems.SplitNormal(n_hidden=1)
    _, q, r = zero_model(problem)
    params = (linear_decoder(np.log(0.25)), q, r)               # I = 1/2 log 5 = .805
    row, = exact.evaluate(Models(problem, [1.0], [0], [params]))
    assert row["note"].startswith("not reached, I - M = -0.195; ")


def test_the_highest_target_is_resolved_and_two_nats_more_are_not():
    """The linear solution for the highest target that train accepts.  Here the last
    table is a quarter as wide, so both ends are lower by log 4."""
    problem = problems.SplitNormal(n_hidden=1)
    highest = problem.max_target - np.log(4)

    def information(target):
        a = np.sqrt(1 - np.exp(-2 * target))
        _, q, r = zero_model(problem)
        params = (linear_decoder(-2 * target, a), q, r)
        return evaluate(problem, params, n_last=512)["information"]

    assert information(highest) == approx(highest, abs=1e-3)
    assert np.isnan(information(highest + 2))


def test_a_problem_without_exact_values_is_refused():
    problem = problems.Data(np.eye(3), batch=2, n_codes=4)
    with pytest.raises(ValueError, match="no exact values: use certified.evaluate"):
        exact.evaluate(one_model(problem, zero_model(problem)))


# What a grid may miss

@pytest.mark.parametrize("slope, W", [(4983, 1e-4), (8120, 1e-4), (12700, 1)])
def test_steep_logits_of_two_equal_categories(slope, W):
    """p(x = 1 | z) = 1 / (1 + exp(-slope z)): I = log 2 - E h with the entropy h of x
    given z, by the substitution t = slope z.  Two grids may agree on log 2."""
    problem = problems.Categorical([0.5, 0.5], n_hidden=1, critic=nets.NormalNet())
    _, q, r = zero_model(problem)
    p = net_params([[W]], [0], ([[0, slope / W]], [0, 0]))  # slope tanh(W z) / W
    t, dt = np.linspace(-60, 60, 120_001, retstep=True)
    h = np.logaddexp(0, -t) + t / (1 + np.exp(t))
    z = t / slope if W < 1 else np.arctanh(t / slope)
    density = np.exp(-z ** 2 / 2) / np.sqrt(2 * np.pi)
    expected = np.log(2) - np.sum(density * h) * dt / slope  # dz/dt to 1e-4 of E h
    row = evaluate(problem, (p, q, r))
    assert row["information"] == approx(expected, abs=1e-6)  # resolved, too


JUMP = net_params([[400, 400]], [0, 0], ([[12], [13]], [0]), FLAT)  # -25 to 25 at 0


@pytest.mark.parametrize("density, net, its_keys", [
    ("q", JUMP, ["elbo", "kl"]),
    ("r", constant_net(2 * np.log(1e-4)), ["infomax"])])
def test_a_sharp_q_or_r_costs_no_other_value(density, net, its_keys):
    problem = problems.SplitNormal(n_hidden=2)
    _, q, r = zero_model(problem)
    p = net_params([[1, 1]], [1, -1], ([[0.5], [0.5]], [0]), FLAT)
    plain = evaluate(problem, (p, q, r))
    if density == "q":
        q = net
    else:
        r = net
    row = evaluate(problem, (p, q, r), n_last=512)
    for key in exact.KEYS:
        if key not in its_keys:
            assert row[key] == approx(plain[key], rel=1e-6, abs=1e-6)


def two_categories(p_true, critic=nets.NormalNet()):
    return problems.Categorical(p_true, n_hidden=2, critic=critic)


BUMP = ([[1, 1]], [1, -1], ([[1.5], [-1.5]], [0]))
# Narrow features that a grid can miss, and that two grids can agree to have missed:
# a problem, the density that has the feature, its net, and the points of the last grid.
NARROW = {
    # x = 1 only for |z| < .004: I = .02116, and 64 to 2048 points see none of it.
    "a spike": (two_categories([1.0, 0.0]), {
        "p": logit_decoder(*two_steps(edge=0.004, W=400, inside=20, outside=-20))}),
    # Only the finer grid for few categories sees this one.
    "a spike of a thousandth": (two_categories([1.0, 0.0]), {
        "p": logit_decoder(*two_steps(edge=0.001, W=1600, inside=20, outside=-20))}),
    # Two smooth units with weights of 1e4, and a logit above 0 for |z| < .05 only.
    "a peak between smooth units of large weights": (
        two_categories([1 - 1e-9, 1e-9]), {
            "p": logit_decoder([[1, 1]], [0.66, -0.66], (
                [[1e4], [-1e4]], [20 - 2e4 * np.tanh(0.66)]))}),
    "an encoder wider than a bump of the decoder": (two_categories([0.5, 0.5]), {
        "p": logit_decoder(*BUMP), "q": constant_net(log_var=10, n_in=2)}),
    # A part of r has the sd .0003 and the mean .7: coarse grids agree on .0085 too
    # little.
    "a narrow part of a critic": (
        two_categories([0.5, 0.5], critics.NormalMixture(2)), {
            "p": logit_decoder(*BUMP),
            "r": net_params([[0, 0]] * 2, [0, 0], ([[0] * 2] * 2, [0, 0]),
                            ([[0] * 2] * 2, [0, 0.7]),
                            ([[0] * 2] * 2, [10, 2 * np.log(3e-4)]))}),
    # The mean is 100, or a logit -400, for all z with mass: the data come from beyond.
    "a decoder that changes at 15": (
        problems.SplitNormal(n_hidden=2, log_var=2 * np.log(0.1)), {
            "p": net_params(*two_steps(edge=15, W=10, inside=100, outside=0))}),
    "a category from 15 on": (two_categories([0.5, 0.5]), {
        "p": logit_decoder(*two_steps(edge=15, W=2, inside=-400, outside=20))}),
}


@pytest.mark.parametrize("name", NARROW)
def test_narrow_features_are_resolved_or_nan(name):
    problem, nets_by_hand = NARROW[name]
    model = dict(zip("pqr", zero_model(problem)))
    model.update(nets_by_hand)
    params = tuple(model.values())
    if isinstance(problem, problems.Categorical):
        row = evaluate(problem, params, n_last=4096)
        expected = truth(problem, params, n=60_001, half_width=10.0, far=36.0)
    else:
        row = evaluate(problem, params, n_last=256)
        expected = truth(problem, params, n=1001, half_width=10.0, far=36.0)
    check_right_or_marked(row, expected)


@st.composite
def models_with_large_weights(draw):
    """A problem, and a model; one of its nets has weights of up to 30 and more."""
    critic = draw(st.sampled_from([nets.NormalNet(), critics.NormalMixture(2)]))
    problem = draw(st.sampled_from([
        problems.Categorical([0.6, 0.3, 0.1], n_hidden=4, critic=critic),
        problems.SplitNormal(n_hidden=4, critic=critic)]))
    rng = generator(draw(st.integers(0, 2 ** 32 - 1)))
    params = list(random_model(problem, rng))
    k = draw(st.integers(0, 2))
    scale = draw(st.sampled_from([1.0, 3.0, 10.0, 30.0]))
    params[k] = tuple(scale * a for a in params[k])
    return problem, tuple(params)


@given(models_with_large_weights())
def test_models_with_large_weights_have_right_values_or_nan(model):
    problem, params = model
    if isinstance(problem, problems.Categorical):
        n_last = 2048
        sizes = [4001, 5501]
    else:
        n_last = 256
        sizes = [401, 501]
    row = evaluate(problem, params, n_last)
    routes = []
    with np.errstate(all="ignore"):  # the second route may fail, too
        for n in sizes:
            routes.append(truth(problem, params, n, half_width=10.0, far=37.0,
                                n_data=n // 2))
    coarse, expected = routes
    for key in exact.KEYS:
        # If the second route does not know a value, the value is not judged.
        if not np.isclose(coarse[key], expected[key], rtol=1e-7, atol=1e-6):
            expected[key] = row[key]
    check_right_or_marked(row, expected)


# What cannot be evaluated

@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_parameters_that_are_not_finite_are_noted_before_any_grid(bad, monkeypatch):
    def no_grid(*arguments, **settings):
        raise AssertionError("a grid was made")
    monkeypatch.setattr(exact.quadrature, "grid", no_grid)
    problem = problems.SplitNormal(n_hidden=2)
    for density in range(3):
        for k in range(4):
            params = [list(net) for net in zero_model(problem)]
            params[density][k] = np.full_like(params[density][k], bad)
            row = evaluate(problem, params)
            assert row["note"] == "diverged: parameters that are not finite"
            assert missing_keys(row) == exact.KEYS


def test_a_grid_in_too_many_dimensions_is_not_made():
    problem = problems.Categorical(np.full(10, 0.1), dim_z=4, n_z=8)
    row = evaluate(problem, zero_model(problem))
    assert missing_keys(row) == exact.KEYS
    assert "no room for a grid: too many dimensions" in row["note"]


class LostCategory(problems.Categorical):
    """A problem that forgets its last category, so that p(x) has lost mass."""

    def x_grid(self, n, p):
        x, dx = super().x_grid(n, p)
        return x[:-1], dx


@pytest.mark.parametrize("other_shift", [0.5, 0.85, 0.3])
def test_a_value_is_given_only_if_all_grids_agree(other_shift, monkeypatch):
    def other_elbo_on_one_grid(problem, params, n, shift=0.5, **settings):
        if shift == other_shift:
            return {**VALUES, "elbo": -1.7}
        return VALUES
    monkeypatch.setattr(exact, "on_grid", other_elbo_on_one_grid)
    monkeypatch.setattr(exact, "infomax_on_fine_grid", lambda *arguments: 0.5)
    problem = problems.SplitNormal(n_hidden=2)
    row = evaluate(problem, zero_model(problem), n_last=256)
    assert row["note"] == "not resolved with 256 points: elbo"
    assert missing_keys(row) == ["elbo"]


def test_lost_mass_of_p_is_noticed():
    problem = LostCategory([0.5, 0.3, 0.2], n_hidden=2)
    row = evaluate(problem, zero_model(problem), n_last=256)
    assert "not resolved with 256 points" in row["note"]
    assert missing_keys(row) == exact.KEYS


# The order of the bounds

@pytest.mark.parametrize("wrong, missing", [
    ({}, set()),
    ({"infomax": 0.61}, {"infomax", "information"}),
    ({"upper": 0.59}, {"information", "upper"}),
    ({"elbo": -1.49}, {"elbo", "log_likelihood"}),
    ({"log_likelihood": -1.4}, {"log_likelihood"})])    # best is -1.419
def test_bounds_in_the_wrong_order_become_nan(wrong, missing):
    values = {**VALUES, **wrong}
    note = exact.reject_wrong_order(values, best=-1.419, tolerance=1e-6)
    assert set(missing_keys(values)) == missing
    assert ("bounds in the wrong order" in note) == bool(wrong)


def test_a_wrong_order_is_noted_in_the_row(monkeypatch):
    """Grids that agree on an I^ above I."""
    def wrong_grid(*arguments, **settings):
        return {**VALUES, "infomax": 0.61}
    monkeypatch.setattr(exact, "on_grid", wrong_grid)
    monkeypatch.setattr(exact, "infomax_on_fine_grid", lambda *arguments: 0.61)
    problem = problems.SplitNormal(n_hidden=2)
    row = evaluate(problem, zero_model(problem), n_last=64)
    assert row["note"] == "infomax above information: bounds in the wrong order"


def test_upper_is_infinite_if_p_true_misses_mass_of_p():
    """What p never yields does not count."""
    problem = problems.Categorical([0.5, 0.5, 0.0], n_hidden=2, critic=nets.NormalNet())
    p, q, r = zero_model(problem)
    row = evaluate(problem, (p, q, r))
    assert row["upper"] == np.inf
    assert row["note"] == ""
    del row["upper"]
    assert np.all(np.isfinite([row[key] for key in exact.KEYS if key in row]))
    W, b, V, _ = p
    p_without_last = (W, b, V, np.array([0.0, 0.0, -2000.0]))
    row = evaluate(problem, (p_without_last, q, r))
    assert row["upper"] == approx(0, abs=1e-9)


@pytest.mark.parametrize("key, value, is_accepted", [
    ("upper", np.inf, True), ("elbo", -np.inf, False), ("kl", np.inf, False)])
def test_an_infinite_value_other_than_upper_is_an_overflow(key, value, is_accepted,
                                                           monkeypatch):
    """Grids agree on an infinity, but only U can be infinite."""
    def grid_with_infinity(*arguments, **settings):
        return {**VALUES, key: value}
    monkeypatch.setattr(exact, "on_grid", grid_with_infinity)
    monkeypatch.setattr(exact, "infomax_on_fine_grid", lambda *arguments: 0.5)
    problem = problems.SplitNormal(n_hidden=2)
    row = evaluate(problem, zero_model(problem), n_last=64)
    assert np.isnan(row[key]) == (not is_accepted)
    assert ("not resolved" in row["note"]) == (not is_accepted)


# Sums in parts

@pytest.mark.parametrize("problem", [
    problems.SplitNormal(n_hidden=2),
    problems.Categorical([0.5, 0.3, 0.2], n_hidden=2, dim_z=2)])
def test_sums_in_parts_are_the_sums(problem, monkeypatch):
    params = random_model(problem, generator(1), scale=0.5)
    whole = exact.on_grid(problem, params, 24)
    monkeypatch.setattr(exact, "MAX_UNITS", 2 ** 10)
    in_parts = exact.on_grid(problem, params, 24)
    assert in_parts == approx(whole, rel=1e-12)


def test_parts_cover_every_node_once():
    points = np.arange(10.0)[:, None, None]
    weights = np.ones((10, 3))
    n_nodes = []
    seen = []
    for points_part, weights_part in exact.parts(points, weights, max_nodes=7):
        n_nodes.append(weights_part.size)
        seen.append(points_part)
    assert_array_equal(np.concatenate(seen), points)
    # Five parts of two points, 6 nodes each.
    assert n_nodes == [6] * 5


# A user's setting of NumPy

def test_evaluate_works_if_numpy_raises_on_underflow():
    for critic in [nets.NormalNet(), critics.Bayes()]:
        problem = problems.SplitNormal(n_hidden=3, critic=critic)
        params = random_model(problem, generator(2), scale=1.0)
        plain = evaluate(problem, params, n_last=256)
        with np.errstate(all="raise"):
            row = evaluate(problem, params, n_last=256)
        assert_array_equal([row[key] for key in exact.KEYS],
                           [plain[key] for key in exact.KEYS])
