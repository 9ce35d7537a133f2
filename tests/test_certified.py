"""The multi-sample bound, and the estimates of certified.evaluate that are made of it.

What the bound misses is I(set; x), or what an independent set adds: on sets of codes
that can be listed both are equalities.  Of linear Gaussian models all values are known,
in any dimension.
"""
import itertools
import math

import numpy as np
import pytest

from helpers import GivenNormal, generator, log_decoder, log_density, net_params
from helpers import one_model, zero_model
from minimae import bounds, certified, notes, problems, quadrature
from minimae.nets import NormalNet

# Sets of codes that can be listed

CODES = np.array([-1.7, 0.1, 0.9, 2.0])      # values of a one-dimensional z
P_CODES = np.array([0.1, 0.4, 0.3, 0.2])


def independent_sets(n):
    """All sets of n independent codes: probabilities (sets,), codes and weights
    (sets, n)."""
    index = np.array(list(itertools.product(range(len(CODES)), repeat=n)))
    probs = np.prod(P_CODES[index], axis=1)
    return probs, CODES[index], np.full(index.shape, 1 / n)


def weighted_sets():
    """Two sets with the probabilities .3 and .7, as two shifts of a grid would be."""
    probs = np.array([0.3, 0.7])
    codes = np.array([[-1.7, 0.1, 0.9], [0.4, 2.0, -0.6]])
    weights = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]])
    return probs, codes, weights


def categorical_decoder():
    """A decoder of three categories, and its parameters."""
    problem = problems.Categorical(np.full(3, 1 / 3), n_hidden=2)
    p_params = net_params([[1, -2]], [0.5, 0.5],
                          ([[2, -1, 0], [0, 1, -2]], [0, 0.5, 0]))
    p = problem.decoder.with_params(p_params)
    return problem, p, p_params


def by_enumeration(probs, codes, weights):
    """I(z; x), and what each bound misses: I(set; x) for the own set, and
    E KL[p(x) || p(x|set)] for an independent one."""
    problem, _, p_params = categorical_decoder()
    table = np.exp(log_decoder(problem, p_params, np.eye(3), codes[..., None, None]))
    p_x_of_set = np.sum(weights[..., None] * table, axis=1)     # (sets, K)
    p_x = probs @ p_x_of_set
    joint = probs[:, None, None] * weights[..., None] * table
    information = np.sum(joint * np.log(table / p_x))
    own_gap = np.sum(probs[:, None] * p_x_of_set * np.log(p_x_of_set / p_x))
    other_gap = probs @ (np.log(p_x / p_x_of_set) @ p_x)
    return information, own_gap, other_gap


def by_bounds(probs, codes, weights):
    """The bound with the own set, and with an independent one, means over all sets."""
    _, p, _ = categorical_decoder()
    own = 0.0
    other = 0.0
    for k, (z, z_weights) in enumerate(zip(codes[..., None], weights)):
        x, joint = p.joint_nodes(z, None, z_weights[None])
        for j, (other_z, other_weights) in enumerate(zip(codes[..., None], weights)):
            bound = bounds.multi_sample(p, z, x, joint, other_z, other_weights)
            other += probs[k] * probs[j] * bound
            if j == k:
                own += probs[k] * bound
    return own, other


SETS = {"independent codes": independent_sets(2), "weighted codes": weighted_sets()}


@pytest.mark.parametrize("name", SETS)
def test_what_the_multi_sample_bounds_miss_by_enumeration(name):
    information, own_gap, other_gap = by_enumeration(*SETS[name])
    own, other = by_bounds(*SETS[name])
    assert min(own_gap, other_gap) > 0.01  # nats: there is something to be seen
    assert own == pytest.approx(information - own_gap, abs=1e-12)
    assert other == pytest.approx(information + other_gap, abs=1e-12)


def own_code_left_out(p, z, x, weights, codes, code_weights):
    shares = code_weights * np.exp(p.log_prob(x, codes))        # (K, S)
    rest = np.sum(shares, axis=-1, keepdims=True)
    if np.array_equal(z, codes):
        rest = (rest - shares) / (1 - code_weights)
    return np.sum(weights * (p.log_prob(x, z) - np.log(rest)))


def one_code_less(p, z, x, weights, codes, code_weights):
    n = len(codes)
    return REAL(p, z, x, weights, codes, code_weights * n / (n - 1))


def equal_code_weights(p, z, x, weights, codes, code_weights):
    return REAL(p, z, x, weights, codes, np.full(len(codes), 1 / len(codes)))


