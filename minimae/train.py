"""The mutual autoencoder: max ELBO - C |I^ - M|, all levels of a figure in one run."""
from numbers import Real

import autograd.numpy as np
from autograd import make_vjp

from . import bounds, checks
from .adam import adam_step, cosine
from .nets import held
from .stacks import flatten, stack, views

GROWTH = 100.0  # of C over a run that violates its level throughout: it ends at C = 30


def objectives(p, q, r, data, prior, slope):
    """[ELBO, I^], (2, L), with a gradient in which each player climbs its own:

        q    ELBO
        r            I^
        p    ELBO + slope I^

    data = (x, eps, weights) and prior = (z, eps, weights) are nodes; slope (L,) is the
    derivative of -C |I^ - M| by I^.  p acts on I^ through the nodes of p(x|z) alone, so
    that is where its share is scaled.  r only ever tightens its bound: were it to share
    the penalty, it would meet a low level by becoming a bad critic, with I anywhere
    above.
    """
    z, eps, weights = prior
    x, weights = p.joint(z, eps, weights)
    x, weights = scale_gradient(x, slope), scale_gradient(weights, slope)
    return np.array([bounds.elbo(p, q, *data), bounds.infomax(r, z, x, weights)])


def scale_gradient(a, factor):
    """a itself, but gradients that flow back through it are times factor, (L,)."""
    factor = np.reshape(factor, (-1,) + (1,) * (np.ndim(a) - 1))
    return held(a) + factor * (a - held(a))


def train(problem, levels, seeds=(0,), steps=500, rate=0.03, after=None, growth=GROWTH,
          critic_steps=1, objectives=objectives, penalty=None):
    """Train a model per level and seed, stacked in one run; returns all parameters.

    Model l has level levels[l % len(levels)] in nats, or None for no constraint: the
    plain VAE; and the seed seeds[l // len(levels)].  Models of one seed start from the
    same weights and see the same nodes, so a row comes out as it would alone.  One step
    of all three nets at a time on the poster's problem ("The mutual autoencoder"), with
    a penalty for its constraint:
        max over p, q of ELBO - C |I^ - M|  with  r = argmax of I^.

    growth is that of C; more is for an ELBO that is steep in I.  critic_steps: steps of
    r for each one of p and q.  after(step, params, values) is called once a step with
    the params after it (views: copy them to keep them) and the values (2, L) before it.
    Other objectives, and another penalty with a `slope` and `update(values, step)`,
    make other methods of the same loop.
    Raises ValueError where an argument makes no sense, FloatingPointError with step and
    level where a value or a part of the gradient is not finite.
    """
    check(problem, levels, seeds, steps, rate, growth, critic_steps)
    levels, seeds = list(levels), list(seeds)
    penalty = penalty or Penalty(levels * len(seeds), steps, growth)
    rngs = [np.random.default_rng(seed) for seed in seeds]
    params = stack([problem.init(rng) for rng in rngs], len(levels))
    theta = flatten(params)
    state = np.stack([theta, 0 * theta, 0 * theta])  # and what Adam remembers of it
    params = views(state[0], params)  # a step changes state in place, and so params
    own = flatten(params[:2]).size    # p's and q's part of the state, then comes r's

    for step in range(1, steps + 1):
        rate_now = rate * cosine(step, steps)
        for critic_step in range(critic_steps * (step - 1), critic_steps * step):
            data, prior = stack([problem.nodes(rng) for rng in rngs], len(levels))
            with np.errstate(all="ignore"):  # a model that diverges is named below
                backward, values = make_vjp(lambda params: objectives(
                    *problem.densities(params), data, prior, penalty.slope))(params)
                gradient = flatten(backward(np.ones_like(values)))
            stop_where_not_finite(values, gradient, params, step, levels)
            adam_step(state[:, own:], gradient[own:], critic_step + 1, rate_now)
        adam_step(state[:, :own], gradient[:own], step, rate_now)
        penalty.update(values, step)  # the slope is for the next step and its nodes
        if after:
            after(step, params, values)
    return params


class Penalty:
    """The penalty C |I^ - M| of every model in a stack, each with a C of its own.

    C starts small and grows while the violation |I^ - M| is large.  |d| is rounded off
    to d^2 / (2 width) for |d| < width, and width shrinks with the learning rate.
    A slope serves the step after the one it was measured at: from the same nodes, its
    noise and the gradient's would go together and bias I.
    """
    # START .1, .3, .5, 1, 3, growth 1, 20, 100, 400, 10^5 and WIDTH .3, .5, 1 were
    # tried on both problems of the poster, seeds 0 to 5.  More of the first two reaches
    # steep levels sooner and loses likelihood at flat ones.
    START = 0.3
    WIDTH = 1.0  # nats, at the full learning rate

    def __init__(self, levels, steps, growth=GROWTH):
        self.target, self.steps, self.growth = np.array(levels, float), steps, growth
        self.free = np.isnan(self.target)  # None becomes NaN
        self.C = np.full(len(levels), self.START)
        self.slope = np.where(self.free, 0.0, self.C)  # upwards: z is not used yet

    def update(self, values, step):
        """Let C grow where it must; slope = d/dI^ of -C |I^ - M|, rounded off, (L,)."""
        violation = values[1] - self.target
        # 1e-3: well below what is promised, and never 0 / 0
        width = self.WIDTH * cosine(step, self.steps) + 1e-3
        # "Large" is where more than a quarter of the slope is in use.
        large = np.abs(violation) > width / 4
        self.C = self.C * np.where(large, self.growth ** (1 / self.steps), 1)
        slope = -self.C * np.clip(violation / width, -1, 1)
        self.slope = np.where(self.free, 0.0, slope)


def stop_where_not_finite(values, gradient, params, step, levels):
    """Raise FloatingPointError that names the first model with a number not finite."""
    if np.all(np.isfinite(values)) and np.all(np.isfinite(gradient)):
        return
    arrays = [values.T, *(array for net in views(gradient, params) for array in net)]
    finite = [np.isfinite(a).reshape(len(a), -1).all(1) for a in arrays]
    level = levels[np.argmin(np.all(finite, 0)) % len(levels)]
    raise FloatingPointError(f"training diverged at step {step}, "
                             f"level {'vae' if level is None else level}")


def check(problem, levels, seeds=(0,), steps=1, rate=1.0, growth=1.0, critic_steps=1):
    """Raise a ValueError of one line that says what is wrong and what would do."""
    for name, values in [("levels", levels), ("seeds", seeds)]:
        if isinstance(values, str) or not np.iterable(values) or not len(values):
            raise ValueError(f"{name} {values}: give a list of at least one")
    for level in levels:
        highest = problem.highest + 1e-9  # log K, rounded
        if not (level is None or isinstance(level, Real) and 0 <= level <= highest):
            raise ValueError(f"level {level} must be from 0 to "
                             f"{np.floor(1e4 * highest) / 1e4:.4f} nats"
                             f"{problem.why_highest}")
    for seed in seeds:
        checks.whole(0, seed=seed)
    checks.whole(1, steps=steps, critic_steps=critic_steps)
    checks.real(1e-9, 1e9, rate=rate)  # more is infinite within a few steps
    checks.real(1, 1e9, growth=growth)
