"""Train on all cores and evaluate each model by certified.evaluate."""
from minimae import certified, train

import jobs
from progress import Progress


def train_and_evaluate(problem, targets, seeds, steps, learning_rate, penalty,
                       **evaluation):
    """(row, p, q) of every model, in the order of train.train.

    evaluation : numbers of nodes, see certified.evaluate
    """
    return jobs.train_in_parallel(train_share, targets, seeds, problem, steps,
                                  learning_rate, penalty, evaluation)


def train_share(targets, seeds, is_first, problem, steps, learning_rate, penalty,
                evaluation):
    """The same for some of the targets, in one process."""
    callback = Progress(steps) if is_first else None
    models = train.train(problem, targets, seeds, steps, learning_rate,
                         callback=callback, penalty=penalty)
    rows = certified.evaluate(models, **evaluation)
    results = []
    for k, row in enumerate(rows):
        p, q, _ = models[k]
        results.append((row, p, q))
    return results
