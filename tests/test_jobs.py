"""Jobs on several processes, or one after another if that is impossible."""
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

import jobs

DEMOS = Path(jobs.__file__).parent


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    monkeypatch.setattr(jobs, "usable_cores", lambda: 2)


def broken(*arguments):
    raise OSError("not on this machine")


def all_here(n=3):
    """Whether n jobs are run by this process."""
    pids = jobs.run_all(os.getpid, [()] * n)
    return pids == [os.getpid()] * n


# Workers

def test_results_come_in_order_from_other_processes(monkeypatch):
    monkeypatch.setattr("_multiprocessing.SemLock", broken)  # none are needed
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    handler = signal.getsignal(signal.SIGINT)
    done = []
    assert jobs.run_all(math.pow, [(2, k) for k in range(5)], done.append) == [
        1, 2, 4, 8, 16]
    assert done == [1, 2, 3, 4, 5]
    pid = "__import__('os').getpid()"
    threads = "__import__('os').environ['OMP_NUM_THREADS']"
    first, second, threads = jobs.run_all(eval, [(pid,), (pid,), (threads,)])
    assert threads == "1" and os.getpid() not in (first, second)
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert signal.getsignal(signal.SIGINT) == handler
    assert multiprocessing.active_children() == []


def test_workers_start_while_ctrl_c_is_ignored(monkeypatch):
    """So that they inherit it: a terminal sends Ctrl-C to them as well."""
    handlers = []
    monkeypatch.setattr(jobs, "Worker", lambda: signal.getsignal(signal.SIGINT))
    jobs.start_workers(2, handlers)
    assert handlers == [signal.SIG_IGN, signal.SIG_IGN]


@pytest.mark.parametrize("function, argument, error, words", [
    (os._exit, 3, ChildProcessError, "status 3: its own error"),
    (signal.raise_signal, signal.SIGTERM, ChildProcessError, "status -15.*memory"),
    (math.sqrt, -1, ValueError, "math domain|nonnegative")])
def test_a_job_that_fails(function, argument, error, words):
    with pytest.raises(error, match=words):
        jobs.run_all(function, [(argument,), (argument,)])
    assert multiprocessing.active_children() == []


def test_a_mistake_in_a_job_shows_its_traceback(capfd):
    with pytest.raises(ChildProcessError, match="its own error is printed above"):
        jobs.run_all(math.sqrt, [("text",), ("text",)])
    assert "TypeError" in capfd.readouterr().err


# Without workers

@pytest.mark.parametrize("error", [OSError, PermissionError, ImportError])
@pytest.mark.parametrize("n_started", [0, 1])
def test_processes_that_cannot_start(error, n_started, monkeypatch):
    start = multiprocessing.get_context("spawn").Process.start
    started = []

    def start_few(process):
        if len(started) == n_started:
            raise error
        started.append(process)
        start(process)

    monkeypatch.setattr("multiprocessing.context.SpawnProcess.start", start_few)
    assert all_here()
    assert len(started) == n_started and multiprocessing.active_children() == []


def test_workers_that_end_before_they_are_ready(monkeypatch):
    monkeypatch.setattr(jobs, "work", id)
    assert all_here()


@pytest.mark.parametrize("program", [None, "<stdin>"])
def test_a_program_that_workers_cannot_import(program, monkeypatch):
    main = types.ModuleType("__main__")
    if program is not None:
        main.__file__ = program
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.setattr(jobs, "Worker", None)
    assert all_here()


def test_one_job_or_core_needs_no_worker(monkeypatch):
    monkeypatch.setattr(jobs, "Worker", None)
    assert all_here(n=1) and jobs.run_all(os.getpid, []) == []
    monkeypatch.setattr(jobs, "usable_cores", lambda: 1)
    done = []
    assert jobs.run_all(math.sqrt, [(4,), (9,)], done.append) == [2, 3]
    assert done == [1, 2]


# Numbers of processes

