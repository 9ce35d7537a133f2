"""Problems: constants, laws, data of one's own, and what is refused."""
import numpy as np
import pytest

from helpers import flatten, generator, one_model, random_like, truth
from minimae import bounds, critics, exact, nets, nodes, problems, table, train


@pytest.mark.parametrize("law", [[0.5, 0.5], [0.7, 0.2, 0.1], [1.0, 0.0]])
def test_best_and_highest_of_a_law(law):
    """best = sum p log p, the most that E log p(x) can be; max_information = -best; and
    a law that nearly sums to one is made to."""
    expected = sum(p * np.log(p) for p in law if p > 0)
    for factor in (1, 1 + 9e-6):
        problem = problems.Categorical(factor * np.array(law))
        assert problem.best == pytest.approx(expected, abs=1e-15)
        assert problem.max_information == -problem.best
        np.testing.assert_allclose(problem.p_true, law, rtol=1e-15)


@pytest.mark.parametrize("dim", [1, 2])
def test_nodes_average_over_the_law_and_the_prior(dim):
    """Weights sum to p_true over eps, and to one over z; eps and z are N(0, I)."""
    problem = problems.Categorical([0.7, 0.2, 0.1], dim_z=dim, n_z=16, n_eps=10)
    (x, eps, weights), prior, _ = problem.nodes(generator(0))
    np.testing.assert_array_equal(x[0, :, 0], np.eye(3))
    np.testing.assert_allclose(np.sum(weights, (0, 2)), problem.p_true, rtol=1e-12)
    z, _, z_weights = prior
    # 5e-3: six points in a unit are plenty, but in training grids end at 4.5.
    for points, w in [(eps, weights), (z, z_weights)]:
        assert points.shape[-1] == dim
        second = bounds.expectation(np.sum(points ** 2, -1), w)
        assert second == pytest.approx(dim, abs=5e-3)


# Data of one's own

def rows(n, X, seed=0):
    return generator(seed).standard_normal((n, X))


def test_a_step_sees_rows_of_train_alone():
    """A minibatch is `batch` different rows of train, with two opposite eps each; all
    rows come up; n_codes codes, of which `batch` yield x."""
    data, held_out = rows(50, 3), rows(20, 3, 1)
    problem = problems.Data(data, held_out, batch=16, n_codes=64, dim_z=4)
    assert problem.best is None
    rng, seen = generator(2), set()
    for _ in range(40):
        (x, eps, weights), (z, z_eps, _), (codes, code_weights) = problem.nodes(rng)
        index = [np.flatnonzero(np.all(data == row, 1)) for row in x[0, :, 0]]
        assert len({*np.concatenate(index)}) == 16 and all(len(k) == 1 for k in index)
        seen |= {*np.concatenate(index)}
        np.testing.assert_array_equal(eps[:, :, 0], -eps[:, :, 1])
        assert weights.shape == (1, 16, 2) and np.sum(weights) == pytest.approx(1)
        assert codes.shape == (1, 64, 1, 4) and np.sum(code_weights) == pytest.approx(1)
        assert {*map(tuple, z[0, :, 0])} <= {*map(tuple, codes[0, :, 0])}
        assert z.shape == (1, 16, 1, 4) and z_eps.shape == (1, 16, 1, 3)
    # A row is missed by all of 40 draws with probability (34 / 50)^40 = 2e-7.
    assert len(seen) == 50


def test_what_is_held_out_never_enters_training():
    """The same model to the last bit, whatever is held out."""
    data = rows(100, 1)
    first, second = (flatten(train.train(problems.Data(
        data, rows(30, 1, seed), n_hidden=4, batch=32), [0.3], steps=20).params)
        for seed in (1, 2))
    np.testing.assert_array_equal(first, second)


def test_a_sample_of_one_dimension_has_exact_figures_and_no_best(capsys):
    """Means over the 30 rows, against the dense route; best is unknown, and U has a
    normal for m."""
    problem = problems.Data(rows(200, 1), rows(30, 1, 1), n_hidden=4, dim_z=1)
    params = random_like(problem.init(generator(2)), generator(3), 0.7)
    row, = exact.evaluate(one_model(problem, params))
    problem.critic = critics.Bayes()  # multi-sample on all nodes of a grid
    expected = truth(problem, (*params[:2], ()), 1001)
    for key in ("lower", "information"):
        assert row[key] == pytest.approx(expected["information"], abs=1e-6)
    p, q, _ = problem.densities(params)
    log_px = bounds.log_marginal(p, problem.test[None, :, None], *nodes.grid(500))
    assert row["log_likelihood"] == pytest.approx(np.mean(log_px), abs=1e-6)
    assert row["elbo"] < row["log_likelihood"] and row["information"] < row["upper"]
    assert row["best"] is None and row["note"] == ""
    table.show([row])
    assert capsys.readouterr().out.rstrip().endswith("unknown")


def test_one_hot_rows_train_with_a_decoder_of_categories():
    """The frequencies of train are learnt: p(x) at zero information is near them."""
    law = np.array([0.6, 0.3, 0.1])
    table_of_rows = np.eye(3)[generator(0).choice(3, 2000, p=law)]
    problem = problems.Data(table_of_rows[:1000], table_of_rows[1000:],
                            nets.CategoricalNet, n_hidden=4, dim_z=1)
    models = train.train(problem, [None], steps=150)
    p, q, r = models.densities(0)
    log_px = bounds.log_marginal(p, np.eye(3)[None, None], *nodes.grid(500))
    # Frequencies of 1000 are within .016, and of the last minibatches of 64 within
    # some .03; the start has 1/3 each.
    np.testing.assert_allclose(np.exp(log_px[0, 0]), law, atol=0.1)


@pytest.mark.parametrize("make, message", [
    *((lambda law=law: problems.Categorical(law), "must be probabilities that sum to 1")
      for law in ([0.5, 0.6], [-0.1, 1.1], [[0.5, 0.5]], [np.nan, 1])),
    (lambda: problems.Categorical([1.0], dim_z=0), "dim_z 0: give a whole number from"),
    (lambda: problems.Categorical([1.0], n_eps=1.5), "n_eps 1.5: give a whole number"),
    (lambda: problems.SplitNormal(n_hidden="x"), "n_hidden x: give a whole number"),
    (lambda: critics.Mixture(0), "n_parts 0: give a whole number from 1 to 1000"),
    (lambda: problems.Data(rows(9, 2), rows(9, 2), n_codes=63), "n_codes 63: give a"),
    (lambda: problems.Data(rows(9, 2) + [0, 747], rows(9, 2)),
     r"train, column 1: mean 74\d.* give about 0 and 1"),
    (lambda: problems.Data(rows(9, 2), rows(9, 2) * [100, 1]),
     "test, column 0: .* give about 0 and 1"),
    (lambda: problems.Data(rows(9, 2) * [1, np.nan], rows(9, 2)),
     "train, column 1: mean nan and sd nan")])
def test_what_makes_no_sense_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)
