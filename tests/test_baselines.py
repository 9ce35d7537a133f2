"""demos/baselines.py: each baseline's formula, and what a short training comes to."""
import numpy as np
import pytest

import baselines as demo
from minimae import bounds, critics, models, problems, train

LEVELS, SEEDS = [0.4, 0.8], [0, 1]
STEPS = [15, 220, 150, 120]  # of demo.RUNS


class Small(problems.SplitNormal):
    """Of 8 hidden units."""

    def __init__(self, **critic):
        super().__init__(n_hidden=8, **critic)


@pytest.fixture(scope="module")
def trained():
    """(models, rows) of each run, and {method: rows} of all."""
    train_with, made, methods = train.train, [], {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(demo.SETTINGS, "beta-VAE", [0.5, 1.0])
        patch.setitem(demo.PROBLEMS, "small", Small)
        patch.setattr(demo, "MOST_CELLS", 2 ** 14)  # what is too sharp is told at once
        patch.setattr(train, "train", lambda *args, **how: made.append(
            train_with(*args, **how)) or made[-1])
        rows = [demo.measure("small", run, LEVELS, SEEDS, steps)
                for run, steps in zip(demo.RUNS, STEPS)]
    for row in sum(rows, []):
        methods.setdefault(row["method"], []).append(row)
    return [*zip(made, rows)], methods


def test_every_baseline_is_the_elbo_with_another_price():
    """Which is the KL, times gamma for the capacity, at its neutral setting."""
    rng, problem = np.random.default_rng(0), problems.SplitNormal(n_hidden=4)
    p, q, _ = problem.densities(models.stack([problem.init(rng)], len(demo.PRICES)))
    data, gamma = problem.nodes(rng)[0], demo.GAMMA
    kl = bounds.expectation(bounds.reconstruction_and_kl(p, q, *data[:2])[1], data[2])
    for settings, multiplier, prices in [
            ([1, 1, 0, 0, 0.7], 0, [kl[0], kl[0], kl[0], gamma * kl[0], kl[0]]),
            ([0.5, 0.3, 9, 9, 0.7], 0.5, [0.5 * kl[0], 0.3 * kl[0], 9,
                                          gamma * (9 - kl[0]), 1.5 * kl[0] - 0.35])]:
        baselines = demo.Baselines([*demo.PRICES], settings, 8)
        baselines.multiplier = multiplier
        climbed, seen = baselines.objectives(p, q, None, data, None, None)
        np.testing.assert_allclose(bounds.elbo(p, q, *data) + kl - climbed, prices)
        np.testing.assert_array_equal(seen, kl)


def test_every_method_holds_what_it_controls(trained):
    """Over ten other seeds each is within .013, the MAE within .018; not so with dual
    ascent's multiplier of the wrong sign or rate, a capacity without gamma, free bits
    as a beta-VAE or settings of another order.  Dual ascent needs its 220 steps: 150
    leave it up to .10 off."""
    _, rows = trained
    for method in ("free bits", "capacity", "dual ascent", *demo.MAE):
        asked = [(seed, level) for seed in SEEDS for level in LEVELS]
        assert [(row["seed"], row["setting"]) for row in rows[method]] == asked
        key = "information" if method in demo.MAE else "kl"
        # Free bits ask from below; of 30 seeds none has .09 more.
        tolerance = 0.15 if method == "free bits" else 0.03
        for row in rows[method]:
            assert row[key] == pytest.approx(row["setting"], abs=tolerance), method
            assert row["level"] == (row["setting"] if method in demo.MAE else None)


def test_what_has_no_target_goes_where_its_price_lets_it(trained):
    """Over ten seeds: from a price of 1 on the channel stays shut; at .5 it opens to
    4.5 nats and more; annealing opens it, and closes it to 2.2 to 3.0; a q that does
    not lag comes to 0 to .65."""
    _, rows = trained
    half, full = ([row["kl"] for row in rows["beta-VAE"] if row["setting"] == beta]
                  for beta in (0.5, 1.0))
    assert max(full) < 0.02 and min(half) > 3.6
    for method, least, most in [("KL annealing", 1.2, 3.6), (demo.LAGGING, -1e-9, 1.2)]:
        assert len(rows[method]) == 2
        assert all(least < row["kl"] < most for row in rows[method])


def test_annealing_rises_over_the_first_half():
    stack, weights = demo.Baselines(["KL annealing", "beta-VAE"], [None, 2], 8), []
    for step in range(1, 9):
        stack.update(np.zeros((2, 2)), step)
        weights.append(stack.settings.tolist())
    assert weights == [[min(1, step / 4), 2] for step in range(1, 9)]


def test_rows_are_what_they_are_called(trained):
    """Problems and critics; the KL is by normal.kl_to_standard, see test_densities."""
    restricted = demo.PROBLEMS["restricted normal, sd .5"]()
    assert np.exp(restricted.log_var / 2) == pytest.approx(0.5)
    runs, _ = trained
    assert [len(rows) for _, rows in runs] == [2, 18, 4, 4]
    kinds = [type(found.problem.critic) for found, _ in runs]
    assert kinds == [critics.Normal] * 3 + [critics.Bayes]


def test_the_table_and_the_figure(capsys, monkeypatch):
    """Means over seeds, the worst of them, and what is missed or not resolved."""
    monkeypatch.setattr(demo, "PROBLEMS", {"a problem": None})
    row = dict(problem="a problem", controls="KL", lost=0.25, level=None, note="")
    rows = [dict(row, method="capacity", setting=0.5, seed=seed, information=value,
                 kl=value / 2) for seed, value in [(0, 0.4), (1, 0.7)]]
    rows += [dict(row, method="MAE", setting=0.5, level=0.5, seed=0, information=np.nan,
                  kl=0.3, note="not resolved"),
             dict(row, method="beta-VAE", setting=2.0, seed=0, information=0.1, kl=0.3)]
    demo.show(rows)
    _, _, _, capacity, mae, beta, *notes = capsys.readouterr().out.splitlines()
    assert capacity.split() == "capacity 0.5 KL 0.5500 0.2750 0.2500 0.2000 *".split()
    assert mae.endswith("nan *") and beta.endswith("0.2500       -")
    assert [note.strip() for note in notes] == [
        "* capacity 0.5: I is off by +0.200, E KL by -0.150",
        "* MAE 0.5: not resolved"]
    figure = demo.draw(rows)
    assert "not shown: 1 of 4" in figure.get_supxlabel()
    above, below = figure.axes
    assert [line.get_label() for line in below.lines] == [*demo.METHODS]
    assert [[*line.get_ydata()] for line in above.lines] == [  # of those with a target
        [], [0.4, 0.7], [], [pytest.approx(np.nan, nan_ok=True)], []]
