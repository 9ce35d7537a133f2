"""Five pictures for the lesson, from closed forms and exact sums: the bounds as a bar,
who climbs what, the tent of the penalty, a decoder that fools a critic, and one that
carries nats by a little mass, spread far."""
import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parent.parent))  # the folder of cli.py
import cli

import math
from statistics import NormalDist

import numpy as np
from matplotlib import pyplot as plt

from minimae import normal, plot

# Apart in grey as well, and for the colour-blind.
DARK = "#003f5c"
ORANGE = "#c2410c"
LIGHT = "#67b8d6"
GREY = "#cccccc"
NEAR = 3   # the data end about here: N(0, 1) has .003 beyond
DX = 0.02  # of a grid of x: a twentieth of the smallest sd below

PARSER = cli.Parser(__doc__, "--out-dir .", seconds=3, folder="demos/lesson")
PARSER.add_argument("--out-dir", default=".", metavar="FOLDER",
                    help="where the pictures go (default .)")


def run(args, save):
    if not args.out_dir or not Path(args.out_dir).is_dir():
        raise ValueError(f"--out-dir {args.out_dir!r}: give a folder that is there")
    for draw in [bar, players, tent, fooled, spread]:
        path = Path(args.out_dir) / f"{draw.__name__}.png"
        with plot.style():
            figure = draw()
        save.figure(str(path), figure)


# The bounds of I as a bar

def bar():
    """I^, I and U of x|z ~ N(.8 z, .36), for the critic N(.5 x, 1) and for
    m(x) = N(0, 1.5^2)."""
    infomax = 0.5 * (1 - 0.45)                  # E (z - .5 x)^2 = .45
    information = -0.5 * math.log(0.36)
    gap_of_m = 0.5 * (1 / 2.25 - 1 + math.log(2.25))
    upper = information + gap_of_m

    figure, axis = plt.subplots(figsize=(10, 3.5), layout="constrained")
    draw_segment(axis, 0, infomax, LIGHT, "", "what r finds", "Î")
    draw_segment(axis, infomax, information, ORANGE, "//",
                 "gap of r\nE KL[p(z|x) || r]", "I")
    draw_segment(axis, information, upper, GREY, "..", "gap of m\nKL[p(x) || m]", "U")
    axis.set_title("I lies between two bounds, and each gap is a KL", weight="bold",
                   pad=12)
    axis.set(xlim=(0, 1.08 * upper), ylim=(-1.1, 0.65), yticks=[])
    axis.set_xlabel("nats, for x|z ~ N(.8 z, .36), r(z|x) = N(.5 x, 1), "
                    "m(x) = N(0, 1.5²)")
    axis.spines["left"].set_visible(False)
    return figure


def draw_segment(axis, left, right, colour, hatch, words, name):
    """A segment of the bar, with words below it and the value at its right end."""
    axis.barh(0, right - left, height=0.6, left=left, color=colour, hatch=hatch,
              edgecolor="white")
    axis.plot([right, right], [-0.3, 0.4], color="black", linewidth=2)
    axis.text(right, 0.45, f"{name} = {right:.3f}", ha="center", weight="bold")
    middle = (left + right) / 2
    axis.text(middle, -0.4, f"{words}\n{right - left:.3f}", ha="center", va="top")


# Who climbs what

def players():
    """p, q and r, and what each climbs."""
    figure, axis = plt.subplots(figsize=(10, 4.6), layout="constrained")
    elbo = (1, 1)
    infomax = (3, 1)
    draw_arrow(axis, elbo, (0, 0), "-")
    draw_arrow(axis, elbo, (2, 0), "-")
    draw_arrow(axis, infomax, (2, 0), "--")
    draw_arrow(axis, infomax, (4, 0), "-")
    draw_box(axis, elbo, "ELBO\nfrom data x", "white")
    draw_box(axis, infomax, "Î\nfrom codes z", "white")
    draw_box(axis, (2.5, 0.5), "times slope", "white")
    draw_box(axis, (0, 0), "encoder\nq(z|x)", GREY)
    draw_box(axis, (2, 0), "decoder\np(x|z)", GREY)
    draw_box(axis, (4, 0), "critic\nr(z|x)", GREY)
    axis.set_title("Only the decoder is told about M: the critic always climbs Î",
                   weight="bold")
    axis.set(xlim=(-0.5, 4.5), ylim=(-0.3, 1.25))
    axis.axis("off")
    figure.supxlabel("Each net climbs what points to it.  "
                     "Slope: C if Î is well below M, -C if it is well above.", size=14)
    return figure


def draw_box(axis, position, words, colour):
    """Words in a box."""
    axis.text(*position, words, ha="center", va="center", size=16,
              bbox={"boxstyle": "round,pad=0.5", "facecolor": colour})


def draw_arrow(axis, start, end, line):
    """An arrow from a box to one below it."""
    style = {"arrowstyle": "-|>", "linewidth": 2.5, "mutation_scale": 25,
             "color": "black", "linestyle": line, "shrinkA": 30, "shrinkB": 42}
    axis.annotate("", end, start, arrowprops=style)


