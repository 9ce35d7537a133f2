"""minimae: the mutual autoencoder in NumPy, every bound beside the exact truth.

    models = train.train(problems.SplitNormal(), [0.5, 1, None])  # nats; None: a VAE
    table.show(exact.evaluate(models))

demos/one_page.py is the whole method for one model.  This package has the same
functions under the same names, for many models at once.  Read it in this order:

    normal, bounds     the formulas of the poster
    quadrature         an expectation is a set of nodes and weights
    nets, critics      the densities p(x|z), q(z|x) and r(z|x)
    adam, penalty      how parameters move, and what holds I at its target
    problems           a model with its data
    models             trained models
    train              the mutual autoencoder
    exact, certified   the truth beside the bounds: by grids, and by samples

contracts checks densities of your own.  notes, table and checks are for reference.
plot draws pictures and is imported on its own.  No module needs one that comes after
it.  All information is in nats.

One model is the plain case.  Rows x are (n, X), codes z (n, Z), and log_prob(x, z) has
the shape of what is in front of the last axes.  Letters for shapes:

    N, J       nodes of the variable that is drawn first, and of the other one; see
               quadrature
    S          codes z_s in a sum over z that stands for p(x)
    X, Z, K    dimensions of x and z, and categories
    L          models of a stack.  train puts this leading axis in, and broadcasting
               carries it along; no formula depends on it.
"""
from . import normal, bounds, quadrature, nets, critics, adam, penalty, problems
from . import models, contracts, train, exact, certified, notes, table, checks

__version__ = "0.3.0"
