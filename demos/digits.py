"""Handwritten digits, and a decoder that can do without its code: what does the code
tell about the digit if it has to hold M nats?

Data: Optical Recognition of Handwritten Digits, test set (E. Alpaydin and C. Kaynak,
1998), UCI Machine Learning Repository, CC BY 4.0.
"""
import cli  # first: it reports a missing package

import gzip
import zlib
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

import images
import summary
from certified_runs import train_and_evaluate
from code_content import label_information
from minimae import plot, problems

DATA = Path(__file__).with_name("digits.csv.gz")
SHAPE = (1797, 65)   # rows; 8 x 8 pixels and the label
NOISE = 0.2          # standard deviation of a pixel, of a range of 1
N_IMAGES = 100       # of the mixture
BATCH = 128          # rows of a step: at least as many as images
TARGETS = [1, 2, 3]
N_TILES = 7          # images in each row of a panel: as many as fit at 8 x 8 pixels
N_SHOWN = 56         # held-out digits in a panel: more would hide each other
LIGHT_COLOURS = [plot.COLOURS[1], plot.COLOURS[3]]  # with black letters on them

PARSER = cli.demo_parser(__doc__, "--targets 0.5 1 2 --seed 1", seconds=60,
                         targets=TARGETS, max_target="3.93, by the number of codes",
                         out="digits.png", steps=2000)
PARSER.add_argument("--decoder", choices=["mixture", "one"], default="mixture",
                    help=f"mixture: of {N_IMAGES} images, with probabilities given z; "
                         "one: an image for each z (default mixture)")
COLUMNS = [
    ("M asked", "target", 4),
    ("I", "information", 3),
    ("+- s.e.", "information_se", 3),
    ("U - lower", lambda row: row["upper"] - row["lower"], 3),
    ("E KL", "kl", 3),
    ("log p(x)", "log_likelihood", 3),
    ("+- s.e.", "log_likelihood_se", 3),
    ("I(label; z)", "label_information", 3),
    ("accuracy", "accuracy", 3),
]


def run(args, save):
    known, new = load()
    problem = make_problem(args.decoder, known, new)
    targets = cli.choose_targets(args.targets, TARGETS, problem)
    targets = targets + [None]  # the plain VAE
    seeds = range(args.seed, args.seed + args.seeds)

    results = train_and_evaluate(problem, targets, seeds, args.steps,
                                 problem.learning_rate, problem.penalty)
    rows = []
    for row, _, q in results:
        rng = np.random.default_rng(0)
        row["label_information"], row["accuracy"] = label_information(q, known, new, rng)
        rows.append(row)
    summary.show(rows, COLUMNS, figure_seed=args.seed)
    save.table(args.csv, rows, cli.settings(args))
    save.figure(args.out, draw(results[:len(targets)], new))


# Data and model

def load():
    """Pairs of images (n, 64) in [-1/2, 1/2] and labels (n,): for training, and one in
    four held out."""
    try:
        with gzip.open(DATA, "rt") as file:
            lines = file.read().split()
        numbers = [line.split(",") for line in lines]
        rows = np.array(numbers, dtype=float)
    except (gzip.BadGzipFile, zlib.error, EOFError, ValueError) as error:
        raise OSError(f"{DATA}: damaged, {error}") from None
    if rows.shape != SHAPE:
        raise OSError(f"{DATA}: damaged, {rows.shape} numbers in place of {SHAPE}")
    # Sorted by label, so that both parts have the same share of each.
    rows = rows[np.argsort(rows[:, -1], kind="stable")]
    x = rows[:, :-1] / 16 - 0.5
    labels = rows[:, -1].astype(int)
    is_new = np.arange(len(rows)) % 4 == 0
    known = x[~is_new], labels[~is_new]
    new = x[is_new], labels[is_new]
    return known, new


def make_problem(decoder, known, new):
    """The images with a decoder of this name."""
    x_train, _ = known
    x_test, _ = new
    if decoder == "mixture":
        p = images.ImageMixture(NOISE, N_IMAGES, examples=x_train)
    else:
        p = images.OneImage(NOISE)
    return problems.Data(x_train, x_test, decoder=p, batch=BATCH)


# The figure

@plot.style()
def draw(results, new):
    """Above, what each decoder shows at a grid of codes; below, held-out digits at
    their codes.  results: (row, p, q) of each model."""
    n_columns = len(results)
    figure, axes = plt.subplots(2, n_columns, figsize=(3.4 * n_columns, 9.2),
                                layout="constrained", squeeze=False)
    for (row, p, q), (upper, lower) in zip(results, axes.T):
        draw_decoder(upper, row, p)
        draw_codes(lower, row, q, new)
    plt.setp(axes, xticks=[], yticks=[], xlabel="$z_1$")
    for axis in axes[:, 0]:
        axis.set_ylabel("$z_2$", rotation=0, ha="right")
    figure.suptitle(finding([row for row, _, _ in results]), size=17, weight="bold")
    figure.supxlabel(
        "M: nats asked for    I: information between z and x under the decoder    "
        "Axes: quantiles of z\n"
        "Above: the decoder's mean image at each code    "
        "Below: held-out digits, each at a code z ~ q(z|x)\n"
        "Guess: the likeliest digit, given only the code; 10 % are right by chance",
        size=12)
    return figure


def finding(rows):
    """What the rows show, as the title of the figure: the last one is the plain VAE."""
    *asked, vae = rows
    most = max(asked, key=lambda row: row["target"])
    return (f"The VAE's code tells {told(vae):.2f} nats about the digit; with "
            f"M = {most['target']:g} it tells {told(most):.2f}")


def told(row):
    """I(label; z) in nats, at least 0: noise can put the bound below."""
    return max(0.0, row["label_information"])


def draw_decoder(axis, row, p):
    """The mean image at a grid of codes."""
    tiles = p.mean_image(images.code_grid(N_TILES))
    axis.imshow(images.tile_images(tiles, N_TILES), "gray_r", vmin=-0.5, vmax=0.5)
    axis.set_title(images.panel_title(row))


def draw_codes(axis, row, q, new):
    """Some held-out digits, each at a code of its own."""
    x, labels = new
    shown = np.linspace(0, len(x) - 1, N_SHOWN).astype(int)
    z = q.sample(x[shown], np.random.default_rng(0))
    for (right, up), digit in zip(images.to_uniform(z), labels[shown]):
        axis.text(right, up, str(digit), ha="center", va="center", weight="bold",
                  **style_of_digit(digit))
    axis.set_title(f"{told(row):.2f} nats about the digit,\n"
                   f"{row['accuracy']:.0%} of guesses right")
    axis.set(xlim=(-1.15, 1.15), ylim=(-1.15, 1.15), aspect="equal")


def style_of_digit(digit):
    """Settings of a text: 0 to 4 are in discs, 5 to 9 in rings of the same colours."""
    colour = plot.COLOURS[digit % 5]
    if digit >= 5:
        return {"color": "black", "bbox": disc("white", colour)}
    if colour in LIGHT_COLOURS:
        return {"color": "black", "bbox": disc(colour, colour)}
    return {"color": "white", "bbox": disc(colour, colour)}


def disc(inside, edge):
    """A box around a text."""
    return {"boxstyle": "circle,pad=0.2", "facecolor": inside, "edgecolor": edge,
            "linewidth": 2}


if __name__ == "__main__":
    cli.main(run, PARSER)
