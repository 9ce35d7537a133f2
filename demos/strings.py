"""Expressive decoders for real: bit strings, an autoregressive decoder
p(x_t | x_<t, z), and what makes it use z."""
import functools

import autograd.numpy as np

import canvas
import common
import workers
from minimae import bounds, exact, nets, normal, problems, stacks, train
from minimae.nodes import across, down

LEVELS = [0.3, 0.6, 1.0, 1.5]
STEPS = 500
DROPOUTS = [0.25, 0.5, 0.75]
# marker, colour, and where its number stands, in points
STYLES = {"MAE": ("o", "#003f5c", None), "full VAE": ("X", "black", None),
          "KL annealing": ("*", "#7a5195", None),
          "word drop-out": ("^", "#c2410c", (-8, 8)),
          "window": ("s", "#ffa600", (0, -21))}


def strings(length):
    """All 2^length strings of +-1, (K, T)."""
    return 2.0 * np.indices((2,) * length).reshape(length, -1).T - 1


def law_given_cause(length, keep=0.9):
    """p(x | cause), (2, K): a fair first symbol, then a Markov chain that is sticky or
    alternates, with 0.9 each."""
    same = np.sum(strings(length)[:, 1:] == strings(length)[:, :-1], 1)
    other, left = length - 1 - same, 1 - keep
    return 0.5 * np.array([keep ** same * left ** other, left ** same * keep ** other])


@functools.cache
def tree(length):
    """The 2^T - 1 prefixes of all strings: their symbols (P, T), 0 from their end on,
    their lengths (P,), and which of them a string passes, and passes going down,
    (P, K) each."""
    words, place = strings(length), np.arange(length)
    prefixes = np.concatenate([np.unique(words * (place < t), axis=0) for t in place])
    ends = np.sum(prefixes != 0, 1)
    kept = words * (place < ends[:, None, None])  # of each string, as far as P goes
    passes = np.all(kept == prefixes[:, None], 2)
    return prefixes, ends, 1.0 * passes, 1.0 * (passes & (words.T[ends] < 0))


class StringNet(nets.CategoricalNet):
    """p(x|z) = prod_t p(x_t | x_<t, z): one net of z, the place t and the symbols
    before t that it sees.

    x is one-hot over all K strings, so every bound of the discrete problem applies as
    it is.  sees (L, T, T) is 1 where the decoder at place t (first T) looks at place
    s < t (second T).  hide(), for training, draws (L, K, 1, T): 0 for a symbol of x
    that is hidden from all places after it, where every x has codes of its own.
    """

    def __init__(self, params, sees, hide=None):
        self.W_z, self.W_x, self.b, self.W_out, self.b_out = params
        self.params = self.W_z, self.b, self.W_out, self.b_out  # the net of z alone
        self.T, self.sees, self.hide = sees.shape[-1], sees, hide

    @staticmethod
    def init(rng, dim_z, length, n_hidden):
        W_z, b, W_out, b_out = nets.init(rng, dim_z, n_hidden, 1)
        # 2 T inputs: the symbols before t, 0 where unseen, and the place t one-hot
        W_x = rng.standard_normal((1, 1, 2 * length, n_hidden)) / np.sqrt(length)
        return W_z, W_x, b, W_out, b_out

    def logits(self, z, seen, place):
        """log odds of +1 at P prefixes: z (L, N, J, Z), what is seen of them and their
        places one-hot, both (L, N, P, T) -> (L, N, J, P)."""
        seen = np.concatenate([seen, place + 0 * seen], -1)
        at_z, at_x = np.matmul(z, self.W_z) + self.b, np.matmul(seen, self.W_x)
        hidden = np.tanh(at_z[:, :, :, None] + at_x[:, :, None])
        # one product of matrices for all J and P
        rows = np.reshape(hidden, hidden.shape[:2] + (-1, hidden.shape[-1]))
        return np.reshape(np.matmul(rows, self.W_out) + self.b_out, hidden.shape[:-1])

    def log_prob(self, x, z):
        """log p(x|z), (L, N, J): for z of its own for every x, along N, a sum along the
        path of x through the tree of prefixes."""
        if x.shape[1] == 1:  # every x at every z
            return super().log_prob(x, z)
        symbols = np.matmul(x, strings(self.T))
        hide = self.hide() if self.hide else 1.0
        logits = self.logits(z, symbols * self.sees[:, None] * hide, np.eye(self.T))
        return np.sum(log_sigmoid(symbols * logits), -1)

    def log_probs(self, z):
        """All strings at once, (L, N, J, K): the net runs once on every prefix, then
        come the sums along the paths."""
        symbols, ends, passes, goes_down = tree(self.T)
        seen = symbols * self.sees[:, None, ends]
        logits = self.logits(z, seen, np.eye(self.T)[ends])
        # log sigmoid(-a) = log sigmoid(a) - a
        return np.matmul(log_sigmoid(logits), passes) - np.matmul(logits, goes_down)


