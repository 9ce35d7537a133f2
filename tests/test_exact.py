"""The exact figures are right, or NaN: never an unmarked wrong number."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import random_like, truth
from minimae import bounds, exact, nodes, problems, stacks


def zeros(problem):
    """p ignores z; q, and r or all its parts, are N(0, 1)."""
    params = problem.init(np.random.default_rng(0))
    return tuple(tuple(np.zeros_like(array) for array in net) for net in params)


def net(W, b, *outs):
    """Parameters of a net of one input by hand: units tanh(W z + b), and for each part
    of the output (V, c) a line V per unit."""
    V, c = (np.concatenate(parts, -1) for parts in zip(*outs))
    return tuple(np.array(array, float)[None, None] for array in ([W], [b], V, [c]))


def steps(edge, W, inside, outside):
    """An output of the two units tanh(W (z - edge)) and tanh(-W (z + edge)): from
    inside to outside where |z| passes the edge."""
    half = (outside - inside) / 2
    return [W, -W], [-W * edge, -W * edge], [[half], [half]], [inside + 2 * half]


def linear(log_var):
    """The decoder N(z, exp log_var): tanh(z / 1000) * 1000 is z to 1e-6."""
    return net([1e-3], [0], ([[1e3]], [0]), ([[0]], [log_var]))


def evaluate(problem, *params, **options):
    figures = exact.evaluate(problem, params, **options)
    return {key: value[0] for key, value in figures.items()}


def marked(figures):
    """NaN all of them, or none."""
    missing = np.isnan(list(figures.values()))
    assert np.all(missing) or not np.any(missing), figures
    return np.all(missing)


def test_figures_of_a_known_decoder():
    problem = problems.SplitNormal(n_hidden=1)
    got = evaluate(problem, linear(np.log(0.25)), *zeros(problem)[1:])
    v = 1.25  # x ~ N(0, 1 + 1/4)
    information = 0.5 * np.log(v / 0.25)
    # 1e-5: the tanh is linear to 1e-6 only.
    assert got == pytest.approx({
        "lower": 0,  # r = N(0, 1) knows nothing
        "exact": information,
        "upper": information + 0.5 * (v - 1 - np.log(v)),
        "elbo": -0.5 * np.log(2 * np.pi * 0.25) - 0.5 * (1 + 1) / 0.25,
        "log_likelihood": -0.5 * np.log(2 * np.pi * v) - 0.5 / v}, abs=1e-5)


def test_the_restricted_decoder_in_closed_form():
    """sd .5, mean z: I = 1/2 log(1 + 4)."""
    problem = problems.SplitNormal(log_var=2 * np.log(0.5), linear=True)
    _, q, r = zeros(problem)
    got = evaluate(problem, (np.ones((1, 1, 1, 1)), np.zeros((1, 1, 1, 1))), q, r)
    assert got["exact"] == pytest.approx(0.5 * np.log(5), abs=1e-6)
    expected = -0.5 * np.log(2 * np.pi * 1.25) - 0.5 / 1.25
    assert got["log_likelihood"] == pytest.approx(expected, abs=1e-6)


def test_bayes_rule_as_a_critic_has_no_gap():
    problem = problems.SplitNormal(n_hidden=1, critic="bayes")
    got = evaluate(problem, linear(np.log(0.25)), zeros(problem)[1], ())
    assert got["lower"] == got["exact"] == pytest.approx(0.5 * np.log(5), abs=1e-5)


def test_models_of_a_stack_are_judged_one_by_one():
    problem = problems.SplitNormal(n_hidden=1)
    problem.finest = 256  # the same on a smaller table, to save seconds
    _, q, r = zeros(problem)
    models = [(linear(log_var), q, r) for log_var in (np.log(0.25), -20.0)]
    got = exact.evaluate(problem, stacks.stack(models, 1))
    alone = evaluate(problem, *models[0])
    assert not marked(alone) and marked({key: got[key][1] for key in got})
    assert {key: got[key][0] for key in got} == alone


def test_the_highest_level_is_resolved_and_not_by_much():
    """The linear solution at the highest level that is let through stands; a nat above,
    it does not.  Here on tables a quarter as wide, which end log 4 earlier."""
    problem = problems.SplitNormal(n_hidden=1)
    problem.finest /= 4
    highest = problem.highest - np.log(4)

    def linear_solution(level):
        W, b, slope, *rest = linear(-2 * level)
        p = W, b, slope * np.sqrt(1 - np.exp(-2 * level)), *rest
        return evaluate(problem, p, *zeros(problem)[1:])

    assert linear_solution(highest)["exact"] == pytest.approx(highest, abs=1e-3)
    assert marked(linear_solution(highest + 1))


def test_refining_further_moves_nothing():
    problem = problems.SplitNormal(n_hidden=5)
    rng = np.random.default_rng(1)
    params = random_like(problem.init(rng), rng, 1.0)
    rough, fine = (evaluate(problem, *params, tolerance=t) for t in (1e-6, 1e-10))
    assert not marked(fine) and rough == pytest.approx(fine, abs=1e-6)


SPIKE = problems.Categorical([1.0, 0.0], n_hidden=2, critic=1)
PEAK = problems.Categorical([1 - 1e-9, 1e-9], n_hidden=2, critic=1)
TWO = problems.Categorical([0.5, 0.5], n_hidden=2, critic=1)
NORMAL = problems.SplitNormal(n_hidden=2)
SHARP = problems.SplitNormal(n_hidden=2, log_var=2 * np.log(0.1))
RARE = problems.Categorical([0.5, 0.5], n_hidden=2, critic=1)
SHARP.finest, RARE.finest = 512, 1024  # marked sooner, to save seconds


def logit(W, b, V, c):
    """A decoder of two categories: log p(1|z) - log p(0|z) is this output."""
    return net(W, b, ([[0, *row] for row in V], [0, *c]))


def peak():
    """Two smooth units with weights of 1e4 and a logit above 0 for |z| < .05 only."""
    top = 2e4 * np.tanh(0.66)
    return logit([1, 1], [0.66, -0.66], [[1e4], [-1e4]], [20 - top])


def with_log_var(net, log_var):
    """A normal of one dimension with this log variance everywhere."""
    W, b, V, c = net
    return W, b, V * [1, 0], c * [1, 0] + [0, log_var]


def mixture(*parts):
    """Critic of two categories with parts (weight, mean, sd), whatever x is."""
    problem = problems.Categorical([0.5, 0.5], n_hidden=2, critic=len(parts))
    weight, mean, sd = np.array(parts).T
    p, q, r = zeros(problem)
    c = np.concatenate([np.log(weight), mean, 2 * np.log(sd)])
    return problem, (p, q, (*r[:3], np.reshape(c, (1, 1, 1, -1))))


def case(problem, p=None, q=None, r=None):
    return problem, tuple(new or old for new, old in zip([p, q, r], zeros(problem)))


BUMP = [1, 1], [1, -1], [[1.5], [-1.5]], [0]
JUMP = steps(9.5, 10, 0, 3)
# What grids can miss, and two of them can agree to have missed.
HIDDEN = {
    # x = 1 only where |z| < .004: I = .02116, and 64 to 2048 points see none of it
    "a spike": case(SPIKE, logit(*steps(0.004, 400, 20, -20))),
    "a peak between smooth units of large weights": case(PEAK, peak()),
    # One row of grid points on both needles: I^ = 2.2 above I = 0.
    "a critic's needle beside a normal": mixture((0.5, 0, 1), (0.5, 0, 0.005)),
    "needles of a critic on the points": mixture(
        (0.2, 0, 1), (0.4, -9 / 64, 1e-3), (0.4, 9 / 64, 1e-3)),
    "an encoder that spreads over a decoder's bump":
        case(TWO, logit(*BUMP), with_log_var(zeros(TWO)[1], 10)),
}
# And what a table of p(x|z) has not enough points for.
TOO_SHARP = {
    "q's mean jumps": case(NORMAL, q=net([400, 400], [8, -8], ([[25], [-25]], [0]),
                                         ([[0], [0]], [0]))),
    "x far from where r bends": case(
        NORMAL, with_log_var(zeros(NORMAL)[0], 10),
        r=net(*BUMP[:2], BUMP[2:], ([[0], [0]], [0]))),
    # x = 1, or 3, comes from |z| > 9.5 alone: p(x) is small there, and log p(x) counts.
    "an unlikely category": case(RARE, logit(*steps(9.5, 2, -200, 20))),
    "an unlikely x": case(SHARP, net(*JUMP[:2], JUMP[2:])),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_what_hides_between_points_is_found(name):
    problem, params = HIDDEN[name]
    got = evaluate(problem, *params)
    assert not marked(got)
    expected = truth(problem, params, 60_001, reach=10.0)
    for key, value in got.items():
        assert value == pytest.approx(expected[key], rel=1e-9, abs=1e-5), key


@pytest.mark.parametrize("name", TOO_SHARP)
def test_what_cannot_be_resolved_is_marked(name):
    problem, params = TOO_SHARP[name]
    assert marked(evaluate(problem, *params))


@given(st.integers(0, 2 ** 32 - 1), st.sampled_from([1.0, 3.0, 10.0, 30.0]),
       st.integers(0, 2), st.integers(1, 2))
def test_wild_nets_have_right_figures_or_none(seed, scale, wild, critic):
    """One of p, q, r with weights of up to 30 and more."""
    problem = problems.Categorical([0.6, 0.3, 0.1], n_hidden=4, critic=critic)
    problem.finest = 2048  # marked sooner, to save seconds
    scales = [1.0, 1.0, 1.0]
    scales[wild] = scale
    rng = np.random.default_rng(seed)
    params = random_like(problem.init(rng), rng, *scales)
    got = evaluate(problem, *params)
    if not marked(got):
        expected = truth(problem, params, 12_001, reach=14.0)
        for key, value in got.items():
            # 1e-9: rounding of sums of terms as large as exp(30)
            assert value == pytest.approx(expected[key], rel=1e-9, abs=1e-5), key


@pytest.mark.parametrize("player", range(3))
def test_what_a_net_does_where_nothing_ever_comes_costs_no_figures(player):
    """Beyond |z| = 8, or |x| = 8, p's or q's sd goes up to 150, or r's down to .001."""
    problem = problems.SplitNormal(n_hidden=2)
    params = list(zeros(problem))
    plain = evaluate(problem, *params)
    W, b, V, c = steps(8, 4, 0, [10, 10, -14][player])
    params[player] = net(W, b, ([[0], [0]], [0]), (V, c))
    # tanh(4 (z - 8)) is flat to 1e-6 for |z| < 6, which holds all but 2e-9 of the mass.
    assert evaluate(problem, *params) == pytest.approx(plain, abs=2e-6)


