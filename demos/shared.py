"""What the demos share: options, errors in one line, how far a run is, the files that
it writes, and processes.  Nothing to run."""
import os
import sys


def interrupted(kind, error, traceback):
    """Ctrl-C at any moment, also while modules are imported: one line, status 130."""
    if not issubclass(kind, KeyboardInterrupt):
        return sys.__excepthook__(kind, error, traceback)
    print("interrupted", file=sys.stderr, flush=True)
    os._exit(130)


sys.excepthook = interrupted
# What a notebook, say, sets for its own windows would keep a demo from drawing.
BACKEND = os.environ.pop("MPLBACKEND", None)

import argparse
import contextlib
import csv
import io
import multiprocessing
import re
import signal
import tempfile
import threading
import time
import concurrent.futures.process as pools
from concurrent import futures
from functools import partial

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.animation import PillowWriter
from matplotlib.backend_bases import FigureCanvasBase

from minimae import checks, critics, table, train

matplotlib.rcdefaults()  # the same picture whatever the user's settings
# eps and ps know no transparency, pgf wants LaTeX
FORMATS = sorted({*FigureCanvasBase.get_supported_filetypes()} - {"eps", "ps", "pgf"})
ENDINGS = {"out": FORMATS, "csv": ["csv"], "gif": ["gif"], "html": ["html"]}
# Of a demo that does without these options
MISSING = dict(seed=0, seeds=1, steps=1, out=None, csv=None, gif=None, html=None,
               show=False)
NO_SETTINGS = {"levels", "seed", "seeds", "out", "show", *ENDINGS}  # of the table
THREADS = "OMP_NUM_THREADS"  # of one process, for products of matrices
WORKER = "MINIMAE_WORKER"  # set where a process is a worker of another
# Matplotlib's page loads the symbols on its buttons from the network: letters do.
SYMBOLS = {"minus": "-", "fast-backward": "|<<", "step-backward": "|<", "play": ">",
           "flip-horizontal": "<", "pause": "||", "step-forward": ">|",
           "fast-forward": ">>|", "plus": "+"}


