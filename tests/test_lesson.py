"""The lesson and the front page: their code runs, what they name is there, and their
formulas stand where GitHub leaves them alone."""
import ast
import re

import numpy as np
import pytest
from matplotlib import pyplot as plt

from helpers import SEED, generator, random_like
from minimae import certified, exact, problems, train
from test_style import ROOT, SOURCES

PAGES = [ROOT / "README.md", ROOT / "demos" / "README.md"]
TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}
LESSON = TEXTS[PAGES[1]]
PUBLIC = {f"{path[:-3].split('/')[-1]}.{node.name}"
          for path, source in SOURCES.items() for node in ast.walk(ast.parse(source))
          if isinstance(node, (ast.FunctionDef, ast.ClassDef))}


def test_the_code_of_the_lesson_runs(tmp_path, monkeypatch, capsys):
    """In order, as one session, in a folder with the file that it reads.  For the sake
    of seconds runs have 2 steps, and certified figures 2 sets of few codes."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((80, 3)) @ rng.standard_normal((3, 3)) * 7 + [1, 20, 300]
    np.savetxt("measurements.csv", rows, delimiter=",", header="a,b,c", comments="")
    monkeypatch.setattr(certified.figures, "__defaults__", (2, 64, 512, 8))
    session = {}
    for block in re.findall(r"```python\n(.*?)```", LESSON, re.DOTALL):
        exec(block.replace("steps=500", "steps=2"), session)
    plt.close("all")
    assert capsys.readouterr().out.startswith("[0.511]\n[0.32]\n[0.275]\n[0.]\n")
    assert session["drawn"].shape == (5, 3)
    # In the units of the file; an untrained model draws about N(0, 1) of the scaled.
    assert np.all(np.abs(session["drawn"] - rows.mean(0)) < 9 * rows.std(0))
    assert session["between"].shape == (1, 1, 7, 3)
    assert session["page"].count("data:image/png;base64,") == 2  # a frame for each step


def test_a_critic_of_ones_own_is_a_density_and_holds_a_level():
    """The lesson's flow, with parameters far from those it starts with, and trained."""
    session, blocks = {}, re.findall(r"```python\n(.*?)```", LESSON, re.DOTALL)
    flow, = (block for block in blocks if "class Flow" in block)
    exec(flow[:flow.index("\nproblem =")], session)
    critic = session["Flow"]()
    params, = random_like([critic.init(generator(0), 2, 5, 1)], generator(1), 0.4)
    r, x = critic.density(params, None, None), np.ones((1, 1, 1, 2))
    # z = sinh(t), as its tails may be long; dz = cosh(t) dt
    t, dt = np.linspace(-30, 30, 30001, retstep=True)
    log_r = r.log_prob(np.sinh(t)[None, :, None, None], x)[0, :, 0]
    # Points are .002 apart: for sds from exp(-3) on the rule is exact to rounding.
    assert dt * np.sum(np.exp(log_r) * np.cosh(t)) == pytest.approx(1, abs=1e-6)
    problem = problems.Categorical(np.full(4, 0.25), n_hidden=8, critic=critic)
    row, = exact.evaluate(train.train(problem, [0.9], [SEED], steps=200))
    assert row["note"] == "" and row["lower"] <= row["information"]
    # Worst of seeds 0 to 23: I off by .004, I^ by .007; with no critic I ends at 0.
    assert [row["lower"], row["information"]] == pytest.approx([0.9, 0.9], abs=0.03)


def names(page):
    """What a page names, and is not there."""
    text, missing = TEXTS[page], []
    modules = {name.split(".")[0] for name in PUBLIC}
    for module, name in re.findall(r"`(\w+)\.([a-zA-Z_]\w*)", text):
        if module in modules and name not in ("py", "html", "npz", "png"):
            missing += [f"{module}.{name}"] * (f"{module}.{name}" not in PUBLIC)
    tests = re.findall(r"def (test_\w+)", "".join(SOURCES.values()))
    missing += [name for name in re.findall(r"`(test_\w+)`", text)
                if not any(test.startswith(name) for test in tests)]
    files = [path.split("/")[-1] for path in SOURCES]
    missing += [name for name in re.findall(r"\b(\w+\.py)\b", text)
                if name not in files]
    # -k "NAME" and the last column of the slips select tests.
    for cell in re.findall(r"\| ((?:`[a-z_]+`(?:, )?)+) \|\n", text):
        missing += [word for word in re.findall(r"`(\w+)`", cell)
                    if not any(word in test for test in tests)]
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or anchor not in ["", *anchors(target)]:
            missing.append(link)
    return missing


def anchors(page):
    """GitHub's names of the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", TEXTS.get(page, ""), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in headings]


def loose_formulas(text):
    """Dollars outside of math fences, $`...`$ and code: GitHub's Markdown would take
    backslashes and bars out of such formulas before they are typeset."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.findall(r".{0,9}\$.{0,9}", re.sub(r"\$`[^`]+`\$|`[^`]+`", "", text))


def bars_in_tables(text):
    """Rows of tables with a bar within $`...`$, which would end the cell there."""
    return [line for line in text.splitlines() if line.startswith("|")
            and any("|" in formula for formula in re.findall(r"\$`[^`]+`\$", line))]


@pytest.mark.parametrize("page", PAGES, ids=["front page", "lesson"])
def test_what_a_page_names_is_there_and_its_formulas_are_fenced(page):
    assert not names(page)
    assert not loose_formulas(TEXTS[page])
    assert not bars_in_tables(TEXTS[page])


def test_offences_are_noticed(monkeypatch):
    page = "`nets.No` `test_no_` no.py\n| `no_no` |\n[a](no.md) [b](demos/README.md#no)"
    monkeypatch.setitem(TEXTS, PAGES[0], page)
    assert names(PAGES[0]) == ["nets.No", "test_no_", "no.py", "no_no", "no.md",
                               "demos/README.md#no"]
    loose = loose_formulas("a $b$ `c$` $`d`$\n```sh\n$e\n```\n$$f$$")
    assert loose == ["a $b$  ", "$$f$$"]
    assert bars_in_tables("| $`a|b`$ | c |\n$`a|b`$") == ["| $`a|b`$ | c |"]
