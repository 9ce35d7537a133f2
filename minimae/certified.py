"""Figures for any problem that can be sampled, in any dimension, with standard errors.

I lies between a sum over the codes that x came from and one over an independent set:
bounds on average, whatever the decoder.  See bounds.multi_sample.
"""
import math

import numpy as np

from . import bounds, normal
from .models import select
from .nodes import along_first


def evaluate(models, x, control=0.0, seed=0, **sizes):
    """A row of the table per model, a dict with the keys of exact.evaluate, in nats;
    kl, E KL[q(z|x) || p(z)]; and the standard error of each figure as KEY_se.

    elbo, kl and log_likelihood are means over x (n, X), data that training has not
    seen.  control (n,) of known mean 0 is subtracted from elbo and log_likelihood of
    every x, so that they vary less: such as log p_true(x) - best.  All models see the
    same nodes, from the seed; sizes: see `figures`.
    """
    x, rows = along_first(x).astype(models.problem.dtype), []
    for k, level in enumerate(models.levels):
        row = dict(level=level, seed=models.seeds[k], best=models.problem.best, note="")
        with np.errstate(all="ignore"):  # what is not finite is named below
            found = figures(models.problem, select(models.params, k), x, control,
                            np.random.default_rng(seed), **sizes)
            for key, values in found.items():
                row[key] = float(np.mean(values))
                row[f"{key}_se"] = float(np.std(values, ddof=1) / len(values) ** 0.5)
        if row["lower"] > row["upper"] + 5e-4:  # less rounds to nothing
            row["note"] = (f"lower is {row['lower'] - row['upper']:.4f} above upper: "
                           f"noise, s.e. of I is {row['information_se']:.4f}")
        if not np.all(np.isfinite([row[key] for key in found])):
            row["note"] = "diverged: figures that are not finite"
        rows.append(row)
    return rows


def figures(problem, params, x, control, rng, replicates=8, n=512, n_codes=4096,
            n_importance=64):
    """Independent values of each figure of a single model, a dict of vectors.

    lower <= I <= upper on average over `replicates` independent sets of n_codes codes,
    n of which yield x; information is their mean, I up to half their difference.  The
    others are those of each x (1, n, 1, X).  log p(x) is estimated by n_importance
    codes, half from q with half again its variance, whose tails are wider than the
    posterior's, half from p(z), each weighted by p(z) over this mixture: low on
    average, by .013 to .030 nats on faces with 64.
    """
    n_importance += n_importance % 2  # half of them from each
    (p, q, _), both = problem.densities(params), []
    for _ in range(replicates):
        (z, eps, weights), codes = problem.code_nodes(rng, n_codes, n)
        _, others = problem.code_nodes(rng, n_codes, n)
        x_of_z, weights = p.joint(z, eps, weights)
        both.append([bounds.multi_sample(p, z, x_of_z, weights, *nodes)[0]
                     for nodes in (codes, others)])
    lower, upper = np.transpose(both)

    eps = rng.standard_normal((1, x.shape[1], n_importance, problem.dim_z), x.dtype)
    reconstruction, kl = bounds.reconstruction_and_kl(p, q, x, eps)
    elbo = np.mean(reconstruction - kl, 2)[0]
    mean, log_var = q.mean_and_log_var(x)
    wider, from_q = log_var + math.log(1.5), np.arange(n_importance)[:, None] % 2 == 0
    z = np.where(from_q, normal.sample(mean, wider, eps), eps)
    log_prior = normal.log_prob(z, 0.0, 0.0)
    log_mixture = np.logaddexp(normal.log_prob(z, mean, wider), log_prior) - math.log(2)
    log_weights = log_prior - log_mixture - math.log(n_importance)
    log_px = bounds.log_sum_exp(p.log_prob(x, z) + log_weights, 2)[0]
    return dict(lower=lower, information=(lower + upper) / 2, upper=upper,
                elbo=elbo - control, kl=kl[0, :, 0], log_likelihood=log_px - control)
