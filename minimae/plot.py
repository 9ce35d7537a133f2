"""Pictures of trained models: the curves of the poster's Figures 5 and 6, in rows.

    from minimae import plot                    # Matplotlib takes a second to import
    figure = plot.draw_models(models, rows)     # rows of exact.evaluate
    figure.savefig("figure.png")

    recorder = plot.Recorder(steps=500)
    models = train.train(problem, targets, steps=500, callback=recorder)
    rows_of_stages = [exact.evaluate(stage) for stage in recorder.models]
    film = plot.training_film(models, recorder, rows_of_stages)
    film.save("training.gif")

Pictures do not depend on the user's settings of Matplotlib.
"""
import contextlib
import threading

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.animation import FuncAnimation
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from . import bounds, normal, notes, quadrature
from .nets import CategoricalNet
from .problems import ExactProblem

X_END = 4.0           # N(0, 1) has 6e-5 beyond
Z_END = 3.0           # N(0, 1) has 3e-3 beyond
N_CURVES = 17         # of a split normal: their distance .3 shows single ones at 2 nats
LAST_CURVE = 2.4      # z of the first and last one
# Distinguishable in greyscale and by the colour blind; after five, lines are dashed.
COLOURS = ["#003f5c", "#ffa600", "#7a5195", "#67b8d6", "#c2410c"]
DATA_COLOUR = "#f4b942"
# 2.64, so that the last curve is no pale yellow.
COLOUR_OF_Z = ScalarMappable(Normalize(-LAST_CURVE, 2.64), "viridis")
COLOUR_OF_MODEL = matplotlib.colormaps["YlOrBr"]
MAX_ROWS = 40         # in a figure: some viewers cannot show more than 6500 pixels
CAPTION = "M: nats asked for    Î: nats that the critic finds    I: exact nats"

# rcParams are shared by all threads.
STYLE_LOCK = threading.RLock()


@contextlib.contextmanager
def style():
    """Inside, figures have Matplotlib's own defaults and letters for a lecture hall."""
    # A notebook's backend changes settings when it is first used.  Inside the context
    # these changes would be taken back, and the notebook would show no more figures.
    if not plt.get_fignums():
        plt.switch_backend(matplotlib.get_backend())
    numpy_defaults = np.errstate(divide="warn", over="warn", under="ignore",
                                 invalid="warn")
    with STYLE_LOCK, matplotlib.rc_context(), numpy_defaults:
        matplotlib.rcdefaults()
        matplotlib.rcParams["font.size"] = 13
        matplotlib.rcParams["axes.spines.top"] = False
        matplotlib.rcParams["axes.spines.right"] = False
        yield


# Words

def row_title(row):
    """What a model was asked for, and whether it has it."""
    name = target_name(row["target"])
    if np.isnan(row["information"]):
        return f"{name}, not resolved"
    if not notes.on_target(row):
        return f"{name}, not reached"
    return name


def target_name(target):
    """The target of a model in words."""
    if target is None:
        return "plain VAE"
    return f"M = {target:.4g}"


def finding(rows):
    """What the rows show, as the title of a figure."""
    asked = [row for row in rows if row["target"] is not None]
    reached = [row for row in asked if notes.on_target(row)]
    of_vae = [row["information"] for row in rows if row["target"] is None]
    sentences = []
    if asked and len(reached) == len(asked):
        sentences.append("Ask for nats, get nats")
    elif asked:
        sentences.append(f"{len(reached)} of {len(asked)} models have the nats that "
                         "were asked for")
    most_of_vae = np.max(of_vae) if of_vae else np.nan
    if most_of_vae <= notes.TOLERANCE:
        sentences.append("the VAE has none")
    elif most_of_vae > notes.TOLERANCE:  # not if it is NaN
        sentences.append(f"the VAE has {most_of_vae:.2f}")
    return "; ".join(sentences)


# A figure of all models

@style()
def draw_models(models, rows):
    """A figure with a row for each model: its target, its curves, its exact I and I^.

    Parameters
    ----------
    models : Models of a problem that `check_can_be_drawn` accepts
    rows : a dict for each model, see exact.evaluate

    Returns a Matplotlib figure, which a notebook shows below the cell.
    """
    check_can_be_drawn(models.problem)
    n_rows = min(len(rows), MAX_ROWS)
    height = 1.05 * n_rows + 2.1                                # inches
    figure, axes = plt.subplots(n_rows, figsize=(10, height), sharex=True,
                                squeeze=False)
    # A layout engine would draw everything twice.
    figure.subplots_adjust(left=0.16, right=0.87, bottom=1.15 / height,
                           top=1 - 0.6 / height, hspace=0.25)
    figure.suptitle(finding(rows[:n_rows]), size=17, weight="bold",
                    y=1 - 0.2 / height, va="top")
    for k in range(n_rows):
        axis = axes[k, 0]
        draw_curves(axis, models, k)
        axis.label_outer()
        write_beside(axis, rows[k])

    caption = CAPTION
    if n_rows < len(rows):
        caption += f"    the first {n_rows} of {len(rows)} models"
    figure.supxlabel(f"{explanation(models.problem)}\n{caption}", size=12,
                     y=0.1 / height)
    return figure


