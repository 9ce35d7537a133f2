"""Problems: their constants and nodes, rows of one's own, and what is refused."""
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pytest import approx

from helpers import flatten, generator
from minimae import bounds, critics, nets, problems, quadrature, train


def make_rows(n, n_columns, seed=0):
    return generator(seed).standard_normal((n, n_columns))


# The poster's problems

@pytest.mark.parametrize("p_true", [[0.5, 0.5], [0.7, 0.2, 0.1], [1.0, 0.0]])
def test_best_and_largest_target_of_categories(p_true):
    """best = sum p log p, the highest possible E log p(x), and max_target = -best.
    Probabilities that nearly sum to one are made to."""
    expected = sum(p * np.log(p) for p in p_true if p > 0)
    for factor in [1, 1 + 9e-6]:
        problem = problems.Categorical(factor * np.array(p_true))
        assert problem.best == approx(expected, abs=1e-15)
        assert problem.max_target == -problem.best
        assert_allclose(problem.p_true, p_true, rtol=1e-15)


def test_best_of_the_split_normal_is_minus_the_entropy_of_a_normal():
    assert problems.SplitNormal().best == approx(-0.5 * np.log(2 * np.pi * np.e))


@pytest.mark.parametrize("dim_z", [1, 2])
def test_nodes_average_over_the_data_and_the_prior(dim_z):
    """Weights sum to p_true over eps, and to one over z; eps and z are N(0, I)."""
    problem = problems.Categorical([0.7, 0.2, 0.1], dim_z=dim_z, n_z=16, n_eps=10)
    data, prior, codes = problem.draw_nodes(generator(0))
    x, eps, weights = data
    assert_array_equal(x, np.eye(3))
    assert_allclose(np.sum(weights, axis=0), problem.p_true, rtol=1e-12)
    z, _, z_weights = prior
    assert_array_equal(codes[0], z)
    for points, point_weights in [(eps, weights), (z, z_weights)]:
        assert points.shape[-1] == dim_z
        squares = np.sum(points ** 2, axis=-1)
        # Training grids end at 4.5, which costs 9 * 7e-6; with 16 points on 9 units
        # the rest is below 5e-3.
        assert bounds.expectation(squares, point_weights) == approx(dim_z, abs=5e-3)


def test_nodes_of_the_split_normal_have_its_moments():
    problem = problems.SplitNormal(n_train=12)
    (x, eps, weights), (z, noise, z_weights), _ = problem.draw_nodes(generator(1))
    for points, point_weights in [(x, weights), (eps, weights), (z, z_weights),
                                  (noise, z_weights)]:
        squares = np.sum(points ** 2, axis=-1)
        assert bounds.expectation(squares, point_weights) == approx(1, abs=5e-3)


def test_new_nodes_have_new_shifts_and_the_same_seed_the_same_nodes():
    problem = problems.SplitNormal()
    rng = generator(2)
    first = flatten(problem.draw_nodes(rng))
    second = flatten(problem.draw_nodes(rng))
    again = flatten(problem.draw_nodes(generator(2)))
    assert_array_equal(first, again)
    assert not np.any(first[:12] == second[:12])  # the points of x


def test_x_grid_covers_at_least_eight_sds_around_every_mean():
    """Nine sds at its own points of z, and nearly so between them."""
    problem = problems.SplitNormal(n_hidden=3)
    p, _, _ = problem.densities(problem.init(generator(3)))
    x, dx = problem.x_grid(50, p)
    assert x.shape == (50, 1)
    assert_allclose(np.diff(x[:, 0]), dx)
    z = np.linspace(-5.9, 5.9, 300)[:, None]
    mean, log_var = p.mean_and_log_var(z)
    eight_sds = 8 * np.exp(log_var / 2)
    assert np.min(x) < np.min(mean - eight_sds)
    assert np.max(x) > np.max(mean + eight_sds)


def test_repr_of_a_problem_says_what_it_is():
    problem = problems.SplitNormal(n_hidden=8, log_var=-1.0, critic=critics.Bayes())
    assert repr(problem) == (
        "SplitNormal(dim_x=1, dim_z=1, n_hidden=8, decoder=NormalNet(log_var=-1.0), "
        "encoder=NormalNet(), critic=Bayes())")
    assert len(repr(problems.Data(make_rows(300, 4)))) < 200


# Rows of one's own