# The tent of the penalty

def tent(sd=0.5, M=0.2):
    """The ELBO against I for x|z ~ N(a z, sd^2) and the best q, and the same minus
    C |I - M| for a small and a large C."""
    information = np.linspace(0, 1.2, 601)
    variance = sd ** 2 * np.exp(2 * information)                # of x
    elbo = -0.5 * np.log(2 * np.pi * variance) - 0.5 / variance
    slope = 1 / (sd ** 2 * math.exp(2 * M)) - 1

    figure, axis = plt.subplots(figsize=(10, 5.4), layout="constrained")
    axis.axvline(M, color="grey", linewidth=1)
    axis.text(M - 0.01, -1.15, f"M = {M}", ha="right")
    axis.plot(information, elbo, color="black", linewidth=2)
    axis.text(1.22, elbo[-1], f"ELBO\nslope {slope:.2f} at M", va="center")
    draw_tent(axis, information, elbo, M, C=1, colour=ORANGE, line="--", end=520)
    draw_tent(axis, information, elbo, M, C=3, colour=DARK, line="-", end=280)
    axis.set_title("C must exceed the slope of the ELBO: only then is the top at M",
                   weight="bold")
    axis.set(xlim=(0, 1.62), ylim=(-2.9, -1.05), xlabel="I, nats", ylabel="nats",
             xticks=np.arange(0, 1.3, 0.2))
    return figure


def draw_tent(axis, information, elbo, M, C, colour, line, end):
    """The penalised ELBO with its top, and a label at point number `end`."""
    curve = elbo - C * np.abs(information - M)
    top = np.argmax(curve)
    axis.plot(information, curve, line, color=colour, linewidth=2.5)
    axis.plot(information[top], curve[top], "o", color=colour, markersize=12)
    axis.text(information[end] + 0.02, curve[end],
              f"ELBO - {C} |I - M|\ntop at I = {information[top]:.2f}", color=colour,
              va="bottom", weight="bold")


# A decoder that fools a normal critic

def fooled(M=1.0, at=0.5):
    """x|z ~ N(a f(z), exp(-2 M)) with a^2 = 1 - exp(-2 M), f(z) = G(2 F(z) mod 1) and F
    the distribution function of N(0, 1), G its inverse.  f(z) is N(0, 1), so p(x) is
    N(0, 1), I is M, and p(z|x) has two humps."""
    probability = (np.arange(2400) + 0.5) / 2400
    z = inverse_cdf(probability)                # equally likely points of N(0, 1)
    variance = math.exp(-2 * M)
    a = math.sqrt(1 - variance)
    mean = a * inverse_cdf(2 * probability % 1)
    x = z[2::5]                                 # equally likely points of p(x)
    mean_of_z, variance_of_z, _ = posterior_of(z, mean, variance, x)
    # The best normal has the mean and the variance of p(z|x).  Then I^ = H(z) - E H(r).
    infomax = -0.5 * np.mean(np.log(variance_of_z))
    x = np.array([at])
    mean_of_z, variance_of_z, posterior = posterior_of(z, mean, variance, x)

    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
    figure.suptitle(f"x tells {M:g} nat about z, but a normal critic finds at most "
                    f"{infomax:.2f}", weight="bold")
    draw_two_branches(left, z, mean, at)
    best = np.exp(normal.log_prob(z[:, None], mean_of_z, np.log(variance_of_z)))
    draw_two_humps(right, z, posterior[0] / np.gradient(z), best, at)
    return figure


def posterior_of(z, mean, variance, x):
    """The mean and the variance of p(z|x), (n,), and its weights on equally likely z,
    (n, S), for x|z ~ N(mean, variance)."""
    likelihood = np.exp(-0.5 * (x[:, None] - mean) ** 2 / variance)         # (n, S)
    weights = likelihood / np.sum(likelihood, axis=1, keepdims=True)
    mean_of_z = weights @ z
    variance_of_z = weights @ z ** 2 - mean_of_z ** 2
    return mean_of_z, variance_of_z, weights


def inverse_cdf(probability):
    """The quantiles of N(0, 1)."""
    return np.vectorize(NormalDist().inv_cdf)(probability)


def draw_two_branches(axis, z, mean, at):
    """The mean of x as a function of z."""
    half = len(z) // 2
    axis.plot(z[:half], mean[:half], color=DARK, linewidth=2.5)
    axis.plot(z[half:], mean[half:], color=DARK, linewidth=2.5)
    axis.axhline(at, color=ORANGE, linestyle="--", linewidth=2)
    axis.text(-2.9, at + 0.1, f"{at}", color=ORANGE, weight="bold")
    axis.set_title("two codes z have the same mean of x")
    axis.set(xlim=(-3, 3), ylim=(-3, 3), xlabel="z", ylabel="a f(z), the mean of x")


