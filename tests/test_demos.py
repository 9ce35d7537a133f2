"""What all demos share, as a person meets it: options, errors in one line, files."""
import csv
import errno
import io
import os
import re
import stat
import subprocess
import sys
import tracemalloc
from pathlib import Path

import matplotlib
import numpy as np
import pytest

import accuracy
import canvas
import categorical
import common
import explore
import faces
import likelihood_vs_information
import rivals
import speed
import split_normal
import strings
import terminal
import traps
from minimae import problems, table, train

matplotlib.use("Agg")
ROOT = Path(__file__).resolve().parent.parent
TABLES = [split_normal, categorical]
DEMOS = [*TABLES, likelihood_vs_information, rivals, traps, strings, faces, explore,
         speed]
QUICK = ["--levels", "0.3", "--steps", "4"]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def stopped(capsys, demo, argv):
    """Status and standard error, a single line, of a run that stops."""
    with pytest.raises(SystemExit) as caught:
        demo.main(argv)
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.endswith("\n")
    return caught.value.code, error


def read_csv(path):
    return list(csv.DictReader(Path(path).read_text().splitlines()))


# Tables

@pytest.mark.parametrize("demo", TABLES)
def test_table_figure_and_csv(demo, capsys):
    argv = ["--levels", "0.6", "0", "0.6", "--steps", "40", "--seed", "3"]
    assert demo.main([*argv, "--csv", "t.csv", "--out", "f.png"]) == 0
    printed, errors = capsys.readouterr()
    assert errors == ""  # no progress outside a terminal
    rows = read_csv("t.csv")
    assert [row["level"] for row in rows] == ["0.6", "0.0", "0.6", "vae"]
    assert {row["seed"] for row in rows} == {"3"} and rows[0] == rows[2]
    assert list(rows[0]) == [*table.COLUMNS, "seed"]
    for row, line in zip(rows, printed.splitlines()[2:]):
        found = {key: float(row[key]) for key in table.COLUMNS[1:]}
        shown = [float(word) for word in re.findall(r"-?\d+\.\d{4,}", line)]
        gap = found["log_likelihood"] - found["elbo"]
        expected = [found["lower"], found["exact"], found["upper"], found["elbo"], gap,
                    found["log_likelihood"], found["best"]]
        # as many digits as are printed
        np.testing.assert_allclose(shown, expected, rtol=0, atol=0.00005001)
        assert min(len(row["exact"]), len(row["elbo"])) > 12  # and all in the CSV
    assert Path("f.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(os.listdir()) == ["f.png", "t.csv"]


@pytest.mark.parametrize("demo", TABLES)
def test_accuracy_over_seeds(demo, capsys):
    assert demo.main([*QUICK, "--seeds", "3", "--seed", "5", "--csv", "t.csv"]) == 0
    rows = read_csv("t.csv")
    assert [(row["level"], row["seed"]) for row in rows] == [
        (level, seed) for seed in "567" for level in ("0.3", "vae")]
    errors = [abs(float(row["exact"]) - 0.3) for row in rows[::2]]
    printed = capsys.readouterr().out
    assert f"{max(errors):8.5f} {np.median(errors):8.5f}" in printed
    assert "not reached by 3 of 3" in printed
    assert os.listdir() == ["t.csv"]  # no figure, unless one is asked for
    assert demo.main([*QUICK, "--seeds", "2", "--out", "f.png"]) == 0
    assert Path("f.png").exists()


def row(level, exact, **more):
    """A row of a table, its bounds .001 and .002 away from what they bound."""
    return {**dict(level=level, lower=exact - 0.001, exact=exact, upper=exact + 0.001,
                   elbo=-1.503, log_likelihood=-1.501, best=-1.5), **more}


def test_the_columns_of_the_accuracy(capsys):
    accuracy.show([row(1, 1.01), row("vae", 0.1), row(1, 0.96), row("vae", np.nan),
                   row(1, np.nan), row("vae", 0.3, elbo=-1.6)], 3)
    _, _, level, vae = capsys.readouterr().out.splitlines()
    assert level.split() == ["1", "0.04000", "0.02500", "0.00100", "0.00100", "0.00100",
                             "0.00100", "0.00200", "0.00200",
                             *"not reached by 1 of 3 not resolved in 1 of 3".split()]
    assert vae.split() == ["VAE", "-", "-", "0.00100", "0.00100", "0.00100", "0.00100",
                           "0.09900", "0.05050", *"not resolved in 1 of 3".split()]


@pytest.mark.parametrize("missed, words", [
    (row(1.0, 1.1, lower=1.0), "I - M = +0.100: I^ is on it, but this critic lags"),
    (row(1.0, 0.6), "I - M = -0.400: I^ stays below"),
    (row(1.0, 2.1), "I - M = +1.100: I^ stays above"),
    (row(1.0, np.nan), "not resolved")])
def test_a_level_that_is_missed_is_marked(missed, words, capsys):
    table.show([row(1.0, 1.019), missed, row("vae", 0.5)])
    _, _, reached, marked, vae = capsys.readouterr().out.splitlines()
    assert words in marked and "-1.50000" in reached[-10:] and "-1.50000" in vae[-10:]


def test_a_row_that_cannot_be_resolved_costs_no_other(capsys, monkeypatch):
    evaluate = split_normal.exact.evaluate

    def one_unresolved(problem, params):
        return {key: values + [np.nan, 0] for key, values in
                evaluate(problem, params).items()}
    monkeypatch.setattr(split_normal.exact, "evaluate", one_unresolved)
    assert split_normal.main([*QUICK, "--csv", "t.csv"]) == 0
    assert "not resolved" in capsys.readouterr().out
    assert [row["exact"] == "nan" for row in read_csv("t.csv")] == [True, False]
    assert Path("split_normal.png").exists()


# Errors

@pytest.mark.parametrize("argv, message", [
    (["--levels", "-0.1"], "level -0.1 must be from 0 to"),
    (["--levels", "0.5", "-1e-12"], "level -1e-12"), (["--levels", "nan"], "level nan"),
    (["--levels", "-inf"], "level -inf"), (["--levels", "inf"], "level inf"),
    (["--levels"], "at least one"), (["--levels", "x"], "invalid float"),
    (["--steps", "0"], "steps 0"), (["--seed", "-1"], "seed -1"),
    (["--seed", 5000 * "9"], "--seed: invalid int"), (["--nonsense"], "unrecognized"),
    (["--csv", "no/t.csv"], "there is no folder"), (["--csv", "."], "is a folder")])
@pytest.mark.parametrize("demo", DEMOS)
def test_bad_input(demo, argv, message, capsys):
    out = [] if demo is speed else ["--out", "f.png"]
    code, error = stopped(capsys, demo, [*out, *argv])
    assert code == 2 and message in error and len(error) < 250 and os.listdir() == []


@pytest.mark.parametrize("demo, argv, message", [
    (split_normal, ["--levels", "3.4"], "from 0 to 3.3"),
    (split_normal, ["--seeds", "0"], "seeds 0: give a whole number from 1"),
    (split_normal, ["--critic", "0"], "critic 0: give a number of normals from 1"),
    (split_normal, ["--critic", "x"], "critic x: give a number of normals from 1"),
    (split_normal, ["--out", "no/f.png"], "there is no folder"),
    (split_normal, ["--out", "f.pgf"], "format must be one of"),
    (split_normal, ["--out", "f"], "format must be one of"),
    (split_normal, ["--out", ""], "is a folder"),
    (split_normal, ["--gif", "t.png"], "end in .gif"),
    (split_normal, ["--csv", "f.png", "--out", "./f.png"], "same file"),
    (categorical, ["--categories", "1"], "--categories 1: give 2 to"),
    (categorical, ["--categories", "5000"], "--categories 5000: give 2 to"),
    (categorical, ["--categories", "3", "--levels", "1.2"], "exceed the entropy of x"),
    (speed, ["--repeats", "0"], "--repeats 0"), (speed, ["--share", "0"], "--share 0"),
    (speed, ["--share", "nan"], "--share nan")])
def test_bad_input_of_one_demo(demo, argv, message, capsys):
    code, error = stopped(capsys, demo, argv)
    assert code == 2 and message in error and os.listdir() == []


@pytest.mark.parametrize("demo", DEMOS)
def test_help_is_shown(demo, capsys):
    with pytest.raises(SystemExit) as caught:
        demo.main(["--help"])
    assert caught.value.code == 0 and "(default: 0)" in capsys.readouterr().out


def test_more_seeds_than_memory_holds(capsys, monkeypatch):
    problem, levels = problems.SplitNormal(), [0.5, None]

    def peak(count):
        tracemalloc.start()
        train.train(problem, levels, range(count), 1)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most
    train.train(problem, levels, [0], 1)  # what is allocated once is no seed's
    # A fifth is the tape, one for all models, so the guess is on the safe side.
    assert 0.7 < peak(10) / (10 * peak(1)) < 1
    monkeypatch.setattr(os, "sysconf", lambda name: 4096 if name == "SC_PAGE_SIZE"
                        else 2 * 10 * peak(1) // 4096)
    common.fits(problem, levels, range(8))
    with pytest.raises(ValueError, match=r"--seeds 13: (9|10|11) fit this machine"):
        common.fits(problem, levels, range(13))
    monkeypatch.setattr(os, "sysconf", lambda name: 2000)
    code, error = stopped(capsys, split_normal, ["--seeds", "1000000"])
    assert code == 2 and "fit this machine's memory" in error


def diverging(*args, after=None, **settings):
    if after:
        after(253, None, np.zeros((2, 1)))
        raise FloatingPointError("training diverged at step 254, level 0.5")


def test_a_divergence_is_one_line_also_where_progress_stands(capsys, monkeypatch):
    monkeypatch.setattr(categorical.train, "train", diverging)
    monkeypatch.setattr(terminal, "watched", lambda: True)
    monkeypatch.setattr(common, "watched", lambda: True)
    code, error = stopped(capsys, categorical, [])
    shown = ""
    for part in error.rstrip("\n").split("\r"):  # which takes the cursor to the start
        shown = part + shown[len(part):]
    assert code == 1 and "training  50 %" in error
    assert re.fullmatch(r"\S+: training diverged at step 254, level 0.5\s*", shown)


@pytest.mark.parametrize("where", [
    "minimae.train.train", "minimae.exact.evaluate", "canvas.write_csv",
    "split_normal.draw", "animation.save_frames"])
def test_an_interruption_is_one_line_and_leaves_nothing_half_done(
        where, capsys, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt
    monkeypatch.setattr(where, interrupt)
    argv = [*QUICK, "--out", "f.svg", "--csv", "t.csv", "--gif", "t.gif"]
    code, error = stopped(capsys, split_normal, argv)
    assert code == 130 and error.endswith(": interrupted\n")
    done = {"split_normal.draw": ["t.csv"],
            "animation.save_frames": ["f.svg", "t.csv"]}
    assert sorted(os.listdir()) == done.get(where, [])


# Files and streams

def full_disk(path, *args, **kwargs):
    Path(path).write_text("half")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("where, lost", [
    ("canvas.write_csv", "t.csv"), ("animation.save", "t.gif"),
    ("matplotlib.figure.Figure.savefig", "f.png")])
def test_a_file_that_cannot_be_written_costs_no_other(where, lost, capsys, monkeypatch):
    files = ["f.png", "t.csv", "t.gif"]
    for name in files:
        Path(name).write_text("old")

    def fail(*args, **kwargs):
        full_disk(*[arg for arg in args if str(arg).endswith(lost[-4:])])
    monkeypatch.setattr(where, fail)
    monkeypatch.setattr(split_normal.animation.History, "FRAMES", 1)
    argv = [*QUICK, "--out", "f.png", "--csv", "t.csv", "--gif", "t.gif"]
    code, error = stopped(capsys, split_normal, argv)
    assert code == 1 and f"could not write {lost}: No space left on device" in error
    assert sorted(os.listdir()) == files
    assert [name for name in files if Path(name).read_bytes() == b"old"] == [lost]


def test_a_slip_in_a_figure_is_no_usage_error_and_costs_no_file(capsys, monkeypatch):
    def slip(*args):
        raise ValueError("x and y must have same first dimension")
    monkeypatch.setattr(split_normal, "draw", slip)
    with pytest.raises(RuntimeError, match="split_normal.png: x and y must") as caught:
        split_normal.main([*QUICK, "--csv", "t.csv"])
    assert isinstance(caught.value.__cause__, ValueError) and os.listdir() == ["t.csv"]
    assert "M asked" in capsys.readouterr().out


def test_a_bad_option_leaves_the_files_of_an_earlier_run(capsys):
    Path("f.png").write_text("old"), Path("t.csv").write_text("old")
    argv = ["--out", "f.png", "--csv", "t.csv", "--levels", "-1"]
    assert stopped(capsys, split_normal, argv)[0] == 2
    assert Path("f.png").read_text() == "old" == Path("t.csv").read_text()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs links and devices")
def test_a_link_stays_a_link_and_a_device_a_device():
    Path("there").mkdir(), os.symlink("there/t.csv", "t.csv")
    canvas.replace("t.csv", lambda path: Path(path).write_text("new"))
    assert os.path.islink("t.csv") and Path("there/t.csv").read_text() == "new"
    # A pipe of its own: were this to go wrong as root, a real device would be replaced.
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        canvas.replace("pipe", lambda path: Path(path).write_text("new"))
        assert stat.S_ISFIFO(os.stat("pipe").st_mode) and os.read(reader, 9) == b"new"
    finally:
        os.close(reader)
    assert os.listdir("there") == ["t.csv"]


class Broken(io.StringIO):
    """Standard output with nobody at its other end."""

    def write(self, text):
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def test_a_broken_pipe_costs_no_file(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Broken())
    code, error = stopped(capsys, split_normal, [*QUICK, "--csv", "t.csv"])
    assert code == 1 and error.endswith("standard output: Broken pipe\n")
    assert sorted(os.listdir()) == ["split_normal.png", "t.csv"]
    assert sys.stdout.closed  # so that Python does not try once more


@pytest.mark.parametrize("closed", [None, io.StringIO()])
def test_streams_that_are_closed(closed, monkeypatch):
    if closed:
        closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    assert categorical.main([*QUICK, "--csv", "t.csv", "--show"]) == 0
    with pytest.raises(SystemExit) as caught:
        categorical.main(["--levels", "-1"])
    assert caught.value.code == 2
    monkeypatch.setattr(sys, "stdout", None)
    assert categorical.main([*QUICK, "--csv", "u.csv"]) == 0
    assert read_csv("t.csv") == read_csv("u.csv")


def test_a_name_that_the_terminal_cannot_print(monkeypatch):
    letters = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", letters)
    assert split_normal.main([*QUICK, "--out", "ž.svg"]) == 0
    assert letters.buffer.getvalue().endswith(rb"figure saved as \u017e.svg" b"\n")
    assert os.listdir() == ["ž.svg"]


@pytest.mark.parametrize("display", ["", ":0"])
def test_a_window_that_cannot_be_opened_is_explained(display, capsys, monkeypatch):
    monkeypatch.setenv("DISPLAY", display)  # and Agg stands for a missing toolkit
    assert split_normal.main([*QUICK, "--show"]) == 0
    assert re.search("display, and tkinter or PyQt6\n$", capsys.readouterr().err)
    assert Path("split_normal.png").exists()


def test_progress_is_shown_on_a_terminal_only(capsys, monkeypatch):
    terminal.progress(40)(40)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    show = terminal.progress(40)
    show(20, None, None), show(40, None, None)
    assert re.fullmatch(r"\rtraining  50 %,   0 s left "
                        r"\rtraining 100 %,   0 s left \n", capsys.readouterr().err)


# The rest

def test_as_a_program_from_another_folder():
    hidden = ("DISPLAY", "MPLBACKEND", "WAYLAND_DISPLAY")
    environment = {key: os.environ[key] for key in os.environ if key not in hidden}
    command = [sys.executable, split_normal.__file__, *QUICK]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert os.listdir() == ["split_normal.png"]


def test_speed(capsys, monkeypatch):
    monkeypatch.setattr(speed, "DEMOS", ["categorical", "faces --nonsense"])
    seconds = speed.seconds
    monkeypatch.setattr(speed, "seconds", lambda name, options, *more: (
        seconds(name, options, *more) if options else 3 + 0.01 * more[1]))
    monkeypatch.setattr(speed.exact, "evaluate", lambda problem, params: dict(
        exact=np.full(len(params[0][0]), 0.19 if problem.draw else np.nan)))
    assert speed.main(["--repeats", "1", "--steps", "3", "--levels", "0.2",
                       "--share", "0.01", "--csv", "t.csv"]) == 0
    printed = capsys.readouterr().out
    found = {row["what"]: float(row["value"]) for row in read_csv("t.csv")}
    assert found["lattice steps"] == 3
    assert found["lattice worst |I - M|"] == pytest.approx(0.01)
    assert np.isnan(found["grid steps"]) and "not within 3: not resolved" in printed
    assert found["categorical, one step"] == pytest.approx(3.01)
    assert found["categorical, all steps"] == pytest.approx(8.0)  # of 500
    assert "failed: faces.py: error: unrecognized arguments: --nonsense" in printed
    sections = dict.fromkeys(row["section"] for row in read_csv("t.csv"))
    assert [*sections] == ["autograd_against_hand", "growth", "race", "demos"]


def test_the_example_of_the_readme(capsys):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    code, expected = re.search(r"```python\n(.*?)```\s+```\w*\n(.*?)```", readme,
                               re.DOTALL).groups()
    exec(code, {})
    number = r"-?\d+\.\d+"
    printed = capsys.readouterr().out
    assert re.sub(number, "#", printed).split() == re.sub(number, "#", expected).split()
    # to three digits: the last ones depend on a machine's arithmetic
    np.testing.assert_allclose([float(word) for word in re.findall(number, printed)],
                               [float(word) for word in re.findall(number, expected)],
                               rtol=0, atol=1e-3)
