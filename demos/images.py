"""Decoders of images with Gaussian noise, and pictures of what they decode.

OneImage decodes one image for each code, so all that varies in x must come from z.
ImageMixture is a mixture of images that do not depend on z; z sets their probabilities,
and the mixture can do without it.
"""
import math
from statistics import NormalDist

import autograd.numpy as np

from minimae import nets, plot
from minimae.bounds import stop_gradient
from minimae.nets import transpose, without_node_axis

TINY = 1e-30  # no log 0 if the only image that fits has the probability 0
# From so many codes for each x on, hidden units are faster than images.
MANY_CODES = 16


# Decoders

class OneImage(nets.Density):
    """x | z ~ N(image(z), noise^2 I), with the image from a net.

    noise : standard deviation of a pixel, known to the decoder
    """

    def __init__(self, noise):
        self.noise = noise

    def init(self, rng, n_in, n_hidden, n_out):
        """Parameters of the net."""
        return nets.init(rng, n_in, n_hidden, n_out)

    def mean_image(self, z):
        """E[x|z], (..., X)."""
        return nets.net(self.params, z)

    def reparameterize(self, z, eps):
        """image(z) + noise eps."""
        return self.mean_image(z) + self.noise * eps

    def log_prob(self, x, z):
        """log p(x|z)."""
        codes_of_x = z.shape[-3] if z.ndim > 2 else 1
        if codes_of_x < MANY_CODES:
            return log_normal(x - self.mean_image(z), self.noise)
        d, projected, h, offset = self.in_hidden_units(x, z)
        products = np.sum(projected * h, axis=-1)
        return log_normal(d, self.noise) + products - offset

    def log_marginal(self, x, z, weights):
        """bounds.log_marginal: p(x) is a mixture of images, one for each z (S, Z)."""
        d, projected, h, offset = self.in_hidden_units(x, z)
        products = np.matmul(projected, transpose(h))           # (J, N, S)
        ratios, largest = scaled_exp(products - offset[..., None, :])
        mean_ratio = np.matmul(ratios, weights[..., None])[..., 0]          # (J, N)
        return log_normal(d, self.noise) + largest + np.log(mean_ratio)

    def in_hidden_units(self, x, z):
        """What log p(x|z) is made of, without any image, which has more numbers than
        hidden units.

        The image is h V + c.  With d = x - c,
            |d - h V|^2 = |d|^2 - 2 d.(h V) + |h V|^2,
        so
            log p(x|z) = log N(d | 0, noise^2 I) + projected.h - offset,
            projected = d V^T / noise^2,   offset = |h V|^2 / (2 noise^2).

        Returns d (..., X), projected (..., H), h (..., H) and offset (...).
        """
        W, b, V, c = self.params
        precision = 1 / self.noise ** 2
        d = x - c
        projected = np.matmul(precision * d, transpose(V))
        h = np.tanh(np.matmul(z, W) + b)
        gram = precision * np.matmul(V, transpose(V))           # (H, H)
        weighted_h = np.matmul(h, gram)
        offset = 0.5 * np.sum(weighted_h * h, axis=-1)
        return d, projected, h, offset


class ImageMixture(nets.Density):
    """x | z ~ sum_k probs_k(z) N(image_k, noise^2 I), with probabilities from a net.

    noise : standard deviation of a pixel, known to the decoder
    n_images : number of images
    examples : images (n, X), some of which the mixture starts with, as k-means does
    """

    def __init__(self, noise, n_images, examples):
        self.noise = noise
        self.n_images = n_images
        self.examples = examples

    def init(self, rng, n_in, n_hidden, n_out):
        """Parameters: those of the net, and the images (K, X)."""
        initial_images = rng.choice(self.examples, self.n_images, replace=False)
        W, b, V, c = nets.init(rng, n_in, n_hidden, self.n_images)
        return W, b, V, c, initial_images

    def probs(self, z):
        """The probability of every image, (..., K): a softmax of outputs of the net."""
        W, b, V, c, _ = self.params
        ratios, _ = scaled_exp(nets.net((W, b, V, c), z))
        return ratios / np.sum(ratios, axis=-1, keepdims=True)

    def mean_image(self, z):
        """E[x|z], (..., X)."""
        images = self.params[-1]
        return np.matmul(self.probs(z), images)

    def joint_nodes(self, z, eps, weights):
        """Every image with noise, at every code z (N, Z), weighted by its probability:
        x (K, 1, X) and weights (K, N).  eps (1, N, X) needs N >= K rows."""
        images = without_node_axis(self.params[-1])             # (K, X)
        every_eps = without_node_axis(eps)                      # (N, X)
        noise = self.noise * every_eps[..., :self.n_images, :]  # (K, X)
        x = np.expand_dims(images + noise, axis=-2)             # (K, 1, X)
        probs = without_node_axis(self.probs(z))                # (N, K)
        return x, weights * transpose(probs)

    def log_prob(self, x, z):
        """log p(x|z)."""
        images = self.params[-1]
        return log_mixture(x, images, self.probs(z), self.noise)

    def log_marginal(self, x, z, weights):
        """bounds.log_marginal: a mixture with the mean of the probabilities."""
        mean_probs = np.matmul(weights[..., None, :], self.probs(z))        # (1, K)
        images = self.params[-1]
        return log_mixture(x, images, mean_probs, self.noise)


