"""The penalty for the constraint I(z, x) = M: C |I^ - M|, and how C grows.

train.train takes an instance, which holds settings.  `start` gives a copy with the
state of a run.
"""
import copy

import numpy as np

from . import checks
from .adam import cosine_decay
from .critics import is_bayes


class Penalty:
    """The penalty C |I^ - M| + multiplier I^, with C and a multiplier for every model.

    C grows while the violation d = I^ - M is large.  For |d| < width, |d| is replaced
    by d^2 / (2 width) + width / 2 (the Huber loss), because steps of a given length
    cannot settle on a kink; the width shrinks with the learning rate.
    The slope that is measured in one step is used in the next.  If slope and gradient
    used the same samples, their errors would be correlated and I biased.

    Parameters
    ----------
    C : nats of likelihood that the decoder pays at first for a nat of violation
    growth : factor by which C grows over a run that violates its target throughout;
        None stands for 100, and for 1000 if the critic is Bayes' rule: that cannot lag,
        so C can grow until it exceeds steep slopes of the likelihood
    multiplier_rate : growth of the multiplier over a run that violates its target by
        1 nat throughout (an augmented Lagrangian, if it is not 0)
    rise : part of the run over which the target rises from 0 to M
    """
    WIDTH = 1.0       # nats, at the full learning rate
    MIN_WIDTH = 1e-3  # nats; below the promised accuracy, and never 0 / 0

    def __init__(self, C=0.3, growth=None, multiplier_rate=0.0, rise=0.0):
        if growth is not None:
            checks.check_number(growth=growth, minimum=1, maximum=1e9)
        checks.check_number(C=C, multiplier_rate=multiplier_rate, minimum=0,
                            maximum=1e9)
        checks.check_number(rise=rise, minimum=0, maximum=1)
        self.initial_C = C
        self.growth = growth
        self.multiplier_rate = multiplier_rate
        self.rise = rise

    def start(self, targets, steps, critic):
        """A copy with the state of a run: targets (L,), C, multiplier and slope."""
        state = copy.copy(self)
        state.steps = steps
        state.targets = np.array(targets, float)                # None becomes NaN
        state.C = np.full(len(targets), float(self.initial_C))
        state.multiplier = np.zeros(len(targets))
        if self.growth is None:
            state.growth = 1000.0 if is_bayes(critic) else 100.0
        # At first the decoder ignores z, so I^ is too low.  This slope serves one step,
        # whose length Adam bounds.
        state.slope = np.where(np.isnan(state.targets), 0.0, state.C)
        return state

    def update(self, values, step):
        """Set the slope for the next step, (L,), from values [ELBO, I^] of this one:
        the derivative of -C |I^ - M| - multiplier I^ by I^; 0 for a plain VAE."""
        _, infomax = values
        violation = infomax - self.target_at(step)
        width = self.WIDTH * cosine_decay(step, self.steps) + self.MIN_WIDTH
        is_large = np.abs(violation) > width / 4
        growth_per_step = self.growth ** (1 / self.steps)
        self.C = np.where(is_large, self.C * growth_per_step, self.C)
        # Clipped at 1 nat: a violation early in the run is no measure of the slope.
        rate = self.multiplier_rate / self.steps
        self.multiplier = self.multiplier + rate * np.clip(violation, -1, 1)
        slope = -self.C * np.clip(violation / width, -1, 1) - self.multiplier
        self.slope = np.where(np.isnan(self.targets), 0.0, slope)

    def target_at(self, step):
        """The targets at this step, which rise from 0 to M if `rise` is not 0."""
        if self.rise == 0:
            return self.targets
        share = step / (self.rise * self.steps)
        return self.targets * min(1.0, share)


class AugmentedLagrangian(Penalty):
    """The penalty with a fixed C and a learnt multiplier, for a noisy I^ as on images:
    a growing C would make the decoder oscillate."""

    # Of C = 1, 2, 5 and rates 2.7, 4.5, 9 on faces, larger ones overshot and smaller
    # ones converged late.
    def __init__(self, C=2.0, growth=1.0, multiplier_rate=4.5, rise=0.0):
        super().__init__(C, growth, multiplier_rate, rise)
