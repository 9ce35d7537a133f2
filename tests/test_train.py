"""Training: the gradient of each density, the loop against one written out, short runs
that reach their targets, and what ends a run."""
import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from numpy.testing import assert_allclose, assert_array_equal
from pytest import approx

from helpers import GivenNormal, SEED, flatten, generator, linear_normal, random_model
from minimae import bounds, critics, exact, models, nets, penalty, problems, train
from minimae.bounds import stop_gradient

SEEDS = [3 * SEED, 3 * SEED + 1, 3 * SEED + 2]
SMALL = problems.SplitNormal(n_hidden=3, n_train=6)


def gradient_of_a_step(problem, params, data, prior, slope):
    """The gradient that one step of training climbs."""
    def total(params):
        p, q, r = problem.densities(params)
        return anp.sum(train.objectives(p, q, r, data, prior, slope))
    return grad(total)(params)


# What is climbed

@pytest.mark.parametrize("problem", [
    SMALL,
    problems.SplitNormal(n_hidden=3, critic=critics.Bayes()),
    problems.Categorical([0.5, 0.3, 0.2], n_hidden=3, n_z=8)])
@pytest.mark.parametrize("slope", [-0.7, 0.0])
def test_each_density_climbs_its_own_objective(problem, slope):
    """p: ELBO + slope I^; q: ELBO; r: I^ for any slope.  p does not act through the
    critic, though Bayes' rule uses it."""
    params = random_model(problem, generator(1), scale=0.7)
    data, prior, _ = problem.draw_nodes(generator(8))
    z, eps, weights = prior

    def elbo(moving):
        p, q, _ = problem.densities(moving)
        return bounds.elbo(p, q, *data)

    def infomax(moving):
        p, _, _ = problem.densities(moving)
        x, joint = p.joint_nodes(z, eps, weights)
        _, _, r = problem.densities((params[0], *moving[1:]))
        return bounds.infomax(r, z, x, joint)

    got = gradient_of_a_step(problem, params, data, prior, slope)
    of_elbo = grad(elbo)(params)
    of_infomax = grad(infomax)(params)
    for k, share_of_infomax in [(0, slope), (1, 0.0), (2, 1.0)]:  # p, q and r
        expected = flatten(of_elbo[k]) + share_of_infomax * flatten(of_infomax[k])
        assert_allclose(flatten(got[k]), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("problem", [
    SMALL, problems.Categorical([0.5, 0.3, 0.2], n_hidden=3, n_z=8)])
def test_models_of_a_stack_do_not_mix(problem):
    """Values and gradients are those of each model, with its own slope."""
    rng = generator(2)
    params = [random_model(problem, rng, scale=0.7) for _ in range(2)]
    slopes = np.array([-0.7, 0.4])
    data, prior, _ = problem.draw_nodes(rng)
    stacked = models.stack(params)
    gradient = gradient_of_a_step(problem, stacked, data, prior, slopes)
    values = train.objectives(*problem.densities(stacked), data, prior, slopes)
    assert values.shape == (2, 2)
    for k, of_model in enumerate(models.unstack(gradient, like=params[0])):
        alone = gradient_of_a_step(problem, params[k], data, prior, slopes[k])
        assert_allclose(flatten(of_model), flatten(alone), rtol=1e-9, atol=1e-12)
        p, q, r = problem.densities(params[k])
        one = train.objectives(p, q, r, data, prior, slopes[k])
        assert_allclose(values[:, k], one, rtol=1e-12)


def test_scale_gradient_keeps_the_value():
    def scaled(a):
        return train.scale_gradient(a, 3.0) ** 2
    assert scaled(5.0) == 25
    assert grad(scaled)(5.0) == 30


# The loop

class TextbookAdam:
    """Adam as in the paper, for all numbers of a net in one vector; uphill."""

    def __init__(self, net):
        self.like = net
        self.vector = flatten(net)
        self.m = 0.0
        self.v = 0.0
        self.t = 0

    def step(self, gradient, learning_rate):
        g = flatten(gradient)
        self.t += 1
        self.m = 0.9 * self.m + 0.1 * g
        self.v = 0.95 * self.v + 0.05 * g * g
        m_hat = self.m / (1 - 0.9 ** self.t)
        v_hat = self.v / (1 - 0.95 ** self.t)
        self.vector = self.vector + learning_rate * m_hat / (np.sqrt(v_hat) + 1e-8)

    def net(self):
        """The vector as arrays in the shapes of the net."""
        arrays = []
        start = 0
        for a in self.like:
            end = start + a.size
            arrays.append(self.vector[start:end].reshape(a.shape))
            start = end
        return tuple(arrays)


def textbook_training(problem, target, seed, steps, encoder_steps, critic_steps):
    """One model by the loop of the method, in plain shapes; all numbers of it."""
    rng = np.random.default_rng(seed)
    optimizers = [TextbookAdam(net) for net in problem.init(rng)]
    n_steps = [1, encoder_steps, critic_steps]
    state = penalty.Penalty().start([target], steps, problem.critic)
    for step in range(1, steps + 1):
        learning_rate = 0.03 * 0.5 * (1 + np.cos(np.pi * (step - 1) / steps))
        for updates_left in range(max(n_steps), 0, -1):
            params = tuple(optimizer.net() for optimizer in optimizers)
            data, prior, _ = problem.draw_nodes(rng)
            slope = state.slope[0]
            p, q, r = problem.densities(params)
            values = train.objectives(p, q, r, data, prior, slope)
            gradients = gradient_of_a_step(problem, params, data, prior, slope)
            for k in range(3):
                if updates_left <= n_steps[k]:
                    optimizers[k].step(gradients[k], learning_rate)
        state.update(values[:, None], step)
    return np.concatenate([optimizer.vector for optimizer in optimizers])


@pytest.mark.parametrize("encoder_steps, critic_steps", [
    (1, 1), (1, 3), (2, 1), (3, 2)])
def test_training_is_the_loop_written_out(encoder_steps, critic_steps):
    """Four steps: new nodes for each update, a count of steps for each net, p in the
    last update, and one update of the penalty and one learning rate for each step."""
    trained = train.train(SMALL, [0.4], [SEEDS[2]], steps=4, learning_rate=0.03,
                          encoder_steps=encoder_steps, critic_steps=critic_steps)
    expected = textbook_training(SMALL, 0.4, SEEDS[2], 4, encoder_steps, critic_steps)
    # Rounding of numbers of size 1 over a dozen updates.  A net that takes a step more
    # or less, or counts as another one does, is .01 away.
    assert_allclose(flatten(trained.params), expected, rtol=0, atol=1e-10)


def test_updates_of_a_step_end_with_the_decoder():
    updates = train.updates_of_a_step("p", "q", "r", encoder_steps=2, critic_steps=3)
    assert updates == [["r"], ["q", "r"], ["p", "q", "r"]]


def test_same_seed_same_bits_and_a_callback_changes_nothing():
    seen = []

    def callback(step, models, values):
        seen.append((step, values.shape, len(models)))
        exact.on_grid(models.problem, models.params[2], 8)

    targets = [0.0, 0.8, None]
    first = train.train(SMALL, targets, steps=6)
    again = train.train(SMALL, targets, steps=6, callback=callback)
    other = train.train(SMALL, targets, seeds=[1], steps=6)
    assert_array_equal(flatten(first.params), flatten(again.params))
    assert not np.array_equal(flatten(first.params), flatten(other.params))
    assert seen == [(step, (2, 3), 3) for step in range(1, 7)]


@pytest.mark.parametrize("problem", [
    SMALL,
    problems.Data(generator(0).standard_normal((40, 2)), n_hidden=3, batch=8,
                  n_codes=32)])
def test_a_model_comes_out_as_it_would_alone(problem):
    """Other targets and seeds in the run change no model: target .8 alone, and in
    another order with the second seed."""
    alone = train.train(problem, [0.8], seeds=[4], steps=20)
    mixed = train.train(problem, [None, 0.8], seeds=[3, 4], steps=20)
    assert mixed.targets == [None, 0.8, None, 0.8]
    assert mixed.seeds == [3, 3, 4, 4]
    # BLAS may add in another order for other shapes, and Adam lets rounding grow.
    assert_allclose(flatten(mixed.params[3]), flatten(alone.params[0]), atol=1e-9)


def test_models_are_of_plain_shapes_and_in_the_order_of_the_arguments():
    trained = train.train(SMALL, [0.3, None], seeds=[5, 6], steps=1)
    assert len(trained) == 4
    like = SMALL.init(generator(0))
    for params in trained.params:
        for net, net_like in zip(params, like):
            assert [a.shape for a in net] == [a.shape for a in net_like]
    assert trained.problem is SMALL


def test_defaults_are_those_of_the_problem():
    problem = problems.SplitNormal(n_hidden=3, n_train=6)
    problem.steps = 3
    problem.learning_rate = 0.01
    problem.penalty = penalty.Penalty(C=5.0)
    by_default = train.train(problem, [0.5])
    given = train.train(SMALL, [0.5], steps=3, learning_rate=0.01,
                        penalty=penalty.Penalty(C=5.0))
    assert_array_equal(flatten(by_default.params), flatten(given.params))


def test_objectives_of_ones_own_see_the_targets():
    """Free bits of a kind: what is climbed and constrained are one's own."""
    seen = []

    def objectives(p, q, r, data, prior, slope, targets):
        seen.append(targets)
        elbo, infomax = train.objectives(p, q, r, data, prior, slope)
        return anp.array([elbo, elbo])

    def callback(step, models, values):
        assert_array_equal(values[0], values[1])

    train.train(SMALL, [0.4, None], steps=2, objectives=objectives, callback=callback)
    assert_array_equal(seen[0], [0.4, np.nan])


# Short runs.  Tolerances are twice the worst of seeds 0 to 23, and more.

RUNS = {
    # a problem, targets and settings; tolerances of I - M, or of I without a target,
    # and the largest loss of likelihood
    "a normal critic": (
        problems.SplitNormal(n_hidden=8), [0.0, 0.8, None], {"steps": 150},
        [0.001, 0.04, 0.001], 0.003),
    "Bayes' rule": (
        problems.SplitNormal(n_hidden=8, critic=critics.Bayes()), [0.8],
        {"steps": 150}, [0.012], 0.012),
    # The likelihood alone wants log 2 nats, and a normal critic would miss by .2.
    "Bayes' rule far below log 2": (
        problems.SplitNormal(n_hidden=8, log_var=2 * np.log(0.5),
                             critic=critics.Bayes()), [0.1],
        {"steps": 150}, [0.012], 1.1),
    "unequal categories": (
        problems.Categorical([0.5, 0.3, 0.2], n_hidden=8, n_z=64), [0.3, None],
        {"steps": 100}, [0.07, 0.003], 0.025),
    "codes of two dimensions": (
        problems.Categorical([0.4, 0.3, 0.2, 0.1], n_hidden=8, dim_z=2,
                             critic=critics.Bayes(), n_z=12, n_eps=6), [0.3, None],
        {"steps": 100}, [0.006, 0.015], 0.002),
    "a multiplier": (
        problems.SplitNormal(n_hidden=8, critic=critics.Bayes()), [0.8],
        {"steps": 150, "penalty": penalty.AugmentedLagrangian()}, [0.012], 0.002),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_short_run_reaches_its_targets(name):
    problem, targets, settings, tolerances, largest_loss = RUNS[name]
    rows = exact.evaluate(train.train(problem, targets, SEEDS, **settings))
    for row in rows:
        wanted = row["target"] or 0.0
        tolerance = tolerances[targets.index(row["target"])]
        assert abs(row["information"] - wanted) < tolerance
        assert row["best"] - row["log_likelihood"] < largest_loss


# Going on, and ending early

def test_init_goes_on_from_the_models():
    """With a learning rate of almost 0 the models stay; they are no shared arrays."""
    first = train.train(SMALL, [0.4, None], seeds=[5, 6], steps=3)
    before = flatten(first.params)
    second = train.train(SMALL, [0.4, None], seeds=[5, 6], steps=1, learning_rate=1e-9,
                         init=first)
    assert_allclose(flatten(second.params), before, rtol=0, atol=1e-8)
    train.train(SMALL, [0.4, None], seeds=[5, 6], steps=1, init=first)
    assert_array_equal(flatten(first.params), before)


def test_init_of_other_models_is_refused():
    first = train.train(SMALL, [0.4, None], seeds=[5], steps=1)
    wider = problems.SplitNormal(n_hidden=4, n_train=6)
    for problem, targets, seeds, message in [
            (SMALL, [0.4], [5], r"init has the targets \[0.4, None\] and the seeds"),
            (SMALL, [0.4, None], [6], "give the same targets and seeds"),
            (wider, [0.4, None], [5], "init has models of SplitNormal.*n_hidden=3.*not "
                                      "of SplitNormal.*n_hidden=4")]:
        with pytest.raises(ValueError, match=message):
            train.train(problem, targets, seeds, steps=1, init=first)


def two_steps_of_nine():
    """The models after two steps of a run of nine, ended by its callback."""
    def end_at_two(step, models, values):
        return step == 2
    return train.train(SMALL, [0.4, None], steps=9, callback=end_at_two)


def test_a_callback_that_returns_true_ends_training():
    kept = []

    def keep(step, models, values):
        if step == 2:
            kept.append(models.copy())
    train.train(SMALL, [0.4, None], steps=9, callback=keep)
    assert_array_equal(flatten(two_steps_of_nine().params), flatten(kept[0].params))


def test_an_interrupt_inside_a_step_returns_the_models_with_a_warning():
    n_calls = []

    def objectives(*arguments):
        n_calls.append(1)
        if len(n_calls) == 3:
            raise KeyboardInterrupt
        return train.objectives(*arguments)

    with pytest.warns(UserWarning, match="^interrupted at step 3 of 9: models as they"):
        interrupted = train.train(SMALL, [0.4, None], steps=9, objectives=objectives)
    assert_array_equal(flatten(interrupted.params), flatten(two_steps_of_nine().params))


# The multi-sample bound of a step

def test_the_bias_of_the_multi_sample_bound_is_found():
    """x|z ~ N(z, 1/50), I = 1/2 log 51 = 1.97, with 32 codes: I^ is .10 low on average,
    and the corrected I^ is right to first order."""
    decoder = linear_normal(1.0, np.log(1 / 50))
    problem = problems.Data(np.linspace(-1, 1, 32), decoder=decoder, dim_z=1, batch=32,
                            n_codes=32)
    params = problem.init(generator(0))
    rng = generator(1)
    infomaxes = []
    corrected = []
    for _ in range(800):
        nodes = problem.draw_nodes(rng)
        _, (z, eps, weights), codes = nodes
        p, _, r = problem.densities(params, codes)
        x, joint = p.joint_nodes(z, eps, weights)
        infomax = bounds.infomax(r, z, x, joint)
        bias = train.BiasOfBound(problem, n_models=1)
        bias.update(10, params, nodes, np.array([[0.0], [infomax]]), [rng])
        infomaxes.append(infomax)
        corrected.append(infomax + bias.correction[1, 0])
    information = 0.5 * np.log(51)
    low = information - np.mean(infomaxes)
    left = information - np.mean(corrected)
    # The standard error of both is .005; 6 of them are .03.
    assert low > 0.07
    assert abs(left) < 0.035


def test_the_penalty_sees_the_corrected_bound(monkeypatch):
    class ConstantBias:
        correction = np.array([[0.0], [0.25]])

        def __init__(self, problem, n_models, constrains_infomax):
            pass

        def update(self, *arguments):
            pass

    seen_by_penalty = []
    seen_by_callback = []

    class RecordingPenalty(penalty.Penalty):
        def update(self, values, step):
            seen_by_penalty.append(values)

    def callback(step, models, values):
        seen_by_callback.append(values)

    monkeypatch.setattr(train, "BiasOfBound", ConstantBias)
    train.train(SMALL, [0.4], steps=2, penalty=RecordingPenalty(), callback=callback)
    for values, measured in zip(seen_by_penalty, seen_by_callback, strict=True):
        assert_allclose(values - measured, ConstantBias.correction, atol=1e-15)


def test_other_critics_have_no_bias():
    bias = train.BiasOfBound(SMALL, n_models=2)
    bias.update(10, None, None, None, None)
    assert_array_equal(bias.correction, np.zeros((2, 2)))


# What stops a run

def test_divergence_names_step_target_and_learning_rate():
    message = (r"diverged at step \d+, target 0\.5, ELBO .*: try a learning rate below "
               "10000")
    with pytest.raises(FloatingPointError, match=message):
        train.train(problems.SplitNormal(n_hidden=4), [0.5], steps=50,
                    learning_rate=1e4)


def test_an_exploded_elbo_is_divergence():
    """Every number is finite here: the ELBO falls to -10^12 and below."""
    message = r"target 1, ELBO -\d.*e\+.*: try a learning rate below 0.03"
    with pytest.raises(FloatingPointError, match=message):
        train.train(problems.SplitNormal(n_hidden=1000), [1], SEEDS[:1], steps=60)


@pytest.mark.parametrize("k, target", [(0, "0.2"), (4, "0.5"), (5, "None")])
@pytest.mark.parametrize("bad", ["ELBO", "I^", "gradient"])
def test_a_value_or_gradient_that_is_not_finite_names_its_model(bad, k, target):
    """In the third step, for one of six models (two seeds); all other numbers are
    finite.  A gradient shows in the values of the next step."""
    n_steps = []

    def callback(step, models, values):
        n_steps.append(step)

    def objectives(*arguments):
        values = train.objectives(*arguments)
        if len(n_steps) != 2:
            return values
        error = np.zeros((2, 6))
        if bad == "ELBO":
            error[0, k] = -np.inf
        elif bad == "I^":
            error[1, k] = -np.inf
        else:
            # The square root of 0 has an infinite gradient.
            is_good = np.arange(6) != k
            zero = values - stop_gradient(values)
            error = anp.sqrt(zero + is_good) - is_good
        return values + error

    expected_step = 4 if bad == "gradient" else 3
    message = f"at step {expected_step}, target {target}, "
    with pytest.raises(FloatingPointError, match=message):
        train.train(SMALL, [0.2, 0.5, None], seeds=[0, 1], steps=9,
                    objectives=objectives, callback=callback)


def test_a_saturated_multi_sample_bound_stops_the_run():
    """log(n_codes / 2) is the most that it can surely be; a plain VAE may be there."""
    problem = problems.Data(np.eye(4), batch=4, n_codes=100)
    nodes = problem.draw_nodes(generator(0))
    values = np.array([[0.0, 0.0], [1.0, np.log(50) - 0.001]])
    train.stop_if_saturated(107, [1.0, None], values, problem, nodes)
    message = "saturated at step 107, target 2.0: it is 3.91 nats"
    with pytest.raises(FloatingPointError, match=message):
        train.stop_if_saturated(107, [1.0, 2.0], values, problem, nodes)


# Arguments

TWO = problems.Categorical([0.5, 0.5])


@pytest.mark.parametrize("arguments, message", [
    ({"targets": []}, r"targets \[\]: give a list"),
    ({"targets": 0.5}, "targets 0.5: give a list"),
    ({"targets": "abc"}, "targets 'abc': give a list"),
    ({"targets": ["a"]}, "target 'a': give a number"),
    ({"targets": [-0.1]}, "target -0.1: give a number"),
    ({"targets": [np.nan]}, "target nan: give a number"),
    ({"targets": [4.0]}, "target 4.0: .* to 3.3479 nats, the most that can be held"),
    ({"problem": TWO, "targets": [0.2, 0.7]}, "target 0.7: .* from 0 to 0.6931 nats"),
    ({"problem": problems.SplitNormal(critic=critics.MultiSample())},
     "target 1.0: .* from 0 to 0.1823 nats"),
    ({"seeds": []}, r"seeds \[\]: give a list"),
    ({"seeds": [0, -1]}, "seed -1: give an integer"),
    ({"steps": 0}, "steps 0: give an integer"),
    ({"steps": 2.0}, "steps 2.0: give an integer"),
    ({"learning_rate": np.nan}, "learning_rate nan: give a number"),
    ({"critic_steps": 0}, "critic_steps 0: give an integer"),
    ({"encoder_steps": 1.0}, "encoder_steps 1.0: give an integer"),
    ({"penalty": penalty.Penalty},
     r"penalty Penalty: give an instance, as Penalty\(\)"),
    ({"seeds": range(10 ** 5)},
     "100000 models with 144 nodes and 16 hidden units would take gigabytes a step: "
     "train at most 3640 at once"),
    ({"problem": problems.SplitNormal(n_hidden=10 ** 6)},
     "1 models with 144 nodes and 1000000 .*: give fewer nodes or hidden units")])
def test_an_argument_that_makes_no_sense_is_refused_in_one_line(arguments, message):
    settings = {"problem": problems.SplitNormal(), "targets": [1.0], "steps": 1,
                **arguments}
    with pytest.raises(ValueError, match=message) as error:
        train.train(**settings)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("n", [2, 3, 6, 7, 10])
def test_the_entropy_of_x_is_a_target(n):
    """log n is accepted, though the sum of p log p may round it down."""
    problem = problems.Categorical(np.full(n, 1 / n))
    train.check_arguments(problem, [np.log(n)])


def test_numbers_of_numpy_are_welcome():
    trained = train.train(SMALL, np.array([0.5]), seeds=(np.int64(0), np.uint8(1)),
                          steps=np.int64(1), learning_rate=np.float64(0.03),
                          critic_steps=np.int64(2))
    assert trained.targets == [0.5, 0.5]


# A user's setting of NumPy

@pytest.mark.parametrize("problem", [
    SMALL,
    problems.SplitNormal(n_hidden=3, log_var=-12.0, critic=critics.Bayes()),
    problems.Categorical([0.5, 0.3, 0.2], n_hidden=3, n_z=16),
    problems.Data(np.eye(4) * 3, n_hidden=3, batch=4, n_codes=32)])
def test_training_works_if_numpy_raises_on_underflow(problem):
    plain = train.train(problem, [0.1, None], steps=12)
    with np.errstate(all="raise"):
        again = train.train(problem, [0.1, None], steps=12)
    assert_array_equal(flatten(plain.params), flatten(again.params))


def test_the_bound_saturates_above_the_limit_that_stops_the_run():
    """Codes that every x gives away: I^ is above log(n_codes / 2) in 2 and 20
    dimensions, though the weights of the codes are not equal."""
    for dim in [2, 20]:
        problem = problems.Data(np.eye(4), dim_z=dim, batch=64, n_codes=512)
        p = GivenNormal(lambda z: 1e3 * z, lambda z: np.zeros(z.shape))
        _, (z, _, weights), codes = problem.draw_nodes(generator(dim))
        r = problem.critic.given(p, codes)
        infomax = bounds.infomax(r, z, 1e3 * z[None], weights)
        assert infomax > np.log(512 / 2) - train.SATURATED


def test_tiny_gradients_work_if_numpy_raises_on_underflow():
    """Adam squares them: the square of 1e-200 is 0 in double precision."""
    def flat_objectives(*arguments):
        return train.scale_gradient(train.objectives(*arguments), 1e-200)
    with np.errstate(all="raise"):
        train.train(SMALL, [0.4], steps=2, objectives=flat_objectives)


def test_the_bias_is_not_added_to_what_other_objectives_constrain():
    """With objectives of its own, the penalty sees the second value as it is."""
    rows = generator(20).standard_normal((20, 2))
    problem = problems.Data(rows, batch=8, n_codes=64)
    seen = []

    class Watching(penalty.Penalty):
        def update(self, values, step):
            seen.append(values[1])
            super().update(values, step)

    def constant_second_value(p, q, r, data, prior, slope, targets):
        values = train.objectives(p, q, r, data, prior, slope)
        return anp.array([values[0], 0 * values[1] + 0.25])

    train.train(problem, [0.2], steps=25, penalty=Watching(),
                objectives=constant_second_value)
    np.testing.assert_array_equal(np.ravel(seen), 0.25)
