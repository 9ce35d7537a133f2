"""The autoregressive decoder of demos/strings.py: its paths, its windows, and the discrete problem's bounds on it."""
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import forward, grid, log_critic, log_density, random_like
from minimae import exact, nodes

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "demos"))
import strings as demo  # noqa: E402


def random_strings(seed, length, scale, w):
    law = np.random.default_rng(seed).dirichlet(np.ones(2 ** length))
    problem = demo.string_problem(law, length, demo.window(length, w)[None], n_hidden=4)
    rng = np.random.default_rng(seed)
    p, q, r = problem.init(rng)
    return law, problem, (random_like(p, rng, scale), random_like(q, rng, 0.5), random_like(r, rng, 0.5))


def by_hand(params, length, w, z):
    """log p(x|z) of all strings, (n, K), one symbol of one string after the other."""
    W_z, W_x, b, W_out, b_out = (array.reshape(array.shape[-2:]) for array in params)
    words = demo.strings(length)
    table = np.zeros((len(z), len(words)))
    for k, word in enumerate(words):
        for t in range(length):
            seen = np.array([word[s] if max(0, t - w) <= s < t else 0.0 for s in range(length)])
            hidden = np.tanh(z @ W_z + np.concatenate([seen, np.arange(length) == t]) @ W_x + b)
            odds = (hidden @ W_out + b_out)[:, 0]
            table[:, k] -= np.logaddexp(0, -word[t] * odds)
    return table


cases = given(st.integers(0, 2 ** 32 - 1), st.integers(2, 4), st.sampled_from([0.3, 1.0, 2.0]), st.integers(0, 4))


@cases
def test_path_sums_are_a_normalised_law_by_both_routes(seed, length, scale, w):
    law, problem, params = random_strings(seed, length, scale, w)
    p, _, _ = problem.densities(params)
    z = np.random.default_rng(seed).standard_normal((5, 1))
    log_probs = p.log_probs(z[None, None])[0, 0]
    # sums of T terms of size up to 100: rounding is far below 1e-9
    np.testing.assert_allclose(np.exp(log_probs).sum(1), 1, rtol=1e-9)
    np.testing.assert_allclose(log_probs, by_hand(params[0], length, w, z), rtol=1e-9, atol=1e-9)
    one_by_one = p.log_prob(np.eye(2 ** length)[None, None], z[None, :, None])[0]
    np.testing.assert_allclose(one_by_one, log_probs, rtol=1e-9, atol=1e-9)


@cases
def test_a_window_of_the_whole_length_is_the_full_decoder(seed, length, scale, w):
    _, problem, params = random_strings(seed, length, scale, length)
    full = demo.string_problem(np.full(2 ** length, 0.5 ** length), length, np.tri(length, k=-1)[None], n_hidden=4)
    z = np.random.default_rng(seed).standard_normal((1, 1, 5, 1))
    np.testing.assert_array_equal(problem.densities(params)[0].log_probs(z), full.densities(params)[0].log_probs(z))


def test_a_window_of_zero_has_independent_symbols():
    _, problem, params = random_strings(3, 3, 1.0, 0)
    probs = np.exp(problem.densities(params)[0].log_probs(np.full((1, 1, 1, 1), 0.3))).reshape(2, 2, 2)
    a, b, c = probs.sum((1, 2)), probs.sum((0, 2)), probs.sum((0, 1))
    np.testing.assert_allclose(probs, a[:, None, None] * b[:, None] * c, rtol=1e-9)


