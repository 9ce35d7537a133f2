"""Build it yourself: a new folder with the package, in which the functions that make
the method are left for you to write, and a check of each part."""
import shared

import ast
import re
import sys
from pathlib import Path

DEMOS = Path(__file__).resolve().parent
PAGE = (DEMOS / "build_it.md").read_text("utf-8")
# The functions of each part, as the page lists them: - `one.name`, `another`: a hint
LISTED = [re.findall(r"`([\w.]+)`", " ".join(re.findall("^- (.*?):", part, re.M)))
          for part in PAGE.split("\n## ")[1:]]
PARSER = shared.Parser(description=__doc__)
PARSER.add_argument("folder", metavar="FOLDER", help="a new folder")


def body(source, name):
    """The lines, a slice, below the docstring of a function, such as Penalty.update."""
    node = ast.parse(source)
    for part in name.split("."):
        node, = (child for child in node.body if getattr(child, "name", None) == part)
    return slice(node.body[0].end_lineno, node.end_lineno)


def blanks():
    """The text of every file of the package by its path, without the listed bodies."""
    texts = {f"minimae/{path.name}": path.read_text("utf-8")
             for path in DEMOS.parent.glob("minimae/*.py")}
    for name in {*sum(LISTED, [])}:
        module, function = name.split(".", 1)
        path = f"minimae/{module}.py"
        lines = texts[path].splitlines(keepends=True)
        lines[body(texts[path], function)] = ["    " * name.count("."), (
            f'raise NotImplementedError("write {name} ({path})")\n')]
        texts[path] = "".join(lines)
    return texts


def run(args):
    folder = Path(args.folder).absolute()
    if folder.exists():
        raise ValueError(f"{args.folder} exists: give the name of a new folder")
    words = sys.executable, str(folder / "parts.py")
    command = " ".join(f'"{word}"' if " " in word else word for word in words)
    texts = {**blanks(), "parts.py": (DEMOS / "parts.py").read_text("utf-8"),
             "README.md": PAGE.format(command=command, lesson=DEMOS / "README.md")}
    (folder / "minimae").mkdir(parents=True)
    for path, text in texts.items():
        (folder / path).write_text(text, encoding="utf-8")
    print(f"{folder / 'README.md'} says what to write; for part 1\n    {command} 1")


if __name__ == "__main__":
    shared.main(run, PARSER)
