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
        np.savez(path, levels=np.array(self.levels, float), seeds=self.seeds,
                 theta=flatten(self.params))


def load(path, problem):
    """The Models in a file that `save` wrote.  Raises ValueError where they cannot be
    of this problem."""
    with np.load(path) as file:
        levels, seeds, theta = file["levels"], file["seeds"].tolist(), file["theta"]
    params = stack([problem.init(np.random.default_rng(0))] * len(levels))
    if theta.size != flatten(params).size:
        raise ValueError(f"{path}: models of another problem; {theta.size} parameters, "
                         f"this problem's {len(levels)} have {flatten(params).size}")
    levels = [None if np.isnan(level) else float(level) for level in levels]
    return Models(problem, levels, seeds, unflatten(theta, params))


def stack(params, repeats=1, dtype=float):
    """Concatenate the seeds' parameters, or nodes, each repeated once per level."""
    def join(arrays):
        joined = np.concatenate(arrays) if len(arrays) > 1 else arrays[0]
        return np.repeat(joined, repeats, 0).astype(dtype, copy=False)
    return tuple(tuple(join(arrays) for arrays in zip(*nets)) for nets in zip(*params))


def select(params, index):
    """The parameters of one model alone, still a stack."""
    return tuple(tuple(a[index:index + 1] for a in net) for net in params)


def flatten(params):
    """All numbers of all arrays in one vector."""
    return np.concatenate([a.ravel() for net in params for a in net] or [np.zeros(0)])


def unflatten(theta, params):
    """Arrays shaped as in params that are parts of the vector theta, sharing memory."""
    ends = np.cumsum([a.size for net in params for a in net])
    parts = iter(np.split(theta, ends[:-1]))
    return tuple(tuple(next(parts).reshape(a.shape) for a in net) for net in params)
