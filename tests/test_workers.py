"""demos/workers.py: side by side is what one after another is."""
import os
import signal
import subprocess
import sys
import time
from operator import add, truediv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import workers

JOBS = [(1.0, 2.0), (3.0, 4.0), (5.0, 0.0)]


@pytest.fixture(params=[1, 2])
def cores(request, monkeypatch):
    monkeypatch.setattr(workers, "cores", lambda: request.param)


def test_results_come_in_order(cores):
    told = []
    results = [*workers.each(add, JOBS, told.append)]
    assert (results, told) == ([3.0, 7.0, 5.0], [1, 2, 3])


def test_what_a_job_raises_comes_after_the_others(cores):
    results = []
    with pytest.raises(ZeroDivisionError):
        results.extend(workers.each(truediv, JOBS))
    assert results == [0.5, 0.75]


def test_a_job_finds_one_thread_and_leaves_nothing_behind(monkeypatch):
    monkeypatch.setattr(workers, "cores", lambda: 2)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before, handler = dict(os.environ), signal.getsignal(signal.SIGINT)
    jobs = [("OMP_NUM_THREADS",)] * 2
    assert [*workers.each(os.getenv, jobs)] == ["1", "1"]
    assert (dict(os.environ), signal.getsignal(signal.SIGINT)) == (before, handler)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")  # who sets it is obeyed
    assert [*workers.each(os.getenv, jobs)] == ["3", "3"]


@given(st.lists(st.integers(), min_size=1, max_size=30), st.integers(1, 8))
def test_shares_are_all_items_in_order_and_no_more_than_cores(items, cores):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "cores", lambda: cores)
        shares = workers.shares(items)
    assert sum(shares, []) == items and len(shares) <= cores
    assert max(map(len, shares)) == len(shares[0]) == -(-len(items) // cores)


def test_a_worker_that_ends_is_told_of(monkeypatch):
    monkeypatch.setattr(workers, "cores", lambda: 2)
    with pytest.raises(OSError, match="ended early"):
        [*workers.each(os._exit, [(1,), (1,)])]


SCRIPT = """
import signal, time, workers
from pathlib import Path

def sleep(path):
    Path(path).touch()
    time.sleep(60)

if __name__ == "__main__":
    # whoever runs the tests in the background may have it ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    workers.cores = lambda: 2
    try:
        [*workers.each(sleep, [["one"], ["two"]])]
    except KeyboardInterrupt:
        print("interrupted")
"""


@pytest.mark.skipif(os.name == "nt", reason="no signal for a group of processes")
def test_ctrl_c_ends_all_of_them_without_a_word(tmp_path):
    """As a terminal sends it: to the whole group."""
    (tmp_path / "script.py").write_text(SCRIPT)
    demos = str(Path(workers.__file__).parent)
    run = subprocess.Popen([sys.executable, "script.py"], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, start_new_session=True,
                           cwd=tmp_path, env={**os.environ, "PYTHONPATH": demos})
    start = time.monotonic()
    while not ((tmp_path / "one").exists() and (tmp_path / "two").exists()):
        assert time.monotonic() < start + 60
        time.sleep(0.01)
    os.killpg(run.pid, signal.SIGINT)
    # They would sleep a minute; and what they hold open would not end before them.
    assert run.communicate(timeout=30) == ("interrupted\n", "")
