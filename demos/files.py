"""The files of a demo: each is written as a whole or not at all."""
import contextlib
import csv
import io
import os
import secrets
import shutil
import tempfile

from minimae import plot

DPI = 150  # dots per inch: a figure fills a projector and stays below a megabyte


# Before the run

def check_path(path, endings):
    """Raise ValueError if a file of this name cannot be written.

    Nothing is created, opened or changed.  endings: a tuple such as (".png", ".pdf").
    """
    if not path.lower().endswith(endings):
        raise ValueError(f"{path}: the name must end in {' or '.join(endings)}")
    try:
        os.stat(path)
    except FileNotFoundError:
        pass  # a new file, or a link to one
    except OSError as error:  # the name is too long, say, or links go round in circles
        raise ValueError(f"{path}: {error.strerror}") from None
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    if os.path.isdir(target):
        raise ValueError(f"{path}: this is a folder")
    if not os.path.isdir(folder):
        raise ValueError(f"{path}: no such folder")
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise ValueError(f"{path}: the file may not be written")
    if not is_device(path) and not os.access(folder, os.W_OK):
        raise ValueError(f"{path}: its folder may not be written")


def is_device(path):
    """Whether the name is that of a pipe or a device such as /dev/full."""
    return os.path.exists(path) and not os.path.isfile(path)


# After the run

class Writer:
    """Writes the files of a run; a path that is None is skipped.

    An error costs one file: its line is kept in `errors`, and the next ones are still
    written.  output: the text stream that "-" stands for.
    """

    def __init__(self, output):
        self.output = output
        self.errors = []

    def table(self, path, rows, settings):
        """Write rows, dicts with the same keys, as CSV, with the settings of the run in
        every row."""
        if path == "-":
            self.output.write(csv_text(rows, settings))
        elif path is not None:
            self.write(path, table_bytes, rows, settings)

    def figure(self, path, figure):
        """Write a Matplotlib figure in the format that the name says."""
        if path is not None:
            ending = path.rpartition(".")[2]
            self.write(path, figure_bytes, figure, ending.lower())

    def film(self, path, animation):
        """Write a Matplotlib animation as a GIF."""
        if path is not None:
            self.write(path, gif_bytes, animation)

    def text(self, path, text):
        """Write a text, such as a page in HTML."""
        if path is not None:
            self.write(path, text.encode, "utf-8")

    def write(self, path, make_bytes, *arguments):
        """Write make_bytes(*arguments)."""
        try:
            content = make_bytes(*arguments)
            write_whole(path, content)
        except (OSError, MemoryError) as error:
            self.errors.append(f"{path}: {reason(error)}")
        else:
            print(f"saved {path}")


def reason(error):
    """What went wrong in a few words, without the name of a file."""
    return getattr(error, "strerror", None) or str(error) or "out of memory"


def write_whole(path, content):
    """Write bytes to a file beside it, and move that over the file once it is complete:
    a full disk or Ctrl-C leaves the old file.  Of a link the target is replaced."""
    if is_device(path):
        with open(path, "wb") as device:
            device.write(content)
        return
    target = os.path.realpath(path)
    # A short name of its own: that of the file may be as long as is allowed.
    name = f".{secrets.token_hex(8)}.part"
    part = os.path.join(os.path.dirname(target), name)
    try:
        with open(part, "xb") as file:
            file.write(content)
        if os.path.exists(target):
            shutil.copymode(target, part)
        os.replace(part, target)
    finally:
        with contextlib.suppress(FileNotFoundError):  # it was moved
            os.remove(part)


# Contents

def csv_text(rows, settings):
    """Rows as CSV.  A setting that is also a key of the rows is theirs."""
    text = io.StringIO()
    columns = dict.fromkeys([*rows[0], *settings])  # without repetition, in this order
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({**settings, **row})
    return text.getvalue()


def table_bytes(rows, settings):
    """Rows as the bytes of a CSV file."""
    return csv_text(rows, settings).encode("utf-8")


def figure_bytes(figure, ending):
    """A figure as the bytes of a file, whatever the user's Matplotlib is set to."""
    file = io.BytesIO()
    with plot.style():
        figure.savefig(file, format=ending, dpi=DPI)
    return file.getvalue()


def gif_bytes(animation):
    """An animation as the bytes of a GIF, which Matplotlib writes to files only."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "film.gif")
        with plot.style():
            animation.save(path, writer="pillow")
        with open(path, "rb") as file:
            return file.read()