def test_a_step_sees_rows_of_x_train_only():
    """A batch has `batch` different rows, with two opposite eps each.  All rows come
    up.  There are n_codes codes, and `batch` of them yield x."""
    x_train = make_rows(50, 3)
    problem = problems.Data(x_train, make_rows(20, 3, seed=1), batch=16, n_codes=64,
                            dim_z=4)
    assert problem.best is None
    rng = generator(2)
    seen = set()
    for _ in range(40):
        (x, eps, weights), (z, noise, z_weights), codes = problem.draw_nodes(rng)
        assert x.shape == (16, 3)
        indices = [index_of(row, x_train) for row in x]
        assert len(set(indices)) == 16
        seen.update(indices)
        assert_array_equal(eps[0], -eps[1])
        assert weights.shape == (2, 16)
        assert np.sum(weights) == approx(1)
        assert z.shape == (16, 4)
        assert noise.shape == (1, 16, 3)
        assert z_weights.shape == (1, 16)
        assert np.sum(z_weights) == approx(1)
        assert codes[0].shape == (64, 4)
        for code in z:
            index_of(code, codes[0])
    # A row is missed by all of 40 batches with the probability (34 / 50)^40 = 2e-7.
    assert len(seen) == 50


def index_of(row, rows):
    """The index of the only row that is equal to this one."""
    index, = np.flatnonzero(np.all(rows == row, axis=1))
    return index


def test_codes_of_a_batch_stand_for_the_prior_on_average():
    """E |z|^2 and the weights' sum, over 400 draws of 64 codes."""
    problem = problems.Data(make_rows(50, 3), batch=16, n_codes=64, dim_z=2)
    rng = generator(3)
    sums = []
    squares = []
    for _ in range(400):
        (z, _, z_weights), (codes, weights) = problem.draw_codes(rng, 64, 16)
        sums.append([np.sum(z_weights), np.sum(weights)])
        squares.append([np.sum(z_weights * np.sum(z ** 2, axis=1)),
                        np.sum(weights * np.sum(codes ** 2, axis=1))])
    for values, expected in [(sums, 1), (squares, 2)]:
        standard_error = np.std(values, axis=0) / np.sqrt(400)
        error = np.abs(np.mean(values, axis=0) - expected)
        assert np.all(error < 6 * standard_error)   # a false alarm in 10^8 seeds


def test_test_rows_never_enter_training():
    """The same model to the last bit, whatever x_test is."""
    x_train = make_rows(100, 1)
    trained = []
    for x_test in [make_rows(30, 1, seed=1), make_rows(30, 1, seed=2), None]:
        problem = problems.Data(x_train, x_test, n_hidden=4, batch=32)
        models = train.train(problem, [0.3], steps=10)
        trained.append(flatten(models.params))
    assert_array_equal(trained[0], trained[1])
    assert_array_equal(trained[0], trained[2])


def test_x_train_is_a_copy():
    """Who changes the rows later does not change the problem."""
    x_train = make_rows(50, 2)
    problem = problems.Data(x_train, batch=4)
    before = problem.x_train.copy()
    x_train[:] = 77.0
    assert_array_equal(problem.x_train, before)


def test_one_hot_rows_train_with_a_decoder_of_categories():
    """p(x) of a plain VAE is near the frequencies of the rows."""
    p_true = np.array([0.6, 0.3, 0.1])
    rows = np.eye(3)[generator(0).choice(3, size=1000, p=p_true)]
    problem = problems.Data(rows, decoder=nets.CategoricalNet(), n_hidden=4, dim_z=1)
    models = train.train(problem, [None], steps=150)
    p, _, _ = models[0]
    log_px = p.log_marginal(np.eye(3), *quadrature.grid(500))
    # The frequencies of 1000 rows are within .016 of p_true (one standard error), and
    # those of the last batches of 64 rows within .06.  At the start p(x) is 1/3.
    assert_allclose(np.exp(log_px), p_true, atol=0.1)


def test_images_become_rows():
    images = make_rows(12, 6).reshape(12, 2, 3)
    problem = problems.Data(images, images, batch=4)
    assert problem.x_train.shape == (12, 6)
    assert problem.x_test.shape == (12, 6)


def test_a_batch_is_at_most_all_rows():
    problem = problems.Data(make_rows(9, 2), batch=64)
    (x, _, _), _, _ = problem.draw_nodes(generator(0))
    assert x.shape == (9, 2)


def test_a_constant_column_is_accepted_and_trains():
    """As the margins of images."""
    rows = make_rows(40, 3)
    rows[:, 1] = 2.0
    problem = problems.Data(rows, batch=8, n_codes=16, n_hidden=4)
    models = train.train(problem, [None], steps=3)
    assert np.all(np.isfinite(flatten(models.params)))


def test_the_advice_for_bad_rows_mends_them():
    """Also if a column is constant: rows - mean is 0 there, and 0 / 1e-6 is 0."""
    rows = make_rows(40, 3) * 100 + 1000
    rows[:, 1] = 7.0
    with pytest.raises(ValueError) as error:
        problems.Data(rows)
    advice = str(error.value).split(", as ")[1]
    mended = eval(advice, {"rows": rows})
    problem = problems.Data(mended)
    assert_array_equal(problem.x_train[:, 1], 0)


