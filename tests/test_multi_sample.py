"""The multi-sample bound: what it misses is I(set; x), or what an independent set adds.

Sets of codes that can be listed make both an equality to rounding; sets drawn as in
training make both a bound in any dimension, within standard errors.
"""
import itertools

import numpy as np
import pytest

from helpers import log_decoder, random_like, truth
from minimae import bounds, nodes, problems

VALUES = np.array([-1.7, 0.1, 0.9, 2.0])  # of z, one-dimensional
LAW = np.array([0.1, 0.4, 0.3, 0.2])


def model(dim=1, scale=2.0):
    """A random decoder that knows about half a nat in every dimension."""
    problem = problems.Categorical(np.full(5, 0.2), n_hidden=4, dim_z=dim, critic=1)
    rng = np.random.default_rng(6)
    params = random_like(problem.init(rng), rng, scale, 0.5, 0.5)
    return problem, params


def independent_codes(n):
    """All sets of n independent codes: probabilities (S,), codes and weights (S, n)."""
    index = np.array(list(itertools.product(range(len(VALUES)), repeat=n)))
    return np.prod(LAW[index], 1), VALUES[index], np.full(index.shape, 1 / n)


def weighted_codes():
    """Two sets that are likely .3 and .7, as two shifts of a grid would be."""
    return (np.array([0.3, 0.7]), np.array([[-1.7, 0.1, 0.9], [0.4, 2.0, -0.6]]),
            np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]]))


SETS = {"2 independent codes": independent_codes(2),
        "3 independent codes": independent_codes(3), "weights": weighted_codes()}


def both_identities(chance, codes, weights):
    """Own set: I(z; x) - I(set; x).  Independent set: I(z; x) + E KL[p(x) || p(x|set)].
    The second route is the table of set, code and x, summed over by hand."""
    problem, params = model()
    p, _, _ = problem.densities(params)
    table = np.exp(log_decoder(problem, params[0], np.eye(5), codes[..., None, None]))
    of_set = np.sum(weights[..., None] * table, 1)         # p(x|set), (S, K)
    px = chance @ of_set
    set_and_x = np.sum(chance[:, None] * of_set * np.log(of_set / px))
    joint = chance[:, None, None] * weights[..., None] * table
    information = np.sum(joint * np.log(table / px))
    own_gap, other_gap = set_and_x, chance @ (np.log(px / of_set) @ px)
    assert min(own_gap, other_gap) > 0.01, "nothing to be seen on this model"

    z, w = codes[..., None, None], weights[..., None]      # (S, N, 1, 1), (S, N, 1)
    x, joint = p.joint(z, None, w)
    own = bounds.multi_sample(p, z, x, joint, z, w)
    assert chance @ own == pytest.approx(information - own_gap, abs=1e-12), "own"
    other = [chance @ bounds.multi_sample(p, z[[s]], x, joint[[s]], z, w)
             for s in range(len(chance))]
    assert chance @ other == pytest.approx(information + other_gap, abs=1e-12), "other"


@pytest.mark.parametrize("name", SETS)
def test_what_the_bounds_miss_by_enumeration(name):
    both_identities(*SETS[name])


