"""Four pictures for the lesson, from closed forms and exact sums: the bounds as a bar,
the players, the tent of the penalty, and a decoder that fools a critic."""
import shared

from statistics import NormalDist

import numpy as np
from matplotlib import pyplot as plt

from minimae import nodes, normal, plot
from minimae.bounds import expectation

PARSER = shared.Parser(description=__doc__, allow_abbrev=False)
PARSER.add_argument("--out-dir", default=".", metavar="FOLDER", help="where they go")
DARK, ORANGE, LIGHT, GREY = "#003f5c", "#c2410c", "#67b8d6", "#cccccc"


def bar():
    """Î | gap | I | gap | U of x|z ~ N(.8 z, .36), for a wrong critic, N(.5 x, 1), and
    a wrong law m of x, N(0, 1.5^2)."""
    z, eps, weights = nodes.cross(nodes.grid(100), nodes.grid(100))
    x = normal.sample(0.8 * z, np.log(0.36), eps)
    log_pxz = normal.log_prob(x, 0.8 * z, np.log(0.36))
    ends = [0, *[expectation(values, weights).item() for values in (
        normal.entropy(np.zeros(1)) + normal.log_prob(z, x / 2, 0),
        *(log_pxz - normal.log_prob(x, 0, 2 * np.log(sd)) for sd in (1, 1.5)))]]
    figure, axis = plt.subplots(figsize=(10, 3), layout="constrained")
    for left, right, name, colour, hatch, words in zip(
            ends, ends[1:], "ÎIU", [LIGHT, ORANGE, GREY], ["", "//", ".."], [
                "found by r\nN(.5 x, 1)", "gap\nE KL[p(z|x)||r]", "gap\nKL[p(x)||m]"]):
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
    middle = dict(ha="center", va="center", size=16)
    for x, y, words in [(0, 0, "encoder q(z|x)"), (2, 0, "decoder p(x|z)"),
                        (4, 0, "critic r(z|x)"), (1, 1, "ELBO, from data x"),
                        (3, 1, "Î, from codes z ~ N(0, 1)")]:
        axis.text(x, y, words, zorder=3, **middle, bbox=dict(
            boxstyle="round,pad=0.6", facecolor="white" if y else GREY))
    for x, to, words, line in [(1, 0, "ELBO", "-"), (1, 2, "ELBO", "-"),
                               (3, 2, "slope · Î", "--"), (3, 4, "Î", "-")]:
        axis.annotate("", (to, 0.16), (x, 0.84), arrowprops=dict(
            arrowstyle="-|>", lw=2.5, mutation_scale=25, color="k", linestyle=line))
        axis.text((x + to) / 2, 0.5, words, weight="bold", **middle,
                  bbox=dict(facecolor="white", edgecolor="none"))
    axis.text(2, -0.5, "Each player climbs what its arrows say.  M is in the slope, "
              "which only p is told:\nC where Î is well below M, -C well above.",
              ha="center", va="center")
    axis.set(xlim=(-0.8, 4.8), ylim=(-0.7, 1.25))
    axis.axis("off")
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
    for C, colour, line in [(1, ORANGE, "--"), (3, DARK, "-.")]:
        curve = elbo - C * np.abs(nats - M)
        best, side = np.argmax(curve), "below" if C < slope else "above"
        axis.plot(nats, curve, line, color=colour, linewidth=2.5, label=f"ELBO - {C} "
                  f"|I - M|, C {side} the slope: highest at I = {nats[best]:.2f}")
        axis.plot(nats[best], curve[best], "o", color=colour, markersize=12)
    axis.set(ylim=(-2.9, -0.95), xlabel="I, nats", ylabel="nats")
    axis.legend(loc="upper right", frameon=False)
    return figure


def fooled(M=1.0, at=0.5):
    """x|z ~ N(f(z), e^-2M), f(z) = a G(2 F(z) mod 1), F the distribution function of
    N(0, 1), G its inverse: p(x) is N(0, 1), I is M, and p(z|x) has two humps."""
    z, x, law = np.linspace(-6, 6, 2400), np.linspace(-6, 6, 601)[:, None], NormalDist()
    f = np.sqrt(1 - np.exp(-2 * M)) * np.array([
        law.inv_cdf(np.clip(2 * law.cdf(value) % 1, 1e-12, 1 - 1e-12)) for value in z])
    posterior = np.exp(-0.5 * (z ** 2 + (x - f) ** 2 * np.exp(2 * M)))
    posterior /= np.sum(posterior, 1, keepdims=True)
    # The best normal has the mean and variance of p(z|x); then Î = H(z) - E H(r).
    mean = posterior @ z
    variance = posterior @ z ** 2 - mean ** 2
    p_x = np.exp(-0.5 * x[:, 0] ** 2)
    lower = -0.5 * np.sum(p_x * np.log(variance)) / np.sum(p_x)
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
    for half in (z < 0, z > 0):
        left.plot(z[half], f[half], color=DARK, linewidth=2.5)
    left.axhline(at, color=ORANGE, linestyle="--", linewidth=2)
    left.set(xlim=(-3, 3), ylim=(-3, 3), xlabel="z", ylabel="f(z), the mean of x",
             title=f"every x, such as {at}, comes from two z")
    k, dz = np.argmin(np.abs(x - at)), z[1] - z[0]
    best = np.exp(normal.log_prob(z[:, None], mean[k], np.log(variance[k])))
    right.fill_between(z, posterior[k] / dz, color=GREY, label=f"p(z|x) at x = {at}")
    right.plot(z, best, "--", color=ORANGE, linewidth=2.5, label="best normal r(z|x)")
    right.set(xlim=(-3, 3), ylim=(0, 2), yticks=[], xlabel="z",
              title=f"I = {M:.2f}, but Î = {lower:.2f} at most")
    right.legend(frameon=False, loc="upper right", ncols=2, columnspacing=1)
    return figure


@plot.style()
def run(args):
    for draw in (bar, players, tent, fooled):
        path = f"{args.out_dir}/{draw.__name__}.png"
        shared.write(path, shared.picture(draw(), path))


if __name__ == "__main__":
    shared.main(run, PARSER)
