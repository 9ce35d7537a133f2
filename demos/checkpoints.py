"""Build it yourself: is what you have written right?

    python checkpoints.py 1     checkpoint 1; there are five
    python checkpoints.py       all of them, up to the first that is not right

Each compares your functions with values that come another way: from NormalDist of the
standard library, sums over a dense grid, closed forms, finite differences.  Then it
runs what you have.  All in nats.
"""
import sys
from math import e, log, pi, sqrt, tanh
from statistics import NormalDist

import autograd.numpy as np
from autograd import make_vjp

from minimae import adam, bounds, critics, exact, nets, nodes, normal, problems
from minimae import stacks, table, train

# x|z ~ N(A z, VAR) with VAR = 1 - A^2 makes x ~ N(0, 1) and z|x ~ N(A x, VAR), so that
# every bound has a closed form.
A, VAR = 0.6, 0.64
INFORMATION = -0.5 * log(VAR)
BEST = -0.5 * log(2 * pi * e)  # E log N(x | 0, 1) for x ~ N(0, 1)
FINE = nodes.cross(nodes.grid(60), nodes.grid(60))  # exact here: all is quadratic
Z, WEIGHTS = nodes.grid(200)
ENDS = 0.03  # nats; seeds 0 to 7 of the runs below end within half of that


class Wrong(Exception):
    """What was computed and what is right."""


def compare(what, yours, right, why="", within=1e-4):
    """Raise Wrong where the two differ, about the place where they differ most.  Four
    digits are shown, so four digits are compared."""
    yours, right = np.array(yours, float), np.array(right, float)
    if yours.shape != right.shape:
        raise Wrong(f"{what} has shape {right.shape}, yours has {yours.shape}")
    off = np.where(np.isfinite(yours), np.abs(yours - right), np.inf)
    if np.max(off) < within:
        return
    if np.allclose(yours, 2 * right, atol=1e-9):
        why = "; twice what is right: is a 1/2 missing?"
    elif np.allclose(yours, -right, atol=1e-9):
        why = "; the sign is the wrong way round"
    worst = np.unravel_index(np.argmax(off), off.shape)
    is_, gives = (round(values[worst], 4) + 0.0 for values in (right, yours))  # no -0
    raise Wrong(f"{what} is {is_:.4f}, yours gives {gives:.4f}{why}")


def require(right, message):
    """Raise Wrong with the message unless it is right."""
    if not right:
        raise Wrong(message)


def matrix(*rows):
    """Weights of one model, (1, 1, in, out)."""
    return np.array(rows, float)[None, None]


class Line(nets.NormalNet):
    """value | given ~ N(a given, var), with numbers a and var."""

    def __init__(self, a, var):
        self.a, self.var = a, var

    def moments(self, given):
        return self.a * given, np.full(given.shape, log(self.var))


def densities(x, mean, var):
    """N(x | mean, var) at many x."""
    return np.array([NormalDist(mean, sqrt(var)).pdf(value) for value in x])


def dense_sum(mean, var, log_ratio):
    """E log_ratio(q, p) with q = N(mean, var) and p = N(0, 1), on -10 to 10 by .05."""
    x = np.linspace(-10, 10, 401)
    q, p = densities(x, mean, var), densities(x, 0, 1)
    return np.sum(0.05 * q * log_ratio(q, p))


# 1. Densities

def entropy():
    """normal.entropy: sums over a dense grid"""
    right = [dense_sum(0, var, lambda q, p: -np.log(q)) for var in (1, 0.25)]
    for var, value in zip((1, 0.25), right):
        compare(f"normal.entropy: H[N(0, {var})]", normal.entropy(np.log([var])), value)
    compare("normal.entropy: the entropy of both dimensions at once",
            normal.entropy(np.log([1, 0.25])), sum(right))


