"""demos/one_page.py: its formulas against independent values, its training, its picture
and its errors."""
import ast
import math
import os
import subprocess
import sys
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from autograd import grad

import one_page
from helpers import generator

PAGE = Path(one_page.__file__)
ENTROPY_OF_N01 = 0.5 * math.log(2 * math.pi * math.e)


def random_net(rng):
    """A net whose mean and log variance depend on the input."""
    W, b, V, c = one_page.init_net(rng)
    V = 0.3 * rng.standard_normal(V.shape)
    c = 0.3 * rng.standard_normal(c.shape)
    return [W, b, V, c]


def linear_net(slope, variance):
    """A net with mean slope * input, up to tanh(h) = h + O(h^3), and this variance."""
    W = np.zeros((1, one_page.HIDDEN))
    W[0, 0] = 1e-4    # h is below 0.003 on the grids, so that h^2 / 3 is below 3e-6
    b = np.zeros(one_page.HIDDEN)
    V = np.zeros((one_page.HIDDEN, 2))
    V[0, 0] = slope / W[0, 0]
    c = np.array([0.0, math.log(variance)])
    return [W, b, V, c]


def normal_of(net, value):
    """The normal that a net gives for one input, computed unit by unit."""
    W, b, V, c = net
    mean, log_var = c
    for k in range(one_page.HIDDEN):
        unit = math.tanh(W[0, k] * value + b[k])
        mean = mean + unit * V[k, 0]
        log_var = log_var + unit * V[k, 1]
    return NormalDist(mean, math.exp(log_var / 2))


def columns(rng, number, n):
    """Columns (n, 1) of N(0, 1)."""
    return rng.standard_normal((number, n, 1))


def short_training(monkeypatch, M, steps, seed=0):
    monkeypatch.setattr(one_page, "STEPS", steps)
    return one_page.train(M, generator(seed))


def equal(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second))


# Formulas

def test_log_prob_and_sample_are_those_of_a_normal():
    rng = generator(1)
    net = random_net(rng)
    value, inputs, eps = columns(rng, number=3, n=20)
    log_prob = one_page.log_prob(net, value, inputs)
    sample = one_page.sample(net, inputs, eps)
    for n in range(20):
        expected = normal_of(net, inputs[n, 0])
        assert log_prob[n, 0] == pytest.approx(math.log(expected.pdf(value[n, 0])))
        # eps is the sample's number of standard deviations above the mean.
        assert expected.zscore(sample[n, 0]) == pytest.approx(eps[n, 0])


def test_elbo():
    """Row by row, with the KL as an integral over a dense grid."""
    rng = generator(2)
    p = random_net(rng)
    q = random_net(rng)
    x, eps = columns(rng, number=2, n=8)
    units = np.linspace(-9, 9, 1001)    # sd; what is beyond weighs 1e-18
    rows = []
    for n in range(8):
        posterior = normal_of(q, x[n, 0])
        z = posterior.mean + posterior.stdev * eps[n, 0]
        reconstruction = math.log(normal_of(p, z).pdf(x[n, 0]))
        z_grid = posterior.mean + posterior.stdev * units
        density = np.array([posterior.pdf(value) for value in z_grid])
        log_prior = -0.5 * z_grid ** 2 - 0.5 * math.log(2 * math.pi)
        dz = posterior.stdev * (units[1] - units[0])
        kl = np.sum(density * (np.log(density) - log_prior)) * dz
        rows.append(reconstruction - kl)
    assert one_page.elbo(p, q, x, eps) == pytest.approx(np.mean(rows))


def test_infomax():
    rng = generator(3)
    r = random_net(rng)
    z, x = columns(rng, number=2, n=8)
    logs = []
    for n in range(8):
        posterior = normal_of(r, x[n, 0])
        logs.append(math.log(posterior.pdf(z[n, 0])))
    expected = ENTROPY_OF_N01 + np.mean(logs)
    assert one_page.infomax(r, z, x) == pytest.approx(expected)


@pytest.mark.parametrize("slope, variance", [(0.0, 1.0), (0.8, 0.36), (0.95, 0.05)])
def test_exact_values_of_a_linear_model(slope, variance):
    """x = slope z + noise: every value has a closed form."""
    total = slope ** 2 + variance
    p = linear_net(slope, variance)
    r = linear_net(slope / total, variance / total)    # the posterior p(z|x)
    exact = one_page.exact_values(p, r)
    information = 0.5 * math.log(total / variance)
    # 1e-5: the cubic term of tanh.
    assert exact["information"] == pytest.approx(information, abs=1e-5)
    assert exact["infomax"] == pytest.approx(information, abs=1e-5)
    assert exact["best"] == pytest.approx(-ENTROPY_OF_N01, abs=1e-9)
    log_likelihood = -0.5 * (math.log(2 * math.pi * total) + 1 / total)
    assert exact["log_likelihood"] == pytest.approx(log_likelihood, abs=1e-5)

    ignorant = one_page.exact_values(p, linear_net(slope=0.0, variance=1.0))
    assert ignorant["infomax"] == pytest.approx(0, abs=1e-9)    # r(z|x) = p(z)
    assert ignorant["information"] == exact["information"]


