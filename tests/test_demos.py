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
import time
from pathlib import Path

import numpy as np
import pytest

import shared
from minimae import table, train

ROOT = Path(__file__).resolve().parent.parent
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
    rows = list(csv.DictReader(Path("t.csv").read_text().splitlines()))
    assert [row["level"] for row in rows] == ["0.6", "0.0", "0.6", ""]
    assert {(row["seed"], row["steps"], row["critic"]) for row in rows} == {
        ("3", "40", "2")} and rows[0] == rows[2]
    assert printed.startswith("saved f.png\nsaved t.csv\nall in nats\n")
    for row, line in zip(rows, printed.splitlines()[4:]):
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
    shared.report(rows)
    _, _, level, vae, note, other = capsys.readouterr().out.splitlines()
    assert level.split() == ["1", "0.04000", "0.02500", "0.00100", "0.00100", "0.00100",
                             "0.00100", "0.00200", "0.00200", "*"]
    assert vae.split()[:2] == ["VAE", "-"]
    assert note == "  * 1: not reached by 1 of 3, not resolved in 1 of 3"
    assert other == "  * VAE: not resolved in 1 of 3"


# Bad input

@pytest.mark.parametrize("argv, words", [
    (["--levels", "-0.1"], "level -0.1: give a number from 0"),
    (["--levels", "nan"], "level nan"), (["--levels", "3.4"], "from 0 to 3.3"),
    (["--levels"], "at least one"), (["--levels", "x"], "invalid float"),
    (["--steps", "0"], "steps 0"), (["--steps", 20 * "9"], "give a whole number"),
    (["--seed", "-1"], "seed -1"), (["--seeds", "0"], "seeds 0"),
    (["--seeds", "100000"], "from 0 to 524288"), (["--nonsense"], "unrecognized"),
    (["--critic", "x"], "or multi-sample"), (["--critic", "101"], "101: 1 to 100"),
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


@pytest.mark.parametrize("status, name, argv, words", [
    (2, "categorical", "--categories 1", "categories 1: give a whole number from 2"),
    (2, "categorical", "--categories 3 --levels 1.2", "from 0 to 1.0986"),
    (2, "categorical", "--nodes 0", "nodes 0: give a whole number"),
    (2, "likelihood_vs_information", "--sd 0", "sd 0.0: give a number from 0.05"),
    (2, "likelihood_vs_information", "--levels 9", "level 9"),
    (2, "explore", "", "window"), (2, "explore", "--gif a.gif --levels 3", "level 3"),
    (2, "speed", "--part all", "invalid"),
    (1, "categorical", "--steps 20 --rate 1e5", "try a learning rate below 100000")])
def test_what_stops_one_demo(status, name, argv, words, capsys):
    code, error = stopped(capsys, name, *argv.split())
    assert code == status and words in error


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write all")
def test_a_folder_that_may_not_be_written(capsys):
    Path("locked").mkdir(mode=0o500)
    assert stopped(capsys, "split_normal", "--out", "locked/f.png")[0] == 2


@pytest.mark.parametrize("name", [
    "split_normal", "categorical", "likelihood_vs_information", "baselines", "pitfalls",
    "strings", "faces", "digits", "explore"])
def test_help(name):
    printed = importlib.import_module(name).PARSER.format_help()
    assert "--levels M" in printed and not re.search(r"np\.|object at", printed)


@pytest.mark.parametrize("where", ["minimae.train.make_vjp", "minimae.plot.models"])
def test_ctrl_c_is_one_line(where, capsys, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt
    monkeypatch.setattr(where, interrupt)
    monkeypatch.setattr(os, "_exit", sys.exit)
    with pytest.raises(KeyboardInterrupt) as caught:
        run("split_normal", *QUICK)
    with pytest.raises(SystemExit, match="130"):
        sys.excepthook(caught.type, caught.value, caught.tb)
    assert capsys.readouterr() == ("", "interrupted\n") and os.listdir() == []


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


# Matplotlib's settings and other surroundings

def test_the_same_picture_whatever_the_users_settings():
    """Another backend, and settings that change layout, text and size."""
    run("categorical", *QUICK, "--out", "a.png")
    Path("matplotlibrc").write_text(  # of this folder, which comes before the user's
        "backend: svg\nfont.size: 30\nsavefig.dpi: 7\nsavefig.bbox: tight\n"
        "axes.grid: True\nfigure.facecolor: red\nfigure.autolayout: True\n"
        "lines.linewidth: 9\nsavefig.transparent: True\nfont.family: monospace\n")
    subprocess.run([sys.executable, ROOT / "demos" / "categorical.py", *QUICK, "--out",
                    "b.png"], check=True, env={**os.environ, "MPLBACKEND":
                    "module://matplotlib_inline.backend_inline"})
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

def script(start):
    """Runs lines in a process where `shared` is, without what takes long to import."""
    Path("script.py").write_text(
        "import os, signal, sys, time\nfrom unittest.mock import MagicMock\n"
        # Where tests run in the background of a shell, it ignores SIGINT.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.modules['matplotlib'] = sys.modules['minimae'] = MagicMock()\n"
        f"sys.path[:0] = [{str(ROOT / 'demos')!r}]\n"
        f"import shared\nshared.cores = lambda: 2\n{start}")
    return subprocess.Popen([sys.executable, "script.py"], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_jobs_in_processes_of_their_own():
    with script("if __name__ == '__main__':\n"
                "    print(shared.each(os.getpid, [(), ()], print))") as process:
        *done, found = process.communicate(timeout=60)[0].splitlines()
    assert done == ["1", "2"] and re.fullmatch(r"\[\d+, \d+\]", found)
    assert str(process.pid) not in re.findall(r"\d+", found)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_processes_end_with_the_one_that_started_them(number):
    def wait(enough):
        return any(enough() or time.sleep(0.05) for _ in range(600))

    def runs(pid):
        try:
            return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return False

    with script("if __name__ == '__main__':\n"
                "    shared.each(time.sleep, [(600,), (600,)])") as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        # a tracker of resources and workers
        assert wait(lambda: len(children.read_text().split()) > 2)
        started = children.read_text().split()
        time.sleep(0.3)  # while they start, Ctrl-C is not heard
        process.send_signal(number)
        error = process.communicate(timeout=30)[1]
        if number == signal.SIGINT:
            assert (process.returncode, error) == (130, "interrupted\n")
    assert wait(lambda: not any(map(runs, started)))


def test_a_script_without_the_main_guard_is_told_so():
    with script("shared.each(os.getpid, [(), ()])") as process:
        _, error = process.communicate(timeout=60)
    assert "__name__ == '__main__'" in error and "bootstrapping" not in error


# The front page

def test_the_example_of_the_readme(capsys, monkeypatch):
    """With fewer steps: M and best as printed, and I within .02 of M, as promised."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    code, expected = re.search(r"```python\n(.*?)```\s+```\w*\n(.*?)```", readme,
                               re.DOTALL).groups()
    learn = train.train
    monkeypatch.setattr(train, "train", lambda *args: learn(*args, steps=200))
    exec(code, names := {})
    printed = capsys.readouterr().out
    number = r"-?\d+\.\d+"
    assert re.sub(number, "#", printed).split() == re.sub(number, "#", expected).split()
    assert all(table.reached(row) for row in names["rows"])
