"""Expressive decoders for real: bit strings, an autoregressive decoder p(x_t | x_<t, z), and
what makes it use z."""
import functools

import autograd.numpy as np

import canvas
import common
from minimae import bounds, exact, normal, problems, stacks, train
from minimae.nets import CategoricalNet, init
from minimae.nodes import across

LEVELS = [0.3, 0.6, 1.0, 1.5]
STEPS = 500
DROPOUTS = [0.25, 0.5, 0.75]
STYLES = {"MAE": ("o", "#003f5c"), "full VAE": ("X", "black"),
          "KL annealing": ("*", "#7a5195"), "word drop-out": ("^", "#c2410c"),
          "window": ("s", "#ffa600")}


def strings(length):
    """All 2^length strings of +-1, (K, T)."""
    return np.array(np.meshgrid(*[[-1.0, 1.0]] * length, indexing="ij")).reshape(length, -1).T


def law_given_cause(length, keep=0.9):
    """p(x | cause), (2, K): a fair first symbol, then a Markov chain that is sticky or
    alternates, with 0.9 each."""
    same = np.sum(strings(length)[:, 1:] == strings(length)[:, :-1], 1)
    other, left = length - 1 - same, 1 - keep
    return 0.5 * np.array([keep ** same * left ** other, left ** same * keep ** other])


@functools.cache
def tree(length):
    """The 2^T - 1 prefixes of all strings: their symbols (P, T), 0 from their end on, their
    lengths (P,), and which of them a string passes going up and going down, (P, K) each."""
    words = strings(length)
    prefixes = [row for t in range(length)
                for row in np.unique(words * (np.arange(length) < t), axis=0)]
    place = np.array([int(np.sum(row != 0)) for row in prefixes])
    passes = np.array([np.all(words[:, :t] == row[:t], 1) for t, row in zip(place, prefixes)])
    up = words.T[place] > 0
    return np.array(prefixes), place, 1.0 * (passes & up), 1.0 * (passes & ~up)


class StringNet(CategoricalNet):
    """p(x|z) = prod_t p(x_t | x_<t, z): one net of z, the place t and the symbols before t
    that it sees.

    x is one-hot over all K strings, so every bound of the discrete problem applies as it is.
    sees (L, T, T) is 1 where the decoder at place t (first T) looks at place s < t (second
    T).  drop (L, K, T, T), for training, hides symbols of each x.
    """

    def __init__(self, params, sees, drop=None):
        self.W_z, self.W_x, self.b, self.W_out, self.b_out = params
        self.T = sees.shape[-1]
        self.sees = sees[:, None, None]
        self.sees_of_x = self.sees if drop is None else self.sees * drop[:, :, None]

    @staticmethod
    def init(rng, dim_z, length, n_hidden):
        W_z, b, W_out, b_out = init(rng, dim_z, n_hidden, 1)
        # 2 T inputs: the symbols before t, 0 where unseen, and the place t one-hot
        W_x = rng.standard_normal((1, 1, 1, 2 * length, n_hidden)) / np.sqrt(length)
        return W_z, W_x, b, W_out, b_out

    def logits(self, z, symbols, sees, place):
        """log odds of +1 at P prefixes: z (L, N, J, Z); symbols, sees and place (..., P, T)
        -> (L, N, J, P)."""
        seen = np.concatenate(np.broadcast_arrays(symbols * sees, place + 0 * sees), -1)
        at_z = np.expand_dims(np.matmul(z, self.W_z) + self.b, -2)
        hidden = np.tanh(at_z + np.matmul(seen, self.W_x))
        W_out = np.expand_dims(np.swapaxes(self.W_out, 2, 3), -2)
        return np.sum(hidden * W_out, -1) + self.b_out

    def log_prob(self, x, z):
        """A sum along the path of x through the tree of prefixes, (L, N, J)."""
        symbols = np.matmul(x, strings(self.T))
        logits = self.logits(z, symbols[..., None, :], self.sees_of_x, np.eye(self.T))
        return np.sum(log_sigmoid(symbols * logits), -1)

    def log_probs(self, z):
        """All strings at once, (L, N, J, K): the net runs once on every prefix, then come
        the sums along the paths."""
        symbols, place, up, down = tree(self.T)
        logits = self.logits(z, symbols, self.sees[..., place, :], np.eye(self.T)[place])
        return np.matmul(log_sigmoid(logits), up) + np.matmul(log_sigmoid(-logits), down)


