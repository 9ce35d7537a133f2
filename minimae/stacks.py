"""Parameters of many models: tuples of tuples of arrays, models on the first axis."""
import numpy as np


def stack(trees, repeats):
    """One tree per seed as one tree: each seed's arrays `repeats` times, in order."""
    return tuple(tuple(np.repeat(np.concatenate(arrays), repeats, 0)
                       for arrays in zip(*group)) for group in zip(*trees))


def select(params, index):
    """The parameters of one model alone, still a stack."""
    return tuple(tuple(a[index:index + 1] for a in net) for net in params)


def flatten(params):
    """All numbers of all arrays in one vector."""
    return np.concatenate([array.ravel() for net in params for array in net])


def views(theta, params):
    """Arrays shaped as in params that are parts of the vector theta, sharing memory."""
    ends = np.cumsum([array.size for net in params for array in net])
    parts = iter(np.split(theta, ends[:-1]))
    return tuple(tuple(next(parts).reshape(array.shape) for array in net)
                 for net in params)
