"""What goes wrong: six ways to miss the information asked for, each a few lines away
from the right one."""
import copy

import autograd.numpy as np

import canvas
import common
from minimae import bounds, exact, nodes, problems, table, train
from minimae.nets import held

LEVELS = [0, 0.8, 1.6]
STEPS = 500
# Far below where its likelihood peaks, log 2 nats, a decoder with its sd held at .5 wants
# more information than it may have, and hides it from a critic that is a normal.
HIDING = [0, 0.1, 0.2]
STEEP = 1000.0  # growth of C: the ELBO's slope there is 3, and C starts at .3


class Ways(train.Penalty):
    """The penalty for a stack in which some models go wrong.

    A way is a dict: `shares`, r shares the penalty, so that above its level I^ falls
    because r gets worse, and I stays; `C`, one that never changes, with the kink of
    C |I^ - M| left sharp; `same`, the slope is taken from the nodes that give the
    gradient: where noise makes I^ look low, p is told to raise it there, and the noise of
    the two does not cancel.
    """
    step = 0

    def __init__(self, ways, levels, seeds, steps):
        super().__init__([*levels] * len(ways) * len(seeds), steps)

        def each(key):  # of one way, for all its levels
            return np.tile(np.repeat([way.get(key, 0) for way in ways], len(levels)),
                           len(seeds))

        self.shares, self.fixed, self.same = each("shares"), each("C"), each("same")

    def update(self, values, step):
        super().update(values, step)
        sharp = -self.fixed * np.sign(values[1] - self.target)
        self.slope = np.where(self.fixed, sharp, self.slope)
        self.step = step

    def objectives(self, p, q, r, data, prior, slope):
        if np.any(self.same):
            z, eps, weights = prior
            lower = held(bounds.infomax(r, z, *p.joint(z, eps, weights)))
            ahead = copy.copy(self)
            ahead.update([None, lower], self.step + 1)
            slope = np.where(self.same, ahead.slope, slope)
        # p's share of I^ is times slope; where r shares the penalty, so is r's
        of_p, of_both = np.where(self.shares, [1 + 0 * slope, slope], [slope, 1 + 0 * slope])
        elbo, lower = train.objectives(p, q, r, data, prior, of_p)
        return np.array([elbo, train.scale_gradient(lower, of_both)])
