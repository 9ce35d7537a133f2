"""Expressive decoders for real: bit strings, an autoregressive decoder p(x_t | x_<t, z), and what makes it use z."""
import functools

import autograd.numpy as np

import common
from minimae import bounds, exact, normal, problems, train
from minimae.nets import CategoricalNet, init

LEVELS = [0.3, 0.6, 1.0, 1.5]
STEPS = 500
DROPOUTS = [0.25, 0.5, 0.75]


def strings(length):
    """All 2^length strings of +-1, (K, T)."""
    return np.array(np.meshgrid(*[[-1.0, 1.0]] * length, indexing="ij")).reshape(length, -1).T


def law_given_cause(length, keep=0.9):
    """p(x | cause), (2, K): a fair first symbol, then a Markov chain that is sticky or alternates, with 0.9 each."""
    same = np.sum(strings(length)[:, 1:] == strings(length)[:, :-1], 1)
    changed = length - 1 - same
    return 0.5 * np.array([keep ** same * (1 - keep) ** changed, (1 - keep) ** same * keep ** changed])


@functools.cache
def tree(length):
    """The 2^T - 1 prefixes of all strings: their symbols (P, T), 0 from their end on, their lengths (P,), and which of them a
    string passes going up and going down, (P, K) each."""
    words = strings(length)
    prefixes = [row for t in range(length) for row in np.unique(words * (np.arange(length) < t), axis=0)]
    place = np.array([int(np.sum(row != 0)) for row in prefixes])
    passes = np.array([np.all(words[:, :t] == row[:t], 1) for t, row in zip(place, prefixes)])
    up = words.T[place] > 0
    return np.array(prefixes), place, 1.0 * (passes & up), 1.0 * (passes & ~up)


