"""Trained models: one of many, stacks of them, and files."""
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from helpers import flatten, generator, random_model, random_net
from minimae import bounds, critics, models, nets, problems, train

SPLIT = problems.SplitNormal(n_hidden=4)
PROBLEMS = [
    problems.SplitNormal(n_hidden=3, critic=nets.NormalNet()),
    problems.SplitNormal(n_hidden=3, dim_z=2, log_var=-1.0, critic=critics.Bayes()),
    problems.Categorical([0.5, 0.3, 0.2], n_hidden=3, n_z=16),
    problems.Categorical([0.5, 0.5], n_hidden=3, dim_z=2, n_z=5,
                         critic=critics.MultiSample())]


def random_models(problem, n, seed=0):
    rng = generator(seed)
    return [random_model(problem, rng, scale=0.7) for _ in range(n)]


def small_models(problem=SPLIT, targets=(0.4, None)):
    params = random_models(problem, len(targets))
    return models.Models(problem, list(targets), [3, 5], params)


# One of many

def test_an_index_gives_the_densities_of_one_model():
    both = small_models()
    assert len(both) == 2
    p, q, r = both[1]
    assert p.params == both.params[1][0]
    assert q.params == both.params[1][1]
    assert r.params == both.params[1][2]
    assert both[-1][0].params == both.params[1][0]
    with pytest.raises(IndexError):
        both[2]
    rows = np.zeros((5, 1))
    z = q.sample(rows, generator(1))
    assert z.shape == (5, 1)
    assert p.log_prob(rows, z).shape == (5,)


def test_a_loop_over_models_ends():
    assert len(list(small_models())) == 2


def test_repr_of_models_is_one_line():
    text = repr(small_models())
    assert text.startswith("2 models of SplitNormal(")
    assert "targets [0.4, None]" in text
    assert "array" not in text
    assert len(text) < 250


def test_a_copy_has_arrays_of_its_own():
    original = small_models()
    copy = original.copy()
    before = flatten(copy.params)
    original.params[0][0][0][:] = 77.0
    assert_array_equal(flatten(copy.params), before)
    assert copy.targets == original.targets


# Stacks

@pytest.mark.parametrize("problem", PROBLEMS)
def test_unstack_is_the_inverse_of_stack(problem):
    params = random_models(problem, 3)
    stacked = models.stack(params)
    again = models.unstack(stacked, like=params[0])
    assert_array_equal(flatten(again), flatten(params))
    for net, net_again in zip(params[2], again[2]):
        assert [a.shape for a in net] == [a.shape for a in net_again]


def test_shapes_of_a_stack():
    (W, b, V, c), _, _ = models.stack(random_models(SPLIT, 3))
    assert W.shape == (3, 1, 1, 4)
    assert b.shape == (3, 1, 1, 4)
    assert V.shape == (3, 1, 4, 2)
    assert c.shape == (3, 1, 1, 2)


def test_unstacked_models_are_views():
    stacked = models.stack(random_models(SPLIT, 2))
    one, _ = models.unstack(stacked, like=random_models(SPLIT, 1)[0])
    stacked[0][0][0] = 77.0
    assert np.all(one[0][0] == 77.0)


def all_bounds(problem, params, nodes):
    """The value of each function of bounds, a dict of numbers, or of arrays (L, ...)
    for a stack."""
    data, (z, eps, weights), codes = nodes
    p, q, r = problem.densities(params, codes)
    x, joint = p.joint_nodes(z, eps, weights)
    x_data, data_eps, _ = data
    reconstruction, kl = bounds.elbo_terms(p, q, x_data, data_eps)

    def log_m(x):
        return np.sum(np.cos(x), axis=-1)
    return {
        "elbo": bounds.elbo(p, q, *data),
        "terms": reconstruction - kl,
        "infomax": bounds.infomax(r, z, x, joint),
        "upper_bound": bounds.upper_bound(p, log_m, z, x, joint),
        "multi_sample": bounds.multi_sample(p, z, x, joint, *codes),
        "score_weights": bounds.score_weights(p.log_prob(x, z), joint),
        "log_marginal": bounds.log_marginal(p, x, *codes),
        "method": p.log_marginal(x, *codes)}


