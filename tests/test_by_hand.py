"""The gradient derived by hand and autograd's agree to rounding, and so do the bounds."""
import autograd.numpy as anp
import numpy as np
import pytest
from autograd import make_vjp

import by_hand
from minimae import problems, train


@pytest.mark.parametrize("levels, seeds", [(1, [0]), (6, [3]), (2, [1, 2])])
def test_gradient_by_hand_is_autograds(levels, seeds):
    problem = problems.split_normal(n_hidden=7)
    rngs = [np.random.default_rng(seed) for seed in seeds]
    params = train.stack([problem.init(rng) for rng in rngs], levels)
    data, model = train.stack([problem.nodes(rng=rng) for rng in rngs], levels)
    slope = np.random.default_rng(9).uniform(-1, 1, levels * len(seeds))
    vjp, values = make_vjp(lambda params: train.mutual(*problem.densities(params), data, model, slope))(params)
    values_too, gradient_too = by_hand.bounds_and_gradient(params, data, model, slope)
    # sums of 144 terms of size 1 and less: 1e-12 is a thousand roundings
    np.testing.assert_allclose(values_too, values, rtol=1e-12, atol=1e-12)
    for net, net_too in zip(vjp(anp.ones(values.shape)), gradient_too):
        for array, array_too in zip(net, net_too):
            np.testing.assert_allclose(array_too, array, rtol=1e-9, atol=1e-12)


def test_a_slip_by_hand_is_noticed(monkeypatch):
    """tanh' = 1 - h instead of 1 - h^2, by way of an h that is its own square."""
    honest = by_hand.forward

    def slipped(net, given):
        h, mean, log_var = honest(net, given)
        return np.sqrt(np.abs(h)), mean, log_var
    monkeypatch.setattr(by_hand, "forward", slipped)
    with pytest.raises(AssertionError):
        test_gradient_by_hand_is_autograds(1, [0])
