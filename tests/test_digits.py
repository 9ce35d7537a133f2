"""demos/digits.py: its decoders as densities, and what a code tells of a label."""
import csv
from functools import partial

import autograd.numpy as np
import digits
import pytest
import shared
from autograd import grad
from numpy.testing import assert_allclose

from minimae import certified, nets, nodes


class Pages(digits.Album):
    def first(rng):  # images of one pixel, so that integrals are sums over a line
        return rng.standard_normal((5, 1))


def naive(z, params):
    """log p(x|z) of x (J, X) at every z (N, Z), as (N, J), image by image."""
    *pages, images, x = params
    probs = np.exp(nets.CategoricalNet(pages).log_probs(nodes.along_first(z)))[0]
    parts = [probs[..., k] * np.exp(-np.sum((x - images[0, 0, k]) ** 2, -1) / 0.08)
             for k in range(images.shape[2])]
    return np.log(sum(parts)) - x.shape[1] * np.log(0.2 * np.sqrt(2 * np.pi))


def test_log_p_and_its_gradient_are_those_of_the_sum_over_images():
    """Every x at every z, several z of each x, and p(x), in single precision."""
    rng = np.random.default_rng(0)
    z, x = rng.standard_normal((6, 2)), rng.standard_normal((4, 1))
    both, table = [*Pages.init(rng, 2, 8, 1), x], partial(naive, z)
    at_z, weights = nodes.along_first(z), rng.dirichlet(np.ones(6)).reshape(1, 6, 1)
    for fast, slow in [
            (lambda a: Pages(a[:-1]).log_prob(a[-1][None, None], at_z)[0], table),
            (lambda a: Pages(a[:-1]).log_prob(a[-1][None, :, None], z[None, None])[0].T,
             table),
            (lambda a: Pages(a[:-1]).log_marginal(a[-1][None, None], at_z, weights)[0],
             lambda a: np.log(weights[0].T @ np.exp(table(a))))]:
        assert_allclose(fast(both), slow(both), rtol=1e-5)
        for a, b in zip(*[grad(lambda a: np.sum(np.sin(f(a))))(both)
                          for f in (fast, slow)]):
            assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_it_is_a_density_of_which_joint_draws():
    rng = np.random.default_rng(2)
    p, z = Pages(Pages.init(rng, 2, 8, 1)), 9 * rng.standard_normal((1, 3, 1, 2))
    x = nodes.along_second(np.arange(-6, 6, 0.006))  # exact: .03 sd a step
    assert_allclose(0.006 * np.sum(np.exp(p.log_prob(x, z)), -1), 1, rtol=1e-6)
    eps = rng.standard_normal((1, 7, 1, 1))
    x, weights = p.joint(z, eps, np.full((1, 3, 1), 1 / 3))
    assert_allclose(x - p.images, p.noise * eps[:, :5].swapaxes(1, 2))
    assert_allclose(3 * weights @ p.images[0], p.mean_and_log_var(z)[0][:, :, 0])


@pytest.mark.parametrize("knows, found", [(1, [np.log(10), 1]), (0, [0, 0.1])])
def test_what_a_code_tells_of_the_label(knows, found):
    x = np.repeat(np.arange(10.0), 9)[:, None]  # codes a label apart, sd .002; or blind
    q = nets.NormalNet(tuple(np.reshape(a, (1, 1, 1, -1)) for a in (
        [1e-3], [0], [1e3 * knows, 0], [0, -12 * knows])))
    got = digits.label_information(q, *[(x, x[:, 0].astype(int))] * 2)
    assert_allclose([*got.values()], found, atol=1e-6)


def test_the_demo(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(certified, "evaluate", partial(
        certified.evaluate, n=128, n_codes=128, n_importance=4))
    assert len({*map(bytes, np.concatenate([x for x, _ in digits.load()]))}) == 1797
    few = [[part[::8] for part in parts] for parts in digits.load()]
    monkeypatch.setattr(digits, "load", lambda: few)
    shared.main(digits.run, digits.PARSER, "--levels .5 --steps 2 --csv t.csv".split())
    row, vae = csv.DictReader((tmp_path / "t.csv").read_text().splitlines())
    assert (row["level"], vae["level"], vae["decoder"]) == ("0.5", "", "album")
    assert f"{float(vae['log_likelihood']):.3f}" in capsys.readouterr().out
    assert (tmp_path / "digits.png").stat().st_size > 1e4