@cases
def test_bounds_and_gap_identities(seed, length, scale, w):
    law, problem, params = random_strings(seed, length, scale, w)
    got = {key: value[0] for key, value in exact.figures(problem, params).items()}
    z, weights = grid(2001, 1)
    log_pxz = by_hand(params[0], length, w, z)
    joint = weights[:, None] * np.exp(log_pxz)
    px = joint.sum(0)
    information = np.sum(joint * (log_pxz - np.log(px)))
    x = np.eye(2 ** length)
    log_pzx = log_pxz + log_density(z, 0, np.zeros(1))[:, None] - np.log(px)
    critic_gap = np.sum(joint * (log_pzx - log_critic(params[2], z, x)))
    mean, log_var = forward(params[1], x)
    encoder_gap = 0.0
    for k, mass in enumerate(law):
        zk = mean[k] + np.exp(log_var[k] / 2) * z
        posterior = by_hand(params[0], length, w, zk)[:, k] + log_density(zk, 0, np.zeros(1)) - np.log(px[k])
        encoder_gap += mass * np.sum(weights * (log_density(zk, mean[k], log_var[k]) - posterior))
    close = dict(rel=1e-5, abs=1e-5)  # both routes stand to 1e-6 and better
    assert got["exact"] == pytest.approx(information, **close)
    assert got["lower"] == pytest.approx(information - critic_gap, **close)
    assert got["upper"] == pytest.approx(information + np.sum(px * np.log(px / law)), **close)
    assert got["elbo"] == pytest.approx(np.sum(law * np.log(px)) - encoder_gap, **close)
    assert -1e-6 <= got["exact"] and got["lower"] <= got["exact"] + 1e-6 and got["elbo"] <= got["log_likelihood"] + 1e-6


def test_the_law_of_the_strings():
    given_cause = demo.law_given_cause(6)
    law = given_cause.mean(0)
    np.testing.assert_allclose(given_cause.sum(1), 1, rtol=1e-12)
    assert -np.sum(law * np.log(law)) == pytest.approx(2.9818, abs=1e-4)
    assert np.sum(0.5 * given_cause * np.log(given_cause / law)) == pytest.approx(0.6633, abs=1e-4)


def test_cause_in_code_at_its_extremes():
    """A code that ignores x knows nothing of the cause, one that tells every x apart knows what x knows."""
    from minimae.nets import NormalNet, init
    given_cause = demo.law_given_cause(3)
    params = init(np.random.default_rng(0), 8, 4, 1, 1)
    ignorant = tuple(0 * array for array in params)
    assert demo.cause_in_code(NormalNet(ignorant), given_cause) == pytest.approx(0, abs=1e-9)

    class Telling:
        def moments(self, x):
            return (x @ np.arange(8.0))[..., None], np.full(x.shape[:-1] + (1,), np.log(1e-3))

    law = given_cause.mean(0)
    expected = np.sum(0.5 * given_cause * np.log(given_cause / law))
    assert demo.cause_in_code(Telling(), given_cause) == pytest.approx(expected, abs=1e-6)


def test_dropout_hides_words_in_training_only():
    law = np.full(4, 0.25)
    hide_all = demo.string_problem(law, 2, demo.window(2, 2)[None], drop=lambda: np.zeros((1, 4, 1, 2)))
    params = hide_all.init(np.random.default_rng(0))
    p, _, _ = hide_all.densities(params)
    blind = demo.string_problem(law, 2, demo.window(2, 0)[None]).densities(params)[0]
    full = demo.string_problem(law, 2, demo.window(2, 2)[None]).densities(params)[0]
    x, z = np.eye(4)[None, :, None], nodes.grid(3)[0][None, None]
    np.testing.assert_allclose(p.log_prob(x, z), blind.log_prob(x, z), rtol=1e-12)
    np.testing.assert_array_equal(p.log_probs(z), full.log_probs(z))


def test_the_demo(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert demo.main(["--length", "3", "--levels", "0.3", "--steps", "20", "--csv", "t.csv"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("MAE, M = 0.3", "full VAE", "KL annealing", "drop-out 0.5", "window 1"))
    assert Path("strings.png").exists() and Path("t.csv").read_text().count("\n") == 1 + 1 + 2 + 3 + 2
    for argv in (["--length", "1"], ["--length", "8"], ["--levels", "5"]):
        with pytest.raises(SystemExit) as caught:
            demo.main(argv)
        assert caught.value.code == 2 and capsys.readouterr().err.count("\n") == 1


def test_no_model_of_the_stack_disturbs_another():
    """Drop-out and annealing of some rows leave the full VAE as it is alone."""
    law = demo.law_given_cause(3).mean(0)
    models = demo.methods([0.3], 3)
    together = demo.train_all(models, law, 3, 0, 30)
    alone = demo.train_all([models[1]], law, 3, 0, 30)
    for net, net_alone in zip(exact.select(together, 1), alone):
        for array, array_alone in zip(net, net_alone):
            np.testing.assert_allclose(array, array_alone, atol=1e-8)  # rounding, grown over 30 steps
