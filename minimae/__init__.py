"""minimae: the mutual autoencoder in NumPy, every bound beside the exact truth.

    models = train.train(problems.SplitNormal(), [0.5, 1, None])  # nats; None: the VAE
    table.show(exact.evaluate(models))

demos/one_page.py is the whole method for one model.  Here are the same names doing the
same things for many models at once.  Read in this order: normal, bounds, nodes, nets,
critics, problems, adam, train, exact, certified; none needs what comes after it.
models, table and checks are for reference, plot is pictures.  All information is in
nats.

Densities, as in the poster: decoder p(x|z), encoder q(z|x), critic r(z|x); codes have
p(z) = N(0, I).
Arrays of values are (L, N, J, dim), of weights or log densities (L, N, J), where
    L  models stacked in one run, one per requested level and seed
    N  nodes of the variable that is drawn first (x for the ELBO, z for the information)
    J  nodes of the other variable given the first; nodes that come in pairs have J = 1
    S  codes z_j in a sum over z that stands for p(x)
    X, Z, K  dimensions of x and of z, categories
Any of L, N, J may be 1 and broadcasts.  So one function serves products and pairs:
    z, eps, weights = cross(grid(12), grid(12))
                                      # (1, 12, 1, 1) (1, 1, 12, 1) (1, 12, 12)
    x, weights = p.joint(z, eps, weights)     # (L, 12, 12, 1): 12 x for every z
    r.log_prob(z, x)                          # (L, 12, 12)
    bounds.infomax(r, z, x, weights)          # (L,): one number per model
With (z, weights), (eps, _) = monte_carlo(...), monte_carlo(...) in the first line every
z has one eps, x is (L, n, 1, 1), and the other lines stay as they are.
"""
from . import adam, bounds, certified, checks, critics, exact, models, nets, nodes
from . import normal, problems, table, train

__version__ = "0.2.0"
