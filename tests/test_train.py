"""Training: the three players' gradients, the loop step by step, the penalties, and
short runs that reach their levels."""
from functools import partial

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from autograd.misc import flatten as in_a_vector

from helpers import SEED, flatten, generator
from minimae import bounds, critics, exact, train
from minimae.bounds import stop_gradient
from minimae.models import select, stack
from minimae.problems import Categorical, Data, SplitNormal
from minimae.train import Multiplier, Penalty, train as run

LEVELS = [0.0, 0.8, None]
SEEDS = [3 * SEED, 3 * SEED + 1, 3 * SEED + 2]
SMALL = SplitNormal(n_hidden=3, n_train=6)


def climbed(problem, params, data, prior, slope):
    """The gradient that one step of training climbs."""
    return grad(lambda params: anp.sum(train.objectives(
        *problem.densities(params), data, prior, slope)))(params)


# The three players

@pytest.mark.parametrize("critic", [critics.Normal(), critics.Bayes()])
def test_each_player_climbs_its_own_objective(critic):
    """p: ELBO + slope I^; q: ELBO; r: I^ whatever the slope, also where it is zero;
    models do not mix, and p does not act through Bayes' rule."""
    problem = SplitNormal(n_hidden=3, critic=critic)
    params = stack([problem.init(generator(s)) for s in (0, 1)])
    fixed, slope = params[0], np.array([-0.7, 0.0])
    data, (z, eps, weights), _ = problem.nodes(generator(8))
    got = climbed(problem, params, data, (z, eps, weights), slope)

    def elbo(params, l):
        p, q, _ = problem.densities(params)
        return bounds.elbo(p, q, *data)[l]

    def infomax(params, l):
        p, _, _ = problem.densities(params)
        _, _, r = problem.densities((fixed, *params[1:]))
        return bounds.infomax(r, z, *p.joint(z, eps, weights))[l]

    elbos = [grad(elbo)(params, l) for l in (0, 1)]
    infomaxes = [grad(infomax)(params, l) for l in (0, 1)]
    for player, mix in enumerate([slope, np.zeros(2), np.ones(2)]):
        for k, array in enumerate(got[player]):
            expected = sum(elbos[l][player][k] + mix[l] * infomaxes[l][player][k]
                           for l in (0, 1))
            np.testing.assert_allclose(array, expected, rtol=1e-9, atol=1e-12)


# The loop

class Textbook:
    """Adam as in the paper, on one vector with a count of its own; upwards."""

    def __init__(self, net):
        self.x, self.net = in_a_vector(net)
        self.m, self.v, self.t = 0.0, 0.0, 0

    def climb(self, g, rate):
        self.t += 1
        self.m = 0.9 * self.m + 0.1 * g
        self.v = 0.95 * self.v + 0.05 * g * g
        m, v = self.m / (1 - 0.9 ** self.t), self.v / (1 - 0.95 ** self.t)
        self.x = self.x + rate * m / (np.sqrt(v) + 1e-8)


@pytest.mark.parametrize("turns", [(1, 1, 1), (1, 1, 3), (1, 2, 1), (1, 3, 2)])
def test_q_and_r_take_their_steps_of_adam_for_one_of_p(turns):
    """Four steps against the loop written out: fresh nodes for each turn, a count for
    each player, and p last, with one update of the penalty and one learning rate."""
    steps, level, seed = 4, 0.4, SEEDS[2]
    rng = np.random.default_rng(seed)
    params = SMALL.init(rng)
    players, penalty = [Textbook(net) for net in params], Penalty([level], steps)
    for step in range(steps):
        rate = 0.03 * 0.5 * (1 + np.cos(np.pi * step / steps))
        for left in range(max(turns), 0, -1):
            params = tuple(player.net(player.x) for player in players)
            data, prior, _ = SMALL.nodes(rng)
            values = train.objectives(*SMALL.densities(params), data, prior,
                                      penalty.slope)
            gradient = climbed(SMALL, params, data, prior, penalty.slope)
            for player, net, most in zip(players, gradient, turns):
                if left <= most:
                    player.climb(flatten([net]), rate)
        penalty.update(values, step + 1)
    got = run(SMALL, [level], [seed], steps, encoder_steps=turns[1],
              critic_steps=turns[2])
    # Rounding of numbers of size 1 over a dozen steps.  A player that takes one step
    # more or less, or counts as another does, is .01 away.
    np.testing.assert_allclose(flatten(got.params), np.concatenate(
        [player.x for player in players]), rtol=0, atol=1e-10)


def test_same_seed_same_bits_and_watching_changes_nothing():
    seen, watched = [], partial(run, SMALL, LEVELS, steps=6)

    def watch(step, params, values):
        seen.append((step, values.shape))
        exact.on_grid(SMALL, select(params, 2), 8)
    first, again = watched(), watched(callback=watch)
    np.testing.assert_array_equal(flatten(again.params), flatten(first.params))
    assert seen == [(step, (2, 3)) for step in range(1, 7)]
    other = watched(seeds=[1])
    assert not np.array_equal(flatten(other.params), flatten(first.params))