@pytest.mark.parametrize("player", range(3))
def test_hopeless_models_are_marked_before_any_grid(player, monkeypatch):
    """Parameters that are not finite, and bends that no table has the points for."""
    problem = problems.SplitNormal(n_hidden=2)
    plain = zeros(problem)

    def no_grid(*_):
        raise AssertionError("a grid was laid out")

    monkeypatch.setattr(exact, "on_grid", no_grid)
    hopeless = [(0, 720.0), (0, -1e200)]
    hopeless += [(k, bad) for bad in (np.nan, np.inf, -np.inf) for k in range(4)]
    for k, bad in hopeless:
        params = [list(net) for net in plain]
        params[player][k] = np.full_like(params[player][k], bad)
        assert marked(evaluate(problem, *params))


class Lossy(problems.Categorical):
    """A problem that forgets its last category: figures stand, but p has lost mass."""

    def outcomes(self, n, p):
        x, dx = super().outcomes(n, p)
        return x[:, :, :-1], dx


def test_mass_that_is_lost_is_noticed():
    whole, lossy = (kind([0.5, 0.3, 0.2], n_hidden=2)
                    for kind in (problems.Categorical, Lossy))
    lossy.finest = 256  # marked sooner, to save seconds
    assert not marked(evaluate(whole, *zeros(whole)))
    assert marked(evaluate(lossy, *zeros(lossy)))


