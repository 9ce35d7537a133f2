"""Real handwritten digits, and a decoder that can do without its code: what does the
code tell of the digit when it has to hold M nats?

Data: Optical Recognition of Handwritten Digits, test set (E. Alpaydin and C. Kaynak,
1998), UCI Machine Learning Repository, CC BY 4.0.
"""
import shared

from pathlib import Path
from statistics import NormalDist

import images
import numpy as np
from matplotlib import pyplot as plt

from minimae import bounds, nodes, plot, problems

IMAGES, BATCH, RATE = 100, 128, 0.02  # 64, 64, .01 and .03 were no better on seed 0
PARSER = shared.options(__doc__, [1, 2, 3], "digits.png", steps=2000)
PARSER.add_argument("--decoder", choices=["album", "one"], default="album",
                    help=f"{IMAGES} images that z leafs through, or one for every z")
COLUMNS = [("level", "M", 4), ("information", "I", 3), ("information_se", "+-", 3),
           (lambda row: row["upper"] - row["lower"], "U - I^", 3), ("kl", "E KL", 3),
           ("log_likelihood", "log p(x)", 3), ("log_likelihood_se", "+-", 3),
           ("label_information", "I(label; z)", 3), ("accuracy", "accuracy", 3)]


def load():
    """Images (n, 64) in [-1/2, 1/2] and labels, for training and, one in four, held
    out; sorted by label, so that both have the same shares of each."""
    rows = np.loadtxt(Path(__file__).with_name("digits.csv.gz"), "f4", delimiter=",")
    rows = rows[np.argsort(rows[:, -1], kind="stable")]
    return [(part[:, :-1] / 16 - 0.5, part[:, -1].astype(int))
            for part in (rows[np.arange(len(rows)) % 4 > 0], rows[::4])]


class OneImage(images.OneImage):
    noise = 0.2  # standard deviation of the pixels, known to the decoder


class Album(images.Album):
    noise = OneImage.noise

    def first(rng):  # as in k-means, images start as data
        return rng.choice(load()[0][0], IMAGES, replace=False)


def label_information(q, known, new, n=8):
    """I(label; z) of new x, at least, in nats: H(label) less the cross-entropy of
    p(label|z) = sum_i q(z|x_i) [label_i] / sum_i q(z|x_i), x_i known, from n codes
    z ~ q(z|x) of each; and how often the likeliest label is right."""
    (x, labels), (new_x, new_labels) = known, new
    z = q.sample(np.repeat(nodes.along_second(new_x), n, 2), np.random.default_rng(0))
    log_q = q.log_prob(z, nodes.along_first(x))[0]
    found = np.eye(10)[labels].T @ np.exp(log_q - bounds.log_sum_exp(log_q, 0))
    truth, shares = np.repeat(new_labels, n), np.bincount(new_labels) / len(new_labels)
    cross_entropy = -np.mean(np.log(found[truth, np.arange(len(truth))]))
    return {"label_information": -np.sum(shares * np.log(shares)) - cross_entropy,
            "accuracy": np.mean(np.argmax(found, 0) == truth)}


def fit(args, levels, tell):
    """[row, p, q] of every model of these levels."""
    known, new = load()
    problem = problems.Data(known[0], new[0], batch=BATCH,
                            Decoder=Album if args.decoder == "album" else OneImage)
    return images.fit(args, levels, tell, problem, RATE,
                      lambda q: label_information(q, known, new), new[0])


@plot.style()
def draw(found, n=7):
    """What each decoder shows over the code, and where held-out digits lie in it."""
    line = np.vectorize(NormalDist().inv_cdf)((np.arange(n) + 0.5) / n)
    z = np.reshape(np.meshgrid(line, line[::-1]), (2, -1)).T  # z_2 grows upward
    x, labels = [a[::4] for a in load()[1]]
    figure, axes = plt.subplots(2, len(found), figsize=(3.2 * len(found), 8.4),
                                layout="constrained")
    for (row, p, q), (top, bottom) in zip(found, axes.T):
        top.imshow(images.sheet(p.mean(nodes.along_second(z)), n), "gray_r")
        top.set(title=f"{plot.title(row)}\nI = {row['information']:.2f} nats")
        codes = q.sample(nodes.along_second(x), np.random.default_rng(0))[0, 0]
        for place, label in zip(np.vectorize(NormalDist().cdf)(codes), labels):
            bottom.text(*place, label, color=f"C{label}", ha="center", va="center")
        bottom.set(title=f"{max(0, row['label_information']):.2f} nats of the label,\n"
                   f"{row['accuracy']:.0%} right", xlim=(-.04, 1.04), ylim=(-.04, 1.04))
    plt.setp(axes, xticks=[], yticks=[], xlabel="quantile of z_1", ylabel="of z_2")
    figure.supxlabel("E[x|z], then new x at z ~ q(z|x); asked for M nats, z holds I")
    return figure


def run(args):
    found = shared.each_level(fit, args)
    rows = [row for row, _, _ in found]
    shared.report(args, rows, COLUMNS)
    shared.save(args, rows, draw(found[:len(args.levels) + 1]))


if __name__ == "__main__":
    shared.main(run, PARSER)
