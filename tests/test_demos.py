"""What all demos share, as a person meets it: options, errors in one line, files,
settings of Matplotlib, processes."""
import csv
import importlib
import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import shared
from minimae import table, train

ROOT = Path(__file__).resolve().parent.parent
NAMES = ["split_normal", "categorical", "likelihood_vs_information", "baselines",
         "pitfalls", "strings", "faces", "digits", "explore"]
QUICK = ["--levels", "0.3", "--steps", "4"]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(name, *argv):
    demo = importlib.import_module(name)
    return shared.main(demo.run, demo.PARSER, argv)


def stopped(capsys, name, *argv):
    """Status and standard error, a single line, of a run that stops."""
    with pytest.raises(SystemExit) as caught:
        run(name, *argv)
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.endswith("\n") and len(error) < 400
    return caught.value.code, error


# Tables and files

def test_table_figure_and_csv(capsys):
    run("categorical", "--levels", "0.6", "0", "0.6", "--steps", "40", "--seed", "3",
        "--csv", "t.csv", "--out", "f.png")
    printed, errors = capsys.readouterr()
    assert errors == ""  # no progress outside a terminal
    rows = list(csv.DictReader(io.StringIO(Path("t.csv").read_text())))
    assert [row["level"] for row in rows] == ["0.6", "0.0", "0.6", ""]
    assert {(row["seed"], row["steps"], row["critic"]) for row in rows} == {
        ("3", "40", "2")} and rows[0] == rows[2]
    for row, line in zip(rows, printed.splitlines()[2:]):
        shown = [float(word) for word in re.findall(r"-?\d+\.\d{4,}", line)]
        expected = [float(row[key]) for key in (
            "lower", "information", "upper", "elbo", "log_likelihood", "best")]
        expected.insert(4, expected[4] - expected[3])  # the gap
        # as many digits as are printed, and all in the CSV
        np.testing.assert_allclose(shown, expected, rtol=0, atol=0.00005001)
        assert min(len(row["information"]), len(row["elbo"])) > 12
        assert len(line) <= 88
    assert Path("f.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(os.listdir()) == ["f.png", "t.csv"]


def test_csv_on_standard_output_is_alone_there(capsys, monkeypatch):
    monkeypatch.setattr(sys, "__stdout__", stdout := io.StringIO())
    run("split_normal", *QUICK, "--csv", "-")
    assert capsys.readouterr().out == ""
    assert len(list(csv.DictReader(io.StringIO(stdout.getvalue())))) == 2


def test_worst_and_median_over_seeds(capsys):
    def row(level, information, seed):
        return dict(level=level, seed=seed, information=information, elbo=-1.503,
                    lower=information - 0.001, log_likelihood=-1.501, best=-1.5,
                    note="")
    rows = [row(level, information, seed) for seed, pair in enumerate([
        (1.01, 0.1), (0.96, np.nan), (np.nan, 0.3)])
        for level, information in zip((1.0, None), pair)]
    shared.show_seeds(rows)
    _, _, level, vae, note, other = capsys.readouterr().out.splitlines()
    assert level.split() == ["1", "0.04000", "0.02500", "0.00100", "0.00100", "0.00100",
                             "0.00100", "0.00200", "0.00200", "*"]
    assert vae.split()[:2] == ["VAE", "-"]
    assert note == "  * 1: not reached by 1 of 3, not resolved in 1 of 3"
    assert other == "  * VAE: not resolved in 1 of 3"


# Bad input

@pytest.mark.parametrize("argv, words", [
    (["--levels", "-0.1"], "level -0.1: give a number from 0"),
    (["--levels", "nan"], "level nan"), (["--levels", "inf"], "level inf"),
    (["--levels"], "at least one"), (["--levels", "x"], "invalid float"),
    (["--steps", "0"], "steps 0"), (["--steps", 20 * "9"], "give a whole number"),
    (["--seed", "-1"], "seed -1"), (["--seeds", "0"], "seeds 0"),
    (["--seeds", "100000"], "give up to"), (["--nonsense"], "unrecognized"),
    (["--critic", "0"], "give 1 to 100 normals"), (["--critic", "x"], "or bayes"),
    (["--critic", "1000000"], "give 1 to 100 normals"),
    (["--csv", "t.txt"], "must end in .csv"), (["--csv", "no/t.csv"], "No such file"),
    (["--csv", 300 * "a" + ".csv"], "too long"), (["--out", "f.eps"], "must end in"),
    (["--out", "f"], "must end in"), (["--gif", "t.png"], "must end in .gif"),
    (["--html", "t.png"], "must end in .html"),
    (["--sd", "9"], "sd 9.0: give a number from 0.05 to 2")])
def test_bad_input_is_one_line_with_status_2_before_training(
        argv, words, capsys, monkeypatch):
    monkeypatch.setattr(train, "Adam", None)
    Path("split_normal.png").write_text("old")
    code, error = stopped(capsys, "split_normal", *argv)
    assert code == 2 and words in error
    assert os.listdir() == ["split_normal.png"]
    assert Path("split_normal.png").read_text() == "old"


@pytest.mark.parametrize("name, argv, words", [
    ("split_normal", ["--levels", "3.4"], "from 0 to 3.3"),
    ("categorical", ["--categories", "1"], "categories 1: give a whole number from 2"),
    ("categorical", ["--categories", "3", "--levels", "1.2"], "the entropy of x"),
    ("categorical", ["--nodes", "0"], "nodes 0: give a whole number")])
def test_bad_input_of_one_demo(name, argv, words, capsys):
    code, error = stopped(capsys, name, *argv)
    assert code == 2 and words in error


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write all")
def test_a_folder_that_may_not_be_written(capsys):
    Path("locked").mkdir(mode=0o500)
    assert stopped(capsys, "split_normal", "--out", "locked/f.png")[0] == 2


@pytest.mark.parametrize("name", NAMES)
def test_help(name, capsys):
    with pytest.raises(SystemExit) as caught:
        run(name, "--help")
    printed = capsys.readouterr().out
    assert caught.value.code == 0 and "--levels M" in printed
    assert "np." not in printed and "object at" not in printed


@pytest.mark.parametrize("where, status", [("minimae.train.make_vjp", 130),
                                           ("minimae.plot.models", 130)])
def test_ctrl_c_is_one_line(where, status, capsys, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt
    monkeypatch.setattr(where, interrupt)
    code, error = stopped(capsys, "split_normal", *QUICK)
    assert code == status and error.endswith("interrupted\n") and os.listdir() == []


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_while_modules_are_imported():
    code = ("import sys, builtins; real = builtins.__import__\n"
            "def stop(name, *args, **kwargs):\n"
            "    if name == 'numpy': raise KeyboardInterrupt\n"
            "    return real(name, *args, **kwargs)\n"
            "builtins.__import__ = stop; import split_normal")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          cwd=ROOT / "demos")
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_a_divergence_names_step_level_and_rate(capsys):
    code, error = stopped(capsys, "categorical", "--steps", "20", "--rate", "1e5")
    assert code == 1 and re.search(r"diverged at step \d+, level .*below 100000", error)


# Matplotlib's settings and other surroundings

def test_the_same_picture_whatever_the_users_settings():
    """Another backend, and settings that change layout, text and size."""
    command = [sys.executable, ROOT / "demos" / "categorical.py", *QUICK, "--out"]
    environment = {key: value for key, value in os.environ.items()
                   if key not in ("DISPLAY", "MPLBACKEND", "WAYLAND_DISPLAY")}
    subprocess.run([*command, "a.png"], check=True, env=environment)
    Path("matplotlibrc").write_text(  # of this folder, which comes before the user's
        "backend: svg\nfont.size: 30\nsavefig.dpi: 7\nsavefig.bbox: tight\n"
        "axes.grid: True\nfigure.facecolor: red\nfigure.autolayout: True\n"
        "lines.linewidth: 9\nsavefig.transparent: True\nfont.family: monospace\n")
    subprocess.run([*command, "b.png"], check=True, env={
        **environment, "MPLBACKEND": "module://matplotlib_inline.backend_inline"})
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


def test_a_window_that_cannot_be_opened_costs_no_file(capsys, monkeypatch):
    monkeypatch.setattr(shared, "BACKEND", "agg")
    run("split_normal", *QUICK, "--show")
    assert Path("split_normal.png").exists()
    assert "window" in capsys.readouterr().err


def test_progress_is_shown_on_a_terminal_only(capsys, monkeypatch):
    shared.progress(40)(40)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    show = shared.progress(40)
    show(20, None, None), show(40, None, None)
    assert re.fullmatch(r"\rtraining  50 %,   0 s left "
                        r"\rtraining 100 %,   0 s left \n", capsys.readouterr().err)


# Processes

def slow(seconds):
    """A job for a process."""
    time.sleep(seconds)
    return os.getpid()


def test_jobs_in_processes_of_their_own(monkeypatch):
    monkeypatch.setattr(shared, "cores", lambda: 2)
    done, found = [], []
    worker = threading.Thread(target=lambda: found.extend(
        shared.each(slow, [(0.1,), (0.2,)], done.append)))  # not the main thread
    worker.start()
    worker.join(60)
    assert len({*found, os.getpid()}) >= 2 and os.getpid() not in found
    assert done[-1] == 2


SCRIPT = """
import sys
sys.path[:0] = [{tests!r}, {demos!r}]
import shared, test_demos
shared.cores = lambda: 2
{start}
"""


def script(start):
    Path("script.py").write_text(SCRIPT.format(
        tests=str(ROOT / "tests"), demos=str(ROOT / "demos"), start=start))
    return subprocess.Popen([sys.executable, "script.py"], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks into /proc")
def test_processes_end_with_the_one_that_started_them():
    with script("if __name__ == '__main__':\n"
                "    shared.each(test_demos.slow, [(600,), (600,)])") as process:
        def workers():
            return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/stat")
                    if children_of(path) == process.pid]
        deadline = time.monotonic() + 30
        while len(workers()) < 3 and time.monotonic() < deadline:
            time.sleep(0.1)  # a tracker of resources and two workers
        started = workers()
        process.send_signal(signal.SIGKILL)
    assert len(started) >= 2
    deadline = time.monotonic() + 20
    while any(map(alive, started)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(alive, started))


def children_of(path):
    """The parent of a process, from its stat file."""
    try:
        return int(path.read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def alive(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]
    except OSError:
        return False


def test_a_script_without_the_main_guard_is_told_so():
    with script("shared.each(test_demos.slow, [(0,), (0,)])") as process:
        _, error = process.communicate(timeout=60)
    assert "__name__ == '__main__'" in error and "bootstrapping" not in error


# The front page

def test_the_example_of_the_readme(capsys):
    """All printed numbers that do not depend on how a run went: M and best; and I
    within .02 of M, as the text promises."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    code, expected = re.search(r"```python\n(.*?)```\s+```\w*\n(.*?)```", readme,
                               re.DOTALL).groups()
    exec(code, names := {})
    printed = capsys.readouterr().out
    number = r"-?\d+\.\d+"
    assert re.sub(number, "#", printed).split() == re.sub(number, "#", expected).split()
    assert all(table.reached(row) for row in names["rows"])
