"""Build it yourself: the folder comes from today's source, every blank and every wrong
body fails its checkpoint with a line that helps, and the originals pass."""
import ast
import runpy
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import build_it

STEPS = [list(functions) for _, _, functions in build_it.CHECKPOINTS]
BLANKS = list(dict.fromkeys(name for step in STEPS for name in step))
TEXTS = build_it.files()


def original(path):
    return (build_it.ROOT / path).read_text(encoding="utf-8")


def lines_of(text, name):
    """The lines of a text, and where in them a function is."""
    function = build_it.find(ast.parse(text), name)
    return text.splitlines(True), slice(function.lineno - 1, function.end_lineno)


def put_back(names, texts=TEXTS):
    """The files with functions as they are in the library."""
    texts = dict(texts)
    for name in names:
        path, function = build_it.place(name)
        lines, where = lines_of(texts[path], function)
        right, right_where = lines_of(original(path), function)
        lines[where] = right[right_where]
        texts[path] = "".join(lines)
    return texts


RIGHT = put_back(BLANKS)


def written(name, body):
    """All files right, but for one function with a body as a student writes it."""
    path, function = build_it.place(name)
    lines, where = lines_of(RIGHT[path], function)
    docstring = build_it.find(ast.parse(RIGHT[path]), function).body[0]
    lines[docstring.end_lineno:where.stop] = textwrap.indent(
        textwrap.dedent(body).strip() + "\n", " " * docstring.col_offset)
    return {**RIGHT, path: "".join(lines)}


