"""A window with sliders for M and x: both problems of the poster, the exact posterior
beside q and r, and every bound beside its exact value."""
import shared

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.animation import FuncAnimation
from matplotlib.widgets import Slider

from minimae import bounds, exact, nodes, normal, plot, problems, train

PARSER = shared.options(__doc__, [n / 10 for n in range(21)], None, steps=400,
                        film="a sweep of all levels")
K, Z = 10, np.linspace(-4, 4, 801)
XS, START = (np.arange(K), np.linspace(-3, 3, 61).round(1)), (6, 0.6)  # of the sliders
SIZE = 12.6, 6.3  # inches; with its frame and tools the window fits on 1366 x 768
DARK, LIGHT, ORANGE = "#003f5c", "#67b8d6", "#c2410c"


def posteriors(p, q, r, x):
    """p(z|x), q(z|x), r(z|x) on Z, (3, 801), at one x (1, 1, 1, X)."""
    log_px, z = bounds.log_marginal(p, x, *nodes.grid(1000)), nodes.along_first(Z)
    logs = [p.log_prob(x, z) + normal.log_prob(z, 0, 0) - log_px,
            q.log_prob(z, x), r.log_prob(z, x)]
    return np.exp([log.ravel() for log in logs])


def kl_integrand(f, g):
    """f log(f / g) - f + g, which is nowhere negative and whose area is KL[f || g]."""
    return f * np.log((f + 1e-300) / (g + 1e-300)) - f + g  # 0 log 0 = 0


def panels(results, levels, figure=None):
    """A figure, and its axes (4, 2), a column for each problem; at the middle level."""
    figure = figure or plt.figure(figsize=SIZE, layout="constrained")
    figure.supxlabel(plot.EXPLAINED + "    U: upper bound on I", size=12)
    axes = figure.subplots(4, 2, height_ratios=[3, 3, 1.6, 2.4])
    for _, densities, gaps, bars in axes.T:
        densities.set(xlim=(-4, 4), yticks=[], xticklabels=[])
        gaps.set(xlim=(-4, 4), yticks=[], xlabel="z; areas: the gaps, scaled to fit")
        bars.set(xlim=(0, 1.2 * max(0.1, *levels)), ylim=(-0.6, 2.6),
                 xlabel="nats; the line is M")
        bars.set_yticks(range(3), ["U", "I", "Î"])
    show(axes, results, len(levels) // 2, START)
    for densities in axes[1]:
        densities.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 0.94),
                         frameon=False, fontsize=12)
    return figure, axes


def contents(axis):
    """What moves, apart from the title."""
    return [*axis.patches, *axis.collections, *axis.lines, *axis.texts]


@plot.style()
def show(axes, results, level, xs):
    """Draw both problems anew, with the models of this number."""
    for axis in axes.flat:
        for artist in contents(axis):
            artist.remove()
        axis.relim()
    for column, (models, rows), x in zip(axes.T, results, xs):
        show_model(*column, models, level, rows[level], x)


def show_model(curves, densities, gaps, bars, models, level, row, x):
    """Draw one model: its curves, posteriors at x, both gaps, bounds as bars."""
    discrete = models.problem.dim_x > 1
    plot.curves_of(models)(curves, models, level)
    curves.tick_params(labelbottom=True)
    curves.set_xlabel("z; a curve p(x|z) for each x" if discrete else
                      "x; black is p(x), the sum of the curves; yellow the data")
    curves.set_title(f"{row['problem']}, {plot.title(row)}, x = {x}", weight="bold")
    node = nodes.along_second([np.eye(K)[x] if discrete else [x]])
    p, q, r = posteriors(*models.densities(level), node)
    densities.fill_between(Z, p, color="#cccccc", label="exact p(z|x)")
    densities.plot(Z, q, color=DARK, linewidth=2.5, label="encoder q(z|x)")
    densities.plot(Z, r, "--", color=ORANGE, linewidth=2.5, label="critic r(z|x)")
    densities.set_ylim(0, 1.05 * np.max([p, q, r]))
    above, below = kl_integrand(q, p), kl_integrand(p, r)
    gaps.fill_between(Z, above, color=DARK)
    gaps.fill_between(Z, -below, color=ORANGE)
    limit, dz = max(1e-4, 1.1 * np.max([above, below])), Z[1] - Z[0]
    gaps.set_ylim(-limit, limit)
    gaps.set_title(f"log p(x) - ELBO(x) = {dz * np.sum(above):.1e}    "
                   f"KL[p(z|x) || r(z|x)] = {dz * np.sum(below):.1e}", size=12)
    for place, key in enumerate(["upper", "information", "lower"]):
        bars.hlines(place, 0, min(row[key], 99), linewidth=10,  # U may be infinite
                    color=[LIGHT, DARK][place % 2])
        bars.text(0.99, place, f"{row[key]:.4f}", ha="right", va="center",
                  transform=bars.get_yaxis_transform())
    bars.axvline(row["level"], color=ORANGE, linewidth=2.5)
    bars.set_title("ELBO {elbo:.4f} <= E log p(x) {log_likelihood:.4f} <= best "
                   "{best:.4f}".format(**row), size=12)