def log_sigmoid(a):
    return -np.logaddexp(0, -a)


def window(length, w):
    """`sees` of a decoder that looks at the last w symbols."""
    place, other = np.indices((length, length))
    return ((other < place) & (other >= place - w)).astype(float)


class Strings(problems.Categorical):
    """The discrete problem with a string decoder; drop() draws what is hidden from every
    string at a step of training."""

    def __init__(self, law, length, sees, n_hidden=16, drop=None):
        super().__init__(law, n_hidden, n_train=(64, 8))
        self.length, self.sees, self.drop = length, sees, drop

    def init(self, rng):
        _, q, r = super().init(rng)
        return StringNet.init(rng, 1, self.length, self.n_hidden), q, r

    def densities(self, params):
        _, q, r = super().densities(params)
        return StringNet(params[0], self.sees, self.drop and self.drop()), q, r


def cause_in_code(q, given_cause):
    """I(cause; z) in nats for z ~ q(z|x), x ~ p(x|cause) and a fair cause, by quadrature."""
    mean, log_var = q.moments(np.eye(given_cause.shape[1])[None, :, None])
    reach = 9 * np.exp(0.5 * np.max(log_var))
    z, dz = np.linspace(np.min(mean) - reach, np.max(mean) + reach, 4001, retstep=True)
    q_z = np.exp(normal.log_prob(across(z), mean, log_var))[0]  # (K, z)
    p_z = given_cause @ q_z
    # 1e-300: where a density underflows, no log 0
    ratio = np.log(np.maximum(p_z, 1e-300)) - np.log(np.maximum(p_z.mean(0), 1e-300))
    return np.sum(0.5 * p_z * ratio) * dz


def methods(levels, length):
    """One dict per model of the stack: name and group, level of the MAE, what the decoder
    sees, drop-out, annealing."""
    full = dict(level=None, w=length, drop=0.0, anneal=False)
    return [*(dict(full, group="MAE", name=f"MAE, M = {level:g}", level=level)
              for level in levels),
            dict(full, group="full VAE", name="full VAE"),
            dict(full, group="KL annealing", name="KL annealing", anneal=True),
            *(dict(full, group="word drop-out", name=f"drop-out {rate:g}", drop=rate)
              for rate in DROPOUTS),
            *(dict(full, group="window", name=f"window {w}", w=w)
              for w in range(length - 1))]


def train_all(models, law, length, seed, steps, after=None):
    """Train all models as one stack; returns their parameters."""
    sees = np.array([window(length, model["w"]) for model in models])
    rates = np.array([model["drop"] for model in models])[:, None, None, None]
    # A stream of its own: drop-out changes no other model's nodes.
    rng = np.random.default_rng([seed, 1])

    def drop():
        # a word is hidden from all places after it
        return 1.0 * (rng.random((len(models), len(law), 1, length)) >= rates)

    annealed = np.array([model["anneal"] for model in models])
    weight = np.where(annealed, 0.0, 1.0)

    def objectives(p, q, r, data, prior, slope):
        kl = normal.kl_to_standard(*q.moments(data[0]))
        refund = (1 - weight) * bounds.expect(kl, data[2])
        return (train.objectives(p, q, r, data, prior, slope)
                + np.array([refund, 0 * weight]))

    def after_step(step, params, values):
        weight[annealed] = min(1, 2 * step / steps)
        if after:
            after(step, params, values)

    return train.train(Strings(law, length, sees, drop=drop),
                       [model["level"] for model in models], [seed], steps,
                       after=after_step, objectives=objectives)


