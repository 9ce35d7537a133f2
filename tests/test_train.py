"""Training: the three players' gradients, the loop step by step, the penalty, and short
runs that reach their levels."""
import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from autograd.test_util import check_grads

from minimae import bounds, exact, nodes, train
from minimae.adam import adam_step, cosine
from minimae.nets import held
from minimae.problems import Categorical, SplitNormal
from minimae.stacks import flatten, select, stack, views
from minimae.train import Penalty, train as run

LEVELS = [0.0, 0.8, None]
SD_HALF = 2 * np.log(0.5)  # the log_var of a decoder with sd .5


@pytest.fixture(scope="module")
def trained():
    problem = SplitNormal(n_hidden=8)
    return problem, run(problem, LEVELS, range(3), steps=150)


def climbed(problem, params, data, prior, slope):
    """The gradient that one step of training climbs."""
    return grad(lambda params: anp.sum(train.objectives(
        *problem.densities(params), data, prior, slope)))(params)


# The three players

@pytest.mark.parametrize("critic", [1, "bayes"])
def test_each_player_climbs_its_own_objective(critic):
    """p: ELBO + slope I^; q: ELBO; r: I^ whatever the slope, also where it is zero;
    models do not mix, and p does not act through Bayes' rule."""
    problem = SplitNormal(n_hidden=3, critic=critic)
    params = stack([problem.init(np.random.default_rng(s)) for s in (0, 1)], 1)
    fixed = params[0]
    slope = np.array([-0.7, 0.0])
    data, (z, eps, weights) = problem.nodes(np.random.default_rng(8))
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


@pytest.mark.parametrize("critic", [1, 2])
def test_gradients_of_both_bounds_against_finite_differences(critic):
    problem = Categorical([0.7, 0.2, 0.1], 3, critic=critic, n_z=24, n_eps=6)
    rng = np.random.default_rng(0)
    params, (data, prior) = problem.init(rng), problem.nodes(rng)
    # With slope 1 every player climbs the plain sum of both bounds, which finite
    # differences see as well.
    check_grads(lambda *params: anp.sum(train.objectives(
        *problem.densities(params), data, prior, np.ones(1))), modes=["rev"],
        order=1)(*params)


# The loop

class Textbook:
    """Adam as in the paper, on one vector with a count of its own; upwards."""

    def __init__(self, x):
        self.x, self.m, self.v, self.t = x, 0.0, 0.0, 0

    def climb(self, g, rate):
        self.t += 1
        self.m = 0.9 * self.m + 0.1 * g
        self.v = 0.95 * self.v + 0.05 * g * g
        m, v = self.m / (1 - 0.9 ** self.t), self.v / (1 - 0.95 ** self.t)
        self.x = self.x + rate * m / (np.sqrt(v) + 1e-8)


@pytest.mark.parametrize("k", [1, 3])
def test_critic_takes_k_steps_of_adam_for_one_of_p_and_q(k):
    """Five steps against the loop written out: fresh nodes for each step of the critic,
    an own count, one update of the penalty and one learning rate for all k."""
    problem, steps, level = SplitNormal(n_hidden=3, n_train=6), 5, 0.4
    rng = np.random.default_rng(2)
    params = problem.init(rng)
    models, critic = Textbook(flatten(params[:2])), Textbook(flatten(params[2:]))
    penalty = Penalty([level], steps)
    for step in range(steps):
        rate = 0.03 * 0.5 * (1 + np.cos(np.pi * step / steps))
        for _ in range(k):
            params = views(np.concatenate([models.x, critic.x]), params)
            data, prior = problem.nodes(rng)
            values = train.objectives(*problem.densities(params), data, prior,
                                      penalty.slope)
            gradient = climbed(problem, params, data, prior, penalty.slope)
            critic.climb(flatten(gradient[2:]), rate)
        models.climb(flatten(gradient[:2]), rate)
        penalty.update(values, step + 1)
    got = run(problem, [level], [2], steps, critic_steps=k)
    # Rounding of numbers of size 1 over fifteen steps.  A critic that takes one step
    # more or less, or counts as p and q do, is .01 away.
    np.testing.assert_allclose(flatten(got), np.concatenate([models.x, critic.x]),
                               rtol=0, atol=1e-11)


