"""The front page, the lesson, going further and the exercises: their code runs, what
they name exists, and their formulas stand where GitHub leaves them alone."""
import ast
import functools
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot as plt

from helpers import generator
from minimae import bounds, certified, contracts, exact, nets, problems, quadrature
from minimae import train

ROOT = Path(__file__).resolve().parent.parent
DEMOS = ROOT / "demos"
LESSON = DEMOS / "README.md"
FURTHER = DEMOS / "further.md"
EXERCISES = DEMOS / "exercises.md"
PAGES = [ROOT / "README.md", LESSON, FURTHER, EXERCISES]
SOURCES = [path for folder in ("minimae", "demos", "tests")
           for path in sorted((ROOT / folder).rglob("*.py"))]


def blocks_of(page):
    """The Python blocks of a page."""
    return re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


def definitions(page):
    """The functions and classes of a page's blocks, without running anything else."""
    names = {}
    for block in blocks_of(page):
        tree = ast.parse(block)
        kept = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
        tree.body = [node for node in tree.body if isinstance(node, kept)]
        exec(compile(tree, page.name, "exec"), names)
    return names


# The code

@pytest.fixture
def little_work(monkeypatch, tmp_path):
    """Two steps of training, one seed, few samples and coarse grids, in an empty
    folder."""
    whole_train = train.train

    def short_train(problem, targets, seeds=(0,), steps=2, **settings):
        return whole_train(problem, targets, [seeds[0]], steps=2, **settings)

    monkeypatch.setattr(train, "train", short_train)
    monkeypatch.setattr(certified, "evaluate", functools.partial(
        certified.evaluate, n_sets=8, n=16, n_codes=64))
    monkeypatch.setattr(exact, "evaluate", functools.partial(
        exact.evaluate, tolerance=1e-3, max_table=2 ** 14))
    monkeypatch.chdir(tmp_path)
    yield
    plt.close("all")


def run(page, **shorter):
    """Run the blocks of a page in order, as one session; returns its names.

    shorter : by the name in front of them, lists in place of those of the page
    """
    session = {}
    for block in blocks_of(page):
        for name, values in shorter.items():
            block = re.sub(rf"for {name} in .*:", f"for {name} in {values}:", block)
        exec(compile(block, page.name, "exec"), session)
    return session


def test_the_code_of_the_lesson_gives_the_numbers_beside_it(capsys):
    run(LESSON)
    printed = capsys.readouterr().out
    assert [float(word) for word in printed.split()[:4]] == [0.511, 0.32, 0.275, 0]
    rest = re.findall(r"-?\d+\.\d*", printed)[4:]
    assert [float(number) for number in rest] == [-1.419, 0.275, 0.09, 0, 0.3]


def test_the_numbers_after_the_step_by_hand():
    Line = definitions(LESSON)["Line"]
    grid = quadrature.grid(64)
    z, eps, weights = quadrature.tensor_product(grid, grid)
    p = Line(0.809, 0.36)
    x, weights = p.joint_nodes(z, eps, weights)
    infomax = bounds.infomax(Line(0.53, 1.0), z, x, weights)
    assert infomax == pytest.approx(0.286, abs=5e-4)  # three decimals
    assert 0.5 * np.log((0.809 ** 2 + 0.36) / 0.36) == pytest.approx(0.518, abs=5e-4)
    data = quadrature.tensor_product(grid, grid)
    lost = -0.5 * np.log(2 * np.pi * np.e) - bounds.elbo(p, Line(0.8, 0.36), *data)
    assert lost == pytest.approx(0.0001, abs=5e-5)


def test_the_code_of_going_further_runs(little_work, capsys):
    session = run(FURTHER)
    made = session["made"]
    assert session["drawn"].shape == (5, 4) and session["between"].shape == (7, 4)
    # In the units of the file; an untrained model draws about N(0, 1) of the scaled.
    far = np.abs(session["drawn"] - made.mean(axis=0)) / made.std(axis=0)
    assert np.max(far) < 9
    assert session["page"].count("data:image/png;base64,") >= 1
    assert capsys.readouterr().out.count("gap") >= 3


def test_the_code_of_the_exercises_runs(little_work, monkeypatch):
    monkeypatch.syspath_prepend(DEMOS)
    session = run(EXERCISES, steps=[150], seed=[2000])
    assert len(session["errors"]) == 6


# The densities of the pages

def random_density(density, n_in, n_out, seed):
    """The density with parameters far from those it starts with."""
    rng = generator(seed)
    params = density.init(rng, n_in, 5, n_out)
    return density.with_params(tuple(a + 0.4 * rng.standard_normal(a.shape)
                                     for a in params))


def test_the_flow_is_a_density():
    flow = definitions(FURTHER)["Flow"]()
    r = random_density(flow, n_in=2, n_out=1, seed=0)
    # z = sinh(t), as its tails may be long; dz = cosh(t) dt.  Points are .002 apart:
    # for sds from exp(-3) on the rule is exact to rounding.
    t, dt = np.linspace(-30, 30, 30001, retstep=True)
    log_r = r.log_prob(np.sinh(t)[:, None], np.ones(2))
    assert dt * np.sum(np.exp(log_r) * np.cosh(t)) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", ["Correlated", "Chain"])