def uniform(x):
    with_zeros = (np.abs(x) < 3 ** 0.5) / 12 ** 0.5
    return np.log(with_zeros)


def exponential(x):
    return np.where(x >= 0, -x, -np.inf)


@pytest.mark.parametrize("log_true, best", [
    (uniform, -0.5 * math.log(12)), (exponential, -1.0)])
def test_other_data(monkeypatch, tmp_path, capsys, log_true, best):
    """0 log 0 is 0: no NaN and, since warnings are errors, no warning."""
    monkeypatch.setattr(one_page, "log_true", log_true)
    p = linear_net(slope=0.8, variance=0.36)
    r = linear_net(slope=0.8, variance=0.36)
    exact = one_page.exact_values(p, r)
    coarse = one_page.exact_values(p, r, scale=2)
    # The density of the exponential is summed with an error of dx^2 / 24 = 4e-6, and
    # what is beyond the grid weighs 16 exp(-15) = 5e-6.
    assert exact["best"] == pytest.approx(best, abs=2e-5)
    assert np.all(np.isfinite(list(exact.values())))
    one_page.report(0.51, exact, coarse)
    assert "nan" not in capsys.readouterr().out
    one_page.save_picture(tmp_path / "picture.png", 0.51, p, exact["information"])


def test_what_the_grids_do_not_resolve_is_reported(capsys):
    sharp = linear_net(slope=1.0, variance=1e-6)    # sd 0.001, dx 0.01
    r = linear_net(slope=1.0, variance=1e-6)
    exact = one_page.exact_values(sharp, r)
    one_page.report(1.2, exact, one_page.exact_values(sharp, r, scale=2))
    printed = capsys.readouterr().out
    assert "information is not resolved" in printed
    assert "not reached" in printed


@pytest.mark.parametrize("name", ["infomax", "information", "log_likelihood", "best"])
def test_nan_is_reported(capsys, name):
    good = {"infomax": 1.2, "information": 1.2, "log_likelihood": -1.42, "best": -1.41}
    one_page.report(1.2, good, good)
    assert len(capsys.readouterr().out.splitlines()) == 1
    bad = {**good, name: math.nan}
    one_page.report(1.2, bad, bad)
    printed = capsys.readouterr().out
    assert f"{name} is not resolved" in printed
    assert ("not reached" in printed) == (name == "information")


# Training

def test_penalty_slope():
    """C below M, -C above, and a straight line between M - WIDTH and M + WIDTH."""
    C = one_page.C
    inside = one_page.WIDTH / 2
    for distance, slope in [(-1.0, C), (-inside, C / 2), (0.0, 0.0),
                            (inside, -C / 2), (1.0, -C)]:
        assert one_page.penalty_slope(1.5 + distance, M=1.5) == pytest.approx(slope)


@pytest.mark.parametrize("M", [0.0, 2.0])
def test_gradient_of_the_objective(M):
    """It equals finite differences of ELBO - C |I^ - M|, at random parameters."""
    rng = generator(4)
    p = random_net(rng)
    q = random_net(rng)
    r = linear_net(slope=0.1, variance=0.2)    # a bad guess: I^ < -WIDTH
    x, eps_z, z, eps_x = columns(rng, number=4, n=64)

    def penalised(p, q):
        lower = one_page.infomax(r, z, one_page.sample(p, z, eps_x))
        penalty = one_page.C * abs(lower - M)
        return one_page.elbo(p, q, x, eps_z) - penalty

    lower = one_page.infomax(r, z, one_page.sample(p, z, eps_x))
    assert lower < -one_page.WIDTH
    slope = one_page.penalty_slope(lower, M)
    gradients = grad(one_page.objective, argnum=(0, 1))(
        p, q, r, slope, x, eps_z, z, eps_x)
    h = 1e-5    # the error is h^2 times a third derivative, about 1e-9
    for net, gradient in zip([p, q], gradients):
        for array, expected in zip(net, gradient):
            for index in np.ndindex(array.shape):
                value = array[index]
                array[index] = value + h
                above = penalised(p, q)
                array[index] = value - h
                below = penalised(p, q)
                array[index] = value
                difference = (above - below) / (2 * h)
                assert expected[index] == pytest.approx(difference, rel=1e-5, abs=1e-7)


