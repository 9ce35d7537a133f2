"""Build it yourself: the whole path, to the figure, and bodies that are wrong."""
import contextlib
import inspect
import subprocess
import sys
import textwrap
from pkgutil import resolve_name

import pytest

import build_it
import parts
from minimae import train

SOURCES = {f"minimae/{path.name}": path.read_text("utf-8")
           for path in build_it.DEMOS.parent.glob("minimae/*.py")}


def test_the_path_from_the_first_command_to_the_figure(tmp_path):
    """As printed, with spaces in the path; in a checkout and outside at a time."""
    def shell(command, cwd=tmp_path):
        return subprocess.Popen(command, shell=True, cwd=cwd, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    checkout = tmp_path / "a checkout"
    checkout.mkdir()
    (checkout / "test_one.py").write_text("def test_one(): pass")
    first, runs = f'"{sys.executable}" "{build_it.__file__}" "my own"', []
    folders = tmp_path / "my own", checkout / "my own"
    for folder, built in [(folder, shell(first, folder.parent)) for folder in folders]:
        command = built.communicate()[0].splitlines()[-1]
        assert f"\n{command}\n" in (folder / "README.md").read_text("utf-8")
        assert shell(command).communicate()[0] == (
            "part 1: write normal.entropy (minimae/normal.py)\n")
        for name in dict.fromkeys(sum(build_it.LISTED, [])):
            module, function = name.split(".", 1)
            path, right = f"minimae/{module}.py", SOURCES[f"minimae/{module}.py"]
            text = (folder / path).read_text("utf-8")
            lines, body = text.splitlines(True), build_it.body(right, function)
            lines[build_it.body(text, function)] = right.splitlines(True)[body]
            (folder / path).write_text("".join(lines), encoding="utf-8")
        assert all((folder / path).read_text("utf-8") == text
                   for path, text in SOURCES.items())
        # In the checkout part 1 is enough: the other parts are the same files.
        runs.append(shell(command[:-1] + "1" * (folder.parent == checkout)))
    test = shell(f'"{sys.executable}" -m pytest -p no:cacheprovider', checkout)
    again = shell(first)
    for run, last in zip(runs, (6, 1)):
        out, _ = run.communicate()
        assert run.returncode == 0 and f"part {last} is right" in out, out
    assert (tmp_path / "my own" / "figure6.png").stat().st_size > 10 ** 4
    assert "1 passed" in test.communicate()[0]
    assert "my own exists" in again.communicate()[0]


# part | function | in its source | what is there instead | what is said of it
MISTAKES = """
1 | normal.entropy | , axis=-1 | | the shape should be (2,), yours is ()
1 | normal.entropy | 0.5 * | | yours is 2.8379; twice what is right: is a 1/2 missing?
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
2 | adam.Adam.step | self.theta += | self.theta = self.theta + | in place
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
        list(parts.PARTS[number]())
    assert words in str(error.value)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_a_part_needs_no_later_one_and_a_training_that_learns(number, monkeypatch):
    learn, listed = train.train, build_it.LISTED
    for name in {*sum(listed, [])} - {*sum(listed[:number], [])}:
        monkeypatch.setattr(f"minimae.{name}", lambda *_: pytest.fail("a later part"))
    monkeypatch.setattr(train, "train", lambda problem, levels, *_, **more: learn(
        problem, levels, **{**more, "steps": 1}))
    ends_early = pytest.raises(AssertionError, match="should end at")
    with contextlib.nullcontext() if number in (1, 3) else ends_early:
        list(parts.PARTS[str(number)]())
