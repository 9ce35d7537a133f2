"""Run jobs on all cores, each in a process of its own, or one after another.

A worker is a process with a pipe: it reads a job, runs it and writes the result.
Nothing else is shared, so neither semaphores nor shared memory have to exist.
"""
import contextlib
import multiprocessing
import os
import signal
import sys
import threading

import interrupts

MAX_WORKERS = 61  # Windows cannot wait for more pipes at once
# What a job may raise; a worker hands it on.  Any other error is a mistake in the
# program, and the worker ends with its traceback.
ERRORS = ArithmeticError, ImportError, MemoryError, OSError, ValueError


# For demos

def run_all(function, jobs, report=None):
    """[function(*job) for job in jobs], a list in this order, on all cores.

    If processes cannot start, or there is one core or job, this process does all of it.
    function: must be importable, as a function of a module is.
    report: called with the number of jobs done, after each of them.

    Raises ChildProcessError if a worker ends before its job.
    """
    if multiprocessing.current_process().name != "MainProcess":
        # A worker imports the program.  If that lacks `if __name__ == "__main__":`, it
        # comes here: the worker ends, and the program does the jobs itself.
        sys.exit(1)
    n_workers = min(usable_cores(), len(jobs), MAX_WORKERS)
    workers = []
    try:
        if n_workers > 1 and main_can_be_imported():
            start_workers(n_workers, workers)
        if are_ready(workers):
            return run_in_workers(workers, function, jobs, report)
    finally:
        for worker in workers:
            worker.stop()
    return run_here(function, jobs, report)


def train_in_parallel(train, targets, seeds, *settings):
    """A result for every seed and target, in the order of train.train: all targets of
    the first seed, then those of the second.

    train(targets, seeds, is_first, *settings) returns such a list for its share of the
    targets.  is_first: whether it is the first share, which may report progress.
    """
    n_shares = min(usable_cores(), len(targets))
    jobs = []
    for k in range(n_shares):
        indices = range(k, len(targets), n_shares)
        jobs.append((train, indices, targets, seeds, k == 0, settings))
    by_index = {}
    for results in run_all(train_share, jobs):
        by_index.update(results)
    ordered = []
    for seed in seeds:
        for index in range(len(targets)):
            ordered.append(by_index[index, seed])
    return ordered


def train_share(train, indices, targets, seeds, is_first, settings):
    """{(index of the target, seed): result} for the targets with these indices."""
    share = [targets[index] for index in indices]
    results = train(share, seeds, is_first, *settings)
    keys = []
    for seed in seeds:
        for index in indices:
            keys.append((index, seed))
    return dict(zip(keys, results))


# The program that starts workers

def usable_cores():
    """How many cores this process may use: some may be set aside for others."""
    if hasattr(os, "process_cpu_count"):  # Python 3.13; it knows PYTHON_CPU_COUNT
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def main_can_be_imported():
    """Whether workers can import the program: not in a notebook, nor if it was read
    from standard input, as by `python - < demo.py`."""
    program = getattr(sys.modules["__main__"], "__file__", None)
    return program is not None and os.path.isfile(program)


def run_here(function, jobs, report):
    """The jobs one after another, in this process."""
    results = []
    for job in jobs:
        results.append(function(*job))
        if report is not None:
            report(len(results))
    return results


class Worker:
    """A process that runs jobs, and this end of the pipe to it."""

    def __init__(self):
        # Spawned: a forked process inherits locks of threads that it does not have.
        context = multiprocessing.get_context("spawn")
        self.pipe, other_end = context.Pipe()
        self.process = context.Process(target=work, args=(other_end,), daemon=True)
        self.process.start()
        other_end.close()  # the worker has a copy; once that is closed, reading ends

    def send(self, function, job):
        """Let the worker run function(*job)."""
        try:
            self.pipe.send((function, job))
        except OSError:
            raise self.ended_early() from None

    def receive(self):
        """What the worker sent: "ready" at first, then pairs: (True, the result of a
        job) or (False, its error)."""
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            raise self.ended_early() from None

    def ended_early(self):
        """The error that says how the worker ended."""
        self.process.join()
        status = self.process.exitcode
        if status < 0:
            cause = "it was killed, perhaps because memory ran out"
        else:
            cause = "its own error is printed above"
        return ChildProcessError(
            f"a worker process ended early with status {status}: {cause}")

    def stop(self):
        """End the process at once."""
        self.process.terminate()
        self.process.join()
        self.pipe.close()


def start_workers(n_workers, workers):
    """Append n_workers started workers to a list, or fewer if no more can start."""
    # Workers inherit that Ctrl-C is ignored, so that only this process reports it.
    ignoring_ctrl_c = interrupts.ctrl_c(signal.SIG_IGN)
    with ignoring_ctrl_c, one_thread_per_process():
        with contextlib.suppress(OSError, ImportError):  # too many processes, say
            for _ in range(n_workers):
                workers.append(Worker())


@contextlib.contextmanager
def one_thread_per_process():
    """Processes that start inside multiply matrices in one thread: they are as many as
    cores, and more threads would wait for each other."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        del os.environ["OMP_NUM_THREADS"]
        if before is not None:
            os.environ["OMP_NUM_THREADS"] = before


def are_ready(workers):
    """Whether there are several workers, and all of them have imported the program."""
    if len(workers) < 2:
        return False
    try:
        for worker in workers:
            worker.receive()
    except ChildProcessError:
        return False
    return True


def run_in_workers(workers, function, jobs, report):
    """The results in the order of the jobs; a worker that is done gets the next job."""
    results = {}
    waiting = list(enumerate(jobs))
    free = list(workers)
    busy = {}  # the worker and the index of its job, by pipe
    while waiting or busy:
        while waiting and free:
            worker = free.pop()
            index, job = waiting.pop(0)
            worker.send(function, job)
            busy[worker.pipe] = worker, index
        # Pipe() has imported this module.
        for pipe in multiprocessing.connection.wait(busy):
            worker, index = busy.pop(pipe)
            succeeded, result = worker.receive()
            if not succeeded:
                raise result
            results[index] = result
            free.append(worker)
            if report is not None:
                report(len(results))
    return [results[index] for index in range(len(jobs))]


# The worker

def work(pipe):
    """Run jobs from a pipe until it is closed or the program is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Windows does not hand it on
    try:
        threading.Thread(target=end_with_program, daemon=True).start()
    except RuntimeError:  # no room for a thread, so there is none for a worker
        return
    pipe.send("ready")
    while True:
        try:
            function, job = pipe.recv()
        except EOFError:
            return
        try:
            message = (True, function(*job))
        except ERRORS as error:
            message = (False, error)
        pipe.send(message)


def end_with_program():
    """Wait until the program has ended, however it did, and end this process."""
    multiprocessing.parent_process().join()
    os._exit(1)
