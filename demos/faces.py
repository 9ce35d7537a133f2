"""Faces turned by an angle and moved by an emotion (the poster's Figure 3): what a code of two numbers learns, on request."""
from statistics import NormalDist

import autograd.numpy as np
from autograd.tracer import getval

import canvas
import common
from minimae import bounds, nodes, normal, problems, stacks, table, train
from minimae.nets import CategoricalNet, NormalNet, init, log_sum_exp

SIDE = 24                       # pixels
PIXELS = SIDE ** 2
NOISE = 0.4                     # standard deviation of the pixels, known to every decoder
LEVELS = {"one": [1, 2, 3, 4], "album": [0.5, 1, 1.5, 2]}
STEPS = 900
# Noise, rates, growth and the width of nets were chosen on seeds 0 to 2: the highest rates at which runs settle.
RATE = {"one": 0.013, "album": 0.02}
GROWTH = {"one": 1000, "album": 100}  # of C; one image for every z has a steep likelihood, and its few nodes a noisy I^
HIDDEN = 128
IMAGES = 32                     # of an album
BATCH = 64                      # nodes of a step
GRIDS = (64, 96, 128)           # points per dimension of z in exact figures


def draw(angle, emotion):
    """Faces from angles and emotions in [-1, 1], (n,) each, as grey values in [-1/2, 1/2], (n, PIXELS).

    Eyes, nose and mouth sit on a ball that turns by up to 0.3 radians; the mouth is a parabola, from sad to happy.
    Edges are blurred over two pixels, which makes the faces change smoothly with both factors.
    """
    turn, smile = 0.3 * np.reshape(angle, (-1, 1, 1)), np.reshape(emotion, (-1, 1, 1))
    pixel = 2.4 / SIDE
    up, right = np.meshgrid(*[pixel * (np.arange(SIDE) + 0.5) - 1.2] * 2, indexing="ij")
    up = -up

    def inside(distance):  # 1 where distance to the edge is far below zero, 0 far above
        return np.clip(0.5 - distance / (2 * pixel), 0, 1)

    def spot(longitude, latitude, width, height):
        across = (right - np.cos(latitude) * np.sin(longitude + turn)) / (width * np.cos(longitude + turn))
        along = (up - np.sin(latitude)) / height
        return inside((np.sqrt(across ** 2 + along ** 2) - 1) * min(width, height))

    across = (right - np.cos(0.52) * np.sin(turn)) / np.cos(turn)  # from the middle of the mouth
    bend = 1.8 * smile * across
    mouth = inside(np.maximum(np.abs(up + np.sin(0.52) - bend * across + 0.225 * smile) / np.sqrt(1 + 4 * bend ** 2) - 0.12,
                              np.abs(across) - 0.5))
    features = [mouth, spot(-0.45, 0.3, 0.17, 0.2), spot(0.45, 0.3, 0.17, 0.2), 0.5 * spot(0.0, 0.0, 0.1, 0.16)]
    head = inside(np.sqrt(up ** 2 + right ** 2) - 1.05)
    return (head * (1 - np.max(features, axis=0)) - 0.5).reshape(-1, PIXELS)


def squared_distances(x, y):
    """|x - y|^2 by a matmul, which spares a table of images: (L, 1, J, X), (L, 1, K, X) -> (L, J, K)."""
    x, y = np.squeeze(x, 1), np.squeeze(y, 1)
    return np.sum(x ** 2, -1)[:, :, None] - 2 * np.matmul(x, np.swapaxes(y, 1, 2)) + np.sum(y ** 2, -1)[:, None]


def log_prob_of_noise(squared):
    """log N(x | mean, NOISE^2 I) from |x - mean|^2."""
    return -0.5 * (squared / NOISE ** 2 + PIXELS * (2 * np.log(NOISE) + normal.LOG_2PI))


