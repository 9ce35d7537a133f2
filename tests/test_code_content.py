"""demos/code_content.py: codes whose content is known."""
import code_content
import numpy as np
import pytest
from helpers import generator, linear_normal
from numpy.testing import assert_allclose

from minimae import nets


def rows_of_labels(n_labels, n_rows):
    """Rows (n, 1) that are their own label, and labels."""
    labels = np.repeat(np.arange(n_labels), n_rows)
    return labels[:, None].astype(float), labels


@pytest.mark.parametrize("n_labels", [3, 10])
def test_a_code_that_is_the_label_tells_all_of_it(n_labels):
    q = linear_normal(a=1.0, log_var=2 * np.log(1e-3))  # labels are a thousand sd apart
    rows = rows_of_labels(n_labels, n_rows=9)
    information, accuracy = code_content.label_information(q, rows, rows, generator(0))
    # UNSEEN takes at most .0001.
    assert information == pytest.approx(np.log(n_labels), abs=1.01e-4)
    assert accuracy == 1


def test_a_blind_code_tells_nothing():
    q = linear_normal(a=0.0, log_var=0.0)
    rows = rows_of_labels(4, n_rows=9)
    information, accuracy = code_content.label_information(q, rows, rows, generator(1))
    assert information == pytest.approx(0, abs=1e-9)
    assert accuracy == 0.25


def test_a_noisy_code_tells_what_its_two_normals_say():
    """Two labels, z ~ N(+-1, sd^2): I(label; z) by a sum over a line."""
    sd = 0.8
    q = linear_normal(a=2.0, log_var=2 * np.log(sd), b=-1.0)
    x, labels = rows_of_labels(2, n_rows=300)
    information, accuracy = code_content.label_information(
        q, (x, labels), (x, labels), generator(2), n_codes=8)
    z = np.linspace(-8, 8, 4001)
    deviation = (z[:, None] - [-1, 1]) / sd
    density = np.exp(-0.5 * deviation ** 2) / (sd * np.sqrt(2 * np.pi))
    ratio = np.log(density / np.mean(density, axis=1, keepdims=True))
    expected = np.sum(0.5 * density * ratio) * (z[1] - z[0])
    right = 0.5 * np.sum(np.max(density, axis=1)) * (z[1] - z[0])
    # 4,800 codes: six standard errors of log ratios with an sd below .6, and of shares.
    assert information == pytest.approx(expected, abs=6 * 0.6 / np.sqrt(4800))
    assert accuracy == pytest.approx(right, abs=6 * 0.5 / np.sqrt(4800))


def test_a_label_that_was_never_seen_costs_a_finite_number_of_nats():
    q = linear_normal(a=1.0, log_var=0.0)
    known = np.array([[0.0], [1.0]]), np.array([0, 1])
    new = np.array([[2.0], [0.0]]), np.array([2, 0])
    information, _ = code_content.label_information(q, known, new, generator(3))
    assert np.isfinite(information) and information < 0


def test_codes_far_from_all_known_rows_give_a_guess():
    q = linear_normal(a=1.0, log_var=-20.0)
    known = np.array([[0.0], [1.0]]), np.array([0, 1])
    new = np.array([[99.0]]), np.array([1])
    _, accuracy = code_content.label_information(q, known, new, generator(4))
    assert accuracy == 1  # 99 is closer to 1


class NoisyCode(nets.NormalNet):
    """z ~ N(one of two numbers in x, sd^2)."""

    def __init__(self, column, sd):
        super().__init__()
        self.column = column
        self.sd = sd

    def mean_and_log_var(self, x):
        mean = x[:, [self.column]]
        return mean, np.full_like(mean, 2 * np.log(self.sd))


@pytest.mark.parametrize("column", [0, 1])
@pytest.mark.parametrize("sd, explained", [(1e-3, 1.0), (1.0, 0.5), (1e3, 0.0)])
def test_r_squared_is_that_of_a_noisy_code(column, sd, explained):
    """A number of variance 1 and noise: 1 / (1 + sd^2) is explained."""
    rng = generator(5)
    numbers = rng.uniform(-np.sqrt(3), np.sqrt(3), (4000, 2))
    q = NoisyCode(column, sd)
    r2 = code_content.r_squared(q, numbers, numbers, rng)
    # The standard error on 2,000 rows is below .02.
    assert r2[column] == pytest.approx(explained, abs=min(0.1, 10 * sd))
    assert r2[1 - column] == pytest.approx(0, abs=0.1)


def test_features_are_all_products_of_up_to_two():
    features = code_content.quadratic_features(np.array([[2.0, 3.0]]))
    assert_allclose(features, [[1, 2, 3, 4, 6, 9]])
