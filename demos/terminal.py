"""What a machine may lack: an output that knows all letters, a terminal, memory."""
import contextlib
import os
import sys
import time
import tracemalloc

from minimae import train


class Output:
    """Standard output for which no file has to wait: where it breaks, the run goes on
    without it, and `error` says why."""

    def __init__(self, stream):
        self.stream, self.error = stream, None

    def write(self, text):
        try:
            if self.stream:
                self.stream.write(text)
                self.stream.flush()  # a table is seen before what comes after can fail
        except UnicodeEncodeError:
            self.write(text.encode("ascii", "backslashreplace").decode())
        except (OSError, ValueError) as error:
            self.error = getattr(error, "strerror", None) or error
            with contextlib.suppress(OSError):
                self.stream.close()  # else Python tries, and complains, once more
            self.stream = None

    def flush(self):
        """`write` has done it."""


def tell(text):
    """Write to standard error, where there is one."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()


def watched():
    """Whether standard error is a terminal."""
    return sys.stderr is not None and not sys.stderr.closed and sys.stderr.isatty()


def progress(total, what="training"):
    """A callback, show(done, ...), that tells on a terminal how far it is and how long
    to go; a training's callback as it is."""
    start = time.monotonic()

    def show(done, *_):
        if watched() and (done % (1 + total // 50) == 0 or done == total):
            left = (time.monotonic() - start) * (total / done - 1)
            tell(f"\r{what} {100 * done // total:3d} %, {left:3.0f} s left "
                 + "\n" * (done == total))
    return show


def fits(problem, levels, seeds):
    """Raise ValueError if a run of so many seeds would take more than half of this
    machine's memory: a step of the first one tells what each takes."""
    tracemalloc.start()
    try:
        train.train(problem, levels, seeds[:1], 1)
        each = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    if hasattr(os, "sysconf"):  # not on Windows, which reports when memory ends
        most = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2 // each
        if len(seeds) > most:
            raise ValueError(f"--seeds {len(seeds)}: {most} fit this machine's memory")