def test_a_row_comes_out_as_it_would_alone():
    """Stacking levels and seeds changes no model: level .8 alone, in another order, and
    with the second seed."""
    alone, mixed = run(SMALL, [0.8], [4], 20), run(SMALL, [None, 0.8], [3, 4], 20)
    assert (mixed.levels, mixed.seeds) == ([None, 0.8] * 2, [3, 3, 4, 4])
    # BLAS may add in another order for other shapes, and Adam lets rounding grow.
    np.testing.assert_allclose(flatten(select(mixed.params, 3)), flatten(alone.params),
                               atol=1e-9)


@pytest.mark.parametrize("critic", [critics.MultiSample(), critics.Mixture(2)])
@pytest.mark.parametrize("penalty", [Penalty, Multiplier])
def test_single_precision_stays_single(critic, penalty):
    """Rows of float32: parameters, nodes, values and gradients of both bounds."""
    rows = generator(0).standard_normal((40, 3)).astype(np.float32)
    problem = Data(rows, rows, n_hidden=4, batch=8, n_codes=16, critic=critic)
    seen = []

    def objectives(p, q, r, data, prior, slope):
        values = train.objectives(p, q, r, data, prior, slope)
        seen.extend([stop_gradient(values).dtype, *(a.dtype for a in data + prior)])
        return values

    models = run(problem, [0.2, None], steps=3, objectives=objectives, penalty=penalty,
                 callback=lambda step, params, values: seen.extend(
                     [values.dtype, flatten(params).dtype]))
    data, prior, codes = stack([problem.nodes(generator(1))], 2, problem.dtype)
    gradient = grad(lambda params: anp.sum(train.objectives(*problem.densities(
        params, codes), data, prior, np.ones(2))))(models.params)
    seen.append(flatten(gradient).dtype)
    assert {*seen} == {np.dtype(np.float32)}


# The penalties

def update(penalty, lower, step):
    """The penalty's update from I^; the ELBO beside it is not its business."""
    penalty.update(np.array([np.full(len(lower), -77.0), lower]), step)


def test_penalty_slope_is_the_derivative_of_the_rounded_absolute_value():
    """Before anything is measured constrained models are pushed to more information."""
    penalty = Penalty([1.0, 1.0, 1.0, None], 100)
    np.testing.assert_array_equal(np.sign(penalty.slope), [1, 1, 1, 0])
    update(penalty, [1.1, 0.5, 5.0, 7.0], 1)
    expected = penalty.C * np.clip(np.array([-0.1, 0.5, -4, 0]) / 1.001, -1, 1)
    np.testing.assert_allclose(penalty.slope, expected, rtol=1e-9)


@pytest.mark.parametrize("growth", [100.0, 1000.0])
def test_penalty_grows_only_while_the_violation_is_large_and_ends_exact(growth):
    penalty = Penalty([1.0, 1.0, None], 100, growth=growth)
    for step in range(1, 101):
        update(penalty, [0.0, 1.0, 5.0], step)
    assert penalty.C[0] == pytest.approx(Penalty.START * growth)
    assert penalty.C[1] == Penalty.START and penalty.slope[2] == 0
    # At the end a hundredth of a nat already meets the full C.
    update(penalty, [0.99, 1.0, 5.0], 100)
    assert penalty.slope[0] == pytest.approx(penalty.C[0])


def test_multiplier_is_the_sum_of_violations():
    """slope = -C clip(d / width) - learning / steps sum of clip(d), with C fixed."""
    steps, learning, total = 10, 3.0, 0.0
    penalty = Multiplier([1.0, None], steps, learning=learning)
    for step, lower in enumerate([1.5, 0.9, 4.0], 1):
        update(penalty, [lower, lower], step)
        total += learning / steps * np.clip(lower - 1, -1, 1)
        width = 0.5 * (1 + np.cos(np.pi * (step - 1) / steps)) * penalty.WIDTH + 1e-3
        expected = -2 * np.clip((lower - 1) / width, -1, 1) - total
        np.testing.assert_allclose(penalty.slope, [expected, 0.0], rtol=1e-12)


# Short runs: the worst is over seeds 0 to 23, and tolerances are twice that and more.

