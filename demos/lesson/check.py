"""Build it yourself: is what you have written right?  See HELP.

The checks run in a new process, on the package in the folder of this file.
"""
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

HELP = """check.py [PART ...]

  python check.py 1     check part 1; there are six
  python check.py       check all parts, up to the first that is not right

It checks the folder minimae beside this file, as it is on disk.  The exit status is 0
if all is right, 1 if something is not, and 2 if nothing could be checked.
"""
FOLDER = Path(__file__).resolve().parent
PARTS = ["1", "2", "3", "4", "5", "6"]
# A new process knows nothing of what its parent has imported.  The first argument is
# FOLDER; whatever the settings are, the package is searched there first.
PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); import parts; parts.main()"


def main(arguments):
    """Check the parts that are named, and return the exit status."""
    try:
        if "-h" in arguments or "--help" in arguments:
            say(HELP)
            return 0
        problem = what_prevents(arguments)
        if problem:
            complain(problem)
            return 2
        return run_checks(arguments or PARTS)
    except KeyboardInterrupt:
        complain("interrupted")
        return 130
    except BrokenPipeError:  # `| head` has seen enough
        close_output()
        return 1
    except OSError as error:  # the disk of the output is full, say
        complain(error.strerror)
        close_output()
        return 2


def what_prevents(arguments):
    """Why nothing can be checked, or ""."""
    for argument in arguments:
        if argument not in PARTS:
            return f"{argument!r}: give parts from 1 to 6, or --help"
    if not (FOLDER / "minimae").is_dir():
        return "no folder minimae is beside it: use the check.py that build_it.py made"
    for package in ["numpy", "autograd", "matplotlib"]:
        if importlib.util.find_spec(package) is None:
            return f"{package} is missing in {sys.executable}: use another Python"
    return ""


def run_checks(parts):
    """Run parts.py in a process of its own, show what it prints, and return its exit
    status."""
    # Python takes a compiled file for new if the source has changed within a second.
    shutil.rmtree(FOLDER / "minimae" / "__pycache__", ignore_errors=True)
    command = [sys.executable, "-u", "-B", "-c", PROGRAM, str(FOLDER), *parts]
    settings = {**os.environ, "PYTHONIOENCODING": "utf-8", "MPLBACKEND": "agg"}
    with subprocess.Popen(command, env=settings, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
        try:
            for line in child.stdout:
                say(line.decode("utf-8", errors="replace"))
        except BaseException:  # Ctrl-C, or nobody reads any more
            child.kill()
            raise
    if child.returncode < 0:
        complain(f"ended by signal {-child.returncode}: out of memory?")
        return 1
    return child.returncode


def say(text):
    """Print, with escapes for letters that the output cannot show."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    shown = text.encode(encoding, errors="backslashreplace").decode(encoding)
    print(shown, end="", flush=True)


def complain(message):
    """Print one line on standard error."""
    print(f"check.py: {message}", file=sys.stderr)


def close_output():
    """Close an output that fails, or Python would try to write to it at its end.  That
    of a notebook stays open."""
    if sys.stdout is sys.__stdout__:
        try:
            sys.stdout.close()
        except OSError:
            pass


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
