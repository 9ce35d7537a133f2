"""Build it yourself: a new folder with the package, in which the functions that make
the method are left for you to write, and a check of each part."""
import shared

import ast
import re
import shutil
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


def run(args):
    folder = Path(args.folder).absolute()
    if folder.exists():
        raise ValueError(f"{args.folder} exists: give the name of a new folder")
    shutil.copytree(DEMOS.parent / "minimae", folder / "minimae",
                    ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(DEMOS / "parts.py", folder)
    for name in sum(LISTED, []):
        module, function = name.split(".", 1)
        path = folder / "minimae" / f"{module}.py"
        lines = path.read_text("utf-8").splitlines(keepends=True)
        lines[body("".join(lines), function)] = ["    " * name.count("."), (
            f'raise NotImplementedError("write {name} (minimae/{module}.py)")\n')]
        path.write_text("".join(lines), encoding="utf-8")
    words = sys.executable, str(folder / "parts.py")
    command = " ".join(f'"{word}"' if " " in word else word for word in words)
    page = PAGE.format(command=command, lesson=DEMOS / "README.md")
    (folder / "README.md").write_text(page, encoding="utf-8")
    print(f"{folder / 'README.md'} says what to write; for part 1\n    {command} 1")


if __name__ == "__main__":
    shared.main(run, PARSER)
