"""The mutual autoencoder: max ELBO - C |I^ - M|, for all targets in one run."""
import warnings

import autograd.numpy as np
from autograd import make_vjp

from . import bounds, checks, contracts
from .adam import Adam, cosine_decay
from .bounds import stop_gradient
from .critics import MultiSample
from .models import Models, stack, stack_arrays, unstack
from .penalty import AugmentedLagrangian, Penalty

# Largest number of models x nodes x hidden units in a step: autograd stores about 240
# bytes for each, 2 GB in all.
MAX_UNITS = 2 ** 23
EXPLODED = 1e9    # nats; no run has come back from an ELBO below minus this
# nats below the highest value: there the code of an x is found with probability .99,
# and the gradient of I^ is a hundredth of what it was.
SATURATED = 0.01
# Steps in which a run may pass through saturation: faces with eight numbers for a code
# are there at step 3, and at 2.5 nats at step 100.
SATURATION_GRACE = 100


# What is climbed

def objectives(p, q, r, data, prior, slope, targets=None):
    """[ELBO, I^], (2, L), with a gradient in which each net climbs its own objective:

        q    ELBO
        r            I^
        p    ELBO + slope I^

    data = (x, eps, weights) and prior = (z, eps, weights) are nodes; slope (L,) is
    minus the derivative of the penalty by I^, see penalty.  p acts on I^ only through x
    and its weights, so the gradient is scaled there.  r always maximises I^.  If r
    shared the penalty, it could reach a low M by guessing badly while the true I stayed
    high.
    Phuong et al., section "The mutual autoencoder".
    """
    z, eps, weights = prior
    x, weights = p.joint_nodes(z, eps, weights)         # (L, J, N, X) and (L, J, N)
    slope = np.asarray(slope, dtype=x.dtype)  # x of single precision stays so
    x = scale_gradient(x, slope[..., None, None, None])
    weights = scale_gradient(weights, slope[..., None, None])
    elbo = bounds.elbo(p, q, *data)
    infomax = bounds.infomax(r, z, x, weights)
    return np.array([elbo, infomax])


DEFAULT_OBJECTIVES = objectives  # train has an argument of this name


def scale_gradient(a, factor):
    """The value of a, with a gradient that is multiplied by factor on its way back
    (Ganin & Lempitsky 2015)."""
    constant = stop_gradient(a)
    return constant + factor * (a - constant)


# The loop

def train(problem, targets, seeds=(0,), steps=None, learning_rate=None, critic_steps=1,
          encoder_steps=1, callback=None, penalty=None, objectives=objectives,
          init=None):
    """Train one model for each target and seed, in one run; returns Models.

    All three nets move at each step towards
        max over p and q of ELBO - C |I^ - M|,   with r = argmax of I^.
    Models of one seed start from the same parameters and see the same nodes, so each
    model trains as it would on its own.  Those of the first seed come first.
    Phuong et al., section "The mutual autoencoder".

    Parameters
    ----------
    problem : a problems.Problem
    targets : nats of information M; None for no constraint, a plain VAE
    seeds : integers
    steps, learning_rate : of Adam; the rate falls along half a cosine.  By default
        problem.steps and problem.learning_rate
    critic_steps, encoder_steps : steps of r and of q for each step of p
    callback : function of (step, models, values), called after each step; models are
        views of the moving parameters (models.copy() keeps them), and values =
        [ELBO, I^], (2, L), were measured before the step.  Training ends if it returns
        True
    penalty : a Penalty, or an object with the same two methods; by default
        problem.penalty
    objectives : another function in place of `objectives`, which returns two values:
        what is climbed, and what the penalty constrains; the latter is taken as it is,
        without BiasOfBound
    init : Models to go on from, with the same targets and seeds; Adam and the penalty
        start anew

    Raises ValueError if an argument makes no sense, and FloatingPointError with step
    and target if training diverges or I^ saturates.  After an interrupt (Ctrl-C) it
    warns and returns the models of that step.
    """
    if steps is None:
        steps = problem.steps
    if learning_rate is None:
        learning_rate = problem.learning_rate
    if penalty is None:
        penalty = problem.penalty
    check_arguments(problem, targets, seeds, steps, learning_rate, critic_steps,
                    encoder_steps, penalty, init)
    rngs = [np.random.default_rng(seed) for seed in seeds]
    initial = []
    model_targets = []
    model_seeds = []
    for seed, rng in zip(seeds, rngs):
        one_model = problem.init(rng)
        for target in targets:
            initial.append(one_model)
            model_targets.append(target)
            model_seeds.append(seed)
    if init is not None:
        initial = init.params

    params = stack(initial)
    models = Models(problem, model_targets, model_seeds, unstack(params, initial[0]))
    constraint = penalty.start(model_targets, steps, problem.critic)
    # Other objectives may constrain something else than I^.
    constrains_infomax = objectives is DEFAULT_OBJECTIVES
    bias = BiasOfBound(problem, len(initial), constrains_infomax)
    p, q, r = (Adam(net) for net in params)
    updates = updates_of_a_step(p, q, r, encoder_steps, critic_steps)

    for step in range(1, steps + 1):
        rate = learning_rate * cosine_decay(step, steps)
        try:
            for movers in updates:
                nodes = draw_nodes(problem, rngs, len(targets))
                values, gradients = values_and_gradients(
                    problem, params, nodes, constraint, objectives)
                stop_if_diverged(step, model_targets, values, learning_rate)
                stop_if_saturated(step, model_targets, values, problem, nodes)
                bias.update(step, params, nodes, values, rngs)
                with np.errstate(under="ignore"):  # the square of a tiny gradient is 0
                    for optimizer, gradient in zip((p, q, r), gradients):
                        if optimizer in movers:
                            optimizer.step(gradient, rate)
            # Only now: the next step applies the new slope to new nodes.
            constraint.update(values + bias.correction, step)
            if callback is not None and callback(step, models, values):
                break
        except KeyboardInterrupt:
            warnings.warn(f"interrupted at step {step} of {steps}: models as they are")
            break
    return models


