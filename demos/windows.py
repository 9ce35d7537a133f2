"""Matplotlib's backend: a demo opens a window if --show asks for it, and never else."""
import contextlib
import importlib.util
import os
import sys

# A notebook hands its own backend, in MPLBACKEND, on to programs that it starts.
# Matplotlib cannot even be imported if this Python does not have that backend.
backend = os.environ.get("MPLBACKEND", "")
if backend.startswith("module://"):
    package, _, _ = backend.removeprefix("module://").partition(".")
    if importlib.util.find_spec(package) is None:
        del os.environ["MPLBACKEND"]

import matplotlib
from matplotlib import pyplot as plt


@contextlib.contextmanager
def drawing(show):
    """Inside, figures are drawn without windows, unless `show` and there can be some.

    After it, a notebook shows figures as before: its backend is back, and the figures
    made inside, which were saved, are closed.
    """
    backend = matplotlib.get_backend()
    # Also if it is not used: a notebook's backend is set up when it starts first.
    starts = can_start(backend)
    if show and starts:
        yield
        return
    plt.switch_backend("agg")
    open_before = plt.get_fignums()
    try:
        yield
    finally:
        for number in plt.get_fignums():
            if number not in open_before:
                plt.close(number)
        can_start(backend)


def can_start(backend):
    """Switch to a backend and return True, or False if that fails: MPLBACKEND may name
    one that is not installed or needs a display."""
    try:
        plt.switch_backend(backend)
    except ImportError:
        return False
    return True


def show_figures():
    """Open a window for every figure, or say that there can be none."""
    if matplotlib.get_backend().lower() == "agg":
        print("--show: no window can be opened here", file=sys.stderr)
    else:
        plt.show()
