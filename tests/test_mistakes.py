"""Tests of the tests: plausible mistakes, planted one at a time, and each must break the gap identities.

The identities run on two fixed models: a skewed law with one-dimensional z and a mixture critic, and two-dimensional z
with a normal critic.  Without a mistake they hold; with any of these they must not.
"""
import autograd.numpy as np
import numpy
import pytest

from helpers import check_identities, random_like
from minimae import bounds, exact, nets, nodes, normal, problems, train

real = {name: getattr(module, name) for module, name in [
    (normal, "log_prob"), (normal, "sample"), (normal, "kl_to_standard"), (bounds, "infomax"), (bounds, "elbo"),
    (bounds, "expect"), (bounds, "upper"), (nets, "log_sum_exp"), (nodes, "grid"), (nodes, "cross"), (nets, "net")]}


def models():
    for seed, law, dim, parts in [(0, [0.5, 0.3, 0.15, 0.05], 1, 2), (1, [0.6, 0.3, 0.1], 2, 1)]:
        problem = problems.categorical(law, n_hidden=4, dim_z=dim, n_components=parts)
        rng = numpy.random.default_rng(seed)
        yield problem, tuple(random_like(net, rng, 0.8) for net in problem.init(rng)), numpy.array(law)


def identities():
    for model in models():
        check_identities(*model)


def infomax_under_marginals(r, z, x, weights):
    """E over p(z) p(x), as if x had been drawn without z."""
    return real["infomax"](r, z, x, np.sum(weights, 2, keepdims=True) * np.sum(weights, 1, keepdims=True))


def infomax_under_q(r, z, x, weights):
    """E over p_true(x) q(z|x), another joint: here with the law of x skewed by the order of its categories."""
    law = numpy.arange(1.0, weights.shape[2] + 1)
    return real["infomax"](r, z, x, weights / np.sum(weights, 1, keepdims=True) * law / law.sum())


def unweighted_elbo(p, q, x, eps, weights, axis=(1, 2)):
    return real["elbo"](p, q, x, eps, np.sum(weights, 1, keepdims=True) / weights.shape[1], axis)


def unnormalised_cross(given, other):
    a, b, weights = real["cross"](given, other)
    return a, b, weights * 1.02