def log_sigmoid(a):
    """-log(1 + exp(-a)), without overflow."""
    return -np.logaddexp(0, -a)


def window(length, w):
    """`sees` of a decoder that looks at the last w symbols."""
    place, other = np.indices((length, length))
    return 1.0 * ((other < place) & (other >= place - w))


class Strings(problems.Categorical):
    """The discrete problem with a string decoder."""

    def __init__(self, law, sees, critic=2, hide=None, n_hidden=16):
        super().__init__(law, n_hidden, critic=critic, n_z=64, n_eps=8)
        self.sees, self.hide = sees, hide

    def init(self, rng):
        _, q, r = super().init(rng)
        length = self.sees.shape[-1]
        return StringNet.init(rng, self.dim_z, length, self.n_hidden), q, r

    def decoder(self, params):
        return StringNet(params, self.sees, self.hide)


def cause_in_code(q, given_cause):
    """I(cause; z) in nats for z ~ q(z|x), x ~ p(x|cause) and a fair cause, by
    quadrature."""
    mean, log_var = q.moments(down(np.eye(given_cause.shape[1])))
    reach = 9 * np.exp(0.5 * np.max(log_var))
    z, dz = np.linspace(np.min(mean) - reach, np.max(mean) + reach, 4001, retstep=True)
    q_z = np.exp(normal.log_prob(across(z), mean, log_var))[0]  # (K, z)
    p_z = given_cause @ q_z
    # 1e-300: where a density underflows, no log 0
    ratio = np.log(np.maximum(p_z, 1e-300)) - np.log(np.maximum(p_z.mean(0), 1e-300))
    return np.sum(0.5 * p_z * ratio) * dz


def methods(levels, length):
    """One dict per model of the stack: name and group, level of the MAE, what the
    decoder sees, drop-out, annealing."""
    full = dict(level=None, w=length, drop=0.0, anneal=False)
    return [*(dict(full, group="MAE", name=f"MAE, M = {level:g}", level=level)
              for level in levels),
            dict(full, group="full VAE", name="full VAE"),
            dict(full, group="KL annealing", name="KL annealing", anneal=True),
            *(dict(full, group="word drop-out", name=f"drop-out {rate:g}", drop=rate)
              for rate in DROPOUTS),
            *(dict(full, group="window", name=f"window {w}", w=w)
              for w in range(length - 1))]


def train_all(models, law, length, seed, steps, critic=2, n_hidden=16, after=None):
    """Train all models as one stack; returns their parameters."""
    sees = np.array([window(length, model["w"]) for model in models])
    rates = np.array([model["drop"] for model in models])[:, None, None, None]
    rng = np.random.default_rng([seed, 1])  # drop-out changes no model's nodes
    annealed = np.array([model["anneal"] for model in models])
    weight = np.where(annealed, 0.0, 1.0)  # of the KL

    def hide():
        return 1.0 * (rng.random((1, len(law), 1, length)) >= rates)

    def objectives(p, q, r, data, prior, slope):
        kl = bounds.expect(normal.kl_to_standard(*q.moments(data[0])), data[2])
        elbo, lower = train.objectives(p, q, r, data, prior, slope)
        return np.array([elbo + (1 - weight) * kl, lower])

    def after_step(step, params, values):
        weight[annealed] = min(1, 2 * step / steps)  # full from half the run on
        if after:
            after(step, params, values)

    problem = Strings(law, sees, critic, hide, n_hidden)
    levels = [model["level"] for model in models]
    return train.train(problem, levels, [seed], steps, after=after_step,
                       objectives=objectives)


def measure(models, params, given_cause, critic, seed):
    """A row per model: the exact figures, each by the decoder's own window."""
    law, length = given_cause.mean(0), int(np.log2(given_cause.shape[1]))
    for index, model in enumerate(models):
        sees, alone = window(length, model["w"]), stacks.select(params, index)
        problem = Strings(law, sees[None], critic)
        values = exact.evaluate(problem, alone)
        level = np.nan if model["level"] is None else model["level"]
        yield dict(group=model["group"], name=model["name"], level=level,
                   **{key: value[0] for key, value in values.items()},
                   best=problem.best, seed=seed,
                   cause=cause_in_code(problem.densities(alone)[1], given_cause))


