"""Files and windows: everything is written beside its place and then renamed."""
import os
import sys

import common


def figure(show, **size):
    """A figure that can be saved anywhere, and shown where `show` is set and there is a
    display."""
    if show:
        try:
            from matplotlib import pyplot
            return pyplot.figure(**size)
        except ImportError:  # a window was asked for by name, and there is no display
            pass
    from matplotlib.figure import Figure
    return Figure(**size)


def has_window(figure):
    return bool(getattr(figure.canvas, "required_interactive_framework", None))


def bare(*axes):
    """Without the lines above and on the right."""
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)


def finish(args, rows, draw=None, animate=None):
    """Write the files asked for: the CSV of rows, draw(), a figure, and animate(path).

    A file that cannot be written costs no other; what failed is raised as OSError."""
    failed = []

    def attempt(path, write, what):
        try:
            replace(path, write)
            if what:
                print(f"{what} saved as {path}")
        except Exception as error:  # whatever a file system or matplotlib may raise
            failed.append(f"{path}: {getattr(error, 'strerror', None) or error}")

    if args.csv:
        attempt(args.csv, lambda path: common.write_csv(path, rows), "")
    if draw and (args.out or args.show):
        drawn = draw()
        if args.out:
            attempt(args.out, lambda path: drawn.savefig(path, dpi=150), "figure")
        if args.show:
            show(drawn, args.out)
    if animate and args.gif:
        attempt(args.gif, animate, "animation")
    if failed:
        raise OSError("could not write " + "; ".join(failed))


def show(figure, out):
    if has_window(figure):
        from matplotlib import pyplot
        pyplot.show()
    else:
        saved = ", the figure is saved all the same" if out else ""
        print("--show: there is no display here" + saved, file=sys.stderr)


def replace(path, write):
    """write(a name beside path), then rename: what was there is replaced whole or not at
    all.  What is no plain file, like /dev/stdout, is written to as it is."""
    if os.path.exists(path) and not os.path.isfile(path):
        return write(path)
    folder, name = os.path.split(os.path.abspath(path))
    beside = os.path.join(folder, f".{os.getpid()}-{name}")
    try:
        write(beside)
        os.replace(beside, path)
    finally:
        if os.path.exists(beside):
            os.remove(beside)


def frames(figure, path, count, draw, rate=4):
    """Save an animation: draw(n) changes the figure to frame n; `rate` frames a second."""
    from matplotlib.animation import PillowWriter
    done, writer = common.progress(count, "frames"), PillowWriter(fps=rate)
    with writer.saving(figure, path, dpi=60):
        for n in range(count):
            draw(n)
            writer.grab_frame()
            done(n + 1)
