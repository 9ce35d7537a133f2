"""Build it yourself: a new folder with the package, in which the functions that make
the method are left for you to write, and a check of each part."""
import sys
from pathlib import Path

LESSON = Path(__file__).resolve().parent
sys.path.insert(1, str(LESSON.parent))  # the folder of cli.py
import cli

import ast
import os
import shlex
import subprocess
import tempfile
import textwrap

# The parts: a title, and the functions to write with what their docstrings leave open.
PARTS = [
    ("1. Densities and nodes: an expectation is nodes and weights", {
        "normal.entropy":
        "sum over the last axis, the dimensions.",
        "normal.log_prob":
        "the same; `mean` and `log_var` may be numbers, for all dimensions.",
        "normal.kl_to_standard":
        "the same; `log_var` may be a number.",
        "normal.sample":
        "`exp log_var` is the variance.",
        "nets.net":
        "`np.matmul`; the shapes of W, b, V and c are at the top of the file.",
        "quadrature.grid":
        "point i = 0 to n - 1 of a dimension is half_width (2 (i + shift) / n - 1); in "
        "several dimensions there is a point for every combination (`np.meshgrid`). "
        "Weights are proportional to the density of N(0, I) and sum to one.",
    }),
    ("2. The VAE collapses: its likelihood gets perfect, and I(z, x) falls to 0", {
        "bounds.log_marginal":
        "`log_sum_exp` over the S codes, and `log_weights`. `p.log_prob(rows, z)` is "
        "(n, S) for rows (n, 1, X) and z (S, Z). So bring x (..., X) into this shape, "
        "and the result into that of x without its last axis. x is (n, X) or "
        "(J, N, X). In a stack of L models the result has L in front, and x may have "
        "it as well: (L, J, N, X).",
        "bounds.information":
        "`upper_bound` is the mean of log p(x|z) - log m(x). Here m is p, by "
        "`log_marginal`, and the weights are those of z times p(x|z) dx. Let x be "
        "(J, 1, X).",
        "bounds.elbo_terms":
        "`q.sample_with_kl` and `p.log_prob`.",
        "bounds.elbo":
        "`expectation`.",
        "adam.Adam.step":
        "m and v are running means: multiply m by BETA1 and add (1 - BETA1) g; v has "
        "BETA2 and g^2. They start at 0, so m_hat is m / (1 - BETA1^t), where t counts "
        "the steps from 1, and so is v_hat with BETA2. Change the arrays in place, as "
        "in `a += ...`.",
    }),
    ("3. The critic: I^ is I if r is the exact posterior, and less for any other r", {
        "bounds.infomax":
        "`normal.entropy` of N(0, I) for the dimensions of z, and `expectation`.",
        "critics.Posterior.log_prob":
        "three terms: `self.log_prior`, `self.p.log_prob` and, for the denominator, "
        "`self.p.log_marginal`.",
    }),
    ("4. A fixed C: I ends at the target, and E log p(x) at its best", {
        "train.objectives":
        "`p.joint_nodes` gives x and weights; `scale_gradient` both. The slope is "
        "(L,), x (L, J, N, X), weights (L, J, N). Why is in the lesson, under \"Three "
        "gradients from one pass\".",
        "penalty.Penalty.update":
        "set `self.slope`; leave C for part 5. The violation d is I^ - "
        "`self.target_at(step)`, and width = self.WIDTH cosine_decay(step, self.steps) "
        "+ self.MIN_WIDTH. The penalty is C |d|, or C d^2 / (2 width) up to a constant "
        "if |d| < width. The slope is minus its derivative, minus `self.multiplier`. "
        "It is 0 if M is None, which is NaN in `self.targets`.",
    }),
    ("5. A growing C: it arrives even if the likelihood falls with I", {
        "penalty.Penalty.update":
        "before the slope, multiply `self.C` by self.growth^(1 / self.steps) if |d| > "
        "width / 4, and add to `self.multiplier` d times self.multiplier_rate / "
        "self.steps, with d clipped to -1 ... 1.",
    }),
]
CHECKS = ["check.py", "parts.py", "verdict.py"]

PARSER = cli.Parser(__doc__, "mine", seconds=2, folder="demos/lesson")
PARSER.add_argument("folder", metavar="FOLDER", help="the name of a new folder")


def run(args, save):
    folder = Path(args.folder).absolute()
    if folder.exists():
        raise ValueError(f"{args.folder!r} exists: give the name of a new folder")
    if not folder.parent.is_dir():
        raise ValueError(f"{args.folder!r}: there is no folder {str(folder.parent)!r}")
    command = shell_command([sys.executable, str(folder / "check.py")])
    # No half of a folder is left if this fails or is interrupted.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".build_it_") as parent:
        unfinished = Path(parent) / "folder"
        write_folder(unfinished, command)
        os.rename(unfinished, folder)
    print(f"{folder / 'README.md'} says what to write; for part 1\n    {command} 1")


def shell_command(words):
    """The words as one line, for the shell of this system."""
    if os.name == "nt":
        return subprocess.list2cmdline(words)
    return shlex.join(words)


def write_folder(folder, command):
    """Write the package without the bodies, the checks and the page.  Files are written
    anew, not copied: those of a read-only checkout could not be edited."""
    package = folder / "minimae"
    package.mkdir(parents=True)
    for path in sorted((LESSON.parent.parent / "minimae").glob("*.py")):
        source = without_bodies(path.stem, path.read_text("utf-8"))
        (package / path.name).write_text(source, "utf-8")
    for name in CHECKS:
        (folder / name).write_text((LESSON / name).read_text("utf-8"), "utf-8")
    (folder / "README.md").write_text(page(command), "utf-8")


def page(command):
    """The page for the student, from build_it.md."""
    template = (LESSON / "build_it.md").read_text("utf-8")
    return template.format(command=command, parts=list_of_parts())


def list_of_parts():
    """The functions to write, in Markdown."""
    lines = []
    for title, functions in PARTS:
        lines.append(f"## {title}\n")
        for name, hint in functions.items():
            item = f"- `{name}`: {hint}"
            lines.append(textwrap.fill(item, width=88, subsequent_indent="  "))
        lines.append("")
    return "\n".join(lines).rstrip()


def functions_of(module):
    """The functions of a module that are to be written, without its name: a list."""
    found = []
    for title, functions in PARTS:
        for name in functions:
            of_module, function = name.split(".", 1)
            if of_module == module and function not in found:
                found.append(function)
    return found


def without_bodies(module, source):
    """The source of a module in which functions raise NotImplementedError instead of
    what they did; their docstrings stay."""
    for function in functions_of(module):
        lines = source.splitlines(keepends=True)
        indent = "    " * (1 + function.count("."))
        message = f"write {module}.{function} (minimae/{module}.py)"
        blank = f'{indent}raise NotImplementedError("{message}")\n'
        lines[body_of(function, source)] = [blank]
        source = "".join(lines)
    return source


def body_of(function, source):
    """The lines below the docstring of a function such as Penalty.update, a slice."""
    node = ast.parse(source)
    for name in function.split("."):
        named = [child for child in node.body if getattr(child, "name", None) == name]
        node = named[0]
    docstring = node.body[0]
    return slice(docstring.end_lineno, node.end_lineno)


if __name__ == "__main__":
    cli.main(run, PARSER)
