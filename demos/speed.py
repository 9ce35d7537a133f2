"""How fast it is and where the time goes: every figure from this machine, in this run."""
import time

START = time.perf_counter()  # before NumPy, autograd and the rest are imported

import importlib
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from autograd import make_vjp

import by_hand
import canvas
import common
from minimae import exact, nodes, problems, stacks, train

IMPORTED = time.perf_counter() - START
HERE = Path(__file__).resolve().parent
PARTS = ["total", "import", "training", "exact figures", "table and figure"]


def main(argv=None):
    options = common.Parser(__doc__)
    options.add_argument("--seed", type=int, default=0, help="where weights and nodes start")
    options.add_argument("--levels", type=float, nargs="*", metavar="M",
                         default=[0, 0.4, 0.8, 1.2, 1.6, 2],
                         help="requested information in the race for accuracy, nats")
    options.add_argument("--steps", type=int, default=2400,
                         help="the race for accuracy ends here; the most for the demos")
    options.add_argument("--repeats", type=int, default=50,
                         help="how often each step is timed")
    options.add_argument("--csv", metavar="TABLE", help="where to save the table")
    return common.main(options, run, argv)


def run(args):
    if args.repeats < 1:
        raise ValueError(f"--repeats {args.repeats}: give at least 1")
    train.check(problems.SplitNormal(), args.levels, [args.seed], args.steps)
    rows = [dict(section=section.__name__, what=what, value=value, unit=unit)
            for section in (autograd_against_hand, whole_processes, growth, race)
            for what, value, unit in section(args)]
    args.out = args.show = False
    canvas.finish(args, rows)


def a_step(problem, levels, seed):
    """A gradient step's arguments for a stack of `levels` models."""
    rng = np.random.default_rng(seed)
    params = stacks.stack([problem.init(rng)], levels)
    data, prior = stacks.stack([problem.nodes(rng)], levels)
    return params, data, prior, rng.uniform(-1, 1, levels)


def by_autograd(problem):
    def gradient(params, data, prior, slope):
        backward, values = make_vjp(lambda params: train.objectives(
            *problem.densities(params), data, prior, slope))(params)
        return values, backward(np.ones_like(values))
    return gradient


def medians(functions, arguments, repeats):
    """Median milliseconds of each function, called in turns so that a machine that drifts
    treats all alike."""
    times = []
    for turn in range(repeats + 1):  # the first turn warms up and is dropped
        row = []
        for function in functions:
            start = time.perf_counter()
            function(*arguments)
            row.append(1e3 * (time.perf_counter() - start))
        times.append(row)
    return np.median(times[1:], 0)


def autograd_against_hand(args):
    print("(a) one gradient of the split normal, ms (medians): autograd, by hand in NumPy, "
          "ratio")
    problem = problems.SplitNormal()
    for levels in (1, 6, 60):
        auto, hand = medians([by_autograd(problem), by_hand.bounds_and_gradient],
                             a_step(problem, levels, args.seed), args.repeats)
        print(f"    {levels:3d} levels  {auto:7.2f}  {hand:7.2f}  {auto / hand:5.1f}")
        yield f"autograd, {levels} levels", auto, "ms"
        yield f"by hand, {levels} levels", hand, "ms"


def whole_processes(args):
    print("(b) whole runs of the demos, s: total, of it import, training, exact figures, "
          "table and figure")
    for demo in ("split_normal", "categorical"):
        code = (f"import sys; sys.path.insert(0, {str(HERE)!r}); import speed; "
                f"speed.one_process({demo!r}, {args.seed}, {args.steps})")
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                              check=True)
        total = time.perf_counter() - start
        seconds = [total, *(float(word) for word in done.stdout.split()[-4:])]
        print(f"    {demo:14s} " + "  ".join(f"{part:5.2f}" for part in seconds))
        for what, part in zip(PARTS, seconds):
            yield f"{demo}, {what}", part, "s"


def one_process(name, seed, most_steps):
    """Run a demo in this fresh process, with its default of steps unless that is too many,
    and print the seconds of its parts."""
    demo, times = importlib.import_module(name), {}

    def timed(module, function):
        original = getattr(module, function)

        def wrapper(*args, **kwargs):
            start = time.perf_counter()
            result = original(*args, **kwargs)
            times[function] = times.get(function, 0) + time.perf_counter() - start
            return result
        setattr(module, function, wrapper)

    timed(train, "train"), timed(exact, "evaluate")
    timed(common, "report"), timed(canvas, "finish")
    with tempfile.TemporaryDirectory() as folder:
        demo.main(["--seed", str(seed), "--steps", str(min(demo.STEPS, most_steps)),
                   "--out", f"{folder}/figure.png"])
    print(IMPORTED, times["train"], times["evaluate"], times["report"] + times["finish"])


def growth(args):
    print("(c) one step by autograd, ms, and how it grows")
    normal, K = problems.SplitNormal, problems.Categorical
    sweeps = {
        "levels": [(n, normal(), n) for n in (1, 6, 60)],
        "nodes squared": [(n, normal(n_train=n), 6) for n in (6, 12, 24, 48)],
        "hidden units": [(n, normal(n_hidden=n), 6) for n in (8, 16, 64, 256)],
        "categories": [(n, K(np.full(n, 1 / n)), 6) for n in (2, 10, 50)],
    }
    for what, sweep in sweeps.items():
        steps = [medians([by_autograd(problem)], a_step(problem, levels, args.seed),
                         max(1, args.repeats // 5))[0] for _, problem, levels in sweep]
        print(f"    {what:14s}"
              + "".join(f"{n:5d}: {ms:7.2f}" for (n, _, _), ms in zip(sweep, steps)))
        for (n, _, _), ms in zip(sweep, steps):
            yield f"{what} {n}", ms, "ms"


def race(args):
    print("(d) steps and seconds until |I - M| <= 0.02 on every level of 3 seeds, 144 nodes "
          "each")
    seeds = range(args.seed, args.seed + 3)
    levels = np.tile(args.levels, len(seeds))
    for name, draw in [("i.i.d.", nodes.monte_carlo), ("lattice", nodes.lattice),
                       ("grid", None)]:
        problem = problems.SplitNormal(draw=draw, n_train=144 if draw else 12)
        steps, error = 75, np.inf
        while steps <= args.steps:
            start = time.perf_counter()
            params = train.train(problem, args.levels, seeds, steps)
            seconds = time.perf_counter() - start
            error = np.max(np.abs(exact.evaluate(problem, params)["exact"] - levels))
            if error <= 0.02:
                break
            steps *= 2
        reached = error <= 0.02
        print(f"    {name:8s}"
              + (f"{steps:5d} steps, {seconds:5.2f} s for {len(seeds)} seeds, worst {error:.4f}"
                 if reached else f"not within {args.steps} steps: worst {error:.4f}"))
        yield f"{name} steps", steps if reached else np.nan, ""
        yield f"{name} worst |I - M|", error, "nats"


if __name__ == "__main__":
    raise SystemExit(main())