def test_encoders_close_the_gap_if_codes_are_correlated(name):
    """x is the sum of two codes and noise, and p(x) = N(0, 2.25) is known.  After these
    steps the gap is .007 and .027, and .52 with independent codes."""
    names = definitions(FURTHER)
    encoder = names[name]()
    decoder = names["Sum"]()
    rows = 1.5 * generator(0).standard_normal((1000, 1))
    x, weights = quadrature.grid(24)
    data = quadrature.tensor_product((1.5 * x, weights), quadrature.grid(24, dim=2))
    contracts.check(problems.Data(rows, encoder=encoder))
    gaps = []
    for q in [encoder, nets.NormalNet()]:
        problem = problems.Data(rows, decoder=decoder, encoder=q, n_hidden=8,
                                n_codes=64)
        models = train.train(problem, [None], steps=100, learning_rate=0.05)
        p, q, _ = models[0]
        best = -0.5 * np.log(2 * np.pi * np.e * 2.25)
        gaps.append(best - bounds.elbo(p, q, *data))
    assert -1e-3 < gaps[0] < 0.1
    assert gaps[1] > 0.45


# What the pages name

NAMES = {}  # of a module: its public functions and classes
for path in SOURCES:
    NAMES.setdefault(path.stem, set())
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            NAMES[path.stem].add(node.name)
TESTS = [name for module, names in NAMES.items() if module.startswith("test_")
         for name in names if name.startswith("test_")]
FILE_ENDINGS = {"py", "md", "npz", "png", "gif", "html", "csv", "ipynb"}


def missing_names(text):
    """The functions, tests and programs that a page names and that do not exist."""
    missing = []
    for module, name in re.findall(r"`(\w+)\.([a-zA-Z_]\w*)", text):
        if module in NAMES and name not in FILE_ENDINGS and name not in NAMES[module]:
            missing.append(f"{module}.{name}")
    for name in re.findall(r"`(test_\w+)`", text):
        if not any(test.startswith(name) for test in TESTS):
            missing.append(name)
    for name in re.findall(r"\b(\w+)\.py\b", text):
        if name not in NAMES:
            missing.append(f"{name}.py")
    return missing + missing_selections(text)


def missing_selections(text):
    """What -k "NAME", and names alone in the last column of a table, do not select."""
    words = re.findall(r'-k "(\w+)"', text)
    for cell in re.findall(r"\| ((?:`[a-z_]+`(?:, )?)+) \|\n", text):
        words += re.findall(r"`(\w+)`", cell)
    words = [word for word in words if word != "NAME"]
    return [word for word in words if not any(word in test for test in TESTS)]


def broken_links(page, text):
    """Links to files or headings of the project that do not exist."""
    broken = []
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


def anchors(page):
    """GitHub's names of the headings of a page."""
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in headings]


def unknown_options(text):
    """Options of `python demos/NAME.py ...` that the demo does not offer."""
    unknown = []
    command = r"python demos/(?:lesson/)?(\w+)\.py([^`\n#]*)"
    demos = {path.stem: path for path in SOURCES if "demos" in path.parts}
    for name, options in re.findall(command, text):
        source = demos[name]
        known = source.read_text("utf-8") + (DEMOS / "cli.py").read_text("utf-8")
        for option in re.findall(r"--[a-z-]+", options):
            if f'"{option}"' not in known:
                unknown.append(f"{name} {option}")
    return unknown


def loose_formulas(text):
    """Dollars outside of math fences, $`...`$ and code: GitHub's Markdown would take
    backslashes and bars out of such formulas before they are typeset."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"\$`[^`]+`\$|`[^`]+`", "", text)
    return re.findall(r".{0,9}\$.{0,9}", text)


def bars_in_tables(text):
    """Rows of tables with a bar within $`...`$, which would end the cell there."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [row for row in rows
            if any("|" in formula for formula in re.findall(r"\$`[^`]+`\$", row))]


@pytest.mark.parametrize("page", PAGES, ids=["front page", "lesson", "further",
                                             "exercises"])
def test_what_a_page_names_exists_and_its_formulas_are_fenced(page):
    text = page.read_text("utf-8")
    assert not missing_names(text)
    assert not broken_links(page, text)
    assert not unknown_options(text)
    assert not loose_formulas(text)
    assert not bars_in_tables(text)


def test_a_heading_that_others_cite_is_there():
    """By build_it.py and by the front page."""
    assert "three-gradients-from-one-pass" in anchors(LESSON)
    assert "build-on-it" in anchors(FURTHER)


def test_all_answers_are_hidden():
    text = EXERCISES.read_text("utf-8")
    n_exercises = len(re.findall(r"^### \d+\.", text, re.MULTILINE))
    assert text.count("*Trains: ") == n_exercises
    assert text.count("<details><summary>Answer</summary>") == text.count("</details>")


def test_offences_are_noticed():
    assert missing_names("`nets.No` `test_zz_` zz.py\n| `z_z` |\n") == [
        "nets.No", "test_zz_", "zz.py", "z_z"]
    links = "[a](no.md) [b](further.md#no) [c](#9-cheat-sheet)"
    assert broken_links(LESSON, links) == ["no.md", "further.md#no"]
    assert unknown_options("`python demos/faces.py --dim 8 --no 1`") == ["faces --no"]
    assert loose_formulas("a $b$ `c$` $`d`$\n```sh\n$e\n```\n$$f$$") == [
        "a $b$  ", "$$f$$"]
    assert bars_in_tables("| $`a|b`$ | c |\n$`a|b`$") == ["| $`a|b`$ | c |"]
