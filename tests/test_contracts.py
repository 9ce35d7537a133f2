"""contracts: right densities of an outsider pass for every seed, wrong ones fail with
one line that names the fault."""
from statistics import NormalDist

import autograd.numpy as np
import numpy as onp
import pytest

from helpers import GivenNormal, generator
from minimae import (bounds, contracts, critics, nets, normal, problems, quadrature,
                     train)
from minimae.bounds import stop_gradient
from minimae.nets import Density, NormalNet

CDF = onp.vectorize(NormalDist().cdf)


# Densities of an outsider

class Bits(Density):
    """Independent bits given z."""

    def init(self, rng, n_in, n_hidden, n_out):
        return nets.init(rng, n_in, n_hidden, n_out)

    def logits(self, z):
        return nets.net(self.params, z)

    def log_prob(self, x, z):
        logits = self.logits(z)
        return np.sum(x * logits - np.logaddexp(0, logits), axis=-1)

    def draw(self, z, eps):
        probability = 1 / (1 + np.exp(-stop_gradient(self.logits(z))))
        return np.where(CDF(eps) < probability, 1.0, 0.0)

    def joint_nodes(self, z, eps, weights):
        x = self.draw(z, eps)
        return x, bounds.score_weights(self.log_prob(x, z), weights)


class Location(Density):
    """A value with a mean and a log scale from a net; `quantile` is a function of
    uniform numbers."""

    def init(self, rng, n_in, n_hidden, n_out):
        return nets.init(rng, n_in, n_hidden, n_out, n_out)

    def mean_and_log_scale(self, inputs):
        out = nets.net(self.params, inputs)
        dim = out.shape[-1] // 2
        return out[..., :dim], out[..., dim:]

    def reparameterize(self, inputs, eps):
        mean, log_scale = self.mean_and_log_scale(inputs)
        return mean + np.exp(log_scale) * self.quantile(CDF(eps))

    def standardise(self, value, inputs):
        mean, log_scale = self.mean_and_log_scale(inputs)
        return (value - mean) * np.exp(-log_scale), log_scale


class Logistic(Location):
    """Logistic columns."""

    def quantile(self, uniform):
        return np.log(uniform) - np.log1p(-uniform)

    def log_prob(self, x, z):
        u, log_scale = self.standardise(x, z)
        return np.sum(-u - 2 * np.logaddexp(0, -u) - log_scale, axis=-1)


class Laplace(Location):
    """Laplace columns."""

    def quantile(self, uniform):
        return -np.sign(uniform - 0.5) * np.log1p(-2 * np.abs(uniform - 0.5))

    def log_prob(self, x, z):
        u, log_scale = self.standardise(x, z)
        return -np.sum(np.abs(u) + log_scale + np.log(2), axis=-1)


class Exponential(Location):
    """Positive columns.  The formula of the density has no check of x > mean."""

    def quantile(self, uniform):
        return -np.log1p(-uniform)

    def log_prob(self, x, z):
        u, log_scale = self.standardise(x, z)
        return -np.sum(u + log_scale, axis=-1)


class FullNormal(Density):
    """A normal with two correlated columns, mean + L eps with a triangle L."""

    def init(self, rng, n_in, n_hidden, n_out):
        return nets.init(rng, n_in, n_hidden, 5)

    def parts(self, x):
        out = nets.net(self.params, x)
        return out[..., :2], out[..., 2:4], out[..., 4:]

    def reparameterize(self, x, eps):
        mean, log_sd, slope = self.parts(x)
        first = np.exp(log_sd[..., :1]) * eps[..., :1]
        second = slope * eps[..., :1] + np.exp(log_sd[..., 1:]) * eps[..., 1:]
        return mean + np.concatenate([first, second], axis=-1)

    def log_prob(self, z, x):
        mean, log_sd, slope = self.parts(x)
        u = z - mean
        first = u[..., :1] * np.exp(-log_sd[..., :1])
        second = (u[..., 1:] - slope * first) * np.exp(-log_sd[..., 1:])
        eps = np.concatenate([first, second], axis=-1)
        return normal.log_prior(eps) - np.sum(log_sd, axis=-1)


