"""demos/one_page.py against the library: the same bounds, and the promise on its last
line."""
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from minimae import bounds, exact, nets, problems

PAGE = Path(__file__).resolve().parent.parent / "demos" / "one_page.py"


@pytest.fixture(scope="module")
def page():
    """All names of a run at M = 1.2 and seed 5 with a fifth of the steps, and under
    `printed` its lines."""
    source = PAGE.read_text(encoding="utf-8")
    short = source.replace("STEPS, RATE = 16, 512, 1000", "STEPS, RATE = 16, 512, 200")
    assert short != source
    names = {"printed": []}
    names["print"] = lambda line: names["printed"].append(line)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["one_page.py", "1.2", "5"])
        exec(compile(short, str(PAGE), "exec"), names)
    return names


@pytest.fixture
def stacked(page):
    """The page's three nets as the library's parameters, a stack of one."""
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
    got = {key: value[0] for key, value in exact.evaluate(problem, stacked).items()}
    information = np.sum(page["joint"] * (page["log_pxz"] - page["log_px"]))
    assert information == pytest.approx(got["exact"], abs=5e-6)
    assert page["lower"] == pytest.approx(got["lower"], abs=5e-6)
    assert page["log_likelihood"] == pytest.approx(got["log_likelihood"], abs=5e-6)
    assert -page["ENTROPY"] == pytest.approx(problem.best, rel=1e-12)


def test_it_holds_its_level(page):
    step, last = page["printed"]  # a line every 200 steps, and the truth
    assert step.startswith("step  200   ELBO") and "I^" in step
    words = last.split()
    asked, lower, information = float(words[1]), float(words[3]), float(words[6])
    # Worst of seeds 0 to 19 with 150 steps: .037, and .003 for the likelihood.  A run
    # that ignores its level ends 1.2 below it.
    assert asked == 1.2 and abs(information - asked) < 0.1 and lower <= information
    assert 0 <= float(words[13]) - float(words[10]) < 0.01


@pytest.mark.parametrize("argv", ["x", "-0.1", "nan", "inf", "3.1", "1 -1", "1 0.5",
                                  "1 2 3"])
def test_bad_input_is_one_line_and_status_2(monkeypatch, capsys, argv):
    monkeypatch.setattr(sys, "argv", ["one_page.py", *argv.split()])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(PAGE))
    error = capsys.readouterr().err
    assert caught.value.code == 2
    assert error.count("\n") == 1 and "M from 0 to 3" in error


def test_it_is_one_page_that_needs_neither_library_nor_other_demos():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if "import" in line] == [
        "import sys", "import autograd.numpy as np",
        "from autograd import grad, value_and_grad"]
    assert len(lines) <= 90
