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
import gc
import io
import itertools
import multiprocessing
import re
import signal
import tempfile
import threading
import time
from concurrent import futures
from functools import partial
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot as plt

from minimae import checks, critics, table, train

gc.freeze()  # modules are no garbage to look for: training is 7 % faster
matplotlib.rcdefaults()  # the same picture whatever the user's settings
MISSING = dict(seed=0, seeds=1, steps=1, out="", csv=None, gif=None, html=None,
               show=False)  # where not offered
NO_SETTINGS = {"levels", "seed", "seeds", "out", "csv", "gif", "html", "show"}
CRITICS = {"bayes": critics.Bayes, "multi-sample": critics.MultiSample,
           "1": critics.Normal,  # more than 100 take minutes and gigabytes
           **{str(n): partial(critics.Mixture, n) for n in range(2, 101)}}


class Parser(argparse.ArgumentParser):
    """Errors in one line."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}\n")


def options(doc, levels, out, steps=500, seeds=1, critic=None, film=None):
    """A parser with the options of every demo; --critic where it has a default, --gif
    and --html where there is a film."""
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
            help="1 the poster's normal, C a mixture of C of them, bayes Bayes' rule, "
                 "multi-sample the same over the codes of a step")
    add("--out", type=writable(".png", ".jpg", ".pdf", ".svg"), default=out,
        metavar="FIGURE", help="where to save the figure")
    add("--csv", type=writable(".csv", "-"), metavar="TABLE",
        help="where to save the table, - standard output")
    if film:
        add("--gif", type=writable(".gif"), help=f"where to save {film}")
        add("--html", type=writable(".html"), help="the same as a page with a slider")
    add("--show", action="store_true", help="open the figure in a window")
    return parser


def named_critic(text):
    """A critic by its name on the command line; it prints as that name."""
    if text not in CRITICS:
        raise argparse.ArgumentTypeError(f"{text}: 1 to 100, bayes or multi-sample")
    critic = CRITICS[text]()
    critic.name = text
    return critic


def writable(*endings):
    """The type of an option: the name of a file that can be written.  What one holds
    stays."""
    def checked(path):
        if not path.lower().endswith(endings):
            raise argparse.ArgumentTypeError(
                f"{path}: the name must end in {' or '.join(endings)}")
        new = not os.path.exists(path)
        try:
            if new or os.path.isfile(path) or os.path.isdir(path):  # a pipe would wait
                open(path, "ab").close()
            if new:
                os.remove(path)
        except OSError as error:
            raise argparse.ArgumentTypeError(f"{path}: {error.strerror}") from None
        return path
    return checked


def penalty(critic):
    """Bayes' rule cannot lag behind p, so C may grow ten times as far, which steep
    likelihoods need."""
    growth = train.GROWTH * (10 if isinstance(critic, critics.Bayes) else 1)
    return partial(train.Penalty, growth=growth)


def main(run, parser, argv=None):
    """run(args), with args.seeds a range; what can go wrong ends in one line."""
    args = argparse.Namespace(**{**MISSING, **vars(parser.parse_args(argv))})
    try:
        checks.whole(0, seed=args.seed)
        checks.whole(1, 10 ** 6, steps=args.steps, seeds=args.seeds)
        args.seeds = range(args.seed, args.seed + args.seeds)
        args.show |= {args.out, args.csv, args.gif, args.html} == {None}  # no file
        if BACKEND or not args.show:
            matplotlib.use(BACKEND if args.show else "agg")
        # A table on standard output is that and nothing else.
        with contextlib.redirect_stdout(sys.stderr if args.csv == "-" else sys.stdout):
            run(args)
        sys.stdout.flush()
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


def write(path, content):
    """Bytes that are complete, in one go: no other file, and none half written."""
    with contextlib.suppress(BrokenPipeError):  # other files may be left to write
        if path == "-":
            sys.__stdout__.write(content.decode())
        else:
            Path(path).write_bytes(content)
            print(f"saved {path}")


def save(args, rows, figure=None):
    """Write the figure, and the table with the settings of the run."""
    if figure:
        write(args.out, picture(figure, args.out))
    if not args.csv:
        return
    settings = {key: getattr(value, "name", value) for key, value in vars(args).items()
                if key not in NO_SETTINGS | rows[0].keys()}
    text = io.StringIO()
    writer = csv.DictWriter(text, [*rows[0], *settings], lineterminator="\n")
    writer.writeheader()
    writer.writerows({**settings, **row} for row in rows)
    write(args.csv, text.getvalue().encode())


def picture(figure, path):
    """A figure as the bytes of a file with this name."""
    file = io.BytesIO()
    figure.savefig(file, format=path.rpartition(".")[2], dpi=150)
    return file.getvalue()


def save_film(args, draw):
    """Write draw(), a Matplotlib animation, as a GIF and as a page, where asked for."""
    animation = draw() if args.gif or args.html else None
    if args.gif:
        with tempfile.TemporaryDirectory() as folder:
            film = Path(folder, "film.gif")
            animation.save(film, "pillow")
            write(args.gif, film.read_bytes())
    if args.html:
        # Matplotlib loads the symbols on its buttons from the network: words will do.
        style = (".anim-buttons button[title] {width: auto} img {max-width: 100%}"
                 "button::before {content: attr(title)}")
        page = re.sub("(?s)<link.*?>", f"<style>{style}</style>", animation.to_jshtml())
        # Its parts have random names: the same run, the same bytes.
        write(args.html, re.sub("[0-9a-f]{32}", "", page).encode())


def report(rows, columns=None):
    """Print the table; for several seeds worst and median, a line per level in the
    order of the rows."""
    n_seeds, lines = len({row["seed"] for row in rows}), []
    if n_seeds == 1:
        return table.show(rows, columns)
    differences = [("|I - M|", "information", "level"),
                   ("I - I^", "information", "lower"),
                   ("best - E log p(x)", "best", "log_likelihood"),
                   ("E log p(x) - ELBO", "log_likelihood", "elbo")]
    for k in range(len(rows) // n_seeds):
        group = rows[k::len(rows) // n_seeds]
        known = [row for row in group if np.isfinite(row["information"])]
        counts = {"not reached by": sum(not table.reached(row) for row in known),
                  "not resolved in": n_seeds - len(known)}
        level = group[0]["level"]
        line = {"level": level, "information": level or 0.0, "note": ", ".join(
            f"{words} {n} of {n_seeds}" for words, n in counts.items() if n)}
        for heading, high, low in differences:
            found = [abs(row[high] - row[low]) for row in known
                     if None not in (row[high], row[low])]
            line[heading] = "-" if not found else (
                f"{np.max(found):.5f} {np.median(found):.5f}")
        lines.append(line)
    columns = [("level", "M asked", 4)] + [(name, name, 5) for name, *_ in differences]
    heading = f"over {n_seeds} seeds, in nats, without signs: worst and median of each"
    table.show(lines, columns, heading)


def progress(total, what="training"):
    """A callback that tells on a terminal how far it is, and how long to go."""
    start = time.monotonic()

    def show(done, *_):
        if sys.stderr.isatty() and (done % (1 + total // 50) == 0 or done == total):
            left = (time.monotonic() - start) * (total / done - 1)
            print(f"\r{what} {100 * done // total:3d} %, {left:3.0f} s left ",
                  end="\n" * (done == total), file=sys.stderr, flush=True)
    return show


def each(function, jobs, done=lambda n: None):
    """[function(*job) for job in jobs], a process per core; done(n) tells of the n-th.

    Processes are spawned, so functions must be importable; they end when this one does.
    """
    if multiprocessing.current_process().name != "MainProcess":
        sys.exit(1)  # a script without main guard, run again by a worker
    n, results = min(cores(), len(jobs)), []
    run = partial(in_processes, n) if n > 1 else itertools.starmap
    for result in run(function, jobs):
        results.append(result)
        done(len(results))
    return results


def in_processes(n, function, jobs):
    """Yield what each job returns, in order."""
    # Threads of one process, for products of matrices: the other cores are taken
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    spawn = multiprocessing.get_context("spawn")
    with futures.ProcessPoolExecutor(n, spawn, start_worker) as pool:
        try:
            # Ctrl-C waits meanwhile and never reaches workers: one process tells of it.
            if os.name == "posix":
                signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            running = [pool.submit(function, *job) for job in jobs]
            if os.name == "posix":
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
            for future in running:
                while not future.done():  # Windows interrupts no longer waits
                    futures.wait([future], 0.2)
                yield future.result()
        except futures.BrokenExecutor:
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


def start_worker():
    """In a new process: end as soon as the one that started it is gone."""
    def end_with_parent():
        multiprocessing.parent_process().join()
        os._exit(1)
    threading.Thread(target=end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def columns(rows, *keys, **values):
    """Columns of the rows that have these values, as arrays, (keys, rows); a key is a
    name or a function of a row, as in table.show.  None becomes NaN."""
    rows = [row for row in rows if all(row[k] == v for k, v in values.items())]
    return np.array([[key(row) if callable(key) else row[key] for row in rows]
                     for key in keys], float)


def note(figure, rows, words):
    """Below a figure: words, and how many rows it cannot show."""
    missing = np.sum(np.isnan(columns(rows, "information")))
    figure.supxlabel(f"{words}\nnot resolved, not shown: {missing} of {len(rows)}",
                     size=12)
