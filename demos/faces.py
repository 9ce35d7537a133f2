"""Faces turned by an angle and moved by an emotion (the poster's Figure 3): what a code
learns on request, in any dimension, without a critic's net and without a grid: the
critic multi-sample is Bayes' rule over the codes of a step.  Levels by default: 1 to 4
nats, 1 to 3 above two dimensions, .5 to 2 for the album."""
import shared

import functools

import digits
import numpy as np
from matplotlib import pyplot as plt

from minimae import checks, critics, nodes, plot, problems, train

SIDE = 24           # pixels
PIXELS = SIDE ** 2
NOISE = 0.4         # standard deviation of the pixels, known to every decoder
IMAGES = 32         # of an album
LEVELS = {"one": [1, 2, 3, 4], "album": [0.5, 1, 1.5, 2]}
# Steps, rates, widths and numbers of nodes were chosen on seeds 0 to 2: the highest
# rates at which runs settle.
RATE = {"one": 0.013, "album": 0.02}
BATCH = 64          # faces in a step

PARSER = shared.options(__doc__, None, "faces.png", steps=1200, critic="multi-sample")
PARSER.add_argument("--decoder", choices=list(LEVELS), default="one", help="one image "
                    f"for every z, or an album of {IMAGES} that z leafs through")
PARSER.add_argument("--dim", type=int, default=2, help="dimension of the code z")
COLUMNS = [("level", "M", 4), ("lower", "I^ <=", 3), ("information", "I", 3),
           ("information_se", "+- s.e.", 3), ("upper", "<= U", 3), ("elbo", "ELBO", 3),
           ("log_likelihood", "log p(x)", 3), ("best", "<= best", 3),
           ("r2_angle", "R^2 angle", 3), ("r2_emotion", "emotion", 3)]


def draw(angle, emotion):
    """Faces (n, PIXELS), greys in [-1/2, 1/2], from angles and emotions in [-1, 1].
    Eyes, nose and mouth sit on a ball that turns by up to 0.3 radians; the mouth is a
    parabola, from sad to happy.  Edges are blurred over two pixels, which makes the
    faces change smoothly with both factors."""
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
        return inside((np.hypot(across, along) - 1) * min(width, height))

    across = (right - np.cos(0.52) * np.sin(turn)) / np.cos(turn)  # from mid-mouth
    bend = 1.8 * smile * across
    height = np.abs(up + np.sin(0.52) - bend * across + 0.225 * smile)
    mouth = inside(np.maximum(height / np.sqrt(1 + 4 * bend ** 2) - 0.12,
                              np.abs(across) - 0.5))
    dark = np.max([mouth, spot(-0.45, 0.3, 0.17, 0.2), spot(0.45, 0.3, 0.17, 0.2),
                   0.5 * spot(0, 0, 0.1, 0.16)], axis=0)
    return (inside(np.hypot(up, right) - 1.05) * (1 - dark) - 0.5).reshape(-1, PIXELS)


class OneFace(digits.OneImage):
    """One face for every z."""
    noise = NOISE


class Album(digits.Album):
    """z leafs through IMAGES faces that are learnt.  They start without noise, or most
    would lose to a blurred face and never learn."""
    noise = NOISE

    def first(rng):
        return draw(*rng.uniform(-1, 1, (2, IMAGES)))


