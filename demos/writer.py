"""A decoder that writes a name letter by letter, and an encoder that reads it.

The decoder predicts each letter from the letters before it, so it can do without its
code, as the language model of Bowman et al. 2015 can.  A name is a row of n_places
one-hot symbols, (n_places n_symbols,): letters, and the end in all places after them.
"""
import autograd.numpy as np

import images
from minimae import bounds, nets
from minimae.bounds import log_sum_exp, stop_gradient
from minimae.nets import transpose

ALPHABET = "abcdefghijklmnopqrstuvwxyz"
N_SYMBOLS = 1 + len(ALPHABET)  # symbol 0 is the end
N_PLACES = 8                   # letters of the longest name; after them it must end


# Names as rows

def check_name(name):
    """Raise ValueError if a name is empty or too long, or has an unknown letter."""
    if not 1 <= len(name) <= N_PLACES:
        raise ValueError(f"name {name!r}: give 1 to {N_PLACES} letters")
    for letter in name:
        if letter not in ALPHABET:
            raise ValueError(f"name {name!r}, letter {letter!r}: give letters a to z")


def encode(names):
    """Rows (n, X) of a list of names."""
    for name in names:
        check_name(name)
    symbols = np.zeros((len(names), N_PLACES), dtype=int)
    for row, name in zip(symbols, names):
        for place, letter in enumerate(name):
            row[place] = 1 + ALPHABET.index(letter)
    return np.eye(N_SYMBOLS)[symbols].reshape(len(names), -1)


def decode(rows):
    """Names of rows (n, X), a list."""
    one_hot = np.reshape(rows, (len(rows), -1, N_SYMBOLS))
    names = []
    for symbols in np.argmax(one_hot, axis=-1):
        letters = [ALPHABET[symbol - 1] for symbol in symbols if symbol > 0]
        names.append("".join(letters))
    return names


def gumbel(eps):
    """Standard Gumbel numbers -log(-log u), from eps ~ N(0, 1) with u = Phi(eps)."""
    u = (1 + images.to_uniform(eps)) / 2
    with np.errstate(divide="ignore"):  # beyond eps = 8, u is 0 or 1
        return -np.log(-np.log(u))


# The decoder