MISTAKES = {
    "1/2 dropped from the KL": (normal, "kl_to_standard", lambda m, v: np.sum(m ** 2 + np.exp(v) - v - 1, -1)),
    "log variance used as log sd in the KL": (normal, "kl_to_standard", lambda m, v: real["kl_to_standard"](m, 2 * v)),
    "sign of log_var in the KL": (normal, "kl_to_standard", lambda m, v: 0.5 * np.sum(m ** 2 + np.exp(v) + v - 1, -1)),
    "KL the other way round": (normal, "kl_to_standard", lambda m, v: 0.5 * np.sum((1 + m ** 2) * np.exp(-v) + v - 1, -1)),
    "mean for sum over z in the KL": (normal, "kl_to_standard", lambda m, v: 0.5 * np.mean(m ** 2 + np.exp(v) - v - 1, -1)),
    "sign of the KL in the ELBO": (normal, "kl_to_standard", lambda m, v: -real["kl_to_standard"](m, v)),
    "KL forgotten": (normal, "kl_to_standard", lambda m, v: 0 * np.sum(m, -1)),
    "variance used as sd in sampling": (normal, "sample", lambda m, v, e: m + np.exp(v) * e),
    "noise forgotten in sampling": (normal, "sample", lambda m, v, e: m + 0 * e),
    "log variance used as log sd in log_prob": (normal, "log_prob", lambda x, m, v: real["log_prob"](x, m, 2 * v)),
    "log 2 pi missing": (normal, "log_prob", lambda x, m, v: -0.5 * np.sum((x - m) ** 2 * np.exp(-v) + v, -1)),
    "log determinant missing": (normal, "log_prob",
                                lambda x, m, v: -0.5 * np.sum((x - m) ** 2 * np.exp(-v) + normal.LOG_2PI, -1)),
    "mean for sum over z in log_prob": (normal, "log_prob",
                                        lambda x, m, v: -0.5 * np.mean((x - m) ** 2 * np.exp(-v) + v + normal.LOG_2PI, -1)),
    "H(z) missing": (normal, "entropy", lambda v: 0.0),
    "H(z) of one dimension only": (normal, "entropy", lambda v: 0.5 * (normal.LOG_2PI + 1)),
    "H(z) subtracted": (normal, "entropy", lambda v: -0.5 * np.sum(v + normal.LOG_2PI + 1, -1)),
    "r evaluated at the wrong category": (bounds, "infomax",
                                          lambda r, z, x, w: real["infomax"](r, z, np.roll(x, 1, axis=2), w)),
    "I^ under the marginals instead of the joint": (bounds, "infomax", infomax_under_marginals),
    "I^ under another law of x, as q's joint has": (bounds, "infomax", infomax_under_q),
    "p_true left out of the average": (bounds, "elbo", unweighted_elbo),
    "p_true left out of U": (bounds, "upper", lambda p, m, z, x, w: real["upper"](p, lambda x: -np.log(x.shape[-1]), z, x, w)),
    "sign of log m in U": (bounds, "upper", lambda p, m, z, x, w: real["upper"](p, lambda x: -m(x), z, x, w)),
    "weights that do not sum to one": (problems, "cross", unnormalised_cross),
    "mean for sum over nodes": (bounds, "expect", lambda values, w, axis=(1, 2): np.mean(w * values, axis=axis)),
    "softmax not normalised": (nets, "log_sum_exp", lambda a, axis: np.max(a, axis=axis)),
    "log p(x) without the weights of z": (exact, "log_marginal", lambda p, x, z, w: real["log_sum_exp"](p.log_prob(x, z), 1)),
    "bias of the output forgotten": (nets, "net", lambda params, given: [
        np.matmul(np.tanh(np.matmul(given, params[0]) + params[1]), W) for W in params[2::2]]),
}


@pytest.fixture
def smaller_tables(monkeypatch):
    """Mistakes may keep figures from standing at all; this finds out sooner."""
    monkeypatch.setattr(exact, "MOST_CELLS", 2 ** 18)


def test_identities_hold_without_a_mistake(smaller_tables):
    identities()


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.filterwarnings("ignore")  # some mistakes warn as well; here only the identities shall catch them
def test_every_mistake_is_caught(mistake, monkeypatch, smaller_tables):
    monkeypatch.setattr(*MISTAKES[mistake])
    with pytest.raises((AssertionError, ArithmeticError)):
        identities()


def test_a_critic_that_shares_the_penalty_is_caught(monkeypatch):
    """Above its level p must be told to lower I^ and r to raise it; r with p's sign is the mistake of section "The MAE"."""
    def both_scaled(p, q, r, data, model, slope):
        z, eps, weights = model
        x, weights = p.joint(z, eps, weights)
        return np.array([bounds.elbo(p, q, *data), slope * bounds.infomax(r, z, x, weights)])

    critics_gradient_is_that_of_infomax()
    monkeypatch.setattr(train, "mutual", both_scaled)
    with pytest.raises(AssertionError):
        critics_gradient_is_that_of_infomax()


def critics_gradient_is_that_of_infomax():
    from autograd import grad
    problem = problems.split_normal(n_hidden=3)
    params = problem.init(numpy.random.default_rng(0))
    data, (z, eps, weights) = problem.nodes(8)
    objective = lambda r: np.sum(train.mutual(*problem.densities((params[0], params[1], r)), data, (z, eps, weights),
                                              numpy.array([-0.7])))
    p, _, _ = problem.densities(params)
    infomax = lambda r: np.sum(bounds.infomax(nets.NormalNet(r), z, *p.joint(z, eps, weights)))
    for a, b in zip(grad(objective)(params[2]), grad(infomax)(params[2])):
        numpy.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