class Marginal:
    """p(x) on nodes of z, which make it a mixture: sum_c exp(log_weights_c) N(x | image_c, NOISE^2 I), images (L, 1, C, X).

    first and second are E z and E z^2 given the component c, (L, C, Z).
    """

    def __init__(self, images, log_weights, first, second):
        self.images, self.log_weights, self.first, self.second = images, log_weights, first, second

    def log_joint(self, x):
        return self.log_weights + log_prob_of_noise(squared_distances(x, self.images))

    def log_prob(self, x):
        """log p(x): (L, 1, J, X) -> (L, J)."""
        return log_sum_exp(self.log_joint(x), -1)

    def moments(self, x):
        """mean and log_var of p(z|x), (L, 1, J, Z), at x (L, 1, J, X)."""
        log_joint = self.log_joint(x)
        probs = np.exp(log_joint - np.expand_dims(log_sum_exp(log_joint, -1), -1))
        mean = np.matmul(probs, self.first)
        var = np.matmul(probs, self.second) - mean ** 2
        return mean[:, None], np.log(np.maximum(var, 1e-12))[:, None]  # 1e-12: rounding must not make it negative


class OneFace(NormalNet):
    """x | z ~ N(mean(z), NOISE^2 I): one image for every z, so that all there is to say about x has to come from z."""

    def __init__(self, params):
        super().__init__(params, 2 * np.log(NOISE))

    def mean(self, z):
        return self.moments(z)[0]

    def marginal(self, z, weights):
        """p(x) by nodes z (N, Z), weights (N,): every node has its image."""
        return Marginal(self.mean(z[None, None]), np.log(weights), z[None], z[None] ** 2)


class Album:
    """x | z ~ sum_k probs_k(z) N(image_k, NOISE^2 I): z leafs through a mixture that could do without it."""

    def __init__(self, params):
        *pages, self.images = params
        self.pages = CategoricalNet(pages)

    def mean(self, z):
        return np.matmul(np.exp(self.pages.log_probs(z)), self.images)

    def log_prob(self, x, z):
        """log p(x|z) of x (L, 1, J, X) at z (L, N, J, Z), as (L, N, J)."""
        log_probs = log_prob_of_noise(squared_distances(x, self.images))[:, None]
        return log_sum_exp(self.pages.log_probs(z) + log_probs, -1)

    def joint(self, z, eps, weights):
        """Nodes and weights of p(z) p(x|z) from z (L, N, 1, Z): every image with its noise, weighted by its probability."""
        x, page_weights = self.pages.joint(z, eps, weights)
        return np.matmul(x, self.images) + NOISE * eps, page_weights

    def marginal(self, z, weights):
        """As in OneFace, but the nodes share the images: each has the mean probability, and moments, of its page."""
        joint = weights[:, None] * np.exp(self.pages.log_probs(z[None, None]))[:, 0]
        probs = np.sum(joint, 1)
        given = np.swapaxes(joint / probs[:, None], 1, 2)
        return Marginal(self.images, np.log(probs)[:, None], np.matmul(given, z), np.matmul(given, z ** 2))


class Bayes:
    """r(z|x) = p(z) p(x|z) / p(x), with p(x) from a grid of z: in two dimensions the best critic needs no net.

    It is normalised as far as the grid resolves p(z|x).  What the grid misses of p(x) makes I^ too large, so that this I^ is
    close to I, but no lower bound.  It is held fixed as p moves, like any critic; as r is at its optimum, the gradient
    through it would be zero on average anyway.
    """
    # 28 points on +-3.6 lie .26 apart; posteriors have a standard deviation of .14 where I is 4 nats, 2 for each dimension.
    POINTS, HALF_WIDTH = 28, 3.6

    def __init__(self, p):
        self.p, self.marginal = p, p.marginal(*nodes.grid(self.POINTS, 2, half_width=self.HALF_WIDTH))

    def log_prob(self, z, x):
        return normal.log_prob(z, 0.0, 0.0) + self.p.log_prob(x, z) - self.marginal.log_prob(x)[:, None]


