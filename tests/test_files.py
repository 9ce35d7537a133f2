"""Files of demos: paths are checked without being touched, and each file is written as
a whole or not at all."""
import csv
import errno
import io
import os
import stat
import threading
from pathlib import Path

import matplotlib
import pytest
from matplotlib import pyplot as plt
from matplotlib.animation import FuncAnimation

import files

ROWS = [{"target": 0.5, "steps": 3}, {"target": None, "steps": 3}]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def save():
    return files.Writer(io.StringIO())


@pytest.fixture
def figure():
    figure = plt.figure(figsize=(2, 1))
    figure.subplots().plot([0, 1])
    yield figure
    plt.close(figure)


# Paths

@pytest.mark.parametrize("path, words", [
    ("f.eps", "must end in .png or .pdf"), ("", "must end in"),
    (300 * "a" + ".png", "too long"), ("no/f.png", "no such folder"),
    ("folder.png", "this is a folder"), ("loop.png", "symbolic links"),
    ("file/f.png", "directory"), ("to_nowhere.png", "no such folder")])
def test_bad_paths_are_refused(path, words):
    Path("folder.png").mkdir()
    Path("file").touch()
    Path("loop.png").symlink_to("loop.png")
    Path("to_nowhere.png").symlink_to("no/f.png")
    with pytest.raises(ValueError, match=words):
        files.check_path(path, (".png", ".pdf"))


def test_checking_a_path_touches_nothing():
    Path("old.png").write_text("old")
    Path("link.png").symlink_to("target.png")
    os.mkfifo("pipe.png")
    before = os.stat("old.png")
    for path in ["new.png", "old.png", "link.png", "pipe.png", "NEW.PNG"]:
        files.check_path(path, (".png",))  # opening the pipe would wait for a reader
    assert sorted(os.listdir()) == ["link.png", "old.png", "pipe.png"]
    assert os.readlink("link.png") == "target.png" and os.stat("old.png") == before


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write all")
def test_what_may_not_be_written_is_refused():
    Path("locked").mkdir(mode=0o500)
    Path("f.png").touch(mode=0o400)
    for path in ["locked/f.png", "f.png"]:
        with pytest.raises(ValueError, match="may not be written"):
            files.check_path(path, (".png",))


# Whole or not at all

def test_a_file_is_replaced_and_keeps_its_mode():
    Path("f.csv").write_text("old")
    os.chmod("f.csv", 0o640)
    files.write_whole("f.csv", b"new")
    assert Path("f.csv").read_text() == "new"
    assert stat.S_IMODE(os.stat("f.csv").st_mode) == 0o640
    umask = os.umask(0o027)
    try:
        files.write_whole("g.csv", b"new")
    finally:
        os.umask(umask)
    assert stat.S_IMODE(os.stat("g.csv").st_mode) == 0o640  # as of any new file


@pytest.mark.parametrize("exists", [False, True])
def test_the_target_of_a_link_is_written(exists):
    Path("folder").mkdir()
    Path("f.csv").symlink_to("folder/target.csv")
    if exists:
        Path("folder/target.csv").write_text("old")
    files.write_whole("f.csv", b"new")
    assert os.readlink("f.csv") == "folder/target.csv"
    assert Path("folder/target.csv").read_text() == "new"
    assert os.listdir("folder") == ["target.csv"]


class HalfWritten(io.BytesIO):
    """A file on a disk that gets full, or a writer that is stopped."""

    def __init__(self, path, error):
        super().__init__()
        self.path = path
        self.error = error

    def write(self, content):
        Path(self.path).write_bytes(content[:len(content) // 2])
        raise self.error


@pytest.mark.parametrize("old", [None, "old"])
@pytest.mark.parametrize("error", [
    OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_file_is_never_half_written(error, old, monkeypatch):
    if old:
        Path("f.csv").write_text(old)
    monkeypatch.setattr(files, "open", lambda path, mode: HalfWritten(path, error),
                        raising=False)
    with pytest.raises(type(error)):
        files.write_whole("f.csv", b"new")
    assert os.listdir() == (["f.csv"] if old else [])
    if old:
        assert Path("f.csv").read_text() == old


def test_an_error_costs_one_file(save, figure, monkeypatch, capsys):
    def full(path, mode):
        raise OSError(errno.ENOSPC, "No space left on device")

    def no_memory(figure, ending):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(files, "open", full, raising=False)
        save.table("t.csv", ROWS, {})
    with monkeypatch.context() as patch:
        patch.setattr(files, "figure_bytes", no_memory)
        save.figure("f.png", figure)
    save.text("page.html", "Î")
    assert save.errors == ["t.csv: No space left on device", "f.png: out of memory"]
    assert os.listdir() == ["page.html"]
    assert capsys.readouterr().out == "saved page.html\n"
    assert Path("page.html").read_text(encoding="utf-8") == "Î"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device")
def test_devices_are_written_directly(save, monkeypatch):
    # If this test fails, root must not lose the devices.
    monkeypatch.setattr(os, "replace", None)
    Path("full.csv").symlink_to("/dev/full")
    Path("null.csv").symlink_to("/dev/null")
    files.check_path("full.csv", (".csv",))
    save.table("full.csv", ROWS, {})
    save.table("null.csv", ROWS, {})
    assert save.errors == ["full.csv: No space left on device"]
    assert sorted(os.listdir()) == ["full.csv", "null.csv"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_is_written_directly(save):
    os.mkfifo("t.csv")
    received = []
    reader = threading.Thread(target=lambda: received.append(Path("t.csv").read_text()))
    reader.start()
    save.table("t.csv", ROWS, {})
    reader.join()
    assert received == [files.csv_text(ROWS, {})] and save.errors == []
    assert stat.S_ISFIFO(os.stat("t.csv").st_mode)


# Contents

def test_a_table_has_the_settings_in_every_row(save):
    save.table("t.csv", ROWS, {"steps": 9, "critic": "1"})
    save.table("-", ROWS, {"steps": 9, "critic": "1"})
    save.table(None, ROWS, {})
    text = Path("t.csv").read_text()
    assert text == save.output.getvalue()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert rows == [{"target": "0.5", "steps": "3", "critic": "1"},
                    {"target": "", "steps": "3", "critic": "1"}]
    assert os.listdir() == ["t.csv"]


@pytest.mark.parametrize("path, start", [
    ("f.png", b"\x89PNG"), ("f.PDF", b"%PDF"), ("f.svg", b"<?xml"),
    ("f.jpg", b"\xff\xd8\xff")])
def test_the_format_of_a_figure_is_that_of_its_name(path, start, save, figure):
    save.figure(path, figure)
    assert save.errors == [] and Path(path).read_bytes().startswith(start)


def test_a_saved_figure_does_not_depend_on_settings(save, figure):
    save.figure("a.png", figure)
    backend = matplotlib.get_backend()
    users = {"savefig.dpi": 7, "savefig.bbox": "tight", "savefig.transparent": True,
             "savefig.facecolor": "red", "font.size": 30}
    with matplotlib.rc_context(users):
        before = matplotlib.rcParams.copy()
        save.figure("b.png", figure)
        assert matplotlib.rcParams == before
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    assert matplotlib.get_backend() == backend


def test_a_film_is_a_gif(save, figure):
    line, = figure.axes[0].plot([])
    film = FuncAnimation(figure, lambda k: line.set_data([0, 1], [0, k]), frames=2)
    save.film("f.gif", film)
    save.film(None, film)
    assert save.errors == [] and Path("f.gif").read_bytes().startswith(b"GIF89a")
    assert os.listdir() == ["f.gif"]