def log_prob():
    """normal.log_prob: NormalDist's pdf, and sums over the last axis"""
    cases = [(0, 0, 1), (1, -1, 4), (0.5, 2, 0.25)]
    right = [log(NormalDist(mean, sqrt(var)).pdf(x)) for x, mean, var in cases]
    for (x, mean, var), value in zip(cases, right):
        yours = normal.log_prob(np.array([x]), np.array([mean]), np.log([var]))
        compare(f"normal.log_prob: log N({x} | {mean}, {var})", yours, value)
    x, mean, var = np.transpose(cases)
    compare("normal.log_prob: the log density of all three values at once",
            normal.log_prob(np.array([x, x]), mean, np.log(var)), [sum(right)] * 2)
    compare("normal.log_prob: log N((0, 1) | 0, I), with numbers for mean and log_var,",
            normal.log_prob(np.array([0.0, 1.0]), 0.0, 0.0), -0.5 - log(2 * pi))


def sample():
    """normal.sample: quantiles of NormalDist"""
    for eps in 0.0, 1.0, -2.0:
        level = NormalDist().cdf(eps)
        compare(f"normal.sample: the point of N(1, 4) for eps = {eps:g}",
                normal.sample(1.0, log(4), eps), NormalDist(1, 2).inv_cdf(level))


def kl_to_standard():
    """normal.kl_to_standard: sums over a dense grid"""
    cases = [(1, 1), (0, 0.25), (2, 0.5), (0, 1)]
    right = [dense_sum(*case, lambda q, p: np.log(q / p)) for case in cases]
    for (mean, var), value in zip(cases, right):
        yours = normal.kl_to_standard(np.array([mean]), np.log([var]))
        compare(f"normal.kl_to_standard: KL[N({mean}, {var}) || N(0, 1)]", yours, value)
    mean, var = np.transpose(cases)
    compare("normal.kl_to_standard: the KL of all four dimensions at once",
            normal.kl_to_standard(mean, np.log(var)), sum(right))


def net():
    """nets.net: by hand, from tanh(1)"""
    given = np.ones((1, 1, 1, 1))
    line = nets.net((matrix([2]), matrix([1])), given)
    compare("nets.net without V and c: 1 * 2 + 1", line, 3 * given)
    units = matrix([2, 2]), matrix([-1, -1])  # both are tanh(1 * 2 - 1)
    yours = nets.net((*units, matrix([1.5, -1], [1.5, 0]), matrix([1, 0])), given)
    compare("nets.net: 1.5 tanh(1) + 1.5 tanh(1) + 1", yours[..., :1],
            (3 * tanh(1) + 1) * given)
    compare("nets.net: -tanh(1)", yours[..., 1:], -tanh(1) * given)


# 2. The VAE collapses

def log_marginal():
    """bounds.log_marginal: p(x) = N(0, 1) in closed form"""
    for x in 0.0, 1.0:
        compare(f"bounds.log_marginal: log p({x:g}), with p(x) = N(0, 1),",
                bounds.log_marginal(Line(A, VAR), nodes.down([x]), Z, WEIGHTS),
                [[[log(NormalDist().pdf(x))]]])
    for place in nodes.down, nodes.across:
        x = place([-1.0, 0.0, 2.0])
        compare(f"bounds.log_marginal: log p(x) at x of shape {x.shape}",
                bounds.log_marginal(Line(A, VAR), x, Z, WEIGHTS),
                np.reshape(np.log(densities(x.ravel(), 0, 1)), x.shape[:3]))
    compare("bounds.log_marginal: log p(40), with p(x) = N(0, 1),",
            bounds.log_marginal(Line(0.1, 0.99), nodes.down([40.0]), Z, WEIGHTS),
            [[[-0.5 * (40 ** 2 + log(2 * pi))]]], "; exp(-800) is 0 for a computer: "
            "that is what nets.log_sum_exp is for")


def information():
    """bounds.information: -1/2 log(1 - a^2) for a linear model"""
    x = np.linspace(-9, 9, 400)
    for a, right in (A, INFORMATION), (0.0, 0.0):
        p = Line(a, 1 - a * a)
        yours = bounds.information(p, nodes.across(x), x[1] - x[0], Z, WEIGHTS)
        compare(f"bounds.information: I for x|z ~ N({a:g} z, {p.var:g})", yours,
                [right])


