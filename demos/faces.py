"""Faces turned by an angle and moved by an emotion (the poster's Figure 3): what a code
learns on request, in any dimension, without a critic and without a grid."""
import functools
from statistics import NormalDist

import autograd.numpy as np

import canvas
import common
from minimae import bounds, checks, critics, nodes, normal, problems, stacks, table
from minimae import train
from minimae.nets import CategoricalNet, NormalNet, held, init, log_sum_exp

SIDE = 24           # pixels
PIXELS = SIDE ** 2
NOISE = 0.4         # standard deviation of the pixels, known to every decoder
STEPS = 900
# Rates, growth, widths and numbers of nodes were chosen on seeds 0 to 2: the highest
# rates at which runs settle.
RATE = {"one": 0.013, "album": 0.02}
GROWTH = {"one": 1000, "album": 100}  # one image for every z has a steep likelihood
HIDDEN = 128
IMAGES = 32         # of an album
BATCH = 64          # faces, and pictures of the model, in a step
CODES = 10 * BATCH  # in the sum of the multi-sample bound: 10 e^4 and more
LEVELS = {"one": [1, 2, 3, 4], "album": [0.5, 1, 1.5, 2]}
LEVELS_HIGH = [1, 2, 3]  # where z has more than two dimensions
FINE = 2048         # codes in the sum of the figures that are printed


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


def log_noise(x, images):
    """log N(x | image, NOISE^2 I), by a product of matrices, which spares a table of
    differences: x (L, 1, J, X), images (L, 1, N, X) -> (L, N, J)."""
    products = np.matmul(images, np.swapaxes(x, 2, 3))[:, 0]
    squares = (np.sum(images ** 2, -1)[:, 0, :, None] - 2 * products
               + np.sum(x ** 2, -1))
    return -0.5 * (squares / NOISE ** 2 + PIXELS * (2 * np.log(NOISE) + normal.LOG_2PI))


class OneFace(NormalNet):
    """x | z ~ N(mean(z), NOISE^2 I): one image for every z, so that all there is to say
    about x has to come from z."""

    def __init__(self, params):
        super().__init__(params, 2 * np.log(NOISE))

    def mean(self, z):
        """E[x|z], (L, N, J, X)."""
        return self.moments(z)[0]

    def log_prob(self, x, z):
        """log p(x|z) of x (L, 1, J, X) at z (L, N, J, Z), as (L, N, J)."""
        if z.shape[1] == 1 or z.shape[2] > 1:
            return super().log_prob(x, z)
        return log_noise(x, self.mean(np.swapaxes(z, 1, 2)))

    def sample(self, z, rng):
        """x ~ p(x|z) at z (1, 1, J, Z)."""
        return self.mean(z) + NOISE * rng.standard_normal((*z.shape[:3], PIXELS))


class Album:
    """x | z ~ sum_k probs_k(z) N(image_k, NOISE^2 I): z leafs through a mixture that
    could do without it."""

    def __init__(self, params):
        *pages, self.images = params
        self.pages = CategoricalNet(pages)

    def mean(self, z):
        """E[x|z], (L, N, J, X)."""
        return np.matmul(np.exp(self.pages.log_probs(z)), self.images)

    def log_prob(self, x, z):
        """log p(x|z) of x (L, 1, J, X) at z (L, N, J, Z), as (L, N, J)."""
        of_pages = np.swapaxes(log_noise(x, self.images), 1, 2)[:, None]
        return log_sum_exp(self.pages.log_probs(z) + of_pages, -1)

    def joint(self, z, eps, weights):
        """Nodes and weights of p(z) p(x|z) from z (L, N, 1, Z): every image with its
        noise, weighted by its probability."""
        x, page_weights = self.pages.joint(z, eps, weights)
        return np.matmul(x, self.images) + NOISE * eps, page_weights

    def sample(self, z, rng):
        """x ~ p(x|z) of a single model at z (1, 1, J, Z)."""
        upto = np.cumsum(np.exp(self.pages.log_probs(z)[0, 0]), 1)
        page = np.sum(upto[:, :-1] < rng.random((len(upto), 1)), 1)
        noise = rng.standard_normal((1, 1, len(page), PIXELS))
        return self.images[:, :, page] + NOISE * noise


def faint(params):
    """The same net, shown its image with a fifth of the contrast.

    Adam moves every weight by about the rate, and 576 of them together a hidden unit by
    far more than any other layer's.
    """
    W, *others = params
    return 0.2 * W, *others


