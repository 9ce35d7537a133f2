"""The numbers in the pictures of demos/pictures.py, by closed forms."""
import re

import numpy as np
import pytest
from matplotlib import pyplot as plt

import pictures
import shared


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The axes of each picture, all of which are saved."""
    folder = tmp_path_factory.mktemp("pictures")
    shared.main(pictures.run, pictures.PARSER, ["--out-dir", str(folder)])
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert {*sizes} == {"bar.png", "players.png", "tent.png", "fooled.png"}
    assert 1e4 < min(sizes.values()) < max(sizes.values()) < 500_000
    yield [plt.figure(number).axes for number in plt.get_fignums()[-4:]]
    plt.close("all")


def numbers(words):
    return [float(number) for number in re.findall(r"\d+\.\d+", words)]


def test_the_bar_is_of_known_bounds(drawn):
    ends = [numbers(text.get_text())[0] for text in drawn[0][0].texts[::2]]
    # KL[N(.8 x, .36) || N(.5 x, 1)], where E x^2 = 1, and KL[N(0, 1) || N(0, 1.5^2)]
    gaps = (0.36 + 0.09 - 1 - np.log(0.36)) / 2, np.log(1.5) + 0.5 / 2.25 - 0.5
    true = np.array([-gaps[0], 0, gaps[1]]) - np.log(0.6)
    np.testing.assert_allclose(ends, true, atol=5.1e-4)  # three digits


def test_the_tent_holds_where_it_is_steeper_than_the_elbo(drawn):
    labels = drawn[2][0].get_legend_handles_labels()[1]
    slope = 4 * np.exp(-0.4) - 1
    assert numbers(labels[0]) == [round(slope, 2), 0.2] and 1 < slope < 3
    # with C = 1 the slope is 1 where 4 exp(-2 I) = 2
    assert numbers(labels[1]) == [0.35] and "below" in labels[1]
    assert numbers(labels[2]) == [0.2] and "above" in labels[2]


def test_the_fooled_critic_finds_a_fifth(drawn):
    assert numbers(drawn[3][1].get_title()) == [1.0, 0.2]  # design: .20
