"""What the demos share: options, errors in one line, and what is too much."""
import argparse
import contextlib
import re
import sys
import textwrap

import accuracy
import canvas
from minimae import checks, table, train
from terminal import Output, fits, progress, tell, watched  # noqa: F401


class Parser(argparse.ArgumentParser):
    """Errors in one line on standard error, exit status 2; defaults in the help."""

    def __init__(self, doc):
        super().__init__(description=doc, formatter_class=Formatter)
        # As values of --levels: argparse takes -1e-12 and -inf for options otherwise.
        self._negative_number_matcher = re.compile(r"^-(\d|\.\d|inf|nan)")

    def error(self, message):
        self.stop(2, f"error: {message}")

    def stop(self, status, message):
        clear = "\r" + 60 * " " + "\r" if watched() else ""  # what progress has left
        tell(f"{clear}{self.prog}: {textwrap.shorten(str(message), 2000)}\n")
        raise SystemExit(status)


class Formatter(argparse.ArgumentDefaultsHelpFormatter):
    def _get_help_string(self, action):
        known = action.default is not None
        return super()._get_help_string(action) if known else action.help


def parser(doc, levels, steps, out, several=True, always_out=None):
    """The options that the demos share.

    --seeds only where `several` can be trained; with it, a figure only if asked for,
    unless `always_out` seeds are the default: then all are in one figure."""
    options = Parser(doc)
    add = options.add_argument
    add("--seed", type=int, default=0, help="where weights and nodes start")
    add("--levels", type=float, nargs="+", default=levels, metavar="M",
        help="requested information, nats")
    add("--steps", type=int, default=steps, help="steps of training")
    if several:
        add("--seeds", type=int, metavar="N", default=always_out,
            help="train N seeds, from --seed on")
    add("--out", metavar="FIGURE", default=out if always_out else None,
        help="where to save the figure" + (f" ({out})" if out else ""))
    add("--csv", metavar="TABLE", help="where to save the table")
    add("--show", action="store_true", help="open the figure in a window")
    options.set_defaults(default_out=out)
    return options


def add_critic(options, default=1, steps=False):
    """--critic, and --critic-steps where asked for."""
    options.add_argument("--critic", type=critic, default=default, metavar="C",
                         help="the critic r: 1 the poster's normal, C a mixture of C "
                              "normals, bayes Bayes' rule")
    if steps:
        options.add_argument("--critic-steps", type=int, default=1, metavar="K",
                             help="steps of r for each one of p and q")


def growth(args):
    """Growth of C: a critic that cannot lag lets it be ten times the default, which
    steep likelihoods need."""
    return (10 if args.critic == "bayes" else 1) * train.GROWTH


def critic(text):
    """How many normals, or a word that problems know or refuse."""
    return int(text) if text.lstrip("-").isdecimal() else text


def add_gif(options, what):
    """The option --gif."""
    options.add_argument("--gif", metavar="FILE",
                         help=f"where to save an animation of {what}")


def main(options, run, argv):
    """Parse argv and run(args); what can go wrong ends in one line and a status."""
    with contextlib.redirect_stdout(Output(sys.stdout)) as output:
        args = options.parse_args(argv)
        try:
            if getattr(args, "seeds", None) is None and getattr(args, "out", 0) is None:
                args.out = args.default_out
            canvas.check(args)
            run(args)
        except ValueError as error:
            options.error(error)
        except MemoryError:
            options.stop(1, "out of memory; ask for fewer models, or smaller ones")
        except (ArithmeticError, OSError) as error:
            options.stop(1, error)
        except KeyboardInterrupt:
            options.stop(130, "interrupted")
    if output.error:
        options.stop(1, f"standard output: {output.error}")
    return 0


def seeds(args):
    """The seeds to train: the one asked for, or with --seeds N the N from there on."""
    n = 1 if args.seeds is None else args.seeds
    checks.whole(0, seed=args.seed)
    checks.whole(1, seeds=n)
    return range(args.seed, args.seed + n)


def report(args, rows, show=table.show):
    """Print the table, or with --seeds the accuracy; returns the rows of one seed."""
    if args.seeds:
        accuracy.show(rows, args.seeds)
    else:
        show(rows)
    return [row for row in rows if row["seed"] == args.seed]