def write_beside(axis, row):
    """Write target and information to the left and to the right of an axis."""
    title = row_title(row).replace(", ", "\n")
    axis.text(-0.04, 0.5, title, weight="bold", ha="right", va="center",
              transform=axis.transAxes)
    values = f"I = {row['information']:.3f}\nÎ = {row['infomax']:.3f}"
    axis.text(1.02, 0.5, values, va="center", transform=axis.transAxes)


def explanation(problem):
    """What the curves are."""
    if is_categorical(problem):
        return ("p(x|z), a curve for each category x, with its number if p(x|z) > 1/2 "
                "and there is room")
    return ("Green: p(x|z) p(z) dz for some z.  Black: p(x), the sum over all z.  "
            "Yellow: the data")


# The curves of one model

def check_can_be_drawn(problem):
    """Raise ValueError unless z has one dimension, and x is a category or a number
    whose density is known."""
    has_curves = is_categorical(problem) or problem.dim_x == 1
    if not has_curves or problem.dim_z > 1 or not isinstance(problem, ExactProblem):
        raise ValueError(f"{problem} cannot be drawn: give a SplitNormal or a "
                         "Categorical problem with dim_z=1")


def is_categorical(problem):
    """Whether x is a category."""
    return isinstance(problem.decoder, CategoricalNet)


def draw_curves(axis, models, k):
    """The curves of model k: `draw_categorical` or `draw_split_normal`."""
    p, _, _ = models[k]
    if is_categorical(models.problem):
        draw_categorical(axis, p)
    else:
        draw_split_normal(axis, p, models.problem)


def draw_split_normal(axis, p, problem):
    """p(x|z) p(z) dz for some z, p(x), and the density of the data; Figure 6 of Phuong
    et al."""
    x = np.linspace(-X_END, X_END, 401)
    z, parts, total = mixture(p, x)
    data = np.exp(problem.log_m(x[:, None]))
    axis.plot(x, data, color=DATA_COLOUR, linewidth=7)
    outlines = [np.column_stack([x, part]) for part in parts]
    # One artist for all: a film would take twice as long with one for each.
    axis.add_collection(PolyCollection(
        outlines, facecolor=COLOUR_OF_Z.to_rgba(z, alpha=0.35),
        edgecolor=COLOUR_OF_Z.to_rgba(z), linewidth=1.2))
    axis.plot(x, total, color="black", linewidth=1.8)
    highest = max(np.max(data), np.max(parts), np.max(total))
    axis.set(xlim=(-X_END, X_END), ylim=(0, 1.1 * highest), yticks=[], xlabel="x")
    axis.spines["left"].set_visible(False)


def mixture(p, x):
    """A normal p(x) as a mixture of p(x|z): some codes z (S,), their curves
    p(x|z) p(z) dz at x (n,) as (S, n), and the sum over all z, p(x), (n,)."""
    z, dz = np.linspace(-LAST_CURVE, LAST_CURVE, N_CURVES, retstep=True)
    at_x = x[:, None]                                           # (n, 1)
    at_z = z[:, None, None]                                     # (S, 1, 1)
    log_joint = p.log_prob(at_x, at_z) + normal.log_prior(at_z)     # (S, n)
    # 600 points on [-6, 6]: a distance of .02 resolves decoders up to 3.2 nats.
    codes, weights = quadrature.grid(600, half_width=6.0)
    log_px = bounds.log_marginal(p, at_x, codes, weights)       # (n,)
    return z, np.exp(log_joint) * dz, np.exp(log_px)


def draw_categorical(axis, p):
    """p(x|z) as a function of z, a curve for each category; Figure 5 of Phuong et al.

    The colour of a category is the same for all models.
    """
    z = np.linspace(-Z_END, Z_END, 601)
    probs = np.exp(p.log_probs(z[:, None]))                        # (n, K)
    for k in range(probs.shape[1]):
        colour, dashes = line_of_category(k)
        axis.fill_between(z, probs[:, k], color=colour, alpha=0.2, linewidth=0)
        axis.plot(z, probs[:, k], dashes, color=colour, linewidth=2)
    for k, n in numbered_categories(probs):
        axis.text(z[n], probs[n, k] + 0.03, str(k), ha="center", weight="bold")
    axis.set(xlim=(-Z_END, Z_END), ylim=(0, 1.35), yticks=[0, 1], xlabel="z")


def line_of_category(k):
    """Colour and line style of category k."""
    colour = COLOURS[k % len(COLOURS)]
    if k // len(COLOURS) % 2 == 0:
        return colour, "-"
    return colour, "--"


