"""The gradient by hand and that of autograd agree to rounding, and so do the bounds."""
import numpy as np
import pytest
from autograd import make_vjp

import by_hand
from minimae import models, problems, train


@pytest.mark.parametrize("levels, seeds", [(1, [0]), (2, [1, 2])])
def test_gradient_by_hand_is_autograds(levels, seeds):
    problem = problems.SplitNormal(n_hidden=7)
    rngs = [np.random.default_rng(seed) for seed in seeds]
    params = models.stack([problem.init(rng) for rng in rngs], levels)
    data, prior, _ = models.stack([problem.nodes(rng) for rng in rngs], levels)
    slope = np.random.default_rng(9).uniform(-1, 1, levels * len(seeds))
    vjp, values = make_vjp(lambda params: train.objectives(
        *problem.densities(params), data, prior, slope))(params)
    values_too, gradient_too = by_hand.bounds_and_gradient(params, data, prior, slope)
    # Sums of 144 terms of size 1 and less: 1e-12 is a thousand roundings.
    np.testing.assert_allclose(values_too, values, rtol=1e-12, atol=1e-12)
    for net, net_too in zip(vjp(np.ones(values.shape)), gradient_too, strict=True):
        for array, array_too in zip(net, net_too, strict=True):
            np.testing.assert_allclose(array_too, array, rtol=1e-9, atol=1e-12)


def test_a_slip_by_hand_is_noticed(monkeypatch):
    """What flows back to the inputs of a net is off by a thousandth."""
    def slip(params, inputs, honest=by_hand.net):
        mean, log_var, backward = honest(params, inputs)
        return mean, log_var, lambda *d: (backward(*d)[0], 1.001 * backward(*d)[1])
    monkeypatch.setattr(by_hand, "net", slip)
    with pytest.raises(AssertionError, match="rtol=1e-09"):
        test_gradient_by_hand_is_autograds(1, [0])
