"""Small grey faces, drawn from two numbers: the angle by which they turn, and their
emotion.

Eyes, nose and mouth sit on a ball of radius 1 that turns by up to 0.3 radians.  The
mouth is a parabola, from sad to happy.
"""
from dataclasses import dataclass

import numpy as np

import images

SIDE = 24                   # pixels
PIXELS = SIDE ** 2
PIXEL = 2.4 / SIDE          # side of a pixel, if the ball has the radius 1
LARGEST_TURN = 0.3          # radians
MOUTH_LATITUDE = -0.52      # radians
# Positions and lengths in the plane of the picture, from its middle: up and right.
LINE = PIXEL * (np.arange(SIDE) + 0.5) - 1.2
UP, RIGHT = np.meshgrid(-LINE, LINE, indexing="ij")             # (SIDE, SIDE)


# Drawing

def draw(angle, emotion):
    """Faces (n, PIXELS), greys in [-1/2, 1/2], from angles and emotions in [-1, 1],
    (n,) each or numbers."""
    turn = LARGEST_TURN * np.reshape(angle, (-1, 1, 1))         # (n, 1, 1)
    smile = np.reshape(emotion, (-1, 1, 1))
    head = fill(np.hypot(UP, RIGHT) - 1.05)                     # (SIDE, SIDE)
    features = [
        draw_mouth(turn, smile),                                # (n, SIDE, SIDE)
        draw_spot(turn, longitude=-0.45, latitude=0.3, width=0.17, height=0.2),
        draw_spot(turn, longitude=0.45, latitude=0.3, width=0.17, height=0.2),
        0.5 * draw_spot(turn, longitude=0, latitude=0, width=0.1, height=0.16)]
    darkness = np.max(np.broadcast_arrays(*features), axis=0)
    faces = head * (1 - darkness) - 0.5                         # (n, SIDE, SIDE)
    return faces.reshape(-1, PIXELS)


def draw_mouth(turn, smile):
    """The mouth, 1 inside and 0 outside."""
    middle = np.cos(MOUTH_LATITUDE) * np.sin(turn)
    across = (RIGHT - middle) / np.cos(turn)
    bend = 1.8 * smile
    height = np.sin(MOUTH_LATITUDE) + bend * (across ** 2 - 0.125)
    slope = 2 * bend * across
    # The difference in height, times the cosine of the slope: nearly the distance.
    distance = np.abs(UP - height) / np.sqrt(1 + slope ** 2)
    above_or_below = distance - 0.12
    beside = np.abs(across) - 0.5
    return fill(np.maximum(above_or_below, beside))


def draw_spot(turn, longitude, latitude, width, height):
    """An ellipse on the ball, 1 inside and 0 outside."""
    turned = longitude + turn
    middle = np.cos(latitude) * np.sin(turned)
    seen_width = width * np.cos(turned)
    across = (RIGHT - middle) / seen_width
    along = (UP - np.sin(latitude)) / height
    distance = (np.hypot(across, along) - 1) * min(width, height)
    return fill(distance)


def fill(distance):
    """1 where the distance to an edge is negative, 0 where it is positive.  Edges are
    blurred over two pixels, so that faces change smoothly with both numbers."""
    return np.clip(0.5 - distance / (2 * PIXEL), 0, 1)


# Data

@dataclass
class HeldOut:
    """Faces for the evaluation.

    factors     angle and emotion, (n, 2)
    x           faces with noise, (n, PIXELS)
    control     (n,), a control variate of log p(x), of known mean 0: the log density of
                the noise less its mean; without it log p(x) varies ten times as much
    best        E log p_true(x) in nats, an estimate from these faces
    """
    factors: object
    x: object
    control: object
    best: float


def hold_out(noise, n=512, n_grid=64):
    """n faces with noise of this standard deviation.  p_true is taken for a mixture of
    n_grid x n_grid faces."""
    rng = np.random.default_rng(1)
    angle, emotion = rng.uniform(-1, 1, (2, n))
    eps = rng.standard_normal((n, PIXELS))
    x = draw(angle, emotion) + noise * eps
    square = np.sum(eps ** 2, axis=1)
    control = 0.5 * (PIXELS - square)
    best = np.mean(log_p_true(x, noise, n_grid) - control)
    factors = np.stack([angle, emotion], axis=1)
    return HeldOut(factors, x, control, float(best))


def log_p_true(x, noise, n_grid):
    """log p(x) of a mixture of n_grid x n_grid faces, (n,)."""
    faces = draw_grid(n_grid)                                   # (K, PIXELS)
    probs = np.full(len(faces), 1 / len(faces))
    return images.log_mixture(x, faces, probs, noise)


def draw_grid(n):
    """n x n faces, row by row from the top: angles grow to the right, emotions
    upward."""
    line = (np.arange(n) + 0.5) * 2 / n - 1
    angle, emotion = np.meshgrid(line, line[::-1])
    return draw(angle.ravel(), emotion.ravel())