def numbered_categories(probs):
    """Pairs (category, index of z) for the numbers above the curves p(x|z), (n, K).

    A number is in the middle of the z at which its category is likelier than all others
    together.  It is left out if it would be too close to the one on its left.
    """
    n_points, n_categories = probs.shape
    middles = []
    for k in range(n_categories):
        likely = np.flatnonzero(probs[:, k] > 0.5)
        if len(likely) > 0:
            middle = likely[len(likely) // 2]
            middles.append((middle, k))
    numbered = []
    width = n_points / 28  # of two digits in a figure of ten inches
    last = -width
    for middle, k in sorted(middles):
        if middle >= last + width:
            numbered.append((k, middle))
            last = middle
    return numbered


# A film of the training

class Recorder:
    """A callback of train.train, which records a training of so many steps.

    values    [ELBO, I^] of every step, a list of arrays (2, L)
    steps     some steps, closer to each other at the start
    models    the Models of these steps
    """
    N_MODELS = 24  # frames of a film of six seconds, below a megabyte

    def __init__(self, steps=500):
        share = np.linspace(0, 1, self.N_MODELS)
        planned = 1 + (steps - 1) * share ** 2
        self.planned_steps = set(planned.astype(int))
        self.values = []
        self.steps = []
        self.models = []

    def __call__(self, step, models, values):
        self.values.append(values)
        if step in self.planned_steps:
            self.steps.append(step)
            self.models.append(models.copy())


@style()
def training_film(models, recorder, rows_of_stages):
    """An animation of a training: curves of every model, I^ and the exact I, the ELBO.

    Parameters
    ----------
    models : Models of a problem that `check_can_be_drawn` accepts
    recorder : the Recorder of their training
    rows_of_stages : for each of recorder.models a list of rows, see exact.evaluate

    Returns a Matplotlib animation: .save("training.gif") writes a file, .to_jshtml()
    gives a page for a notebook.
    """
    check_can_be_drawn(models.problem)
    n_rows = min(len(models), MAX_ROWS)
    # Not made by pyplot, or a notebook would show the first frame as well.
    figure = Figure(figsize=(13, n_rows + 1.6), dpi=60, layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1.4, 1])
    curve_axes = left.subplots(n_rows, sharex=True, squeeze=False)[:, 0]
    infomax_axis, elbo_axis = right.subplots(2, sharex=True)
    targets = models.targets[:n_rows]

    @style()
    def draw_frame(stage):
        for k, axis in enumerate(curve_axes):
            axis.clear()
            draw_curves(axis, recorder.models[stage], k)
            axis.label_outer()
            axis.set_title(target_name(targets[k]), loc="left", y=0.6, weight="bold")
        draw_infomax(infomax_axis, targets, recorder, rows_of_stages, stage)
        draw_elbo(elbo_axis, targets, recorder, models.problem.best, stage)

    draw_frame(0)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once, not for every frame
    return FuncAnimation(figure, draw_frame, len(recorder.steps), interval=250)


def draw_infomax(axis, targets, recorder, rows_of_stages, stage):
    """I^ of every step up to this stage, dots for the exact I, and the targets."""
    axis.clear()
    step = recorder.steps[stage]
    infomax = np.array(recorder.values)[:step, 1]               # (step, L)
    for k, target in enumerate(targets):
        information = [rows[k]["information"] for rows in rows_of_stages[:stage + 1]]
        colour, dashes = line_of_model(k, targets)
        axis.plot(np.arange(step) + 1, infomax[:, k], dashes, color=colour, linewidth=2)
        axis.plot(recorder.steps[:stage + 1], information, "o", color=colour)
        if target is not None:
            axis.axhline(target, color="grey", linewidth=0.7)
            axis.text(1.01, target, target_name(target), va="center",
                      transform=axis.get_yaxis_transform())
    highest = max([0.1] + [target for target in targets if target is not None])
    axis.set(title=f"step {step}: Î, dots for the exact I", ylabel="nats",
             ylim=(-0.1 * highest, 1.2 * highest))


def draw_elbo(axis, targets, recorder, best, stage):
    """The ELBO of every step up to this stage, and the highest possible one."""
    axis.clear()
    step = recorder.steps[stage]
    elbo = np.array(recorder.values)[:step, 0]                  # (step, L)
    for k in range(len(targets)):
        colour, dashes = line_of_model(k, targets)
        axis.plot(np.arange(step) + 1, elbo[:, k], dashes, color=colour, linewidth=2)
    highest = np.max(elbo)
    if best is not None:
        highest = best
        axis.axhline(best, color="black", linewidth=1)
    # What is lost early in the training is cut off.
    axis.set(title="ELBO; dashed: the VAE, black: the best", xlabel="step",
             ylabel="nats", xlim=(0, recorder.steps[-1]),
             ylim=(highest - 0.4, highest + 0.05))


def line_of_model(k, targets):
    """Colour and line style of model k."""
    if targets[k] is None:
        return "black", "--"
    # The map starts with white.
    return COLOUR_OF_MODEL(0.35 + 0.6 * k / len(targets)), "-"
