"""Trained models: their parameters, with problem, targets and seeds.

The parameters of one model are a tuple (p's, q's, r's) of tuples of arrays, in the
shapes of nets.init.  Training moves a stack of models, which has a leading axis.
"""
import copy
import zipfile
from dataclasses import dataclass

import numpy as np


@dataclass(repr=False)
class Models:
    """models[k] is model k: its densities p, q and r.

    targets[k] is its target in nats, None for a plain VAE; seeds[k] its seed; params[k]
    its parameters.
    """
    problem: object
    targets: list
    seeds: list
    params: list

    def __getitem__(self, k):
        return self.problem.densities(self.params[k])

    def __len__(self):
        return len(self.params)

    def __repr__(self):
        return f"{len(self)} models of {self.problem}, targets {self.targets}"

    def copy(self):
        """Models with arrays of their own, which training does not change."""
        return Models(self.problem, self.targets, self.seeds,
                      copy.deepcopy(self.params))

    def save(self, path):
        """Write everything but the problem to a file `path`, in NumPy's .npz format."""
        arrays = {"problem": repr(self.problem), "seeds": self.seeds,
                  "targets": np.array(self.targets, float)}
        for k, model in enumerate(self.params):
            for name, a in named_arrays(model):
                arrays[f"{k}.{name}"] = a
        with open(path, "wb") as file:  # np.savez would append .npz to the name
            np.savez(file, **arrays)


def named_arrays(model):
    """Pairs of a name and an array, such as p0 for the first array of the decoder."""
    pairs = []
    for density, net in zip("pqr", model):
        for i, a in enumerate(net):
            pairs.append((f"{density}{i}", a))
    return pairs


def load(path, problem):
    """The Models in a file that `save` wrote.

    Raises ValueError if the file does not hold models of this problem.
    """
    saved = {}
    with open(path, "rb") as file:
        if zipfile.is_zipfile(file):  # np.load takes other files for pickles
            saved = dict(np.load(file))
    if "problem" not in saved:
        raise ValueError(f"{path}: not a file that this version's Models.save wrote")
    if str(saved["problem"]) != repr(problem):
        raise ValueError(f"{path}: models of {saved['problem']}, not of {problem}")
    like = problem.init(np.random.default_rng(0))
    targets = []
    for target in saved["targets"]:
        targets.append(None if np.isnan(target) else float(target))
    params = []
    for k in range(len(targets)):
        params.append(load_one(saved, k, like))
    return Models(problem, targets, saved["seeds"].tolist(), params)


def load_one(saved, k, like):
    """The parameters of model k, in the structure of the model `like`."""
    model = []
    for density, net in zip("pqr", like):
        arrays = [saved[f"{k}.{density}{i}"] for i in range(len(net))]
        model.append(tuple(arrays))
    return tuple(model)


def stack(models):
    """The parameters of L models as those of one, with a leading axis L: matrices are
    (L, 1, in, out), vectors (L, 1, 1, out)."""
    stacked = []
    for nets in zip(*models):           # p's of all models, then q's, then r's
        arrays = [stack_arrays(same, n_axes=3) for same in zip(*nets)]
        stacked.append(tuple(arrays))
    return tuple(stacked)


def stack_arrays(arrays, n_axes):
    """Arrays of one shape along a new first axis, before n_axes others: axes of length
    1 are put in so that the stack broadcasts with nodes."""
    a = np.stack(arrays)
    missing = (1,) * (n_axes + 1 - a.ndim)
    return np.reshape(a, (len(arrays), *missing, *a.shape[1:]))


def unstack(params, like):
    """The inverse: a list of models, with the shapes of the model `like`; views."""
    arrays = [a for net in params for a in net]
    n_models = len(arrays[0])
    models = []
    for k in range(n_models):
        model = []
        for net, net_like in zip(params, like):
            arrays = [a[k].reshape(b.shape) for a, b in zip(net, net_like)]
            model.append(tuple(arrays))
        models.append(tuple(model))
    return models