def draw_two_humps(axis, z, posterior, best, at):
    """p(z|x) and the best normal."""
    axis.fill_between(z, posterior, color=LIGHT)
    axis.plot(z, best, "--", color=ORANGE, linewidth=2.5)
    axis.text(1.4, 0.6, f"p(z|x)\nat x = {at}", color=DARK, weight="bold")
    axis.text(-2.9, 0.3, "best normal\nr(z|x)", color=ORANGE, weight="bold")
    axis.set_title("p(z|x) has two humps, and a normal has one")
    axis.set(xlim=(-3, 3), ylim=(0, 1.25), yticks=[], xlabel="z")


# A little mass, spread far

def spread(sd=0.5, M=1.5, reaches=(12, 100, 1000)):
    """x|z ~ N(mean(z), sd^2).  A part of the means is uniform between 3 and reach on
    both sides, as large a part as gives M nats.  The others are N(0, 1 - sd^2), as they
    are at the peak."""
    parts = []
    losses = []
    for reach in reaches:
        part, loss = part_for(M, reach, sd)
        parts.append(part)
        losses.append(loss)
    # A linear mean a z with M nats: x has the variance v.
    v = sd ** 2 * math.exp(2 * M)
    a = math.sqrt(v - sd ** 2)
    loss_of_linear = 0.5 * (math.log(v) + 1 / v - 1)

    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
    figure.suptitle("A little mass, spread far, carries the nats: "
                    "the farther, the less likelihood is lost", weight="bold")
    draw_means(left, parts[0], reaches[0], a, sd)
    labels = ["linear"]
    for part, reach in zip(parts, reaches):
        labels.append(f"{100 * part:.0f} %\n±{reach}")
    draw_losses(right, labels, [loss_of_linear, *losses], M)
    return figure


def part_for(M, reach, sd):
    """The part of the means that has to be spread for M nats, and the likelihood that
    is lost, by sums over a grid of x."""
    x = np.arange(-reach - 10, reach + 10, DX)
    near = np.exp(normal.log_prior(x[:, None]))
    far = uniform(x, reach, sd) * reach - uniform(x, NEAR, sd) * NEAR
    far /= reach - NEAR
    entropy_of_noise = normal.entropy(np.log([sd ** 2]))

    low = 0.0
    high = 0.5
    for _ in range(40):  # bisection: I grows with the part
        part = (low + high) / 2
        p = (1 - part) * near + part * far
        information = -expected_log(p, p) - entropy_of_noise
        if information < M:
            low = part
        else:
            high = part
    best = expected_log(near, near)
    return part, best - expected_log(near, p)


def expected_log(p, q):
    """E log q under the density p, on the grid of x; 0 log 0 = 0."""
    is_positive = p > 0
    return np.sum(p[is_positive] * np.log(q[is_positive])) * DX


def uniform(x, reach, sd):
    """The density of x if its mean is uniform on [-reach, reach]."""
    return (cdf((x + reach) / sd) - cdf((x - reach) / sd)) / (2 * reach)


def cdf(x):
    """The distribution function of N(0, 1)."""
    return np.vectorize(NormalDist().cdf)(x)


def draw_means(axis, part, reach, a, sd):
    """The mean of x as a rising function of z, and the linear one with as many nats."""
    mean = np.linspace(-reach, reach, 4001)[1:-1]
    near = cdf(mean / math.sqrt(1 - sd ** 2))
    distance = np.clip(np.abs(mean) - NEAR, 0, None) / (reach - NEAR)
    far = 0.5 + 0.5 * np.sign(mean) * distance
    z = inverse_cdf((1 - part) * near + part * far)
    edge = NormalDist().inv_cdf(1 - part / 2)
    axis.axvspan(-3, -edge, color=GREY, alpha=0.6)
    axis.axvspan(edge, 3, color=GREY, alpha=0.6)
    axis.plot(z, mean, color=DARK, linewidth=2.5)
    axis.plot([-3, 3], [-3 * a, 3 * a], "--", color=ORANGE, linewidth=2)
    axis.text(0.1, -6, "linear", color=ORANGE, weight="bold")
    axis.text(-1.1, 6, "spread", color=DARK, weight="bold")
    axis.set_title(f"grey: {100 * part:.0f} % of the codes, with means up to ±{reach}")
    axis.set(xlim=(-3, 3), xlabel="z", ylabel=f"mean of x (sd {sd})")


def draw_losses(axis, labels, losses, M):
    """A bar for each decoder."""
    colours = [ORANGE] + [DARK] * (len(losses) - 1)
    bars = axis.bar(labels, losses, color=colours, width=0.6)
    axis.bar_label(bars, fmt="%.2f", weight="bold")
    axis.set_title(f"likelihood lost at I = {M} nats")
    axis.set(xlabel="part of the codes that is spread, and how far", ylabel="nats")


if __name__ == "__main__":
    cli.main(run, PARSER)
