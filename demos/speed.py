"""How fast it is: every number from this run."""
import shared

import time

import numpy as np
from autograd import make_vjp

import by_hand
from minimae import exact, models, nodes, problems, train
from pitfalls import Drawn

PARSER = shared.Parser(description=__doc__, allow_abbrev=False)
PARSER.add_argument("--part", nargs="+", choices=["gradient", "race"],
                    default=["gradient", "race"], help="what to measure")
PARSER.add_argument("--steps", type=int, default=2400, help="where the race ends")
PARSER.add_argument("--seed", type=int, default=0, help="where weights and nodes start")
PARSER.add_argument("--csv", type=shared.writable(".csv", "-"), metavar="TABLE",
                    help="where to save the table")
LEVELS, REPEATS = [0, 0.4, 0.8, 1.2, 1.6, 2], 50  # a second for 6 models
PROBLEM = problems.SplitNormal()


def by_autograd(params, data, prior, slope):
    """Bounds and gradient of a step of training, as by_hand.bounds_and_gradient."""
    backward, values = make_vjp(lambda params: train.objectives(
        *PROBLEM.densities(params), data, prior, slope))(params)
    return values, backward(np.ones_like(values))


def gradient(args):
    """A gradient of the split normal: autograd, by hand in NumPy"""
    ways = {"autograd": by_autograd, "by hand": by_hand.bounds_and_gradient}
    for n in (1, 6, 60):
        rng, times = np.random.default_rng(args.seed), {way: [] for way in ways}
        params = models.stack([PROBLEM.init(rng)], n)
        data, prior, _ = models.stack([PROBLEM.nodes(rng)], n)
        # Medians of turns, so that a machine that drifts treats all alike
        for way, function in (REPEATS + 1) * [*ways.items()]:
            start = time.perf_counter()
            function(params, data, prior, np.full(n, 0.5))
            times[way].append(1e3 * (time.perf_counter() - start))
        for way in ways:  # the first warms up
            yield f"{n} models, {way}", np.median(times[way][1:]), "ms"


def race(args):
    """Until |I - M| <= .02 on all levels of 3 seeds, with 144 nodes each"""
    for name, problem in [("independent", Drawn(nodes.monte_carlo)),
                          ("Kronecker sequence", Drawn(nodes.kronecker)),
                          ("grid", PROBLEM)]:
        steps, worst = min(75, args.steps), np.inf
        while not worst <= 0.02 and steps <= args.steps:  # NaN: not resolved
            found = train.train(problem, LEVELS, range(args.seed, args.seed + 3), steps)
            worst = np.max([abs(row["information"] - row["level"])
                            for row in exact.evaluate(found)])
            steps *= 2
        yield name, steps // 2, "steps" + ", not reached" * (not worst <= 0.02)


def run(args):
    rows = [dict(part=part.__name__, what=what, value=value, unit=unit, seed=args.seed)
            for part in (gradient, race) if part.__name__ in args.part
            for what, value, unit in part(args)]
    shared.save(args, rows)
    for row in rows:
        print("{part}, {what:30s} {value:8.4g} {unit}".format(**row))


if __name__ == "__main__":
    shared.main(run, PARSER)
