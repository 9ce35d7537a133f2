"""Decoders of strings that write symbol after symbol: p(x|z) = prod_t p(x_t | x_<t, z).

A string has `length` symbols of -1 or +1.  x is one-hot over all 2^length strings, so
every bound of a categorical x applies as it is.
"""
import autograd.numpy as np

from minimae import nets


def all_strings(length):
    """All 2^length strings of -1 and +1, (K, T).

    >>> all_strings(2).tolist()
    [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]
    """
    number = np.arange(2 ** length)[:, None]
    value_of_bit = 2 ** np.arange(length)[::-1]
    bits = number // value_of_bit % 2
    return 2.0 * bits - 1


def all_prefixes(length):
    """What is before some symbol of some string, shorter ones first: symbols (P, T),
    filled up with 0, and lengths (P,).

    >>> symbols, lengths = all_prefixes(2)
    >>> symbols.tolist()
    [[0.0, 0.0], [-1.0, 0.0], [1.0, 0.0]]
    >>> lengths.tolist()
    [0, 1, 1]
    """
    symbols = []
    lengths = []
    for t in range(length):
        prefixes = np.zeros((2 ** t, length))
        prefixes[:, :t] = all_strings(t)
        symbols.append(prefixes)
        lengths.append(np.full(2 ** t, t))
    return np.concatenate(symbols), np.concatenate(lengths)


def has_path(strings, prefixes, lengths, next_symbol):
    """1 where a string begins with a prefix and next_symbol, (K, P), else 0.

    For length 2 the strings are --, -+, +-, ++ and the prefixes "", "-", "+".  With the
    next symbol + the rows are
        --   0 0 0
        -+   0 1 0      "-" comes before +
        +-   1 0 0      "" comes before +
        ++   1 0 1      both "" and "+" come before +

    >>> has_path(all_strings(2), *all_prefixes(2), next_symbol=1.0).tolist()
    [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 1.0]]
    """
    found = np.zeros((len(strings), len(prefixes)))
    for p, (prefix, t) in enumerate(zip(prefixes, lengths)):
        begins = np.all(strings[:, :t] == prefix[:t], axis=1)   # (K,)
        found[:, p] = begins & (strings[:, t] == next_symbol)
    return found


class StringNet(nets.CategoricalNet):
    """One net of z, the place t, and the symbols before t that it sees.

    window : number of symbols that it sees, those just before t; None for all of them
    """

    def __init__(self, length, window=None):
        self.length = length
        self.window = window
        if window is None:
            window = length
        place = np.arange(length)[:, None]
        other = np.arange(length)
        self.sees = (place - window <= other) & (other < place)             # (T, T)
        self.strings = all_strings(length)                      # (K, T)
        self.prefixes, self.lengths = all_prefixes(length)      # (P, T), (P,)
        self.before_plus = has_path(self.strings, self.prefixes, self.lengths, 1.0)
        self.before_minus = has_path(self.strings, self.prefixes, self.lengths, -1.0)

    def init(self, rng, n_in, n_hidden, n_out):
        """Parameters: weights from z, from symbols and from the place, and the rest of
        the net."""
        W_z, b, V, c = nets.init(rng, n_in, n_hidden, 1)
        shape = self.length, n_hidden
        W_x = rng.standard_normal(shape) / np.sqrt(self.length)
        W_t = rng.standard_normal(shape) / np.sqrt(self.length)
        return W_z, W_x, W_t, b, V, c

    def log_odds(self, z, seen, place):
        """log odds of + after every prefix at every z (..., Z), as (..., P).

        seen : symbols of the prefixes that the net sees (..., P, T), 0 for the others
        place : lengths of the prefixes (P,)
        """
        W_z, W_x, W_t, b, V, c = self.params
        at_z = np.matmul(z, W_z) + b                            # (..., H)
        one_hot = np.eye(self.length)[place]                    # (P, T)
        at_x = np.matmul(seen, W_x[..., None, :, :])            # (..., P, H)
        at_place = np.matmul(one_hot, W_t[..., None, :, :])     # (1, P, H)
        hidden = np.tanh(at_z[..., None, :] + at_x + at_place)
        return np.matmul(hidden, V[..., None, :, :])[..., 0] + c

    def log_probs(self, z):
        """log p(x|z) of all strings, (..., K).  The net runs once on every prefix."""
        seen = self.prefixes * self.sees[self.lengths]          # (P, T)
        log_odds = self.log_odds(z, seen, self.lengths)         # (..., P)
        of_plus = np.matmul(log_sigmoid(log_odds), self.before_plus.T)
        of_minus = np.matmul(log_sigmoid(-log_odds), self.before_minus.T)
        return of_plus + of_minus

    def log_prob(self, x, z):
        """log p(x|z) of one-hot x (..., K)."""
        if x.ndim > 2 and x.shape[-2] == 1:  # every x at every z
            return super().log_prob(x, z)
        # Every x has codes of its own: the net runs on the prefixes of x only.
        symbols = np.matmul(x, self.strings)                    # (..., T)
        seen = self.hide(symbols)[..., None, :] * self.sees     # (..., T, T)
        log_odds = self.log_odds(z, seen, np.arange(self.length))
        return np.sum(log_sigmoid(symbols * log_odds), axis=-1)

    def hide(self, symbols):
        """The symbols that the net may see in training: all of them."""
        return symbols


class DropOutNet(StringNet):
    """Training hides each symbol of x from all places after it, with a probability.

    rate : that probability
    rng : a NumPy Generator
    """

    def __init__(self, length, rate, rng):
        super().__init__(length)
        self.rate = rate
        self.rng = rng

    def hide(self, symbols):
        """The symbols, with 0 for hidden ones."""
        is_kept = self.rng.random(symbols.shape) >= self.rate
        return symbols * is_kept


def log_sigmoid(a):
    """log 1 / (1 + exp(-a)), without overflow."""
    return -np.logaddexp(0, -a)
