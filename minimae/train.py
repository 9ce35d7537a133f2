"""The mutual autoencoder: max ELBO - C |I^ - M|, all levels of a figure in one run."""
import autograd.numpy as np
from autograd import make_vjp

from . import bounds, checks
from .adam import Adam, cosine
from .bounds import stop_gradient
from .models import Models, stack

GROWTH = 100.0  # of C over a run that violates its level throughout: it ends at C = 30
# Hidden units at all nodes, of all models: each takes some 240 bytes on the tape of a
# step, so 2 GB in all.
MOST_UNITS = 2 ** 23
EXPLODED = 1e9  # nats, far beyond what any run was seen to come back from


def objectives(p, q, r, data, prior, slope):
    """[ELBO, I^], (2, L), with a gradient in which each player climbs its own:

        q    ELBO
        r            I^
        p    ELBO + slope I^

    data = (x, eps, weights) and prior = (z, eps, weights) are nodes; slope (L,) is the
    derivative of -C |I^ - M| by I^.  p affects I^ only through the samples x (or their
    weights), so we scale the gradient there.  r always maximises I^.  If it shared the
    penalty it could reach a low M by guessing badly, while the true I stayed high.
    """
    z, eps, weights = prior
    x, weights = p.joint(z, eps, weights)
    x, weights = scale_gradient(x, slope), scale_gradient(weights, slope)
    return np.array([bounds.elbo(p, q, *data), bounds.infomax(r, z, x, weights)])


def scale_gradient(a, factor):
    """a itself, but gradients that flow back through it are times factor, (L,)."""
    held = stop_gradient(a)
    factor = np.reshape(factor, (-1,) + (1,) * (held.ndim - 1)).astype(held.dtype)
    return held + factor * (a - held)


class Penalty:
    """The penalty C |I^ - M| + total I^ of every model in a stack, each with its own.

    C starts small and grows while the violation d = I^ - M is large.  Near 0, |d| is
    replaced by d^2 / (2 width) (a Huber loss); width shrinks with the learning rate.
    `total`, a learnt multiplier (augmented Lagrangian), stays 0 unless `learning` says
    by how many nats it rises over a run that is 1 nat off throughout.
    The slope measured at one step is used at the next: with the same nodes, the noise
    of slope and gradient would be correlated and bias I.
    """
    # START .1, .3, .5, 1, 3, growth 1, 20, 100, 400, 10^5 and WIDTH .3, .5, 1 were
    # tried on both problems of the poster, seeds 0 to 5.  More of the first two reaches
    # steep levels sooner and loses likelihood at flat ones.
    START = 0.3
    WIDTH = 1.0  # nats, at the full learning rate

    def __init__(self, levels, steps, start=START, growth=GROWTH, learning=0.0):
        checks.real(1, 1e9, growth=growth)
        checks.real(0, 1e9, start=start, learning=learning)
        self.target, self.steps, self.growth = np.array(levels, float), steps, growth
        self.C, self.total = np.full(len(levels), start), np.zeros(len(levels))
        self.learning = learning / steps
        # Start by raising I^: at first the decoder ignores z.  A target of None is NaN.
        self.slope = np.where(np.isnan(self.target), 0.0, self.C)

    def update(self, values, step):
        """From values [ELBO, I^] of this step: grow C where the slope exceeds C / 4,
        then set slope = d/dI^ of -C |I^ - M| - total I^, (L,)."""
        violation = values[1] - self.target
        # 1e-3: well below what is promised, and never 0 / 0
        width = self.WIDTH * cosine(step, self.steps) + 1e-3
        large = np.abs(violation) > width / 4
        self.C = self.C * np.where(large, self.growth ** (1 / self.steps), 1)
        self.total += self.learning * np.clip(violation, -1, 1)
        slope = -self.C * np.clip(violation / width, -1, 1) - self.total
        self.slope = np.nan_to_num(slope)  # 0 where the target is NaN


class Multiplier(Penalty):
    """The penalty with a C that stays, and a learnt multiplier for what is left.  For
    noisy I^, as on pictures: a C that grows until it holds the level makes p oscillate
    there."""

    # start 1, 2, 5 and learning 2.7, 4.5, 9 were tried on faces: more overshoots, less
    # arrives late.
    def __init__(self, levels, steps, start=2.0, growth=1.0, learning=4.5):
        super().__init__(levels, steps, start, growth, learning)


