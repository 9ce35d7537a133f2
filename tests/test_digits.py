"""demos/digits.py: the data, the words of the figure, and a short run."""
import csv
import gzip
from functools import partial
from pathlib import Path

import digits
import numpy as np
import pytest

import cli
from minimae import certified, contracts


@pytest.fixture
def few_digits(monkeypatch):
    """Every eighth digit, ten images, and few samples in the evaluation."""
    few = []
    for x, labels in digits.load():
        few.append((x[::8], labels[::8]))
    monkeypatch.setattr(digits, "load", lambda: few)
    monkeypatch.setattr(digits, "N_IMAGES", 10)
    quick = partial(certified.evaluate, n_sets=8, n=128, n_codes=128)
    monkeypatch.setattr(certified, "evaluate", quick)
    monkeypatch.setattr(certified, "N_LAST", certified.N_FIRST)
    return few


def run(*argv):
    cli.main(digits.run, digits.PARSER, argv)


# Data

def test_no_digit_is_both_known_and_new():
    (x, labels), (new_x, new_labels) = digits.load()
    rows = {row.tobytes() for row in np.concatenate([x, new_x])}
    assert len(rows) == len(labels) + len(new_labels) == 1797
    assert x.min() == -0.5 and x.max() == 0.5
    # Sorted by label, of which every fourth is new.
    n_new = np.bincount(new_labels)
    n_all = np.bincount(labels) + n_new
    assert np.all(np.abs(n_new - n_all / 4) < 1)


@pytest.mark.parametrize("content", [
    b"",
    b"no gzip",
    gzip.compress(b""),
    gzip.compress(b"1,2,3\n4,5\n"),
    gzip.compress(b"0," * 64 + b"a digit\n"),
    gzip.compress(b"0," * 64 + b"7\n"),
    digits.DATA.read_bytes()[:1000],
    digits.DATA.read_bytes()[:500] + b"?" * 500])
def test_damaged_data_is_one_line(content, capsys, tmp_path, monkeypatch):
    path = tmp_path / "digits.csv.gz"
    path.write_bytes(content)
    monkeypatch.setattr(digits, "DATA", path)
    with pytest.raises(SystemExit) as caught:
        run("--steps", "1")
    error = capsys.readouterr().err
    assert caught.value.code == 1
    assert error.count("\n") == 1 and str(path) in error


@pytest.mark.parametrize("decoder", ["mixture", "one"])
def test_densities_keep_their_contract(decoder, few_digits):
    contracts.check(digits.make_problem(decoder, *few_digits))


# Words

def row(target, label_information):
    return {"target": target, "label_information": label_information}


def test_the_title_says_what_the_rows_say():
    rows = [row(3, 1.432), row(1, 0.8), row(None, -0.004)]
    assert digits.finding(rows) == (
        "The VAE's code tells 0.00 nats about the digit; with M = 3 it tells 1.43")
    rows = [row(0.5, 0.1), row(None, 1.3)]
    assert digits.finding(rows) == (
        "The VAE's code tells 1.30 nats about the digit; with M = 0.5 it tells 0.10")


# A run

def test_a_short_run(few_digits, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("--targets", "0.5", "--steps", "2", "--csv", "t.csv", "--out", "f.jpg")
    printed = capsys.readouterr().out
    asked, vae = csv.DictReader(Path("t.csv").read_text().splitlines())
    assert (asked["target"], vae["target"]) == ("0.5", "")
    assert (asked["decoder"], asked["steps"]) == ("mixture", "2")
    for line in (asked, vae):
        assert f"{float(line['log_likelihood']):.3f}" in printed
        assert f"{float(line['label_information']):.3f}" in printed
    assert Path("f.jpg").stat().st_size > 1e4
