"""What the demos share: options, errors in one line, progress, files.  No numerics."""
import argparse
import csv
import os
import re
import sys
import time

import accuracy
from minimae import table


class Parser(argparse.ArgumentParser):
    """Errors in one line on standard error, exit status 2; defaults shown in the help."""

    def __init__(self, doc):
        super().__init__(description=doc, formatter_class=Formatter)
        # As values of --levels: argparse takes -1e-12 and -inf for options otherwise.
        self._negative_number_matcher = re.compile(r"^-(\d|\.\d|inf|nan)")

    def error(self, message):
        self.stop(2, f"error: {message}")

    def stop(self, status, message):
        clear = "\r\033[K" if on_terminal() else ""  # what progress has left on the line
        self.exit(status, f"{clear}{self.prog}: {message}\n")


class Formatter(argparse.ArgumentDefaultsHelpFormatter):
    def _get_help_string(self, action):
        return action.help if action.default is None else super()._get_help_string(action)


def parser(doc, levels, steps, out, several=True, always_out=None):
    """The options that the demos share.

    --seeds only where `several` can be trained; with it, a figure only if asked for, unless
    a number of seeds is given as `always_out`: then they are all in one figure.
    """
    options = Parser(doc)
    options.add_argument("--seed", type=int, default=0, help="where weights and nodes start")
    options.add_argument("--levels", type=float, nargs="*", default=levels, metavar="M",
                         help="requested information, nats")
    options.add_argument("--steps", type=int, default=steps, help="steps of training")
    if several:
        options.add_argument("--seeds", type=int, metavar="N", default=always_out,
                             help="train N seeds, from --seed on")
    options.add_argument("--out", metavar="FIGURE", default=out if always_out else None,
                         help="where to save the figure" + (f" ({out})" if out else ""))
    options.add_argument("--csv", metavar="TABLE", help="where to save the table")
    options.add_argument("--show", action="store_true", help="open the figure in a window")
    options.set_defaults(default_out=out)
    return options


def add_critic(options, default=1):
    options.add_argument("--critic", type=critic, default=default, metavar="C",
                         help="the critic r: 1 the poster's normal, C a mixture of C "
                              "normals, bayes Bayes' rule")


def critic(text):
    """A critic as problems take it: bayes, or how many normals."""
    return text if text == "bayes" else int(text)


def add_gif(options, what):
    options.add_argument("--gif", metavar="FILE", help=f"where to save an animation of {what}")


def check(args):
    """Raise ValueError if a number makes no sense or a file could not be written, before
    any time is spent."""
    if args.seed < 0:
        raise ValueError(f"--seed {args.seed} is negative; give 0 or more")
    if args.levels is not None and not args.levels:
        raise ValueError("--levels: give at least one level in nats")
    if getattr(args, "seeds", None) is not None and args.seeds < 1:
        raise ValueError(f"--seeds {args.seeds}: give at least 1")
    files = {f"--{name}": getattr(args, name, None) for name in ("out", "csv", "gif")}
    files = {name: path for name, path in files.items() if path is not None}
    for name, path in files.items():
        folder = os.path.dirname(os.path.abspath(path))
        if os.path.isdir(path) or not os.path.basename(path):
            raise ValueError(f"{name} {path} is a folder; give a file name")
        if not os.path.isdir(folder):
            raise ValueError(f"{name} {path}: there is no folder {folder}")
        if not os.access(path if os.path.exists(path) else folder, os.W_OK):
            raise ValueError(f"{name} {path} cannot be written")
        same = [other for other in files
                if other < name and os.path.abspath(files[other]) == os.path.abspath(path)]
        if same:
            raise ValueError(f"{same[0]} and {name} are the same file {path}")
    if not files.get("--gif", ".gif").lower().endswith(".gif"):
        raise ValueError(f"--gif {args.gif}: the name must end in .gif")
    if "--out" in files:
        from matplotlib.backend_bases import FigureCanvasBase
        formats = sorted(FigureCanvasBase.get_supported_filetypes())
        if os.path.splitext(args.out)[1][1:].lower() not in formats:
            raise ValueError(f"--out {args.out}: the picture format must be one of "
                             + ", ".join(formats))


def main(options, run, argv):
    """Parse argv, check it and run(args); what can go wrong ends in one line and an exit
    status, not in a traceback."""
    args = options.parse_args(argv)
    try:
        if not getattr(args, "seeds", None) and getattr(args, "out", "") is None:
            args.out = args.default_out
        check(args)
        run(args)
    except ValueError as error:
        options.error(error)
    except (ArithmeticError, OSError) as error:
        options.stop(1, error)
    except KeyboardInterrupt:
        options.stop(130, "interrupted")
    return 0


def seeds(args):
    """The seeds to train: the one asked for, or with --seeds N the N from there on."""
    return range(args.seed, args.seed + (args.seeds or 1))


def on_terminal():
    return sys.stderr is not None and not sys.stderr.closed and sys.stderr.isatty()


def progress(total, what="training"):
    """A callback, show(done, ...), that tells on a terminal how far it is and how long to go;
    a training's callback as it is."""
    start = time.monotonic()

    def show(done, *_):
        if on_terminal() and (done % (1 + total // 50) == 0 or done == total):
            left = (time.monotonic() - start) * (total / done - 1)
            print(f"\r{what} {100 * done // total:3d} %, {left:3.0f} s left ",
                  end="\n" if done == total else "", file=sys.stderr, flush=True)
    return show


def report(args, rows, show=table.show):
    """Print the table, or with --seeds the accuracy; returns the rows of the first seed."""
    if args.seeds:
        accuracy.show(rows, args.seeds)
    else:
        show(rows)
    return [row for row in rows if row["seed"] == args.seed]


def write_csv(path, rows):
    """The table with as many digits as a double holds."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow({key: repr(float(value)) if isinstance(value, float) else value
                             for key, value in row.items()})
