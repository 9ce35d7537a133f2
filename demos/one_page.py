"""The mutual autoencoder in one file: a VAE whose code z carries M nats about x.

    python one_page.py              M = 1.2 nats, seed 0
    python one_page.py 0.5 7        M = 0.5 nats, seed 7

The model draws a code z ~ N(0, 1), and then x ~ p(x|z).  Three small nets give the mean
and the log variance of three normals:

    p(x|z)   decoder: the model
    q(z|x)   encoder: for the ELBO, a lower bound of log p(x)
    r(z|x)   critic: for I^, a lower bound of the information I(z, x)

Training takes about five seconds.  The program then prints the exact values beside the
bounds, and draws the model into one_page.png.  All logarithms are natural.

The sections follow the poster: Phuong, Kushman, Nowozin, Tomioka & Welling, "The mutual
autoencoder: controlling information in latent code representations".
"""
import argparse
import os
import sys

try:
    import autograd.numpy as np
    from autograd import grad, value_and_grad
except ImportError as error:
    raise SystemExit(f"one_page.py: {error}.  Activate your environment, or install: "
                     "python -m pip install numpy autograd matplotlib")

HIDDEN = 16              # units of each net
SAMPLES = 512            # in a step; they estimate each bound to about 0.03 nats
STEPS = 1000
LEARNING_RATE = 0.03     # at first; it falls to 0
C = 0.3                  # more than a nat of I(z, x) costs in log likelihood
WIDTH = 0.1              # nats; three times the error of I^ in a step

LOG_2PI = np.log(2 * np.pi)
ENTROPY_OF_Z = 0.5 * (LOG_2PI + 1)


# Variational autoencoders

def log_normal(x, mean, log_var):
    """log N(x | mean, exp(log_var))"""
    squared_distance = (x - mean) ** 2 / np.exp(log_var)
    return -0.5 * (squared_distance + log_var + LOG_2PI)


def init_net(rng):
    """Random parameters of one net."""
    W = rng.standard_normal((1, HIDDEN))
    b = rng.standard_normal(HIDDEN)
    # Small output weights: at first the net ignores its input.
    scale = 0.1 / np.sqrt(HIDDEN)
    V = scale * rng.standard_normal((HIDDEN, 2))
    c = np.zeros(2)
    return [W, b, V, c]


def mean_and_log_var(net, inputs):
    """The two outputs of tanh(inputs W + b) V + c, (n, 1) each, for inputs (n, 1)."""
    W, b, V, c = net
    hidden = np.tanh(inputs @ W + b)    # (n, HIDDEN)
    outputs = hidden @ V + c            # (n, 2)
    return outputs[:, :1], outputs[:, 1:]


def log_prob(net, value, inputs):
    """log p(x|z) is log_prob(p, x, z), and log r(z|x) is log_prob(r, z, x)."""
    mean, log_var = mean_and_log_var(net, inputs)
    return log_normal(value, mean, log_var)


def sample(net, inputs, eps):
    """For eps ~ N(0, 1), sample(p, z, eps) ~ p(x|z) and sample(q, x, eps) ~ q(z|x)."""
    mean, log_var = mean_and_log_var(net, inputs)
    standard_deviation = np.exp(0.5 * log_var)
    return mean + standard_deviation * eps


def elbo(p, q, x, eps):
    """E { log p(x|z) - KL[q(z|x) || p(z)] } <= E log p(x), for data x and z ~ q(z|x)"""
    z = sample(q, x, eps)
    reconstruction = log_prob(p, x, z)
    mean, log_var = mean_and_log_var(q, x)
    kl = 0.5 * (mean ** 2 + np.exp(log_var) - log_var - 1)
    return np.mean(reconstruction - kl)


# The mutual autoencoder: maximise ELBO - C |I^ - M|

def infomax(r, z, x):
    """I^ = H(z) + E log r(z|x) <= I(z, x), for z ~ p(z) and x ~ p(x|z)"""
    return ENTROPY_OF_Z + np.mean(log_prob(r, z, x))


def penalty_slope(lower, M):
    """The derivative of -C |I^ - M| by I^: C below M, -C above M.

    Within WIDTH of M it is a straight line, because the sign of I^ - M is noise there.
    """
    difference = (lower - M) / WIDTH
    return -C * np.clip(difference, -1, 1)


def objective(p, q, r, slope, x, eps_z, z, eps_x):
    """ELBO + slope I^.  Its gradient by p and q is that of ELBO - C |I^ - M|."""
    x_model = sample(p, z, eps_x)
    return elbo(p, q, x, eps_z) + slope * infomax(r, z, x_model)