class Parser(argparse.ArgumentParser):
    """Errors in one line."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}\n")


def options(doc, levels, out, steps=500, seeds=1, critic=None):
    """A parser with the options of every demo; --critic where it has a default."""
    parser = Parser(description=doc, allow_abbrev=False,
                    formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--levels", type=float, nargs="+", default=levels, metavar="M",
        help="requested information, nats")
    add("--steps", type=int, default=steps, help="steps of training")
    add("--seed", type=int, default=0, help="the first seed")
    add("--seeds", type=int, default=seeds, metavar="N", help="how many seeds")
    if critic:
        add("--critic", type=named_critic, default=critic, metavar="C",
            help="1 the poster's normal, C a mixture of C of them, bayes Bayes' rule")
    add("--out", default=out, metavar="FIGURE", help="where to save the figure")
    add("--csv", metavar="TABLE", help="where to save the table, - standard output")
    add("--show", action="store_true", help="open the figure in a window")
    return parser


def named_critic(text):
    """A critic by its name on the command line; it prints as that name."""
    known = {"bayes": critics.Bayes, "1": critics.Normal,
             "multi-sample": critics.MultiSample}
    if text not in known and not (text.isdecimal() and 1 < int(text) <= 100):
        # more than 100 take minutes and gigabytes
        raise argparse.ArgumentTypeError(f"{text}: give 1 to 100 normals, or bayes")
    critic = known[text]() if text in known else critics.Mixture(int(text))
    critic.name = text
    return critic


def penalty(critic):
    """Bayes' rule cannot lag behind p, so C may grow ten times as far, which steep
    likelihoods need."""
    growth = train.GROWTH * (10 if isinstance(critic, critics.Bayes) else 1)
    return partial(train.Penalty, growth=growth)


def main(run, parser, argv=None):
    """run(args), with args.seeds a list; what can go wrong ends in one line."""
    args = argparse.Namespace(**{**MISSING, **vars(parser.parse_args(argv))})
    try:
        checks.whole(0, seed=args.seed), checks.whole(1, steps=args.steps)
        checks.whole(1, 10 ** 6, seeds=args.seeds)
        args.seeds = range(args.seed, args.seed + args.seeds)
        check_files(args)
        if BACKEND or not args.show:
            matplotlib.use(BACKEND if args.show else "agg")
        # What is printed comes after the files: so a closed pipe costs none.  A table
        # on standard output is that and nothing else.
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                run(args)
        finally:
            print(printed.getvalue(), end="", flush=True,
                  file=sys.stderr if args.csv == "-" else sys.stdout)
        if args.show and plt.get_backend().lower() == "agg":
            print("--show: no window can be opened here", file=sys.stderr)
        elif args.show:
            plt.show()
    except ValueError as error:
        parser.error(error)
    except (ArithmeticError, ImportError, MemoryError, OSError) as error:
        if isinstance(error, BrokenPipeError):  # Python would complain once more
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        parser.exit(1, f"{parser.prog}: {error or 'out of memory'}\n")
    except KeyboardInterrupt:
        parser.exit(130, f"{parser.prog}: interrupted\n")


def check_files(args):
    """Raise ValueError for a file that cannot be written; what one holds stays."""
    for name in ENDINGS:
        path = getattr(args, name) or "-"
        if path == "-":
            continue
        if os.path.splitext(path)[1][1:].lower() not in ENDINGS[name]:
            raise ValueError(f"--{name} {path}: the name must end in ."
                             + ", .".join(ENDINGS[name]))
        new, pipe = not os.path.exists(path), os.path.exists(path) and not (
            os.path.isfile(path) or os.path.isdir(path))
        try:
            if not pipe:
                open(path, "ab").close()
            if new:
                os.remove(path)
        except OSError as error:
            raise ValueError(f"--{name} {path}: {error.strerror}") from None


def write(path, content):
    """Bytes that are complete, in one go: no other file, and none half written."""
    with open(path, "wb") as file:
        file.write(content)
    print(f"saved {path}")


def save(args, rows, figure=None):
    """Write the table, with the settings of the run, and the figure."""
    if args.csv:
        settings = {key: getattr(value, "name", value) for key, value in
                    vars(args).items() if key not in NO_SETTINGS | rows[0].keys()}
        text = io.StringIO()
        writer = csv.DictWriter(text, [*rows[0], *settings], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**settings, **row} for row in rows)
        if args.csv == "-":
            sys.__stdout__.write(text.getvalue())
        else:
            write(args.csv, text.getvalue().encode())
    if figure:
        write(args.out, picture(figure, args.out))


def picture(figure, path):
    """A figure as the bytes of a file with this name."""
    file = io.BytesIO()
    figure.savefig(file, format=os.path.splitext(path)[1][1:], dpi=150)
    return file.getvalue()


class OnePalette(PillowWriter):
    """A GIF with the same 128 colours in all frames: else it flickers, twice as big."""

    def finish(self):
        frames = [frame.convert("RGB") for frame in self._frames]
        palette = frames[len(frames) // 2].quantize(128)
        self._frames = [frame.quantize(palette=palette, dither=0) for frame in frames]
        super().finish()


def save_animation(path, animation):
    """Write a Matplotlib animation: a GIF, or a page that needs no network."""
    if path.endswith(".html"):
        style = "".join(f'.fa-{name}::before {{content: "{letters}"}}'
                        for name, letters in SYMBOLS.items())
        style += " i {font-style: normal} img {max-width: 100%}"
        page = re.sub("(?s)<link.*?>", f"<style>{style}</style>", animation.to_jshtml())
        # Its parts have random names: the same run, the same bytes.
        return write(path, re.sub("[0-9a-f]{32}", "", page).encode())
    with tempfile.TemporaryDirectory() as folder:
        animation.save(os.path.join(folder, "a.gif"), OnePalette(fps=4))
        with open(os.path.join(folder, "a.gif"), "rb") as file:
            write(path, file.read())


def report(args, rows, *columns_and_heading):
    """Print the table, or for several seeds worst and median; rows of the first one."""
    if len(args.seeds) > 1:
        show_seeds(rows)
    else:
        table.show(rows, *columns_and_heading)
    return [row for row in rows if row["seed"] == args.seed]


def show_seeds(rows):
    """Print worst and median over seeds, a line per level in the order of the rows."""
    n_seeds, lines = len({row["seed"] for row in rows}), []
    for k in range(len(rows) // n_seeds):
        group = rows[k::len(rows) // n_seeds]
        level, known = group[0]["level"], [row for row in group
                                           if np.isfinite(row["information"])]
        figures = {"missed": [abs(row["information"] - level) for row in known
                              if level is not None],
                   "lag": [row["information"] - row["lower"] for row in known],
                   "lost": [row["best"] - row["log_likelihood"] for row in known
                            if row["best"] is not None],
                   "gap": [row["log_likelihood"] - row["elbo"] for row in known]}
        counts = {"not reached by": sum(not table.reached(row) for row in known),
                  "not resolved in": n_seeds - len(known)}
        note = ", ".join(f"{words} {count} of {n_seeds}"
                         for words, count in counts.items() if count)
        lines.append({"level": level, "information": level or 0.0, "note": note, **{
            key: f"{np.max(values):.5f} {np.median(values):.5f}" if values else "-"
            for key, values in figures.items()}})
    table.show(lines, [("level", "M asked", 4), ("missed", "|I - M|", 5),
                       ("lag", "I - I^", 5), ("lost", "best - E log p(x)", 5),
                       ("gap", "E log p(x) - ELBO", 5)],
               f"over {n_seeds} seeds, in nats: worst and median of each")


def progress(total, what="training"):
    """A callback that tells on a terminal how far it is, and how long to go."""
    start = time.monotonic()

    def show(done, *_):
        if sys.stderr and sys.stderr.isatty() and (
                done % (1 + total // 50) == 0 or done == total):
            left = (time.monotonic() - start) * (total / done - 1)
            print(f"\r{what} {100 * done // total:3d} %, {left:3.0f} s left ",
                  end="\n" * (done == total), file=sys.stderr, flush=True)
    return show


def each(function, jobs, done=None):
    """[function(*job) for job in jobs], a process per core; done(n) tells of the n-th.

    Processes are spawned, so functions must be importable; they end when this one does.
    """
    if WORKER in os.environ:  # a script without main guard, run again by a worker
        sys.exit(1)
    n, done = min(cores(), len(jobs)), done or (lambda n: None)
    if n == 1:
        return [(function(*job), done(k))[0] for k, job in enumerate(jobs, 1)]
    spawn = multiprocessing.get_context("spawn")
    with futures.ProcessPoolExecutor(n, spawn, start_worker) as pool:
        try:
            with for_workers():
                waiting = running = [pool.submit(function, *job) for job in jobs]
            while waiting:  # in short turns: Windows interrupts no longer ones
                finished, waiting = futures.wait(waiting, 0.2)
                if finished:
                    done(len(jobs) - len(waiting))
            return [future.result() for future in running]
        except pools.BrokenProcessPool:
            raise OSError("a process ended early: out of memory, or the calling script "
                          "lacks `if __name__ == '__main__':`") from None
        except BaseException:
            for worker in multiprocessing.active_children():
                worker.terminate()
            raise


def each_level(function, args):
    """function(args, levels, tell), a list with an entry per model, for shares of the
    levels and the plain VAE, a process per core; put together in the order of one run.
    tell: whether this share is to say how far it is."""
    levels = [*args.levels, None]  # None: the plain VAE
    n = min(cores(), len(levels))
    parts = each(function, [(args, levels[k::n], k == 0) for k in range(n)])
    return [parts[k % n][seed * len(levels[k % n::n]) + k // n]
            for seed in range(len(args.seeds)) for k in range(len(levels))]


def cores():
    """How many processes may run at a time: some cores may be set aside."""
    affinity = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))
    return len(affinity(0))


@contextlib.contextmanager
def for_workers():
    """What starts now ignores Ctrl-C from its first moment, as this process tells of
    it; and keeps products of matrices on one core, as the others are taken."""
    known = dict(os.environ)
    main_thread = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN) if main_thread else None
    os.environ.update({THREADS: known.get(THREADS, "1"), WORKER: "1"})
    yield
    os.environ.clear()
    os.environ.update(known)
    if main_thread:
        signal.signal(signal.SIGINT, handler)


def start_worker():
    """In a new process: end as soon as the one that started it is gone."""
    def end_with_parent():
        multiprocessing.parent_process().join()
        os._exit(1)
    threading.Thread(target=end_with_parent, daemon=True).start()
