"""Printing that never fails: a broken output must not cost a training."""
import contextlib


class SafeStream:
    """A text stream that writes to another one and never raises.

    The other stream may be None (no console, or closed by `>&-`), have an encoding that
    lacks a letter, be on a full disk, or be a pipe that nobody reads any more
    (`| head`).  `error` keeps the first error, except that of a pipe: its reader has
    seen enough.
    """

    def __init__(self, stream):
        self.stream = stream
        self.error = None

    def write(self, text):
        """Write and flush; letters that the encoding lacks become escapes."""
        if self.stream is None:
            return
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        encoded = text.encode(encoding, errors="backslashreplace")
        try:
            self.stream.write(encoded.decode(encoding))
            self.stream.flush()
        except BrokenPipeError:
            self.drop()
        except (OSError, ValueError) as error:  # ValueError: the stream was closed
            self.error = error
            self.drop()

    def drop(self):
        """Close the stream, or Python would try to write the rest at its end."""
        with contextlib.suppress(OSError, ValueError):
            self.stream.close()
        self.stream = None

    def flush(self):
        """Nothing to do: `write` flushes."""

    def isatty(self):
        """Whether a person reads along."""
        return self.stream is not None and self.stream.isatty()
