"""Real handwritten digits, and a decoder that can do without its code: what does the
code tell of the digit when it has to hold M nats?

Data: Optical Recognition of Handwritten Digits, test set (E. Alpaydin and C. Kaynak,
1998), UCI Machine Learning Repository, CC BY 4.0.
"""
import shared

import math
from functools import partial
from pathlib import Path
from statistics import NormalDist

import autograd.numpy as np
from matplotlib import pyplot as plt

from minimae import bounds, certified, nets, nodes, normal, plot, problems, train

IMAGES, BATCH, RATE = 100, 128, 0.02  # 64, 64, .01 and .03 were no better on seed 0
PARSER = shared.options(__doc__, [1, 2, 3], "digits.png", steps=2000)
PARSER.add_argument("--decoder", choices=["album", "one"], default="album",
                    help=f"{IMAGES} images that z leafs through, or one for every z")
COLUMNS = [("level", "M", 4), ("information", "I", 3), ("information_se", "+-", 3),
           (lambda row: row["upper"] - row["lower"], "U - I^", 3), ("kl", "E KL", 3),
           ("log_likelihood", "log p(x)", 3), ("log_likelihood_se", "+-", 3),
           ("label_information", "I(label; z)", 3), ("accuracy", "accuracy", 3)]


def load():
    """Images (n, 64) in [-1/2, 1/2] and labels, for training and, one in four, held
    out; sorted by label, so that both have the same shares of each."""
    rows = np.loadtxt(Path(__file__).with_name("digits.csv.gz"), "f4", delimiter=",")
    rows = rows[np.argsort(rows[:, -1], kind="stable")]
    return [(part[:, :-1] / 16 - 0.5, part[:, -1].astype(int))
            for part in (rows[np.arange(len(rows)) % 4 > 0], rows[::4])]


class OneImage(nets.NormalNet):
    """x | z ~ N(mean(z), noise^2 I): what there is to say of x has to come from z."""
    init = staticmethod(nets.init)
    noise = 0.2  # standard deviation of the pixels, known to the decoder

    def __init__(self, params):
        super().__init__(params, np.float32(2 * np.log(self.noise)))

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
    could do without it."""
    noise = OneImage.noise

    def __init__(self, params):
        *pages, self.images = params  # (L, 1, K, X)
        self.pages = nets.CategoricalNet(pages)

    @classmethod
    def init(cls, rng, n_in, n_hidden, n_out):
        """Parameters of one model: those of the net, and the images."""
        images = cls.first(rng)
        return *nets.init(rng, n_in, n_hidden, len(images)), images[None, None]

    def first(rng):
        """The images (K, X) before training: as in k-means, they start as data."""
        return rng.choice(load()[0][0], IMAGES, replace=False)

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

    def mean_and_log_var(self, z):
        """E[x|z], (L, N, J, X), and None, as it is no normal."""
        return np.matmul(np.exp(self.pages.log_probs(z)), self.images), None


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
    log_at_0 = normal.log_prob(x, 0.0, np.float32(2 * np.log(noise)))  # stays single
    return log_at_0 + top[..., 0] + np.log(sums)


def label_information(q, known, new, n=8):
    """I(label; z) of new x, at least, in nats: H(label) less the cross-entropy of
    p(label|z) = sum_i q(z|x_i) [label_i] / sum_i q(z|x_i), x_i known, from n codes
    z ~ q(z|x) of each; and how often the likeliest label is right."""
    (x, labels), (new_x, new_labels) = known, new
    z = q.sample(np.repeat(nodes.along_second(new_x), n, 2), np.random.default_rng(0))
    log_q = q.log_prob(z, nodes.along_first(x))[0]
    found = np.eye(10)[labels].T @ np.exp(log_q - bounds.log_sum_exp(log_q, 0))
    truth, shares = np.repeat(new_labels, n), np.bincount(new_labels) / len(new_labels)
    cross_entropy = -np.mean(np.log(found[truth, np.arange(len(truth))]))
    return {"label_information": -np.sum(shares * np.log(shares)) - cross_entropy,
            "accuracy": np.mean(np.argmax(found, 0) == truth)}


def fit(problem, rate, args, levels, tell, penalty=train.Multiplier, **certify):
    """[row, p, q] of every model of these levels."""
    models = train.train(problem, levels, args.seeds, args.steps, rate,
                         callback=shared.progress(args.steps) if tell else None,
                         penalty=penalty)
    rows = certified.evaluate(models, problem.test, **certify)
    return [[row, *models.densities(k)[:2]] for k, row in enumerate(rows)]


def quantiles(n):
    """n x n codes (1, 1, n n, 2), each for as much of N(0, I): z_1 grows to the right,
    z_2 upward."""
    line = [NormalDist().inv_cdf((k + 0.5) / n) for k in range(n)]
    return nodes.along_second(np.reshape(np.meshgrid(line, line[::-1]), (2, -1)).T)


def even(z):
    """2 Phi(z) - 1, which is uniform on [-1, 1] where z is N(0, 1)."""
    return np.vectorize(math.erf)(z / math.sqrt(2))


def sheet(images, n):
    """n x n square images (n n, X) as one picture, row by row from the top, gaps
    between."""
    side = math.isqrt(images.size) // n
    tiles = np.pad(images.reshape(n, n, side, side), [(0, 0), (0, 0), (0, 1), (0, 1)],
                   constant_values=np.nan)
    return np.block([[*row] for row in tiles])[:-1, :-1]


@plot.style()
def draw(found, n=7):
    """What each decoder shows over the code, and where held-out digits lie in it."""
    x, labels = [a[::4] for a in load()[1]]
    figure, axes = plt.subplots(2, len(found), figsize=(3.2 * len(found), 8.4),
                                layout="constrained")
    for (row, p, q), (top, bottom) in zip(found, axes.T):
        top.imshow(sheet(p.mean_and_log_var(quantiles(n))[0], n), "gray_r")
        top.set(title=f"{plot.title(row)}\nI = {row['information']:.2f} nats")
        z = q.sample(nodes.along_second(x), np.random.default_rng(0))[0, 0]
        for place, label in zip(even(z), labels):
            bottom.text(*place, label, color=f"C{label}", ha="center", va="center")
        bottom.set(title=f"{max(0, row['label_information']):.2f} nats of the label,\n"
                   f"{row['accuracy']:.0%} right", xlim=(-1.1, 1.1), ylim=(-1.1, 1.1))
    plt.setp(axes, xticks=[], yticks=[], xlabel="z_1", ylabel="z_2")
    figure.supxlabel("M: nats asked for; I: information of z and x under the decoder\n"
                     "above E[x|z], below held-out digits at z ~ q(z|x), by quantiles")
    return figure


def run(args):
    known, new = load()
    problem = problems.Data(known[0], new[0], batch=BATCH,
                            Decoder=Album if args.decoder == "album" else OneImage)
    found = shared.each_level(partial(fit, problem, RATE), args)
    for row, _, q in found:
        row.update(label_information(q, known, new))
    rows = [row for row, _, _ in found]
    shared.save(args, rows, draw(found[:len(args.levels) + 1]))
    shared.report(rows, COLUMNS)


if __name__ == "__main__":
    shared.main(run, PARSER)
