"""What the demos share: options, progress, the table in nats, the CSV file and the figure.  No numerics here."""
import argparse
import csv
import os
import sys
import time

import numpy as np

REACHED = 0.02  # nats; a row whose exact information is further from its level is shown as not reached
COLUMNS = ["level", "lower", "exact", "upper", "elbo", "log_likelihood", "best"]


class Formatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows the defaults there are."""

    def _get_help_string(self, action):
        return action.help if action.default is None else super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """Errors in one line on standard error, exit status 2."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}\n")


def parser(doc, levels, steps, out, several=True):
    """The options that the demos share; --seeds only where `several` can be trained."""
    options = Parser(description=doc, formatter_class=Formatter)
    options.add_argument("--seed", type=int, default=0, help="where the weights and nodes start")
    options.add_argument("--levels", type=float, nargs="*", default=levels, metavar="M", help="requested information, nats")
    options.add_argument("--steps", type=int, default=steps, help="steps of training")
    if several:
        options.add_argument("--seeds", type=int, metavar="N", help="train N seeds, from --seed on")
    options.add_argument("--out", metavar="FIGURE", help="where to save the figure" + (f" ({out} in the current folder)" if out else ""))
    options.add_argument("--csv", metavar="TABLE", help="where to save the table, six decimals and more")
    options.add_argument("--show", action="store_true", help="open the figure in a window as well")
    options.set_defaults(default_out=out)
    return options


def add_gif(options, what):
    options.add_argument("--gif", metavar="ANIMATION", help=f"where to save an animation of {what}")


def check(args):
    """Raise ValueError if a file could not be written or a number makes no sense, before any time is spent."""
    if args.seed < 0:
        raise ValueError(f"--seed {args.seed} is negative; give 0 or more")
    if args.levels is not None and not args.levels:
        raise ValueError("--levels: give at least one level in nats")
    if getattr(args, "seeds", None) is not None and args.seeds < 1:
        raise ValueError(f"--seeds {args.seeds}: give at least 1")
    out, gif = getattr(args, "out", None), getattr(args, "gif", None)
    files = [(name, path) for name, path in [("--out", out), ("--csv", args.csv), ("--gif", gif)] if path is not None]
    for name, path in files:
        folder = os.path.dirname(os.path.abspath(path))
        if os.path.isdir(path) or not os.path.basename(path):
            raise ValueError(f"{name} {path} is a folder; give a file name")
        if not os.path.isdir(folder):
            raise ValueError(f"{name} {path}: there is no folder {folder}")
        if not os.access(path if os.path.exists(path) else folder, os.W_OK):
            raise ValueError(f"{name} {path} cannot be written")
    for n, (name, path) in enumerate(files):
        for other, earlier in files[:n]:
            if os.path.abspath(path) == os.path.abspath(earlier):
                raise ValueError(f"{other} and {name} are the same file {path}")
    if gif is not None and not gif.lower().endswith(".gif"):
        raise ValueError(f"--gif {gif}: the name must end in .gif")
    if out is not None:
        from matplotlib.backend_bases import FigureCanvasBase
        formats = sorted(FigureCanvasBase.get_supported_filetypes())
        if os.path.splitext(out)[1][1:].lower() not in formats:
            raise ValueError(f"--out {out}: the picture format must be one of {', '.join(formats)}")


def main(options, run, argv):
    """Parse argv, check it and run(args); what can go wrong ends in one line and an exit status, not in a traceback."""
    args = options.parse_args(argv)
    try:
        if hasattr(args, "default_out") and not getattr(args, "seeds", None) and args.out is None:
            args.out = args.default_out
        check(args)
        run(args)
    except ValueError as error:
        options.error(error)
    except (ArithmeticError, OSError) as error:
        options.exit(1, f"{options.prog}: {error}\n")
    except KeyboardInterrupt:
        options.exit(130, f"\n{options.prog}: interrupted\n")
    return 0


def seeds(args):
    """The seeds to train: the one asked for, or with --seeds N the N from there on."""
    return range(args.seed, args.seed + (args.seeds or 1))


def progress(steps):
    """A callback that shows how far training is and the time left; None unless standard error is a terminal."""
    if not sys.stderr.isatty():
        return None
    start = time.monotonic()

    def show(step, params, values):
        if step % 20 == 0 or step == steps:
            left = (time.monotonic() - start) * (steps / step - 1)
            print(f"\rtraining {100 * step // steps:3d} %, {left:3.0f} s left ", end="\n" if step == steps else "",
                  file=sys.stderr, flush=True)
    return show


def both(*callbacks):
    """One callback that calls all of those given, but for None."""
    def call(*args):
        for callback in callbacks:
            if callback:
                callback(*args)
    return call


def stages(count, what="runs"):
    """A function to call after each of `count` stages, which shows on a terminal how many are done and the time left."""
    start, done = time.monotonic(), 0

    def show():
        nonlocal done
        done += 1
        if sys.stderr.isatty():
            left = (time.monotonic() - start) * (count / done - 1)
            print(f"\r{done} of {count} {what}, {left:3.0f} s left ", end="\n" if done == count else "", file=sys.stderr, flush=True)
    return show