VALUES = {"lower": 0.5, "exact": 0.6, "upper": 0.7, "elbo": -1.6,
          "log_likelihood": -1.5, "mass": 1.0}


@pytest.mark.parametrize("wrong", [
    {}, {"lower": 0.61}, {"upper": 0.59}, {"elbo": -1.49}, {"log_likelihood": -1.4},
    {"mass": 0.999}, {"mass": 1.001}])
def test_figures_that_stand_must_make_sense(wrong, monkeypatch):
    """I^ <= I <= U, ELBO <= E log p <= best = -1.419, and all of the mass."""
    values = np.array([*{**VALUES, **wrong}.values()])
    monkeypatch.setattr(exact, "on_grid", lambda *_: values)
    problem = problems.SplitNormal(n_hidden=2)
    assert marked(evaluate(problem, *zeros(problem))) == bool(wrong)


def test_upper_bound_where_the_law_misses_mass():
    """Infinite where p has that mass; what p never yields does not count."""
    problem = problems.Categorical([0.5, 0.5, 0.0], n_hidden=2, critic=1)
    p, q, r = zeros(problem)
    got = evaluate(problem, p, q, r)
    assert got["upper"] == np.inf
    assert np.isfinite([got[key] for key in got if key != "upper"]).all()
    never = (*p[:3], np.array([0.0, 0.0, -2000.0]).reshape(p[3].shape))
    assert evaluate(problem, never, q, r)["upper"] == pytest.approx(0, abs=1e-9)


def test_log_marginal_is_bayes_denominator():
    """p(x) of a linear decoder at given x; the posterior it normalises sums to one."""
    p, _, _ = problems.SplitNormal().densities((linear(np.log(0.5)), (), ()))
    z, weights = nodes.grid(400)
    x = nodes.across([-2.0, 0.0, 1.3])
    log_px = bounds.log_marginal(p, x, z, weights)
    expected = -0.5 * (np.log(2 * np.pi * 1.5) + np.square(x[..., 0]) / 1.5)
    np.testing.assert_allclose(log_px, expected, atol=1e-5)  # linear to 1e-6 only
    np.testing.assert_array_equal(
        bounds.log_marginal(p, np.swapaxes(x, 1, 2), z, weights)[0, :, 0], log_px[0, 0])
    posterior = weights * np.exp(p.log_prob(x, z) - log_px)
    np.testing.assert_allclose(posterior.sum(1), 1, rtol=1e-12)
