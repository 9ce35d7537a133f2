"""Expressive decoders for real: bit strings, an autoregressive decoder
p(x_t | x_<t, z), and what makes it use z."""
import shared

import autograd.numpy as np
from matplotlib import pyplot as plt

from minimae import checks, exact, nets, normal, plot, problems, table, train
from minimae.models import Models, select
from minimae.nodes import along_first, along_second

DROPOUTS = [0.25, 0.5, 0.75]
STYLES = {"MAE": ("o-", "#003f5c"), "full VAE": ("X", "black"),
          "drop-out": ("^", "#c2410c"), "window": ("s", "#ffa600")}
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


class StringNet(nets.CategoricalNet):
    """p(x|z) = prod_t p(x_t | x_<t, z): one net of z, t and the symbols it sees.

    x is one-hot over all K strings, so every bound of the discrete problem applies as
    it is.  sees (L, 1, T, T): whether the decoder at place t (first T) looks at place s
    (second T).  For drop-out, rng hides symbols from all places after them, at rates
    (L, 1, 1, 1), where every x has codes of its own.
    """

    def __init__(self, params, sees, rates, rng):
        self.params, self.T, self.sees = params, sees.shape[-1], sees
        self.rates, self.rng = rates, rng

    def logits(self, z, seen, place):
        """log odds of +1 at P prefixes, (L, N, J, P): z (L, N, J, Z), what is seen of
        them (L, N, P, T), their places one-hot (P, T)."""
        W_z, W_x, W_t, b, W_out, b_out = self.params
        at_z = np.matmul(z, W_z) + b
        at_x = np.matmul(seen, W_x) + np.matmul(place, W_t)
        hidden = np.tanh(at_z[:, :, :, None] + at_x[:, :, None])
        return np.matmul(hidden, W_out[:, :, None])[..., 0] + b_out

    def log_prob(self, x, z):
        """log p(x|z), (L, N, J): for z of its own for every x, along N, a sum along the
        symbols of x."""
        if x.shape[1] == 1:  # every x at every z
            return super().log_prob(x, z)
        symbols = np.matmul(x, strings(self.T))
        kept = self.rng.random(symbols.shape) >= self.rates
        logits = self.logits(z, symbols * self.sees * kept, np.eye(self.T))
        # log sigmoid(a) = -log(1 + exp(-a)), without overflow
        return -np.sum(np.logaddexp(0, -symbols * logits), -1)

    def log_probs(self, z):
        """All strings at once, (L, N, J, K): the net runs once on every prefix, 2^t of
        length t, of which string k begins with number k / 2^(T - t), rounded down."""
        t, k = np.arange(self.T), np.arange(2 ** self.T)[:, None]
        ends = np.repeat(t, 2 ** t)  # lengths of all prefixes, shorter ones first
        prefixes = np.concatenate([strings(self.T)[::2 ** (self.T - n)] for n in t])
        logits = self.logits(z, prefixes * self.sees[:, :, ends], np.eye(self.T)[ends])
        logits = logits[..., 2 ** t - 1 + k // 2 ** (self.T - t)]  # (L, N, J, K, T)
        return -np.sum(np.logaddexp(0, -strings(self.T) * logits), -1)


class Strings(problems.Categorical):
    """The discrete problem with a string decoder for each of L models, that sees so
    many symbols, with such a rate of drop-out."""

    def __init__(self, law, critic, windows=np.inf, rates=0.0, seed=0, n_hidden=16):
        super().__init__(law, n_hidden, critic=critic, n_z=64, n_eps=8)
        self.length = int(np.log2(len(law)))
        place, other = np.indices((self.length, self.length))
        windows, self.rates = (np.reshape(a, (-1, 1, 1, 1)) for a in (windows, rates))
        self.sees = (other < place) & (other >= place - windows)
        # Random numbers of its own: the nodes stay those of other methods.
        self.rng = np.random.default_rng([seed, 1])

    def init(self, rng):
        T, (_, q, r) = self.length, super().init(rng)
        W_z, b, W_out, b_out = nets.init(rng, self.dim_z, self.n_hidden, 1)
        W_x, W_t = rng.standard_normal((2, 1, 1, T, self.n_hidden)) / np.sqrt(T)
        return (W_z, W_x, W_t, b, W_out, b_out), q, r

    def decoder(self, params):
        return StringNet(params, self.sees, self.rates, self.rng)


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


def measure(method, settings, given_cause, seed, steps, critic, n_hidden=16):
    """Train a stack on one seed; a row for each setting, a level, a window or a rate of
    drop-out: exact figures, and what q says of the cause."""
    law, n = given_cause.mean(0), len(settings)
    levels = settings if method == "MAE" else [None] * n
    windows = settings if method == "window" else [np.inf] * n
    rates = settings if method == "drop-out" else [0.0] * n
    problem = Strings(law, critic, windows, rates, seed, n_hidden)
    models = train.train(problem, levels, [seed], steps)
    rows = []
    for k, level in enumerate(levels):
        # Its own window, and nothing is hidden
        one = Models(Strings(law, critic, windows[k], n_hidden=n_hidden), [level],
                     [seed], select(models.params, k))
        row, = exact.evaluate(one)
        rows.append({
            "method": "full VAE" if (method, level) == ("MAE", None) else method,
            "setting": None if method == "MAE" else settings[k], **row,
            "lost": row["best"] - row["log_likelihood"],
            "information_about_cause": information_about_cause(one.densities(0)[1],
                                                               given_cause)})
    return rows


def run(args):
    checks.whole(2, 7, length=args.length)  # all 2^T strings are summed
    given_cause = law_given_cause(args.length)
    law = given_cause.mean(0)
    train.check(Strings(law, args.critic), args.levels, args.seeds, args.steps)
    stacks = {"MAE": [*args.levels, None], "drop-out": DROPOUTS,
              "window": range(args.length - 1)}
    jobs = [(*stack, given_cause, seed, args.steps, args.critic)
            for seed in args.seeds for stack in stacks.items()]
    rows = sum(shared.each(measure, jobs, shared.progress(len(jobs), "runs")), [])
    about_cause = np.sum(0.5 * given_cause * np.log(given_cause / law))
    shared.save(args, rows, draw(rows, about_cause))
    show(rows, about_cause)


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
    for axis, key, least in zip(axes, ["lost", "information_about_cause"], [1e-5, 0]):
        for method, (style, colour) in STYLES.items():
            values = shared.columns(rows, "information", key, "setting", table.reached,
                                    method=method)
            x, y, setting, reached = values[:, np.argsort(values[0])]
            y = np.maximum(y, least)
            axis.plot(x, y, style, color=colour, markersize=11, label=method)
            axis.plot(x[reached == 0], y[reached == 0], style[0], color="white")
            for *at, number in zip(x, y, setting):
                if number >= 0:
                    axis.annotate(f"{number:g}", at, (0, 9), ha="center",
                                  textcoords="offset points")
    axes[0].set(yscale="log", ylim=(4e-6, None), xlabel="exact I, nats",
                ylabel="log-likelihood lost, nats (1e-5 and less)")
    axes[1].set(xlabel="exact I, nats", ylabel="I(cause; z) under q, nats")
    axes[1].axhline(about_cause, color="grey", linewidth=1)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center",
                  ncols=4, frameon=False)
    shared.note(figure, rows,
                "I: exact information under p    hollow: M, the nats asked for, not "
                "reached\nnumbers: share of symbols dropped out, or how many a window "
                "shows    grey line: all there is to know of the cause\nThe MAE "
                "asks for nats, not for which: per nat others hold more of the cause.")
    return figure


if __name__ == "__main__":
    shared.main(run, PARSER)
