"""The mutual autoencoder: max ELBO - C |I^ - M|, for every level M of a figure in one stacked run."""
from numbers import Real

import autograd.numpy as np
from autograd.extend import defvjp, primitive

from . import bounds
from .adam import ascend, cosine

GROWTH = 100.0  # of C, over a run that violates its level throughout, which then ends with C = 30; see Penalty


def train(problem, levels, seeds=(0,), steps=500, rate=0.03, after=None, growth=GROWTH):
    """Train one mutual autoencoder per level and seed, stacked in one run; returns the parameters of all of them.

    Model l has level levels[l % len(levels)] in nats, or None for no constraint: the plain VAE; and the seed
    seeds[l // len(levels)].  Models of one seed start from the same weights and see the same nodes, so a row comes out
    as it would alone.  The poster's problem ("The mutual autoencoder") with a penalty for its constraint,

        max over p and q of  ELBO(p, q) - C |I^(p, r) - M|   with   r = argmax over r of I^(p, r),

    is climbed by one step of all three nets at a time; `Penalty` says what C does.  growth is that of C over a run that
    violates its level throughout; more is for an ELBO that is steep in I, or for few and noisy nodes.
    after(step, params, values) is called once a step with values = [ELBO, I^], (2, L), from before the step.
    Raises ValueError where levels, seeds, steps or growth make no sense, FloatingPointError with step and level on divergence.
    """
    check(problem, levels, seeds, steps)
    penalty = Penalty(list(levels) * len(seeds), steps, growth)

    def objective(p, q, r, data, model):
        return mutual(p, q, r, data, model, penalty.slope)

    def after_step(step, params, values):
        penalty.update(values[1], step)
        if after:
            after(step, params, values)

    names = ["vae" if level is None else level for level in penalty.levels]
    return climb(problem, objective, len(levels), seeds, steps, rate, after_step, names)


def climb(problem, objective, rows, seeds, steps, rate=0.03, after=None, names=None):
    """Maximise objective(p, q, r, data, model) on fresh nodes at every step, for `rows` models of every seed at once.

    Any objective does: `mutual` makes it the mutual autoencoder.  The rest is as in `adam.ascend`.
    """
    rngs = [np.random.default_rng(seed) for seed in seeds]
    params = stack([problem.init(rng) for rng in rngs], rows)

    def on_fresh_nodes(params):
        data, model = stack([problem.nodes(rng=rng) for rng in rngs], rows)
        return objective(*problem.densities(params), data, model)

    return ascend(on_fresh_nodes, params, steps, rate, after, names)


def mutual(p, q, r, data, model, slope):
    """[ELBO, I^] as an array (2, L) whose gradient is each player's own.

    data = (x, eps, weights) and model = (z, eps, weights) are nodes, slope (L,) is that of the penalty in I^.
    q climbs the ELBO and r climbs I^: r only ever tightens its bound.  p climbs ELBO + slope I^; it acts on I^ through
    the nodes of p(x|z) alone, so that is where its share of the gradient of ELBO + I^ is multiplied by slope.  Were r to
    share the penalty, it would meet a low level by becoming a bad critic, and the exact I would be anywhere above it.
    """
    z, eps, weights = model
    x, weights = p.joint(z, eps, weights)
    slope = slope[:, None, None]
    lower = bounds.infomax(r, z, scale_gradient(x, slope[..., None]), scale_gradient(weights, slope))
    return np.array([bounds.elbo(p, q, *data), lower])


@primitive
def scale_gradient(x, factor):
    """x itself, but gradients that flow back through it are multiplied by factor (as in Ganin & Lempitsky 2015)."""
    return x


defvjp(scale_gradient, lambda ans, x, factor: lambda g: factor * g, argnums=(0,))


class Penalty:
    """The penalty C |I^ - M| of every model in a stack, with a C of its own.

    An exact penalty needs C above the slope of the best ELBO in I: 0 for the expressive normal, .7 for ten categories at
    2.15 nats, exp(-2 I) / sd^2 - 1 for a decoder with a linear mean and a fixed sd.  But C above what is needed stirs up
    p and q and costs likelihood.  So C starts small and grows for as long as its model's violation |I^ - M| stays large.

    |d| is rounded off to d^2 / (2 width) for |d| < width: steps of a given length cannot settle a violation finely, they
    would jump to and fro across the kink.  width shrinks with the learning rate, so that the penalty ends up exact; and
    "large" means above a quarter of it, which is where the rounded penalty keeps only a quarter of its slope.

    A slope serves the step after the one it was measured at: taken from the very nodes that give the gradient, its noise
    would correlate with the gradient's and bias I.

    What the penalty holds is I^.  A decoder that wants more information than asked for may hide it from a Gaussian critic,
    I above I^ = M; that is what happens to restricted decoders far below -log sd.
    """
    # START .1, .3, .5, 1 and 3, growth 1, 20, 100, 400 and 10^5 and WIDTH .3, .5 and 1 were tried on both problems of the
    # poster, seeds 0 to 5.  More of the first two reaches steep levels sooner and loses likelihood at flat ones.
    START = 0.3
    WIDTH = 1.0  # nats, at the full learning rate

    def __init__(self, levels, steps, growth=GROWTH):
        if not growth >= 1:
            raise ValueError(f"growth {growth}: at least 1 is needed")
        self.levels, self.steps, self.growth = levels, steps, growth
        self.free = np.array([level is None for level in levels])
        self.target = np.array([0.0 if level is None else level for level in levels])
        self.C = np.full(len(levels), self.START)
        self.slope = np.where(self.free, 0.0, self.C)  # nets start out ignoring z, at the lower end

    def update(self, lower, step):
        """Let C grow where it must, and set slope = d/dI^ of -C |I^ - M|, rounded off, at I^ = lower, (L,)."""
        violation = lower - self.target
        width = self.WIDTH * cosine(step, self.steps) + 1e-3  # 1e-3: well below what is promised, and never 0 / 0
        self.C = np.where(np.abs(violation) > width / 4, self.C * self.growth ** (1 / self.steps), self.C)
        self.slope = np.where(self.free, 0.0, -self.C * np.clip(violation / width, -1, 1))


def stack(trees, repeats):
    """Tuples of tuples of arrays, one tree per seed, as one tree: each seed's arrays `repeats` times on the leading axis."""
    return tuple(tuple(np.repeat(np.concatenate(arrays), repeats, 0) for arrays in zip(*groups)) for groups in zip(*trees))


def check(problem, levels, seeds, steps):
    """Raise a ValueError of one line that names what is wrong and what would be right."""
    if np.ndim(levels) != 1 or not len(levels):
        raise ValueError(f"levels {levels}: give a list of at least one, in nats")
    for level in levels:
        if level is not None and not (isinstance(level, Real) and 0 <= level <= problem.highest + 1e-9):  # 1e-9: log K, rounded
            why = f"; {problem.why_highest}" if isinstance(level, Real) and level > problem.highest else ""
            raise ValueError(f"level {level} must be from 0 to {np.floor(1e4 * problem.highest) / 1e4:.4f} nats{why}")
    if not len(seeds) or min(seeds) < 0:
        raise ValueError(f"seeds {list(seeds)}: at least one is needed, and none may be negative")
    if steps < 1:
        raise ValueError(f"steps {steps}: at least 1 is needed")
