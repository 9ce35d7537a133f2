"""Independent runs side by side, one for each core."""
import math
import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

THREADS = "OMP_NUM_THREADS"  # of one process, for products of matrices


def cores():
    """How many processes may run at a time."""
    if hasattr(os, "sched_getaffinity"):  # where some cores may be set aside
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def shares(items):
    """The items in as many parts as there are cores, in order; what is trained in a
    stack comes out as it would alone, so any parts will do."""
    n = math.ceil(len(items) / cores())
    return [items[k:k + n] for k in range(0, len(items), n)]


def each(function, jobs, done=None):
    """Yield function(*job) for every job, in their order; done(n) tells of the n-th.

    A worker is a new Python that imports the function by its name, so that a job
    yields what it would yield alone.  Raises what a job raises, after the yields of
    those before it.
    """
    n = min(cores(), len(jobs))
    if n <= 1:
        yield from told((function(*job) for job in jobs), done)
        return
    # spawn, not fork: a fork copies the locks of threads that it does not copy
    with ProcessPoolExecutor(n, multiprocessing.get_context("spawn"), ignore) as pool:
        try:
            # What starts now inherits two things.  Ctrl-C reaches every process, and
            # this one will report it: the others ignore it from their first moment.
            # And the cores are taken: products of matrices stay on their own.
            handler, threads = ignore(), os.environ.get(THREADS)
            os.environ[THREADS] = threads or "1"
            futures = [pool.submit(function, *job) for job in jobs]
            if not threads:
                del os.environ[THREADS]
            signal.signal(signal.SIGINT, handler)
            yield from told((future.result() for future in futures), done)
        except BrokenProcessPool:
            raise OSError("a process of this run ended early, maybe for lack of memory")
        except BaseException:
            for worker in multiprocessing.active_children():
                worker.terminate()
            raise


def ignore():
    """Ignore Ctrl-C; returns what was done about it before."""
    return signal.signal(signal.SIGINT, signal.SIG_IGN)


def told(results, done):
    """The results, and done(n) on the way."""
    for number, result in enumerate(results, 1):
        if done:
            done(number)
        yield result
