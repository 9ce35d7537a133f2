"""Faces turned by an angle and moved by an emotion (the poster's Figure 3): what a code
learns on request, in any dimension, without a critic and without a grid."""
import functools
import math
from statistics import NormalDist

import autograd.numpy as np

import canvas
import common
import workers
from minimae import bounds, checks, critics, nodes, normal, problems, stacks, table
from minimae import train
from minimae.nets import CategoricalNet, NormalNet, held, init, log_sum_exp

SIDE = 24           # pixels
PIXELS = SIDE ** 2
NOISE = 0.4         # standard deviation of the pixels, known to every decoder
IMAGES = 32         # of an album
LEVELS = {"one": [1, 2, 3, 4], "album": [0.5, 1, 1.5, 2]}
LEVELS_HIGH = [1, 2, 3]  # where z has more than two dimensions
# Steps, rates, widths and numbers of nodes were chosen on seeds 0 to 2: the highest
# rates at which runs settle.
STEPS = 1200
RATE = {"one": 0.013, "album": 0.02}
HIDDEN = 128        # with 64, a run at 1 nat got stuck 10 nats below the best
BATCH = 64          # faces, and pictures of the model, in a step
CODES = 10 * BATCH  # in the sum of the multi-sample bound: 10 e^M for M up to 4.1, and
CODES_HIGH = 4 * CODES  # above two dimensions, where a lattice is no better than chance
FINE = 4096         # codes in the sum of the figures that are printed
SINGLE = np.float32  # of pixels and tables: twice as fast, and good to 1e-4 nats


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


def log_noise(squares):
    """log N(x | image, NOISE^2 I) from |x - image|^2."""
    return (-0.5 / NOISE ** 2 * squares
            - PIXELS * math.log(NOISE * math.sqrt(2 * math.pi)))


class OneFace:
    """x | z ~ N(mean(z), NOISE^2 I): one image for every z, so that all there is to say
    about x has to come from z.

    With the hidden units h mean(z) = h V + b, and for y = x - b
        |x - mean(z)|^2 = |y|^2 - 2 h.(V y) + h.(V V' h):
    many z for an x take no image each.
    """

    def __init__(self, params):
        self.W, self.c, self.V, self.b = params

    def hidden(self, z):
        """Units at z (L, N, J, Z), as (L, N, J, HIDDEN)."""
        return np.tanh(np.matmul(z.astype(SINGLE), self.W) + self.c)

    def mean(self, z):
        """E[x|z], (L, N, J, X)."""
        return np.matmul(self.hidden(z), self.V) + self.b

    def log_prob(self, x, z):
        """log p(x|z) of x (L, N, J, X) at z (L, N, J, Z), as (L, N, J)."""
        x = x.astype(SINGLE)
        if x.shape[1:3] == z.shape[1:3]:
            return log_noise(np.sum((x - self.mean(z)) ** 2, -1))
        h, y, V_transposed = self.hidden(z), x - self.b, np.swapaxes(self.V, 2, 3)
        of_x = np.matmul(y, V_transposed)
        if h.shape[2] == of_x.shape[1] == 1:  # every x at every z: matrices will do
            products = np.matmul(np.squeeze(h, 2),
                                 np.swapaxes(np.squeeze(of_x, 1), 1, 2))
        else:
            products = np.sum(h * of_x, -1)
        lengths = np.sum(np.matmul(h, np.matmul(self.V, V_transposed)) * h, -1)
        return log_noise(np.sum(y * y, -1) - 2 * products + lengths)

    def joint(self, z, eps, weights):
        """Nodes and weights of p(z) p(x|z) from nodes z, eps of N(0, I)."""
        return self.mean(z) + NOISE * eps, weights