def train_and_measure(models, given_cause, length, seed, steps, critic, tell):
    """The rows of some models; the job that is to tell of its progress has as much to
    do as any."""
    params = train_all(models, given_cause.mean(0), length, seed, steps, critic,
                       after=common.progress(steps) if tell else None)
    return [*measure(models, params, given_cause, critic, seed)]


def main(argv=None):
    options = common.parser(__doc__, LEVELS, STEPS, "strings.png", always_out=1)
    options.add_argument("--length", type=int, default=5, metavar="T",
                         help="symbols of a string, 2 to 7")
    common.add_critic(options, default=2)
    return common.main(options, run, argv)


def run(args):
    if not 2 <= args.length <= 7:
        raise ValueError(f"--length {args.length}: give 2 to 7, all 2^T strings are "
                         "summed")
    given_cause = law_given_cause(args.length)
    law, models, rows = given_cause.mean(0), methods(args.levels, args.length), []
    seeds, full = common.seeds(args), window(args.length, args.length)[None]
    train.check(Strings(law, full, args.critic), args.levels, seeds, args.steps)
    jobs = [(share, given_cause, args.length, seed, args.steps, args.critic, n == 0)
            for seed in seeds for n, share in enumerate(workers.shares(models))]
    for found in workers.each(train_and_measure, jobs):
        rows += found
    about_cause = np.sum(0.5 * given_cause * np.log(given_cause / law))
    show(rows, about_cause)
    canvas.finish(args, rows, lambda: draw(rows, about_cause, args.show))


def show(rows, about_cause):
    print(f"in nats, means over seeds; H(x) = {-rows[0]['best']:.4f}, of which "
          f"{about_cause:.4f} are about the cause")
    print("                    I^ <=    I         E log p(x)   lost    gap of ELBO"
          "   I(cause; z)")
    for name in dict.fromkeys(row["name"] for row in rows):
        mean = {key: np.mean([row[key] for row in rows if row["name"] == name])
                for key in rows[0] if key not in ("group", "name")}
        lost = mean["best"] - mean["log_likelihood"]
        gap = mean["log_likelihood"] - mean["elbo"]
        print("  {:15s} {lower:7.4f} {exact:7.4f}     {log_likelihood:8.4f}   {:7.4f}"
              "   {:7.4f}     {cause:7.4f}".format(name, lost, gap, **mean))


def draw(rows, about_cause, show=False):
    """Likelihood lost against information gained, and what of it is about the cause."""
    figure = canvas.figure(show, figsize=(13, 6))
    left, right = figure.subplots(1, 2)
    figure.subplots_adjust(0.065, 0.1, 0.99, 0.91, 0.16)

    def lost(row):
        return max(row["best"] - row["log_likelihood"], 1e-5)

    for axis, height in [(left, lost), (right, lambda row: row["cause"])]:
        for row in rows:
            marker, colour, place = STYLES[row["group"]]
            at = row["exact"], height(row)
            axis.plot(*at, marker, color=colour, markersize=11)
            if place and row["seed"] == rows[0]["seed"]:
                axis.annotate(row["name"].split()[-1], at, place, fontsize=12,
                              textcoords="offset points",
                              ha="right" if place[0] else "center")
        for seed in dict.fromkeys(row["seed"] for row in rows):
            swept = [(row["exact"], height(row)) for row in rows
                     if row["group"] == "MAE" and row["seed"] == seed]
            axis.plot(*zip(*sorted(swept)), color=STYLES["MAE"][1])
        axis.set_xlabel("exact I(z, x), nats", fontsize=13)
        axis.tick_params(labelsize=11)
    left.set(yscale="log", ylim=(5e-6, None))
    left.set_ylabel("log-likelihood lost, nats (1e-5 and less)", fontsize=13)
    right.axhline(about_cause, color="grey", linewidth=1)
    right.annotate("all there is to know", (0, about_cause), xytext=(0, -14),
                   textcoords="offset points", fontsize=12)
    right.set_ylabel("I(cause; z) under q, nats", fontsize=13)
    canvas.bare(left, right)
    for group, (marker, colour, _) in STYLES.items():
        left.plot([], [], marker + "-" * (group == "MAE"), color=colour, markersize=11,
                  label=group)
    figure.legend(*left.get_legend_handles_labels(), loc="upper center", ncols=5,
                  fontsize=13, frameon=False)
    return figure


if __name__ == "__main__":
    raise SystemExit(main())