def compare_with_each_model(problem, stacked_nodes, nodes_of_models):
    """The bounds of a stack are those of each model on its own."""
    params = random_models(problem, 3)
    of_stack = all_bounds(problem, models.stack(params), stacked_nodes)
    for k in range(3):
        alone = all_bounds(problem, params[k], nodes_of_models[k])
        for name, value in alone.items():
            # BLAS may add in another order for other shapes.
            assert_allclose(of_stack[name][k], value, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_stack_has_the_bounds_of_each_model(problem):
    nodes = problem.draw_nodes(generator(1))
    compare_with_each_model(problem, nodes, [nodes] * 3)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_stack_with_nodes_for_each_model_has_their_bounds(problem):
    rng = generator(2)
    of_models = [problem.draw_nodes(rng) for _ in range(3)]
    stacked = train.stack_nodes(of_models, 1)
    compare_with_each_model(problem, stacked, of_models)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_stack_has_the_information_of_each_model(problem):
    params = random_models(problem, 3)
    codes = problem.draw_nodes(generator(3))[2]
    p, _, _ = problem.densities(models.stack(params), codes)
    one_p, _, _ = problem.densities(params[0], codes)
    x_grid, dx = problem.x_grid(20, one_p)
    of_stack = bounds.information(p, x_grid, dx, *codes)
    for k in range(3):
        one_p, _, _ = problem.densities(params[k], codes)
        alone = bounds.information(one_p, x_grid, dx, *codes)
        assert_allclose(of_stack[k], alone, rtol=1e-11, atol=1e-11)


def test_a_stack_of_own_densities_needs_only_negative_axes():
    """A critic of two layers of one's own, written for one model."""
    class Shifted(nets.NormalNet):
        def init(self, rng, n_in, n_hidden, n_out):
            shift = np.zeros(n_out)
            return (*super().init(rng, n_in, n_hidden, n_out), shift)

        def log_prob(self, z, x):
            *net, shift = self.params
            return nets.NormalNet().with_params(net).log_prob(z - shift, x)

    rng = generator(4)
    like = Shifted().init(rng, 1, 3, 1)
    each = [random_net(like, rng, 0.7) for _ in range(2)]
    stacked, = models.stack([(params,) for params in each])
    z = rng.standard_normal((5, 1))
    x = rng.standard_normal((4, 1, 1))
    of_stack = Shifted().with_params(stacked).log_prob(z, x)
    for k in range(2):
        alone = Shifted().with_params(each[k]).log_prob(z, x)
        assert_allclose(of_stack[k], alone, rtol=1e-12, atol=1e-12)


# Files

@pytest.mark.parametrize("name", ["models.npz", "models", "model.v1"])
def test_a_file_gives_back_the_same_models(name, tmp_path):
    trained = small_models()
    path = tmp_path / name
    trained.save(path)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    loaded = models.load(path, SPLIT)
    assert loaded.targets == [0.4, None]
    assert loaded.seeds == [3, 5]
    assert loaded.problem is SPLIT
    assert_array_equal(flatten(loaded.params), flatten(trained.params))
    for net, net_again in zip(trained.params[1], loaded.params[1]):
        assert [a.shape for a in net] == [a.shape for a in net_again]


def test_loaded_models_can_be_trained_on(tmp_path):
    trained = train.train(SPLIT, [0.4], steps=2)
    trained.save(tmp_path / "models")
    loaded = models.load(tmp_path / "models", SPLIT)
    first = train.train(SPLIT, [0.4], steps=2, init=trained)
    second = train.train(SPLIT, [0.4], steps=2, init=loaded)
    assert_array_equal(flatten(first.params), flatten(second.params))


class MyDecoder(nets.NormalNet):
    """A decoder with the shapes of NormalNet."""


def test_a_file_of_another_problem_is_refused(tmp_path):
    rows = generator(5).standard_normal((8, 3))

    def data_problem(**changes):
        settings = {"n_hidden": 4, "dim_z": 2, "batch": 4, "n_codes": 8, **changes}
        return problems.Data(rows, **settings)

    path = tmp_path / "models.npz"
    problem = data_problem()
    models.Models(problem, [None], [0], random_models(problem, 1)).save(path)
    others = [
        SPLIT, data_problem(n_hidden=5), data_problem(dim_z=3),
        data_problem(decoder=MyDecoder()),
        data_problem(decoder=nets.NormalNet(log_var=-1.0)),
        data_problem(encoder=MyDecoder()), data_problem(critic=nets.NormalNet())]
    for other in others:
        message = "models.npz: models of Data.*, not of "
        with pytest.raises(ValueError, match=message) as error:
            models.load(path, other)
        assert "\n" not in str(error.value)
    models.load(path, data_problem())  # the same settings


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "other.npz"
    np.savez(path, weights=np.zeros(3))
    with pytest.raises(ValueError, match="not a file that this version's Models.save"):
        models.load(path, SPLIT)


@pytest.mark.parametrize("content", [b"", b"text", b"\x93NUMPY"])
def test_a_file_that_is_no_npz_is_refused(content, tmp_path):
    path = tmp_path / "broken"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="broken: not a file that this version's"):
        models.load(path, SPLIT)


def test_a_missing_file_is_called_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        models.load(tmp_path / "missing", SPLIT)