def test_windows_cannot_wait_for_more_than_61(monkeypatch):
    asked = []
    monkeypatch.setattr(jobs, "usable_cores", lambda: 200)
    monkeypatch.setattr(jobs, "start_workers", lambda n, workers: asked.append(n))
    assert all_here(n=100) and asked == [61]


def test_usable_cores(monkeypatch):
    monkeypatch.undo()  # of two_cores
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {2, 5, 7}, raising=False)
    monkeypatch.setattr(os, "process_cpu_count", lambda: 5, raising=False)
    assert jobs.usable_cores() == 5
    monkeypatch.delattr(os, "process_cpu_count")
    assert jobs.usable_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    assert jobs.usable_cores() == 1


# Shares of the targets

def named(targets, seeds, is_first, mark):
    """A result for every model, in the order of train.train."""
    return [f"{target}{mark}{seed}" for seed in seeds for target in targets]


@pytest.mark.parametrize("n_cores", [1, 2, 3, 5])
def test_shares_are_put_together_in_order(n_cores, monkeypatch):
    shares = []

    def run_here(function, share_jobs):
        shares.extend(share_jobs)
        return [function(*job) for job in share_jobs]

    monkeypatch.setattr(jobs, "usable_cores", lambda: n_cores)
    monkeypatch.setattr(jobs, "run_all", run_here)
    targets = [2, 1, 2, None]  # one of them twice
    found = jobs.train_in_parallel(named, targets, range(3, 5), "-")
    assert found == named(targets, range(3, 5), True, "-")
    assert len(shares) == min(n_cores, 4)
    is_first = [share[-2] for share in shares]
    assert is_first[0] and not any(is_first[1:])


# Programs

def script(path, lines):
    """A process that runs these lines, in a group of its own as if typed in a shell."""
    path.write_text(
        "import math, os, signal, sys, time\n"
        # In the background of a shell Ctrl-C would be ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"sys.path[:0] = [{str(DEMOS)!r}]\n"
        f"import interrupts, jobs\njobs.usable_cores = lambda: 2\n{lines}\n")
    return subprocess.Popen([sys.executable, path], text=True, start_new_session=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_program_without_the_main_guard(tmp_path):
    lines = "print(jobs.run_all(math.sqrt, [(4,), (9,)]))"
    with script(tmp_path / "a.py", lines) as run:
        assert run.communicate(timeout=60) == ("[2.0, 3.0]\n", "")


def test_a_program_from_standard_input():
    lines = (f"import sys, os; sys.path[:0] = [{str(DEMOS)!r}]; import jobs\n"
             "jobs.usable_cores = lambda: 2\n"
             "def here(k): return os.getpid()\n"
             "print({*jobs.run_all(here, [(0,), (1,)])} == {os.getpid()})\n")
    run = subprocess.run([sys.executable, "-"], input=lines, capture_output=True,
                         text=True, timeout=60)
    assert (run.stdout, run.stderr) == ("True\n", "")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_the_program(number, tmp_path):
    with script(tmp_path / "a.py", (
            "if __name__ == '__main__':\n"
            "    with interrupts.ctrl_c(interrupts.raise_interrupt):\n"
            "        try:\n"
            "            report = lambda n: print(n, flush=True)\n"
            "            jobs.run_all(time.sleep, [(0,), (600,), (600,)], report)\n"
            "        except interrupts.Interrupt:\n"
            "            sys.exit('interrupted')\n")) as run:
        assert run.stdout.read(1) == "1"  # the first job is done
        children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
        assert len(children) >= 2
        if number == signal.SIGINT:
            os.killpg(run.pid, number)  # as a terminal does: the workers, too
            assert run.communicate(timeout=30)[1] == "interrupted\n"
        else:
            run.kill()
            run.communicate(timeout=30)
    deadline = time.monotonic() + 20
    while any(is_running(pid) for pid in children) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(is_running(pid) for pid in children)


def is_running(pid):
    """Whether there is a process with this number that is not a zombie."""
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
