"""demos/names.py, writer.py and ngram.py: names as rows, the decoder against sums over
all names, the yardstick, and the demo."""
import csv
import gzip
import itertools
import math
from pathlib import Path
from statistics import NormalDist

import autograd.numpy as np
import pytest
from autograd import grad
from numpy.testing import assert_allclose

import cli
import names
import writer
from helpers import GivenNormal, flatten, generator
from minimae import bounds, certified, contracts, critics, problems, quadrature, train
from ngram import NGram
from writer import ForgetfulWriter, Reader, Writer

SMALL = {"n_places": 3, "n_symbols": 3, "context": 2, "n_units": 8, "n_factors": 4}
DIM_X = 9


def small_writer(seed, **settings):
    """A writer of names of at most three letters of two, and its numbers are so large
    that the probabilities of letters differ."""
    p = Writer(**{**SMALL, **settings})
    params = p.init(generator(seed), 2, 8, DIM_X)
    return p.with_params(tuple(2 * a for a in params))


def all_small_names():
    """Every name of the small writer, (15, X)."""
    rows = []
    for symbols in itertools.product(range(3), repeat=3):
        ended = False
        is_name = True
        for symbol in symbols:
            is_name = is_name and not (ended and symbol > 0)
            ended = ended or symbol == 0
        if is_name:
            rows.append(np.eye(3)[list(symbols)].ravel())
    return np.array(rows)


# Names as rows

def test_names_and_rows_are_the_same_thing():
    rows = writer.encode(["a", "zoe", "jennifer"])
    assert rows.shape == (3, 216)
    assert np.all(np.sum(rows, axis=-1) == 8)
    assert writer.decode(rows) == ["a", "zoe", "jennifer"]
    assert np.argmax(rows[1].reshape(8, 27), axis=-1).tolist() == [26, 15, 5] + 5 * [0]


@pytest.mark.parametrize("name, words", [
    ("", "'': give 1 to 8 letters"), ("christina", "give 1 to 8 letters"),
    ("anna7", "letter '7'"), ("zoë", "letter 'ë'"), ("Anna", "letter 'A'")])
def test_a_bad_name_is_one_line(name, words):
    with pytest.raises(ValueError, match=words) as caught:
        writer.encode(["anna", name])
    assert "\n" not in str(caught.value)


def test_noise_is_gumbel():
    u = np.array([0.001, 0.3, 0.5, 0.999])
    eps = np.array([NormalDist().inv_cdf(value) for value in u])
    assert_allclose(writer.gumbel(eps), -np.log(-np.log(u)), rtol=1e-9)
    assert np.all(writer.gumbel(np.array([-40.0, 40.0])) == [-np.inf, np.inf])


# The decoder

def test_probabilities_of_all_names_sum_to_one():
    p = small_writer(0)
    z = generator(1).standard_normal((5, 2))
    x = all_small_names()
    log_p = p.log_prob(x[:, None], z)                           # (15, 5)
    assert_allclose(np.sum(np.exp(log_p), axis=0), 1, rtol=1e-12)
    assert np.ptp(log_p) > 1  # or a constant could pass
    weights = np.array([0.1, 0.2, 0.3, 0.4, 0.0])
    log_px = p.log_marginal(x[None], z, weights)
    assert_allclose(np.exp(log_px[0]), np.exp(log_p) @ weights, rtol=1e-12)


def test_names_are_drawn_as_often_as_log_prob_says():
    p = small_writer(2)
    rng = generator(3)
    x = all_small_names()
    n = 20000
    z = np.repeat(rng.standard_normal((1, 2)), n, axis=0)
    weights = np.full((1, n), 1 / n)
    expected = n * np.exp(p.log_prob(x, z[:1]))
    by_nodes, joint = p.joint_nodes(z, rng.standard_normal((1, n, DIM_X)), weights)
    assert_allclose(joint, weights)
    for drawn in [by_nodes[0], p.sample(z, rng)]:
        is_same = np.all(drawn[:, None] == x, axis=-1)          # (n, 15)
        assert np.all(np.sum(is_same, axis=1) == 1)
        counts = np.sum(is_same, axis=0)
        # Chi squared with 14 degrees of freedom exceeds 65 with a probability of 1e-8.
        assert np.sum((counts - expected) ** 2 / expected) < 65


def test_letters_after_the_end_count_nothing():
    p = small_writer(4)
    z = generator(5).standard_normal((1, 2))
    name = np.eye(3)[[1, 0, 0]].ravel()
    other = np.eye(3)[[1, 0, 2]].ravel()
    longer = np.eye(3)[[1, 2, 0]].ravel()
    assert p.log_prob(name, z) == p.log_prob(other, z) != p.log_prob(longer, z)


