"""Expressive decoders for real: bit strings, an autoregressive decoder
p(x_t | x_<t, z), and what makes it use z."""
import shared

import functools

import autograd.numpy as np
from matplotlib import pyplot as plt

from minimae import checks, exact, nets, normal, plot, problems, table, train
from minimae.bounds import expectation
from minimae.models import Models, select
from minimae.nodes import along_first, along_second

DROPOUTS = [0.25, 0.5, 0.75]
# Marker and line, colour, and how far above a point its number stands
STYLES = {"MAE": ("o-", "#003f5c", 0), "full VAE": ("X", "black", 0),
          "KL annealing": ("*", "#7a5195", 0), "drop-out": ("^", "#c2410c", 9),
          "window": ("s", "#ffa600", -21)}
PARSER = shared.options(__doc__, [0.3, 0.6, 1.0, 1.5], "strings.png", critic="2")
PARSER.add_argument("--length", type=int, default=5, metavar="T",
                    help="symbols of a string, 2 to 7")


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
def prefixes(length):
    """The 2^T - 1 prefixes of all strings: their symbols (P, T), 0 from their end on,
    their lengths (P,), which strings begin with each, and which of those continue with
    -1, (P, K) each."""
    words, place = strings(length), np.arange(length)
    symbols = np.concatenate([np.unique(words * (place < t), axis=0) for t in place])
    ends = np.sum(symbols != 0, 1)
    begins = np.all(words * (place < ends[:, None, None]) == symbols[:, None], 2)
    return symbols, ends, 1.0 * begins, 1.0 * (begins & (words.T[ends] < 0))


class StringNet(nets.CategoricalNet):
    """p(x|z) = prod_t p(x_t | x_<t, z): one net of z, the place t and the symbols
    before t that it sees.

    x is one-hot over all K strings, so every bound of the discrete problem applies as
    it is.  sees (L, T, T) is 1 where the decoder at place t (first T) looks at place
    s < t (second T).  hide(), for training, draws (L, K, 1, T): 0 for a symbol of x
    that is hidden from all places after it, where every x has codes of its own.
    """

    def __init__(self, params, sees, hide=None):
        self.params, self.T = params, sees.shape[-1]
        self.sees, self.hide = sees[:, None], hide

    @staticmethod
    def init(rng, dim_z, length, n_hidden):
        W_z, b, W_out, b_out = nets.init(rng, dim_z, n_hidden, 1)
        # 2 T inputs: the symbols before t, 0 where unseen, and the place t one-hot
        W_x = rng.standard_normal((1, 1, 2 * length, n_hidden)) / np.sqrt(length)
        return W_z, W_x, b, W_out, b_out

    def logits(self, z, seen, place):
        """log odds of +1 at P prefixes, (L, N, J, P): z (L, N, J, Z), what is seen of
        them (L, N, P, T), their places one-hot (P, T)."""
        W_z, W_x, b, W_out, b_out = self.params
        seen = np.concatenate([seen, place + 0 * seen], -1)
        at_z, at_x = np.matmul(z, W_z) + b, np.matmul(seen, W_x)
        hidden = np.tanh(at_z[:, :, :, None] + at_x[:, :, None])
        # one product of matrices for all J and P
        rows = np.reshape(hidden, hidden.shape[:2] + (-1, hidden.shape[-1]))
        return np.reshape(np.matmul(rows, W_out) + b_out, hidden.shape[:-1])

    def log_prob(self, x, z):
        """log p(x|z), (L, N, J): for z of its own for every x, along N, a sum along the
        symbols of x."""
        if x.shape[1] == 1:  # every x at every z
            return super().log_prob(x, z)
        symbols = np.matmul(x, strings(self.T))
        hide = self.hide() if self.hide else 1.0
        logits = self.logits(z, symbols * self.sees * hide, np.eye(self.T))
        return np.sum(log_sigmoid(symbols * logits), -1)

    def log_probs(self, z):
        """All strings at once, (L, N, J, K): the net runs once on every prefix, then
        come the sums over the prefixes of each string."""
        symbols, ends, begins, down = prefixes(self.T)
        logits = self.logits(z, symbols * self.sees[:, :, ends], np.eye(self.T)[ends])
        # log sigmoid(-a) = log sigmoid(a) - a
        return np.matmul(log_sigmoid(logits), begins) - np.matmul(logits, down)