def updates_of_a_step(p, q, r, encoder_steps, critic_steps):
    """The optimizers that move in each update of a step: p in the last one, q and r in
    the last encoder_steps and critic_steps."""
    n_updates = max(1, encoder_steps, critic_steps)
    updates = []
    for k in range(n_updates):
        movers = []
        if k == n_updates - 1:
            movers.append(p)
        if k >= n_updates - encoder_steps:
            movers.append(q)
        if k >= n_updates - critic_steps:
            movers.append(r)
        updates.append(movers)
    return updates


def draw_nodes(problem, rngs, n_targets):
    """New nodes, the same for all models of a seed.  For several seeds they are stacked
    like the models."""
    if len(rngs) == 1:
        return problem.draw_nodes(rngs[0])
    of_seeds = [problem.draw_nodes(rng) for rng in rngs]
    return stack_nodes(of_seeds, n_targets)


def stack_nodes(of_seeds, n_targets):
    """The nodes of several seeds as those of one, with a leading axis for all models of
    all seeds: points are (L, J, N, dim), weights (L, J, N)."""
    of_models = []
    for nodes in of_seeds:
        of_models.extend([nodes] * n_targets)
    stacked = []
    for groups in zip(*of_models):      # data of all models, then prior, then codes
        *points, weights = zip(*groups)
        group = [stack_arrays(same, n_axes=3) for same in points]
        group.append(stack_arrays(weights, n_axes=2))
        stacked.append(tuple(group))
    return tuple(stacked)


def values_and_gradients(problem, params, nodes, constraint, objectives):
    """[ELBO, I^], (2, L), and the gradients that p, q and r climb."""
    data, prior, codes = nodes

    def both_bounds(params):
        p, q, r = problem.densities(params, codes)
        return objectives(p, q, r, data, prior, constraint.slope, constraint.targets)

    with np.errstate(all="ignore"):  # stop_if_diverged reports what goes wrong
        backward, values = make_vjp(both_bounds)(params)
        gradients = backward(np.ones_like(values))
    return values, gradients


