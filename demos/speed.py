"""How fast it is and where the time goes: every number from this run."""
import importlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from autograd import make_vjp

import by_hand
import canvas
import common
from minimae import bounds, exact, nodes, problems, stacks, train

DEMOS = ["split_normal", "categorical", "likelihood_vs_information", "rivals", "traps",
         "strings", "faces", "faces --decoder album", "explore"]
LEVELS = [0, 0.4, 0.8, 1.2, 1.6, 2]


def main(argv=None):
    options = common.Parser(__doc__)
    add = options.add_argument
    add("--seed", type=int, default=0, help="where weights and nodes start")
    add("--levels", type=float, nargs="+", metavar="M", default=LEVELS,
        help="requested information in the race for accuracy, nats")
    add("--steps", type=int, default=2400, help="where the race for accuracy ends")
    add("--repeats", type=int, default=50, help="how often a step is timed")
    add("--share", type=float, default=0.05,
        help="of their steps that the demos run; 1 takes minutes, and leaves no guess")
    add("--csv", metavar="TABLE", help="where to save the table")
    return common.main(options, run, argv)


def run(args):
    if args.repeats < 1:
        raise ValueError(f"--repeats {args.repeats}: give at least 1")
    if not 0 < args.share <= 1:
        raise ValueError(f"--share {args.share}: give more than 0, at most 1")
    train.check(problems.SplitNormal(), args.levels, [args.seed], args.steps)
    rows = []
    for section in (autograd_against_hand, growth, race, demos):
        print(section.__doc__)
        rows += [dict(section=section.__name__, what=what, value=value, unit=unit)
                 for what, value, unit in section(args)]
    canvas.finish(args, rows)


def medians(repeats, functions, *arguments):
    """Median milliseconds of each function, called in turns so that a machine that
    drifts treats all alike."""
    times = []
    for turn in range(repeats + 1):  # the first turn warms up and is dropped
        row = []
        for function in functions:
            start = time.perf_counter()
            function(*arguments)
            row.append(1e3 * (time.perf_counter() - start))
        times.append(row)
    return np.median(times[1:], 0)


def a_step(problem, levels, seed):
    """A gradient step's arguments for a stack of `levels` models."""
    rng = np.random.default_rng(seed)
    params = stacks.stack([problem.init(rng)], levels)
    data, prior = stacks.stack([problem.nodes(rng)], levels)
    return params, data, prior, rng.uniform(-1, 1, levels)


def by_autograd(problem):
    """The gradient of a step of training, with the values it is of."""
    def gradient(params, data, prior, slope):
        backward, values = make_vjp(lambda params: train.objectives(
            *problem.densities(params), data, prior, slope))(params)
        return values, backward(np.ones_like(values))
    return gradient


def of_codes(n):
    """The gradient of the multi-sample bound of the split normal with n codes."""
    codes = nodes.lattice(np.random.default_rng(0), n, 1)

    def gradient(params, data, prior, slope):
        def bound(params):
            p, _, _ = problems.SplitNormal().densities(params)
            x, weights = p.joint(*prior)
            return bounds.multi_sample(p, prior[0], x, weights, *codes)
        backward, values = make_vjp(bound)(params)
        return values, backward(np.ones_like(values))
    return gradient


def autograd_against_hand(args):
    """(a) a gradient of the split normal, ms: autograd, by hand in NumPy, ratio"""
    problem = problems.SplitNormal()
    for levels in (1, 6, 60):
        auto, hand = medians(args.repeats,
                             [by_autograd(problem), by_hand.bounds_and_gradient],
                             *a_step(problem, levels, args.seed))
        print(f"    {levels:3d} levels  {auto:7.2f}  {hand:7.2f}  {auto / hand:5.1f}")
        yield f"autograd, {levels} levels", auto, "ms"
        yield f"by hand, {levels} levels", hand, "ms"


def growth(args):
    """(b) how a gradient by autograd grows, ms; six levels unless said"""
    normal = problems.SplitNormal

    def discrete(n, **settings):
        return problems.Categorical(np.full(n, 1 / n), **settings)

    sweeps = {
        "levels": {n: normal() for n in (1, 6, 60)},
        "nodes of x and of z": {n: normal(n_train=n) for n in (6, 12, 24, 48)},
        "hidden units": {n: normal(n_hidden=n) for n in (8, 16, 64, 256)},
        "categories": {n: discrete(n) for n in (2, 10, 50)},
        # 12 nodes of z per dimension
        "dimension of z": {n: discrete(10, dim_z=n, n_z=12, n_eps=4)
                           for n in (1, 2, 3)},
        "codes N, for 144 x": {n: normal(draw=nodes.lattice, n_train=144)
                               for n in (64, 256, 1024, 4096)}}
    for what, sweep in sweeps.items():
        line = f"    {what:20s}"
        for n, problem in sweep.items():
            gradient = of_codes(n) if "codes" in what else by_autograd(problem)
            step = a_step(problem, n if what == "levels" else 6, args.seed)
            ms, = medians(max(1, args.repeats // 5), [gradient], *step)
            line += f"{n:6d}: {ms:7.2f}"
            yield f"{what} {n}", ms, "ms"
        print(line)


def race(args):
    """(c) until |I - M| <= 0.02 on every level of 3 seeds, with 144 nodes each"""
    seeds = range(args.seed, args.seed + 3)
    levels = np.tile(args.levels, len(seeds))
    for name, draw in [("i.i.d.", nodes.monte_carlo), ("lattice", nodes.lattice),
                       ("grid", None)]:
        problem = problems.SplitNormal(draw=draw, n_train=144 if draw else 12)
        steps, error = min(75, args.steps), np.inf
        while not error <= 0.02 and steps <= args.steps:  # NaN: not resolved
            start = time.perf_counter()
            params = train.train(problem, args.levels, seeds, steps)
            seconds = time.perf_counter() - start
            error = np.max(np.abs(exact.evaluate(problem, params)["exact"] - levels))
            steps *= 2
        reached = error <= 0.02
        worst = "not resolved" if np.isnan(error) else f"worst {error:.4f}"
        print(f"    {name:8s} " + (f"{steps // 2} steps, {seconds:.2f} s, {worst}"
                                   if reached else f"not within {args.steps}: {worst}"))
        yield f"{name} steps", steps // 2 if reached else np.nan, ""
        yield f"{name} worst |I - M|", error, "nats"


def demos(args):
    """(d) the demos as whole processes, s: with one step, and with all, about: from a
    --share of them              one step     all"""
    for demo in DEMOS:
        name, *options = demo.split()
        steps = importlib.import_module(name).STEPS
        some = max(2, round(args.share * steps))
        try:
            one, more = (seconds(name, options, args.seed, n) for n in (1, some))
        except ValueError as error:
            print(f"    {demo:25s}  failed: {error}")
            continue
        total = one + (more - one) * (steps - 1) / (some - 1)
        print(f"    {demo:25s}  {one:8.2f}  {total:6.1f}")
        yield f"{demo}, one step", one, "s"
        yield f"{demo}, all steps", total, "s"


def seconds(name, options, seed, steps):
    """How long a demo takes; ValueError with its last words where it fails."""
    demo = Path(__file__).resolve().with_name(f"{name}.py")
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, demo, *options, "--seed", str(seed), "--steps", str(steps),
             "--out", f"{folder}/figure.png"], capture_output=True, text=True)
    if done.returncode:
        raise ValueError((done.stderr.splitlines() or [""])[-1])
    return time.perf_counter() - start


if __name__ == "__main__":
    raise SystemExit(main())
