"""How fast it is, and where the time goes: every number from this run."""
import shared

import time

import numpy as np
from autograd import make_vjp

import by_hand
from minimae import checks, exact, models, nodes, problems, train
from pitfalls import Drawn

PARSER = shared.Parser(description=__doc__, allow_abbrev=False)
PARSER.add_argument("--part", nargs="+", choices=["gradient", "growth", "race"],
                    default=["gradient", "growth", "race"], help="what to measure")
PARSER.add_argument("--repeats", type=int, default=50, help="how often a step is timed")
PARSER.add_argument("--steps", type=int, default=2400, help="where the race ends")
PARSER.add_argument("--seed", type=int, default=0, help="where weights and nodes start")
PARSER.add_argument("--csv", metavar="TABLE", help="where to save the table")
LEVELS = [0, 0.4, 0.8, 1.2, 1.6, 2]


def by_autograd(problem):
    """The gradient of a step of training, with the values it is of."""
    def gradient(params, data, prior, slope):
        backward, values = make_vjp(lambda params: train.objectives(
            *problem.densities(params), data, prior, slope))(params)
        return values, backward(np.ones_like(values))
    return gradient


def medians(args, problem, n_models, functions):
    """Median milliseconds of a step for each function, called in turns so that a
    machine that drifts treats all alike."""
    rng, times, slope = np.random.default_rng(args.seed), [], np.full(n_models, 0.5)
    params = models.stack([problem.init(rng)], n_models)
    data, prior, _ = models.stack([problem.nodes(rng)], n_models)
    for turn in range(args.repeats + 1):  # the first warms up and is dropped
        row = []
        for function in functions:
            start = time.perf_counter()
            function(params, data, prior, slope)
            row.append(1e3 * (time.perf_counter() - start))
        times.append(row)
    return np.median(times[1:], 0)


def gradient(args):
    """A gradient of the split normal: autograd, by hand in NumPy"""
    problem = problems.SplitNormal()
    for n in (1, 6, 60):
        ways = {"autograd": by_autograd(problem),
                "by hand": by_hand.bounds_and_gradient}
        for way, ms in zip(ways, medians(args, problem, n, ways.values())):
            yield f"{n} models, {way}", ms, "ms"


def growth(args):
    """How a gradient by autograd grows, for six models"""
    normal, discrete = problems.SplitNormal, problems.Categorical
    for what, problem in [
            *[(f"{n} nodes of x and of z", normal(n_train=n)) for n in (6, 12, 24, 48)],
            *[(f"{n} hidden units", normal(n_hidden=n)) for n in (8, 16, 64, 256)],
            *[(f"{n} categories", discrete(np.full(n, 1 / n))) for n in (2, 10, 50)]]:
        ms, = medians(args, problem, 6, [by_autograd(problem)])
        yield what, ms, "ms"


def race(args):
    """Until |I - M| <= .02 on all levels of 3 seeds, with 144 nodes each"""
    for name, problem in [("independent", Drawn(nodes.monte_carlo)),
                          ("Kronecker sequence", Drawn(nodes.kronecker)),
                          ("grid", problems.SplitNormal())]:
        steps, worst = min(75, args.steps), np.inf
        while not worst <= 0.02 and steps <= args.steps:  # NaN: not resolved
            start = time.perf_counter()
            found = train.train(problem, LEVELS, range(args.seed, args.seed + 3), steps)
            seconds = time.perf_counter() - start
            worst = np.max([abs(row["information"] - row["level"])
                            for row in exact.evaluate(found)])
            steps *= 2
        yield f"{name}, steps", steps // 2, "" if worst <= 0.02 else "(not reached)"
        yield f"{name}, time", seconds, "s"
        yield f"{name}, worst |I - M|", worst, "nats"


def run(args):
    checks.whole(1, repeats=args.repeats)
    parts = {part.__name__: part for part in (gradient, growth, race)}
    rows = []
    for part in args.part:
        print(parts[part].__doc__)
        for what, value, unit in parts[part](args):
            print(f"    {what:34s} {value:8.4g} {unit}", flush=True)
            rows.append({"part": part, "what": what, "value": value, "unit": unit})
    shared.save(args, rows)


if __name__ == "__main__":
    shared.main(run, PARSER)