def elbo():
    """bounds.elbo_terms, bounds.elbo: closed forms of a linear model"""
    p, q = Line(A, VAR), Line(A, VAR)
    z = A + sqrt(VAR)  # for x = 1 and eps = 1
    log_likelihood, kl = bounds.elbo_terms(p, q, nodes.down([1.0]), nodes.down([1.0]))
    compare(f"bounds.elbo_terms: for x = 1, eps = 1 and so z = {z:g}, log p(x|z)",
            log_likelihood, [[[log(NormalDist(A * z, sqrt(VAR)).pdf(1))]]])
    compare("bounds.elbo_terms: for x = 1 the KL of q from N(0, 1)",
            kl, [[[dense_sum(A, VAR, lambda q, p: np.log(q / p))]]])
    compare("bounds.elbo: with q the exact posterior it equals E log p(x), which",
            bounds.elbo(p, q, *FINE), [BEST])
    x, (eps, weights) = nodes.down([0.0, 2.0]), nodes.grid(60)
    compare("bounds.elbo: with axis=2 and q the exact posterior, log p(x) at x = 0, 2",
            bounds.elbo(p, q, x, nodes.across(eps), weights.reshape(1, 1, -1), 2),
            np.log([densities([0, 2], 0, 1)]))


def adam_step():
    """adam.adam_step: two steps by hand"""
    state = np.array([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
    adam.adam_step(state, np.array([2.0, -0.01]), 1, 0.1)
    compare("adam.adam_step: theta = 1 after a step of rate .1 and gradient 2",
            state[0, 0], 1.1, "; is it uphill, and is state changed in place?")
    compare("adam.adam_step: theta = 1 after a step of rate .1 and gradient -.01",
            state[0, 1], 0.9)
    adam.adam_step(state, np.array([-1.0, 0.0]), 2, 0.1)
    m, s = (0.9 * 0.2 - 0.1) / (1 - 0.9 ** 2), (0.95 * 0.2 + 0.05) / (1 - 0.95 ** 2)
    compare("adam.adam_step: theta after gradients 2 and then -1", state[0, 0],
            1.1 + 0.1 * m / sqrt(s))


class NoPenalty:
    """For training without a constraint."""
    slope = 0.0

    def update(self, values, step):
        """Nothing to update."""


class Used(problems.SplitNormal):
    """The decoder starts with outputs ten times as large: it does not ignore z."""

    def init_decoder(self, rng):
        W, b, V, c = super().init_decoder(rng)
        return W, b, 10 * V, c


def collapse():
    """the VAE: I(z, x) falls to 0 while the likelihood becomes perfect"""
    def objectives(p, q, r, data, prior, slope):
        value = bounds.elbo(p, q, *data)
        return np.array([value, 0 * value])

    def after(step, params, values):
        if step in (1, 25, 50, 75, 100, 125, 150):
            p, q, _ = problem.densities(params)
            x, dx = problem.outcomes(400, p)
            # Z and its weights are N(0, 1), which is the law of the data as well.
            log_px = bounds.log_marginal(p, Z, Z, WEIGHTS)
            found[:] = [*bounds.elbo(p, q, *FINE), *bounds.expect(log_px, WEIGHTS),
                        *bounds.information(p, x, dx, Z, WEIGHTS)]
            print("    step {:3d}   ELBO {:.4f} <= E log p(x) {:.4f} <= best {:.4f}   "
                  "I(z, x) {:.4f}".format(step, *found[:2], BEST, found[2]))

    problem, found = Used(n_hidden=8), []
    # Of seeds 0 to 7 this one starts with the most information, .28.
    train.train(problem, [None], [7], steps=150, after=after, objectives=objectives,
                penalty=NoPenalty())
    # All eight end with I below .003 and the likelihood within 1e-5.
    require(BEST - found[1] < 1e-3 and found[2] < 0.01,
            f"the VAE: E log p(x) should end at {BEST:.4f}, and I(z, x) at 0")


# 3. The critic

def infomax():
    """bounds.infomax: I with the exact posterior for r, less with any other"""
    z, eps, weights = FINE
    nodes_of_p = z, *Line(A, VAR).joint(z, eps, weights)
    for name, r, right in [
            ("the exact posterior: I itself, which", Line(A, VAR), INFORMATION),
            ("the prior N(0, 1): 0, which", Line(0, 1), 0),
            ("N(0, 1/4): -KL[N(0, 1) || N(0, 1/4)], which", Line(0, 0.25),
             log(2) - 1.5)]:
        yours = bounds.infomax(r, *nodes_of_p)
        compare(f"bounds.infomax: with r {name}", yours, [right])
    z, weights = nodes.grid(24, 2)
    compare("bounds.infomax: with z of two dimensions and r the prior: 0, which",
            bounds.infomax(Line(0, 1), z, 0 * z, weights), [0])


def bayes():
    """critics.Bayes.log_prob: p(z|x) in closed form"""
    z, x = [-1.0, 0.5], [0.0, 2.0]
    r = critics.Bayes(Line(A, VAR), Z, WEIGHTS)
    compare("critics.Bayes.log_prob: log p(z|x) at z = -1, .5 and x = 0, 2",
            r.log_prob(nodes.down(z), nodes.across(x)),
            [np.log(np.transpose([densities(z, A * value, VAR) for value in x]))])


class Held(problems.SplitNormal):
    """The decoder is the linear one, whatever the parameters: only a critic learns."""

    def decoder(self, params):
        return Line(A, VAR)


def critic():
    """a critic learns to guess z from x: I^ climbs to I and never passes it"""
    def objectives(p, q, r, data, prior, slope):
        z, eps, weights = prior
        lower = bounds.infomax(r, z, *p.joint(z, eps, weights))
        return np.array([0 * lower, lower])

    def after(step, params, values):
        p, _, r = problem.densities(params)
        z, eps, weights = FINE
        seen.append(bounds.infomax(r, z, *p.joint(z, eps, weights))[0])
        if step in (1, 20, 40, 60, 80, 100):
            print(f"    step {step:3d}   I^ {seen[-1]:7.4f} <= I {INFORMATION:.4f}")

    problem, seen = Held(n_hidden=8), []
    train.train(problem, [None], steps=100, after=after, objectives=objectives,
                penalty=NoPenalty())
    require(INFORMATION - ENDS < seen[-1] <= max(seen) < INFORMATION + 1e-4,
            f"I^ should end at I and never exceed it; it ends at {seen[-1]:.4f}, and "
            f"its highest value is {max(seen):.4f}")


# 4. A fixed C

def objectives():
    """train.objectives: the gradient of each player by finite differences"""
    rng, slope = np.random.default_rng(0), np.array([-0.7])
    for problem in (problems.SplitNormal(n_hidden=2, n_train=4),
                    problems.Categorical([0.5, 0.3, 0.2], 2, critic=1, n_z=8, n_eps=4)):
        params = tuple(tuple(rng.standard_normal(array.shape) for array in player)
                       for player in problem.init(rng))
        data, prior = problem.nodes(rng)

        def both():
            p, q, r = problem.densities(params)
            z, eps, weights = prior
            return np.array([bounds.elbo(p, q, *data),
                             bounds.infomax(r, z, *p.joint(z, eps, weights))])

        def derivative(array, index):
            kept, values = array[index], []
            for array[index] in kept + 1e-5, kept - 1e-5:
                values.append(both()[:, 0])
            array[index] = kept
            return (values[0] - values[1]) / 2e-5

        backward, values = make_vjp(lambda params: train.objectives(
            *problem.densities(params), data, prior, slope))(params)
        compare("train.objectives: of [ELBO, I^] one value", values, both())
        climbs = [("p", "ELBO + slope I^", [1, slope[0]]), ("q", "ELBO", [1, 0]),
                  ("r", "I^ alone", [0, 1])]
        gradient = backward(np.ones_like(values))
        for (player, what, shares), arrays, yours in zip(climbs, params, gradient):
            for array, mine in zip(arrays, yours):
                right = [derivative(array, index) @ shares
                         for index in np.ndindex(array.shape)]
                compare(f"train.objectives: {player} climbs {what}; its derivative by "
                        "a weight", mine, np.reshape(right, array.shape))


def slope():
    """train.Penalty.update: the slope by finite differences, with C as it is"""
    def penalty(violation, width):  # C |violation|, rounded off
        size = abs(violation)
        rounded = size ** 2 / (2 * width) if size < width else size - width / 2
        return train.Penalty.START * rounded

    lower = np.array([1.1, 0.8, 5.0, 7.0])  # I^
    for step, width in (1, 1.0), (51, 0.5):
        yours = train.Penalty([1, 1, 1, None], 100, growth=1)
        yours.update(np.array([0 * lower, lower]), step)
        for value, found in zip(lower, yours.slope[:3]):
            right = -(penalty(value - 1 + 1e-6, width)
                      - penalty(value - 1 - 1e-6, width)) / 2e-6
            # The library adds .001 to the width, so that it is never 0.
            compare(f"train.Penalty.update: at step {step} of 100, width {width:g}, "
                    f"the slope of -C |I^ - M| for I^ = {value:g} and M = 1", found,
                    right, within=2e-3)
        compare("train.Penalty.update: the slope where nothing is asked (M is None)",
                yours.slope[3], 0)


def show(problem, models):
    """The table of (level, params) and its rows."""
    rows = [row for level, params in models
            for row in table.rows([level], [0], exact.evaluate(problem, params),
                                  problem.best)]
    table.show(rows)
    return rows


def fixed():
    """a fixed C: I is what you ask for, where likelihood does not care about I"""
    problem, levels = problems.SplitNormal(n_hidden=8), [0.0, 0.8]
    params = train.train(problem, levels, steps=150, growth=1)
    for row in show(problem, [(level, stacks.select(params, index))
                              for index, level in enumerate(levels)]):
        lost = row["best"] - row["log_likelihood"]
        require(abs(row["exact"] - row["level"]) < ENDS and lost < ENDS,
                f"I should end at {row['level']}, it is {row['exact']:.4f}; and E log "
                f"p(x) should stay {BEST:.4f}, it is {row['log_likelihood']:.4f}")


# 5. A growing C

def growth():
    """train.Penalty.update: C grows while |I^ - M| > width / 4"""
    lower, start = np.array([1.3, 1.2, 0.7, 0.8]), train.Penalty.START
    penalty = train.Penalty([1.0] * 4, 100)
    penalty.update(np.array([lower, lower]), 1)
    factors = [train.GROWTH ** (1 / 100), 1] * 2
    for value, C, factor in zip(lower, penalty.C, factors):
        compare(f"train.Penalty.update: after step 1 of 100 with I^ = {value} and "
                "M = 1, C", C, start * factor)
    penalty = train.Penalty([1.0], 100)
    for step in range(1, 101):
        penalty.update(np.zeros((2, 1)), step)
    compare("train.Penalty.update: after 100 steps of 100 with I^ = 0 and M = 1, C",
            penalty.C, [start * train.GROWTH])


def growing():
    """sd held at .5, likelihood falls with I: a fixed C stops, a growing one arrives"""
    problem = problems.SplitNormal(n_hidden=4, log_var=2 * log(0.5), linear=True)
    # E log p(x) = -1/2 log(2 pi v) - 1 / (2 v) with v = .25 exp(2 I) has the slope
    # 1 / v - 1 in I.  A fixed C holds I where that is -C.
    stops = 0.5 * log(1 / (1 - train.Penalty.START) / 0.25)
    rows = show(problem, [(1.2, train.train(problem, [1.2], steps=150, growth=factor))
                          for factor in (1, train.GROWTH)])
    for row, right, C in zip(rows, (stops, 1.2), ("fixed", "growing")):
        require(abs(row["exact"] - right) < ENDS, f"with a {C} C, I should end at "
                f"{right:.4f}, it is {row['exact']:.4f}")
    print(f"    a fixed C = {train.Penalty.START} must stop at I = {stops:.4f}")


CHECKPOINTS = {"1": [entropy, log_prob, sample, kl_to_standard, net],
               "2": [log_marginal, information, elbo, adam_step, collapse],
               "3": [infomax, bayes, critic],
               "4": [objectives, slope, fixed],
               "5": [growth, growing]}


def main(argv=None):
    numbers = (sys.argv[1:] if argv is None else argv) or list(CHECKPOINTS)
    if not set(numbers) <= set(CHECKPOINTS):
        print(f"checkpoints.py: {' '.join(numbers)}: give numbers from 1 to 5",
              file=sys.stderr)
        return 2
    for number in numbers:
        for check in CHECKPOINTS[number]:
            print(f"  {check.__doc__}")
            try:
                check()
            except (NotImplementedError, Wrong, FloatingPointError) as error:
                print(f"checkpoint {number}: {error}", file=sys.stderr)
                return 1
        print(f"checkpoint {number} is right")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