@pytest.fixture
def check(tmp_path, monkeypatch, capsys):
    """Run a checkpoint of a folder in this process, on the folder's own package; with
    runs=False without its last part, a training.  Its status and standard error."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def package():
        return [name for name in sys.modules if name.split(".")[0] == "minimae"]

    def run(number, texts, runs=True):
        folder = tmp_path / "mine"
        build_it.build(folder, texts)
        kept = {name: sys.modules.pop(name) for name in package()}
        with monkeypatch.context() as patch:
            patch.syspath_prepend(folder)
            try:
                script = runpy.run_path(str(folder / "checkpoints.py"))
                assert script["nets"].__file__.startswith(str(folder))
                if not runs:
                    script["CHECKPOINTS"][number].pop()
                return script["main"]([number]), capsys.readouterr().err
            except SystemExit as stop:
                return 1, f"{stop.code}\n"
            finally:
                for name in package():
                    del sys.modules[name]
                sys.modules.update(kept)
    return run


@pytest.mark.parametrize("number", "12345")
def test_a_checkpoint_passes_while_later_ones_are_blank(number, check):
    done = sum(STEPS[:int(number)], [])
    assert check(number, put_back(done)) == (0, "")


@pytest.mark.parametrize("number, name", [
    (str(number), name) for number, step in enumerate(STEPS, 1) for name in step])
def test_a_blank_is_one_line_that_says_what_to_write(number, name, check):
    path, function = build_it.place(name)
    _, blank = build_it.find(ast.parse(TEXTS[path]), function).body
    status, error = check(number, written(name, ast.unparse(blank)))
    assert status == 1 and error.count("\n") == 1
    hint = next(step[name] for _, _, step in build_it.CHECKPOINTS if name in step)
    assert error.endswith(f"write {name} first ({path}): {hint}\n")


def test_all_put_back_is_the_package():
    texts = dict(RIGHT)
    readme = texts.pop("README.md")
    assert {"normal.log_prob", "normal.sample", "normal.kl_to_standard",
            "normal.entropy", "nets.net", "bounds.log_marginal", "bounds.elbo",
            "bounds.information", "bounds.infomax", "train.objectives",
            "train.Penalty.update", "adam.adam_step"} <= set(BLANKS)
    assert texts.pop("checkpoints.py") == original("demos/checkpoints.py")
    assert texts == {path: original(path) for path in texts}
    names = {path.name for path in build_it.ROOT.glob("minimae/*.py")}
    assert {Path(path).name for path in texts if path.startswith("minimae/")} == names
    assert f"without {len(BLANKS)} of its functions" in readme
    for number, step in enumerate(STEPS, 1):
        assert f"`python checkpoints.py {number}`" in readme
        for name in step:
            path, function = build_it.place(name)
            blank, right = (build_it.find(ast.parse(text), function)
                            for text in (TEXTS[path], original(path)))
            assert ast.unparse(blank.args) == ast.unparse(right.args)
            assert ast.get_docstring(blank) == ast.get_docstring(right)
            assert ast.get_docstring(right) in readme and f"`{name}(" in readme
            assert len(blank.body) == 2 and isinstance(blank.body[1], ast.Raise)


def test_the_tests_that_come_along_are_those_that_need_no_demo():
    demos = {path.stem for path in build_it.ROOT.glob("demos/*.py")}
    for path in build_it.ROOT.glob("tests/test_*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        used = {alias.name for node in nodes if isinstance(node, ast.Import)
                for alias in node.names}
        used |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
        needs = bool(used & demos) or any(
            str(node.value).startswith("demos") for node in nodes
            if isinstance(node, ast.Constant))
        assert needs == (path.stem not in build_it.TESTS), path.stem


NET = """W, b, *last = params
h = np.tanh(np.matmul(given, W) + b)
"""
SQUARES = "np.square(x - mean) * np.exp(-log_var)"
PENALTY = """
    d = values[1] - self.target
    width = self.WIDTH * cosine(step, self.steps)
    self.slope = np.where(self.free, 0.0, {} * np.clip(d / width, -1, 1))"""
NO_GROWTH = PENALTY.format("-self.C")
# number, function, a mistake in its body, and what its checkpoint says of it
MISTAKES = {
    "1/2 dropped from log_prob": (
        "1", "normal.log_prob", f"return -np.sum({SQUARES} + log_var + LOG_2PI, -1)",
        "log N(0 | 0, 1) is -0.9189, yours gives -1.8379; twice what is right: is a"),
    "log 2 pi missing": (
        "1", "normal.log_prob", f"return -0.5 * np.sum({SQUARES} + log_var, -1)",
        "is -0.9189, yours gives 0.0000"),
    "log_prob of each dimension": (
        "1", "normal.log_prob", f"return -0.5 * ({SQUARES} + log_var + LOG_2PI)",
        "has shape (), yours has (1,)"),
    "log_var a number": (
        "1", "normal.log_prob",
        f"return -0.5 * (np.sum({SQUARES}, -1) + np.sum(log_var + LOG_2PI + 0 * mean))",
        "numbers for mean and log_var"),
    "mean for sum in log_prob": (
        "1", "normal.log_prob",
        f"return -0.5 * np.mean({SQUARES} + log_var + LOG_2PI, -1)",
        "the log density of all three values at once is"),
    "1/2 dropped from the KL": (
        "1", "normal.kl_to_standard",
        "return np.sum(np.square(mean) + np.exp(log_var) - log_var - 1, -1)",
        "KL[N(1, 1) || N(0, 1)] is 0.5000, yours gives 1.0000; twice"),
    "KL the other way round": (
        "1", "normal.kl_to_standard", "return 0.5 * np.sum((1 + np.square(mean)) * "
        "np.exp(-log_var) + log_var - 1, -1)", "KL[N(0, 0.25) || N(0, 1)] is 0.3181"),
    "mean for sum in the KL": (
        "1", "normal.kl_to_standard",
        "return 0.5 * np.mean(np.square(mean) + np.exp(log_var) - log_var - 1, -1)",
        "the KL of all four dimensions at once is"),
    "mean for sum in the entropy": (
        "1", "normal.entropy", "return 0.5 * np.mean(log_var + LOG_2PI + 1, -1)",
        "the entropy of both dimensions at once is"),
    "1/2 dropped from the entropy": (
        "1", "normal.entropy", "return np.sum(log_var + LOG_2PI + 1, -1)",
        "H[N(0, 1)] is 1.4189, yours gives 2.8379; twice"),
    "variance for sd in sample": (
        "1", "normal.sample", "return mean + np.exp(log_var) * eps",
        "the point of N(1, 4) for eps = 1 is 3.0000, yours gives 5.0000"),
    "tanh forgotten": (
        "1", "nets.net", """
        W, b, *last = params
        h = np.matmul(given, W) + b
        return np.matmul(h, last[0]) + last[1] if last else h
        """, "1.5 tanh(1) + 1.5 tanh(1) + 1 is 3.2848, yours gives 4.0000"),
    "tanh without a second layer": (
        "1", "nets.net", f"{NET}return np.matmul(h, last[0]) + last[1] if last else h",
        "without V and c: 1 * 2 + 1 is 3.0000, yours gives 0.9951"),
    "the second layer without c": (
        "1", "nets.net", f"{NET}return np.matmul(h, last[0]) if last else "
        "np.matmul(given, W) + b", "+ 1 is 3.2848, yours gives 2.2848"),
    "the first output twice": (
        "1", "nets.net", f"{NET}if not last:\n    return np.matmul(given, W) + b\n"
        "out = np.matmul(h, last[0]) + last[1]\nreturn 0 * out + out[..., :1]",
        "-tanh(1) is -0.7616, yours"),
    "mean of log p(x|z)": (
        "2", "bounds.log_marginal", """
        each = np.reshape(x, (x.shape[0], 1, -1, x.shape[-1]))
        mean = np.sum(weights * p.log_prob(each, z), 1)
        return np.reshape(mean, mean.shape[:1] + x.shape[1:-1])
        """, "log p(0), with p(x) = N(0, 1), is -0.9189, yours gives -0.9770"),
    "exp without log_sum_exp": (
        "2", "bounds.log_marginal", """
        each = np.reshape(x, (x.shape[0], 1, -1, x.shape[-1]))
        with np.errstate(all="ignore"):
            mean = np.log(np.sum(weights * np.exp(p.log_prob(each, z)), 1))
        return np.reshape(mean, mean.shape[:1] + x.shape[1:-1])
        """, "log p(40), with p(x) = N(0, 1), is -800.9189, yours gives -inf"),
    "x not shaped back": (
        "2", "bounds.log_marginal", """
        each = np.reshape(x, (x.shape[0], 1, -1, x.shape[-1]))
        return log_sum_exp(np.log(weights) + p.log_prob(each, z), 1)[:, None]
        """, "at x of shape (1, 3, 1, 1) has shape (1, 3, 1), yours has (1, 1, 3)"),
    "dx forgotten": (
        "2", "bounds.information", """
        return upper(p, lambda x: log_marginal(p, x, z, weights), z, x,
                     weights * np.exp(p.log_prob(x, z)))
        """, "I for x|z ~ N(0.6 z, 0.64) is 0.2231, yours gives"),
    "the mean of q for a sample": (
        "2", "bounds.elbo_terms", """
        mean, log_var = q.moments(x)
        return p.log_prob(x, mean + 0 * eps), normal.kl_to_standard(mean, log_var)
        """, "for x = 1, eps = 1 and so z = 1.4, log p(x|z) is -0.7158, yours"),
    "variance left out of the KL": (
        "2", "bounds.elbo_terms", """
        mean, log_var = q.moments(x)
        z = normal.sample(mean, log_var, eps)
        return p.log_prob(x, z), normal.kl_to_standard(mean, 0 * log_var)
        """, "for x = 1 the KL of q from N(0, 1) is 0.2231, yours gives 0.1800"),
    "axis forgotten": (
        "2", "bounds.elbo", """
        log_likelihood, kl = elbo_terms(p, q, x, eps)
        return expect(log_likelihood - kl, weights)
        """, "with axis=2 and q the exact posterior, log p(x) at x = 0, 2 has shape"),
    "sign of the KL": (
        "2", "bounds.elbo",
        "return expect(sum(elbo_terms(p, q, x, eps)), weights, axis)",
        "with q the exact posterior it equals E log p(x), which is -1.4189, yours"),
    "Adam downhill": (
        "2", "adam.adam_step", "state[0] -= rate * np.sign(gradient)",
        "is 1.1000, yours gives 0.9000; is it uphill, and is state changed in place?"),
    "one root for all parameters": (
        "2", "adam.adam_step",
        "state[0] += rate * gradient / np.sqrt(np.sum(gradient ** 2))",
        "of rate .1 and gradient -.01 is 0.9000, yours gives 0.9995"),
    "Adam without its means": (
        "2", "adam.adam_step", "state[0] += rate * np.sign(gradient)",
        "theta after gradients 2 and then -1 is 1.1268, yours gives 1.0000"),
    "H(z) forgotten": (
        "3", "bounds.infomax", "return expect(r.log_prob(z, x), weights)",
        "with r the exact posterior: I itself, which is 0.2231, yours gives -1.1958"),
    "H(z) of one dimension": (
        "3", "bounds.infomax", "return (normal.entropy(np.zeros(1)) "
        "+ expect(r.log_prob(z, x), weights))", "with z of two dimensions"),
    "prior forgotten": (
        "3", "critics.Bayes.log_prob", "return (self.p.log_prob(x, z) "
        "- log_marginal(self.p, x, self.z, self.weights))", "log p(z|x) at z = -1"),
    "sign of p's share": (
        "4", "train.objectives", """
        z, eps, weights = prior
        x, weights = (scale_gradient(a, -slope) for a in p.joint(z, eps, weights))
        return np.array([bounds.elbo(p, q, *data), bounds.infomax(r, z, x, weights)])
        """, "p climbs ELBO + slope I^; its derivative by a weight is"),
    "weights of p's share not scaled": (
        "4", "train.objectives", """
        z, eps, weights = prior
        x, weights = p.joint(z, eps, weights)
        lower = bounds.infomax(r, z, scale_gradient(x, slope), weights)
        return np.array([bounds.elbo(p, q, *data), lower])
        """, "p climbs ELBO + slope I^; its derivative by a weight is"),
    "critic shares the penalty": (
        "4", "train.objectives", """
        lower = bounds.infomax(r, prior[0], *p.joint(*prior))
        return np.array([bounds.elbo(p, q, *data), scale_gradient(lower, slope)])
        """, "r climbs I^ alone; its derivative by a weight is"),
    "sign of I^": (
        "4", "train.objectives", """
        lower = bounds.infomax(r, prior[0], *p.joint(*prior))
        return np.array([bounds.elbo(p, q, *data), -lower])
        """, "of [ELBO, I^] one value is"),
    "sign of the slope": (
        "4", "train.Penalty.update", PENALTY.format("self.C"),
        "of -C |I^ - M| for I^ = 1.1 and M = 1 is -0.0300, yours gives 0.0300; the"),
    "None forgotten": (
        "4", "train.Penalty.update", NO_GROWTH.replace("self.free", "False"),
        "where nothing is asked (M is None) is 0.0000, yours gives nan"),
    "width that does not shrink": (
        "4", "train.Penalty.update", NO_GROWTH.replace("step,", "1,"),
        "at step 51 of 100, width 0.5, the slope"),
    "C that does not grow": (
        "5", "train.Penalty.update", NO_GROWTH,
        "after step 1 of 100 with I^ = 1.3 and M = 1, C is 0.3141, yours gives 0.3000"),
    "C that grows once": (
        "5", "train.Penalty.update", NO_GROWTH + """
    large = np.abs(d) > width / 4
    self.C = self.START * np.where(large, self.growth ** (1 / self.steps), 1)""",
        "100 steps of 100 with I^ = 0 and M = 1, C is 30.0000, yours gives 0.3141"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_what_is_right(mistake, check):
    number, name, body, words = MISTAKES[mistake]
    status, error = check(number, written(name, body))
    assert status == 1 and error.count("\n") == 1
    assert error.startswith(f"checkpoint {number}: {name}") and words in error


@pytest.mark.parametrize("number, words", [
    ("2", "E log p(x) should end at -1.4189"), ("3", "I^ should end at I"),
    ("4", "I should end at 0.8"), ("5", "with a fixed C, I should end at 0.8715")])
def test_a_run_that_learns_nothing_does_not_pass(number, words, check):
    """A rate of 0, and where the penalty needs the cosine as well, an idle Adam."""
    if number in "23":
        texts = written("adam.cosine", "return 0.0")
    else:
        texts = written("adam.adam_step", "state[1] = gradient")
    status, error = check(number, texts)
    assert status == 1 and words in error and error.count("\n") == 1


@pytest.mark.parametrize("number, name, body", [
    ("1", "normal.log_prob", """
     variance = np.exp(log_var + 0 * (x - mean))
     return np.sum(np.log(np.exp(-(x - mean) ** 2 / (2 * variance))
                          / np.sqrt(2 * np.pi * variance)), -1)"""),
    ("2", "bounds.information", """
     log_ratio = p.log_prob(x, z) - log_marginal(p, x, z, weights)
     return np.sum(weights * dx * np.exp(p.log_prob(x, z)) * log_ratio, (1, 2))"""),
    ("2", "adam.adam_step", """
     state[1] += 0.1 * (gradient - state[1])
     state[2] += 0.05 * (gradient ** 2 - state[2])
     root = np.sqrt(state[2] / (1 - 0.95 ** step)) + 1e-8
     state[0] += rate * state[1] / (1 - 0.9 ** step) / root"""),
    ("4", "train.Penalty.update", NO_GROWTH)])
def test_another_right_way_passes(number, name, body, check):
    assert check(number, written(name, body), runs=False) == (0, "")


def test_as_a_student_starts(tmp_path, monkeypatch, capsys):
    """The command, then the first checkpoint as a program of its own."""
    monkeypatch.chdir(tmp_path)
    assert build_it.main(["mine"]) == 0 and "README.md" in capsys.readouterr().out
    found = {path.relative_to("mine").as_posix(): path.read_text(encoding="utf-8")
             for path in Path("mine").rglob("*.*")}
    assert found == TEXTS
    done = subprocess.run([sys.executable, "mine/checkpoints.py", "1"],
                          capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr == (
        "checkpoint 1: write normal.entropy first (minimae/normal.py): "
        "sum over the last axis\n")


@pytest.mark.parametrize("folder, message", [
    (".", "exists; give the name of a new folder"), ("file", "file exists"),
    ("empty", "empty exists"), ("no/such", "there is no folder"),
    ("file/mine", "there is no folder")])
def test_nothing_is_overwritten(folder, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("kept")
    Path("empty").mkdir()
    with pytest.raises(SystemExit) as stop:
        build_it.main([folder])
    error = capsys.readouterr().err
    assert stop.value.code == 2 and message in error and error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["empty", "file"]
    assert Path("file").read_text() == "kept"


@pytest.mark.parametrize("numbers", [["0"], ["6"], ["one"], ["1", "x"]])
def test_a_checkpoint_that_there_is_not(numbers, capsys):
    import checkpoints
    assert checkpoints.main(numbers) == 2
    assert "give numbers from 1 to 5\n" in capsys.readouterr().err