# Mixtures

def log_mixture(x, images, probs, noise):
    """log sum_k probs_k N(x | image_k, noise^2 I), (...), for x (..., X), images (K, X)
    and probs (..., K), by
        |x - image_k|^2 = |x|^2 - 2 x.image_k + |image_k|^2.
    The first term is the same for all images and is taken out of the sum.
    """
    precision = 1 / noise ** 2
    products = np.matmul(precision * x, transpose(images))      # (..., K)
    squares = np.sum(np.square(images), axis=-1)                # (K,)
    log_ratios = products - 0.5 * precision * squares[..., None, :]
    ratios, largest = scaled_exp(log_ratios)                    # (..., K) and (...)
    mean_ratio = sum_of_products(ratios, probs) + TINY
    return log_normal(x, noise) + largest + np.log(mean_ratio)


def log_normal(difference, noise):
    """log N(x | image, noise^2 I) from x - image, (..., X) -> (...)."""
    dim = difference.shape[-1]
    square = np.sum(np.square(difference), axis=-1)
    log_constant = 0.5 * dim * math.log(2 * math.pi * noise ** 2)
    return -0.5 / noise ** 2 * square - log_constant


def scaled_exp(a):
    """exp(a - largest), (..., K), and the largest entry of the last axis, (...)."""
    largest = np.max(stop_gradient(a), axis=-1)
    with np.errstate(under="ignore"):  # exp -1000 = 0
        return np.exp(a - largest[..., None]), largest


def sum_of_products(a, b):
    """sum_k a[..., k] b[..., k].  If a is (J, 1, K) and b (N, K), this is one product
    of matrices, (J, N)."""
    if a.ndim > 2 and a.shape[-2] == 1:
        left = np.squeeze(a, axis=-2)                           # (J, K)
        right = without_node_axis(b)                            # (N, K)
        return np.matmul(left, transpose(right))
    return np.sum(a * b, axis=-1)


# Pictures

def to_uniform(z):
    """2 Phi(z) - 1, which is uniform on [-1, 1] if z is N(0, 1)."""
    return np.vectorize(math.erf)(z / math.sqrt(2))


def code_grid(n):
    """n x n codes (n n, 2), row by row from the top: z_1 grows to the right and z_2
    upward.  Each stands for the same share of N(0, I)."""
    normal = NormalDist()
    quantiles = [normal.inv_cdf((k + 0.5) / n) for k in range(n)]
    z_1, z_2 = np.meshgrid(quantiles, quantiles[::-1])
    return np.stack([z_1.ravel(), z_2.ravel()], axis=-1)


def panel_title(row):
    """What a model was asked for, and its I, for a row of certified.evaluate."""
    information = f"{max(0.0, row['information']):.2f}"  # noise may put it below 0
    if math.isnan(row["information"]):
        information = f"{row['lower']:.2f} to {row['upper']:.2f}"
    return f"{plot.row_title(row)}\nI = {information} nats"


def tile_images(images, n):
    """n x n square images (n n, X) as one picture, row by row from the top, with a line
    of NaN between them."""
    side = math.isqrt(images.shape[-1])
    size = side + 1
    picture = np.full((n * size, n * size), np.nan)
    for k, image in enumerate(images):
        top = k // n * size
        left = k % n * size
        picture[top:top + side, left:left + side] = image.reshape(side, side)
    return picture[:-1, :-1]