class Album:
    """x | z ~ sum_k probs_k(z) N(image_k, NOISE^2 I): z leafs through a mixture that
    could do without it."""

    def __init__(self, params):
        *pages, self.images = params
        self.pages = CategoricalNet(pages)

    def log_probs(self, z):
        """Of all images at z, (L, N, J, IMAGES)."""
        return self.pages.log_probs(z.astype(SINGLE))

    def mean(self, z):
        """E[x|z], (L, N, J, X)."""
        return np.matmul(np.exp(self.log_probs(z)), self.images)

    def log_prob(self, x, z):
        """log p(x|z) of x (L, N, J, X) at z (L, N, J, Z), as (L, N, J)."""
        squares = squared_distances(x.astype(SINGLE), self.images)
        return log_sum_exp(self.log_probs(z) + log_noise(squares), -1)

    def joint(self, z, eps, weights):
        """Nodes and weights of p(z) p(x|z) from z (L, N, 1, Z): every image with its
        noise, weighted by its probability."""
        _, weights = self.pages.joint(z.astype(SINGLE), eps, weights)
        return self.images + NOISE * eps, weights


def squared_distances(x, images):
    """|x - image|^2 for x (L, N, J, X) and all images (L, 1, K, X), (L, N, J, K)."""
    products = np.matmul(x, np.swapaxes(images, 2, 3))
    lengths = np.swapaxes(np.sum(images ** 2, -1, keepdims=True), 2, 3)
    return np.sum(x * x, -1, keepdims=True) - 2 * products + lengths


def faint(params):
    """The same net, shown its image with a fifth of the contrast.

    Adam moves every weight by about the rate, and 576 of them together a hidden unit by
    far more than any other layer's.
    """
    W, *others = params
    return 0.2 * W, *others


