"""Figures for any problem that can be sampled, in any dimension, with standard errors.

I lies between a sum over the codes that x came from and one over an independent set:
bounds on average, whatever the decoder.  See bounds.multi_sample.
"""
import numpy as np

from . import bounds, nodes, normal
from .models import select

KEYS = ["lower", "information", "upper", "elbo", "kl", "log_likelihood"]


def evaluate(models, x=None, control=None, seed=0, **sizes):
    """A row of the table per model, a dict with the keys of exact.evaluate, in nats;
    kl, E KL[q(z|x) || p(z)]; and the standard error of each figure as KEY_se.

    elbo, kl and log_likelihood are means over x (n, X), data that training has not
    seen, by default problem.sample(rng, 1024).  control (n,) of known mean 0 is
    subtracted from elbo and log_likelihood of every x, so that they vary less; by
    default log p_true(x) - best where these are known.  All models see the same nodes,
    from the seed; sizes: see `figures`.
    """
    problem, rows = models.problem, []
    x = problem.sample(np.random.default_rng(seed), 1024) if x is None else x
    x = nodes.along_first(x).astype(problem.dtype)
    if control is None:
        control = 0 if problem.best is None else problem.log_m(x)[0, :, 0] - problem.best
    for index, (level, model_seed) in enumerate(zip(models.levels, models.seeds)):
        found = figures(problem, select(models.params, index), x, control,
                        np.random.default_rng(seed), **sizes)
        row = {"level": level, "seed": model_seed, "best": problem.best, "note": ""}
        for key, values in found.items():
            row[key] = float(np.mean(values))
            row[f"{key}_se"] = float(np.std(values, ddof=1) / np.sqrt(len(values)))
        excess = row["lower"] - row["upper"]
        if not excess < 5e-4:  # as much as is shown
            row["note"] = (f"lower is {excess:.4f} above upper: noise, s.e. of I is "
                           f"{row['information_se']:.4f}")
        rows.append(row)
    return rows


def figures(problem, params, x, control, rng, replicates=8, n=512, n_codes=4096,
            n_importance=64):
    """Independent values of each of KEYS for a single model, a dict of vectors.

    lower <= I <= upper on average over `replicates` independent sets of n_codes codes,
    n of which yield x; information is their mean, I up to half their difference.  The
    others are those of each x (1, n, 1, X).  log p(x) is estimated by n_importance
    codes, half from q with half again its variance, whose tails are wider than the
    posterior's, half from p(z), each weighted by p(z) over this mixture: low on
    average, by .013 to .030 nats on faces with 64.
    """
    p, q, _ = problem.densities(params)
    both = []
    for _ in range(replicates):
        (z, eps, weights), codes = problem.code_nodes(rng, n_codes, n)
        other = nodes.kronecker(rng, n_codes, problem.dim_z)
        x_of_z, weights = p.joint(*cast(problem, z, eps, weights))
        z, *sets = cast(problem, z, *codes, *other)
        both.append([bounds.multi_sample(p, z, x_of_z, weights, *sets[:2]).item(),
                     bounds.multi_sample(p, z, x_of_z, weights, *sets[2:]).item()])
    lower, upper = np.transpose(both)

    eps, = cast(problem, rng.standard_normal((1, x.shape[1], n_importance,
                                              problem.dim_z)))
    reconstruction, kl = bounds.reconstruction_and_kl(p, q, x, eps)
    mean, log_var = q.mean_and_log_var(x)
    wider, from_q = log_var + np.log(1.5), np.arange(n_importance)[:, None] % 2 == 0
    z, = cast(problem, np.where(from_q, normal.sample(mean, wider, eps), eps))
    log_prior = normal.log_prob(z, 0.0, 0.0)
    mixture = np.logaddexp(normal.log_prob(z, mean, wider), log_prior) - np.log(2)
    log_px = bounds.log_sum_exp(p.log_prob(x, z) + log_prior - mixture, 2)[0]
    kl = kl[0, :, 0]
    elbo = np.mean(reconstruction[0], 1) - kl
    return dict(zip(KEYS, [lower, (lower + upper) / 2, upper, elbo - control, kl,
                           log_px - np.log(n_importance) - control]))


def cast(problem, *arrays):
    """Arrays in the problem's precision."""
    return [a.astype(problem.dtype, copy=False) for a in arrays]