class FlowEncoder(Density):
    """u is a diagonal normal, z = (u_1, u_2 + a u_1 + b u_1^2).  The volume stays."""

    def init(self, rng, n_in, n_hidden, n_out):
        return nets.init(rng, n_in, n_hidden, 2, 2, 1, 1)

    def parts(self, x):
        return np.split(nets.net(self.params, x), [2, 4, 5], axis=-1)

    def reparameterize(self, x, eps):
        mean, log_var, a, b = self.parts(x)
        u = normal.sample(mean, log_var, eps)
        first = u[..., :1]
        second = u[..., 1:] + a * first + b * np.square(first)
        return np.concatenate([first, second], axis=-1)

    def log_prob(self, z, x):
        mean, log_var, a, b = self.parts(x)
        first = z[..., :1]
        second = z[..., 1:] - a * first - b * np.square(first)
        u = np.concatenate([first, second], axis=-1)
        return normal.log_prob(u, mean, log_var)


class FlowCritic(Density):
    """sinh(exp(tail) asinh((z - mean) / sd) + skew) is N(0, 1) distributed."""

    def init(self, rng, n_in, n_hidden, n_out):
        return nets.init(rng, n_in, n_hidden, n_out, n_out, n_out, n_out)

    def log_prob(self, z, x):
        mean, log_sd, tail, skew = np.split(nets.net(self.params, x), 4, axis=-1)
        u = (z - mean) * np.exp(-log_sd)
        v = np.exp(tail) * np.arcsinh(u) + skew
        log_slope = np.log(np.cosh(v)) + tail - 0.5 * np.log(1 + np.square(u)) - log_sd
        return normal.log_prior(np.sinh(v)) + np.sum(log_slope, axis=-1)


def real_rows(n_columns=3, **settings):
    """A problem with rows of real numbers."""
    rows = np.random.default_rng(0).standard_normal((64, n_columns))
    return problems.Data(rows, n_hidden=8, batch=16, n_codes=32, **settings)


def rows_of_bits(n_columns=6, decoder=Bits()):
    """A problem with rows of bits."""
    rows = np.random.default_rng(0).integers(2, size=(64, n_columns))
    return problems.Data(rows, decoder=decoder, n_hidden=8, batch=16, n_codes=32)


