"""The command line of the demos: options, exit statuses, streams, Ctrl-C, Matplotlib's
backend, and progress."""
import ast
import errno
import io
import os
import re
import runpy
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt

import cli
import progress
import windows
from minimae import critics, nets, problems, train

DEMOS = Path(cli.__file__).parent
TARGETS = [0, 0.5, 2]
ROWS = [{"target": 0.5, "seed": 0}]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def make_parser():
    parser = cli.demo_parser(
        "What it shows.", example="--steps 9", seconds=7, targets=TARGETS,
        max_target=3.3, out="f.png", critic="2", film="a film", page="a page")
    parser.add_number("--sd", float, None, 0.05, 2, "a number")
    return parser


def run_demo(*argv, run=None):
    """Exit status of a demo that prints, and saves a table and a figure."""
    def print_and_save(args, save):
        print("the table")
        save.table(args.csv, ROWS, cli.settings(args))
        save.figure(args.out, plt.figure(figsize=(1, 1)))

    try:
        cli.main(run or print_and_save, make_parser(), argv)
    except SystemExit as end:
        return end.code
    return 0


def raise_this(error):
    """A run that fails."""
    def run(args, save):
        raise error
    return run


# Options

@pytest.mark.parametrize("argv, words", [
    ("--steps 0", "--steps: 0: give an integer from 1 to 100000"),
    ("--steps 1000000000", "from 1 to 100000"), ("--steps 1e3", "give an integer"),
    ("--steps " + 5000 * "9", "from 1 to 100000"), ("--steps nan", "give an integer"),
    ("--seed -1", "from 0 to 4294967295"), ("--seeds 1001", "from 1 to 1000"),
    ("--sd 9", "--sd: 9: give a number from 0.05 to 2"), ("--sd nan", "give a number"),
    ("--targets x", "invalid float"), ("--targets", "at least one"),
    ("--critic x", "x: give 1 to 100, bayes or multi-sample"),
    ("--critic 101", "1 to 100"), ("--critic 1.5", "1 to 100"),
    ("--out f.eps", "must end in .png"), ("--out no/f.png", "no such folder"),
    ("--csv t.txt", "must end in .csv"), ("--csv t-", "must end in .csv"),
    ("--out -", "must end in .png"), ("--gif t.png", "must end in .gif"),
    ("--html t.png", "must end in .html"), ("--step 3", "unrecognized")])
def test_a_bad_option_is_one_line_and_changes_nothing(argv, words, capsys):
    Path("f.png").symlink_to("target.png")
    assert run_demo(*argv.split(), run=raise_this(AssertionError)) == 2
    printed, error = capsys.readouterr()
    assert printed == "" and error.count("\n") == 1 and words in error
    assert os.listdir() == ["f.png"] and os.path.islink("f.png")


