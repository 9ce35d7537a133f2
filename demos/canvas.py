"""Files and windows: each file is written beside its place and then renamed."""
import csv
import functools
import os
import tempfile

from terminal import tell

NO_WINDOW = "no window can be opened: that takes a display, and tkinter or PyQt6"


def check(args):
    """Raise ValueError if a file asked for could not be written."""
    files = {f"--{name}": getattr(args, name, None) for name in ("out", "csv", "gif")}
    files = {name: path for name, path in files.items() if path is not None}
    for name, path in files.items():
        folder = os.path.dirname(os.path.realpath(path))
        if os.path.isdir(path) or not os.path.basename(path):
            raise ValueError(f"{name} {path} is a folder; give a file name")
        if not os.path.isdir(folder):
            raise ValueError(f"{name} {path}: there is no folder {folder}")
        if not os.access(path if os.path.exists(path) else folder, os.W_OK):
            raise ValueError(f"{name} {path} cannot be written")
    if len(set(map(os.path.realpath, files.values()))) < len(files):
        raise ValueError(" and ".join(files) + ": two of these are the same file")
    if not files.get("--gif", ".gif").lower().endswith(".gif"):
        raise ValueError(f"--gif {args.gif}: the name must end in .gif")
    if "--out" in files:
        from matplotlib.backend_bases import FigureCanvasBase
        formats = {*FigureCanvasBase.get_supported_filetypes()} - {"pgf"}  # wants LaTeX
        if os.path.splitext(args.out)[1][1:].lower() not in formats:
            raise ValueError(f"--out {args.out}: the picture format must be one of "
                             + ", ".join(sorted(formats)))


def figure(show, **size):
    """A figure that can be saved anywhere, and shown where `show` is set and a window
    can be opened."""
    if show:
        try:
            from matplotlib import pyplot
            return pyplot.figure(**size)
        except ImportError:  # of what MPLBACKEND names
            pass
    from matplotlib.figure import Figure
    return Figure(**size)


def has_window(figure):
    """Whether this figure can be shown."""
    return bool(getattr(figure.canvas, "required_interactive_framework", None))


def bare(*axes):
    """Without the lines above and on the right."""
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)


def finish(args, rows, draw=None, animate=None):
    """Write the files asked for: the CSV of rows, draw(), a figure, and animate(path);
    then show the figure.  What fails costs no other, and is raised at the end."""
    drawn, failed = functools.cache(draw or str), {}
    for what, path, write in [
            ("table", args.csv, lambda path: write_csv(path, rows)),
            ("figure", draw and args.out, lambda path: drawn().savefig(path, dpi=150)),
            ("animation", animate and args.gif, animate)]:
        try:
            if path:
                replace(path, write)
                print(f"{what} saved as {path}")
        except Exception as error:
            failed[path] = error
    if draw and args.show and args.out not in failed:
        show(drawn())
    if failed:
        message = "could not write " + "; ".join(
            f"{path}: {getattr(error, 'strerror', None) or error}"
            for path, error in failed.items())
        for error in failed.values():  # a full disk gets one line, a slip its traceback
            if not isinstance(error, (OSError, MemoryError)):
                raise RuntimeError(message) from error
        raise OSError(message)


def show(figure):
    if has_window(figure):
        from matplotlib import pyplot
        pyplot.show()
    else:
        tell(f"--show: {NO_WINDOW}\n")


def replace(path, write):
    """write(a new file), then rename it to path: what was there is replaced whole or
    not at all."""
    if os.path.exists(path) and not os.path.isfile(path):
        return write(path)  # a device, like /dev/stdout
    path = os.path.realpath(path)  # a link stays a link
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as beside:
        new = os.path.join(beside, os.path.basename(path))
        write(new)
        os.replace(new, path)


def write_csv(path, rows):
    """The table with as many digits as a double holds."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow({key: float(value) if isinstance(value, float) else value
                             for key, value in row.items()})
