"""demos/images.py: decoders of images against sums over single images, and pictures."""
import autograd.numpy as np
import images
import pytest
from autograd import grad
from helpers import generator
from numpy.testing import assert_allclose

from minimae import bounds, contracts, problems, quadrature

NOISE = 0.2


def small_decoder(name, rng, dim_x=3):
    """A decoder with random parameters, for codes of two dimensions."""
    if name == "one":
        decoder = images.OneImage(NOISE)
    else:
        examples = rng.standard_normal((9, dim_x))
        decoder = images.ImageMixture(NOISE, n_images=5, examples=examples)
    params = decoder.init(rng, n_in=2, n_hidden=8, n_out=dim_x)
    params = tuple(a + 0.5 * rng.standard_normal(a.shape) for a in params)
    return decoder.with_params(params)


def naive_log_prob(params, x, z):
    """log p(x|z) of one row x (X,) and one code z (Z,), image by image."""
    W, b, V, c, *images_of_mixture = params
    outputs = np.matmul(np.tanh(np.matmul(z, W) + b), V) + c
    if not images_of_mixture:
        return np.sum(log_normal(x, outputs))
    odds = np.exp(outputs)
    density = 0.0
    for image, odd in zip(images_of_mixture[0], odds):
        density = density + odd / np.sum(odds) * np.exp(np.sum(log_normal(x, image)))
    return np.log(density)


def log_normal(x, mean):
    return -0.5 * (x - mean) ** 2 / NOISE ** 2 - np.log(NOISE * np.sqrt(2 * np.pi))


# Decoders

@pytest.mark.parametrize("name", ["one", "mixture"])
@pytest.mark.parametrize("x_shape, z_shape", [
    ((4, 3), (4, 2)),              # a code for each row
    ((4, 3), (6, 4, 2)),           # several codes for each row
    ((4, 3), (16, 4, 2)),          # many, which OneImage sums in another way
    ((4, 1, 3), (6, 2)),           # every row beside every code
    ((4, 6, 3), (6, 2))])          # several rows for each code
def test_log_prob_is_the_sum_over_images(name, x_shape, z_shape):
    rng = generator(0)
    p = small_decoder(name, rng)
    z = rng.standard_normal(z_shape)
    x = p.mean_image(rng.standard_normal((*x_shape[:-1], 2)))
    x = x + NOISE * rng.standard_normal(x_shape)
    every_x, every_z = np.broadcast_arrays(x[..., :1], z[..., :1])
    every_x = np.broadcast_to(x, (*every_x.shape[:-1], 3))
    every_z = np.broadcast_to(z, (*every_z.shape[:-1], 2))
    expected = []
    for one_x, one_z in zip(every_x.reshape(-1, 3), every_z.reshape(-1, 2)):
        expected.append(naive_log_prob(p.params, one_x, one_z))
    # Sums of some ten terms below 1e4: rounding is far below 1e-9.
    assert_allclose(p.log_prob(x, z), np.reshape(expected, every_x.shape[:-1]),
                    rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["one", "mixture"])
def test_gradients_are_those_of_the_sum_over_images(name):
    """By the parameters and by x; of log p(x|z), and of log p(x) by x."""
    rng = generator(1)
    p = small_decoder(name, rng)
    x = 0.3 * rng.standard_normal((1, 4, 3))
    z = rng.standard_normal((6, 2))
    _, weights = quadrature.monte_carlo(rng, n=6, dim=2)

    def fast(params, x):
        p_here = p.with_params(params)
        table = p_here.log_prob(np.swapaxes(x, 0, 1), z)
        return np.sum(np.sin(table))

    def slow(params, x):
        table = [[naive_log_prob(params, row, code) for code in z] for row in x[0]]
        return np.sum(np.sin(np.array(table)))

    def fast_marginal(params, x):
        return np.sum(np.sin(p.with_params(params).log_marginal(x, z, weights)))

    def slow_marginal(params, x):
        return np.sum(np.sin(bounds.log_marginal(p.with_params(params), x, z, weights)))

    for argument in (0, 1):
        got = grad(fast, argument)(p.params, x)
        expected = grad(slow, argument)(p.params, x)
        for a, b in zip(got, expected):
            assert_allclose(a, b, rtol=1e-7, atol=1e-7)  # gradients are below 1e3
    assert_allclose(fast_marginal(p.params, x), slow_marginal(p.params, x), rtol=1e-9)
    assert_allclose(grad(fast_marginal, 1)(p.params, x),
                    grad(slow_marginal, 1)(p.params, x), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", ["one", "mixture"])
def test_decoders_keep_the_contract_of_a_density(name):
    """Shapes, stacks, draws and mass; see minimae/contracts.py."""
    rng = generator(2)
    x = rng.standard_normal((80, 3))
    decoder = images.OneImage(NOISE)
    if name == "mixture":
        decoder = images.ImageMixture(NOISE, n_images=5, examples=x)
    problem = problems.Data(x, decoder=decoder, n_hidden=8)
    contracts.check(problem)


def test_the_mixture_shows_every_image_with_its_probability():
    rng = generator(3)
    p = small_decoder("mixture", rng)
    z, weights = quadrature.monte_carlo(rng, n=7, dim=2)
    z, eps, weights = quadrature.paired((z, weights), rng.standard_normal((7, 3)))
    x, joint_weights = p.joint_nodes(z, eps, weights)
    noise = x[:, 0] - p.params[-1]
    assert_allclose(noise, NOISE * eps[0, :5])
    assert_allclose(np.sum(joint_weights, axis=0), weights[0])
    mean_image = np.sum(joint_weights[..., None] * p.params[-1][:, None], axis=0)
    assert_allclose(mean_image, p.mean_image(z) / 7)


def test_no_probability_is_too_small():
    """An x that only an impossible image explains has a finite log p(x|z)."""
    decoder = images.ImageMixture(NOISE, n_images=2, examples=np.zeros((2, 1)))
    net = np.zeros((1, 1)), np.ones(1), np.array([[2000.0, -2000.0]]), np.zeros(2)
    p = decoder.with_params((*net, np.array([[0.0], [9.0]])))
    log_px = p.log_prob(np.array([[9.0]]), np.zeros((1, 1)))
    assert np.isfinite(log_px[0]) and log_px[0] < -50


# Pictures

def test_each_code_of_a_grid_stands_for_the_same_mass():
    z = images.code_grid(3)
    assert_allclose(images.to_uniform(z[:3, 0]), [-2 / 3, 0, 2 / 3], atol=1e-9)
    assert_allclose(images.to_uniform(z[::3, 1]), [2 / 3, 0, -2 / 3], atol=1e-9)
    assert_allclose(z[:3, 1], z[0, 1])


def test_tiles_are_in_reading_order():
    tiles = np.repeat(np.arange(4.0), 4).reshape(4, 4)  # 2 x 2 pixels of one grey each
    picture = images.tile_images(tiles, 2)
    gap = np.nan
    assert_allclose(picture, [
        [0, 0, gap, 1, 1],
        [0, 0, gap, 1, 1],
        [gap, gap, gap, gap, gap],
        [2, 2, gap, 3, 3],
        [2, 2, gap, 3, 3]])


def test_a_title_says_the_interval_if_there_is_no_value():
    row = {"target": 3, "information": np.nan, "lower": 2.5, "upper": 4.25}
    assert "I = 2.50 to 4.25 nats" in images.panel_title(row)
    row["information"] = 3.0
    assert "I = 3.00 nats" in images.panel_title(row)