# What is refused

def masked_rows():
    rows = np.ma.array(make_rows(9, 2))
    rows[3, 1] = np.ma.masked
    return rows


def bad_data(x_train, x_test=None, **settings):
    def make():
        return problems.Data(x_train, x_test, **settings)
    return make


GOOD = make_rows(9, 2)


@pytest.mark.parametrize("make, message", [
    (bad_data(GOOD + [0, 747]), r"x_train, column 1: mean 74\d.* give about 0 and 1"),
    (bad_data(GOOD * [100, 1]), "x_train, column 0: .* give about 0 and 1"),
    (bad_data(GOOD * [1, np.nan]), "x_train, column 1: NaN or infinite; fill or drop"),
    (bad_data(GOOD * [1, np.inf]), "x_train, column 1: NaN or infinite"),
    (bad_data(GOOD, GOOD * [np.nan, 1]), "x_test, column 0: NaN or infinite"),
    (bad_data(masked_rows()), "x_train: 1 values are masked; fill or drop them"),
    (bad_data(GOOD, masked_rows()), "x_test: 1 values are masked"),
    (bad_data(np.full((9, 2), 3.0)), "x_train: no column has an sd above 0;"),
    (bad_data(make_rows(9, 3), GOOD), "x_test has 2 columns: give 3, as in x_train"),
    (bad_data([]), r"x_train, shape \(0,\): give at least one row"),
    (bad_data(np.zeros((0, 3))), r"x_train, shape \(0, 3\): give at least one row"),
    (bad_data(GOOD, np.zeros((0, 2))), r"x_test, shape \(0, 2\): give at least one"),
    (bad_data(1.5), r"x_train, shape \(\): give at least one row"),
    (bad_data(GOOD, n_codes=63), "n_codes 63: give an integer from 64 to 1000000"),
    (bad_data(GOOD, batch=0), "batch 0: give an integer from 1"),
    (bad_data(GOOD, dim_z=0), "dim_z 0: give an integer from 1")])
def test_rows_that_make_no_sense_are_refused_in_one_line(make, message):
    check_one_line(make, message)


def check_one_line(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("p_true", [[0.5, 0.6], [-0.1, 1.1], [[0.5, 0.5]], [np.nan, 1],
                                    [], 1.0])
def test_what_is_no_distribution_is_refused(p_true):
    check_one_line(lambda: problems.Categorical(p_true),
                   "^p_true .*: give probabilities that sum to 1")


@pytest.mark.parametrize("problem, settings, message", [
    (problems.SplitNormal, {"n_hidden": "x"}, "n_hidden 'x': give an integer from 1"),
    (problems.SplitNormal, {"n_train": 0}, "n_train 0: give an integer from 1"),
    (problems.SplitNormal, {"critic": critics.Bayes},
     r"critic Bayes: give an instance, as Bayes\(\)"),
    (problems.SplitNormal, {"critic": "bayes"}, "critic 'bayes': give a nets.Density"),
    (problems.SplitNormal, {"log_var": "x"}, "log_var 'x': give a number from -700"),
    (problems.SplitNormal, {"log_var": (np.zeros(3),)}, "log_var .*: give a number"),
    (problems.SplitNormal, {"log_var": np.nan}, "log_var nan: give a number")])
def test_settings_that_make_no_sense_are_refused(problem, settings, message):
    check_one_line(lambda: problem(**settings), message)


@pytest.mark.parametrize("name", ["decoder", "encoder", "critic"])
def test_a_density_is_an_instance(name):
    check_one_line(bad_data(GOOD, **{name: nets.NormalNet}),
                   rf"^{name} NormalNet: give an instance, as NormalNet\(\)")
    check_one_line(bad_data(GOOD, **{name: np.zeros(3)}),
                   f"^{name} array.*: give a nets.Density")


def test_n_parts_of_a_mixture_is_checked():
    check_one_line(lambda: critics.NormalMixture(0),
                   "n_parts 0: give an integer from 1 to 1000")


@pytest.mark.parametrize("method, arguments", [
    ("draw_nodes", [None]), ("data_nodes", [None]), ("log_m", [None]),
    ("x_grid", [None, None]), ("table_size", [None])])
def test_a_method_that_is_not_written_is_named(method, arguments):
    problem = problems.ExactProblem(1, 1, 4, nets.NormalNet(), nets.NormalNet(),
                                    nets.NormalNet())
    if method == "draw_nodes":
        problem = problems.Problem(1, 1, 4, nets.NormalNet(), nets.NormalNet(),
                                   nets.NormalNet())
    check_one_line(lambda: getattr(problem, method)(*arguments),
                   rf"Problem\(dim_x=1, .*: write {method}\(")