def faint(params):
    """The same net, shown its image with a fifth of the contrast.

    Adam moves every weight by about the rate, and 576 of them together a hidden unit by far more than any other layer's.
    """
    W, *others = params
    return 0.2 * W, *others


def noisy(rng, faces):
    """Every face twice, with noise and with its negative: the noise in the gradient of a decoder's mean nearly cancels."""
    noise = NOISE * rng.standard_normal(faces.shape)
    return np.concatenate([faces + noise, faces - noise])


def law(rng, n):
    """n pairs of faces as in `noisy`, with angle and emotion uniform on [-1, 1]: angle, emotion (2n,), x (2n, PIXELS)."""
    angle, emotion = rng.uniform(-1, 1, (2, n))
    return np.tile(angle, 2), np.tile(emotion, 2), noisy(rng, draw(angle, emotion))


def problem(decoder, critic):
    """The faces for a decoder "one" or "album" and a critic "bayes" or "net"; training only, exact figures are below."""
    family = {"one": OneFace, "album": Album}[decoder]

    def init_all(rng):
        if decoder == "one":
            p = init(rng, 2, HIDDEN, PIXELS)
        else:  # as in k-means, images start as data; but without noise, or most would lose to a blurred face and never learn
            p = *init(rng, 2, HIDDEN // 4, IMAGES), draw(*rng.uniform(-1, 1, (2, IMAGES)))[None, None]
        r = problems.init_critic(rng, PIXELS, HIDDEN, 2, 2) if critic == "net" else ()
        return p, init(rng, PIXELS, HIDDEN, 2, 2), r

    def densities(params):
        p, q, r = params
        return family(p), NormalNet(faint(q)), problems.critic(faint(r)) if r else Bayes(family([getval(a) for a in p]))

    def train_nodes(n=None, rng=None):
        equal = np.full((1, 1, BATCH), 1 / BATCH)
        data = law(rng, BATCH // 2)[2][None, None], rng.standard_normal((1, 1, BATCH, 2)), equal
        if decoder == "one":
            z, _ = nodes.lattice(rng, BATCH // 2, 2)
            return data, (np.tile(z, (2, 1))[None, None], noisy(rng, np.zeros((BATCH // 2, PIXELS)))[None, None] / NOISE, equal)
        z, weights = nodes.grid(12, 2, rng.random(2), 4.0)
        return data, (z[None, :, None], rng.standard_normal((1, 1, IMAGES, PIXELS)), weights[None, :, None])

    if decoder == "album":
        highest, why = np.log(IMAGES), f"x tells at most which of the {IMAGES} images it shows"
    else:
        # A posterior with two fifths of the grid's spacing for a standard deviation is summed to 1 % on average.
        highest = -2 * np.log(0.4 * 2 * Bayes.HALF_WIDTH / Bayes.POINTS)
        why = "finer codes fall between the nodes of a critic by Bayes' rule; a net has the same limit"
    return problems.Problem(init_all, densities, train_nodes, None, None, None, highest, why)


def refined(p, x):
    """p(x) of a single model by the coarsest grid of z that agrees on x with one 1.5 times as fine, in the mean to 1e-3.

    None where no grid does: p is too sharp.
    """
    for n in GRIDS:
        coarse, fine = [p.marginal(*nodes.grid(m, 2, half_width=5.0)) for m in (n, 3 * n // 2)]
        if abs(np.mean(coarse.log_prob(x) - fine.log_prob(x))) < 1e-3:
            return coarse
    return None


def log_true(x, n=64):
    """log p_true(x) of x (1, 1, J, X), from n x n midpoints of angle and emotion; (J,)."""
    middle = (np.arange(n) + 0.5) * 2 / n - 1
    faces = draw(*[factor.ravel() for factor in np.meshgrid(middle, middle)])
    return log_sum_exp(log_prob_of_noise(squared_distances(x, faces[None, None]))[0], -1) - np.log(n * n)


def figures(of, params, rng, replicates=10, pairs=64, done=lambda: None):
    """A dict per model: Monte Carlo over x, in randomised replicates that give the standard error, quadrature over z.

    Every model is judged on the same faces and noise, none of which it has seen.
    """
    draws = []
    for _ in range(replicates):
        angle, emotion, x = law(rng, pairs)
        z, _ = nodes.lattice(rng, 2 * pairs, 2)
        draws.append((angle, emotion, x[None, None], z[None, None], rng.standard_normal((2, 1, 1, 2 * pairs, 2)),
                      rng.standard_normal((1, 1, 2 * pairs, PIXELS)), rng.random((2 * pairs, 1))))
    best = np.mean([np.mean(log_true(x)) for _, _, x, *_ in draws])
    equal = np.full((1, 1, 2 * pairs), 0.5 / pairs)
    rows = []
    for l in range(len(params[0][0])):
        p, q, r = of.densities(stacks.select(params, l))
        values, codes = [], []
        _, _, x_true, z, _, noise, uniform = draws[0]
        marginal = refined(p, np.concatenate([sample(p, z, noise, uniform), x_true], 2))
        for _, _, x_true, z, (eps, eps_model), noise, uniform in draws:
            x = sample(p, z, noise, uniform)
            log_pz = normal.log_prob(z, 0.0, 0.0)  # H(z) = -E log p(z) on these nodes, so that bounds share their noise with I
            values.append([np.mean(r.log_prob(z, x) - log_pz),
                           # the best normal critic there is has the mean and variance of p(z|x) itself
                           np.mean(normal.log_prob(z, *marginal.moments(x)) - log_pz) if marginal else np.nan,
                           bounds.upper(p, lambda x: marginal.log_prob(x)[:, None], z, x, equal)[0] if marginal else np.nan,
                           bounds.upper(p, lambda x: np.subtract(*bounds.elbo_terms(p, q, x, eps_model)), z, x, equal)[0],
                           bounds.elbo(p, q, x_true, eps, equal)[0],
                           np.mean(marginal.log_prob(x_true)) if marginal else np.nan])
            codes.append(q.moments(x_true)[0][0, 0])
        names = ["held", "lower", "exact", "upper", "elbo", "log_likelihood"]
        row = dict(zip(names, np.mean(values, 0)), best=best)
        row["error"] = np.std(values, 0, ddof=1)[names.index("exact")] / np.sqrt(replicates)
        for name, factor in [("angle", 0), ("emotion", 1)]:
            row["r2_" + name] = r_squared(np.array(codes), np.array([of_one[factor] for of_one in draws]))
        rows.append(row)
        done()
    return rows


def sample(p, z, noise, uniform):
    """x ~ p(x|z) of a single model at every z (1, 1, J, Z), from standard normal noise and uniform numbers (J, 1)."""
    if isinstance(p, OneFace):
        return p.mean(z) + NOISE * noise
    page = np.sum(np.cumsum(np.exp(p.pages.log_probs(z)[0, 0]), 1) < uniform, 1)
    return p.images[:, :, np.minimum(page, IMAGES - 1)] + NOISE * noise  # the sum may end at 1 less rounding


def r_squared(codes, factor):
    """The part of a factor's variance that a quadratic in the code explains; fitted on one half of the replicates, judged on
    the other: codes (R, J, 2), factor (R, J)."""
    a, b = codes[..., 0], codes[..., 1]
    features = np.stack([np.ones_like(a), a, b, a * a, a * b, b * b], -1)
    half = len(codes) // 2
    fit, *_ = np.linalg.lstsq(features[:half].reshape(-1, 6), factor[:half].ravel(), rcond=None)
    return 1 - np.mean((factor[half:] - features[half:] @ fit) ** 2) / np.var(factor[half:])


def main(argv=None):
    options = common.parser(__doc__, None, STEPS, "faces.png")  # levels go with the decoder
    options.add_argument("--decoder", choices=list(LEVELS), default="one", help="one image for every z, or an album of "
                         f"{IMAGES} that z leafs through; --levels are {LEVELS['one']} and {LEVELS['album']} by default")
    options.add_argument("--critic", choices=["bayes", "net"], default="bayes",
                         help="by Bayes' rule on a grid of z, or a net as in the poster")
    return common.main(options, run, argv)


def run(args):
    levels = [*(args.levels or LEVELS[args.decoder]), None]
    of = problem(args.decoder, args.critic)
    params = train.train(of, levels, common.seeds(args), args.steps, RATE[args.decoder], common.progress(args.steps),
                         GROWTH[args.decoder])
    # the evaluation has a stream of random numbers of its own
    rows = figures(of, params, np.random.default_rng([args.seed, 1]), done=common.stages(len(params[0][0]), "figures"))
    for l, row in enumerate(rows):
        level = levels[l % len(levels)]
        row.update(level="vae" if level is None else level, seed=args.seed + l // len(levels), decoder=args.decoder, critic=args.critic)
    common.report(rows, args, lambda rows: show_faces(of, params, rows, args.show), print_table)


def print_table(rows):
    print("in nats: Monte Carlo over x, with the standard error of I, and quadrature over z; R^2 of the factors from the code\n"
          "I^ is what training held; the bound below I is that of the best normal critic")
    print("  M asked     I^     below <=  I  +- s.e. <= U      log-likelihood: ELBO, exact, best    R^2 angle emotion")
    for row in rows:
        print(f"  {table.level_name(row['level']):>7} {row['held']:7.3f}  {row['lower']:7.3f} {row['exact']:7.3f} {row['error']:6.3f} "
              f"{row['upper']:7.3f}   {row['elbo']:14.3f} {row['log_likelihood']:9.3f} {row['best']:9.3f}    "
              f"{row['r2_angle']:7.3f} {row['r2_emotion']:7.3f}" + ("" if table.reached(row) else f"   {missed(row)}"))


def missed(row):
    if np.isnan(row["exact"]):
        return "not resolved: p(x|z) is too sharp for exact figures"
    return f"level not reached, I - M = {row['exact'] - row['level']:+.3f}"


def show_faces(of, params, rows, show=False, n=8):
    """The drawn faces over angle and emotion, then E[x|z] of every model over the quantiles of z."""
    figure = canvas.figure(show, figsize=(12, 4.5 * -(-(len(rows) + 1) // 3)), layout="constrained")
    axes = figure.subplots(-(-(len(rows) + 1) // 3), 3, squeeze=False).ravel()
    middle = (np.arange(n) + 0.5) / n
    angle, emotion = np.meshgrid(2 * middle - 1, 1 - 2 * middle)
    quantiles = np.array([NormalDist().inv_cdf(u) for u in middle])
    z = np.stack(np.meshgrid(quantiles, quantiles), -1).reshape(1, 1, -1, 2)
    p, _, _ = of.densities(params)
    panels = [draw(angle.ravel(), emotion.ravel()), *p.mean(z)[:len(rows), 0]]
    titles = ["the data, without their noise"]
    for row in rows:
        asked = "plain VAE" if row["level"] == "vae" else f"M = {table.level_name(row['level'])}"
        titles.append(f"{asked}: I = {row['exact']:.2f} ± {row['error']:.2f} nats" + ("" if table.reached(row) else "\nnot reached"))
    for axis, faces, title in zip(axes, panels, titles):
        axis.imshow(faces.reshape(n, n, SIDE, SIDE).transpose(0, 2, 1, 3).reshape(n * SIDE, n * SIDE), "gray", vmin=-0.5, vmax=0.5)
        axis.set_title(title, fontsize=15)
        axis.set(xticks=[], yticks=[])
    for axis in axes[len(panels):]:
        axis.set_axis_off()
    axes[0].set_xlabel("angle", fontsize=13)
    axes[0].set_ylabel("emotion", fontsize=13)
    for axis in axes[1:len(panels)]:
        axis.set_xlabel("z_1, by its quantiles", fontsize=13)
        axis.set_ylabel("z_2", fontsize=13)
    return figure


if __name__ == "__main__":
    raise SystemExit(main())