def test_help(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # Python 3.14 colours the help
    monkeypatch.setenv("COLUMNS", "200")
    assert run_demo("--help") == 0
    text = capsys.readouterr().out
    assert "--targets" in text and "--levels M [M ...]" in text
    assert "steps of training, 1 to 100000 (default 500)" in text
    assert "a number, 0.05 to 2\n" in text and "in nats, 0 to 3.3" in text
    assert re.search(r"example: python demos/\S+ --steps 9\n", text)
    assert "about 7 seconds" in text
    assert "None" not in text and "\x1b" not in text


def test_settings_of_a_run():
    args = make_parser().parse_args(["--levels", "1", "--csv", "-", "--sd", "0.5"])
    assert args.targets == [1.0]
    assert cli.settings(args) == {"steps": 500, "critic": "2", "sd": 0.5}


@pytest.mark.parametrize("name, kind", [
    ("1", nets.NormalNet), ("2", critics.NormalMixture), ("bayes", critics.Bayes),
    ("multi-sample", critics.MultiSample)])
def test_critics_have_names(name, kind):
    assert type(cli.make_critic(cli.critic_type(name))) is kind


def test_default_targets_are_those_that_can_be_held():
    pair = problems.Categorical([0.5, 0.5])
    assert cli.choose_targets(None, TARGETS, pair) == [0, 0.5]
    assert cli.choose_targets(None, TARGETS, problems.SplitNormal()) == TARGETS
    few_codes = problems.SplitNormal(critic=critics.MultiSample())
    assert cli.choose_targets(None, TARGETS, few_codes) == [0]
    assert cli.choose_targets([2], TARGETS, pair) == [2]  # refused by train.train


# Exit statuses

@pytest.mark.parametrize("error, status, words", [
    (ValueError("target 9"), 2, "error: target 9"),
    (FloatingPointError("diverged"), 1, "diverged"),
    (MemoryError(), 1, "out of memory"), (ImportError("no tk"), 1, "no tk"),
    (OSError("gone"), 1, "gone"), (KeyboardInterrupt(), 130, "interrupted")])
def test_what_goes_wrong_is_one_line(error, status, words, capsys):
    assert run_demo(run=raise_this(error)) == status
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"{make_parser().prog}: {words}\n"


def test_a_mistake_in_the_program_keeps_its_traceback():
    with pytest.raises(TypeError):
        run_demo(run=raise_this(TypeError("a bug")))


def test_an_error_of_one_file_costs_only_this_file(capsys, monkeypatch):
    def full(rows, settings):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("files.table_bytes", full)
    assert run_demo("--csv", "t.csv") == 1
    printed, error = capsys.readouterr()
    assert printed == "the table\nsaved f.png\n"  # the table first
    assert error.endswith(": t.csv: No space left on device\n")
    assert error.count("\n") == 1 and os.listdir() == ["f.png"]


# Streams

class Output(io.TextIOWrapper):
    """Standard output with an encoding; after `space` bytes it raises an error."""

    def __init__(self, encoding="utf-8", error=None):
        super().__init__(io.BytesIO(), encoding=encoding)
        self.error = error

    def flush(self):
        if self.error is not None:
            raise self.error
        super().flush()

    def text(self):
        return self.buffer.getvalue().decode(self.encoding)


@pytest.mark.parametrize("error, status, words", [
    (OSError(errno.ENOSPC, "No space left"), 1, "standard output: No space left\n"),
    (BrokenPipeError(), 0, ""), (ValueError("closed file"), 1, "closed file\n")])
@pytest.mark.parametrize("argv", [[], ["--csv", "-"]])
def test_a_broken_output_costs_no_file(argv, error, status, words, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Output(error=error))
    assert run_demo(*argv) == status
    assert capsys.readouterr().err.endswith(words)
    assert os.listdir() == ["f.png"]


@pytest.mark.parametrize("argv, status, names", [
    (["--csv", "-"], 0, ["f.png"]), (["--steps", "0"], 2, []), (["--help"], 0, [])])
def test_missing_streams(argv, status, names, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)  # as of a program with windows, a service
    monkeypatch.setattr(sys, "stderr", None)
    assert run_demo(*argv) == status
    assert os.listdir() == names
    assert sys.stdout is None


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_an_encoding_that_lacks_letters(encoding, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Output(encoding))
    monkeypatch.setattr(sys, "stderr", Output(encoding))
    assert run_demo("--out", "Łódź.png") == 0
    assert "d\\u017a.png" in sys.stdout.text() and os.listdir() == ["Łódź.png"]
    assert run_demo("--out", "Łódź.eps") == 2
    assert "d\\u017a.eps: the name must end" in sys.stderr.text()


def test_csv_is_alone_on_standard_output(capsys):
    assert run_demo("--csv", "-") == 0
    printed, error = capsys.readouterr()
    assert printed == "target,seed,steps,critic,sd\n0.5,0,500,2,\n"
    assert error == "the table\nsaved f.png\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a shell with /dev/full")
@pytest.mark.parametrize("way, error", [
    (">&-", "None"), ("2>&-", "None"), ("| true", "None"), ("< /dev/null", "None"),
    ("> /dev/full", "[Errno 28] No space left on device")])
def test_python_adds_no_lines_at_its_end(way, error):
    Path("program.py").write_text(
        f"import sys, time\nsys.path[:0] = [{str(DEMOS)!r}]\nimport streams\n"
        "output = streams.SafeStream(sys.stdout)\n"
        "for _ in range(9):\n"
        "    output.write(9999 * 'a line ')\n    time.sleep(0.001)\n"
        "open('errors', 'w').write(str(output.error))\n")
    run = subprocess.run(f"{sys.executable} program.py {way}; echo $? > status",
                         shell=True, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert run.stderr == b"" and Path("status").read_text() == "0\n"
    assert Path("errors").read_text() == error


@pytest.mark.skipif(os.name == "nt", reason="a shell")
def test_a_demo_without_any_stream():
    """And with the backend of a notebook that this Python does not have."""
    demo = DEMOS / "split_normal.py"
    program = shlex.join([sys.executable, str(demo)])
    command = f"{program} --targets 0.5 --steps 9 <&- >&- 2>&-"
    foreign = {**os.environ, "MPLBACKEND": "module://not_installed.backend"}
    assert subprocess.run(command, shell=True, env=foreign).returncode == 0
    assert os.listdir() == ["split_normal.png"]


# Ctrl-C

def test_ctrl_c_ends_a_training(capsys):
    def press(step, models, values):
        assert step < 3
        if step == 2:
            signal.raise_signal(signal.SIGINT)

    def run(args, save):
        train.train(problems.SplitNormal(), [0.5], steps=9, callback=press)
        save.table("t.csv", ROWS, {})

    # In the background of a shell, where tests may run, Ctrl-C is ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert run_demo(run=run) == 130
        assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err.endswith(": interrupted\n") and os.listdir() == []


def test_a_program_in_the_background_ignores_ctrl_c():
    def run(args, save):
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert run_demo(run=run) == 0
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


# Starts of a program

def start(lines):
    """Run Python on these lines where demos can be imported."""
    lines = f"import sys; sys.path[:0] = [{str(DEMOS)!r}]\n{lines}"
    return subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True)


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_during_the_imports():
    done = start(
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "class Finder:\n"
        "    def find_spec(name, *_):\n"
        "        if name == 'numpy': signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder)\n"
        "import cli\nprint('imported')")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