def main(argv=None):
    options = common.parser(__doc__, LEVELS, STEPS, "strings.png", always_out=1)
    options.add_argument("--length", type=int, default=5, metavar="T",
                         help="symbols of a string, 2 to 7")
    return common.main(options, run, argv)


def run(args):
    if not 2 <= args.length <= 7:
        raise ValueError(f"--length {args.length}: give 2 to 7, all 2^T strings are summed")
    given_cause = law_given_cause(args.length)
    law, models, rows = given_cause.mean(0), methods(args.levels, args.length), []
    about_cause = np.sum(0.5 * given_cause * np.log(given_cause / law))
    for seed in common.seeds(args):
        params = train_all(models, law, args.length, seed, args.steps,
                           common.progress(args.steps))
        for index, model in enumerate(models):
            problem = Strings(law, args.length, window(args.length, model["w"])[None])
            alone = stacks.select(params, index)
            values = exact.evaluate(problem, alone)
            level = np.nan if model["level"] is None else model["level"]
            rows.append(dict(group=model["group"], name=model["name"], level=level,
                             **{key: value[0] for key, value in values.items()},
                             best=problem.best,
                             cause=cause_in_code(problem.densities(alone)[1], given_cause),
                             seed=seed))
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
        likelihood = mean["log_likelihood"]
        print(f"  {name:15s} {mean['lower']:7.4f} {mean['exact']:7.4f}     {likelihood:8.4f}"
              f"   {mean['best'] - likelihood:7.4f}   {likelihood - mean['elbo']:7.4f}"
              f"     {mean['cause']:7.4f}")


def draw(rows, about_cause, show=False):
    """Likelihood lost against information gained, and what of it is about the cause."""
    figure = canvas.figure(show, figsize=(13, 6), layout="constrained")
    left, right = figure.subplots(1, 2)

    def lost(row):
        return max(row["best"] - row["log_likelihood"], 1e-5)

    for row in rows:
        marker, colour = STYLES[row["group"]]
        for axis, y in [(left, lost(row)), (right, row["cause"])]:
            axis.plot(row["exact"], y, marker=marker, color=colour, markersize=11)
            if row["group"] in ("word drop-out", "window") and row["seed"] == rows[0]["seed"]:
                axis.annotate(row["name"].split()[-1], (row["exact"], y), xytext=(8, 5),
                              textcoords="offset points", fontsize=12)
    for seed in dict.fromkeys(row["seed"] for row in rows):
        swept = [row for row in rows if row["group"] == "MAE" and row["seed"] == seed]
        information = [row["exact"] for row in swept]
        left.plot(information, [lost(row) for row in swept], color=STYLES["MAE"][1])
        right.plot(information, [row["cause"] for row in swept], color=STYLES["MAE"][1])
    left.set(yscale="log", ylim=(5e-6, None))
    left.set_ylabel("log-likelihood lost, nats (1e-5 and less)", fontsize=13)
    right.axhline(about_cause, color="grey", linewidth=1)
    right.annotate("all there is to know", (0, about_cause), xytext=(0, -14),
                   textcoords="offset points", fontsize=12)
    right.set_ylabel("I(cause; z) under q, nats", fontsize=13)
    for axis in (left, right):
        axis.set_xlabel("exact I(z, x), nats", fontsize=13)
        axis.tick_params(labelsize=11)
    canvas.bare(left, right)
    handles = [left.plot([], [], marker=marker, color=colour, markersize=11, label=group,
                         linestyle="-" if group == "MAE" else "none")[0]
               for group, (marker, colour) in STYLES.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=5, fontsize=13,
                  frameon=False)
    return figure


if __name__ == "__main__":
    raise SystemExit(main())