def test_adam_is_the_textbooks():
    """Weighted means of all gradients and of their squares, with powers of beta as
    weights: this includes the correction of the bias."""
    rng = generator(5)
    net = [rng.standard_normal((2, 3)), rng.standard_normal(4)]
    expected = [a.copy() for a in net]
    gradients = [[rng.standard_normal(a.shape) for a in net] for _ in range(6)]
    adam = one_page.Adam(net)
    moved = net
    for t in range(6):
        rate = 0.1 / (t + 1)
        moved = adam.step(moved, gradients[t], rate)
        for k in range(2):
            past = np.array([gradients[i][k] for i in range(t + 1)])
            age = np.arange(t, -1, -1)
            m_hat = np.average(past, axis=0, weights=0.9 ** age)
            v_hat = np.average(past ** 2, axis=0, weights=0.999 ** age)
            expected[k] = expected[k] + rate * m_hat / (np.sqrt(v_hat) + 1e-8)
            np.testing.assert_allclose(moved[k], expected[k], rtol=1e-9, atol=1e-12)


def test_the_critic_never_sees_M(monkeypatch):
    """The last step has rate 0, so that two steps move each net once, from the same
    start.  M is below I^ in one run and above it in the other: p feels that, r not."""
    p_low, _, r_low = short_training(monkeypatch, M=-2.0, steps=2)
    p_high, _, r_high = short_training(monkeypatch, M=2.0, steps=2)
    assert not equal(p_low, p_high)
    assert equal(r_low, r_high)
    rng = generator(0)
    for _ in "pqr":
        r_start = one_page.init_net(rng)
    assert not equal(r_low, r_start)


@pytest.fixture
def critic_calls(monkeypatch):
    """Arguments and value of I^ at each step of the critic."""
    calls = []
    value_and_grad = one_page.value_and_grad

    def recorded(function):
        def value_and_gradient(*arguments):
            value, gradient = value_and_grad(function)(*arguments)
            calls.append((arguments, value))
            return value, gradient
        return value_and_gradient

    monkeypatch.setattr(one_page, "value_and_grad", recorded)
    return calls


def test_the_slope_comes_from_the_step_before(monkeypatch, critic_calls):
    lowers = []
    penalty_slope = one_page.penalty_slope

    def recorded_slope(lower, M):
        lowers.append(lower)
        return penalty_slope(lower, M)

    monkeypatch.setattr(one_page, "penalty_slope", recorded_slope)
    short_training(monkeypatch, M=1.0, steps=4)
    values = [value for _, value in critic_calls]
    assert len(values) == 4
    assert lowers == [0.0, *values[:-1]]


def test_the_critic_learns_from_pairs_of_the_decoder(monkeypatch, critic_calls):
    """Here x = 5 z + 0.1 eps."""
    p = linear_net(slope=5.0, variance=0.01)
    q = linear_net(slope=0.0, variance=1.0)
    r = linear_net(slope=0.0, variance=1.0)
    nets = iter([p, q, r])
    monkeypatch.setattr(one_page, "init_net", lambda rng: next(nets))
    short_training(monkeypatch, M=1.0, steps=1)
    (_, z, x), _ = critic_calls[0]
    noise = x - 5 * z
    # 512 draws: standard errors are 3 % for a standard deviation, 0.044 for z's mean
    # and for a correlation.  The limits are five times as wide.
    assert np.std(noise) == pytest.approx(0.1, rel=0.16)
    assert np.mean(z) == pytest.approx(0, abs=0.22)
    assert np.std(z) == pytest.approx(1, rel=0.16)
    assert np.corrcoef(noise[:, 0], z[:, 0])[0, 1] == pytest.approx(0, abs=0.22)


def test_a_short_run_reaches_M_and_draws(monkeypatch, tmp_path, capsys):
    """150 steps instead of 1000."""
    found = {}
    exact_values = one_page.exact_values

    def recorded(p, r, scale=1):
        values = exact_values(p, r, scale)
        found[scale] = values
        return values

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(one_page, "STEPS", 150)
    monkeypatch.setattr(one_page, "exact_values", recorded)
    assert one_page.main(["1.2", "5"]) is None
    # Of 20 seeds the worst was 0.036 from M, with a standard deviation of 0.008, and
    # 0.003 below the best likelihood.  A run that ignores M ends 1.2 nats from it.
    assert found[1]["information"] == pytest.approx(1.2, abs=0.1)
    assert found[1]["infomax"] <= found[1]["information"]
    assert 0 <= found[1]["best"] - found[1]["log_likelihood"] < 0.02
    # This model is smooth, and both grids give the same to rounding.
    assert found[2] == pytest.approx(found[1], abs=1e-6)
    first, last = capsys.readouterr().out.splitlines()
    assert "estimates" in first
    assert last.startswith("asked for 1.2 nats:   I^ 1.")
    picture = (tmp_path / "one_page.png").read_bytes()
    assert picture.startswith(b"\x89PNG") and len(picture) > 10_000


