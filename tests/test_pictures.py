"""The numbers in the pictures of demos/pictures.py, by closed forms."""
import re

import numpy as np
from matplotlib import pyplot as plt

import pictures
import shared

plt.switch_backend("agg")


def numbers(words):
    return [float(number) for number in re.findall(r"\d+\.\d+", words)]


def test_the_bar_is_of_known_bounds():
    texts = [text.get_text() for text in pictures.bar().axes[0].texts]
    ends = [numbers(text)[0] for text in texts if text[1] == " "]
    # E (z - x / 2)^2 = 1 - .8 + .25; KL[N(0, 1) || N(0, s^2)] = log s + 1 / 2 s^2 - 1/2
    true = [0.5 - 0.45 / 2, -np.log(0.6), -np.log(0.6) + np.log(1.5) + 0.5 / 2.25 - 0.5]
    np.testing.assert_allclose(ends, true, atol=5.1e-4)  # three digits


def test_the_tent_holds_where_it_is_steeper_than_the_elbo():
    labels = pictures.tent().axes[0].get_legend_handles_labels()[1]
    slope = 4 * np.exp(-0.4) - 1
    assert numbers(labels[0]) == [round(slope, 2), 0.2] and 1 < slope < 3
    # with C = 1 the slope is 1 where 4 exp(-2 I) = 2
    assert numbers(labels[1]) == [0.35] and "below" in labels[1]
    assert numbers(labels[2]) == [0.2] and "above" in labels[2]


def test_the_fooled_critic_finds_a_fifth_and_all_are_saved(tmp_path):
    assert numbers(pictures.fooled().axes[1].get_title()) == [1.0, 0.2]  # design: .20
    shared.main(pictures.run, pictures.PARSER, ["--out-dir", str(tmp_path)])
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(sizes) == {"bar.png", "players.png", "tent.png", "fooled.png"}
    assert max(sizes.values()) < 500_000
    plt.close("all")
