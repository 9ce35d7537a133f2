"""Ctrl-C ends a demo in one line, and is ignored by its worker processes."""
import contextlib
import signal
import sys
import threading


class Interrupt(BaseException):
    """Ctrl-C in a demo.  It is no KeyboardInterrupt, after which train.train would
    return unfinished models."""


def raise_interrupt(signal_number, frame):
    """A handler of Ctrl-C."""
    raise Interrupt


@contextlib.contextmanager
def ctrl_c(handler):
    """Inside, Ctrl-C calls `handler`; after it, what it called before.

    A program in the background (`&`) ignores Ctrl-C already, and only the main thread
    may set a handler: then nothing changes.
    """
    before = signal.getsignal(signal.SIGINT)
    in_main_thread = threading.current_thread() is threading.main_thread()
    if before == signal.SIG_IGN or not in_main_thread:
        yield
        return
    signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def delayed():
    """Inside, Ctrl-C waits; it ends the program with status 130 afterwards."""
    presses = []

    def note_press(signal_number, frame):
        presses.append(signal_number)

    try:
        with ctrl_c(note_press):
            yield
    except KeyboardInterrupt:
        presses.append(signal.SIGINT)
    if presses:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
