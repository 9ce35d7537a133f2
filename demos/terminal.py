"""Standard output and error, which may be closed, full, or know only a few letters."""
import contextlib
import sys
import time


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