RUNS = {
    # problem, levels, options, I off by, likelihood lost, and worst measured
    "a normal critic": (SplitNormal(8), LEVELS, {}, [0.06, 0.06, 0.001], 0.005),
    "Bayes' rule": (SplitNormal(8, critic=critics.Bayes()), [0.8], {}, [0.012], 0.01),
    # where likelihood alone wants log 2, and a normal critic falls behind: .2 off
    "Bayes' rule below what likelihood wants": (SplitNormal(
        8, log_var=2 * np.log(0.5), critic=critics.Bayes()), [0.1], {}, [0.02], 1),
    "a skewed law": (Categorical([0.5, 0.3, 0.2], 8, n_z=64), [0.3, None],
                     dict(steps=100), [0.07, 0.03], 0.025),
    "two dimensions": (Categorical([0.4, 0.3, 0.2, 0.1], 8, 2, critics.Bayes(), 12, 6),
                       [0.3, None], dict(steps=100), [0.02, 0.03], 0.025),
    "a multiplier": (SplitNormal(8, critic=critics.Bayes()), [0.8],
                     dict(penalty=Multiplier), [0.05], 0.02),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_short_run_reaches_its_levels(name):
    """|I - M|, or I for None; and likelihood lost."""
    problem, levels, options, atol, most_lost = RUNS[name]
    rows = exact.evaluate(run(problem, levels, SEEDS, **{"steps": 150, **options}))
    missed = [abs(row["information"] - (row["level"] or 0)) for row in rows]
    lost = max(row["best"] - row["log_likelihood"] for row in rows)
    assert np.all(np.reshape(missed, (len(SEEDS), -1)) < atol) and lost < most_lost


# What stops a run

def test_divergence_names_step_level_and_learning_rate():
    with pytest.raises(FloatingPointError, match=r"diverged at step \d+, level 0\.5, "
                       "ELBO .*: try a learning rate below 10000"):
        run(SplitNormal(n_hidden=4), [0.5], steps=50, learning_rate=1e4)
    # Every number is finite here: the ELBO falls to -10^12 and more.
    with pytest.raises(FloatingPointError, match=r"diverged at step \d+, level 1, "
                       r"ELBO -\d.*e\+.*: try a learning rate below 0.03"):
        run(SplitNormal(n_hidden=1000), [1], SEEDS[:1], steps=60)


@pytest.mark.parametrize("model, name", [(0, "0.2"), (4, "0.5"), (5, "None")])
@pytest.mark.parametrize("what", ["ELBO", "I^", "gradient"])
def test_values_or_gradient_that_are_not_finite_name_their_model(what, model, name):
    """Third step, one of six models (two seeds); the other numbers are all finite.  A
    gradient shows in the values of the next step."""
    done = []

    def objectives(*args):
        values = train.objectives(*args)
        bad = np.where(np.arange(6) == model, len(done) == 2, False)
        if what == "gradient":  # that of the square root at 0 is infinite
            return values + anp.sqrt(values - stop_gradient(values) + ~bad)
        return values + np.where(np.array([["ELBO"], ["I^"]]) == what,
                                 np.where(bad, -np.inf, 0.0), 0.0)

    step = 4 if what == "gradient" else 3
    with pytest.raises(FloatingPointError, match=f"at step {step}, level {name}, "):
        run(SplitNormal(4, 4), [0.2, 0.5, None], [0, 1], steps=9, objectives=objectives,
            callback=lambda *_: done.append(0))


@pytest.mark.parametrize("bad, message", [
    (dict(levels=[]), r"levels \[\]: give"), (dict(levels=0.5), "levels 0.5: give"),
    (dict(levels="abc"), "levels abc: give"), (dict(levels=["a"]), "level a: give"),
    (dict(levels=[-0.1]), "level -0.1: give"), (dict(levels=[np.nan]), "level nan: "),
    (dict(levels=[4.0]), "level 4.0: .* to 3.3479 nats, the most that can be held"),
    (dict(seeds=[]), r"seeds \[\]: give"), (dict(seeds=[0, -1]), "seed -1: give"),
    (dict(steps=0), "steps 0: give"), (dict(steps=2.0), "steps 2.0: give"),
    (dict(learning_rate=np.nan), "learning_rate nan: give"),
    (dict(critic_steps=0), "critic_steps 0: give"),
    (dict(encoder_steps=1.0), "encoder_steps 1.0: give"),
    (dict(penalty=partial(Penalty, growth=0)), "growth 0: give"),
    (dict(problem=Categorical([0.5, 0.5]), levels=[0.2, 0.7]), "level 0.7: give a "
     "number from 0 to 0.6931 nats, the most"),
    (dict(problem=SplitNormal(critic=critics.MultiSample())), "from 0 to 0.1823 nats"),
    # gigabytes
    (dict(problem=Categorical([0.5, 0.5], dim_z=3, n_z=128), levels=[None]),
     "models times nodes 2097152: give .* a step; more would take gigabytes"),
    (dict(seeds=range(10 ** 5)), "nodes 14400000: give a number from 0 to 524288")])
def test_bad_input_is_one_clear_line(bad, message):
    with pytest.raises(ValueError, match=message) as caught:
        run(**{"problem": SplitNormal(), "levels": [1.0], "steps": 1, **bad})
    assert "\n" not in str(caught.value)


def test_the_entropy_of_x_is_a_level_and_numpys_numbers_are_welcome():
    for K in (2, 3, 6, 7, 10):
        run(Categorical(np.full(K, 1 / K), np.int64(2)), np.array([np.log(K)]),
            (np.int64(0), np.uint8(1)), np.int64(1), np.float64(0.03), np.int64(2))
