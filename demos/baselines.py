"""How others try to control information, with the same nets, nodes and steps: what was
asked for and what came out."""
from functools import partial

import autograd.numpy as np

import canvas
import common
import workers
from minimae import bounds, exact, normal, problems, table, train
from minimae.nets import held

LEVELS = [0.4, 0.8, 1.2, 1.6]
STEPS = 400
BETAS = [0.25, 0.5, 1.0, 2.0]


def expressive(**critic):
    """The poster's normal; a beta below 1 makes p too sharp for any grid, and the other
    methods need no finer one than this."""
    problem = problems.SplitNormal(**critic)
    problem.finest = 512
    return problem


PROBLEMS = {
    "expressive normal": expressive,
    "restricted normal, sd .5": partial(problems.SplitNormal, log_var=2 * np.log(0.5)),
    "ten categories": partial(problems.Categorical, np.full(10, 0.1)),
}

# Each rival is the ELBO with another price in the place of its KL: (L,), from the KL
# (L, N, 1) at the nodes of x, a knob (L,) and, for dual ascent, a multiplier (L,).


def rate(kl, weights):
    """E KL, the information about x that q puts into z, at least."""
    return bounds.expect(kl, weights)


def weighted(kl, weights, beta, _):
    """beta-VAE, Higgins et al. 2017: a weight beta on the KL for good.  KL annealing,
    Bowman et al. 2015, Soenderby et al. 2016: one that rises from 0 to 1 over the first
    half of the run."""
    return beta * rate(kl, weights)


def free_bits(kl, weights, level, _):
    """Kingma et al. 2016: the first `level` nats of KL cost nothing."""
    return np.maximum(rate(kl, weights), level)


# Must exceed the slope of the reconstruction in the KL: 1 on the ridge of the
# expressive normal, up to 1.8 here.
GAMMA = 5.0


def capacity(kl, weights, level, _):
    """Burgess et al. 2018: gamma |E KL - level|."""
    return GAMMA * np.abs(rate(kl, weights) - level)


def capacity_per_x(kl, weights, level, _):
    """The same, as it is often coded by mistake: |KL - level| for each x, though the
    best KL varies with x."""
    return GAMMA * rate(np.abs(kl - np.reshape(level, (-1, 1, 1))), weights)


def dual_ascent(kl, weights, level, multiplier):
    """In the manner of GECO, Rezende & Viola 2018: the KL, subject to E KL = level,
    with a multiplier that is learnt."""
    return rate(kl, weights) + multiplier * (rate(kl, weights) - level)


RIVALS = {  # what it controls, and its price
    "KL annealing": ("nothing", weighted), "beta-VAE": ("a price of KL", weighted),
    "free bits": ("KL from below", free_bits), "capacity": ("KL", capacity),
    "capacity per x": ("KL of every x", capacity_per_x),
    "dual ascent": ("KL", dual_ascent)}
MAE = {"MAE": {}, "MAE, Bayes critic": dict(critic="bayes")}  # and its problem's critic
STACKS = ["rivals", *MAE]  # what is trained in one run
AIMLESS = ["KL annealing", "beta-VAE"]  # no amount can be asked of these
STYLES = {"KL annealing": ("*", "#444444"), "beta-VAE": ("x", "#444444"),
          "free bits": ("v", "#c2410c"), "capacity": ("s", "#67b8d6"),
          "capacity per x": ("D", "#ffa600"), "dual ascent": ("^", "#7a5195"),
          "MAE": ("o", "#003f5c"), "MAE, Bayes critic": ("o", "#003f5c")}


class Settings:
    """What the rivals of a stack are told at each step, in the place of the MAE's
    slope: a knob each, and the multiplier of dual ascent, which follows its violation.
    """
    # Of rates .003, .01, .2, 1 and dampings 0, 1, 5 the pair that holds its own KL
    # best, to .003 on both expressive problems; undamped, every rate misses by .28 nats
    # and more.
    RATE, DAMPING = 0.2, 5

    def __init__(self, methods, knobs, steps):
        self.methods, self.steps = np.array(methods), steps
        self.knobs, self.total = np.array(knobs, float), np.zeros(len(knobs))
        self.slope = self.knobs, self.total

    def update(self, values, step):
        violation = values[1] - self.knobs
        self.total = self.total + self.RATE * violation
        rising = min(1, 2 * step / self.steps)
        self.slope = (np.where(self.methods == "KL annealing", rising, self.knobs),
                      self.total + self.DAMPING * violation)

    def objectives(self, p, q, r, data, prior, slope):
        """What each rival climbs, and E KL for `update` to see, (2, L)."""
        x, eps, weights = data
        log_likelihood, kl = bounds.elbo_terms(p, q, x, eps)
        climbed = bounds.expect(log_likelihood, weights)
        for method, (_, price) in RIVALS.items():
            mine = self.methods == method
            climbed = climbed - np.where(mine, price(kl, weights, *slope), 0.0)
        return np.array([climbed, held(rate(kl, weights))])