class StringNet(CategoricalNet):
    """p(x|z) = prod_t p(x_t | x_<t, z): one net of z, the place t and the symbols before t that it sees.

    x is one-hot over all K strings, so every bound of the discrete problem applies as it is.  sees (L, T, T) is 1 where the
    decoder at place t (first T) looks at place s < t (second T).  drop (L, K, T, T), for training, hides symbols of each x.
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
        return W_z, rng.standard_normal((1, 1, 1, 2 * length, n_hidden)) / np.sqrt(length), b, W_out, b_out

    def logits(self, z, symbols, sees, place):
        """log odds of +1 at P prefixes: z (L, N, J, Z); symbols, sees and place (..., P, T) -> (L, N, J, P)."""
        seen = np.concatenate(np.broadcast_arrays(symbols * sees, place + 0 * sees), -1)
        hidden = np.tanh(np.expand_dims(np.matmul(z, self.W_z) + self.b, -2) + np.matmul(seen, self.W_x))
        return np.sum(hidden * np.expand_dims(np.swapaxes(self.W_out, 2, 3), -2), -1) + self.b_out

    def log_prob(self, x, z):
        """A sum along the path of x through the tree of prefixes, (L, N, J)."""
        symbols = np.matmul(x, strings(self.T))
        logits = self.logits(z, symbols[..., None, :], self.sees_of_x, np.eye(self.T))
        return np.sum(log_sigmoid(symbols * logits), -1)

    def log_probs(self, z):
        """All strings at once, (L, N, J, K): the net runs once on every prefix, then come the sums along the paths."""
        symbols, place, up, down = tree(self.T)
        logits = self.logits(z, symbols, self.sees[..., place, :], np.eye(self.T)[place])
        return np.matmul(log_sigmoid(logits), up) + np.matmul(log_sigmoid(-logits), down)


def log_sigmoid(a):
    return -np.logaddexp(0, -a)


def window(length, w):
    """`sees` of a decoder that looks at the last w symbols."""
    place, other = np.indices((length, length))
    return ((other < place) & (other >= place - w)).astype(float)


def string_problem(law, length, sees, n_hidden=16, drop=None):
    """The discrete problem with a string decoder; drop() draws what is hidden from every string at a step of training."""
    base = problems.categorical(law, n_hidden, n_train=(64, 8))

    def init_all(rng):
        _, q, r = base.init(rng)
        return StringNet.init(rng, 1, length, n_hidden), q, r

    def densities(params):
        _, q, r = base.densities(params)
        return StringNet(params[0], sees, drop and drop()), q, r

    return base._replace(init=init_all, densities=densities)


def cause_in_code(q, given_cause):
    """I(cause; z) in nats for z ~ q(z|x), x ~ p(x|cause) and a fair cause, by quadrature over z."""
    K = given_cause.shape[1]
    mean, log_var = q.moments(np.eye(K)[None, :, None])
    reach = 9 * np.exp(0.5 * np.max(log_var))
    z, dz = np.linspace(np.min(mean) - reach, np.max(mean) + reach, 4001, retstep=True)
    q_z = np.exp(normal.log_prob(z[None, None, :, None], mean, log_var))[0]  # (K, z)
    p_z = given_cause @ q_z
    ratio = np.log(np.maximum(p_z, 1e-300)) - np.log(np.maximum(p_z.mean(0), 1e-300))
    return np.sum(0.5 * p_z * ratio) * dz


def methods(levels, length):
    """One dict per model of the stack: its name and group, level of the MAE, what the decoder sees, drop-out, annealing."""
    full = dict(level=None, w=length, drop=0.0, anneal=False)
    return ([dict(full, group="MAE", name=f"MAE, M = {level:g}", level=level) for level in levels]
            + [dict(full, group="full VAE", name="full VAE"),
               dict(full, group="KL annealing", name="KL annealing", anneal=True)]
            + [dict(full, group="word drop-out", name=f"drop-out {rate:g}", drop=rate) for rate in DROPOUTS]
            + [dict(full, group="window", name=f"window {w}", w=w) for w in range(length - 1)])


def train_all(models, law, length, seed, steps, after=None):
    """Train all models as one stack; returns their parameters."""
    sees = np.array([window(length, model["w"]) for model in models])
    rates = np.array([model["drop"] for model in models])[:, None, None, None]
    rng = np.random.default_rng([seed, 1])  # a stream of its own: drop-out changes no other model's nodes

    def drop():
        return 1.0 * (rng.random((len(models), len(law), 1, length)) >= rates)  # a word is hidden from all places after it

    problem = string_problem(law, length, sees, drop=drop)
    levels = [model["level"] for model in models]
    train.check(problem, levels, [seed], steps)
    penalty = train.Penalty(levels, steps)
    annealed = np.array([model["anneal"] for model in models])
    weight = np.where(annealed, 0.0, 1.0)

    def objective(p, q, r, data, model):
        both = train.mutual(p, q, r, data, model, penalty.slope)
        kl = normal.kl_to_standard(*q.moments(data[0]))
        return both + np.array([(1 - weight) * bounds.expect(kl, data[2]), 0 * weight])

    def after_step(step, params, values):
        penalty.update(values[1], step)
        weight[annealed] = min(1, 2 * step / steps)
        if after:
            after(step, params, values)

    return train.climb(problem, objective, len(models), [seed], steps, after=after_step, names=[m["name"] for m in models])


def main(argv=None):
    options = common.parser(__doc__, LEVELS, STEPS, "strings.png")
    options.add_argument("--length", type=int, default=5, metavar="T", help="symbols of a string, 2 to 7")
    options.set_defaults(seeds=1, out=options.get_default("default_out"))  # always a figure
    return common.main(options, run, argv)


def run(args):
    if not 2 <= args.length <= 7:
        raise ValueError(f"--length {args.length}: give 2 to 7, all 2^T strings are summed over")
    given_cause = law_given_cause(args.length)
    law = given_cause.mean(0)
    models = methods(args.levels, args.length)
    about_cause = np.sum(0.5 * given_cause * np.log(given_cause / law))
    rows = []
    for seed in common.seeds(args):
        params = train_all(models, law, args.length, seed, args.steps, common.progress(args.steps))
        for l, model in enumerate(models):
            problem = string_problem(law, args.length, window(args.length, model["w"])[None])
            alone = exact.select(params, l)
            figures = exact.figures(problem, alone, strict=False)
            rows.append(dict(group=model["group"], name=model["name"], level=np.nan if model["level"] is None else model["level"],
                             **{key: value[0] for key, value in figures.items()}, best=problem.best,
                             cause=cause_in_code(problem.densities(alone)[1], given_cause), seed=seed))
    if args.csv:
        common.write_csv(args.csv, rows)
    print_table(rows, about_cause)
    common.save(draw(rows, about_cause, args.show), args)


def print_table(rows, about_cause):
    print(f"in nats, means over seeds; H(x) = {-rows[0]['best']:.4f}, of which {about_cause:.4f} are about the cause")
    print("                    I^ <=    I         E log p(x)   lost    gap of ELBO   I(cause; z)")
    for name in dict.fromkeys(row["name"] for row in rows):
        mean = {key: np.mean([row[key] for row in rows if row["name"] == name]) for key in rows[0] if key not in ("group", "name")}
        print(f"  {name:15s} {mean['lower']:7.4f} {mean['exact']:7.4f}     {mean['log_likelihood']:8.4f}   "
              f"{mean['best'] - mean['log_likelihood']:7.4f}   {mean['log_likelihood'] - mean['elbo']:7.4f}     {mean['cause']:7.4f}")


def draw(rows, about_cause, show=False):
    """Likelihood lost against information gained, and what of it is about the cause."""
    figure = common.figure(show, figsize=(13, 6), layout="constrained")
    left, right = figure.subplots(1, 2)
    styles = {"MAE": ("o", "#003f5c"), "full VAE": ("X", "black"), "KL annealing": ("*", "#7a5195"),
              "word drop-out": ("^", "#c2410c"), "window": ("s", "#ffa600")}
    for group, (marker, colour) in styles.items():
        of_group = [row for row in rows if row["group"] == group]
        for seed in dict.fromkeys(row["seed"] for row in of_group):
            same = [row for row in of_group if row["seed"] == seed]
            label = group if seed == rows[0]["seed"] else None
            line = dict(marker=marker, color=colour, markersize=11, label=label, linestyle="-" if group == "MAE" else "none")
            left.plot([row["exact"] for row in same], [max(row["best"] - row["log_likelihood"], 1e-5) for row in same], **line)
            right.plot([row["exact"] for row in same], [row["cause"] for row in same], **line)
        for row in of_group:
            if group in ("word drop-out", "window") and row["seed"] == rows[0]["seed"]:
                for axis, y in [(left, max(row["best"] - row["log_likelihood"], 1e-5)), (right, row["cause"])]:
                    axis.annotate(row["name"].split()[-1], (row["exact"], y), xytext=(8, 5), textcoords="offset points", fontsize=12)
    left.set(yscale="log", ylim=(5e-6, None))
    left.set_ylabel("log-likelihood lost, nats (1e-5 and less)", fontsize=13)
    right.axhline(about_cause, color="grey", linewidth=1)
    right.annotate("all there is to know", (0, about_cause), xytext=(0, -14), textcoords="offset points", fontsize=12)
    right.set_ylabel("I(cause; z) under q, nats", fontsize=13)
    for axis in (left, right):
        axis.set_xlabel("exact I(z, x), nats", fontsize=13)
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=11)
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=5, fontsize=13, frameon=False)
    return figure


if __name__ == "__main__":
    raise SystemExit(main())
