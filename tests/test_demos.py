"""All demos as a person meets them: options, errors in one line, files.  What cli,
files, jobs and summary do is tested in their own files."""
import csv
import importlib
import os
import re
from pathlib import Path

import numpy as np
import pytest

import cli
from minimae import train

QUICK = ["--targets", "0.3", "--steps", "4"]
DEMOS = ["split_normal", "categorical", "likelihood_vs_information", "baselines",
         "pitfalls", "strings", "faces", "digits", "names", "explore"]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(name, *argv):
    demo = importlib.import_module(name)
    cli.main(demo.run, demo.PARSER, argv)


def stopped(capsys, name, *argv):
    """Status and standard error, a single line, of a run that stops."""
    with pytest.raises(SystemExit) as caught:
        run(name, *argv)
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.endswith("\n") and len(error) < 400
    return caught.value.code, error


def test_table_figure_and_csv_agree(capsys):
    run("categorical", "--targets", "0.6", "0", "0.6", "--steps", "40", "--seed", "3",
        "--csv", "t.csv", "--out", "f.png")
    printed, errors = capsys.readouterr()
    assert errors == ""  # no progress outside of a terminal
    rows = list(csv.DictReader(Path("t.csv").read_text().splitlines()))
    assert [row["target"] for row in rows] == ["0.6", "0.0", "0.6", ""]
    assert rows[0] == rows[2]
    for row in rows:
        assert (row["seed"], row["steps"], row["critic"]) == ("3", "40", "2")
    lines = printed.splitlines()
    assert lines[0] == "all in nats" and lines[-2:] == ["saved t.csv", "saved f.png"]
    for row, line in zip(rows, lines[2:]):
        shown = [float(word) for word in re.findall(r"-?\d+\.\d{4,}", line)]
        values = {key: float(row[key]) for key in (
            "infomax", "information", "upper", "elbo", "log_likelihood", "best")}
        gap = values["log_likelihood"] - values["elbo"]
        expected = list(values.values())
        expected.insert(4, gap)
        # Four decimals are printed at least, and all digits are in the CSV.
        np.testing.assert_allclose(shown, expected, rtol=0, atol=0.00005001)
        assert len(line) <= 88
    assert Path("f.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(os.listdir()) == ["f.png", "t.csv"]


@pytest.mark.parametrize("argv, words", [
    (["--targets", "-0.1"], "target -0.1: give a number from 0"),
    (["--targets", "nan"], "target nan"),
    (["--targets", "3.4"], "from 0 to 3.3"),
    (["--targets", "x"], "invalid float"),
    (["--seeds", "1000"], "gigabytes"),
    (["--nonsense"], "unrecognized"),
    (["--csv", "no/t.csv"], "no/t.csv"),
    (["--sd", "9"], "9: give a number from 0.05 to 2")])
def test_bad_input_is_one_line_with_status_2_before_training(
        argv, words, capsys, monkeypatch):
    monkeypatch.setattr(train, "Adam", None)
    Path("split_normal.png").write_text("old")
    code, error = stopped(capsys, "split_normal", *argv)
    assert code == 2 and words in error
    assert os.listdir() == ["split_normal.png"]
    assert Path("split_normal.png").read_text() == "old"


@pytest.mark.parametrize("status, name, argv, words", [
    (2, "categorical", "--categories 1", "1: give an integer from 2"),
    (2, "categorical", "--categories 3 --targets 1.2", "from 0 to 1.0986"),
    (2, "categorical", "--points 1000000000", "give an integer from 2 to 4096"),
    (2, "likelihood_vs_information", "--sd 0", "0: give a number from 0.05"),
    (2, "likelihood_vs_information", "--targets 9", "target 9"),
    (2, "pitfalls", "--targets 9", "target 9"),
    (2, "baselines", "--targets 2.4", "from 0 to 2.3"),
    (1, "categorical", "--steps 20 --learning-rate 1", "try a learning rate below 1")])
def test_what_stops_one_demo(status, name, argv, words, capsys, monkeypatch):
    # With the learning rate 1 an ELBO falls to -10^3 and comes back.
    monkeypatch.setattr(train, "EXPLODED", 50.0)
    code, error = stopped(capsys, name, *argv.split())
    assert code == status and words in error


@pytest.mark.parametrize("name", DEMOS)
def test_help_has_an_example_the_seconds_and_no_python(name):
    printed = importlib.import_module(name).PARSER.format_help()
    assert "--targets" in printed and "example: python demos/" in printed
    assert "seconds" in printed
    assert not re.search(r"np\.|object at|None", printed)


@pytest.mark.parametrize("argv", ["--critic multi-sample", "--categories 2"])
def test_defaults_fit_the_other_options(argv, capsys):
    run("categorical", *argv.split(), "--steps", "2")
    assert "VAE" in capsys.readouterr().out