class Writer(nets.Density):
    """p(x|z) = prod_t p(x_t | letters before t, z), up to and including the first end.

    The log odds of symbol k at place t are
        scores[k] = sum_f heads[k, f] factors_f,    factors = (1, g(z)),
    where g is a net of z, and the heads come from a net of the last `context` letters
    and the place.  So the scores of n names at S codes are products of matrices,
    (K, 1 + F) by (1 + F, S) for each name and place.

    n_units : tanh units of the net of letters; that of z has n_hidden
    n_factors : F, the number of outputs of g
    """

    def __init__(self, n_places=N_PLACES, n_symbols=N_SYMBOLS, context=4, n_units=64,
                 n_factors=12):
        self.n_places = n_places
        self.n_symbols = n_symbols
        self.context = context
        self.n_units = n_units
        self.n_factors = n_factors

    def init(self, rng, n_in, n_hidden, n_out):
        """Parameters: those of g, and those of the net of letters, whose bias is a
        matrix (T, H) with a row for every place."""
        W_z, b_z, V_z, c_z = nets.init(rng, n_in, n_hidden, self.n_factors)
        # g(z) is of order 1, and only the heads are small at first: a product of two
        # small numbers would have hardly any gradient.
        V_z = 10 * V_z
        W, b, V, c = nets.init(rng, self.context * self.n_symbols, self.n_units,
                               self.n_symbols * (1 + self.n_factors))
        # One in n_symbols inputs is 1, the others are 0.
        W = np.sqrt(self.n_symbols) * W
        places = np.tile(b, (self.n_places, 1))
        return W_z, b_z, V_z, c_z, W, places, V, c

    def factors(self, z):
        """(1, g(z)), (..., 1 + F)."""
        g = nets.net(self.params[:4], z)
        one = np.ones_like(g[..., :1])
        return np.concatenate([one, g], axis=-1)

    def letters(self, x):
        """One-hot symbols (..., K) of every place, a list."""
        return np.split(x, self.n_places, axis=-1)

    def heads(self, letters, place):
        """Heads (..., K, 1 + F) of this place, from the letters of places before it."""
        none = np.zeros_like(letters[0])                        # before the name begins
        padded = [none] * self.context + letters[:place]
        inputs = np.concatenate(padded[-self.context:], axis=-1)
        W, places, V, c = self.params[4:]
        b = places[..., place:place + 1, :]
        heads = nets.net((W, b, V, c), inputs)
        return np.reshape(heads, (*heads.shape[:-1], self.n_symbols, -1))

    def log_table(self, x, columns):
        """log p(x|z), (..., N, S), of names x (..., N, X) from the factors of S codes
        as columns (..., 1 + F, S), which broadcast over the names."""
        letters = self.letters(x)
        log_p = 0.0
        is_read = 1.0                                           # 0 after the first end
        for place, letter in enumerate(letters):
            heads = self.heads(letters, place)                  # (..., N, K, 1 + F)
            head_of_letter = np.matmul(letter[..., None, :], heads)
            score = np.matmul(head_of_letter, columns)[..., 0, :]
            scores = np.matmul(heads, columns)                  # (..., N, K, S)
            # Scores are tens at most, far below the 709 at which exp overflows.
            log_total = np.log(np.sum(np.exp(scores), axis=-2))
            log_p = log_p + is_read * (score - log_total)       # (..., N, S)
            is_end = letter[..., :1]
            is_read = is_read * (1 - is_end)
        return log_p

    def log_prob(self, x, z):
        """log p(x|z) of names (..., X) at codes (..., Z)."""
        column = self.factors(z)[..., None]                     # (..., 1 + F, 1)
        return self.log_table(x, column)[..., 0]

    def log_marginal(self, x, z, weights):
        """bounds.log_marginal: every name (..., N, X) at every code (..., S, Z)."""
        columns = transpose(self.factors(z))[..., None, :, :]   # (..., 1, 1 + F, S)
        log_weights = bounds.log_weights(weights)[..., None, :]
        return log_sum_exp(self.log_table(x, columns) + log_weights, axis=-1)

    def write(self, z, noise):
        """Names (..., X) at codes (..., Z).  With noise of standard Gumbel numbers,
        (..., X), they are draws: the symbol with the largest sum of score and noise has
        the probability of p(x|z) (Gumbel 1954).  Without noise, 0, every symbol is the
        likeliest one."""
        column = self.factors(z)[..., None]                     # (..., 1 + F, 1)
        shape = np.broadcast_shapes(column.shape[:-2], noise.shape[:-1])
        noise_of_places = self.letters(noise)
        letters = self.letters(np.zeros((*shape, noise.shape[-1])))
        has_ended = np.zeros(shape, dtype=bool)
        for place in range(self.n_places):
            heads = self.heads(letters, place)                  # (..., K, 1 + F)
            scores = np.matmul(heads, column)[..., 0]           # (..., K)
            symbols = np.argmax(scores + noise_of_places[place], axis=-1)
            symbols = np.where(has_ended, 0, symbols)
            letters[place] = np.eye(self.n_symbols)[symbols]
            has_ended = symbols == 0
        return np.concatenate(letters, axis=-1)

    def sample(self, z, rng):
        """One name for each code."""
        noise = rng.gumbel(size=(*z.shape[:-1], self.n_places * self.n_symbols))
        return self.write(z, noise)

    def joint_nodes(self, z, eps, weights):
        """Names drawn with the noise eps (1, N, X) for codes z (N, Z), and their
        weights (1, N), which carry the gradient."""
        detached = self.with_params(stop_gradient(self.params))
        x = detached.write(z, gumbel(eps))
        return x, bounds.score_weights(self.log_prob(x, z), weights)


class ForgetfulWriter(Writer):
    """Word drop-out (Bowman et al. 2015), for training only: each letter before is
    hidden with probability `share`, so that the decoder needs its code.

    rng : a NumPy Generator, which chooses the letters
    """

    def __init__(self, share, rng):
        super().__init__()
        self.share = share
        self.rng = rng

    def heads(self, letters, place):
        """Heads of this place, from some of the letters."""
        seen = []
        for letter in letters:
            is_seen = self.rng.random((*letter.shape[:-1], 1)) >= self.share
            seen.append(letter * is_seen)
        return super().heads(seen, place)


# The encoder

class Reader(nets.NormalNet):
    """q(z|x), a normal from a net of N_UNITS units that see rows times SCALE."""
    N_UNITS = 128
    # Eight of 216 inputs are 1: without a scale the units see little of a name.  At 5 q
    # gets noisy, and E KL is smaller than at 2.5.
    SCALE = 2.5

    def init(self, rng, n_in, n_hidden, n_out):
        """Parameters of the net.  n_hidden is for the decoder's small net of z."""
        return super().init(rng, n_in, self.N_UNITS, n_out)

    def mean_and_log_var(self, inputs):
        """mean and log_var of z, (..., Z) each, for names (..., X)."""
        return super().mean_and_log_var(self.SCALE * inputs)
