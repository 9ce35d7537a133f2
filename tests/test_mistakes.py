"""Tests of the tests: plausible mistakes, planted one at a time, and each must break a
gap identity.

The identities run on two fixed models: a skewed law with a mixture for a critic, and
two-dimensional z with a normal critic.  The figures come from one fixed grid, so that
the identities catch a mistake and not the checks of exact.figures.
"""
import functools

import autograd.numpy as np
import numpy
import pytest

import test_train
from helpers import differences, generator, random_like, truth
from minimae import bounds, critics, exact, nets, nodes, normal, problems, train

real = {name: getattr(module, name) for module, name in [
    (normal, "log_prob"), (normal, "kl_to_standard"), (bounds, "infomax"),
    (bounds, "elbo"), (bounds, "upper"), (bounds, "log_marginal"), (nodes, "cross")]}


@functools.cache
def models():
    """(problem, parameters, points per dimension that are enough, the truth) twice."""
    both = []
    for seed, law, n, kind in [
            (0, [0.5, 0.3, 0.15, 0.05], 512, dict(critic=critics.Mixture(2))),
            (1, [0.6, 0.3, 0.1], 96, dict(dim_z=2, critic=critics.Normal()))]:
        problem, rng = problems.Categorical(law, n_hidden=4, **kind), generator(seed)
        params = random_like(problem.init(rng), rng, 0.8)
        both.append((problem, params, n, truth(problem, params, 2 * n)))
    return both


def identities():
    """The figures of either model that are not what the identities make of them."""
    wrong = []
    for problem, params, n, expected in models():
        got = exact.on_grid(problem, params, n)
        # NaN would be no identity's doing.
        wrong += differences(problem, got, expected) if all(
            map(numpy.isfinite, got.values())) else ["NaN"]
    return wrong


def infomax_under_marginals(r, z, x, weights):
    """E over p(z) p(x), as if x had been drawn without z."""
    return real["infomax"](r, z, x, np.sum(weights, 2, keepdims=True)
                           * np.sum(weights, 1, keepdims=True))


def infomax_under_q(r, z, x, weights):
    """E over another joint, as p_true(x) q(z|x) would be: here with the law of x skewed
    by the order of its categories."""
    law = numpy.arange(1.0, weights.shape[2] + 1)
    weights = weights / np.sum(weights, 1, keepdims=True) * law / law.sum()
    return real["infomax"](r, z, x, weights)


def unweighted_elbo(p, q, x, eps, weights, axis=(1, 2)):
    weights = np.sum(weights, 1, keepdims=True) / weights.shape[1]
    return real["elbo"](p, q, x, eps, weights, axis)


def unnormalised_cross(first, second):
    a, b, weights = real["cross"](first, second)
    return a, b, weights * 1.02


def net_without_bias(params, inputs):
    hidden = np.tanh(np.matmul(inputs, params[0]) + params[1])
    return np.matmul(hidden, params[2])


