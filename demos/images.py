"""What digits and faces share: two decoders of images, a sheet of images, and how their
models are trained.  Nothing to run."""
import shared

import autograd.numpy as np

from minimae import bounds, certified, nets, normal, train


class OneImage(nets.NormalNet):
    """x | z ~ N(mean(z), noise^2 I): what there is to say of x has to come from z.
    Subclasses give their noise."""
    init = staticmethod(nets.init)

    def __init__(self, params):
        super().__init__(params, log_var(self.noise))

    def mean(self, z):
        """E[x|z], (L, N, J, X)."""
        return self.mean_and_log_var(z)[0]

    def log_marginal(self, x, z, weights):
        """log p(x), (L, N, J), for a p that is held fixed: a mixture with an image for
        each z (L, S, 1, Z).  Images are hidden units times V, which saves forming them:
        products with x, and lengths, take H numbers each instead of X."""
        W, b, V, c = self.params
        units = np.tanh(np.matmul(np.swapaxes(z, 1, 2), W) + b)
        units = np.concatenate([units, np.ones_like(units[..., :1])], -1)
        return log_mixture(x, np.swapaxes(weights, 1, 2)[:, None], units, self.noise,
                           np.concatenate([V, c], 2))


class Album(nets.Density):
    """x | z ~ sum_k probs_k(z) N(image_k, noise^2 I): z leafs through a mixture that
    could do without it.  Subclasses give their noise, and the images at first as
    first(rng), (K, X)."""

    def __init__(self, params):
        *pages, self.images = params  # (L, 1, K, X)
        self.pages = nets.CategoricalNet(pages)

    @classmethod
    def init(cls, rng, n_in, n_hidden, n_out):
        """Parameters of one model: those of the net, and the images."""
        images = cls.first(rng)
        return *nets.init(rng, n_in, n_hidden, len(images)), images[None, None]

    def log_prob(self, x, z):
        """log p(x|z), (L, N, J)."""
        return log_mixture(x, np.exp(self.pages.log_probs(z)), self.images, self.noise)

    def log_marginal(self, x, z, weights):
        """log p(x), (L, N, J): a mixture, with the mean of the probabilities."""
        probs = weights[..., None] * np.exp(self.pages.log_probs(z))
        probs = np.sum(probs, 1, keepdims=True)
        return log_mixture(x, probs, self.images, self.noise)

    def joint(self, z, eps, weights):
        """Nodes of p(z) p(x|z) from z and eps of N >= K nodes: every image, with noise,
        weighted by its probability."""
        noise = self.noise * np.swapaxes(eps[:, :self.images.shape[2]], 1, 2)
        return self.images + noise, self.pages.joint(z, eps, weights)[1]

    def mean(self, z):
        """E[x|z], (L, N, J, X)."""
        return np.matmul(np.exp(self.pages.log_probs(z)), self.images)

    def sample(self, z, rng):
        """An x for every z."""
        images = np.matmul(self.pages.sample(z, rng), self.images)
        return images + self.noise * rng.standard_normal(images.shape)


def log_mixture(x, probs, images, noise, basis=None):
    """log sum_k probs_k N(x | image_k, noise^2 I), (L, N, J), for images (L, 1, K, X),
    probs (L, N, J, K), and x, one of which has J = 1: two products of matrices.  With a
    basis (L, 1, H, X), images (L, 1, K, H) are coefficients in it."""
    rows, duals = np.reshape(x, (len(x), 1, -1, x.shape[-1])), images
    if basis is not None:
        across = np.swapaxes(basis, 2, 3)
        rows = np.matmul(rows, across)
        duals = np.matmul(images, np.matmul(basis, across))
    products = np.matmul(rows, np.swapaxes(images, 2, 3))
    lengths = np.sum(images * duals, -1)[:, :, None]
    logs = (products - lengths / 2) / noise ** 2  # less log N(x | 0, noise^2 I)
    logs = np.reshape(logs, (-1, *x.shape[1:-1], logs.shape[-1]))
    top = np.max(bounds.stop_gradient(logs), -1, keepdims=True)
    sums = np.matmul(probs, np.swapaxes(np.exp(logs - top), 2, 3))
    sums = np.reshape(sums, (*sums.shape[:2], -1)) + 1e-30  # no log 0
    return normal.log_prob(x, 0.0, log_var(noise)) + top[..., 0] + np.log(sums)


def log_var(sd):
    """As a number that leaves single precision single."""
    return np.float32(2 * np.log(sd))


def sheet(images, n):
    """n x n square images (n n, X) as one picture, row by row from the top, gaps
    between."""
    side = int(np.sqrt(images.size) / n)
    tiles = np.pad(images.reshape(n, n, side, side), ((0, 0), (0, 0), (0, 1), (0, 1)),
                   constant_values=np.nan)
    return np.block([[*row] for row in tiles])[:-1, :-1]


def fit(args, levels, tell, problem, rate, measure, x, control=0.0,
        penalty=train.Multiplier, replicates=8):
    """[row, p, q] of every model of these levels; measure(q) gives more figures."""
    models = train.train(problem, levels, args.seeds, args.steps, rate,
                         callback=shared.progress(args.steps) if tell else None,
                         penalty=penalty)
    rows = certified.evaluate(models, x, control, replicates=replicates)
    found = [[row, *models.densities(k)[:2]] for k, row in enumerate(rows)]
    for row, _, q in found:
        row.update(measure(q))
    return found
