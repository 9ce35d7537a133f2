"""Build it yourself: a copy of the package in a new folder, with the functions that
make the method left for you to write, and checkpoints that tell right from wrong."""
import ast
import os
import textwrap
from pathlib import Path

import common

ROOT = Path(__file__).resolve().parent.parent
TESTS = ["conftest", "helpers", "test_bounds", "test_critics", "test_densities",
         "test_discrete", "test_exact", "test_mistakes", "test_multi_sample",
         "test_nodes", "test_problems", "test_train"]

# Per checkpoint: its name, what is seen when it is right, and the functions to write,
# each with what its docstring leaves open.
CHECKPOINTS = [
    ("Densities", "a line for each function, and none that differs", {
        "normal.entropy": "sum over the last axis",
        "normal.log_prob": "sum over the last axis; mean, log_var may be numbers",
        "normal.sample": "one line",
        "normal.kl_to_standard": "sum over the last axis",
        "nets.net": "params is W, b and, with a hidden layer, V, c"}),
    ("The VAE collapses", "E log p(x) rises to its best value and I(z, x) falls to "
     "0: this decoder does not need z, so in the end z holds nothing", {
         "bounds.log_marginal": "x as (L, 1, N J, X), then log_sum_exp over axis 1",
         "bounds.information": "log_marginal gives log p(x); upper may help",
         "bounds.elbo_terms": "q.moments, sample, p.log_prob and kl_to_standard",
         "bounds.elbo": "expect, with both terms, weights and axis",
         "adam.adam_step":
             "mean .9 old + .1 g, square .95 old + .05 g^2; freed: / (1 - .9^step)"}),
    ("The critic", "I^ climbs to I and never passes it", {
        "bounds.infomax": "z has z.shape[-1] dimensions; expect takes the mean",
        "critics.Bayes.log_prob": "three terms; log_marginal gives log p(x)"}),
    ("A fixed C", "I ends at each level M, and E log p(x) stays at its best", {
        "train.objectives": "p.joint gives x and weights; scale_gradient both",
        "train.Penalty.update":
            "d = values[1] - target, width = WIDTH cosine(step, steps)"}),
    ("A growing C", "with the decoder's sd held at .5, more I costs likelihood. A "
     "fixed C stops where likelihood falls as steeply as C |I^ - M| rises. A growing C "
     "arrives", {
         "train.Penalty.update":
             "first C grows, by growth^(1 / steps) where |d| > width / 4"}),
]

README = """# Build it yourself

This is minimae without {count} of its functions. Each has kept its signature and its
docstring, which is the formula. Its body is one `raise NotImplementedError`. Write them
in the order below. All information is in nats, and `minimae/__init__.py` explains the
shapes of arrays. Use `np` as imported, which is autograd's: gradients flow through what
you write. So do not change an argument in place, but for Adam's state.

`python checkpoints.py 1` tells in seconds whether checkpoint 1 is right, and if not,
what is right and what yours gives. Later functions may be blank meanwhile. A traceback
is a mistake that Python itself sees; its last lines say where.

{steps}

## And then

`python -m pytest` runs the project's tests on your code; they know more than the
checkpoints. With this folder in `PYTHONPATH` the project's demos run on your code too.
"""


def find(tree, name):
    """The function of a module with a name such as log_prob, or Penalty.update."""
    for part in name.split("."):
        tree, = (node for node in tree.body if getattr(node, "name", None) == part)
    return tree


def blank(source, name, *message):
    """The source with signature and docstring alone left of one function."""
    function = find(ast.parse(source), name)
    docstring = function.body[0]
    raises = ["raise NotImplementedError(", *(f'    "{part}"' for part in message)]
    raises = textwrap.indent("\n".join(raises) + ")\n", " " * docstring.col_offset)
    lines = source.splitlines(keepends=True)
    lines[docstring.end_lineno:function.end_lineno] = [raises]
    return "".join(lines)


def place(name):
    """minimae/train.py and Penalty.update of train.Penalty.update."""
    module, function = name.split(".", 1)
    return f"minimae/{module}.py", function


def files():
    """The text of every file of the new folder, by its path there."""
    sources = [*ROOT.glob("minimae/*.py"),
               *(ROOT / "tests" / f"{name}.py" for name in TESTS)]
    texts = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
             for path in sources}
    script = Path(__file__).with_name("checkpoints.py")
    texts[script.name] = script.read_text(encoding="utf-8")
    hints = {}
    for _, _, functions in CHECKPOINTS:
        hints = {**functions, **hints}  # of two hints the first
    steps = "\n\n".join(guide(texts))
    for name, hint in hints.items():
        path, function = place(name)
        where = f"write {name} first ({path}): "
        texts[path] = blank(texts[path], function, where, hint)
    return {**texts, "README.md": README.format(count=len(hints), steps=steps)}


def guide(texts):
    """The paragraphs that say what to write, and what is seen when it is right."""
    for number, (title, seen, functions) in enumerate(CHECKPOINTS, 1):
        yield f"## {number}. {title}"
        for name, hint in functions.items():
            path, function = place(name)
            tree = ast.parse(texts[path])
            yield f"### `{name}({ast.unparse(find(tree, function).args)})`"
            # A method's formula may stand in the docstring of its class.
            owners = dict.fromkeys([function.partition(".")[0], function])
            formulas = (ast.get_docstring(find(tree, owner)) for owner in owners)
            yield "```text\n" + "\n\n".join(formulas) + "\n```"
            yield textwrap.fill(f"In `{path}`: {hint}.", 88)
        yield textwrap.fill(
            f"**`python checkpoints.py {number}`** When it is right: {seen}.", 88)


def build(folder, texts):
    """Write the files into a folder that is made now; ValueError if it cannot be."""
    folder = Path(folder)
    parent = folder.absolute().parent
    if not parent.is_dir():
        raise ValueError(f"{folder}: there is no folder {parent}")
    try:
        folder.mkdir()
    except FileExistsError:
        raise ValueError(f"{folder} exists; give the name of a new folder") from None
    for path, text in texts.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def run(args):
    build(args.folder, files())
    print(f"{args.folder} is ready.  Read its README.md, write, and ask\n"
          f"    python {os.path.join(args.folder, 'checkpoints.py')} 1")


def main(argv=None):
    options = common.Parser(__doc__)
    options.add_argument("folder", metavar="FOLDER", help="a new folder")
    return common.main(options, run, argv)


if __name__ == "__main__":
    raise SystemExit(main())
