"""How far a run is, for a person at a terminal."""
import sys
import time

INTERVAL = 0.5  # seconds between two lines: quick enough, and easy to read


class Progress:
    """A callback of train.train, or of anything that counts to `total`: progress(done)
    prints the share that is done and the seconds that are left."""

    def __init__(self, total, what="training"):
        self.total = total
        self.what = what
        self.start = time.monotonic()
        self.last_line = self.start
        # sys.stderr is None if there is no console
        self.on_terminal = sys.stderr is not None and sys.stderr.isatty()

    def __call__(self, done, *state):
        now = time.monotonic()
        is_last = done == self.total
        if not self.on_terminal or (now < self.last_line + INTERVAL and not is_last):
            return
        self.last_line = now
        percent = 100 * done // self.total
        seconds_left = (now - self.start) * (self.total / done - 1)
        line = f"\r{self.what} {percent:3d} %, {seconds_left:3.0f} s left "
        if is_last:
            line += "\n"
        print(line, end="", file=sys.stderr, flush=True)