def train(problem, levels, seeds=(0,), steps=500, learning_rate=0.03, critic_steps=1,
          encoder_steps=1, callback=None, penalty=Penalty, objectives=objectives):
    """Train a model per level and seed, stacked in one run; returns Models.

    Levels are in nats, or None for no constraint: the plain VAE.  The models of the
    first seed come first.  Models of one seed start from the same weights and see the
    same nodes, so a row comes out as it would alone.  All three nets move at each step
    towards the poster's optimum ("The mutual autoencoder"), with a penalty for its
    constraint:
        max over p, q of ELBO - C |I^ - M|  with  r = argmax of I^.

    critic_steps, encoder_steps: steps of r and of q for each one of p.
    callback(step, params, values) is called once a step with the params after it (the
    next step changes them: copy them to keep them) and the values [ELBO, I^] (2, L)
    before it.
    Other `objectives`, and another penalty(levels, steps) with a `slope` and
    `update(values, step)`, make other methods of the same loop.
    Raises ValueError where an argument makes no sense, FloatingPointError with step and
    level where a value is not finite, or the ELBO has exploded.
    """
    check(problem, levels, seeds, steps, learning_rate, critic_steps, encoder_steps)
    repeats, rngs = len(levels), [np.random.default_rng(seed) for seed in seeds]
    seeds = [seed for seed in seeds for _ in levels]
    levels = [*levels] * len(rngs)
    penalty = penalty(levels, steps)
    params = stack([problem.init(rng) for rng in rngs], repeats, problem.dtype)
    players = [Adam(net) for net in params]  # p, q and r; a step changes params
    turns = 1, encoder_steps, critic_steps

    for step in range(1, steps + 1):
        rate = learning_rate * cosine(step, steps)
        with np.errstate(all="ignore"):  # a model that diverges is named below
            for turns_left in range(max(turns), 0, -1):
                nodes = [problem.nodes(rng) for rng in rngs]  # of one seed broadcast
                copies = repeats if len(rngs) > 1 else 1
                data, prior, codes = stack(nodes, copies, problem.dtype)
                backward, values = make_vjp(lambda params: objectives(
                    *problem.densities(params, codes), data, prior, penalty.slope)
                    )(params)
                stop_if_diverged(step, levels, values, learning_rate)
                gradients = backward(np.ones_like(values))
                for player, gradient, most in zip(players, gradients, turns):
                    if turns_left <= most:
                        player.step(gradient, rate)
        penalty.update(values, step)  # the slope is for the next step and its nodes
        if callback:
            callback(step, params, values)
    return Models(problem, levels, seeds, params)


def stop_if_diverged(step, levels, values, learning_rate):
    """Raise FloatingPointError that names the first model with a value that is not
    finite, or with an ELBO as large as EXPLODED."""
    good = np.isfinite(values[1]) & (np.abs(values[0]) < EXPLODED)  # False for NaN
    for k in np.flatnonzero(~good):  # the first is enough
        raise FloatingPointError(
            f"training diverged at step {step}, level {levels[k]}, ELBO "
            f"{values[0, k]:.3g}: try a learning rate below {learning_rate:g}")


def check(problem, levels, seeds=(0,), steps=1, learning_rate=1.0, critic_steps=1,
          encoder_steps=1):
    """Raise a ValueError of one line that says what is wrong and what is allowed."""
    for name, values in [("levels", levels), ("seeds", seeds)]:
        if np.ndim(values) != 1 or not len(values):
            raise ValueError(f"{name} {values}: give a list of at least one")
    data, prior, codes = problem.nodes(np.random.default_rng(0))
    highest = min(problem.max_information + 1e-9, 1e9)  # log K, rounded; not inf
    if hasattr(problem.critic, "max_information"):
        highest = min(highest, problem.critic.max_information(codes[1].size))
    for level in [level for level in levels if level is not None]:
        checks.real(0, highest, " nats, the most that can be held", level=level)
    for seed in seeds:
        checks.whole(0, seed=seed)
    checks.whole(1, steps=steps, critic_steps=critic_steps, encoder_steps=encoder_steps)
    checks.real(1e-9, 1e9, learning_rate=learning_rate)
    nodes = len(levels) * len(seeds) * max(data[2].size, prior[2].size)
    checks.real(0, MOST_UNITS // problem.n_hidden, " a step; more would take gigabytes",
                **{"models times nodes": nodes})