def noisy(rng, faces):
    """Every face twice, with noise and with its negative: the noise in the gradient of
    a decoder's mean nearly cancels."""
    noise = NOISE * rng.standard_normal(faces.shape)
    return np.concatenate([faces + noise, faces - noise])


def law(rng, n):
    """n pairs of faces as in `noisy`, angle and emotion uniform on [-1, 1]: angle,
    emotion (2n,), x (2n, PIXELS)."""
    angle, emotion = rng.uniform(-1, 1, (2, n))
    return np.tile(angle, 2), np.tile(emotion, 2), noisy(rng, draw(angle, emotion))


class Faces(problems.Problem):
    """The faces, for training, with a decoder "one" or "album".

    critic "bayes": the multi-sample bound over CODES codes of the step; or a net, as in
    the poster, of so many normals.
    """
    dim_x, n_hidden = PIXELS, HIDDEN

    def __init__(self, decoder="one", critic="bayes", dim_z=2):
        checks.whole(1, dim=dim_z)
        critics.check(critic)
        self.dim_z, self.critic, self.album = dim_z, critic, decoder == "album"
        if self.album:
            self.highest = np.log(IMAGES)
            self.why_highest = f"; x tells at most which of {IMAGES} images it shows"
        elif critic == "bayes":
            self.highest = np.log(CODES / 10)
            self.why_highest = ("; the multi-sample bound ends at log CODES and needs "
                                "10 e^M of them")

    def init_decoder(self, rng):
        if not self.album:
            return init(rng, self.dim_z, HIDDEN, PIXELS)
        # As in k-means, images start as data; but without noise, or most would lose to
        # a blurred face and never learn.
        images = draw(*rng.uniform(-1, 1, (2, IMAGES)))[None, None]
        return *init(rng, self.dim_z, HIDDEN // 4, IMAGES), images

    def decoder(self, params):
        return Album(params) if self.album else OneFace(params)

    def densities(self, params):
        p, q, r = params
        q = NormalNet(faint(q))
        if self.critic == "bayes":
            return self.decoder(p), q, self.decoder([held(array) for array in p])
        r = critics.critic(self.critic, faint(r), None, self.dim_z)
        return self.decoder(p), q, r

    def nodes(self, rng):
        """As in Problem, with a third: the codes of the multi-sample bound and their
        weights.  The z of p(z) p(x|z) are some of them."""
        equal = np.full((1, 1, BATCH), 1 / BATCH)
        eps = rng.standard_normal((1, 1, BATCH, self.dim_z))
        data = nodes.across(law(rng, BATCH // 2)[2]), eps, equal
        codes, weights = nodes.lattice(rng, CODES, self.dim_z)
        some = codes[:, rng.integers(10)::10]  # evenly spread too, each as likely
        if self.album:  # every image at every one of them
            noise = rng.standard_normal((1, 1, IMAGES, PIXELS))
            prior = some, noise, np.swapaxes(equal, 1, 2)
        else:
            noise = noisy(rng, np.zeros((BATCH, PIXELS))) / NOISE
            twice = np.swapaxes(np.tile(some, (1, 2, 1, 1)), 1, 2)
            prior = twice, nodes.across(noise), np.full((1, 1, 2 * BATCH), 0.5 / BATCH)
        return data, (*prior, codes, weights)


def objectives(p, q, r, data, prior, slope):
    """As train.objectives; where r is a held decoder, I^ is the multi-sample bound."""
    z, eps, weights, codes, code_weights = prior
    if not isinstance(r, (OneFace, Album)):
        return train.objectives(p, q, r, data, (z, eps, weights), slope)
    x, weights = p.joint(z, eps, weights)
    x = train.scale_gradient(x, slope)
    weights = train.scale_gradient(weights, slope)
    lower = bounds.multi_sample(r, z, x, weights, codes, code_weights)
    return np.array([bounds.elbo(p, q, *data), lower])


@functools.cache
def all_faces(n):
    """Faces at n x n midpoints of angle and emotion, (1, 1, n n, X)."""
    middle = (np.arange(n) + 0.5) * 2 / n - 1
    return nodes.across(draw(*[a.ravel() for a in np.meshgrid(middle, middle)]))


def log_true(x, n=64):
    """log p_true(x) of x (1, 1, J, X) as a mean over n x n faces, (J,)."""
    return log_sum_exp(log_noise(x, all_faces(n)), 1)[0] - np.log(n * n)


def log_likelihood(p, q, x, rng, n=32):
    """log p(x) of one model at x (1, 1, J, X) by importance sampling, (J,): n codes
    from q with half again its variance and n from the prior, weighted by p(z) over
    their mixture.  In expectation a lower bound, by Jensen."""
    mean, log_var = q.moments(x)
    log_var = log_var + np.log(1.5)  # tails wider than the posterior's
    eps = rng.standard_normal((1, 2 * n, x.shape[2], mean.shape[3]))
    z = np.concatenate([normal.sample(mean, log_var, eps[:, :n]), eps[:, n:]], 1)
    log_prior = normal.log_prob(z, 0.0, 0.0)
    proposal = np.logaddexp(normal.log_prob(z, mean, log_var), log_prior) - np.log(2)
    each = [p.log_prob(x[:, :, [j]], z[:, :, [j]]) for j in range(x.shape[2])]
    log_px = np.concatenate(each, 2)  # each x only with codes of its own
    return log_sum_exp(log_px + log_prior - proposal, 1)[0] - np.log(2 * n)


def evaluate(problem, params, rng, replicates=16, pairs=32, done=lambda n: None):
    """A dict per model: means over randomised replicates, and their standard errors
    under names that end in _error.

    lower sums over the codes that x came from, upper over an independent set: true
    bounds on I in expectation, in any dimension; exact is their mean, I up to half
    their difference, `error` its standard error.  Likelihoods are on faces that no
    model has seen, the same for all, less their noise's own log N(x; face), whose mean
    is known.
    """
    draws = [law(rng, pairs) for _ in range(replicates)]
    faces = [nodes.across(x) for _, _, x in draws]
    # A control variate: the noise's log density, less its mean, which is zero so.
    noise = [0.5 * (PIXELS - np.sum((x - draw(angle, emotion)) ** 2, -1) / NOISE ** 2)
             for angle, emotion, x in draws]
    best = log_true(np.concatenate(faces, 2)).reshape(replicates, -1) - noise
    best = np.mean(best, 1)
    rows = []
    for index in range(len(params[0][0])):
        p, q, _ = problem.densities(stacks.select(params, index))
        of_model = np.random.default_rng(7)  # the same noise for every row
        values, codes = [], []
        # One lower and one upper set serve all replicates, which differ in z and x.
        own, other = [nodes.lattice(of_model, FINE, problem.dim_z) for _ in range(2)]
        apart = FINE // (2 * pairs * replicates)
        z = own[0][:, of_model.integers(apart)::apart].swapaxes(1, 2)
        x = p.sample(z, of_model)
        conditional = p.log_prob(x, z)
        ends = np.array([(conditional - bounds.log_marginal(p, x, *some)).reshape(
            replicates, -1).mean(1) for some in (own, other)])  # as bounds.multi_sample
        equal = np.full((1, 1, 2 * pairs), 0.5 / pairs)
        for (lower, upper), x_true, extra, best_of in zip(ends.T, faces, noise, best):
            eps = of_model.standard_normal((1, 1, 2 * pairs, problem.dim_z))
            elbo = bounds.elbo(p, q, x_true, eps, equal)[0] - np.mean(extra)
            log_px = np.mean(log_likelihood(p, q, x_true, of_model) - extra)
            values.append([lower, (lower + upper) / 2, upper, elbo, log_px, best_of])
            codes.append(q.moments(x_true)[0][0, 0])
        names = ["lower", "exact", "upper", "elbo", "log_likelihood", "best"]
        errors = np.std(values, 0, ddof=1) / np.sqrt(replicates)
        row = dict(zip(names, np.mean(values, 0)), error=errors[1])
        row.update(zip([f"{name}_error" for name in names[3:]], errors[3:]))
        for name, factor in [("angle", 0), ("emotion", 1)]:
            factors = np.array([of_one[factor] for of_one in draws])
            row["r2_" + name] = r_squared(np.array(codes), factors)
        rows.append(row)
        done(index + 1)
    return rows


def r_squared(codes, factor):
    """The part of a factor's variance that a quadratic in the code explains; fitted on
    one half of the replicates, judged on the other: codes (R, J, Z), factor (R, J)."""
    first, second = np.triu_indices(codes.shape[-1])
    features = np.concatenate([np.ones_like(codes[..., :1]), codes,
                               codes[..., first] * codes[..., second]], -1)
    half, width = len(codes) // 2, features.shape[-1]
    fit, *_ = np.linalg.lstsq(features[:half].reshape(-1, width), factor[:half].ravel(),
                              rcond=None)
    residual = factor[half:] - features[half:] @ fit
    return 1 - np.mean(residual ** 2) / np.var(factor[half:])


def main(argv=None):
    options = common.parser(__doc__, None, STEPS, "faces.png")
    options.add_argument("--decoder", choices=list(LEVELS), default="one",
                         help=f"one image for every z, or an album of {IMAGES} that z "
                              "leafs through")
    options.add_argument("--dim", type=int, default=2, help="dimension of the code z")
    common.add_critic(options, "bayes")
    return common.main(options, run, argv)


def run(args):
    default = LEVELS[args.decoder] if args.dim == 2 else LEVELS_HIGH
    levels = [*(args.levels or default), None]
    problem, seeds = Faces(args.decoder, args.critic, args.dim), common.seeds(args)
    params = train.train(problem, levels, seeds, args.steps, RATE[args.decoder],
                         common.progress(args.steps), GROWTH[args.decoder],
                         objectives=objectives)
    # the evaluation has a stream of random numbers of its own
    models = len(levels) * len(seeds)
    rows = evaluate(problem, params, np.random.default_rng([args.seed, 1]),
                    done=common.progress(models, "figures"))
    for index, row in enumerate(rows):
        level = levels[index % len(levels)]
        row.update(level="vae" if level is None else level, decoder=args.decoder,
                   critic=args.critic, dim=args.dim,
                   seed=args.seed + index // len(levels))
    first = common.report(args, rows, show)
    canvas.finish(args, rows, lambda: draw_panels(problem, params, first, args.show))


def show(rows):
    """Print the table."""
    print("in nats: Monte Carlo with standard errors; I is the mean of a lower and an "
          "upper bound; R^2 of the factors from the code")
    print("  M asked   lower <=  I   +- s.e. <= upper   log-likelihood: ELBO, model, "
          "best, s.e. of the last    R^2 angle emotion")
    for row in rows:
        line = ("  {:>7} {lower:7.3f} {exact:7.3f} {error:6.3f} {upper:7.3f}   "
                "{elbo:14.3f} {log_likelihood:9.3f} {best:9.3f} {best_error:6.3f}    "
                "{r2_angle:7.3f} {r2_emotion:7.3f}")
        missed = ""
        if not table.reached(row):
            missed = f"   level not reached, I - M = {row['exact'] - row['level']:+.3f}"
        print(line.format(table.level_name(row["level"]), **row) + missed)


def draw_panels(problem, params, rows, show=False, n=8):
    """The drawn faces over angle and emotion, then E[x|z] of every model over the
    quantiles of z; of a longer code over the two numbers that vary most."""
    down = -(-(len(rows) + 1) // 3)
    figure = canvas.figure(show, figsize=(12, 4.4 * down))
    figure.subplots_adjust(0.03, 0.05 / down, 0.99, 1 - 0.09 / down, 0.1, 0.2)
    axes = figure.subplots(down, 3, squeeze=False).ravel()
    middle = (np.arange(n) + 0.5) / n
    angle, emotion = np.meshgrid(2 * middle - 1, 1 - 2 * middle)
    quantiles = np.array([NormalDist().inv_cdf(u) for u in middle])
    panels = [draw(angle.ravel(), emotion.ravel())]
    titles = ["the data, without their noise"]
    some = nodes.across(law(np.random.default_rng(0), 64)[2])
    for index, row in enumerate(rows):
        p, q, _ = problem.densities(stacks.select(params, index))
        spread = np.std(q.moments(some)[0][0, 0], 0)
        z = np.zeros((1, 1, n * n, problem.dim_z))
        for axis, values in zip(np.sort(np.argsort(-spread)[:2]),
                                np.meshgrid(quantiles, quantiles)):
            z[..., axis] = values.ravel()
        panels.append(p.mean(z)[0, 0])
        asked = "plain VAE" if row["level"] == "vae" else \
            f"M = {table.level_name(row['level'])}"
        titles.append(f"{asked}: I = {row['exact']:.2f} ± {row['error']:.2f} nats"
                      + ("" if table.reached(row) else "\nnot reached"))
    for axis, faces, title in zip(axes, panels, titles):
        tiles = faces.reshape(n, n, SIDE, SIDE).transpose(0, 2, 1, 3)
        axis.imshow(tiles.reshape(n * SIDE, n * SIDE), "gray", vmin=-0.5, vmax=0.5)
        axis.set_title(title, fontsize=15)
        axis.set(xticks=[], yticks=[])
    for axis in axes[len(panels):]:
        axis.set_axis_off()
    axes[0].set_xlabel("angle", fontsize=13)
    axes[0].set_ylabel("emotion", fontsize=13)
    for axis in axes[1:len(panels)]:
        axis.set_xlabel("one number of z, by its quantiles", fontsize=13)
        axis.set_ylabel("another", fontsize=13)
    return figure


if __name__ == "__main__":
    raise SystemExit(main())