class BiasOfBound:
    """How far I^ of a step is below I, if the critic is the multi-sample bound.

    The sum over the S codes that x came from is low by about c / S.  A sum over 4 S
    independent codes is high by about c / (4 S), so
        I - I^ = 0.8 (U - I^)
    to first order for independent codes; for evenly spread ones the factor is between
    0.8 and 1.  Every tenth step is checked so, which takes a tenth of the time,
    and `correction` = [0, I - I^], (2, L), is a running mean.
    """
    INTERVAL = 10  # steps
    MEMORY = 10    # checks of the running mean; the bias changes over the whole run

    def __init__(self, problem, n_models, constrains_infomax=True):
        self.problem = problem
        is_multi_sample = isinstance(problem.critic, MultiSample)
        self.is_used = is_multi_sample and constrains_infomax
        self.n_models = n_models
        self.n_checks = 0
        self.correction = np.zeros((2, n_models))

    def update(self, step, params, nodes, values, rngs):
        """Check the nodes and values = [ELBO, I^] of this step, in every tenth."""
        if not self.is_used or step % self.INTERVAL != 0:
            return
        _, (z, eps, weights), codes = nodes
        _, code_weights = codes
        n_codes = code_weights.shape[-1]
        other_codes = self.draw_other_codes(4 * n_codes, rngs)
        with np.errstate(all="ignore"):
            p, _, _ = self.problem.densities(params, codes)
            x, weights = p.joint_nodes(z, eps, weights)
            upper = bounds.multi_sample(p, z, x, weights, *other_codes)
        _, infomax = values
        self.n_checks += 1
        error = 0.8 * (upper - infomax) - self.correction[1]
        self.correction[1] += error / min(self.n_checks, self.MEMORY)

    def draw_other_codes(self, n_codes, rngs):
        """Codes and weights that are independent of the step's, stacked like nodes."""
        of_seeds = []
        for rng in rngs:
            _, codes = self.problem.draw_codes(rng, n_codes, n=1)
            of_seeds.append([codes])
        if len(rngs) == 1:
            return of_seeds[0][0]
        codes, = stack_nodes(of_seeds, self.n_models // len(rngs))
        return codes


def stop_if_diverged(step, targets, values, learning_rate):
    """Raise FloatingPointError that names the first model with a value that is not
    finite, or with an exploded ELBO."""
    elbo, infomax = values
    is_good = np.isfinite(infomax) & (np.abs(elbo) < EXPLODED)  # False for NaN
    if not np.all(is_good):
        k = np.argmin(is_good)
        raise FloatingPointError(
            f"training diverged at step {step}, target {targets[k]}, ELBO "
            f"{elbo[k]:.3g}: try a learning rate below {learning_rate:g}")


def stop_if_saturated(step, targets, values, problem, nodes):
    """Raise FloatingPointError that names the first model whose multi-sample bound is
    at its highest value, far above the target.  I^ has no gradient there, so the
    penalty could not bring it back.

    The highest value is log n_codes for equal weights.  No weight exceeds 2 / n_codes,
    see quadrature.wide_kronecker, so it is log(n_codes / 2) at least.
    """
    if step <= SATURATION_GRACE or not hasattr(problem.critic, "max_target"):
        return
    _, _, (_, code_weights) = nodes
    n_codes = code_weights.shape[-1]
    highest = np.log(n_codes / 2)
    _, infomax = values
    for target, bound in zip(targets, infomax):
        if target is not None and bound > highest - SATURATED:
            raise FloatingPointError(
                f"I^ saturated at step {step}, target {target}: it is {bound:.2f} "
                f"nats, and {n_codes} codes cannot show much more than {highest:.2f}; "
                "try half the learning rate, more codes, or a larger C")


# Checks

def check_arguments(problem, targets, seeds=(0,), steps=1, learning_rate=1.0,
                    critic_steps=1, encoder_steps=1, penalty=Penalty(), init=None):
    """Raise ValueError if one of train's arguments makes no sense."""
    checks.check_list(targets=targets, seeds=seeds)
    for seed in seeds:
        checks.check_integer(seed=seed, minimum=0)
    checks.check_integer(steps=steps, critic_steps=critic_steps,
                         encoder_steps=encoder_steps, minimum=1)
    checks.check_number(learning_rate=learning_rate, minimum=1e-9, maximum=1e9)
    if isinstance(penalty, type):
        raise ValueError(f"penalty {penalty.__name__}: give an instance, as "
                         f"{penalty.__name__}()")
    nodes = problem.draw_nodes(np.random.default_rng(0))
    check_targets(problem, targets, nodes)
    check_memory(problem, len(targets) * len(seeds), nodes)
    has_target = any(target is not None for target in targets)
    contracts.check_shapes(problem, nodes, has_target)
    if init is not None:
        check_init(problem, targets, seeds, init)


def check_init(problem, targets, seeds, init):
    """Raise ValueError unless init has models of this problem, targets and seeds."""
    if repr(init.problem) != repr(problem):
        raise ValueError(f"init has models of {init.problem}, not of {problem}")
    model_seeds = [seed for seed in seeds for _ in targets]
    if init.targets != list(targets) * len(seeds) or init.seeds != model_seeds:
        raise ValueError(f"init has the targets {init.targets} and the seeds "
                         f"{init.seeds}: give the same targets and seeds")


def check_targets(problem, targets, nodes):
    """Raise ValueError for a target that is not a number of nats that can be held."""
    _, _, (_, code_weights) = nodes
    largest = problem.max_target + 1e-9      # log K may be rounded down
    if hasattr(problem.critic, "max_target"):
        n_codes = np.size(code_weights)
        largest = min(largest, problem.critic.max_target(n_codes))
    largest = min(largest, 1e9)              # a number to print, if there is no end
    for target in targets:
        if target is not None:
            checks.check_number(target=target, minimum=0, maximum=largest,
                                reason=" nats, the most that can be held")


def check_memory(problem, n_models, nodes):
    """Raise ValueError if a step would take gigabytes."""
    (_, _, data_weights), (_, _, prior_weights), _ = nodes
    n_nodes = max(np.size(data_weights), np.size(prior_weights))
    if n_models * n_nodes * problem.n_hidden > MAX_UNITS:
        most = MAX_UNITS // (n_nodes * problem.n_hidden)
        advice = f"train at most {most} at once"
        if most == 0:
            advice = "give fewer nodes or hidden units"
        raise ValueError(
            f"{n_models} models with {n_nodes} nodes and {problem.n_hidden} hidden "
            f"units would take gigabytes a step: {advice}")
