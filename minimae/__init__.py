"""minimae: the mutual autoencoder in NumPy, every bound beside the exact truth.

Read in this order: normal, nets, bounds, nodes, exact, adam, train, problems.  All information is in nats.

Densities, as in the poster: p(x|z) decoder, q(z|x) encoder, r(z|x) critic, p(z) = N(0, I).
Arrays of values are (L, N, J, dim) and arrays of weights or log densities (L, N, J), where
    L  models stacked in one run, one per requested level and seed
    N  nodes of the variable that is drawn first (x for the ELBO, z for the information)
    J  nodes of the other variable given the first; nodes that come in pairs have N = 1
    X, Z, K  dimensions of x and of z, categories
Any of L, N, J may be 1 and broadcasts; this is what lets one function serve pairs and products of nodes.
"""
from . import adam, bounds, exact, nets, nodes, normal, problems, train

__all__ = ["adam", "bounds", "exact", "nets", "nodes", "normal", "problems", "train"]