def test_the_same_seed_gives_the_same_model(monkeypatch, capsys):
    first = short_training(monkeypatch, M=1.0, steps=3)
    again = short_training(monkeypatch, M=1.0, steps=3)
    other = short_training(monkeypatch, M=1.0, steps=3, seed=1)
    for net, same, different in zip(first, again, other):
        assert equal(net, same)
        assert not equal(net, different)


# The program

def test_arguments_reach_the_training(monkeypatch):
    class Stop(Exception):
        pass

    def train(M, rng):
        raise Stop(M, rng.standard_normal())

    monkeypatch.setattr(one_page, "train", train)
    for argv, M, seed in [([], 1.2, 0), (["0.5"], 0.5, 0), (["3", "7"], 3.0, 7)]:
        with pytest.raises(Stop) as caught:
            one_page.main(argv)
        first_number = np.random.default_rng(seed).standard_normal()
        assert caught.value.args == (M, first_number)


@pytest.mark.parametrize("argv, named", [
    ("x", "M: invalid float value: 'x'"),
    ("-0.1", "M: -0.1 is not from 0 to 3 nats"),
    ("3.1", "M: 3.1 is not from 0 to 3 nats"),
    ("nan", "M: nan is not from 0 to 3 nats"),
    ("1 -1", "seed: -1 is not 0 or more"),
    ("1 0.5", "seed: invalid int value: '0.5'"),
    ("1 2 3", "unrecognized arguments: 3")])
def test_bad_input_is_one_line_and_status_2(capsys, argv, named):
    with pytest.raises(SystemExit) as caught:
        one_page.main(argv.split())
    assert caught.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert named in captured.err


def test_help_has_an_example_and_ranges(capsys):
    with pytest.raises(SystemExit) as caught:
        one_page.main(["-h"])
    assert caught.value.code == 0
    printed = capsys.readouterr().out
    for part in ["python one_page.py 0.5 7", "from 0 to 3 nats", "seconds"]:
        assert part in printed


@pytest.mark.parametrize("reason", ["no matplotlib", "no room for the file"])
def test_no_picture_is_one_line_after_the_values(monkeypatch, tmp_path, capsys, reason):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(one_page, "STEPS", 1)
    if reason == "no matplotlib":
        monkeypatch.setitem(sys.modules, "matplotlib", None)
    else:
        Path("one_page.png").mkdir()    # savefig cannot write into a folder
    message = one_page.main(["1.2"])
    assert message.startswith("one_page.py: no picture: ")
    assert "\n" not in message
    assert "asked for 1.2 nats" in capsys.readouterr().out


@pytest.fixture
def short_page(tmp_path):
    """A copy with one step, for runs as a program."""
    source = PAGE.read_text("utf-8")
    assert source.count("\nSTEPS = 1000\n") == 1
    path = tmp_path / "one_page.py"
    path.write_text(source.replace("\nSTEPS = 1000\n", "\nSTEPS = 1\n"), "utf-8")
    return path


def run(path, *options, **streams):
    # As a user has it: what is printed waits in a buffer.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    return subprocess.Popen([sys.executable, *options, path.name], cwd=path.parent,
                            env=environment, stderr=subprocess.PIPE, text=True,
                            **streams)


def assert_one_line_and_status_1(process):
    with process:
        message = process.stderr.read()
    assert process.returncode == 1
    assert len(message.splitlines()) == 1
    assert message.startswith("one_page.py: ")
    return message


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has /dev/full")
def test_a_full_output_is_one_line_and_the_picture_is_there(short_page):
    with open("/dev/full", "w") as full:
        process = run(short_page, stdout=full)
        assert_one_line_and_status_1(process)
    assert (short_page.parent / "one_page.png").exists()


def test_a_closed_pipe_is_one_line(short_page):
    process = run(short_page, stdout=subprocess.PIPE)
    process.stdout.close()
    assert_one_line_and_status_1(process)


def test_missing_packages_are_one_line(short_page):
    # -S leaves the installed packages out, -E those of PYTHONPATH.
    process = run(short_page, "-S", "-E", stdout=subprocess.DEVNULL)
    message = assert_one_line_and_status_1(process)
    assert "pip install numpy autograd matplotlib" in message


def test_the_page_needs_neither_the_library_nor_other_demos():
    imported = set()
    for node in ast.walk(ast.parse(PAGE.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            imported.add(node.module.split(".")[0])
    assert imported == {"argparse", "os", "sys", "autograd", "matplotlib"}