def log_sigmoid(a):
    """-log(1 + exp(-a)), without overflow."""
    return -np.logaddexp(0, -a)


def window(length, w):
    """`sees` of a decoder that looks at the last w symbols, (1, T, T)."""
    place, other = np.indices((1, length, length))[1:]
    return 1.0 * ((other < place) & (other >= place - w))


class Strings(problems.Categorical):
    """The discrete problem with a string decoder."""

    def __init__(self, law, sees, critic, n_hidden=16, hide=None):
        super().__init__(law, n_hidden, critic=critic, n_z=64, n_eps=8)
        self.sees, self.hide = sees, hide

    def init(self, rng):
        _, q, r = super().init(rng)
        return StringNet.init(rng, self.dim_z, self.sees.shape[-1], self.n_hidden), q, r

    def decoder(self, params):
        return StringNet(params, self.sees, self.hide)


class Annealing(train.Penalty):
    """The weight of the KL, in place of a penalty: from 0 to 1 over half of the run."""
    weight = 0.0

    def update(self, values, step):
        self.weight = min(1, 2 * step / self.steps)

    def objectives(self, p, q, r, data, prior, slope):
        kl = expectation(normal.kl_to_standard(*q.mean_and_log_var(data[0])), data[2])
        elbo, lower = train.objectives(p, q, r, data, prior, slope)
        return np.array([elbo + (1 - self.weight) * kl, lower])


def information_about_cause(q, given_cause):
    """I(cause; z) in nats for z ~ q(z|x), x ~ p(x|cause) and a fair cause, by
    quadrature."""
    mean, log_var = q.mean_and_log_var(along_first(np.eye(given_cause.shape[1])))
    reach = 9 * np.exp(0.5 * np.max(log_var))
    z, dz = np.linspace(np.min(mean) - reach, np.max(mean) + reach, 4001, retstep=True)
    p_z = given_cause @ np.exp(normal.log_prob(along_second(z), mean, log_var))[0]
    # 1e-300: where a density underflows, no log 0
    ratio = np.log(np.maximum(p_z, 1e-300)) - np.log(np.maximum(p_z.mean(0), 1e-300))
    return np.sum(0.5 * p_z * ratio) * dz


def measure(method, stack, given_cause, seed, steps, critic, n_hidden=16):
    """Train a stack of (level, setting) on one seed; a row for each: exact figures, and
    what q says of the cause.  setting: drop-out rate, or window."""
    law, length = given_cause.mean(0), int(np.log2(given_cause.shape[1]))
    levels, settings = zip(*stack)
    windows = [window(length, setting if method == "window" else length)
               for setting in settings]
    rng = np.random.default_rng([seed, 1])  # the nodes stay those of other methods

    def drop():
        rates = np.reshape(settings, (-1, 1, 1, 1))
        return 1.0 * (rng.random((1, len(law), 1, length)) >= rates)

    how = {}
    if method == "KL annealing":
        annealing = Annealing(levels, steps)
        how = dict(penalty=lambda *_: annealing, objectives=annealing.objectives)
    problem = Strings(law, np.concatenate(windows), critic, n_hidden,
                      drop if method == "drop-out" else None)
    models = train.train(problem, levels, [seed], steps, **how)
    rows = []
    for k, (level, setting) in enumerate(stack):
        # Its own window, and nothing is hidden
        one = Models(Strings(law, windows[k], critic, n_hidden), [level], [seed],
                     select(models.params, k))
        about_cause = information_about_cause(one.densities(0)[1], given_cause)
        row, = exact.evaluate(one)
        rows.append({
            "method": "full VAE" if (method, level) == ("MAE", None) else method,
            "setting": setting, **row, "lost": row["best"] - row["log_likelihood"],
            "information_about_cause": about_cause})
    return rows


