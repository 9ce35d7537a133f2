"""The demos as a person runs them: tables, files, options and errors.  main(argv) in process, and once as a program."""
import csv
import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
DEMOS = Path(__file__).resolve().parent.parent / "demos"
sys.path.insert(0, str(DEMOS))
import categorical  # noqa: E402
import common  # noqa: E402
import likelihood_vs_information  # noqa: E402
import rivals  # noqa: E402
import speed  # noqa: E402
import split_normal  # noqa: E402
import traps  # noqa: E402

FIGURE_DEMOS = [split_normal, categorical]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def status_and_error(capsys, demo, argv):
    with pytest.raises(SystemExit) as caught:
        demo.main(argv)
    return caught.value.code, capsys.readouterr().err


@pytest.mark.parametrize("demo", FIGURE_DEMOS)
def test_table_figure_and_csv(demo, capsys, tmp_path):
    assert demo.main(["--levels", "0.6", "0", "0.6", "--steps", "100", "--csv", "t.csv", "--out", "f.png"]) == 0
    printed, errors = capsys.readouterr()
    assert errors == ""  # no progress outside a terminal
    rows = list(csv.DictReader(Path("t.csv").read_text().splitlines()))
    assert [row["level"] for row in rows] == ["0.6", "0.0", "0.6", "vae"]
    assert list(rows[0]) == ["level", "lower", "exact", "upper", "elbo", "log_likelihood", "best", "seed"]
    for row in rows:
        values = {key: float(value) for key, value in row.items() if key != "level"}
        assert values["lower"] <= values["exact"] + 1e-6 and values["exact"] <= values["upper"] + 1e-6
        assert values["elbo"] <= values["log_likelihood"] + 1e-6 and values["log_likelihood"] <= values["best"] + 1e-6
        assert f"{values['exact']:.4f}" in printed and f"{values['log_likelihood']:.5f}" in printed
    assert {**rows[0]} == {**rows[2]}  # repeated levels are the same model
    assert len(rows[0]["exact"].split(".")[1].split("e")[0]) >= 6
    assert Path("f.png").read_bytes().startswith(b"\x89PNG") and sorted(os.listdir()) == ["f.png", "t.csv"]


@pytest.mark.parametrize("demo", FIGURE_DEMOS)
def test_accuracy_over_seeds(demo, capsys):
    assert demo.main(["--levels", "0.5", "--steps", "60", "--seeds", "3", "--csv", "t.csv"]) == 0
    printed = capsys.readouterr().out
    rows = list(csv.DictReader(Path("t.csv").read_text().splitlines()))
    assert [row["level"] for row in rows] == ["0.5", "vae"] * 3
    errors = [abs(float(row["exact"]) - 0.5) for row in rows[::2]]
    assert f"{max(errors):8.5f} {np.median(errors):8.5f}" in printed
    assert [row["seed"] for row in rows] == ["0", "0", "1", "1", "2", "2"]
    assert os.listdir() == ["t.csv"]  # no figure, unless one is asked for
    assert demo.main(["--levels", "0.5", "--steps", "3", "--seeds", "2", "--out", "f.png"]) == 0
    assert "not reached by 2 of 2" in capsys.readouterr().out and Path("f.png").exists()


@pytest.mark.parametrize("demo", FIGURE_DEMOS)
@pytest.mark.parametrize("argv, message", [
    (["--levels", "-0.1"], "level -0.1"), (["--levels", "nan"], "level nan"), (["--levels", "inf"], "level inf"),
    (["--levels", "99"], "level 99.0 must be from 0 to"), (["--levels"], "at least one level"),
    (["--levels", "x"], "invalid float"), (["--steps", "0"], "steps 0"), (["--seeds", "0"], "--seeds 0"),
    (["--seed", "-1"], "--seed -1"), (["--out", "no/such/f.png"], "there is no folder"), (["--out", "."], "is a folder"),
    (["--out", "f.xyz"], "format"), (["--out", "f"], "format"), (["--csv", "no/t.csv"], "there is no folder"),
    (["--csv", "."], "is a folder"), (["--out", ""], "is a folder"), (["--nonsense"], "unrecognized"),
    (["--csv", "f.png", "--out", "f.png"], "same file")])
def test_bad_input_is_one_line_and_status_2(demo, argv, message, capsys):
    code, error = status_and_error(capsys, demo, argv)
    assert code == 2 and message in error and error.count("\n") == 1 and os.listdir() == []


@pytest.mark.parametrize("argv, message", [(["--categories", "1"], "at least 2"), (["--critic", "0"], "at least 1"),
                                           (["--categories", "3", "--levels", "1.2"], "cannot exceed the entropy")])
def test_bad_input_of_the_categorical_demo(argv, message, capsys):
    code, error = status_and_error(capsys, categorical, argv)
    assert code == 2 and message in error and error.count("\n") == 1