RIGHT = {
    "split normal": problems.SplitNormal(),
    "split normal, Bayes": problems.SplitNormal(critic=critics.Bayes()),
    "fixed log_var": problems.SplitNormal(log_var=-1.0),
    "categorical": problems.Categorical([0.5, 0.3, 0.2], n_z=32),
    "one-hot rows": problems.Data(np.eye(4)[np.arange(64) % 4], n_codes=64,
                                  decoder=nets.CategoricalNet()),
    "fixed log_var, mixture": real_rows(decoder=NormalNet(log_var=-3.0),
                                        critic=critics.NormalMixture(2)),
    "bits": rows_of_bits(),
    "bits, too many to list": rows_of_bits(n_columns=50),
    "logistic": real_rows(decoder=Logistic()),
    "Laplace": real_rows(decoder=Laplace(), critic=NormalNet()),
    "positive": real_rows(decoder=Exponential()),
    "full covariance": real_rows(encoder=FullNormal()),
    "flow encoder": real_rows(encoder=FlowEncoder()),
    "flow critic": real_rows(critic=FlowCritic()),
    "flow critic, categorical": problems.Categorical([0.5, 0.5], critic=FlowCritic(),
                                                     n_z=32),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_densities_pass(name):
    """A false alarm has a probability of about 1e-6, see contracts.check."""
    seed = generator(1).integers(2 ** 32)
    contracts.check(RIGHT[name], seed=seed)


# Wrong densities

class PlusOne(Laplace):
    def log_prob(self, x, z):
        return super().log_prob(x, z) + 1


class NoScale(Laplace):
    def log_prob(self, x, z):
        u, _ = self.standardise(x, z)
        return -np.sum(np.abs(u) + np.log(2), axis=-1)


class VarianceForSd(NormalNet):
    def reparameterize(self, inputs, eps):
        mean, log_var = self.mean_and_log_var(inputs)
        return mean + np.exp(log_var) * eps


class WrongSample(NormalNet):
    def sample(self, inputs, rng):
        mean, _ = self.mean_and_log_var(inputs)
        return mean + rng.standard_normal(mean.shape)


class OneSample(NormalNet):
    def sample(self, inputs, rng):
        return super().sample(inputs[0], rng)


class SecondAxis(Laplace):
    def log_prob(self, x, z):
        u, log_scale = self.standardise(x, z)
        return -np.sum(np.abs(u) + log_scale + np.log(2), axis=2)


class SplitFromTheFront(NormalNet):
    def mean_and_log_var(self, inputs):
        out = nets.net(self.params, inputs)
        # (J, N, 2 X) for one model, but (L, J, N, 2 X) for a stack
        return np.split(out, 2, axis=min(2, out.ndim - 1))


class FirstModelOnly(Laplace):
    def mean_and_log_scale(self, inputs):
        W, b, V, c = self.params
        if W.ndim > 2:
            b = b[:1]
        out = nets.net((W, b, V, c), inputs)
        dim = out.shape[-1] // 2
        return out[..., :dim], out[..., dim:]


class NoScoreWeights(Bits):
    def joint_nodes(self, z, eps, weights):
        return self.draw(z, eps), weights


class NotNormalised(Bits):
    def joint_nodes(self, z, eps, weights):
        x = self.draw(z, eps)
        return x, weights * np.exp(self.log_prob(x, z))


class WeightsOfRows(Bits):
    def joint_nodes(self, z, eps, weights):
        x = self.draw(z, eps)
        return x, weights[0, 0]


class OtherBits(Bits):
    def draw(self, z, eps):
        return 1 - super().draw(z, eps)


class MeanOfBits(Bits):
    def log_prob(self, x, z):
        logits = self.logits(z)
        return np.mean(x * logits - np.logaddexp(0, logits), axis=-1)


class BitsWithoutConstant(Bits):
    def log_prob(self, x, z):
        return np.sum(x * self.logits(z), axis=-1)


class HalfLogits(nets.CategoricalNet):
    def log_prob(self, x, z):
        return 0.5 * super().log_prob(x, z)


class OwnLogProb(NormalNet):
    def log_prob(self, value, inputs):
        return super().log_prob(value, inputs) + 100


class OtherMarginal(Laplace):
    def log_marginal(self, x, z, weights):
        return super().log_marginal(x, z, weights) - 0.1


class LaplaceFromNormal(NormalNet):
    """Its own log_prob and log_marginal, but a normal's draws."""
    log_marginal = Density.log_marginal

    def log_prob(self, x, z):
        mean, log_scale = self.mean_and_log_var(z)
        u = np.abs(x - mean) * np.exp(-log_scale)
        return -np.sum(u + log_scale + np.log(2), axis=-1)


class OneNumber(Laplace):
    def log_prob(self, x, z):
        return np.sum(super().log_prob(x, z))


class LastAxisStays(Laplace):
    def log_prob(self, x, z):
        return super().log_prob(x, z)[..., None]


class MeanOfColumns(Laplace):
    def log_prob(self, x, z):
        u, log_scale = self.standardise(x, z)
        return -np.mean(np.abs(u) + log_scale + np.log(2), axis=-1)


class DependsOnOthers(Laplace):
    def log_prob(self, x, z):
        log_p = super().log_prob(x, z)
        return log_p - np.mean(log_p, axis=-1, keepdims=True)


class NotANumber(Laplace):
    def log_prob(self, x, z):
        u, log_scale = self.standardise(x, z)
        return np.sum(np.log(u) - log_scale, axis=-1)


class HalfKL(NormalNet):
    def sample_with_kl(self, x, eps):
        z, kl = super().sample_with_kl(x, eps)
        return z, 0.5 * kl


class KLOfAllRows(NormalNet):
    def sample_with_kl(self, x, eps):
        z, kl = super().sample_with_kl(x, eps)
        return z, np.mean(kl)


class OtherDraw(NormalNet):
    def sample_with_kl(self, x, eps):
        z, kl = super().sample_with_kl(x, eps)
        return -z, kl


class HeldCode(NormalNet):
    """No gradient passes through the code nor the KL."""

    def sample_with_kl(self, x, eps):
        z, kl = super().sample_with_kl(x, eps)
        return stop_gradient(z), stop_gradient(kl)


class NoVolume(FullNormal):
    def log_prob(self, z, x):
        _, log_sd, _ = self.parts(x)
        return super().log_prob(z, x) + np.sum(log_sd, axis=-1)


class NoSlope(FlowCritic):
    def log_prob(self, z, x):
        mean, log_sd, tail, skew = np.split(nets.net(self.params, x), 4, axis=-1)
        u = (z - mean) * np.exp(-log_sd)
        v = np.exp(tail) * np.arcsinh(u) + skew
        return normal.log_prior(np.sinh(v)) - np.sum(log_sd, axis=-1)


class NotAFloat(Laplace):
    def init(self, rng, n_in, n_hidden, n_out):
        W, b, V, c = super().init(rng, n_in, n_hidden, n_out)
        return W, b, V, c, 3


class PlainNumpy(Laplace):
    def log_prob(self, x, z):
        mean, log_scale = self.mean_and_log_scale(z)
        u = onp.array(x - mean, dtype=float)
        return -np.sum(np.abs(u) + log_scale + np.log(2), axis=-1)


MASS = "not normalised, or the draws do not follow it"
STACK = r"in a stack of two models \(use negative axes\)"
WRONG = [
    (real_rows(decoder=PlusOne()),
     r"PlusOne.log_prob and joint_nodes: the density sums to 2\.\d* in place of 1"),
    (real_rows(decoder=NoScale()), f"NoScale.log_prob and joint_nodes.*{MASS}"),
    (real_rows(decoder=VarianceForSd()), f"VarianceForSd.log_prob and joint.*{MASS}"),
    (real_rows(decoder=WrongSample()), f"WrongSample.log_prob and sample.*{MASS}"),
    (real_rows(decoder=OneSample()), r"OneSample.sample has the shape \(3,\): give"),
    (real_rows(decoder=SecondAxis()), f"SecondAxis.log_prob {STACK} has the shape"),
    (real_rows(decoder=SplitFromTheFront()), f"SplitFromTheFront.joint_.* {STACK}"),
    (real_rows(decoder=FirstModelOnly()), rf"{STACK} is .* of the model alone it is"),
    (rows_of_bits(decoder=NoScoreWeights()),
     r"NoScoreWeights: I\^ has no gradient .* bounds.score_weights"),
    (rows_of_bits(decoder=NotNormalised()), "returns weights that sum to 0"),
    (rows_of_bits(decoder=WeightsOfRows()), r"the shape \(\): give \(..., J, N\)"),
    (rows_of_bits(decoder=OtherBits()), f"OtherBits.log_prob and joint_nodes.*{MASS}"),
    (rows_of_bits(decoder=MeanOfBits()), f"MeanOfBits.log_prob and joint.*{MASS}"),
    (rows_of_bits(50, BitsWithoutConstant()), f"BitsWithoutConstant.log_prob .*{MASS}"),
    (problems.Data(np.eye(4), decoder=HalfLogits()), f"HalfLogits.log_prob .*{MASS}"),
    (real_rows(encoder=OwnLogProb()),
     r"OwnLogProb.sample_with_kl: the KL is .* but .* - log p\(z\) is 1\d\d"),
    (real_rows(decoder=OwnLogProb()), "OwnLogProb.log_marginal is .* right would be"),
    (real_rows(decoder=OtherMarginal()), "OtherMarginal.log_marginal is .* the sum "),
    (real_rows(decoder=LaplaceFromNormal()), f"LaplaceFromNormal.log_prob .*{MASS}"),
    (real_rows(decoder=OneNumber()), r"OneNumber.log_prob has the shape \(\): give"),
    (real_rows(decoder=LastAxisStays()), r"log_prob has the shape \(1, 5, 1\): "),
    (real_rows(decoder=MeanOfColumns()), f"MeanOfColumns.log_prob and joint.*{MASS}"),
    (real_rows(decoder=DependsOnOthers()), "two rows is .* not depend on others"),
    (real_rows(decoder=NotANumber()), "NotANumber.log_prob is NaN"),
    (real_rows(encoder=HalfKL()), "HalfKL.sample_with_kl: the KL is"),
    (real_rows(encoder=KLOfAllRows()), r"sample_with_kl, KL has the shape \(\): give"),
    (real_rows(encoder=OtherDraw()), "OtherDraw.sample_with_kl, z is .* gives"),
    (real_rows(encoder=HeldCode()), "HeldCode: the ELBO has no gradient"),
    (real_rows(encoder=VarianceForSd()), "VarianceForSd.sample_with_kl, z is .* repar"),
    (real_rows(encoder=NoVolume()), f"NoVolume.log_prob and reparameterize.*{MASS}"),
    (real_rows(critic=NoSlope()), "NoSlope.log_prob: the density sums to .* in place"),
    (real_rows(critic=PlusOne()), r"PlusOne.log_prob: .* sums to 2\.\d* .* over"),
    (real_rows(decoder=NotAFloat()), "NotAFloat: init returns 3 as parameter 4"),
    (real_rows(decoder=PlainNumpy()), "PlainNumpy: autograd, .* fails"),
    (real_rows(decoder=Density()), r"write init\(rng, n_in"),
]


@pytest.mark.parametrize("problem, words", WRONG)
def test_wrong_densities_fail_with_the_right_words(problem, words):
    with pytest.raises(ValueError, match=words) as caught:
        contracts.check(problem, seed=generator(2).integers(2 ** 32))
    assert "\n" not in str(caught.value)


# The cheap checks

class DropOut(Laplace):
    """Hides z at random, by a Generator of its own."""

    def __init__(self):
        self.rng = np.random.default_rng(0)

    def log_prob(self, x, z):
        return super().log_prob(x, z * (self.rng.random(z.shape) < 0.5))


def test_cheap_checks_change_nothing_and_accept_drop_out():
    decoder = DropOut()
    problem = real_rows(decoder=decoder)
    nodes = problem.draw_nodes(np.random.default_rng(0))
    copies = [[a.copy() for a in group] for group in nodes]
    state = decoder.rng.bit_generator.state
    contracts.check_shapes(problem, nodes)
    assert decoder.rng.bit_generator.state == state
    assert decoder.params == () and problem.decoder is decoder
    for group, copied in zip(nodes, copies):
        for a, b in zip(group, copied):
            onp.testing.assert_array_equal(a, b)


def test_a_plain_vae_needs_no_gradient_of_the_bound():
    problem = rows_of_bits(decoder=NoScoreWeights())
    nodes = problem.draw_nodes(np.random.default_rng(0))
    contracts.check_shapes(problem, nodes, has_target=False)
    with pytest.raises(ValueError, match="no gradient"):
        contracts.check_shapes(problem, nodes)


# Any encoder

def sum_of_codes(z):
    return np.sum(z, axis=-1, keepdims=True)


def constant_log_var(z):
    return np.full((*z.shape[:-1], 1), np.log(0.25))


@pytest.mark.parametrize("encoder, lowest, highest", [
    # The posterior of x = z_1 + z_2 + N(0, 1/4) has the precision [[5, 4], [4, 5]].
    # The best diagonal normal has the variances 1/5 and the gap 1/2 log(25 / 9) = .511.
    (NormalNet(), 0.50, 0.56),
    # These contain the posterior.  What is left after 150 steps is .006 to .018 for
    # eight seeds, and .0005 to .003 after 400 slower ones.
    (FullNormal(), 0.0, 0.05),
    (FlowEncoder(), 0.0, 0.05)])
def test_the_gap_of_the_elbo_closes_for_an_encoder_with_correlations(
        encoder, lowest, highest):
    rng = generator(3)
    rows = 1.5 * rng.standard_normal((1024, 1))                # p(x) = N(0, 9/4)
    problem = problems.Data(rows, encoder=encoder, n_hidden=4, batch=32, n_codes=32,
                            critic=NormalNet(),
                            decoder=GivenNormal(sum_of_codes, constant_log_var))
    seed = int(rng.integers(2 ** 32))
    models = train.train(problem, [None], [seed], steps=120, learning_rate=0.1)
    p, q, _ = models[0]
    x, x_weights = quadrature.grid(32)
    nodes = quadrature.tensor_product((1.5 * x, x_weights), quadrature.grid(40, dim=2))
    elbo = bounds.elbo(p, q, *nodes)
    best = -normal.entropy(np.log([2.25]))
    assert lowest < best - elbo < highest