def test_one_critic_step_is_one_step_of_adam_on_everything():
    """Bit for bit: as if p, q and r were one vector."""
    problem, steps, seen = SplitNormal(n_hidden=3, n_train=6), 4, []
    got = run(problem, LEVELS, [2], steps,
              after=lambda step, params, values: seen.append(values))
    rng = np.random.default_rng(2)
    params = stack([problem.init(rng)], len(LEVELS))
    state = np.zeros((3, flatten(params).size))
    state[0] = flatten(params)
    params, penalty = views(state[0], params), Penalty(LEVELS, steps)
    for step in range(1, steps + 1):
        data, prior = problem.nodes(rng)
        gradient = climbed(problem, params, data, prior, penalty.slope)
        penalty.update(seen[step - 1], step)
        adam_step(state, flatten(gradient), step, 0.03 * cosine(step, steps))
    np.testing.assert_array_equal(flatten(got), state[0])


def test_same_seed_same_bits_and_watching_changes_nothing():
    problem, seen = SplitNormal(n_hidden=8), []

    def watch(step, params, values):
        figures = exact.evaluate(problem, select(params, 2)) if step % 5 == 0 else {}
        seen.append((step, values.shape, *figures))
    first, again = run(problem, LEVELS, steps=10), run(problem, LEVELS, steps=10,
                                                       after=watch)
    np.testing.assert_array_equal(flatten(again), flatten(first))
    assert [step for step, *_ in seen] == list(range(1, 11))
    assert {shape for _, shape, *_ in seen} == {(2, 3)}
    assert not np.array_equal(flatten(run(problem, LEVELS, [1], 10)), flatten(first))


def test_a_row_comes_out_as_it_would_alone():
    """Stacking levels and seeds changes no model: level .8 alone, in another order, and
    with the second seed."""
    problem = SplitNormal(n_hidden=8)
    alone = run(problem, [0.8], [4], steps=30)
    mixed = run(problem, [None, 0.8], [3, 4], steps=30)
    # BLAS may add in another order for other shapes, and Adam lets rounding grow.
    np.testing.assert_allclose(flatten(select(mixed, 3)), flatten(alone), atol=1e-9)


# The penalty

def update(penalty, lower, step):
    """The penalty's update from I^; the ELBO beside it is not its business."""
    penalty.update(np.array([np.full(len(lower), -77.0), lower]), step)


def test_penalty_slope_is_the_derivative_of_the_rounded_absolute_value():
    penalty = Penalty([1.0, 1.0, 1.0, None], 100)
    update(penalty, [1.1, 0.5, 5.0, 7.0], 1)
    C, width = penalty.C, Penalty.WIDTH + 1e-3
    np.testing.assert_allclose(
        penalty.slope, [-C[0] * 0.1 / width, C[1] * 0.5 / width, -C[2], 0.0], rtol=1e-9)


def test_penalty_grows_only_while_the_violation_is_large_and_ends_exact():
    steps = 100
    penalty = Penalty([1.0, 1.0, None], steps)
    for step in range(1, steps + 1):
        update(penalty, [0.0, 1.0, 5.0], step)
    assert penalty.C[0] == pytest.approx(Penalty.START * penalty.growth)
    assert penalty.C[1] == Penalty.START
    assert penalty.slope[2] == 0
    # At the end a hundredth of a nat already meets the full C.
    update(penalty, [0.99, 1.0, 5.0], steps)
    assert penalty.slope[0] == pytest.approx(penalty.C[0])


def test_growth_is_that_of_the_penalty():
    one, other = [run(SplitNormal(n_hidden=4), [1.0], steps=20, growth=growth)
                  for growth in (1, 1000)]
    assert np.abs(one[0][0] - other[0][0]).max() > 1e-3


def test_training_starts_upwards():
    """Before anything is measured every constrained model is pushed to more
    information, and the plain VAE is not."""
    np.testing.assert_array_equal(np.sign(Penalty([0, 1.0, None], 9).slope), [1, 1, 0])


# Short runs.  "Worst" is over seeds 0 to 39, "of 24" over seeds 0 to 23; tolerances are
# twice that and more, so that another machine's rounding cannot fail a run.

def test_a_short_run_reaches_its_levels(trained):
    problem, params = trained
    got = {key: value.reshape(3, 3)  # seeds, levels
           for key, value in exact.evaluate(problem, params).items()}
    # worst: I off by .018, the likelihood by .0011, I of the plain VAE .0002
    np.testing.assert_allclose(got["exact"][:, :2], [LEVELS[:2]] * 3, atol=0.06)
    assert np.all(problem.best - got["log_likelihood"] < 0.005)
    # Likelihood alone leaves z unused, whatever the seed.
    assert np.all(got["exact"][:, 2] < 0.001)


@pytest.mark.parametrize("critic", [2, "bayes"])
def test_an_expressive_family_reaches_its_level_with_a_richer_critic(critic):
    problem = SplitNormal(n_hidden=8, critic=critic)
    got = exact.evaluate(problem, run(problem, [0.8], steps=150))
    # Worst: .015 with two normals, .0039 (of 24) with Bayes' rule.
    atol = 0.012 if critic == "bayes" else 0.05
    np.testing.assert_allclose(got["exact"], 0.8, atol=atol)
    assert problem.best - got["log_likelihood"] < 0.01  # worst: .0032