def test_files_of_an_earlier_run_survive_a_bad_one(capsys):
    Path("f.png").write_text("old"), Path("t.csv").write_text("old")
    status_and_error(capsys, split_normal, ["--out", "f.png", "--csv", "t.csv", "--levels", "-1"])
    assert Path("f.png").read_text() == "old" == Path("t.csv").read_text()


def test_divergence_is_one_line_and_status_1(capsys, monkeypatch):
    def diverge(*args, **kwargs):
        raise FloatingPointError("training diverged at step 3, level 0.5")
    monkeypatch.setattr(split_normal.train, "train", diverge)
    code, error = status_and_error(capsys, split_normal, [])
    assert code == 1 and error.endswith(": training diverged at step 3, level 0.5\n") and error.count("\n") == 1


def test_interruption_ends_without_a_traceback(capsys, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt
    monkeypatch.setattr(categorical.train, "train", interrupt)
    code, error = status_and_error(capsys, categorical, [])
    assert code == 130 and "interrupted" in error


def test_show_without_a_display_says_so_and_still_saves(capsys):
    assert split_normal.main(["--levels", "0", "--steps", "5", "--show"]) == 0
    assert "no display" in capsys.readouterr().err and Path("split_normal.png").exists()


def test_a_level_not_reached_is_shown_as_not_reached(capsys):
    assert split_normal.main(["--levels", "3", "--steps", "3"]) == 0
    assert "level not reached, I - M = -" in capsys.readouterr().out


@pytest.mark.parametrize("lower, exact, words", [(1.0, 1.1, "critic lags"), (0.5, 0.6, "stays below"), (2.0, 2.1, "stays above")])
def test_what_a_missed_level_is_put_down_to(lower, exact, words):
    assert words in common.why_missed(dict(level=1.0, lower=lower, exact=exact))


def test_a_row_that_cannot_be_resolved_is_marked_and_the_others_are_kept(capsys, monkeypatch):
    def one_unresolved(problem, params, strict):
        return {key: np.array([np.nan, 0.0]) for key in common.COLUMNS[1:-1]}
    monkeypatch.setattr(split_normal.exact, "figures", one_unresolved)
    assert split_normal.main(["--levels", "3", "--steps", "1", "--csv", "t.csv"]) == 0
    assert "not resolved" in capsys.readouterr().out and Path("t.csv").exists() and Path("split_normal.png").exists()


def test_progress_is_shown_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    show = common.progress(40)
    show(20, None, None), show(40, None, None)
    assert "training  50 %" in capsys.readouterr().err


def test_the_animation_of_training_does_not_disturb_it(capsys, monkeypatch):
    from PIL import Image
    monkeypatch.setattr(split_normal.animation.History, "FRAMES", 3)
    argv = ["--levels", "0.5", "--steps", "40", "--seeds", "2", "--csv"]
    assert split_normal.main([*argv, "with.csv", "--gif", "t.gif"]) == 0 and split_normal.main([*argv, "without.csv"]) == 0
    assert Path("with.csv").read_text() == Path("without.csv").read_text()
    with Image.open("t.gif") as animation:
        assert animation.n_frames == 3
    capsys.readouterr()
    assert "end in .gif" in status_and_error(capsys, split_normal, ["--gif", "t.png"])[1]


def test_the_history_of_a_run_keeps_copies_and_every_value():
    from minimae import problems, train
    history = split_normal.animation.History(30, 2)
    params = train.train(problems.split_normal(n_hidden=4), [0.3, None], [0, 1], 30, after=history)
    assert np.array(history.values).shape == (30, 2, 2) and history.frames[0] == 1 and history.frames[-1] == 30
    assert len(history.params) == len(history.frames) and history.params[0][0][0].shape[0] == 2
    np.testing.assert_array_equal(history.params[-1][0][0], params[0][0][:2])
    assert np.abs(history.params[0][0][0] - params[0][0][:2]).max() > 0.01


def test_likelihood_vs_information(capsys):
    demo = likelihood_vs_information
    assert demo.main(["--levels", "0.5", "1", "--steps", "60", "--seeds", "2", "--csv", "t.csv"]) == 0
    rows = list(csv.DictReader(Path("t.csv").read_text().splitlines()))
    assert [(row["family"], row["level"]) for row in rows] == [
        (family, level) for family in ("linear", "restricted", "expressive") for level in ("0.5", "1.0", "vae", "vae")]
    for row in rows[:4]:  # whatever the steps, a linear mean lies on the closed form, less mean^2 / (2 v), here below .05
        assert -0.05 < float(row["log_likelihood"]) - demo.closed_form(float(row["exact"]), 0.5) < 1e-6
    assert Path("likelihood_vs_information.png").exists() and "plain VAEs at I = " in capsys.readouterr().out
    assert demo.closed_form(np.log(2), 0.5) == pytest.approx(-0.5 * np.log(2 * np.pi * np.e))
    assert status_and_error(capsys, demo, ["--sd", "0"])[0] == 2


def test_every_rival_is_the_elbo_at_its_neutral_setting():
    from minimae import bounds, problems
    problem = problems.split_normal(n_hidden=4)
    p, q, _ = problem.densities(problem.init(np.random.default_rng(0)))
    x, eps, weights = problem.nodes(16)[0]
    log_likelihood, kl = bounds.elbo_terms(p, q, x, eps)
    terms = bounds.expect(log_likelihood, weights), kl, weights
    zero, elbo = np.zeros(1), bounds.elbo(p, q, x, eps, weights)
    for value in (rivals.annealing(*terms, 1.0), rivals.beta_vae(*terms, 1.0), rivals.free_bits(*terms, zero),
                  rivals.capacity(*terms, zero, 1.0), rivals.capacity_per_sample(*terms, zero, 1.0),
                  rivals.dual_ascent(*terms, zero + 0.7, 0.0)):
        np.testing.assert_allclose(value, elbo, rtol=1e-12)
    for value in (rivals.annealing(*terms, 0.5), rivals.beta_vae(*terms, 2.0), rivals.free_bits(*terms, zero + 9),
                  rivals.capacity(*terms, zero + 9, 1.0), rivals.capacity_per_sample(*terms, zero + 9, 1.0),
                  rivals.dual_ascent(*terms, zero + 0.7, 0.5)):
        assert abs(value - elbo) > 1e-4


def test_rivals(capsys):
    assert rivals.main(["--levels", "0.5", "--steps", "20", "--seeds", "1", "--csv", "t.csv"]) == 0
    rows = list(csv.DictReader(Path("t.csv").read_text().splitlines()))
    assert len({row["problem"] for row in rows}) == 3 and len({row["method"] for row in rows}) == 7
    assert "sets I " in capsys.readouterr().out and Path("rivals.png").exists()
    assert status_and_error(capsys, rivals, ["--levels", "-1"])[0] == 2


def test_traps(capsys):
    assert traps.main(["--levels", "0.5", "1", "--steps", "60", "--seeds", "2", "--csv", "t.csv"]) == 0
    rows = list(csv.DictReader(Path("t.csv").read_text().splitlines()))
    assert len({row["way"] for row in rows}) == 6 and len(rows) == 24 and Path("traps.png").exists()
    capsys.readouterr()
    assert status_and_error(capsys, traps, ["--seeds", "0"])[0] == 2


def test_speed_prints_all_its_parts(capsys):
    assert speed.main(["--repeats", "1", "--steps", "75", "--levels", "0.2", "--csv", "t.csv"]) == 0
    printed = capsys.readouterr().out
    assert all(part in printed for part in ("(a)", "(b)", "(c)", "(d)", "i.i.d.", "lattice", "grid", "categorical"))
    rows = list(csv.DictReader(Path("t.csv").read_text().splitlines()))
    assert {row["section"] for row in rows} == {"autograd_against_hand", "whole_processes", "growth", "race"}
    seconds = {row["what"]: float(row["value"]) for row in rows if row["unit"] == "s"}
    for demo in ("split_normal", "categorical"):
        parts = [seconds[f"{demo}, {part}"] for part in ("import", "training", "exact figures", "table and figure")]
        assert all(part > 0 for part in parts) and sum(parts) < seconds[f"{demo}, total"]
    assert status_and_error(capsys, speed, ["--repeats", "0"])[0] == 2


def test_the_example_of_the_readme(capsys):
    readme = (DEMOS.parent / "README.md").read_text(encoding="utf-8")
    code = readme.split("```python\n")[1].split("```")[0]
    names = {}
    exec(code, names)
    printed = capsys.readouterr().out
    assert printed.startswith("[0.2 0.5 0. ]\n") and "# [0.2 0.5 0. ]" in code
    np.testing.assert_allclose(np.exp(names["p"].log_probs(names["z"])).sum(-1), 1)


@pytest.mark.parametrize("demo", FIGURE_DEMOS)
def test_as_a_program_from_another_folder(demo):
    script = Path(demo.__file__)
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "MPLBACKEND", "WAYLAND_DISPLAY")}
    done = subprocess.run([sys.executable, "-W", "error", script, "--levels", "0.3", "--steps", "20"], capture_output=True,
                          text=True, env=environment)
    assert done.returncode == 0 and done.stderr == "" and script.stem + ".png" in os.listdir()
    bad = subprocess.run([sys.executable, script, "--levels", "-1"], capture_output=True, text=True, env=environment)
    assert bad.returncode == 2 and bad.stderr.count("\n") == 1 and bad.stderr.startswith(script.name)
