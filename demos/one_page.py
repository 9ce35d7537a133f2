"""The mutual autoencoder on one page: split a normal so that z holds M nats about x.

    python one_page.py [M [SEED]]
Code z ~ N(0, 1); decoder p(x|z), encoder q(z|x), critic r(z|x) are normals from small
nets.  Maximise the ELBO subject to I(z, x) = M.  Arrays are (N, 1), all in nats.
"""
import signal
import sys
for name in {"SIGINT", "SIGPIPE"} & set(dir(signal)):  # Ctrl-C, | head: just end
    signal.signal(getattr(signal, name), signal.SIG_DFL)
import autograd.numpy as np
from autograd import grad, value_and_grad

HIDDEN, SAMPLES, STEPS, RATE = 16, 512, 1000, 0.03
C, WIDTH = 0.3, 1.0  # the penalty C |I^ - M|, its kink rounded off over WIDTH nats
LOG_2PI = np.log(2 * np.pi)
ENTROPY = 0.5 * (LOG_2PI + 1)  # H(z)

def log_prob(x, mean, log_var):  # log N(x | mean, exp log_var)
    return -0.5 * ((x - mean) ** 2 * np.exp(-log_var) + log_var + LOG_2PI)

def sample(mean, log_var, eps):  # ~ N(mean, exp log_var) for eps ~ N(0, 1)
    return mean + np.exp(0.5 * log_var) * eps

def draw_x(rng):  # the data; for others change this and log_true, about N(0, 1)
    return rng.standard_normal((SAMPLES, 1))

def log_true(x):  # the log density of the data
    return log_prob(x, 0, 0)

def init(rng):  # V starts near zero: at first a net ignores its inputs
    V = 0.1 / np.sqrt(HIDDEN) * rng.standard_normal((2, HIDDEN)).T
    W, b = rng.standard_normal((2, 1, HIDDEN))
    return [W, b, V, np.zeros((1, 2))]

def net(params, inputs):  # mean and log variance, by the poster's 2-layer net
    W, b, V, c = params
    out = np.tanh(inputs @ W + b) @ V + c
    return out[:, :1], out[:, 1:]

def elbo(p, q, x, eps):  # E_x { E_q log p(x|z) - KL[q(z|x) || p(z)] } <= E log p(x)
    mean, log_var = net(q, x)
    kl = 0.5 * (mean ** 2 + np.exp(log_var) - log_var - 1)
    return np.mean(log_prob(x, *net(p, sample(mean, log_var, eps))) - kl)

def infomax(r, z, x):  # I^ = H(z) + E_{z,x ~ p} log r(z|x) <= I(z, x)
    return ENTROPY + np.mean(log_prob(z, *net(r, x)))

def adam_step(a, gradient, mean, square, step, rate):  # uphill, in place
    mean += 0.1 * (gradient - mean)
    square += 0.05 * (gradient ** 2 - square)
    a += rate * mean / (1 - 0.9 ** step) / (np.sqrt(square / (1 - 0.95 ** step)) + 1e-8)

if "--help" in sys.argv:
    raise SystemExit(print(__doc__))
try:
    M, seed = [*map(float, sys.argv[1:2] or [1.2]), *map(int, sys.argv[2:] or [0])]
    rng = np.random.default_rng(seed if 0 <= M <= 3 else -1)  # -1: ValueError
except ValueError:
    print("one_page.py: give M from 0 to 3 nats, and a whole seed", file=sys.stderr)
    raise SystemExit(2)

p, q, r = init(rng), init(rng), init(rng)
means, squares = [[0 * a for a in p + q + r] for _ in range(2)]
slope = C  # of -C |I^ - M| in I^; positive, for I^ starts below M: z is not used yet
for step in range(1, STEPS + 1):
    x, (eps, z, noise) = draw_x(rng), rng.standard_normal((3, SAMPLES, 1))
    d_p, d_q = grad(lambda p, q: elbo(p, q, x, eps)
                    + slope * infomax(r, z, sample(*net(p, z), noise)), (0, 1))(p, q)
    # The critic climbs I^ alone: if it knew M, it could lower I^ by guessing badly.
    lower, d_r = value_and_grad(infomax)(r, z, sample(*net(p, z), noise))
    if step % 200 == 0:
        print(f"step {step:4d}   ELBO {elbo(p, q, x, eps):7.4f}   I^ {lower:7.4f}")
    cosine = 0.5 * (1 + np.cos(np.pi * (step - 1) / STEPS))
    for a, gradient, mean, square in zip(p + q + r, [*d_p, *d_q, *d_r], means, squares):
        adam_step(a, gradient, mean, square, step, RATE * cosine)
    # The slope is used in the next step, on new random samples.
    slope = -C * np.clip((lower - M) / (WIDTH * cosine + 1e-3), -1, 1)

# The truth, by sums over grids: z down, x across.
z, x, dz, dx = np.linspace(-8, 8, 1001)[:, None], np.linspace(-9, 9, 1001), .016, .018
log_pxz, log_rzx = log_prob(x, *net(p, z)), log_prob(z.T, *net(r, x[:, None])).T
joint = dz * dx * np.exp(log_prob(z, 0, 0) + log_pxz)
log_px = np.log(np.sum(joint, 0) / dx + 1e-300)  # 1e-300: no log 0 far out
I, lower = np.sum(joint * (log_pxz - log_px)), ENTROPY + np.sum(joint * log_rzx)
log_likelihood, best = dx * np.exp(log_true(x)) @ np.transpose([log_px, log_true(x)])
print(f"asked {M:g}   I^ {lower:.4f} <= I {I:.4f}   "
      f"E log p(x) {log_likelihood:.5f} <= best {best:.5f}")
if abs(I - M) > 0.05:  # ten seeds of this page end within .02
    print(f"not reached, I - M = {I - M:+.3f}: raise C above {C:g}, or STEPS")
