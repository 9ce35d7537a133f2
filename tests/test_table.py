"""The table of rows, the notes below it, and whether a row is on target."""
import math

import numpy as np
import pytest

from minimae import notes, table


def make_row(target, information, infomax=None, note="", **more):
    if infomax is None:
        infomax = information
    return {"target": target, "seed": 0, "infomax": infomax,
            "information": information, "upper": 2.0, "elbo": -1.6, "kl": 0.5,
            "log_likelihood": -1.5, "best": None, "note": note, **more}


# Notes

@pytest.mark.parametrize("information, se, is_on_target", [
    (1.0199, 0, True), (1.0201, 0, False),
    (0.9801, 0, True), (0.9799, 0, False),
    (1.0318, 0.005, True), (1.0319, 0.005, False),      # .02 + 2.365 * .005 = .0318
    (math.nan, 0, False), (math.nan, math.nan, False)])
def test_a_target_is_reached_within_02_and_the_interval_of_the_estimate(
        information, se, is_on_target):
    row = make_row(1.0, information, information_se=se)
    assert notes.on_target(row) == is_on_target
    assert notes.on_target(make_row(None, information))


def test_a_row_without_a_standard_error_is_exact():
    assert notes.on_target(make_row(1.0, 1.0199))
    assert not notes.on_target(make_row(1.0, 1.0201))


@pytest.mark.parametrize("row, note", [
    (make_row(1.0, 1.01), ""),
    (make_row(None, 0.3), ""),
    (make_row(1.0, 1.05, infomax=1.01),
     "not reached, I - M = +0.050; I^ is on target, so the critic lags behind"),
    (make_row(1.0, 0.5),
     "not reached, I - M = -0.500; too few steps, too small a C, or too poor a "
     "critic")])
def test_the_note_on_a_missed_target_has_the_likely_reason(row, note):
    assert notes.missed_target(row) == note


# Tables

def test_a_table_has_every_value_under_its_heading():
    row = make_row(0.5, 0.51, infomax=0.49)
    row["best"] = -1.4
    heading, headings, line = table.format_table([row]).splitlines()
    assert heading == "all in nats"
    assert line.split() == ["0.5", "0.4900", "0.5100", "2.0000", "-1.60000", "0.10000",
                            "-1.50000", "-1.40000"]
    # Right-aligned: every column ends where its heading ends.
    assert len(headings) == len(line) <= 88
    for name, cell in [("M asked", "0.5"), ("<= U", "2.0000")]:
        assert headings.index(name) + len(name) == line.index(cell) + len(cell)


def test_a_row_with_a_note_is_marked_and_explained():
    rows = [make_row(0.5, 0.5), make_row(1.0, 0.9, note="not reached"),
            make_row(None, 0.1, note="diverged")]
    lines = table.format_table(rows).splitlines()
    assert [line.endswith(" *") for line in lines[:5]] == [False, False, False, True,
                                                           True]
    assert lines[5:] == ["  * 1: not reached", "  * VAE: diverged"]


def test_cells_of_missing_values():
    row = make_row(None, math.nan)
    cells = table.format_table([row]).splitlines()[2].split()
    assert cells[0] == "VAE"
    assert cells[2] == "nan"
    assert cells[-1] == "unknown"


def test_a_value_that_rounds_to_zero_has_no_minus_sign():
    assert table.format_cell({"kl": -1e-9}, "kl", 4) == "0.0000"


def test_numbers_of_numpy_are_printed_like_those_of_python():
    cell = table.format_cell({"target": np.float64(0.5)}, "target", 4)
    assert cell == "0.5"


def test_an_information_that_is_only_an_interval_is_shown_as_one():
    """The rows of certified have a lower bound that does not use the critic."""
    row = make_row(1.0, math.nan, infomax=4.0, lower=3.25,
                   information_se=0.01, log_likelihood_se=0.02,
                   note="I lies between 3.25 and 5.00")
    row["upper"] = 5.0
    text = table.format_table([row], columns=table.CERTIFIED)
    assert "3.25 to 5.00" in text
    assert "nan" not in text


def test_columns_of_ones_own():
    rows = [{"family": "a", "error": 0.123}, {"family": "long", "error": 1.0}]
    columns = [("family", "family", 0), ("error, %", lambda row: 100 * row["error"], 1)]
    lines = table.format_table(rows, columns, heading="relative").splitlines()
    assert lines == ["relative", "  family  error, %", "       a      12.3",
                     "    long     100.0"]


def test_show_prints_the_table(capsys):
    row = make_row(0.5, 0.5)
    table.show([row], heading="nats")
    assert capsys.readouterr().out == table.format_table([row], heading="nats") + "\n"
