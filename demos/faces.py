"""Faces turned by an angle and moved by an emotion (the poster's Figure 3): what a code
learns on request, in any dimension, without a critic's net and without a grid."""
import shared

import functools
import math
from statistics import NormalDist

import images
import numpy as np
from matplotlib import pyplot as plt

from minimae import checks, critics, nodes, plot, problems, train

SIDE = 24           # pixels
PIXELS = SIDE ** 2
NOISE = 0.4         # standard deviation of the pixels, known to every decoder
IMAGES = 32         # of an album
LEVELS = {"one": [1, 2, 3, 4], "album": [0.5, 1, 1.5, 2]}
LEVELS_HIGH = [1, 2, 3]  # where z has more than two dimensions
# Steps, rates, widths and numbers of nodes were chosen on seeds 0 to 2: the highest
# rates at which runs settle.
RATE = {"one": 0.013, "album": 0.02}
HIDDEN = 128        # with 64, a run at 1 nat got stuck 10 nats below the best
BATCH = 64          # faces, and pictures of the model, in a step
CODES = 640         # in the sum of the multi-sample bound: 10 e^M for M up to 4.1
# Above two dimensions, which codes fill less evenly, I^ of a step is noisier: more of
# both, a higher C, and more replicates of the figures.
BATCH_HIGH, CODES_HIGH, C_HIGH, REPLICATES_HIGH = 256, 5120, 6.0, 32

PARSER = shared.options(__doc__, None, "faces.png", steps=1200)
add = PARSER.add_argument
add("--decoder", choices=list(LEVELS), default="one",
    help=f"one image for every z, or an album of {IMAGES} that z leafs through")
add("--dim", type=int, default=2, help="dimension of the code z")
add("--codes", type=int, help=f"of the multi-sample bound, by default {CODES}, or "
                              f"{CODES_HIGH} above two dimensions")
add("--critic", type=shared.named_critic, default="multi-sample", metavar="C",
    help="multi-sample: Bayes' rule over the step's codes, bayes: over a grid, 1: the "
         "poster's normal, C: a mixture of C normals")
COLUMNS = [("level", "M", 4), ("lower", "I^ <=", 3), ("information", "I", 3),
           ("information_se", "+- s.e.", 3), ("upper", "<= U", 3), ("elbo", "ELBO", 3),
           ("log_likelihood", "log p(x)", 3), ("best", "<= best", 3),
           ("r2_angle", "R^2 angle", 3), ("r2_emotion", "emotion", 3)]


def draw(angle, emotion):
    """Faces from angles and emotions in [-1, 1], (n,) each, as grey values in
    [-1/2, 1/2], (n, PIXELS).

    Eyes, nose and mouth sit on a ball that turns by up to 0.3 radians; the mouth is a
    parabola, from sad to happy.  Edges are blurred over two pixels, which makes the
    faces change smoothly with both factors.
    """
    turn, smile = 0.3 * np.reshape(angle, (-1, 1, 1)), np.reshape(emotion, (-1, 1, 1))
    pixel = 2.4 / SIDE
    line = pixel * (np.arange(SIDE) + 0.5) - 1.2
    up, right = np.meshgrid(-line, line, indexing="ij")

    def inside(distance):  # 1 where distance to the edge is far below zero, 0 far above
        return np.clip(0.5 - distance / (2 * pixel), 0, 1)

    def spot(longitude, latitude, width, height):
        middle = np.cos(latitude) * np.sin(longitude + turn)
        across = (right - middle) / (width * np.cos(longitude + turn))
        along = (up - np.sin(latitude)) / height
        return inside((np.sqrt(across ** 2 + along ** 2) - 1) * min(width, height))

    across = (right - np.cos(0.52) * np.sin(turn)) / np.cos(turn)  # from mid-mouth
    bend = 1.8 * smile * across
    height = np.abs(up + np.sin(0.52) - bend * across + 0.225 * smile)
    mouth = inside(np.maximum(height / np.sqrt(1 + 4 * bend ** 2) - 0.12,
                              np.abs(across) - 0.5))
    features = [mouth, spot(-0.45, 0.3, 0.17, 0.2), spot(0.45, 0.3, 0.17, 0.2),
                0.5 * spot(0.0, 0.0, 0.1, 0.16)]
    head = inside(np.sqrt(up ** 2 + right ** 2) - 1.05)
    return (head * (1 - np.max(features, axis=0)) - 0.5).reshape(-1, PIXELS)