REAL = bounds.multi_sample
MISTAKES = [own_code_left_out, one_code_less, equal_code_weights]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_in_the_multi_sample_bound_are_caught(mistake, monkeypatch):
    monkeypatch.setattr(bounds, "multi_sample", mistake)
    information, own_gap, _ = by_enumeration(*weighted_sets())
    own, _ = by_bounds(*weighted_sets())
    assert abs(own - (information - own_gap)) > 1e-3  # nats


# Linear Gaussian models

class LinearGaussian(problems.Problem):
    """x = a R z + sd e with a rotation R, so that p(z|x) is diagonal.  q has `ratio`
    times the variance of p(z|x), and r is q.  a is such that I(z, x) is as given."""

    def __init__(self, dim, information=1.5, sd=0.5, ratio=0.8):
        super().__init__(dim_x=dim, dim_z=dim, n_hidden=1, decoder=NormalNet(),
                         encoder=NormalNet(), critic=NormalNet())
        self.information = information
        self.sd = sd
        self.ratio = ratio
        self.a = sd * np.sqrt(np.exp(2 * information / dim) - 1)
        noise = generator(dim).standard_normal((dim, dim))
        self.rotation, _ = np.linalg.qr(noise)
        self.px_var = self.a ** 2 + sd ** 2
        self.posterior_var = sd ** 2 / self.px_var

    def densities(self, params, codes=None):
        gain = self.a / self.px_var
        p = GivenNormal(lambda z: self.a * z @ self.rotation.T,
                        lambda z: np.full(z.shape, 2 * np.log(self.sd)))
        q = GivenNormal(lambda x: gain * x @ self.rotation,
                        lambda x: np.full(x.shape, np.log(self.ratio
                                                          * self.posterior_var)))
        return p, q, q

    def draw_nodes(self, rng):
        prior, codes = self.draw_codes(rng, n_codes=64, n=64)
        return None, prior, codes

    def draw_rows(self, rng, n):
        """x ~ p(x) = N(0, px_var I), (n, X), and log p(x), (n,)."""
        x = np.sqrt(self.px_var) * rng.standard_normal((n, self.dim_x))
        return x, log_density(x, 0.0, np.full(self.dim_x, np.log(self.px_var)))

    def truth(self):
        """The values as means over x ~ p(x), from the KL of normals."""
        gap = 0.5 * self.dim_z * (self.ratio - 1 - np.log(self.ratio))
        q_var = self.ratio * self.posterior_var
        mean_var = self.a ** 2 / self.px_var
        log_px = -0.5 * self.dim_x * np.log(2 * np.pi * np.e * self.px_var)
        return {
            "infomax": self.information - gap, "lower": self.information,
            "information": self.information, "upper": self.information,
            "elbo": log_px - gap, "log_likelihood": log_px,
            "kl": 0.5 * self.dim_z * (mean_var + q_var - 1 - np.log(q_var))}


def evaluate(problem, x_test, **settings):
    """The row of a problem that needs no parameters."""
    row, = certified.evaluate(one_model(problem, params=()), x_test, **settings)
    return row


@pytest.mark.parametrize("dim", [2, 8, 20])
def test_linear_gaussian_models_are_evaluated_right(dim):
    """All values within 6 standard errors.  Those of eight sets have Student's tails:
    a false alarm in 2000 seeds."""
    problem = LinearGaussian(dim)
    x, log_px = problem.draw_rows(generator(1), 256)
    expected = problem.truth()
    control = log_px - expected["log_likelihood"]  # the rest is noise of the codes
    row = evaluate(problem, x, control=control)
    # nats; the bounds miss up to .003, log p(x) is low by 1 / (2 MIN_EFFECTIVE) = .005.
    low = {"lower": 0.01, "information": 0.005, "log_likelihood": 0.006}
    high = {"upper": 0.01, "information": 0.005}
    for key in certified.KEYS:
        error = 6 * row[f"{key}_se"] + 1e-9
        assert row[key] >= expected[key] - error - low.get(key, 0.0), key
        assert row[key] <= expected[key] + error + high.get(key, 0.0), key
    assert row["upper"] - row["lower"] < 0.03
    assert row["note"] == ""


def test_intervals_of_95_percent_cover_95_percent():
    """I +- T_95 standard errors, 200 evaluations.  The count has a standard deviation
    of .015; 4 of them are a false alarm in 10^4.  1.96 s.e. cover .90."""
    problem = LinearGaussian(2)
    x, _ = problem.draw_rows(generator(2), 1)
    covered = []
    for seed in range(200):
        row = evaluate(problem, x, seed=seed, n=32, n_codes=256)
        error = abs(row["information"] - problem.information)
        covered.append(error <= notes.T_95 * row["information_se"])
    assert np.mean(covered) == pytest.approx(0.95, abs=0.06)