class Adam:
    """Gradient ascent with a step size for each parameter (Kingma & Ba 2015)."""

    def __init__(self, net):
        self.m = [np.zeros_like(a) for a in net]
        self.v = [np.zeros_like(a) for a in net]
        self.t = 0

    def step(self, net, gradient, rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
        """The net after one step uphill."""
        self.t += 1
        new_net = []
        for k, g in enumerate(gradient):
            self.m[k] = beta1 * self.m[k] + (1 - beta1) * g
            self.v[k] = beta2 * self.v[k] + (1 - beta2) * g ** 2
            m_hat = self.m[k] / (1 - beta1 ** self.t)
            v_hat = self.v[k] / (1 - beta2 ** self.t)
            change = rate * m_hat / (np.sqrt(v_hat) + epsilon)
            new_net.append(net[k] + change)
        return new_net


def train(M, rng):
    """The nets p, q and r of a model with I(z, x) = M."""
    p = init_net(rng)
    q = init_net(rng)
    r = init_net(rng)
    adam_p = Adam(p)
    adam_q = Adam(q)
    adam_r = Adam(r)
    gradients_of_p_and_q = grad(objective, argnum=(0, 1))
    value_and_gradient_of_r = value_and_grad(infomax)
    lower = 0.0    # I^ before training

    print(f"estimates from {SAMPLES} samples, with errors of about 0.03 nats:")
    for step in range(1, STEPS + 1):
        x = draw_data(rng)                           # (SAMPLES, 1), as eps_z, z, eps_x
        eps_z = rng.standard_normal((SAMPLES, 1))
        z = rng.standard_normal((SAMPLES, 1))
        eps_x = rng.standard_normal((SAMPLES, 1))

        # From the I^ of the step before: slope and gradient must not share samples.
        slope = penalty_slope(lower, M)
        d_p, d_q = gradients_of_p_and_q(p, q, r, slope, x, eps_z, z, eps_x)
        # The critic does not know M.  If it shared the penalty, it could bring I^ down
        # to M by guessing badly, while I(z, x) stays high.
        x_model = sample(p, z, eps_x)
        lower, d_r = value_and_gradient_of_r(r, z, x_model)

        if step % 200 == 0:
            print(f"step {step:4}   ELBO {elbo(p, q, x, eps_z):5.2f}   I^ {lower:5.2f}")
        decay = 0.5 * (1 + np.cos(np.pi * step / STEPS))    # from 1 to 0
        rate = LEARNING_RATE * decay
        p = adam_p.step(p, d_p, rate)
        q = adam_q.step(q, d_q, rate)
        r = adam_r.step(r, d_r, rate)
    return p, q, r


# Splitting the normal

# For other data, with a mean of about 0 and a scale of about 1, change both functions.
def draw_data(rng):
    """x ~ N(0, 1), (SAMPLES, 1)"""
    return rng.standard_normal((SAMPLES, 1))


def log_true(x):
    """The log density of the data, -inf if it is 0."""
    return log_normal(x, mean=0, log_var=0)


def true_density(x):
    """The density of the data, which may be 0."""
    with np.errstate(divide="ignore", invalid="ignore"):    # of log 0 in log_true
        return np.exp(log_true(x))


def log_joint(p, x, z):
    """log p(z) p(x|z) for all pairs of x (X,) and z (Z, 1), as a table (Z, X)"""
    return log_normal(z, mean=0, log_var=0) + log_prob(p, x, z)


def log_marginal(p, x, z, dz):
    """log p(x) = log of the integral of p(z) p(x|z) dz, by a sum over a grid of z"""
    log_terms = log_joint(p, x, z)
    # The largest term is taken out, or exp would give 0 for every z if x is far out.
    largest = np.max(log_terms, axis=0)
    total = np.sum(np.exp(log_terms - largest), axis=0)
    return largest + np.log(total * dz)


def exact_values(p, r, scale=1):
    """All integrals, by sums over grids that are `scale` times as wide and coarse."""
    # dx = 0.01 is a fifth of the sd of p(x|z) at 3 nats; z beyond 8 weighs 1e-15.
    z, dz = np.linspace(-8 * scale, 8 * scale, num=500, retstep=True)
    x, dx = np.linspace(-15 * scale, 15 * scale, num=3000, retstep=True)
    z = z.reshape(-1, 1)                                  # tables are (Z, X)

    log_p_x = log_marginal(p, x, z, dz)
    log_ratio = log_prob(p, x, z) - log_p_x
    log_r = log_prob(r, z.T, x.reshape(-1, 1)).T          # log r(z|x)
    joint = np.exp(log_joint(p, x, z)) * dz * dx

    p_true = true_density(x)
    weights = p_true / np.sum(p_true)
    log_p_true = np.log(np.where(p_true > 0, p_true, 1))  # 0 log 0 = 0
    return {"infomax": ENTROPY_OF_Z + np.sum(joint * log_r),
            "information": np.sum(joint * log_ratio),
            "log_likelihood": np.sum(weights * log_p_x),
            "best": np.sum(weights * log_p_true)}


def report(M, exact, coarse):
    """Print the exact values, and a line for each that is not as it should be."""
    print("asked for {M:g} nats:   I^ {infomax:.4f} <= I {information:.4f}   "
          "E log p(x) {log_likelihood:.4f} <= best {best:.4f}".format(M=M, **exact))
    error = exact["information"] - M
    # The worst of seeds 0 to 9 is 0.011 at M = 0, 0.4, 1.2 and 2, and 0.018 at M = 3.
    if not abs(error) < 0.05:
        print(f"not reached: I - M = {error:+.3f}.  If I^ is near M, the critic misses "
              f"part of I.  Otherwise raise C above {C:g}, or STEPS.")
    for name in exact:
        difference = abs(exact[name] - coarse[name])
        if not difference < 0.001:
            print(f"{name} is not resolved by the grids: error about {difference:.1g}")


def save_picture(path, M, p, information):
    """Figure 6: p(x|z) p(z) dz for a grid of z, and p(x), the integral over all z."""
    # Figure needs no display; pyplot may.
    from matplotlib import cm, colors, rc_context
    from matplotlib.figure import Figure

    x = np.linspace(-4, 4, num=401)
    all_z, distance = np.linspace(-8, 8, num=500, retstep=True)
    p_x = np.exp(log_marginal(p, x, all_z.reshape(-1, 1), distance))
    z, dz = np.linspace(-2.4, 2.4, num=13, retstep=True)
    curves = np.exp(log_joint(p, x, z.reshape(-1, 1))) * dz
    # Up to 2.8, because the last colour is too pale.
    colour_of = cm.ScalarMappable(colors.Normalize(-2.4, 2.8), cmap="viridis")

    with rc_context({"font.size": 22}):    # readable from the back of a classroom
        figure = Figure(figsize=(12, 7), layout="constrained")
        axis = figure.subplots()
        axis.plot(x, true_density(x), color="orange", linewidth=12, label="data")
        axis.plot(x, p_x, color="black", linewidth=3, label="model p(x)")
        for z_k, curve in zip(z, curves):
            colour = colour_of.to_rgba(z_k)
            axis.plot(x, curve, color=colour, linewidth=3)
            axis.fill_between(x, curve, color=colour, alpha=0.3)
        axis.set_title(f"asked for {M:g} nats: z carries {information:.2f} about x")
        axis.set(xlabel="x", yticks=[])
        axis.set_ylim(bottom=0)
        axis.legend(frameon=False, loc="upper left")
        figure.colorbar(colour_of, ax=axis, label="z of the curve p(x|z) p(z) dz")
        figure.savefig(path)


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage=argparse.SUPPRESS)    # the examples show it, and an error is one line
    parser.add_argument("M", type=float, nargs="?", default=1.2,
                        help="from 0 to 3 nats; 1.2 if it is not given")
    parser.add_argument("seed", type=int, nargs="?", default=0,
                        help="a whole number, 0 (if it is not given) or more")
    args = parser.parse_args(argv)
    if not 0 <= args.M <= 3:
        parser.error(f"argument M: {args.M:g} is not from 0 to 3 nats")
    if args.seed < 0:
        parser.error(f"argument seed: {args.seed} is not 0 or more")
    return args


def main(argv=None):
    """Train, print, draw.  Returns an error message, or None."""
    args = parse_arguments(argv)
    rng = np.random.default_rng(args.seed)
    p, q, r = train(args.M, rng)
    exact = exact_values(p, r)
    coarse = exact_values(p, r, scale=2)
    report(args.M, exact, coarse)
    try:
        save_picture("one_page.png", args.M, p, exact["information"])
    except (ImportError, OSError) as error:
        return f"one_page.py: no picture: {error}"


if __name__ == "__main__":
    try:
        message = main()
        print(end="", flush=True)    # write what is buffered: an error is caught here
    except OSError as error:    # the output is full, or closed as by `| head`
        print(f"one_page.py: {error}", file=sys.stderr)
        os._exit(1)    # sys.exit would write to the output again
    sys.exit(message)
