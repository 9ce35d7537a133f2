"""demos/strings.py and string_nets.py: log p(x|z) symbol by symbol, what is seen and
hidden, the cause, and a short training of every method."""
import importlib

import numpy as np
import pytest
from helpers import GivenNormal, generator, random_net
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import string_nets
from minimae import contracts, quadrature

# Python has a module of the same name.
demo = importlib.import_module("strings")


def random_decoder(rng, decoder, scale=1.0):
    """The decoder with random parameters, for codes of one dimension."""
    params = decoder.init(rng, n_in=1, n_hidden=4, n_out=2 ** decoder.length)
    return decoder.with_params(random_net(params, rng, scale))


def naive_log_prob(params, string, z, window):
    """log p(x|z), one symbol after the other."""
    W_z, W_x, W_t, b, V, c = params
    log_p = 0.0
    for t, symbol in enumerate(string):
        seen = np.zeros(len(string))
        for s in range(t):
            if s >= t - window:
                seen[s] = string[s]
        hidden = np.tanh(z @ W_z + seen @ W_x + W_t[t] + b)
        log_odds = (hidden @ V + c)[0]
        log_p -= np.logaddexp(0, -symbol * log_odds)
    return log_p


# Decoders

@given(st.integers(0, 2 ** 32 - 1), st.integers(2, 4), st.integers(0, 4),
       st.sampled_from([0.3, 1.0, 2.0]))
def test_log_prob_is_a_sum_over_symbols(seed, length, window, scale):
    """By both routes: every string at every code, and codes of each string's own."""
    rng = generator(seed)
    p = random_decoder(rng, string_nets.StringNet(length, window), scale)
    strings = string_nets.all_strings(length)
    z = rng.standard_normal((5, 1))
    expected = []
    for code in z:
        expected.append([naive_log_prob(p.params, x, code, window) for x in strings])
    log_probs = p.log_probs(z)                                  # (5, K)
    one_hot = np.eye(len(strings))
    own_codes = np.broadcast_to(z[:, None], (5, len(strings), 1))
    # Sums of T terms below 100: rounding is far below 1e-9.
    assert_allclose(log_probs, expected, rtol=1e-9, atol=1e-9)
    assert_allclose(p.log_prob(one_hot[:, None], z), log_probs.T, rtol=1e-9, atol=1e-9)
    assert_allclose(p.log_prob(one_hot, own_codes), log_probs, rtol=1e-9, atol=1e-9)
    assert_allclose(np.sum(np.exp(log_probs), axis=1), 1, rtol=1e-9)


def test_all_strings_and_prefixes_are_there_once():
    strings = string_nets.all_strings(3)
    assert len({tuple(row) for row in strings}) == 8
    symbols, lengths = string_nets.all_prefixes(3)
    assert lengths.tolist() == [0, 1, 1, 2, 2, 2, 2]
    assert len({tuple(row) for row in symbols}) == 7
    assert_allclose(np.sum(np.abs(symbols), axis=1), lengths)


def test_full_drop_out_hides_all_symbols_in_training_and_none_in_log_probs():
    hidden = string_nets.DropOutNet(2, rate=1.0, rng=generator(0))
    p = random_decoder(generator(1), hidden)
    seeing = string_nets.StringNet(2).with_params(p.params)
    blind = string_nets.StringNet(2, window=0).with_params(p.params)
    z, _ = quadrature.grid(3)
    one_hot = np.eye(4)
    own_codes = np.broadcast_to(z[:, None], (3, 4, 1))
    assert_allclose(p.log_prob(one_hot, own_codes), blind.log_prob(one_hot, own_codes))
    assert_allclose(p.log_probs(z), seeing.log_probs(z))
    assert np.max(np.abs(seeing.log_probs(z) - blind.log_probs(z))) > 0.01


def test_drop_out_hides_a_share():
    symbols = np.ones((1000, 5))
    decoder = string_nets.DropOutNet(5, rate=0.25, rng=generator(2))
    shown = decoder.hide(symbols)
    assert set(np.unique(shown)) == {0.0, 1.0}
    # Six standard errors of a share of 5,000.
    assert np.mean(shown) == pytest.approx(0.75, abs=6 * np.sqrt(0.75 * 0.25 / 5000))


