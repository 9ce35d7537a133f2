"""Trained models: parameters of many, with their problem, levels and seeds.

Parameters are tuples (p's, q's, r's) of tuples of arrays, models on the first axis.
"""
from typing import NamedTuple

import numpy as np


class Models(NamedTuple):
    """Model l of the stack was asked for levels[l] nats, or None: the plain VAE, and
    started from seeds[l]; lists and arrays of params have L entries."""
    problem: object
    levels: list
    seeds: list
    params: tuple

    def densities(self, index):
        """p, q, r of one model."""
        return self.problem.densities(select(self.params, index))

    def save(self, path):
        """Write all but the problem to a file, NumPy's .npz."""
        np.savez(path, np.array(self.levels, float), self.seeds, *arrays(self.params))


def load(path, problem):
    """The Models in a file that `save` wrote.  Raises ValueError where they cannot be
    of this problem."""
    with np.load(path) as file:
        levels, seeds, *saved = file.values()
    init = problem.init(np.random.default_rng(0))
    params = stack([init] * len(levels), dtype=problem.dtype)
    if [a.shape for a in arrays(params)] != [a.shape for a in saved]:
        raise ValueError(f"{path}: models of another problem, with other arrays")
    for a, values in zip(arrays(params), saved):
        a[...] = values
    levels = [None if np.isnan(level) else float(level) for level in levels]
    return Models(problem, levels, seeds.tolist(), params)


def stack(params, repeats=1, dtype=float):
    """Concatenate the seeds' parameters, or nodes, each repeated once per level."""
    return tuple(tuple(np.repeat(np.concatenate(same, dtype=dtype), repeats, 0)
                       for same in zip(*nets)) for nets in zip(*params))


def select(params, index):
    """The parameters of one model alone, still a stack."""
    return tuple(tuple(a[index:index + 1] for a in net) for net in params)


def arrays(params):
    """A list of all arrays."""
    return [a for net in params for a in net]
