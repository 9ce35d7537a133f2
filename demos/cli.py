"""The command line of the demos: options, errors in one line, exit statuses.

A demo imports this module first, so that a missing package ends in one line.
"""
import os
import sys
from pathlib import Path

import interrupts

# NumPy reads this when it is imported.  The matrices are small: several threads gain
# little, and on a busy machine training takes 3 to 10 times as long with them.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A demo uses the package beside it, whether or not one is installed.
sys.path.insert(1, str(Path(__file__).resolve().parent.parent))

# These imports take a second or two.  Ctrl-C waits for their end, because modules that
# are half imported fail in many ways.
with interrupts.delayed():
    try:
        import argparse
        import contextlib
        import math

        import windows  # before all that imports Matplotlib
        import files
        import streams
        from minimae import critics, nets, train
    except ModuleNotFoundError as error:
        sys.exit(f"{error}: run the demo with the Python of the environment that "
                 "README.md sets up, .venv/bin/python or .venv\\Scripts\\python")

# Upper limits of the common options, far above what the lesson uses: a typing error in
# a number should not run for days.
MAX_STEPS = 100_000
MAX_SEEDS = 1000
MAX_SEED = 2 ** 32 - 1
MAX_PARTS = 100  # normals in a critic; more take minutes and gigabytes
OUTPUTS = {"out", "csv", "gif", "html", "show"}


# Options

class Parser(argparse.ArgumentParser):
    """A parser with errors in one line, and an example and the duration in its help.

    doc: what the demo shows; example: its options, as one types them; seconds: how long
    the demo takes without options on a laptop; folder: where it lies in the project.
    """

    def __init__(self, doc, example, seconds, folder="demos"):
        super().__init__(description=doc, allow_abbrev=False,
                         formatter_class=argparse.RawDescriptionHelpFormatter)
        self.color = False  # Python 3.14 colours the help even where nobody reads it
        self.epilog = (f"example: python {folder}/{self.prog} {example}\n"
                       f"Without options it takes about {seconds} seconds on a laptop.")

    def error(self, message):
        """End with status 2."""
        self.exit(2, f"{self.prog}: error: {message}\n")

    def add_number(self, name, kind, default, minimum, maximum, help):
        """Add an option that takes an int or a float in a range, which its help names.
        default: None for an option that is off."""
        help = f"{help}, {minimum:g} to {maximum:.10g}"
        if default is not None:
            help += f" (default {default:g})"
        self.add_argument(name, type=number_type(kind, minimum, maximum),
                          default=default, metavar="N", help=help)

    def add_path(self, name, default, endings, help, or_dash=False):
        """Add an option that takes the name of a file to write.  or_dash: or "-"."""
        help = f"{help}, {' or '.join(endings)}"
        if default is not None:
            help += f" (default {default})"
        self.add_argument(name, type=path_type(endings, or_dash), default=default,
                          metavar="FILE", help=help)


def demo_parser(doc, example, seconds, targets, max_target, out, steps=500, seeds=1,
                critic=None, film=None, page=None):
    """A parser with the options that demos share.

    targets: the default, a list; max_target: nats, or words that say what limits it.
    out, steps, seeds: defaults.  critic: the default of --critic, which is offered only
    if there is one.  film, page: what --gif and --html save, if they are offered.
    args.targets is None if they are not given; see `choose_targets`.
    """
    parser = Parser(doc, example, seconds)
    shown = " ".join(f"{target:g}" for target in targets)
    parser.add_argument("--targets", "--levels", type=float, nargs="+", metavar="M",
                        help=f"information asked for, in nats, 0 to {max_target} "
                             f"(default {shown})")
    parser.add_number("--steps", int, default=steps, minimum=1, maximum=MAX_STEPS,
                      help="steps of training")
    parser.add_number("--seed", int, default=0, minimum=0, maximum=MAX_SEED,
                      help="the first seed")
    parser.add_number("--seeds", int, default=seeds, minimum=1, maximum=MAX_SEEDS,
                      help="number of seeds")
    if critic is not None:
        parser.add_argument(
            "--critic", type=critic_type, default=critic, metavar="C",
            help="1: the poster's normal; 2 to 100: a mixture of so many normals; "
                 "bayes: Bayes' rule on a grid; multi-sample: Bayes' rule on the codes "
                 f"of a step (default {critic})")
    parser.add_path("--out", out, (".png", ".jpg", ".pdf", ".svg"), "save the figure")
    parser.add_path("--csv", None, (".csv",), "save the table; - prints it",
                    or_dash=True)
    if film is not None:
        parser.add_path("--gif", None, (".gif",), f"save {film}")
    if page is not None:
        parser.add_path("--html", None, (".html",), f"save {page}")
    parser.add_argument("--show", action="store_true",
                        help="open the figure in a window")
    return parser