@pytest.mark.parametrize("decoder", [
    string_nets.StringNet(3), string_nets.StringNet(3, window=1),
    string_nets.DropOutNet(3, rate=0.5, rng=np.random.default_rng(0))])
def test_decoders_keep_the_contract_of_a_density(decoder):
    given_cause = demo.strings_given_cause(3)
    nodes = demo.make_problem(given_cause, decoder, "2").draw_nodes(generator(3))
    contracts.check_shapes(demo.make_problem(given_cause, decoder, "2"), nodes)


# The cause

def test_entropy_of_strings_and_their_information_about_the_cause():
    given_cause = demo.strings_given_cause(6)
    assert_allclose(np.sum(given_cause, axis=1), 1)
    p_x = np.mean(given_cause, axis=0)
    by_hand = 0.0
    for p in given_cause:
        by_hand += 0.5 * np.sum(p * np.log(p / p_x))
    assert demo.information_of(given_cause) == pytest.approx(by_hand)
    assert by_hand == pytest.approx(0.6633, abs=1e-4)
    assert -np.sum(p_x * np.log(p_x)) == pytest.approx(2.9818, abs=1e-4)


@pytest.mark.parametrize("gain, share", [(0, 0), (1, 1)])
def test_a_code_knows_nothing_or_all_of_the_cause(gain, share):
    """The mean of the code is gain times the number of the string, with sd .03."""
    given_cause = demo.strings_given_cause(6)

    def mean(x):
        return gain * (x @ np.arange(64.0))[:, None]

    def log_var(x):
        return np.full((len(x), 1), np.log(1e-3))

    known = demo.information_about_cause(GivenNormal(mean, log_var), given_cause)
    assert known == pytest.approx(share * demo.information_of(given_cause), abs=1e-6)


# Runs and words

def test_a_short_training_of_every_method():
    given_cause = demo.strings_given_cause(3)

    def measure(method, setting, targets, steps):
        return demo.train_and_measure(method, setting, targets, given_cause, seed=0,
                                      steps=steps, critic="2")

    mae, vae = measure("MAE", None, [0.6, None], steps=120)
    few, = measure("drop-out", 0.25, [None], steps=40)
    many, = measure("drop-out", 0.75, [None], steps=40)
    window, = measure("window", 0, [None], steps=2)
    # On seeds 0 to 7 the target is held to .017, and .017 are lost at most.
    assert mae["method"] == "MAE" and vae["method"] == "VAE"
    assert mae["information"] == pytest.approx(0.6, abs=0.03) and mae["lost"] < 0.04
    assert vae["information"] < 0.01 and vae["lost"] < 0.001
    # The more symbols are hidden the more is lost: .03 to .12 more on these seeds.
    assert 0.01 < few["lost"] < many["lost"] < window["lost"]
    assert few["lost"] == few["best"] - few["log_likelihood"]
    demo.draw([mae, vae, few, many, window], 0.1)


def make_row(method, setting, information, lost, target=None):
    return {"method": method, "setting": setting, "target": target, "seed": 0,
            "information": information, "lost": lost, "note": ""}


def test_a_title_counts_the_rivals_above_the_line():
    mae = [make_row("VAE", None, 0.0, 0.0), make_row("MAE", None, 1.0, 0.1, target=1.0)]
    above = make_row("window", 1, 0.5, 0.06)
    below = make_row("window", 2, 0.5, 0.04)
    beyond = make_row("drop-out", 0.5, 1.5, 0.9)
    unresolved = make_row("drop-out", 0.5, np.nan, 0.9)
    title = demo.finding([*mae, above, below, beyond, unresolved], "lost", "lose more")
    assert title == "For the same nats, 1 of 2 rival runs\nlose more than the MAE"
    assert "0 of 0" in demo.finding([unresolved, above], "lost", "lose more")


def test_names_of_rows():
    assert demo.name_of(make_row("MAE", None, 0.3, 0.0, target=0.3)) == "MAE 0.3"
    assert demo.name_of(make_row("window", 0, 0.3, 0.0)) == "window 0"
    assert demo.name_of(make_row("VAE", None, 0.3, 0.0)) == "VAE"