def test_bayes_rule_holds_low_levels_that_the_normal_critic_loses():
    """sd fixed at .5, where likelihood alone wants log 2: below it a normal critic can
    fall behind, with I^ on the level and I above; Bayes' rule cannot."""
    missed = {}
    for critic in (1, "bayes"):
        problem = SplitNormal(8, log_var=SD_HALF, critic=critic)
        params = run(problem, [0.1], range(6), steps=150)
        missed[critic] = np.abs(exact.evaluate(problem, params)["exact"] - 0.1)
    # Worst .008 with Bayes' rule; with a normal .2, median .038 (.064 of these six).
    assert np.max(missed["bayes"]) < 0.02 and np.median(missed[1]) > 0.03


@pytest.mark.parametrize("linear", [True, False])
def test_decoders_with_fixed_sd(linear):
    """The plain VAE stops at I = log 2.  A linear mean lies on its closed form: with v
    the variance of p(x) = N(0, v), v = exp(2 I) / 4 and E log p(x) =
    -(log 2 pi v + 1 / v) / 2; the mean of a net lies on it or above."""
    problem = SplitNormal(8, log_var=SD_HALF, linear=linear)
    got = exact.evaluate(problem, run(problem, [1.0, None], steps=150))
    np.testing.assert_allclose(got["exact"], [1.0, np.log(2)], atol=0.04)  # worst: .015
    v = 0.25 * np.exp(2 * got["exact"])
    excess = got["log_likelihood"] + 0.5 * (np.log(2 * np.pi * v) + 1 / v)
    if linear:  # what is left is the mean of x, which the data have at 0
        np.testing.assert_allclose(excess, 0, atol=1e-3)
    else:  # so short a run may end up to .017 below
        assert np.all(excess > -0.04)


@pytest.mark.parametrize("p_true, dim, n_z, n_eps", [
    ([0.5, 0.3, 0.2], 1, 64, 10), ([0.4, 0.3, 0.2, 0.1], 2, 12, 6)])
@pytest.mark.parametrize("critic", [2, "bayes"])
def test_categories_with_a_skewed_law_reach_their_level(p_true, dim, n_z, n_eps,
                                                        critic):
    problem = Categorical(p_true, 8, dim, critic, n_z, n_eps)
    got = exact.evaluate(problem, run(problem, [0.3, None], steps=100))
    # Worst: .033 with two normals, .0055 with Bayes' rule; the plain VAE .01 and .0073.
    atol = 0.015 if critic == "bayes" else 0.07
    np.testing.assert_allclose(got["exact"][0], 0.3, atol=atol)
    assert got["exact"][1] < 0.03
    assert np.all(problem.best - got["log_likelihood"] < 0.025)  # worst: .0104


@pytest.mark.parametrize("draw", [nodes.monte_carlo, nodes.lattice])
def test_noise_of_any_kind_can_train(draw):
    problem = SplitNormal(n_hidden=8, n_train=64, draw=draw)
    got = exact.evaluate(problem, run(problem, [0.4], steps=120))
    # Worst of 24: .12 and .04; a run that ignores its level ends at 0.
    np.testing.assert_allclose(got["exact"], 0.4, atol=0.25)


# What stops a run

def test_divergence_names_step_and_level():
    with pytest.raises(FloatingPointError, match=r"diverged at step \d+, level 0\.5\Z"):
        run(SplitNormal(n_hidden=4), [0.5], steps=50, rate=1e4)


@pytest.mark.parametrize("model, name", [(0, "0.2"), (4, "0.5"), (5, "vae")])
@pytest.mark.parametrize("what", ["ELBO", "I^", "gradient"])
def test_values_or_gradient_that_are_not_finite_name_their_model(what, model, name):
    """Third step, one of six models (two seeds); the other numbers are all finite."""
    done = []

    def objectives(*args):
        values = train.objectives(*args)
        bad = np.where(np.arange(6) == model, len(done) == 2, False)
        if what == "gradient":  # that of the square root at 0 is infinite
            return values + anp.sqrt(values - held(values) + ~bad)
        return values + np.where(np.array([["ELBO"], ["I^"]]) == what,
                                 np.where(bad, -np.inf, 0.0), 0.0)

    message = rf"diverged at step 3, level {name}\Z"
    with pytest.raises(FloatingPointError, match=message):
        run(SplitNormal(4, 4), [0.2, 0.5, None], [0, 1], steps=9, objectives=objectives,
            after=lambda *_: done.append(0))


