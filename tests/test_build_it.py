"""Build it yourself: the whole path, to the figure, and bodies that are wrong."""
import contextlib
import inspect
import shutil
import subprocess
import textwrap
from pathlib import Path
from pkgutil import resolve_name

import pytest

import build_it
import parts
import shared
from minimae import train

SOURCES = {path.name: path.read_text("utf-8")
           for path in build_it.DEMOS.parent.glob("minimae/*.py")}


def test_the_path_from_the_first_command_to_the_figure(tmp_path, monkeypatch, capsys):
    """As printed, with spaces in the path: in a checkout to the first blank, outside to
    the end."""
    def run(command):
        return subprocess.run(command, shell=True, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT).stdout

    def build():
        shared.main(build_it.run, build_it.PARSER, ["my own"])
        command = capsys.readouterr().out.splitlines()[-1]
        assert f"\n{command}\n" in Path("my own", "README.md").read_text("utf-8")
        return command

    shutil.copytree(build_it.DEMOS.parent / "minimae", tmp_path / "clone" / "minimae")
    monkeypatch.chdir(tmp_path / "clone")
    assert run(build()) == "part 1: write normal.entropy (minimae/normal.py)\n"
    monkeypatch.chdir(tmp_path)
    command = build()
    for name in sum(build_it.LISTED, []):
        module, function = name.split(".", 1)
        path = Path("my own", "minimae", f"{module}.py")
        right, text = SOURCES[f"{module}.py"], path.read_text("utf-8")
        lines, body = text.splitlines(True), build_it.body(right, function)
        lines[build_it.body(text, function)] = right.splitlines(True)[body]
        path.write_text("".join(lines), encoding="utf-8")
    assert SOURCES == {path.name: path.read_text("utf-8")
                       for path in Path("my own", "minimae").iterdir()}
    assert "part 6 is right" in run(command[:-1])  # without the 1
    assert Path("my own", "figure6.png").stat().st_size > 10 ** 4
    with pytest.raises(SystemExit, match="2"):
        build()
    assert "my own exists" in capsys.readouterr().err


# part | function | in its source | what is there instead | what is said of it
MISTAKES = """
1 | normal.entropy | , axis=-1 | | the shape should be (2,), yours is ()
1 | normal.entropy | 0.5 * | | twice what is right: is a 1/2 missing?
1 | normal.log_prob | return | _ = | an array, yours returns None: is the return
1 | normal.log_prob | axis=-1) | axis=-1), | an array, yours returns a tuple
1 | normal.kl_to_standard | np.square(mean) | mean | of two normals, 2-d: should be
1 | normal.sample | return mean | mean += 0; return mean | read-only
1 | nets.net | + c | | nets.net, 3 tanh(1) + 1
1 | nodes.grid | + shift | + 0.5 | points of nodes.grid
2 | bounds.log_marginal | log_px.shape[:1] + x.shape[1:-1] | x.shape[:-1] | reshape
2 | bounds.information | * dx | | I of x|z
2 | bounds.reconstruction_and_kl | normal.sample(mean, log_var, eps) | mean | z = 1.4
2 | bounds.elbo | , axis) | ) | for q: the shape should be (1, 2), yours is (1,)
2 | adam.Adam.step | 0.95 | 0.9 | Adam's theta
2 | adam.Adam.step | a += | a = a + | in place
3 | bounds.infomax | z.shape[-1] | 1 | z of two dimensions
3 | critics.Posterior.log_prob | self.log_prior(z) + | | log p(z|x)
4 | train.objectives | scale_gradient(weights, slope) | weights | p climbs ELBO + slope
4 | train.Penalty.update | self.slope = | return | None, yours returns an array
4 | train.Penalty.update | -self.C | self.C | the sign is the wrong way round
4 | train.Penalty.update | + 1e-3 | | is + 1e-3 in width?
5 | train.Penalty.update | / 4 | | Penalty.C after step 2
5 | train.Penalty.update | -self.C | -self.C / self.growth ** 0.01 | C grows before
"""


@pytest.mark.parametrize("mistake", MISTAKES.strip().splitlines())
def test_a_mistake_is_named_with_what_is_right(mistake, monkeypatch):
    number, name, old, new, words = (text.strip() for text in mistake.split("|", 4))
    right, made = resolve_name(f"minimae.{name}"), {}
    source = textwrap.dedent(inspect.getsource(right))
    assert old in source
    exec(source.replace(old, new), right.__globals__, made)
    monkeypatch.setattr(f"minimae.{name}", made[right.__name__])
    with pytest.raises((AssertionError, ValueError)) as error:
        parts.PARTS[number]()
    assert words in str(error.value)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_a_part_needs_no_later_one_and_a_training_that_learns(number, monkeypatch):
    learn, listed = train.train, build_it.LISTED
    for name in {*sum(listed, [])} - {*sum(listed[:number], [])}:
        monkeypatch.setattr(f"minimae.{name}", lambda *_: pytest.fail("a later part"))
    monkeypatch.setattr(train, "train", lambda problem, levels, *_, **more: learn(
        problem, levels, **{**more, "steps": 1}))
    ends_early = pytest.raises(AssertionError, match="at the end: should be")
    with contextlib.nullcontext() if number in (1, 3) else ends_early:
        parts.PARTS[str(number)]()