def train_stack(name, problem_with, levels, seeds, steps):
    """Train all rivals, or the MAE with either critic, in a stack: (methods, what they
    control, knobs, problem, parameters)."""
    if name in MAE:
        knobs, problem = list(levels) * len(seeds), problem_with(**MAE[name])
        params = train.train(problem, levels, seeds, steps)
        return [name] * len(knobs), ["I"] * len(knobs), knobs, problem, params
    asked = {"KL annealing": [0.0], "beta-VAE": BETAS}
    methods, controls, knobs = zip(*(
        (method, controls, knob) for _ in seeds
        for method, (controls, _) in RIVALS.items()
        for knob in asked.get(method, levels)))
    settings, problem = Settings(methods, knobs, steps), problem_with()
    return methods, controls, knobs, problem, train.train(
        problem, [None] * (len(knobs) // len(seeds)), seeds, steps, penalty=settings,
        objectives=settings.objectives)


def main(argv=None):
    options = common.parser(__doc__, LEVELS, STEPS, "rivals.png", always_out=2)
    return common.main(options, run, argv)


def run(args):
    seeds = common.seeds(args)
    for problem_with in PROBLEMS.values():
        train.check(problem_with(), args.levels, seeds, args.steps)
    jobs = [(problem, stack, args.levels, seeds, args.steps)
            for problem in PROBLEMS for stack in STACKS]
    done, rows = common.progress(len(jobs), "runs"), []
    for found in workers.each(train_and_measure, jobs, done):
        rows += found
    show(rows)
    canvas.finish(args, rows, lambda: draw(rows, args.show))


def train_and_measure(problem, stack, levels, seeds, steps):
    """The rows of one stack."""
    trained = train_stack(stack, PROBLEMS[problem], levels, seeds, steps)
    return [*measure(problem, *trained, seeds)]


def measure(name, methods, controls, knobs, problem, params, seeds):
    """A row per model."""
    values, kl = exact.evaluate(problem, params), rates(problem, params)
    lost = problem.best - values["log_likelihood"]
    for index, method in enumerate(methods):
        knob = None if method == "KL annealing" else knobs[index]
        yield dict(problem=name, method=method, controls=controls[index], knob=knob,
                   exact=values["exact"][index], rate=kl[index], lost=lost[index],
                   seed=seeds[index * len(seeds) // len(methods)])


def rates(problem, params):
    """E KL[q(z|x) || p(z)] over the true law of x, (L,)."""
    _, q, _ = problem.densities(params)
    x, _, weights = problem.grids(200)[0]
    kl = normal.kl_to_standard(*q.moments(x))[..., :1]
    return rate(kl, np.sum(weights, 2, keepdims=True))


def groups(rows, *keys):
    """Rows that agree in keys, as {values: rows} in order."""
    found = {}
    for row in rows:
        found.setdefault(tuple(row[key] for key in keys), []).append(row)
    return found


def mean(rows, key):
    """Mean of one key over rows."""
    return np.mean([row[key] for row in rows])


def show(rows):
    print("means over seeds, in nats: I under p (exact), KL to the prior under q, "
          "log-likelihood lost; worst |I - asked|")
    for (problem,), in_problem in groups(rows, "problem").items():
        print(problem)
        by_method = groups(in_problem, "method", "controls")
        for (method, controls), same in by_method.items():
            for n, ((knob,), seeds) in enumerate(groups(same, "knob").items()):
                off = "" if method in AIMLESS else "   off by {:.4f}".format(
                    np.max([abs(row["exact"] - knob) for row in seeds]))
                information = mean(seeds, "exact")
                first = "" if n else f"{method:18s}sets {controls}"
                print(f"  {first:40s}{'' if knob is None else f'{knob:.4g}':>5}"
                      f"  I {information:7.4f}   KL {mean(seeds, 'rate'):7.4f}"
                      f"   lost {mean(seeds, 'lost'):7.4f}{off}"
                      + f"   {table.UNRESOLVED}" * bool(np.isnan(information)))


def draw(rows, show=False):
    """Above: I delivered against what was asked for; below: likelihood lost against I.
    """
    figure = canvas.figure(show, figsize=(13, 8.6))
    by_problem = groups(rows, "problem")
    axes = figure.subplots(2, len(by_problem), squeeze=False)
    figure.subplots_adjust(0.06, 0.06, 0.99, 0.87, 0.16, 0.22)
    for (above, below), ((problem,), in_problem) in zip(axes.T, by_problem.items()):
        for (method,), same in groups(in_problem, "method").items():
            marker, colour = STYLES[method]
            style = dict(marker=marker, color=colour, markersize=9, label=method)
            if "Bayes" in method:  # a ring around the MAE's dot
                style.update(markersize=15, markerfacecolor="none", markeredgewidth=1.5)
            if method not in AIMLESS:
                points = [(knob, mean(seeds, "exact"))
                          for (knob,), seeds in groups(same, "knob").items()]
                above.plot(*zip(*points), **style)
            below.plot([row["exact"] for row in same],
                       [max(row["lost"], 1e-6) for row in same], linestyle="none",
                       **style)
        highest = max(row["knob"] for row in in_problem if row["method"] == "MAE")
        above.plot([0, highest * 1.05], [0, highest * 1.05], color="black", linewidth=1,
                   label="as asked")
        above.set_title(problem, fontsize=14)
        above.set_xlabel("nats asked for", fontsize=12)
        below.set(yscale="log", ylim=(5e-7, None))
        below.set_xlabel("exact I(z, x), nats", fontsize=12)
        canvas.bare(above, below)
    axes[0, 0].set_ylabel("exact I(z, x), nats", fontsize=12)
    axes[1, 0].set_ylabel("log-likelihood lost, nats (1e-6 and less)", fontsize=12)
    handles = {label: handle for axis in axes[:, 0]
               for handle, label in zip(*axis.get_legend_handles_labels())}
    figure.legend(handles.values(), handles, loc="upper center", ncols=5, fontsize=13,
                  frameon=False)
    return figure


if __name__ == "__main__":
    raise SystemExit(main())
