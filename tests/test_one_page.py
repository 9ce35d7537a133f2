"""demos/one_page.py against the library: the same bounds, and the promise on its last
line."""
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minimae import bounds, exact, nets, problems

PAGE = Path(__file__).resolve().parent.parent / "demos" / "one_page.py"
SOURCE = PAGE.read_text(encoding="utf-8")


def run(monkeypatch, source, *argv):
    """All names of the page after a run, and under `printed` its lines."""
    names = {"printed": [], "__doc__": "doc"}
    names["print"] = lambda line, file=None: names["printed"].append(line)
    monkeypatch.setattr(sys, "argv", ["one_page.py", *argv])
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # this process is pytest's
    exec(compile(source, str(PAGE), "exec"), names)
    return names


def replaced(source, old, new):
    assert old in source
    return source.replace(old, new)


SHORT = replaced(SOURCE, "16, 512, 1000, 0.03", "16, 512, 200, 0.03")


@pytest.fixture(scope="module")
def page():
    with pytest.MonkeyPatch.context() as patch:
        return run(patch, SHORT, "1.2", "5")


@pytest.fixture
def stacked(page):  # the page's three nets as the library's parameters
    return tuple(tuple(a[None, None] for a in page[name]) for name in "pqr")


def test_its_bounds_are_the_librarys(page, stacked):
    """The same weights, the same nodes: equal to rounding of means of 512 terms."""
    p, q, r = (nets.NormalNet(net) for net in stacked)
    at = np.random.default_rng(7).standard_normal((4, 512, 1))
    equal = np.full((1, 1, 512), 1 / 512)
    x, eps, z, noise = at[:, None, None]
    elbo = page["elbo"](page["p"], page["q"], *at[:2])
    assert elbo == pytest.approx(bounds.elbo(p, q, x, eps, equal)[0], rel=1e-12)
    lower = page["infomax"](page["r"], at[2],
                            page["sample"](*page["net"](page["p"], at[2]), at[3]))
    same = bounds.infomax(r, z, *p.joint(z, noise, equal))[0]
    assert lower == pytest.approx(same, rel=1e-12)


def test_its_truth_is_the_librarys(page, stacked):
    """Both sum smooth functions over grids to rounding; the library stops at 1e-6."""
    problem = problems.SplitNormal()
    got = exact.figures(problem, stacked)
    assert got["note"] == ""
    assert page["I"] == pytest.approx(got["information"], abs=5e-6)
    for key in ("lower", "log_likelihood"):
        assert page[key] == pytest.approx(got[key], abs=5e-6)
    assert page["best"] == pytest.approx(problem.best, abs=5e-6)


def test_it_holds_its_level(page):
    step, last = page["printed"]  # a line every 200 steps, and the truth
    assert step.startswith("step  200   ELBO") and last.startswith("asked 1.2   I^ ")
    # Worst of seeds 0 to 19 with 150 steps: .037, and .003 for the likelihood.  A run
    # that ignores its level ends 1.2 below it.
    assert abs(page["I"] - 1.2) < 0.1 and page["lower"] <= page["I"]
    assert 0 <= page["best"] - page["log_likelihood"] < 0.01


def test_its_truth_follows_the_data(monkeypatch):
    """Uniform on [-sqrt 3, sqrt 3] in place of N(0, 1): best is -log(2 sqrt 3)."""
    source = replaced(SOURCE, "16, 512, 1000, 0.03", "16, 512, 2, 0.03")
    source = replaced(source, "return rng.standard_normal((SAMPLES, 1))",
                      "return rng.uniform(-3 ** .5, 3 ** .5, (SAMPLES, 1))")
    source = replaced(source, "return log_prob(x, 0, 0)",
                      "return np.log(1e-300 + (abs(x) < 3 ** .5) / 2 / 3 ** .5)")
    names = run(monkeypatch, source, "1.2")
    # .018 is a cell of the grid, and the density has two ends within it.
    assert names["best"] == pytest.approx(-np.log(2 * 3 ** 0.5), abs=0.02)
    assert "not reached, I - M = -1." in names["printed"][-1]  # after two steps


@pytest.mark.parametrize("argv", ["x", "-0.1", "nan", "inf", "3.1", "1 -1", "1 0.5"])
def test_bad_input_is_one_line_and_status_2(monkeypatch, argv):
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, SOURCE, *argv.split())
    assert caught.value.code == 2


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="Windows has none")
def test_help_and_a_closed_pipe_are_no_tracebacks(monkeypatch):
    with pytest.raises(SystemExit, match="None"):  # and status 0
        run(monkeypatch, SOURCE, "--help")
    with subprocess.Popen([sys.executable, PAGE], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""


def test_it_is_one_page_that_needs_neither_library_nor_other_demos():
    lines = SOURCE.splitlines()
    assert [line.split("  #")[0] for line in lines if "import" in line] == [
        "import signal", "import sys", "import autograd.numpy as np",
        "from autograd import grad, value_and_grad"]
    assert len(lines) <= 90
