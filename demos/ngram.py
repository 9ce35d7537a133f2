"""A model of letters by counts, a yardstick for the log p(x) of names."""
import math

from writer import N_PLACES, N_SYMBOLS

START = "^"
END = "."


class NGram:
    """p(symbol | the last `order` letters), from counts in a list of names.

    After a past that is short of names, the next shorter past helps:
        p_n(k) = [count(k) + different p_{n-1}(k)] / (count + different),
    with the counts after the last n letters, the number of different symbols there, and
    p_{-1} = 1 / N_SYMBOLS.  Witten & Bell 1991.
    """

    def __init__(self, names, order):
        self.order = order
        self.counts = {}  # of symbols after each past, a dict for each
        for name in names:
            for past, symbol in self.steps(name):
                for n in range(order + 1):
                    counts = self.counts.setdefault(past[order - n:], {})
                    counts[symbol] = counts.get(symbol, 0) + 1

    def steps(self, name):
        """Pairs of the last letters and the symbol that follows.  A name of N_PLACES
        letters must end, which needs no symbol."""
        padded = START * self.order + name
        symbols = (name + END)[:N_PLACES]
        pairs = []
        for place, symbol in enumerate(symbols):
            past = padded[place:place + self.order]
            pairs.append((past, symbol))
        return pairs

    def prob(self, past, symbol):
        """p(symbol | past)."""
        p = 1 / N_SYMBOLS
        for n in range(self.order + 1):
            counts = self.counts.get(past[self.order - n:])
            if counts is None:  # never seen, nor is any longer past
                return p
            n_different = len(counts)
            n_all = sum(counts.values())
            p = (counts.get(symbol, 0) + n_different * p) / (n_all + n_different)
        return p

    def log_prob(self, name):
        """log p(name) in nats."""
        log_probs = [math.log(self.prob(past, symbol))
                     for past, symbol in self.steps(name)]
        return sum(log_probs)