def run(args):
    checks.whole(2, 7, length=args.length)  # all 2^T strings are summed
    given_cause = law_given_cause(args.length)
    law, full = given_cause.mean(0), window(args.length, args.length)
    train.check(Strings(law, full, args.critic), args.levels, args.seeds, args.steps)
    stacks = {"MAE": [(level, None) for level in [*args.levels, None]],
              "KL annealing": [(None, None)],
              "drop-out": [(None, rate) for rate in DROPOUTS],
              "window": [(None, w) for w in range(args.length - 1)]}
    jobs = [(*stack, given_cause, seed, args.steps, args.critic)
            for seed in args.seeds for stack in stacks.items()]
    rows = sum(shared.each(measure, jobs, shared.progress(len(jobs), "runs")), [])
    about_cause = np.sum(0.5 * given_cause * np.log(given_cause / law))
    show(rows, about_cause)
    shared.save(args, rows, draw(rows, about_cause))


def show(rows, about_cause):
    """A line per model."""
    def name(row):
        value = row["setting"] if row["level"] is None else row["level"]
        return row["method"] + ("" if value is None else f" {value:.4g}")
    table.show(rows, [
        (name, "method", 0), ("seed", "seed", 0), *table.EXACT[1:3],
        ("log_likelihood", "E log p(x)", 4), ("lost", "lost", 4),
        (lambda row: row["log_likelihood"] - row["elbo"], "gap of ELBO", 4),
        ("information_about_cause", "I(cause; z)", 4)],
        f"in nats; H(x) = {-rows[0]['best']:.4f}, {about_cause:.4f} about the cause")


@plot.style()
def draw(rows, about_cause):
    """Likelihood lost against information gained, and what of it is about the cause."""
    figure, axes = plt.subplots(1, 2, figsize=(13, 7.2), layout="constrained")
    seeds = len({row["seed"] for row in rows})
    for axis, key, least in zip(axes, ["lost", "information_about_cause"], [1e-5, 0]):
        for method, (style, colour, place) in STYLES.items():
            mine = [row for row in rows if row["method"] == method]
            x, y, missed = np.array([
                [row["information"], max(row[key], least), not table.reached(row)]
                for row in mine]).T
            lines = axis.plot(x.reshape(seeds, -1).T, y.reshape(seeds, -1).T, style,
                              color=colour, markersize=11)
            lines[0].set_label(method)
            axis.plot(x[missed == 1], y[missed == 1], style[0], color="white")
            for row, *at in zip(mine[:len(mine) // seeds], x, y):
                if row["setting"] is not None:
                    axis.annotate(f"{row['setting']:g}", at, (0, place), ha="center",
                                  textcoords="offset points")
    axes[0].set(yscale="log", ylim=(4e-6, None), xlabel="exact I, nats",
                ylabel="log-likelihood lost, nats (1e-5 and less)")
    axes[1].set(xlabel="exact I, nats", ylabel="I(cause; z) under q, nats")
    axes[1].axhline(about_cause, color="grey", linewidth=1)
    axes[1].text(0, 0.99 * about_cause, "all there is to know", va="top")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center",
                  ncols=5, frameon=False)
    missing = sum(np.isnan([row["information"] for row in rows]))
    figure.supxlabel(
        "I: exact information under p    numbers: share of symbols dropped out, or how "
        "many a window shows\nhollow: M, the nats asked for, not reached    not "
        f"resolved, not shown: {missing} of {len(rows)}\nAbove the MAE's line on the "
        "right more nats are about the cause: the MAE asks for nats, not for which.",
        size=12)
    return figure


if __name__ == "__main__":
    shared.main(run, PARSER)
