"""Tables over several seeds, and rows for figures."""
import numpy as np
import pytest

import summary


def row(target, information, seed, infomax=None):
    if infomax is None:
        infomax = information - 0.001
    return dict(target=target, seed=seed, information=information, infomax=infomax,
                upper=information, elbo=-1.503, log_likelihood=-1.501, best=-1.5,
                note="")


# Seeds 0, 1 and 2 of the target 1 and of a plain VAE
ROWS = [row(1.0, 1.01, 0), row(None, 0.1, 0), row(1.0, 0.96, 1), row(None, np.nan, 1),
        row(1.0, np.nan, 2), row(None, 0.3, 2)]


def test_largest_and_median_over_seeds():
    of_target, of_vae = summary.over_seeds(ROWS)
    assert of_target["target"] == 1.0 and of_vae["target"] is None
    expected = {"I - M max": 0.04, "I - M median": 0.025, "I - I^ max": 0.001,
                "lost max": 0.001, "lost median": 0.001, "gap max": 0.002}
    for key, value in expected.items():
        assert of_target[key] == pytest.approx(value)
    assert of_vae["I - M max"] == of_vae["I - M median"] == "-"
    assert of_target["note"] == "not reached by 1 of 3, not resolved in 1 of 3"
    assert of_vae["note"] == "not resolved in 1 of 3"


def test_distances_have_no_sign():
    line, = summary.over_seeds([row(1.0, 0.9, 0), row(1.0, 1.02, 1)])
    assert line["I - M max"] == pytest.approx(0.1)
    assert line["I - M median"] == pytest.approx(0.06)


def test_without_a_known_best():
    rows = [{**row(1.0, 1.0, seed), "best": None} for seed in (0, 1)]
    line, = summary.over_seeds(rows)
    assert line["lost max"] == "-" and line["note"] == ""


def test_the_table_of_several_seeds(capsys):
    summary.show(ROWS, figure_seed=0)
    heading, names, of_target, *_, last = capsys.readouterr().out.splitlines()
    assert heading.startswith("over 3 seeds")
    assert names.split() == ["M", "asked", "I", "-", "M", "max", "median", "I", "-",
                             "I^", "max", "median", "lost", "max", "median", "gap",
                             "max", "median"]
    assert of_target.split() == ["1", "0.0400", "0.0250", "0.0010", "0.0010", "0.00100",
                                 "0.00100", "0.00200", "0.00200", "*"]
    assert last == "figure: seed 0"
    assert max(len(line) for line in [heading, names, of_target]) <= 88


def test_the_table_of_one_seed(capsys):
    columns = [("M", "target", 4), ("I", "information", 2)]
    summary.show(ROWS[:2], columns, figure_seed=0)
    assert capsys.readouterr().out == (
        "all in nats\n    M     I\n    1  1.01\n  VAE  0.10\n")


def test_rows_for_figures():
    chosen = summary.select(ROWS, target=None, seed=2)
    assert chosen == [ROWS[5]]
    found = summary.column(ROWS[:2], "target")
    np.testing.assert_array_equal(found, [1.0, np.nan])
    assert summary.column([], "target").shape == (0,)
    assert summary.caption(ROWS, "words") == "words\nnot resolved, not shown: 2 of 6"
