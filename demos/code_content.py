"""What a code z ~ q(z|x) tells about a label of x, in nats, and about a number."""
import numpy as np

from minimae import bounds

# What a guess leaves to labels that it has not seen, or else one of them would cost
# infinitely many nats.  It takes at most .0001 nats from the bound.
UNSEEN = 1e-4


def label_information(q, known, new, rng, n_codes=8):
    """A lower bound of I(label; z) in nats, and the accuracy of a guess from the code:

        I(label; z) >= H(label) + E log guess(label|z),
        guess(label|z) = sum_i q(z|x_i) [label_i = label] / sum_i q(z|x_i).

    The sums are over the known rows, the mean is over n_codes codes z ~ q(z|x) of each
    new row.  The accuracy is how often the likeliest label is the right one.
    Barber & Agakov 2003.

    known, new : pairs of rows (n, X) and labels (n,), integers from 0
    rng : a NumPy Generator, for the codes
    """
    x, labels = known
    new_x, new_labels = new
    n_labels = 1 + max(np.max(labels), np.max(new_labels))
    has_label = np.eye(n_labels)[labels]                        # (n, K)
    z = q.sample(np.repeat(new_x, n_codes, axis=0), rng)
    z = z.reshape(len(new_x), n_codes, -1)
    cross_entropies = []
    accuracies = []
    for k in range(n_codes):  # all codes at once would take gigabytes
        guess = guess_label(q, z[:, k], x, has_label)           # (n_new, K)
        of_truth = guess[np.arange(len(guess)), new_labels]
        cross_entropies.append(-np.mean(np.log(of_truth)))
        likeliest = np.argmax(guess, axis=1)
        accuracies.append(np.mean(likeliest == new_labels))
    information = entropy(new_labels) - np.mean(cross_entropies)
    return float(information), float(np.mean(accuracies))


def guess_label(q, z, x, has_label):
    """Probabilities of all labels, (n_new, K), given codes z (n_new, Z)."""
    log_q = q.log_prob(z, x[:, None])                           # (n, n_new)
    with np.errstate(under="ignore"):  # exp -1000 = 0
        weights = np.exp(log_q - bounds.log_sum_exp(log_q, axis=0))
        guess = weights.T @ has_label
    n_labels = guess.shape[1]
    return (1 - UNSEEN) * guess + UNSEEN / n_labels


def entropy(labels):
    """The entropy of the shares of labels, in nats."""
    counts = np.bincount(labels)
    shares = counts[counts > 0] / len(labels)
    return -np.sum(shares * np.log(shares))


def r_squared(q, x, numbers, rng):
    """The part of the variance of each number, (n, D) -> (D,), that a quadratic
    function of a code z ~ q(z|x) explains: it is fitted to one half of the rows and
    judged on the other.

    rng : a NumPy Generator, for the codes
    """
    z = q.sample(x, rng)
    features = quadratic_features(z)
    half = len(x) // 2
    fit, *_ = np.linalg.lstsq(features[:half], numbers[:half], rcond=None)
    truth = numbers[half:]
    residual = truth - features[half:] @ fit
    unexplained = np.mean(residual ** 2, axis=0)
    return 1 - unexplained / np.var(truth, axis=0)


def quadratic_features(z):
    """1, z_i and z_i z_j of codes z (n, Z), as columns."""
    n, dim_z = z.shape
    with_one = np.column_stack([np.ones(n), z])
    first, second = np.triu_indices(dim_z + 1)
    return with_one[:, first] * with_one[:, second]
