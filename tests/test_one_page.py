"""demos/one_page.py against the library: the same bounds, and the promise on its last line."""
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from minimae import bounds, exact, nets, problems

PAGE = Path(__file__).resolve().parent.parent / "demos" / "one_page.py"


def run(monkeypatch, *argv):
    monkeypatch.setattr(sys, "argv", ["one_page.py", *argv])
    return runpy.run_path(str(PAGE))


@pytest.fixture(scope="module")
def page():
    """All names of a run at M = .8 and seed 3 of a tenth of the steps."""
    source = PAGE.read_text().replace("STEPS, RATE = 16, 512, 1000", "STEPS, RATE = 16, 512, 100")
    assert "100, 0.03" in source
    names = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["one_page.py", "0.8", "3"])
        exec(compile(source, str(PAGE), "exec"), names)
    return names


def stacked(page):
    """The page's three nets as the library's parameters, a stack of one."""
    return tuple(tuple(a[None, None] for a in page[name]) for name in "pqr")


def test_its_bounds_are_the_librarys(page):
    """The same weights, the same nodes: equal to rounding of means of 512 terms."""
    p, q, r = (nets.NormalNet(net) for net in stacked(page))
    rng = np.random.default_rng(7)
    x, eps, z, noise = rng.standard_normal((4, 512, 1))
    at, equal = [a[None, None] for a in (x, eps, z, noise)], np.full((1, 1, 512), 1 / 512)
    elbo = page["elbo"](page["p"], page["q"], x, eps)
    assert elbo == pytest.approx(bounds.elbo(p, q, *at[:2], equal)[0], rel=1e-12)
    made = page["sample"](*page["net"](page["p"], z), noise)
    lower = page["infomax"](page["r"], z, made)
    assert lower == pytest.approx(
        bounds.infomax(r, at[2], *p.joint(at[2], at[3], equal))[0], rel=1e-12)


def test_its_truth_is_the_librarys(page):
    """Both sum smooth functions over grids until rounding; the library stops at 1e-6."""
    got = exact.figures(problems.split_normal(), stacked(page))
    information = np.sum(page["joint"] * (page["log_pxz"] - page["log_px"]))
    assert information == pytest.approx(got["exact"][0], abs=5e-6)
    assert page["lower"] == pytest.approx(got["lower"][0], abs=5e-6)
    assert page["log_likelihood"] == pytest.approx(got["log_likelihood"][0], abs=5e-6)
    assert -page["ENTROPY"] == pytest.approx(problems.split_normal().best, rel=1e-12)


def test_it_holds_its_level(monkeypatch, capsys):
    run(monkeypatch, "1.2", "5")
    *progress, last = capsys.readouterr().out.splitlines()
    assert len(progress) == 5 and all("ELBO" in line and "I^" in line for line in progress)
    words = last.split()
    asked, lower, information = float(words[1]), float(words[3]), float(words[6])
    # Worst of ten other seeds: .01.  A run that ignores its level ends 1.2 below it.
    assert asked == 1.2 and abs(information - asked) < 0.05 and lower <= information
    assert 0 <= float(words[13]) - float(words[10]) < 0.005


@pytest.mark.parametrize("argv", [["x"], ["-0.1"], ["nan"], ["inf"], ["3.1"], ["1", "-1"],
                                  ["1", "0.5"], ["1", "2", "3"]])
def test_bad_input_is_one_line_and_status_2(monkeypatch, capsys, argv):
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, *argv)
    error = capsys.readouterr().err
    assert caught.value.code == 2 and error.count("\n") == 1 and "M from 0 to 3" in error


def test_it_needs_neither_the_library_nor_the_other_demos():
    imports = [line for line in PAGE.read_text().splitlines() if "import" in line]
    assert imports == ["import sys", "import autograd.numpy as np",
                       "from autograd import grad, value_and_grad"]
    lines = PAGE.read_text().splitlines()
    assert len(lines) <= 90 and max(map(len, lines)) <= 88
