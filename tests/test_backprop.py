"""The gradient by hand is autograd's, and a slip in it is noticed."""
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "demos" / "lesson"))

import backprop_by_hand
import cli
from helpers import generator
from minimae import problems


def compare(seed, slope):
    """Raise AssertionError unless values and gradients by hand are autograd's."""
    rng = generator(seed)
    problem = problems.SplitNormal(n_hidden=7)
    params = []
    for net in problem.init(rng):  # large enough for every term to count
        params.append(tuple(0.5 * rng.standard_normal(a.shape) for a in net))
    data, prior, _ = problem.draw_nodes(rng)
    arguments = tuple(params), data, prior, slope
    values, gradients = backprop_by_hand.by_hand(*arguments)
    values_too, gradients_too = backprop_by_hand.by_autograd(*arguments)
    # Sums of 144 terms of some tens of operations: roundings stay below 1e-12 or so.
    np.testing.assert_allclose(values, values_too, rtol=1e-11)
    for net, net_too in zip(gradients, gradients_too, strict=True):
        for a, b in zip(net, net_too, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-11 * np.max(np.abs(b)))


@pytest.mark.parametrize("seed, slope", [(0, 0.3), (1, -2.0), (2, 0.0)])
def test_gradient_by_hand_is_autograds(seed, slope):
    compare(seed, slope)


def test_a_slip_is_noticed(monkeypatch):
    """The derivative by the inputs of a net is off by a thousandth."""
    class Slip(backprop_by_hand.Net):
        def backward(self, *derivatives):
            d_params, d_inputs = super().backward(*derivatives)
            return d_params, 1.001 * d_inputs

    monkeypatch.setattr(backprop_by_hand, "Net", Slip)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        compare(seed=0, slope=0.3)


def test_the_program_shows_both(monkeypatch, capsys):
    monkeypatch.setattr(backprop_by_hand, "REPEATS", 1)
    cli.main(backprop_by_hand.run, backprop_by_hand.PARSER, ["--seed", "1"])
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split() for line in lines if line.startswith("|d_")]
    assert len(rows) == 12  # W, b, V, c of p, q, r
    for *_, by_hand, by_autograd in rows:
        assert by_hand == by_autograd
    assert float(lines[-1].split()[-1]) < 1e-12