@pytest.mark.parametrize("name", ["numpy", "autograd", "matplotlib"])
def test_a_missing_package_is_one_line(name):
    done = start(f"sys.modules[{name!r}] = None\nimport cli")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert name in done.stderr and ".venv/bin/python" in done.stderr


@pytest.mark.parametrize("path", sorted(DEMOS.glob("*.py")), ids=lambda path: path.stem)
def test_a_demo_imports_cli_first(path):
    """So that a missing package is one line."""
    source = path.read_text(encoding="utf-8")
    imports = [node for node in ast.parse(source).body
               if isinstance(node, (ast.Import, ast.ImportFrom))]
    if "\nPARSER = " in source:
        assert imports[0].names[0].name == "cli"


# Matplotlib

@pytest.fixture
def backend():
    """Another backend than the usual one of tests."""
    before = matplotlib.get_backend()
    plt.switch_backend("svg")
    yield "svg"
    plt.switch_backend(before)


def test_a_demo_leaves_a_notebook_as_it_was(backend, monkeypatch):
    """Run as by %run: backend, settings, figures, streams and signals stay."""
    own = plt.figure()
    monkeypatch.setattr(sys, "argv", ["split_normal.py", "--targets", "0.5", "--steps",
                                      "2", "--gif", "f.gif"])
    settings = matplotlib.rcParams.copy()
    handler = signal.getsignal(signal.SIGINT)
    streams = sys.stdout, sys.stderr
    runpy.run_path(str(DEMOS / "split_normal.py"), run_name="__main__")
    assert sorted(os.listdir()) == ["f.gif", "split_normal.png"]
    assert matplotlib.get_backend() == backend and matplotlib.rcParams == settings
    assert plt.get_fignums() == [own.number] and plt.gcf() is own
    assert signal.getsignal(signal.SIGINT) == handler
    assert (sys.stdout, sys.stderr) == streams
    plt.close(own)


def test_a_notebooks_backend_is_set_up_under_its_name(backend, monkeypatch, tmp_path):
    """That of Jupyter looks for its name when it is imported; if it finds another one,
    it shows no figure."""
    Path("notebook.py").write_text(
        "import matplotlib\nfrom matplotlib.backends.backend_svg import *\n"
        "found = matplotlib.get_backend()\n")
    monkeypatch.syspath_prepend(tmp_path)
    name = "module://notebook"
    monkeypatch.setitem(matplotlib.rcParams, "backend", name)  # not imported yet
    assert run_demo() == 0
    assert sys.modules.pop("notebook").found == name == matplotlib.get_backend()


def test_a_backend_that_cannot_start(capsys, monkeypatch):
    monkeypatch.setattr(windows, "can_start", lambda backend: False)
    assert run_demo("--show") == 0
    assert os.listdir() == ["f.png"]
    assert capsys.readouterr().err == "--show: no window can be opened here\n"


def test_show_opens_windows(backend, monkeypatch):
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.get_fignums()))
    assert run_demo("--show") == 0
    assert len(shown) == 1 and len(shown[0]) == 1
    plt.close("all")


# Progress

def test_progress_on_a_terminal_only(capsys, monkeypatch):
    clock = iter([0.0, 1.0, 1.1, 3.0])
    fake = SimpleNamespace(monotonic=lambda: next(clock))
    monkeypatch.setattr(progress, "time", fake)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    report = progress.Progress(4)
    report(1, "state")
    report(2)  # too soon for a new line
    report(4)
    assert capsys.readouterr().err == (
        "\rtraining  25 %,   3 s left \rtraining 100 %,   0 s left \n")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    monkeypatch.setattr(progress, "time", time)
    progress.Progress(1)(1)
    monkeypatch.setattr(sys, "stderr", None)
    progress.Progress(1)(1)
    assert capsys.readouterr().err == ""
