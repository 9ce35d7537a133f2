"""The house style: 88 columns, no unused imports, docstrings on what is public."""
import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
           for name in ("setup.py", "minimae/*.py", "demos/*.py", "tests/*.py")
           for path in sorted(ROOT.glob(name))}


def long_lines(source):
    return [n for n, line in enumerate(source.splitlines(), 1) if len(line) > 88]


def unused_imports(source):
    nodes = list(ast.walk(ast.parse(source)))
    imported = {(alias.asname or alias.name).split(".")[0]
                for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))
                for alias in node.names}
    return sorted(imported - {node.id for node in nodes if isinstance(node, ast.Name)})


def undocumented(*sources):
    """Public functions, classes and methods that have no docstring, nor, as methods,
    one in a base class."""
    tops = [node for source in sources for node in ast.parse(source).body]
    classes = {node.name: node for node in tops if isinstance(node, ast.ClassDef)}

    def functions(nodes):
        return [node for node in nodes if isinstance(node, ast.FunctionDef)]

    def documented(name, owner):
        return any(ast.get_docstring(f) for f in functions(owner.body)
                   if f.name == name) or any(
            documented(name, classes[base.id]) for base in owner.bases
            if getattr(base, "id", None) in classes)

    missing = [node.name for node in [*functions(tops), *classes.values()]
               if not ast.get_docstring(node)]
    missing += [f"{owner.name}.{f.name}" for owner in classes.values()
                for f in functions(owner.body) if not documented(f.name, owner)]
    return [name for name in missing if "._" not in "." + name]


def test_lines_fit_and_imports_are_used():
    assert not {name: lines for name, source in SOURCES.items()
                if (lines := long_lines(source))}
    # The package's __init__ imports its modules for others.
    assert not {name: unused for name, source in SOURCES.items()
                if "__init__" not in name and (unused := unused_imports(source))}


def test_what_is_public_has_a_docstring():
    assert not undocumented(*(SOURCES[name] for name in SOURCES if "minimae/" in name))
    # The one page has a comment on each def instead.
    plain = {"main", "run", "draw", "show"}
    assert not {(name, f) for name, source in SOURCES.items()
                if "demos/" in name and name != "demos/one_page.py"
                for f in undocumented(source) if f.islower() and f not in plain}


def test_offences_are_noticed():
    assert long_lines("a\n" + "b" * 88 + "\n" + "c" * 89) == [3]
    source = ("import a, b.c, d as e\nfrom f import g, h\n"
              "def i(h):\n import j\n b.k(g)")
    assert unused_imports(source) == ["a", "e", "h", "j"]
    base = "class A:\n '.'\n def f(s):\n  '.'\n def g(s): pass\n"
    heir = "class B(A):\n def _h(s): pass\n def f(s): pass\n def i(s): pass\n"
    more = "def j():\n def k(): pass\ndef _l(): pass\ndef m():\n '.'\nclass _N: pass"
    assert undocumented(base, heir, more) == ["j", "B", "A.g", "B.i"]
