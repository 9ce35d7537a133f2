"""Trained models: save, load, one of many; and the table of their rows."""
import re

import numpy as np
import pytest

from helpers import flatten, generator
from minimae import models, problems, table, train
from minimae.models import select, stack


@pytest.fixture(scope="module")
def trained():
    problem = problems.Categorical([0.5, 0.3, 0.2], n_hidden=4, n_z=32)
    return train.train(problem, [0.4, None], [3, 5], steps=5)


def test_a_saved_file_gives_back_the_same_models_of_the_same_problem(trained, tmp_path):
    path = tmp_path / "models.npz"
    trained.save(path)
    loaded = models.load(path, trained.problem)
    assert loaded.levels == trained.levels == [0.4, None, 0.4, None]
    assert loaded.seeds == trained.seeds == [3, 3, 5, 5]
    np.testing.assert_array_equal(flatten(loaded.params), flatten(trained.params))
    with pytest.raises(ValueError, match=f"{path.name}: models of another problem"):
        models.load(path, problems.Categorical([0.5, 0.5], n_hidden=4))


def test_stack_and_select():
    """Seeds one after the other, each once per level; select gives one back."""
    problem = problems.SplitNormal(n_hidden=3)
    alone = [problem.init(generator(seed)) for seed in (0, 1)]
    both = stack(alone, 2)
    for index, seed in enumerate([0, 0, 1, 1]):
        np.testing.assert_array_equal(flatten(select(both, index)),
                                      flatten(alone[seed]))


def test_densities_of_one_model(trained):
    z = generator(0).standard_normal((1, 5, 1, 1))
    of_one, of_all = trained.densities(1), trained.problem.densities(trained.params)
    np.testing.assert_allclose(of_one[0].log_probs(z)[0], of_all[0].log_probs(z)[1],
                               rtol=1e-12)


# The table

def row(level, information, lower=None, note="", **more):
    return dict(level=level, seed=0, information=information, upper=2.0, elbo=-1.5,
                lower=information if lower is None else lower, log_likelihood=-1.5,
                best=None, note=note, **more)


@pytest.mark.parametrize("information, se, reached", [
    (1.0199, 0, True), (1.0201, 0, False), (0.9801, 0, True), (0.9799, 0, False),
    (1.0299, 0.005, True), (1.0301, 0.005, False), (np.nan, 0, False)])
def test_a_level_is_reached_within_02_and_two_standard_errors(information, se, reached):
    assert table.reached(row(1.0, information, information_se=se)) == reached
    assert table.reached(row(None, information))


@pytest.mark.parametrize("row, said", [
    (row(1.0, 1.01), ""), (row(None, 0.3), ""),
    (row(1.0, 1.01, note="lower: not resolved"), "lower: not resolved"),
    (row(1.0, 1.05, lower=1.01), r"I - M = \+0.050; I\^ is there"),
    (row(1.0, 0.5), "I - M = -0.500; too few steps"),
    (row(1.0, 1.5), r"I - M = \+0.500; too few steps")])
def test_what_is_said_of_a_row(row, said, capsys):
    remark = table.remark(row)
    if said:
        assert re.search(said, remark)
    table.show([row])
    out = capsys.readouterr().out
    assert (" *" in out) == (remark in out.replace("<= best", "") and bool(said))
    assert max(map(len, out.splitlines()[:3])) <= 88