def test_log_px_uses_as_many_codes_as_the_weights_need():
    """q has a fifth of the posterior's variance: with 64 codes log p(x) is low by more
    than its standard error.  With as many as needed it is right."""
    problem = LinearGaussian(4, information=6.0, ratio=0.2)
    x, log_px = problem.draw_rows(generator(3), 200)
    p, q, _ = problem.densities(())
    eps = generator(4).standard_normal((64, 200, 4))
    first, _ = certified.importance_sample(p, q, x, eps)
    found, effective = certified.log_marginal_of_rows(p, q, x, 4, generator(5))
    assert np.mean(first - log_px) < -0.05
    # The bias is 1 / (2 n) of n effective codes; 6 standard errors of the mean.
    error = found - log_px
    noise = 6 * np.std(error) / np.sqrt(len(error))
    assert abs(np.mean(error) + np.mean(1 / (2 * effective))) < noise + 0.005


def test_log_px_that_is_too_low_is_marked():
    """10 effective codes are .05 nats low on average."""
    problem = LinearGaussian(2)
    x, _ = problem.draw_rows(generator(6), 8)
    row = evaluate(problem, x, n=64, n_codes=512)
    settings = {"width_se": 0.01, "n_codes": 512}
    assert certified.note_of(row, effective=np.full(8, 100.0), **settings) == ""
    note = certified.note_of(row, effective=np.full(8, 10.0), **settings)
    assert "log p(x) is at least" in note and "0.05 low" in note


def test_information_beyond_the_codes_is_an_interval():
    """20 nats, 256 codes: a lower bound is at most log 256 = 5.5."""
    problem = LinearGaussian(4, information=20.0)
    x, _ = problem.draw_rows(generator(7), 4)
    row = evaluate(problem, x, n=64, n_codes=256)
    assert math.isnan(row["information"])
    assert row["lower"] <= math.log(256) + 0.1 < 20 < row["upper"]
    assert row["note"].startswith("I lies between")


def test_a_missed_target_and_values_that_diverged_are_named():
    problem = LinearGaussian(2)
    x, _ = problem.draw_rows(generator(8), 8)
    models = one_model(problem, params=())
    models.targets[0] = 1.2
    row, = certified.evaluate(models, x, n=64, n_codes=512)
    assert row["note"].startswith("not reached, I - M = +0.")
    row = evaluate(problem, np.nan * x, n=64, n_codes=512)
    assert row["note"] == "diverged: values that are not finite"


def test_one_row_is_enough_and_no_rows_are_refused():
    problem = LinearGaussian(2)
    x, _ = problem.draw_rows(generator(9), 1)
    row = evaluate(problem, x[0], n=8, n_codes=16)
    assert math.isfinite(row["log_likelihood"])
    assert math.isnan(row["log_likelihood_se"])
    for settings, message in [
            ({"x_test": x[:0]}, "x_test has no rows"),
            ({"x_test": None}, "has no x_test"),
            ({"x_test": x, "n_sets": 2}, "n_sets 2: give an integer from 8"),
            ({"x_test": x, "n": 17, "n_codes": 16}, "n 17: give an integer from 1")]:
        with pytest.raises(ValueError, match=message):
            evaluate(problem, **settings)


def test_all_models_see_the_same_nodes():
    problem = problems.SplitNormal(n_hidden=3)
    params = zero_model(problem)
    models = one_model(problem, params)
    models.params.append(params)
    models.targets.append(None)
    models.seeds.append(0)
    first, second = certified.evaluate(models, np.zeros((3, 1)), n=16, n_codes=64)
    assert first == second


# The nodes

def test_weighted_codes_of_the_tails_stand_for_the_prior():
    """E z = 0, E z^2 = 1 and the weights sum to one, each on average over 400 sets,
    within 6 standard errors; a weight is at most 2 / n."""
    rng = generator(10)
    sums = []
    for _ in range(400):
        z, weights = quadrature.wide_kronecker(rng, 64, 3)
        assert np.all(weights <= 2 / 64)
        moments = [weights @ z[:, 0], weights @ z[:, 0] ** 2, np.sum(weights)]
        sums.append(moments)
    error = np.mean(sums, axis=0) - [0.0, 1.0, 1.0]
    standard_error = np.std(sums, axis=0) / np.sqrt(len(sums))
    assert np.all(np.abs(error) < 6 * standard_error)