def rows(levels, seeds, figures, best):
    """One dict per model, with the keys COLUMNS and the seed; all levels of the first seed, then of the second, ..."""
    names = [("vae" if level is None else level, seed) for seed in seeds for level in levels]
    return [{**dict(zip(COLUMNS, [level, *values, best])), "seed": seed}
            for (level, seed), values in zip(names, zip(*(figures[key] for key in COLUMNS[1:-1])))]


def report(rows, args, draw, table=None):
    """Write the CSV file, print the table or with --seeds the accuracy, and save the figure draw(rows of the first seed)."""
    if args.csv:
        write_csv(args.csv, rows)
    first = [row for row in rows if row["seed"] == args.seed]
    if args.seeds:
        print_accuracy(rows, args.seeds)
    else:
        (table or print_table)(rows)
    if args.out or args.show:
        save(draw(first), args)


def reached(row):
    """Whether I is what was asked for, as far as its standard error can tell; always for the plain VAE, which asks for nothing."""
    return row["level"] == "vae" or abs(row["exact"] - row["level"]) <= REACHED + 2 * row.get("error", 0)


def level_name(level):
    return "VAE" if level == "vae" else f"{level:.4g}"


def label(axis, row):
    """Write what was asked for, what the bound says and what is true on the row's axis."""
    asked = "plain VAE" if row["level"] == "vae" else f"M = {level_name(row['level'])}"
    axis.text(0.005, 0.95, asked + ("" if reached(row) else "\nnot reached"), transform=axis.transAxes, va="top",
              fontsize=14, fontweight="bold")
    axis.text(0.995, 0.95, f"$\\hat I$ = {row['lower']:.3f}\n$I$ = {row['exact']:.3f} nats", transform=axis.transAxes, va="top",
              ha="right", fontsize=13)


def print_table(rows):
    """Every bound beside the exact value it bounds, and the ELBO's gap beside both."""
    print("all in nats, by quadrature on the trained nets")
    print("  M asked   I^ <=    I     <= U        ELBO + gap        = E log p(x) <= best")
    for row in rows:
        print(f"  {level_name(row['level']):>7}  {row['lower']:7.4f} {row['exact']:7.4f} {row['upper']:7.4f}  "
              f"{row['elbo']:9.5f}   {row['log_likelihood'] - row['elbo']:7.5f}   {row['log_likelihood']:9.5f}    {row['best']:9.5f}"
              + ("" if reached(row) else f"   {why_missed(row)}"))


def why_missed(row):
    """What the bounds tell of a level that was not reached."""
    if np.isnan(row["exact"]):
        return "not resolved: p(x|z) is too sharp for exact figures"
    missed = f"level not reached, I - M = {row['exact'] - row['level']:+.3f}: "
    if abs(row["lower"] - row["level"]) <= REACHED:
        return missed + "I^ is on it, but this critic lags behind I; more --steps or a richer critic may help"
    if row["lower"] < row["level"]:
        return missed + "I^ stays below, out of reach of this critic or of these --steps"
    return missed + "I^ stays above, these --steps did not bring it down"


def print_accuracy(rows, seeds):
    """Worst and median over seeds, one line per level in the order of the rows."""
    print(f"over {seeds} seeds, in nats: worst and median of each")
    print("  M asked     |I - M|          I - I^       best - E log p(x)   E log p(x) - ELBO")
    for group in [rows[i::len(rows) // seeds] for i in range(len(rows) // seeds)]:
        level = group[0]["level"]
        gaps = np.array([[np.nan if level == "vae" else abs(row["exact"] - level), row["exact"] - row.get("held", row["lower"]),
                          row["best"] - row["log_likelihood"], row["log_likelihood"] - row["elbo"]] for row in group])
        cells = [f"{worst:8.5f} {median:8.5f}" for worst, median in zip(gaps.max(0), np.median(gaps, 0))]
        missed = sum(not reached(row) for row in group)
        print(f"  {level_name(level):>7} " + "  ".join(cells).replace("nan", "  -")
              + (f"   not reached by {missed} of {seeds}" if missed else ""))


def write_csv(path, rows):
    """The table with as many digits as a double holds."""
    with open(path, "w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows({key: repr(float(value)) if isinstance(value, float) else value for key, value in row.items()}
                        for row in rows)


def figure(show, **size):
    """A figure that can be saved anywhere, and shown where `show` is set and there is a display."""
    if show:
        try:
            from matplotlib import pyplot
            return pyplot.figure(**size)
        except ImportError:  # a window was asked for by name, and there is no display for it
            pass
    from matplotlib.figure import Figure
    return Figure(**size)


def has_window(figure):
    return bool(getattr(figure.canvas, "required_interactive_framework", None))


def save(figure, args):
    """Save the figure, and show it if asked and possible."""
    if args.out:
        figure.savefig(args.out, dpi=150)
        print(f"figure saved as {args.out}")
    if args.show and has_window(figure):
        from matplotlib import pyplot
        pyplot.show()
    elif args.show:
        print("--show: there is no display here" + (", the figure is saved all the same" if args.out else ""), file=sys.stderr)


def animate(figure, path, count, draw, rate=4):
    """Save an animation: draw(n) changes the figure to frame n of `count`; `rate` frames a second."""
    from matplotlib.animation import PillowWriter
    done, writer = stages(count, "frames"), PillowWriter(fps=rate)
    with writer.saving(figure, path, dpi=60):
        for n in range(count):
            draw(n)
            writer.grab_frame()
            done()
    print(f"animation saved as {path}")