# Input

@pytest.mark.parametrize("bad, message", [
    (dict(levels=[]), r"levels \[\]: give"), (dict(levels=0.5), "levels 0.5: give"),
    (dict(levels="abc"), "levels abc: give"), (dict(levels=None), "levels None: give"),
    (dict(levels=[[0.5], [0.7]]), r"level \[0.5\] must be"),
    (dict(levels=[0.5, [0.7]]), r"level \[0.7\] must be"),
    (dict(levels=np.ones((2, 1))), r"level \[1.\] must be"),
    (dict(levels=["a"]), "level a must be from 0"),
    (dict(levels=[-0.1]), "level -0.1 must"), (dict(levels=[np.nan]), "level nan must"),
    (dict(levels=[np.inf]), "level inf must"), (dict(levels=[50]), "cannot be resolve"),
    (dict(seeds=[]), r"seeds \[\]: give"), (dict(seeds=0), "seeds 0: give"),
    (dict(seeds=[1.5]), "seed 1.5: give"), (dict(seeds=[-1]), "seed -1: give"),
    (dict(steps=0), "steps 0: give"), (dict(steps=-3), "steps -3: give"),
    (dict(steps=2.0), "steps 2.0: give"), (dict(steps="10"), "steps 10: give"),
    (dict(growth="100"), "growth 100: give"), (dict(growth=np.inf), "growth inf: give"),
    (dict(growth=0), "growth 0: give"), (dict(rate=np.nan), "rate nan: give"),
    (dict(rate=-0.03), "rate -0.03: give"), (dict(rate="1"), "rate 1: give"),
    (dict(critic_steps=0), "critic_steps 0: give"),
    (dict(critic_steps=1.0), "critic_steps 1.0: give")])
def test_bad_input_is_one_clear_line(bad, message):
    with pytest.raises(ValueError, match=message) as caught:
        run(**{"problem": SplitNormal(4, 4), "levels": [1.0], "steps": 1, **bad})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("problem, bad, message", [
    (SplitNormal, dict(n_hidden=0), "n_hidden 0: give"),
    (SplitNormal, dict(n_train=0), "n_train 0: give"),
    (SplitNormal, dict(critic=0), "critic 0: give"),
    (SplitNormal, dict(n_hidden=8.0), "n_hidden 8.0: give"),
    (SplitNormal, dict(critic="b"), "critic b: give"),
    (SplitNormal, dict(linear=True), "linear decoder needs a log_var"),
    (Categorical, dict(n_hidden=0), "n_hidden 0: give"),
    (Categorical, dict(dim_z=0), "dim_z 0: give"),
    (Categorical, dict(n_eps=0), "n_eps 0: give"),
    (Categorical, dict(n_z=0), "n_z 0: give"),
    (Categorical, dict(critic=0), "critic 0: give"),
    (Categorical, dict(p_true=[0.6, 0.6]), "sum to 1"),
    (Categorical, dict(p_true=[1.2, -0.2]), "probabilities"),
    (Categorical, dict(p_true=np.ones(40)), "sum to 1")])
def test_problems_of_no_size_are_one_clear_line(problem, bad, message):
    given = {"p_true": [0.5, 0.5], **bad} if problem is Categorical else bad
    with pytest.raises(ValueError, match=message) as caught:
        problem(**given)
    assert "\n" not in str(caught.value)


def test_numpys_numbers_and_arrays_are_welcome():
    problem = SplitNormal(np.int64(4), np.int32(4), critic=np.int64(1))
    plain = run(SplitNormal(4, 4), [0.0, 0.5], [0, 1], 2, growth=10, critic_steps=2)
    for seeds in (range(2), np.arange(2), (np.int64(0), np.uint8(1))):
        got = run(problem, np.array([0.0, 0.5]), seeds, np.int64(2), np.float64(0.03),
                  growth=np.int64(10), critic_steps=np.int64(2))
        np.testing.assert_array_equal(flatten(got), flatten(plain))


def test_the_entropy_of_x_is_a_level_and_nothing_above_it():
    for K in (2, 3, 6, 7, 10):
        run(Categorical(np.full(K, 1 / K), 2), [np.log(K)], steps=1)
    with pytest.raises(ValueError, match="level 0.7 must be from 0 to 0.6931 nats; "
                                         ".*cannot exceed the entropy of x"):
        run(Categorical([0.5, 0.5]), [0.2, 0.7])
    with pytest.raises(ValueError, match="level 0.6 .* cannot exceed the entropy"):
        run(Categorical([0.9, 0.1]), [0.6])