class OneFace(images.OneImage):
    """One face for every z."""
    noise = NOISE


class Album(images.Album):
    """z leafs through IMAGES faces that are learnt."""
    noise = NOISE

    def first(rng):
        """As in k-means, images start as data; but without noise, or most would lose to
        a blurred face and never learn."""
        return draw(*rng.uniform(-1, 1, (2, IMAGES)))


def faint(params):
    """The same net, shown its image with a fifth of the contrast.

    Adam moves every weight by about the rate, and 576 of them together a hidden unit by
    far more than any other layer's.
    """
    return (np.float32(0.2) * params[0], *params[1:]) if params else ()


class Faces(problems.Problem):
    """The faces, drawn anew at every step: angle and emotion uniform on [-1, 1], and
    noise.  Raises ValueError where an argument makes no sense."""
    dim_x, n_hidden, dtype = PIXELS, HIDDEN, np.float32

    def __init__(self, decoder="one", critic=critics.MultiSample(), dim=2, codes=None):
        # 64: more take minutes and gigabytes
        checks.whole(1, 64, dim=dim)
        checks.whole(BATCH_HIGH, 2 ** 14, codes=CODES if codes is None else codes)
        if dim > 2 and type(critic) is critics.Bayes:
            raise ValueError(f"--critic bayes: a grid cannot fill --dim {dim}, "
                             "multi-sample can")
        self.dim_z, self.critic = dim, critic
        self.n_codes = codes or (CODES if dim <= 2 else CODES_HIGH)
        self.Decoder = Album if decoder == "album" else OneFace
        if decoder == "album":
            self.max_information = np.log(IMAGES)
            self.reason = f"; x tells at most which of {IMAGES} images it shows"
        elif isinstance(critic, critics.MultiSample):
            self.max_information = np.log(self.n_codes / 10)
            self.reason = (f"; the multi-sample bound needs 10 e^M codes a step, raise "
                           f"--codes above {self.n_codes}")

    def densities(self, params, codes=None):
        p, q, r = params
        return super().densities((p, faint(q), faint(r)), codes)

    def nodes(self, rng):
        """As in Problem.  Faces come in pairs, with noise and with its negative, and so
        do codes: what is linear in noise cancels.  Both are one sequence."""
        points = nodes.kronecker(rng, BATCH // 2, 2 + self.dim_z)[0][0, :, 0]
        factors = np.vectorize(math.erf)(points[:, :2].T / math.sqrt(2))  # 2 Phi - 1
        eps, noise = points[:, 2:], NOISE * rng.standard_normal((BATCH // 2, PIXELS))
        x = np.tile(draw(*factors), (2, 1)) + np.concatenate([noise, -noise])
        data = (nodes.along_first(x), nodes.along_first(np.concatenate([eps, -eps])),
                np.full((1, BATCH, 1), 1 / BATCH))
        return data, *self.code_nodes(rng, self.n_codes,
                                      BATCH if self.dim_z <= 2 else BATCH_HIGH)


class Firm(train.Multiplier):
    """The learnt multiplier, with a higher C."""
    START = C_HIGH


@functools.cache
def held_out(n=1024, n_law=64):
    """Factors (2, n) and faces (n, PIXELS) for the figures, the control variate of
    their log densities, and E log p_true(x), by a mean over n_law x n_law faces.

    The control is the noise's own log density less its mean: with it each log density
    varies a tenth as much.
    """
    rng = np.random.default_rng(1)
    factors, noise = rng.uniform(-1, 1, (2, n)), rng.standard_normal((n, PIXELS))
    x = (draw(*factors) + NOISE * noise).astype(np.float32)
    control = 0.5 * (PIXELS - np.sum(noise ** 2, -1))
    line = (np.arange(n_law) + 0.5) * 2 / n_law - 1
    every = draw(*np.reshape(np.meshgrid(line, line), (2, -1))).astype(np.float32)
    equal = np.full((1, 1, 1, len(every)), 1 / len(every))
    log_px = images.log_mixture(nodes.along_second(x), equal, every[None, None], NOISE)
    return factors, x, control, np.mean(log_px.ravel() - control)


def r_squared(q, factors, x):
    """The part of each factor's variance that a quadratic in a code z ~ q(z|x)
    explains: fitted on one half of the faces, judged on the other."""
    z = q.sample(nodes.along_second(x), np.random.default_rng(0))[0, 0].astype(float)
    first, second = np.triu_indices(z.shape[1])
    ones, products = np.ones_like(z[:, :1]), z[:, first] * z[:, second]
    features = np.concatenate([ones, z, products], 1)
    half = len(x) // 2
    fit = np.linalg.lstsq(features[:half], factors.T[:half], rcond=None)[0]
    residual = factors.T[half:] - features[half:] @ fit
    explained = 1 - np.mean(residual ** 2, 0) / np.var(factors.T[half:], 0)
    return dict(zip(["r2_angle", "r2_emotion"], explained))


def fit(args, levels, tell):
    """[row, p, q] of every model of these levels."""
    problem = Faces(args.decoder, args.critic, args.dim, args.codes)
    factors, x, control, problem.best = held_out()
    noisy = {"penalty": Firm, "replicates": REPLICATES_HIGH} if args.dim > 2 else {}
    return images.fit(args, levels, tell, problem, RATE[args.decoder],
                      lambda q: r_squared(q, factors, x), x, control, **noisy)


def codes_to_show(q, dim, angle, emotion):
    """Codes for an n x n picture, (n n, Z): quantiles of z where it has two numbers;
    else the plane in which codes of faces move with angle and emotion, by least
    squares."""
    if dim == 2:
        quantiles = (np.stack([angle, emotion], 1) + 1) / 2
        return np.vectorize(NormalDist().inv_cdf)(quantiles)
    features = np.stack([np.ones_like(angle), angle, emotion], 1)
    mean, _ = q.mean_and_log_var(nodes.along_second(draw(angle, emotion)))
    return features @ np.linalg.lstsq(features, mean[0, 0], rcond=None)[0]


@plot.style()
def draw_panels(found, dim, n=8):
    """The drawn faces over angle and emotion, then E[x|z] of every model over z, and
    where q puts the data."""
    down = -(-(len(found) + 1) // 3)
    figure, axes = plt.subplots(down, 3, figsize=(12, 4.4 * down), squeeze=False,
                                layout="constrained")
    line = (np.arange(n) + 0.5) / n * 2 - 1
    angle, emotion = [a.ravel() for a in np.meshgrid(line, -line)]  # the happy on top
    panels = [(draw(angle, emotion), "the data, without their noise")]
    for row, p, q in found:
        z = nodes.along_second(codes_to_show(q, dim, angle, emotion))
        panels.append((p.mean(z), f"{plot.title(row)}: I = {row['information']:.2f}"))
    for axis, (shown, title) in zip(axes.flat, panels):
        axis.imshow(images.sheet(shown, n), "gray", vmin=-0.5, vmax=0.5,
                    extent=(-1, 1, -1, 1))
        axis.set(title=title, xticks=[], yticks=[])
        axis.set(xlabel="z_1, by its quantiles", ylabel="z_2") if dim == 2 else \
            axis.set(xlabel="along codes of the angle", ylabel="of the emotion")
    axes[0, 0].set(xlabel="angle", ylabel="emotion")
    for axis, (_, _, q) in zip(axes.flat[1:], found if dim == 2 else []):
        x = nodes.along_second(held_out()[1][:60])
        codes = q.sample(x, np.random.default_rng(0))
        places = 2 * np.vectorize(NormalDist().cdf)(codes[0, 0]) - 1
        axis.plot(*places.T, "o", ms=5, mec="k", mfc="#ffa600")
    for axis in axes.flat[len(panels):]:
        axis.set_axis_off()
    dots = "; dots: codes z ~ q(z|x) of 60 faces" if dim == 2 else ""
    figure.supxlabel("M: nats asked for; I: information of z and x under the decoder"
                     + dots, size=13)
    return figure


def run(args):
    default = LEVELS[args.decoder] if args.dim <= 2 else LEVELS_HIGH
    args.levels = args.levels or default
    found = shared.each_level(fit, args)
    rows = [row for row, _, _ in found]
    shared.report(args, rows, COLUMNS)
    shared.save(args, rows, draw_panels(found[:len(args.levels) + 1], args.dim))


if __name__ == "__main__":
    shared.main(run, PARSER)