def draw_codes(kind, rng, dim):
    """A random set as in training, of 64 codes or so."""
    n = {1: 64, 2: 8, 3: 6}[dim]
    if kind == "grid":
        return nodes.grid(n, dim, rng.random(dim), half_width=4.5)
    return getattr(nodes, kind)(rng, n ** dim, dim)


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("kind", ["monte_carlo", "lattice", "grid"])
def test_own_set_is_a_lower_bound_and_an_independent_set_an_upper_one(kind, dim):
    """Means over 200 pairs of sets; and what a single set gives is I(k; x | set), which
    is from 0 to the entropy of k, log N for equal weights."""
    problem, params = model(dim)
    p, _, _ = problem.densities(params)
    information = truth(problem, params, {1: 1001, 2: 81, 3: 31}[dim])["exact"]
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(200):
        z, weights = draw_codes(kind, rng, dim)
        x, joint = p.joint(z, None, weights)
        own, other = (bounds.multi_sample(p, z, x, joint, *codes)[0]
                      for codes in [(z, weights), draw_codes(kind, rng, dim)])
        entropy = -np.sum(weights * np.log(weights))
        assert -1e-12 <= own <= entropy + 1e-12 <= np.log(weights.size) + 2e-12
        draws.append([own, other])
    mean, error = np.mean(draws, 0), np.std(draws, 0) / np.sqrt(200)
    # 5 standard errors, estimated from the sets: a false alarm in 10^6 seeds.  What the
    # shift moves in the sum of the grid's weights is 1e-4 for the six points a side.
    lower, upper = mean + [-1, 1] * (5 * error + 1e-4 * (kind == "grid"))
    assert lower <= information <= upper
    assert mean[0] < mean[1] < mean[0] + 0.2  # and the two are no trivial bounds


def by_hand(arrays):
    return tuple(np.array(array, float)[None, None] for array in arrays)


def test_a_sharp_decoder_reaches_the_ceiling_and_no_more():
    """Five codes in five categories of their own: I(k; x | set) = log 5."""
    problem, params = model()
    # The logit of k is 40 sum_{e < k} sign(z - edge_e): highest where z is in bin k.
    edges = np.array([-1.5, -0.5, 0.5, 1.5])
    arrays = np.full((1, 4), 50.0), -50 * edges[None], 40 * np.tri(5, 4, -1).T, [[0.0]]
    p, _, _ = problem.densities((by_hand(arrays), *params[1:]))
    z, weights = nodes.down([-2.0, -1.0, 0.0, 1.0, 2.0]), np.full((1, 5, 1), 0.2)
    x, joint = p.joint(z, None, weights)
    got = bounds.multi_sample(p, z, x, joint, z, weights)
    assert got == pytest.approx(np.log(5), abs=1e-9)


def test_information_on_few_nodes_of_z_is_capped_at_the_log_of_their_number():
    """What befalls every estimate that compares codes of one set with one another."""
    problem = problems.Categorical(np.full(10, 0.1), n_hidden=1)
    # logits k z - k^2 / 50, by a net whose tanh(z / 1000) * 1000 is z
    k = np.arange(-5, 5) * 4.0
    arrays = [[1e-3]], [[0.0]], 1e3 * k[None], -k[None] ** 2 / 50
    params = problem.init(np.random.default_rng(0))
    p, _, _ = problem.densities((by_hand(arrays), *params[1:]))
    x = nodes.across(np.eye(10))
    two, three, many = (bounds.information(p, x, 1.0, *nodes.grid(n, half_width=2.0))[0]
                        for n in (2, 3, 400))
    assert two <= np.log(2) + 1e-12 and three <= np.log(3) + 1e-12
    assert two < many - 0.1  # the cap is what holds it down


def without_own_code(p, z, x, weights, codes, code_weights):
    """log p(x|z_k) - log of the sum over the other codes alone, with N - 1 for N."""
    table = p.log_prob(x, codes)                           # (S, N, K)
    shares = code_weights * np.exp(table)
    others = np.sum(shares, 1, keepdims=True) - (shares if z is codes else 0)
    left = 1 - (code_weights if z is codes else 0)
    return np.sum(weights * (p.log_prob(x, z) - np.log(others / left)), (1, 2))


real = bounds.multi_sample
MISTAKES = {
    "own code left out": without_own_code,
    "N - 1 for N": lambda p, z, x, w, codes, cw: real(
        p, z, x, w, codes, cw * cw.shape[1] / (cw.shape[1] - 1)),
    "weights of the codes forgotten": lambda p, z, x, w, codes, cw: real(
        p, z, x, w, codes, np.full_like(cw, 1 / cw.shape[1])),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_mistake_is_caught(mistake, monkeypatch):
    monkeypatch.setattr(bounds, "multi_sample", MISTAKES[mistake])
    with pytest.raises(AssertionError, match="^own"):
        both_identities(*weighted_codes())
