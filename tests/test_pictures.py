"""The numbers in the pictures of demos/lesson/pictures.py, by closed forms."""
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot as plt

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "demos" / "lesson"))

import pictures
import cli
from helpers import generator


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def numbers(words):
    return [float(number) for number in re.findall(r"\d+\.\d+", words)]


def test_all_are_written(tmp_path, capsys):
    cli.main(pictures.run, pictures.PARSER, ["--out-dir", str(tmp_path)])
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes.keys() == {"bar.png", "players.png", "tent.png", "fooled.png",
                            "spread.png"}
    # A blank picture has a few kB; ten of 500 kB are as much as a page should load.
    assert 1e4 < min(sizes.values()) < max(sizes.values()) < 500_000
    assert capsys.readouterr().out.count("saved") == 5


@pytest.mark.parametrize("folder", ["", "no such folder"])
def test_a_folder_that_is_not_there_is_refused(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        cli.main(pictures.run, pictures.PARSER, ["--out-dir", folder])
    assert end.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_bar_is_of_known_bounds():
    texts = [text.get_text() for text in pictures.bar().axes[0].texts]
    ends = [numbers(text)[0] for text in texts if "=" in text]
    gaps = [numbers(text)[0] for text in texts if "gap" in text]
    # KL[N(.8 x, .36) || N(.5 x, 1)] with E x^2 = 1, and KL[N(0, 1) || N(0, 1.5^2)]
    gap_of_r = (0.36 + 0.09 - 1 - np.log(0.36)) / 2
    gap_of_m = np.log(1.5) + 0.5 / 2.25 - 0.5
    information = -np.log(0.6)
    expected = [information - gap_of_r, information, information + gap_of_m]
    np.testing.assert_allclose(ends, expected, atol=5.1e-4)  # three decimals
    np.testing.assert_allclose(gaps, [gap_of_r, gap_of_m], atol=5.1e-4)


def test_the_tent_is_at_M_if_C_exceeds_the_slope():
    labels = [text.get_text() for text in pictures.tent().axes[0].texts]
    # x has the variance .25 exp(2 I), so the slope at .2 is 4 exp(-.4) - 1.
    slope = 4 * np.exp(-0.4) - 1
    assert numbers(labels[1]) == [round(slope, 2)]
    assert 1 < slope < 3
    # With C = 1 the top is where 4 exp(-2 I) - 1 = 1.
    assert numbers(labels[2]) == [round(0.5 * np.log(2), 2)]
    assert numbers(labels[3]) == [0.2]


def test_a_normal_critic_finds_a_fifth():
    figure = pictures.fooled()
    assert numbers(figure.get_suptitle()) == [0.2]
    # The mean of x has the variance 1 - exp(-2), that of a f(z).
    mean = np.concatenate([line.get_ydata() for line in figure.axes[0].lines[:2]])
    assert np.var(mean) == pytest.approx(1 - np.exp(-2), abs=2e-3)  # tails are cut
    # A density, though its points are not equally spaced.
    curve = figure.axes[1].lines[0]
    heights = curve.get_ydata()
    area = np.sum(np.diff(curve.get_xdata()) * (heights[1:] + heights[:-1]) / 2)
    assert area == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("reach", [12, 100])
def test_a_spread_mean_has_its_nats_and_its_loss(reach):
    """By random draws.  log p(x) has a standard deviation below 2, so 40,000 draws have
    a standard error below .01; one seed in 10,000 is off by four of them."""
    rng = generator(reach)
    n = 40_000
    part, loss = pictures.part_for(1.5, reach, sd=0.5)
    is_far = rng.random(n) < part
    far = rng.choice([-1, 1], n) * rng.uniform(3, reach, n)
    mean = np.where(is_far, far, np.sqrt(0.75) * rng.standard_normal(n))
    x = mean + 0.5 * rng.standard_normal(n)

    def density(x):
        near = np.exp(-0.5 * x ** 2) / np.sqrt(2 * np.pi)
        size = np.abs(x)
        inside = pictures.cdf(2 * (size - 3)) - pictures.cdf(2 * (size - reach))
        return (1 - part) * near + part * inside / (2 * (reach - 3))

    entropy_of_x = -np.mean(np.log(density(x)))
    information = entropy_of_x - 0.5 * np.log(2 * np.pi * np.e * 0.25)
    assert information == pytest.approx(1.5, abs=0.04)
    data = rng.standard_normal(n)
    log_true = -0.5 * (data ** 2 + np.log(2 * np.pi))
    # The same draws in both: the standard error of the difference is below .001.
    assert np.mean(log_true - np.log(density(data))) == pytest.approx(loss, abs=0.004)


def test_the_farther_the_less_is_lost():
    axis = pictures.spread().axes[1]
    losses = [bar.get_height() for bar in axis.patches]
    assert losses == sorted(losses, reverse=True)
    # A linear mean: v = .25 exp(3), and 1/2 (log v + 1 / v - 1) is lost.
    v = 0.25 * np.exp(3)
    assert losses[0] == pytest.approx(0.5 * (np.log(v) + 1 / v - 1))