def settle(figure):
    """Lay out once, not for every picture."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def window(results, levels):
    """Both problems, with sliders for M and for both x, which are returned."""
    figure = plt.figure(figsize=SIZE, layout="constrained")
    above, below = figure.subfigures(2, height_ratios=[1, 0.08])
    _, axes = panels(results, levels, above)
    # 1e-9: a range even for one level
    sliders = [Slider(axis, name, values[0], values[-1] + 1e-9, valstep=values,
                      valinit=at, valfmt="%.4g   ", color=DARK, initcolor="none")
               for axis, name, values, at in zip(
                   below.subplots(1, 3, width_ratios=[2, 1, 1]),
                   ["M ", "category ", "x "], [levels, *XS],
                   [levels[len(levels) // 2], *START])]

    canvas, background = figure.canvas, []

    def move(_=None):
        level, *xs = [slider.val for slider in sliders]
        show(axes, results, levels.index(level), xs)
        draw()

    def keep(event):
        """Keep a picture of all that stays: at first, and in every new size."""
        if not canvas.is_saving():
            background[:] = [canvas.copy_from_bbox(figure.bbox)]
            draw()

    def draw():
        """Draw what moves over what stays (blitting), in half of the time."""
        moving = [artist for axis in figure.axes
                  for artist in [*contents(axis), axis.title]]
        for artist in moving:
            artist.set_animated(canvas.supports_blit)
        if not background:
            return canvas.draw_idle()
        canvas.restore_region(*background)
        for artist in moving:
            figure.draw_artist(artist)
        canvas.blit(figure.bbox)

    def press(event):
        """The keys left and right move the slider under the mouse, or M."""
        here = [slider for slider in sliders if slider.ax is event.inaxes]
        slider = (here or sliders)[0]
        values, by = list(slider.valstep), {"left": -1, "right": 1}.get(event.key, 0)
        at = np.clip(values.index(slider.val) + by, 0, len(values) - 1)
        slider.set_val(values[at])

    for slider in sliders:
        slider.drawon = False  # `move` draws
        slider.on_changed(move)
    canvas.mpl_connect("key_press_event", press)
    if canvas.supports_blit:
        canvas.mpl_connect("draw_event", keep)
    settle(figure)
    move()
    return sliders


def sweep(results, levels):
    """An animation: M goes through all levels."""
    figure, axes = panels(results, levels)
    figure.set_dpi(66)  # its page has less than three megabytes
    settle(figure)
    return FuncAnimation(figure, lambda level: show(axes, results, level, START),
                         len(levels), interval=250)


@plot.style()
def run(args):
    nothing_to_save = {args.out, args.csv, args.gif, args.html} == {None}
    if nothing_to_save and plt.get_backend().lower() == "agg":
        raise ValueError("no window can be opened here: give --out, --gif or --html")
    results, levels = [], sorted({*args.levels})
    # The categories first: their levels have an end, which is then told at once.
    for name, problem in {f"{K} categories": problems.Categorical(np.full(K, 1 / K)),
                          "splitting the normal": problems.SplitNormal()}.items():
        models = train.train(problem, levels, args.seeds, args.steps,
                             callback=shared.progress(args.steps, name))
        rows = [{"problem": name, **row} for row in exact.evaluate(models)]
        results.append((models, rows))
    still = panels(results, levels)[0] if args.out else None
    shared.save(args, results[0][1] + results[1][1], still)
    shared.save_film(args, lambda: sweep(results, levels))
    for _, rows in results:
        print(rows[0]["problem"])
        shared.report(rows)
    if args.show:
        window(results, levels)


if __name__ == "__main__":
    shared.main(run, PARSER)