def number_type(kind, minimum, maximum):
    """An argparse type: an int or a float in a range."""
    word = "an integer" if kind is int else "a number"

    def number(text):
        try:
            value = kind(text)
        except ValueError:
            value = math.nan  # outside of every range
        if not minimum <= value <= maximum:
            raise argparse.ArgumentTypeError(
                f"{text}: give {word} from {minimum:g} to {maximum:.10g}")
        return value
    return number


def path_type(endings, or_dash):
    """An argparse type: the name of a file that can be written; or_dash: or "-"."""
    def path(text):
        if or_dash and text == "-":
            return text
        try:
            files.check_path(text, endings)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        return text
    return path


def critic_type(text):
    """An argparse type: the name of a critic."""
    if text not in ("bayes", "multi-sample"):
        try:
            number_type(int, 1, MAX_PARTS)(text)
        except argparse.ArgumentTypeError:
            raise argparse.ArgumentTypeError(
                f"{text}: give 1 to {MAX_PARTS}, bayes or multi-sample") from None
    return text


# What options stand for

def make_critic(name):
    """The critic of this name."""
    if name == "bayes":
        return critics.Bayes()
    if name == "multi-sample":
        return critics.MultiSample()
    if name == "1":
        return nets.NormalNet()
    return critics.NormalMixture(int(name))


def choose_targets(given, default, problem):
    """The targets that are given, or else those of the default that the problem and its
    critic can hold."""
    if given is not None:
        return given
    return [target for target in default if can_hold(problem, target)]


def can_hold(problem, target):
    """Whether train.train accepts this target."""
    try:
        train.check_arguments(problem, [target])
    except ValueError:
        return False
    return True


def settings(args):
    """The options of a run that belong into its table, a dict."""
    rest = OUTPUTS | {"targets", "seed", "seeds"}
    return {name: value for name, value in vars(args).items() if name not in rest}


# The run

def main(run, parser, argv=None):
    """Parse the options and call run(args, save), where `save` is a files.Writer.

    The exit status is 0 if all is done; 1 if the run or a file failed; 2 if an option
    makes no sense, before anything was done; 130 after Ctrl-C.  Each but 0 comes with a
    line on standard error.
    """
    output = streams.SafeStream(sys.stdout)
    errors = streams.SafeStream(sys.stderr)
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        status = run_to_status(run, parser, argv, output)
    if status != 0:
        sys.exit(status)


def run_to_status(run, parser, argv, output):
    """Run, report what goes wrong in a line each, and return the exit status."""
    def report(message):
        print(f"{parser.prog}: {message}", file=sys.stderr)

    save = files.Writer(output)
    try:
        with interrupts.ctrl_c(interrupts.raise_interrupt):
            args = parser.parse_args(argv)
            run_and_show(run, args, save)
    except SystemExit as end:  # argparse has printed the help or an error
        status = end.code or 0
    except (KeyboardInterrupt, interrupts.Interrupt):
        report("interrupted")
        status = 130
    except ValueError as error:
        report(f"error: {error}")
        status = 2
    except (ArithmeticError, ImportError, MemoryError, OSError) as error:
        report(str(error) or "out of memory")
        status = 1
    else:
        status = 0

    lost = list(save.errors)
    if output.error is not None:
        lost.append(f"standard output: {files.reason(output.error)}")
    for line in lost:
        report(line)
    if lost and status == 0:
        status = 1
    return status


def run_and_show(run, args, save):
    """Call run(args, save), and open its figures in windows if --show is given."""
    show = getattr(args, "show", False)
    printed = sys.stdout
    if getattr(args, "csv", None) == "-":
        printed = sys.stderr  # standard output is for the table in CSV only
    with contextlib.redirect_stdout(printed), windows.drawing(show):
        run(args, save)
        if show:
            windows.show_figures()