class Faces(problems.Problem):
    """The faces, drawn anew at every step: angle and emotion uniform on [-1, 1], and
    noise.  Raises ValueError where an argument makes no sense."""
    dim_x, dtype, Decoder = PIXELS, np.float32, OneFace
    n_hidden = 128  # with 64, a run at 1 nat got stuck 10 nats below the best

    def __init__(self, decoder="one", critic=critics.MultiSample(), dim=2):
        checks.whole(1, 64, dim=dim)  # more take minutes and gigabytes
        if dim > 2 and type(critic) is critics.Bayes:
            raise ValueError(f"--critic bayes: a grid cannot fill --dim {dim}, "
                             "multi-sample can")
        self.dim_z, self.critic = dim, critic
        # Pictures of the model in a step, and codes: 10 e^M for M up to 4.1.  Above two
        # dimensions codes lie less evenly and I^ of a step is noisier: more of both.
        self.n_pictures, self.n_codes = (64, 640) if dim <= 2 else (256, 5120)
        if decoder == "album":
            # x tells at most which image it shows.
            self.Decoder, self.max_information = Album, np.log(IMAGES)

    def densities(self, params, codes=None):
        """As in Problem, but q and r see their image with a fifth of the contrast: Adam
        moves every weight by about the rate, and 576 of them together a hidden unit by
        far more than any other layer's."""
        p, *nets = params
        q, r = [(np.float32(0.2) * net[0], *net[1:]) if net else () for net in nets]
        return super().densities((p, q, r), codes)

    def nodes(self, rng):
        """As in Problem.  Faces come in pairs, with noise and with its negative, and so
        do codes: what is linear in noise cancels.  Both are one sequence."""
        points = nodes.kronecker(rng, BATCH // 2, 2 + self.dim_z)[0][0, :, 0]
        eps, noise = points[:, 2:], NOISE * rng.standard_normal((BATCH // 2, PIXELS))
        faces = draw(*digits.even(points[:, :2].T))
        data = (nodes.along_first(np.concatenate([faces + noise, faces - noise])),
                nodes.along_first(np.concatenate([eps, -eps])),
                np.full((1, BATCH, 1), 1 / BATCH))
        return data, *self.code_nodes(rng, self.n_codes, self.n_pictures)


@functools.cache
def held_out(n=1024, n_law=64):
    """Factors (2, n) and faces (n, PIXELS) for the figures; the control variate of
    their log densities, that of the noise less its mean, with which they vary a tenth
    as much; and E log p_true(x), by a mean over n_law x n_law faces."""
    rng = np.random.default_rng(1)
    factors, noise = rng.uniform(-1, 1, (2, n)), rng.standard_normal((n, PIXELS))
    x = (draw(*factors) + NOISE * noise).astype(np.float32)
    control = 0.5 * (PIXELS - np.sum(noise ** 2, -1))
    line = (np.arange(n_law) + 0.5) * 2 / n_law - 1
    every = draw(*np.reshape(np.meshgrid(line, line), (2, -1))).astype(np.float32)
    equal = np.full((1, 1, 1, len(every)), 1 / len(every))
    log_px = digits.log_mixture(nodes.along_second(x), equal, every[None, None], NOISE)
    return factors, x, control, np.mean(log_px.ravel() - control)


def r_squared(q, factors, x):
    """The part of each factor's variance that a quadratic in a code z ~ q(z|x)
    explains: fitted on one half of the faces, judged on the other."""
    z = q.sample(nodes.along_second(x), np.random.default_rng(0))[0, 0].astype(float)
    z = np.column_stack([np.ones(len(z)), z])
    first, second = np.triu_indices(z.shape[1])
    features, half = z[:, first] * z[:, second], len(x) // 2
    fit = np.linalg.lstsq(features[:half], factors.T[:half], rcond=None)[0]
    residual = factors.T[half:] - features[half:] @ fit
    angle, emotion = 1 - np.mean(residual ** 2, 0) / np.var(factors.T[half:], 0)
    return {"r2_angle": angle, "r2_emotion": emotion}


@plot.style()
def draw_panels(found, dim, n=8):
    """The drawn faces, and E[x|z] of every model: where z has two numbers over z, and
    dots where q puts the data; else at the codes of the drawn faces."""
    line = (np.arange(n) + 0.5) / n * 2 - 1
    faces = draw(*np.reshape(np.meshgrid(line, -line), (2, -1)))  # the happy on top
    x = nodes.along_second(held_out()[1][:60])
    down = -(-(1 + len(found)) // 3)
    figure, axes = plt.subplots(
        down, 3, figsize=(12, 4.4 * down + 0.6), squeeze=False, layout="constrained",
        subplot_kw={"xticks": [], "yticks": [], "frame_on": False})

    def show(axis, images, title):
        axis.imshow(digits.sheet(images, n), "gray", vmin=-0.5, vmax=0.5,
                    extent=(-1, 1, -1, 1))
        axis.set_title(title)

    show(axes[0, 0], faces, "the data, by angle and emotion")
    for axis, (row, p, q) in zip(axes.flat[1:], found):
        z, _ = q.mean_and_log_var(nodes.along_second(faces))
        if dim == 2:
            z, codes = digits.quantiles(n), q.sample(x, np.random.default_rng(0))[0, 0]
            axis.plot(*digits.even(codes).T, "o", ms=5, mec="k", mfc="#ffa600")
        show(axis, p.mean_and_log_var(z)[0],
             f"{plot.title(row)}: I = {row['information']:.2f}")
    figure.supxlabel(
        "M: nats asked for; I: information of z and x under the decoder\nE[x|z] " + (
            "by quantiles of z_1 and, upward, z_2; dots: codes z ~ q(z|x) of 60 faces"
            if dim == 2 else "at the codes of the drawn faces"), size=13)
    return figure


def run(args):
    high = args.dim > 2
    args.levels = args.levels or ([1, 2, 3] if high else LEVELS[args.decoder])
    problem = Faces(args.decoder, args.critic, args.dim)
    factors, problem.test, control, problem.best = held_out()
    # For noisier I^ a higher C, and more replicates of the figures
    firm = {"penalty": functools.partial(train.Multiplier, start=6.0), "replicates": 32}
    fit = functools.partial(digits.fit, problem, RATE[args.decoder], control=control,
                            **(firm if high else {}))
    found = shared.each_level(fit, args)
    for row, _, q in found:
        row.update(r_squared(q, factors, problem.test))
    rows = [row for row, _, _ in found]
    shared.save(args, rows, draw_panels(found[:len(args.levels) + 1], args.dim))
    shared.report(rows, COLUMNS)


if __name__ == "__main__":
    shared.main(run, PARSER)