def law(rng, n, dim_z):
    """n pairs of faces, angle and emotion uniform on [-1, 1]: both factors (2, 2n), x
    (1, 1, 2n, X), and nodes of eps ~ N(0, I) for codes of them, (1, 1, 2n, Z).

    A pair is one face with noise and with its negative, and so is eps: what noise there
    is in a gradient nearly cancels.  Factors and eps are one lattice.
    """
    points = nodes.lattice(rng, n, 2 + dim_z)[0][0, :, 0]
    factors = np.vectorize(math.erf)(points[:, :2].T / math.sqrt(2))  # 2 Phi - 1
    noise, faces = NOISE * rng.standard_normal((n, PIXELS)), draw(*factors)
    return (np.tile(factors, 2),
            nodes.across(np.concatenate([faces + noise, faces - noise])),
            nodes.across(np.concatenate([points[:, 2:], -points[:, 2:]])))


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
        self.n_codes = CODES if dim_z <= 2 else CODES_HIGH
        if self.album:
            self.highest = np.log(IMAGES)
            self.why_highest = f"; x tells at most which of {IMAGES} images it shows"
        elif critic == "bayes":
            self.highest = np.log(self.n_codes / 10)
            self.why_highest = ("; the multi-sample bound needs 10 e^M codes a step, "
                                f"set CODES above {self.n_codes}")

    def init(self, rng):
        return tuple(tuple(array.astype(SINGLE) for array in net)
                     for net in super().init(rng))

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
        """p, q and the critic: a net, or for Bayes' rule p once more, held fixed."""
        p, q, r = params
        frozen = self.decoder(held(p))
        r = frozen if self.critic == "bayes" else critics.critic(
            self.critic, faint(r), frozen, self.dim_z)
        return self.decoder(p), NormalNet(faint(q)), r

    def nodes(self, rng):
        """As in Problem; those of the information are `information_nodes`."""
        _, x, eps = law(rng, BATCH // 2, self.dim_z)
        equal = np.full((1, 1, BATCH), 1 / BATCH)
        return ([a.astype(SINGLE) for a in (x, eps, equal)],
                self.information_nodes(rng, self.n_codes, BATCH))

    def information_nodes(self, rng, n_codes, n):
        """(z, eps, weights) of p(z) p(x|z), then n_codes codes and their weights, of
        which the z are n neighbours in their lattice, each as likely."""
        codes, code_weights = nodes.lattice(rng, n_codes, self.dim_z)
        z = np.roll(codes, rng.integers(n_codes), 1)[:, :n]
        weights = np.full((1, n, 1), 1 / n)
        if not self.album:  # one x for each z; an album shows every image at every z
            z, weights = np.swapaxes(z, 1, 2), np.swapaxes(weights, 1, 2)
        eps = rng.standard_normal((1, 1, IMAGES if self.album else n, PIXELS), SINGLE)
        return [a.astype(SINGLE) for a in (z, eps, weights, codes, code_weights)]


def objectives(p, q, r, data, prior, slope):
    """As train.objectives; where r is a held decoder, I^ is the multi-sample bound."""
    z, eps, weights, codes, code_weights = prior
    slope = slope.astype(SINGLE)
    if not isinstance(r, (OneFace, Album)):
        return train.objectives(p, q, r, data, (z, eps, weights), slope)
    x, weights = p.joint(z, eps, weights)
    x = train.scale_gradient(x, slope)
    weights = train.scale_gradient(weights, slope)
    lower = bounds.multi_sample(r, z, x, weights, codes, code_weights)
    return np.array([bounds.elbo(p, q, *data), lower])


class Multiplier(train.Penalty):
    """-lambda I^ - C |I^ - M|: a C that stays, and a multiplier that is learnt
    (augmented Lagrangian).

    C alone holds these levels only as it grows to 170, and a step's I^ is off by .1:
    p is thrown to and fro, and at 1 nat 6 nats of likelihood are lost.  The slope that
    a level takes is 3 at 1 nat and less above, and lambda finds it; 4 are lost.
    """
    # C 1, 2, 5 and rates of 2.7, 4.5, 9 were tried: more overshoots, less arrives late
    START = 2.0         # C
    LEARNING = 4.5      # lambda over a run that violates its level by 1 nat throughout

    def __init__(self, levels, steps):
        super().__init__(levels, steps, growth=1)
        self.total = np.zeros(len(levels))

    def update(self, values, step):
        super().update(values, step)
        violation = np.clip(values[1] - self.target, -1, 1)
        self.total = self.total + self.LEARNING / self.steps * violation
        self.slope = np.where(self.free, 0.0, self.slope - self.total)


@functools.cache
def log_true_images(n):
    """Faces at n x n midpoints of angle and emotion, (1, 1, n n, X)."""
    middle = (np.arange(n) + 0.5) * 2 / n - 1
    return nodes.across(draw(*[a.ravel() for a in np.meshgrid(middle, middle)]))


def log_true(x, n=64):
    """log p_true(x) of x (1, 1, J, X) as a mean over n x n faces, (J,)."""
    log_probs = log_noise(squared_distances(x, log_true_images(n)))
    return log_sum_exp(log_probs, -1)[0, 0] - np.log(n * n)


def log_likelihood(p, q, x, rng, n=64):
    """log p(x) at x (1, 1, J, X) by importance sampling, (L, J): half of n codes from q
    with half again its variance, half from the prior, weighted by p(z) over their
    mixture.  In expectation a lower bound, by Jensen."""
    x = np.swapaxes(x, 1, 2)  # codes of its own for every x
    mean, log_var = q.moments(x)
    log_var = log_var + math.log(1.5)  # tails wider than the posterior's
    eps = rng.standard_normal((1, x.shape[1], n, mean.shape[3]))
    from_q = np.arange(n)[:, None] < n // 2
    z = np.where(from_q, normal.sample(mean, log_var, eps), eps)
    log_prior = normal.log_prob(z, 0.0, 0.0)
    proposal = np.logaddexp(normal.log_prob(z, mean, log_var), log_prior) - np.log(2)
    return log_sum_exp(p.log_prob(x, z) + log_prior - proposal, 2) - np.log(n)


def evaluate(problem, params, rng, replicates=8, pairs=64, done=lambda n: None):
    """A dict per model: means over randomised replicates, and their standard errors
    under names that end in _error, that of I as `error`.

    lower sums over the codes that x came from, upper over an independent set: true
    bounds on I in expectation, in any dimension; exact is their mean, I up to half
    their difference.  Likelihoods are on faces that no model has seen, the same for
    all.  R^2 is judged on half of the replicates, after a fit on the other half.
    """
    p, q, _ = problem.densities(params)
    values, codes, factors = [], [], []
    for replicate in range(replicates):
        factor, x, eps = law(rng, pairs, problem.dim_z)
        # A control variate, the noise's own log density less its mean: with it each
        # log-likelihood varies a tenth as much.
        noise = x[0, 0] - draw(*factor)
        extra = 0.5 * (PIXELS - np.sum(noise ** 2, -1) / NOISE ** 2)
        z, model_eps, weights, own, own_weights = problem.information_nodes(
            rng, FINE, 8 * pairs)
        other, other_weights = nodes.lattice(rng, FINE, problem.dim_z)
        x_model, weights = p.joint(z, model_eps, weights)
        lower = bounds.multi_sample(p, z, x_model, weights, own, own_weights)
        upper = bounds.multi_sample(p, z, x_model, weights, other, other_weights)
        equal = np.full((1, 1, 2 * pairs), 0.5 / pairs)
        values.append(np.broadcast_arrays(
            lower, (lower + upper) / 2, upper,
            bounds.elbo(p, q, x, eps, equal) - np.mean(extra),
            np.mean(log_likelihood(p, q, x, rng) - extra, 1),
            np.mean(log_true(x) - extra)))
        codes.append(q.moments(x)[0][:, 0])
        factors.append(factor)
        done(replicate + 1)
    explained = [r_squared(np.array(codes), np.array(factors)[:, i]) for i in (0, 1)]
    names = [*table.COLUMNS[1:], "r2_angle", "r2_emotion"]
    columns = [*np.swapaxes(values, 0, 1), *explained]  # (replicates, L) each
    rows = {name: np.mean(column, 0) for name, column in zip(names, columns)}
    for name, column in zip(names, columns):
        error = np.std(column, 0, ddof=1) / np.sqrt(len(column))
        rows["error" if name == "exact" else f"{name}_error"] = error
    return [dict(zip(rows, row)) for row in zip(*rows.values())]


def r_squared(codes, factor):
    """The part of a factor's variance, 1/3, that a quadratic in the code explains;
    fitted on one half of the replicates, judged on each of the others: codes
    (R, L, J, Z), factor (R, J) -> (R/2, L)."""
    first, second = np.triu_indices(codes.shape[-1])
    features = np.concatenate([np.ones_like(codes[..., :1]), codes,
                               codes[..., first] * codes[..., second]], -1)
    half, results = len(codes) // 2, []
    for of_model in np.swapaxes(features, 0, 1).astype(float):  # (R, J, features)
        fit, *_ = np.linalg.lstsq(np.concatenate(of_model[:half]),
                                  factor[:half].ravel(), rcond=None)
        residual = factor[half:] - of_model[half:] @ fit
        results.append(1 - 3 * np.mean(residual ** 2, 1))
    return np.array(results).T


def main(argv=None):
    options = common.parser(__doc__, None, STEPS, "faces.png")
    options.add_argument("--decoder", choices=list(LEVELS), default="one",
                         help=f"one image for every z, or an album of {IMAGES} that z "
                              "leafs through")
    options.add_argument("--dim", type=int, default=2, help="dimension of the code z")
    common.add_critic(options, "bayes")
    return common.main(options, run, argv)


def run(args):
    default = LEVELS[args.decoder] if args.dim <= 2 else LEVELS_HIGH
    levels = [*(args.levels or default), None]  # the last row is the plain VAE
    problem, seeds = Faces(args.decoder, args.critic, args.dim), common.seeds(args)
    train.check(problem, levels, seeds, args.steps)
    jobs = [(problem, share, seeds, args.steps, RATE[args.decoder], n == 0)
            for n, share in enumerate(workers.shares(levels))]
    found, params = zip(*workers.each(train_and_measure, jobs))
    rows = [dict(row, decoder=args.decoder, critic=args.critic, dim=args.dim)
            for seed in seeds for row in sum(found, []) if row["seed"] == seed]
    first = common.report(args, rows, show)
    params = stacks.stack(params, 1)
    canvas.finish(args, rows, lambda: draw_panels(problem, params, first, args.show))


def train_and_measure(problem, levels, seeds, steps, rate, tell):
    """The rows of some levels, and the parameters of the first seed; the job that is to
    tell of its progress has as much to do as any."""
    ahead, figures = ((common.progress(steps), common.progress(8, "figures"))
                      if tell else (None, lambda n: None))
    params = train.train(problem, levels, seeds, steps, rate, ahead,
                         objectives=objectives,
                         penalty=Multiplier(levels * len(seeds), steps))
    # the evaluation has a stream of random numbers of its own
    rows = evaluate(problem, params, np.random.default_rng([seeds[0], 1]), done=figures)
    return ([dict(level=level, **row, seed=seed)
             for (level, seed), row in zip(table.models(levels, seeds), rows)],
            tuple(tuple(array[:len(levels)] for array in net) for net in params))


def show(rows):
    """Print the table."""
    print("in nats, by Monte Carlo; lower and upper are bounds in expectation, I their "
          "mean and +- its\nstandard error (those of all columns: --csv); R^2 of the "
          "factors from the code")
    print("  M asked   lower <=  I   +- s.e. <= upper       ELBO  E log p(x) <= best"
          "     R^2 angle emotion")
    for row in rows:
        line = ("  {:>7} {lower:7.3f} {exact:7.3f} {error:6.3f} {upper:9.3f}   "
                "{elbo:9.3f} {log_likelihood:9.3f} {best:9.3f}   "
                "{r2_angle:8.3f} {r2_emotion:7.3f}{}")
        missed = "" if table.reached(row) else \
            f"   level not reached, I - M = {row['exact'] - row['level']:+.3f}"
        print(line.format(table.level_name(row["level"]), missed, **row))


def codes_to_show(q, dim_z, n):
    """Codes of an n x n picture, (L or 1, 1, n n, Z): all of z where it has two
    numbers; else the plane in which codes of faces move with angle and emotion, by
    least squares, at such codes."""
    middle = (np.arange(n) + 0.5) / n
    if dim_z == 2:
        quantiles = [NormalDist().inv_cdf(u) for u in middle]
        grid = np.meshgrid(quantiles, quantiles)
        return nodes.across(np.stack(grid, -1).reshape(-1, 2))
    angle, emotion = [a.ravel() for a in np.meshgrid(2 * middle - 1, 1 - 2 * middle)]
    features = np.stack([np.ones(n * n), angle, emotion], 1)
    codes = q.moments(nodes.across(draw(angle, emotion)))[0]
    return np.matmul(features @ np.linalg.pinv(features), codes)


def draw_panels(problem, params, rows, show=False, n=8):
    """The drawn faces over angle and emotion, then E[x|z] of every model; I in nats."""
    down = -(-(len(rows) + 1) // 3)
    figure = canvas.figure(show, figsize=(12, 4.4 * down))
    figure.subplots_adjust(0.03, 0.05 / down, 0.99, 1 - 0.09 / down, 0.1, 0.2)
    axes = figure.subplots(down, 3, squeeze=False).ravel()
    middle = (np.arange(n) + 0.5) / n
    angle, emotion = np.meshgrid(2 * middle - 1, 1 - 2 * middle)
    p, q, _ = problem.densities(params)
    panels = [draw(angle.ravel(), emotion.ravel()),
              *p.mean(codes_to_show(q, problem.dim_z, n))[:len(rows), 0]]
    titles = ["the data, without their noise"]
    for row in rows:
        asked = "plain VAE" if row["level"] == "vae" else \
            f"M = {table.level_name(row['level'])}"
        missed = "" if table.reached(row) else ", not reached"
        titles.append(f"{asked}: I = {row['exact']:.2f} ± {row['error']:.2f}{missed}")
    for axis, faces, title in zip(axes, panels, titles):
        tiles = faces.reshape(n, n, SIDE, SIDE).transpose(0, 2, 1, 3)
        axis.imshow(tiles.reshape(n * SIDE, n * SIDE), "gray", vmin=-0.5, vmax=0.5)
        axis.set_title(title, fontsize=14)
        axis.set(xticks=[], yticks=[])
    for axis in axes[len(panels):]:
        axis.set_axis_off()
    names = ["z_1, by its quantiles", "z_2"]
    if problem.dim_z != 2:
        names = ["along codes of the angle", "of the emotion"]
    for axis, (across, up) in zip(axes, [("angle", "emotion"), *[names] * len(rows)]):
        axis.set_xlabel(across, fontsize=13)
        axis.set_ylabel(up, fontsize=13)
    return figure


if __name__ == "__main__":
    raise SystemExit(main())