def test_gradient_of_infomax_is_that_of_the_sum_over_all_names():
    """By p's parameters, for two letters and Bayes' rule at these parameters."""
    p = small_writer(6)
    rng = generator(7)
    z = rng.standard_normal((3, 2))
    x = all_small_names()[:, None]                              # (15, 1, X)
    r = critics.Posterior(p, z, weights=np.full(3, 1 / 3))

    def exact(params):
        joint = np.exp(p.with_params(params).log_prob(x, z)) / len(z)
        return bounds.infomax(r, z, x, joint)

    n = 600
    n_batches = 40
    codes = np.tile(z, (n // len(z), 1))
    weights = np.full((1, n), 1 / n)
    estimates = []
    for _ in range(n_batches):
        eps = rng.standard_normal((1, n, DIM_X))

        def estimate(params):
            drawn, joint = p.with_params(params).joint_nodes(codes, eps, weights)
            return bounds.infomax(r, codes, drawn, joint)
        estimates.append(grad(estimate)(p.params))
    right = flatten(grad(exact)(p.params))
    found = np.array([flatten(gradient) for gradient in estimates])
    error = np.std(found, axis=0, ddof=1) / math.sqrt(n_batches)
    # Student's t with 39 degrees of freedom exceeds 8 with a probability of 1e-9, and
    # there are some 300 numbers.  The baseline is a mean over the same nodes and takes
    # 1 / n of the gradient: far below the error.
    assert np.all(np.abs(np.mean(found, axis=0) - right) <= 8 * error + 1e-12)
    # Along the right gradient, where the errors average out: 1 is right.
    length = found @ right / (right @ right)
    error_of_length = np.std(length, ddof=1) / math.sqrt(n_batches)
    assert abs(np.mean(length) - 1) < 8 * error_of_length < 0.8


def test_a_decoder_with_constant_factors_has_no_information():
    p = small_writer(8)
    W_z, b_z, V_z, c_z, *rest = p.params
    blind = p.with_params((W_z, b_z, 0 * V_z, c_z, *rest))
    rng = generator(9)
    codes, weights = quadrature.kronecker(rng, 64, 2)
    eps = rng.standard_normal((1, 64, DIM_X))
    x, joint = blind.joint_nodes(codes, eps, weights[None])
    for p, is_zero in [(blind, True), (small_writer(8), False)]:
        information = bounds.multi_sample(p, codes, x, joint, codes, weights)
        assert (abs(information) < 1e-12) == is_zero
    assert len(set(names.names_at_grid(full_writer(blind=True)))) == 1


def full_writer(blind):
    p = Writer()
    params = list(p.init(generator(11), 2, 8, 216))
    if blind:
        params[2] = 0 * params[2]
    return p.with_params(tuple(params))


def test_densities_keep_the_contract():
    """Of the writer, shapes, stacks, log_marginal and gradients; the sum of its density
    is not decided, because independent columns are no names."""
    rows = writer.encode(["anna", "bob", "jennifer", "zoe"] * 8)
    problem = problems.Data(rows, decoder=Writer(), encoder=Reader(), batch=32,
                            n_codes=64)
    contracts.check(problem, seed=12)


def test_drop_out_hides_the_letters_before():
    params = full_writer(blind=False).params
    x = writer.encode(["anna", "anne"])
    z = np.zeros((2, 2))
    right = Writer().with_params(params).log_prob(x, z)
    sees_all = ForgetfulWriter(0.0, generator(13)).with_params(params)
    assert_allclose(sees_all.log_prob(x, z), right)
    sees_none = ForgetfulWriter(1.0, generator(14)).with_params(params)
    letters = sees_none.letters(x)
    heads = sees_none.heads(letters, place=4)
    assert_allclose(heads[0], heads[1])
    with_letters = Writer().with_params(params).heads(letters, place=4)
    assert not np.allclose(with_letters[0], with_letters[1])


# The yardstick

def test_counts_of_letters():
    model = NGram(["ab", "a"], order=1)
    # After the start: a twice, one different symbol.  Of all five symbols, two are a,
    # three are different; and 1 / 27 stands for none.
    of_all = (2 + 3 / 27) / (5 + 3)
    assert_allclose(model.prob("^", "a"), (2 + of_all) / (2 + 1))
    for past in ["^", "a", "b", "q"]:
        symbols = writer.ALPHABET + "."
        assert_allclose(sum(model.prob(past, symbol) for symbol in symbols), 1)
    assert len(model.steps("jennifer")) == 8
    assert model.steps("ab")[-1] == ("b", ".")
    total = math.log(model.prob("^", "a")) + math.log(model.prob("a", "."))
    assert_allclose(model.log_prob("a"), total)


# The data and the demo

def test_data_are_the_names_of_the_census():
    (known, labels), (new, new_labels) = names.load()
    assert (len(known), len(new)) == (3672, 1224)
    assert {"anna", "robert"} <= set(new)
    robert = new_labels[new.index("robert")]
    assert robert.tolist() == [18, 15, 2, 5, 18, 20, 0, 0, 6, 2]
    assert [names.list_of(0.1, 0), names.list_of(0, 0.1)] == [0, 1]
    assert np.max(labels) == 26 and np.all(labels[:, -1] <= 2)


@pytest.mark.parametrize("content", [
    b"no gzip", gzip.compress(b"name,female,male\nanna,1,0\n"),
    gzip.compress(b"name\n" * 9)[:-4]])
def test_damaged_data_are_named(content, tmp_path, monkeypatch):
    path = tmp_path / "names.csv.gz"
    path.write_bytes(content)
    monkeypatch.setattr(names, "DATA", path)
    with pytest.raises(OSError):
        names.load()


class KnowsFirstLetter(GivenNormal):
    """A code that is the first letter, a distance of 10 standard deviations apart."""

    def __init__(self):
        def mean(x):
            return x[..., :27] @ np.arange(27.0)[:, None]

        def log_var(x):
            return np.full((*x.shape[:-1], 1), 2 * np.log(0.1))
        super().__init__(mean, log_var)


def test_what_the_code_tells(few_names):
    told = names.what_code_tells(KnowsFirstLetter())
    (_, _), (_, labels) = names.load()
    shares = np.bincount(labels[:, 0]) / len(labels)
    shares = shares[shares > 0]
    entropy = -np.sum(shares * np.log(shares))
    # All of it but UNSEEN, which costs less than .01 nats.
    assert entropy - 0.01 < told["letter 1"] <= entropy
    assert told["list"] < 0.5 * entropy
    assert list(told) == names.LABELS


@pytest.fixture
def few_names(monkeypatch):
    """Names of a small part of the list, with two beginnings, and small samples."""
    def keep(part, begins):
        words, labels = part
        index = [k for k, word in enumerate(words) if word[0] in begins]
        return [words[k] for k in index], labels[index]

    known, new = names.load()
    few = keep(known, "uz"), keep(new, "uz")
    monkeypatch.setattr(names, "load", lambda: few)
    monkeypatch.setattr(names, "SAMPLES", {"n_sets": 8, "n": 8, "n_codes": 64})
    monkeypatch.setattr(certified, "N_LAST", 128)


def run(*argv):
    cli.main(names.run, names.PARSER, argv)


def test_demo_prints_names_and_writes_its_files(few_names, tmp_path, monkeypatch,
                                                capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(names, "RIVALS", [("word drop-out", 0.5)])
    run("--targets", "1", "--steps", "2", "--csv", "t.csv", "--from", "bo", "--rivals")
    printed = capsys.readouterr().out
    assert "from bo to robert" in printed and "word drop-out 0.5" in printed
    assert "free bits 1" in printed
    assert max(len(line) for line in printed.splitlines()) <= 120
    rows = list(csv.DictReader(Path("t.csv").read_text().splitlines()))
    assert [row["target"] for row in rows] == ["", "1.0"]
    assert len(eval(rows[0]["walk"])) == names.N_WALK
    assert Path("names.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("argv, words", [
    (["--from", "an na"], "letter ' '"), (["--to", ""], "give 1 to 8 letters"),
    (["--to", "alexandra"], "'alexandra': give 1 to 8 letters"),
    (["--targets", "4"], "target 4.0")])
def test_bad_input_is_one_line_before_training(argv, words, tmp_path, monkeypatch,
                                               capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train, "Adam", None)
    with pytest.raises(SystemExit) as caught:
        run(*argv)
    error = capsys.readouterr().err
    assert caught.value.code == 2 and words in error and error.count("\n") == 1


def test_title_says_what_the_rows_show():
    vae = {"target": None, "grid": ["anna"] * 16}
    most = {"target": 2.0, "grid": ["anna", "bob"] * 8}
    title = names.finding([vae, most])
    assert "writes 1 name with the VAE, 2 with M = 2" in title
    assert "VAE" not in names.finding([most, most])
