"""Four pictures for the lesson, from closed forms and exact sums: the bounds as a bar,
the players, the tent of the penalty, and a decoder that fools a critic."""
import shared

from pathlib import Path
from statistics import NormalDist

import numpy as np
from matplotlib import pyplot as plt

from minimae import normal, plot

PARSER = shared.Parser(description=__doc__, allow_abbrev=False)
PARSER.add_argument("--out-dir", default=".", metavar="FOLDER", help="where they go")
DARK, ORANGE, LIGHT, GREY = "#003f5c", "#c2410c", "#67b8d6", "#cccccc"


def bar():
    """Î | gap | I | gap | U of x|z ~ N(.8 z, .36), for a wrong critic, N(.5 x, 1), and
    a wrong law m of x, N(0, 1.5^2): sections 1 and 2 of the lesson."""
    exact = -0.5 * np.log(0.36)
    ends = [0, 0.5 * (1 - 0.45), exact, exact + 0.5 * (1 / 2.25 - 1 + np.log(2.25))]
    figure, axis = plt.subplots(figsize=(10, 3), layout="constrained")
    parts = [("Î", LIGHT, "", "found by r\nN(.5 x, 1)"),
             ("I", ORANGE, "//", "gap\nE KL[p(z|x)||r]"),
             ("U", GREY, "..", "gap\nKL[p(x)||m]")]
    for left, right, (name, colour, hatch, words) in zip(ends, ends[1:], parts):
        axis.barh(0, right - left, 0.6, left, color=colour, hatch=hatch, ec="white")
        axis.plot([right, right], [-0.3, 0.4], color="black", linewidth=2)
        axis.text(right, 0.45, f"{name} = {right:.3f}", ha="center", weight="bold")
        axis.text((left + right) / 2, -0.8, f"{words}: {right - left:.3f}", ha="center")
    axis.set(xlim=(0, 1.1 * right), ylim=(-1.1, 0.75), yticks=[], xlabel="nats; x|z ~ "
             "N(.8 z, .36), so p(x) is N(0, 1); m, taken for it, is N(0, 1.5²)")
    return figure


def players():
    """p, q and r, and what each climbs."""
    figure, axis = plt.subplots(figsize=(10, 4), layout="constrained")
    for x, to, line in [(1, 0, "-"), (1, 2, "-"), (3, 2, "--"), (3, 4, "-")]:
        axis.annotate("", (to, 0.16), (x, 0.84), arrowprops=dict(
            arrowstyle="-|>", lw=2.5, mutation_scale=25, color="k", linestyle=line))
    for x, y, words, colour in [
            (0, 0, "encoder q(z|x)", GREY), (2, 0, "decoder p(x|z)", GREY),
            (4, 0, "critic r(z|x)", GREY), (2.5, 0.5, "slope · Î", "white"),
            (1, 1, "ELBO, from data x", "white"),
            (3, 1, "Î, from codes z ~ N(0, 1)", "white")]:
        axis.text(x, y, words, ha="center", va="center", size=16,
                  bbox=dict(boxstyle="round,pad=0.6", facecolor=colour))
    axis.set(xlim=(-0.8, 4.8), ylim=(-0.3, 1.25))
    axis.axis("off")
    figure.supxlabel("Each player climbs what points to it.  M is in the slope, which "
                     "only p is told:\nC where Î is well below M, -C well above.")
    return figure


def tent(sd=0.5, M=0.2):
    """The ELBO by I for x|z ~ N(a z, sd^2) and the best q, and less C |I - M|."""
    nats = np.linspace(0, 1.2, 601)
    variance = sd ** 2 * np.exp(2 * nats)  # of x
    elbo = -0.5 * np.log(2 * np.pi * variance) - 0.5 / variance
    slope = np.exp(-2 * M) / sd ** 2 - 1
    figure, axis = plt.subplots(figsize=(10, 5), layout="constrained")
    axis.axvline(M, color="grey")
    axis.plot(nats, elbo, color="black", label=f"ELBO, slope {slope:.2f} at M = {M}")
    for C, side, colour, line in [(1, "below", ORANGE, "--"), (3, "above", DARK, "-.")]:
        curve = elbo - C * np.abs(nats - M)
        best = np.argmax(curve)
        axis.plot(nats, curve, line, color=colour, linewidth=2.5, label=f"ELBO - {C} "
                  f"|I - M|, C {side} the slope: highest at I = {nats[best]:.2f}")
        axis.plot(nats[best], curve[best], "o", color=colour, markersize=12)
    axis.set(ylim=(-2.9, -0.95), xlabel="I, nats", ylabel="nats")
    axis.legend(loc="upper right", frameon=False)
    return figure


def fooled(M=1.0, at=0.5):
    """x|z ~ N(f(z), e^-2M), f(z) = a G(2 F(z) mod 1), F the distribution function of
    N(0, 1), G its inverse: p(x) is N(0, 1), I is M, and p(z|x) has two humps."""
    G, part = np.vectorize(NormalDist().inv_cdf), (np.arange(2400) + 0.5) / 2400
    z, f = G(part), np.sqrt(1 - np.exp(-2 * M)) * G(2 * part % 1)
    x = np.append(z[2::5], at)[:, None]  # like z, each stands for as much of N(0, 1)
    posterior = np.exp(-0.5 * (x - f) ** 2 * np.exp(2 * M))
    posterior /= np.sum(posterior, 1, keepdims=True)
    # The best normal has the mean and variance of p(z|x); then Î = H(z) - E H(r).
    mean = posterior @ z
    variance = posterior @ z ** 2 - mean ** 2
    lower = -0.5 * np.mean(np.log(variance[:-1]))
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
    left.plot(z.reshape(2, -1).T, f.reshape(2, -1).T, color=DARK, linewidth=2.5)
    left.axhline(at, color=ORANGE, linestyle="--", linewidth=2)
    left.set(xlim=(-3, 3), ylim=(-3, 3), xlabel="z", ylabel="f(z), the mean of x",
             title=f"every x, such as {at}, comes from two z")
    right.fill_between(z, posterior[-1] / np.gradient(z), color=GREY,
                       label=f"p(z|x) at x = {at}")
    best = np.exp(normal.log_prob(z[:, None], mean[-1], np.log(variance[-1])))
    right.plot(z, best, "--", color=ORANGE, linewidth=2.5, label="best normal r(z|x)")
    right.set(xlim=(-3, 3), ylim=(0, 2), yticks=[], xlabel="z",
              title=f"I = {M:.2f}, but Î = {lower:.2f} at most")
    right.legend(frameon=False, loc="upper right", ncols=2, columnspacing=1)
    return figure


@plot.style()
def run(args):
    if not Path(args.out_dir).is_dir():
        raise ValueError(f"--out-dir {args.out_dir}: no such folder")
    for draw in (bar, players, tent, fooled):
        path = f"{args.out_dir}/{draw.__name__}.png"
        shared.write(path, shared.picture(draw(), path))


if __name__ == "__main__":
    shared.main(run, PARSER)
