"""demos/likelihood_vs_information.py: where each family of decoders ends, and that
targets which are missed or not resolved are named."""
import csv

import numpy as np
import pytest

import cli
import likelihood_vs_information as demo


def run(*argv):
    """The rows in the CSV of a run, with numbers for what is a number."""
    cli.main(demo.run, demo.PARSER, [*argv, "--csv", "t.csv"])
    with open("t.csv") as file:
        return list(csv.DictReader(file))


def column(rows, key):
    return np.array([float(row[key]) for row in rows])


def test_where_each_family_ends(tmp_path, monkeypatch):
    """A short run.  Ten seeds end within .012 of their targets, and their plain VAEs
    within .003 of the peak; a slope of another target, or none, misses by .3."""
    monkeypatch.chdir(tmp_path)
    rows = run("--targets", "0.2", "1.2", "--steps", "130", "--seeds", "2",
               "--sd", "0.4")
    order = [(row["family"], row["target"], row["seed"]) for row in rows]
    expected_order = []
    for family in ["restricted", "expressive"]:
        expected_order += [(family, "0.2", "0"), (family, "1.2", "0"),
                           (family, "", "0"), (family, "", "1")]
    assert order == expected_order
    information = column(rows, "information")
    np.testing.assert_array_equal(column(rows, "infomax"), information)  # Bayes' rule
    peak = -np.log(0.4)
    expected = [0.2, 1.2, peak, peak, 0.2, 1.2, 0.0, 0.0]
    np.testing.assert_allclose(information, expected, rtol=0, atol=0.03)
    # At the peak the closed form reaches the best likelihood.
    best = column(rows, "best")[0]
    assert demo.closed_form(peak, sd=0.4) == pytest.approx(best, abs=1e-12)
    # Far below the peak a bent mean lies above a linear one, by .07 and more on ten
    # seeds.  An expressive decoder loses next to nothing.
    likelihood = column(rows, "log_likelihood")
    assert likelihood[0] > demo.closed_form(information[0], sd=0.4) + 0.05
    assert likelihood[5] > best - 0.005
    assert (tmp_path / "likelihood_vs_information.png").exists()


def test_missed_and_unresolved_targets_are_named(capsys):
    """In the table by target; in the figure by a hollow mark, or a count."""
    rows = []
    for family in demo.STYLES:
        for target, information, note in [
                (0.5, 0.51, ""), (0.7, 0.8, "not reached"), (1.2, np.nan, "unresolved"),
                (None, 0.69, "")]:
            rows.append({"family": family, "target": target, "seed": 0, "note": note,
                         "information": information, "log_likelihood": -1.5,
                         "best": -1.4})
    demo.show(rows, sd=0.5)
    printed = capsys.readouterr().out
    assert printed.count("not reached or not resolved: M = 0.7, 1.2\n") == 2
    assert printed.count(" 0.1000 ") == 2 and "nan" not in printed
    figure = demo.draw(rows, sd=0.5)
    assert "not shown: 2 of 8" in figure.get_supxlabel()
    hollow = []
    for line in figure.axes[0].lines:
        if line.get_color() == "white":
            x = line.get_xdata()
            hollow.append(x[np.isfinite(x)].tolist())
    assert hollow == [[0.8], [0.8]]


def test_the_title_is_the_finding_only_if_the_rows_show_it():
    row = {"target": 0.5, "information": 0.5, "best": -1.4}
    restricted = dict(row, family="restricted", log_likelihood=-1.6)
    expressive = dict(row, family="expressive", log_likelihood=-1.401)
    assert "asks for information" in demo.finding([restricted, expressive])
    expressive["log_likelihood"] = -1.6
    assert "asks for" not in demo.finding([restricted, expressive])
