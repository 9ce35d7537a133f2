"""How fast it is and where the time goes: every figure from this machine, in this run."""
import time

START = time.perf_counter()  # before NumPy, autograd and the rest are imported

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
from autograd import make_vjp

import common
from minimae import exact, nodes, problems, train

IMPORTED = time.perf_counter() - START
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))
import by_hand  # the gradient written by hand, which the tests hold against autograd's


def main(argv=None):
    options = common.Parser(description=__doc__)
    options.add_argument("--seed", type=int, default=0, help="where weights and nodes start")
    options.add_argument("--levels", type=float, nargs="*", default=[0, 0.4, 0.8, 1.2, 1.6, 2], metavar="M",
                         help="requested information in the race for accuracy, nats")
    options.add_argument("--steps", type=int, default=2400,
                         help="steps after which the race for accuracy is given up, and the most for the demos")
    options.add_argument("--repeats", type=int, default=50, help="how often each step is timed")
    options.add_argument("--csv", metavar="TABLE", help="where to save all figures: section, what, value, unit")
    return common.main(options, run, argv)


def run(args):
    if args.repeats < 1:
        raise ValueError(f"--repeats {args.repeats}: give at least 1")
    train.check(problems.split_normal(), args.levels, [args.seed], args.steps)
    figures = []
    for section in (autograd_against_hand, whole_processes, growth, race):
        for row in section(args):
            figures.append((section.__name__, *row))
    if args.csv:
        with open(args.csv, "w", newline="") as file:
            csv.writer(file).writerows([("section", "what", "value", "unit"), *figures])


def a_step(problem, levels, seed):
    """A gradient step's arguments for a stack of `levels` models."""
    rng = np.random.default_rng(seed)
    params = train.stack([problem.init(rng)], levels)
    data, model = train.stack([problem.nodes(rng=rng)], levels)
    return params, data, model, rng.uniform(-1, 1, levels)


def by_autograd(problem):
    def gradient(params, data, model, slope):
        vjp, values = make_vjp(lambda params: train.mutual(*problem.densities(params), data, model, slope))(params)
        return values, vjp(np.ones_like(values))
    return gradient


def medians(functions, arguments, repeats):
    """Median milliseconds of each function, called in turns so that a machine that drifts treats all alike."""
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
    print("(a) one gradient of the split normal, ms (medians): autograd, by hand in NumPy, ratio")
    problem = problems.split_normal()
    for levels in (1, 6, 60):
        auto, hand = medians([by_autograd(problem), by_hand.bounds_and_gradient], a_step(problem, levels, args.seed), args.repeats)
        print(f"    {levels:3d} levels  {auto:7.2f}  {hand:7.2f}  {auto / hand:5.1f}")
        yield f"autograd, {levels} levels", auto, "ms"
        yield f"by hand, {levels} levels", hand, "ms"


def whole_processes(args):
    print("(b) whole runs of the demos, s: total, of it import, training, exact figures, table and figure")
    for demo in ("split_normal", "categorical"):
        code = f"import sys; sys.path.insert(0, {str(HERE)!r}); import speed; speed.one_process({demo!r}, {args.seed}, {args.steps})"
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        total = time.perf_counter() - start
        parts = [float(word) for word in done.stdout.split()[-4:]]
        print(f"    {demo:14s} {total:5.2f}  " + "  ".join(f"{part:5.2f}" for part in parts))
        for what, seconds in zip(["total", "import", "training", "exact figures", "table and figure"], [total, *parts]):
            yield f"{demo}, {what}", seconds, "s"


def one_process(name, seed, most_steps):
    """Run a demo in this fresh process, with its default of steps unless that is too many, and print the seconds of its parts."""
    import importlib
    import tempfile
    demo = importlib.import_module(name)
    times = {}

    def timed(module, function):
        original = getattr(module, function)

        def wrapper(*args, **kwargs):
            start = time.perf_counter()
            result = original(*args, **kwargs)
            times[function] = time.perf_counter() - start
            return result
        setattr(module, function, wrapper)

    timed(train, "train"), timed(exact, "figures"), timed(common, "report")
    with tempfile.TemporaryDirectory() as folder:
        demo.main(["--seed", str(seed), "--steps", str(min(demo.STEPS, most_steps)), "--out", f"{folder}/figure.png"])
    print(IMPORTED, times["train"], times["figures"], times["report"])


def growth(args):
    print("(c) one step by autograd, ms, and how it grows")
    sweeps = {
        "levels": [(n, problems.split_normal(), n) for n in (1, 6, 60)],
        "nodes squared": [(n, problems.split_normal(n_train=n), 6) for n in (6, 12, 24, 48)],
        "hidden units": [(n, problems.split_normal(n_hidden=n), 6) for n in (8, 16, 64, 256)],
        "categories": [(n, problems.categorical(np.full(n, 1 / n)), 6) for n in (2, 10, 50)],
    }
    for what, sweep in sweeps.items():
        steps = [medians([by_autograd(problem)], a_step(problem, levels, args.seed), max(1, args.repeats // 5))[0]
                 for _, problem, levels in sweep]
        print(f"    {what:14s}" + "".join(f"{n:5d}: {ms:7.2f}" for (n, _, _), ms in zip(sweep, steps)))
        for (n, _, _), ms in zip(sweep, steps):
            yield f"{what} {n}", ms, "ms"


def race(args):
    print("(d) steps and seconds until |I - M| <= 0.02 on every level of 3 seeds, 144 nodes each")
    seeds = range(args.seed, args.seed + 3)
    for name, draw in [("i.i.d.", nodes.monte_carlo), ("lattice", nodes.lattice), ("grid", None)]:
        problem = problems.split_normal() if draw is None else with_nodes(problems.split_normal(), draw, 144)
        steps, error = 75, np.inf
        while steps <= args.steps:
            start = time.perf_counter()
            params = train.train(problem, args.levels, seeds, steps)
            seconds = time.perf_counter() - start
            error = np.max(np.abs(exact.figures(problem, params)["exact"] - np.tile(args.levels, len(seeds))))
            if error <= 0.02:
                break
            steps *= 2
        reached = error <= 0.02
        print(f"    {name:8s}" + (f"{steps:5d} steps, {seconds:5.2f} s for {len(seeds)} seeds, worst {error:.4f}" if reached
                                 else f"not within {args.steps} steps: worst {error:.4f}"))
        yield f"{name} steps", steps if reached else np.nan, ""
        yield f"{name} worst |I - M|", error, "nats"


def with_nodes(problem, draw, n):
    """The problem with n nodes drawn together, one for one, in place of its grids in training."""
    def drawn(fine=None, rng=None):
        if rng is None:
            return problem.nodes(fine)
        return tuple(nodes.pair((points[:, :1], weights), (points[:, 1:], weights))
                     for points, weights in (draw(rng, n, 2), draw(rng, n, 2)))
    return problem._replace(nodes=drawn)


if __name__ == "__main__":
    raise SystemExit(main())