KL, LOG_PROB = (normal, "kl_to_standard"), (normal, "log_prob")
SAMPLE, ENTROPY = (normal, "sample"), (normal, "entropy")
INFOMAX, UPPER = (bounds, "infomax"), (bounds, "upper")
LOG_2PI = normal.LOG_2PI
MISTAKES = {
    "1/2 dropped from the KL":
        (*KL, lambda m, v: np.sum(m ** 2 + np.exp(v) - v - 1, -1)),
    "log variance used as log sd in the KL":
        (*KL, lambda m, v: real["kl_to_standard"](m, 2 * v)),
    "sign of log_var in the KL":
        (*KL, lambda m, v: 0.5 * np.sum(m ** 2 + np.exp(v) + v - 1, -1)),
    "KL the other way round":
        (*KL, lambda m, v: 0.5 * np.sum((1 + m ** 2) * np.exp(-v) + v - 1, -1)),
    "mean for sum over z in the KL":
        (*KL, lambda m, v: 0.5 * np.mean(m ** 2 + np.exp(v) - v - 1, -1)),
    "sign of the KL in the ELBO": (*KL, lambda m, v: -real["kl_to_standard"](m, v)),
    "KL forgotten": (*KL, lambda m, v: 0 * np.sum(m, -1)),
    "variance used as sd in sampling": (*SAMPLE, lambda m, v, eps: m + np.exp(v) * eps),
    "noise forgotten in sampling": (*SAMPLE, lambda m, v, eps: m + 0 * eps),
    "log variance used as log sd in log_prob":
        (*LOG_PROB, lambda x, m, v: real["log_prob"](x, m, 2 * v)),
    "log 2 pi missing":
        (*LOG_PROB, lambda x, m, v: -0.5 * np.sum((x - m) ** 2 * np.exp(-v) + v, -1)),
    "log determinant missing":
        (*LOG_PROB, lambda x, m, v: -0.5 * np.sum((x - m) ** 2 * np.exp(-v) + LOG_2PI,
                                                  -1)),
    "mean for sum over z in log_prob":
        (*LOG_PROB, lambda x, m, v: -0.5 * np.mean((x - m) ** 2 * np.exp(-v) + v
                                                   + LOG_2PI, -1)),
    "H(z) missing": (*ENTROPY, lambda v: 0.0),
    "H(z) of one dimension only": (*ENTROPY, lambda v: 0.5 * (LOG_2PI + 1)),
    "H(z) subtracted": (*ENTROPY, lambda v: -0.5 * np.sum(v + LOG_2PI + 1, -1)),
    "r evaluated at the wrong category":
        (*INFOMAX, lambda r, z, x, w: real["infomax"](r, z, np.roll(x, 1, 2), w)),
    "I^ under the marginals instead of the joint": (*INFOMAX, infomax_under_marginals),
    "I^ under another law of x, as q's joint has": (*INFOMAX, infomax_under_q),
    "p_true left out of the average": (bounds, "elbo", unweighted_elbo),
    "p_true left out of U":
        (*UPPER, lambda p, m, z, x, w: real["upper"](p, lambda x: -np.log(x.shape[-1]),
                                                     z, x, w)),
    "sign of log m in U":
        (*UPPER, lambda p, m, z, x, w: real["upper"](p, lambda x: -m(x), z, x, w)),
    "weights that do not sum to one": (nodes, "cross", unnormalised_cross),
    "mean for sum over nodes":
        (bounds, "expectation", lambda a, w, axis=(1, 2): np.mean(w * a, axis=axis)),
    "softmax not normalised":
        (nets, "log_sum_exp", lambda a, axis: np.max(a, axis=axis)),
    "log p(x) without the weights of z":
        (bounds, "log_marginal", lambda p, x, z, w: real["log_marginal"](
            p, x, z, np.ones_like(w))),
    "bias of the output forgotten": (nets, "net", net_without_bias),
}


def test_identities_hold_without_a_mistake():
    assert identities() == []


@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_mistake_is_caught(mistake, monkeypatch):
    models()  # the truth is not to be touched by any of them
    monkeypatch.setattr(*MISTAKES[mistake])
    wrong = identities()
    assert {*wrong} & {*exact.KEYS} and "NaN" not in wrong


def test_a_critic_that_shares_the_penalty_is_caught(monkeypatch):
    """Above its level p must be told to lower I^ and r to raise it; r with p's sign is
    the mistake of section "The MAE"."""
    def both_scaled(p, q, r, data, prior, slope):
        z, eps, weights = prior
        x, weights = p.joint(z, eps, weights)
        return np.array([bounds.elbo(p, q, *data),
                         slope * bounds.infomax(r, z, x, weights)])

    test_train.test_each_player_climbs_its_own_objective(critics.Normal())
    monkeypatch.setattr(train, "objectives", both_scaled)
    with pytest.raises(AssertionError, match="rtol=1e-09"):
        test_train.test_each_player_climbs_its_own_objective(critics.Normal())
