"""Ask a process to stop, once kindly, then hard."""

import os
import select
import signal
import time
import weakref
from collections.abc import Callable
from types import FrameType

# A terminal tells the whole group and a supervisor tells its children: together one request.
SAME_REQUEST_S = 1.0


class Stop:
    """A request to stop that loops look at and wait for; from then on it stands.

    A pipe, not a `threading.Event`: a signal handler that sets an event can meet its own thread
    inside that event's lock, and wait for ever.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self._read_fd, self._write_fd = os.pipe()
        weakref.finalize(self, _close, self._read_fd, self._write_fd)

    def __bool__(self) -> bool:
        """Say whether to stop: `while not stop: …`."""
        return self.reason is not None

    def request(self, reason: str) -> None:
        """Stop, please. Safe in a signal handler and in any thread; the first reason is kept."""
        if self.reason is None:
            self.reason = reason
            os.write(self._write_fd, b"!")

    def wait(self, timeout_s: float | None = None) -> bool:
        """Sleep until a stop is requested or the time is over; say whether to stop."""
        return bool(select.select([self._read_fd], [], [], timeout_s)[0])

    def fileno(self) -> int:
        """Readable once a stop is requested, for loops that wait for several things at once."""
        return self._read_fd


def stop_on_signals(exit_now: Callable[[int], object] = os._exit) -> Stop:
    """Make SIGTERM and SIGINT request a stop, and a second one end the process where it stands.

    Call it in the main thread. Python runs handlers between two of its steps, so every wait in C
    must be a short one. The handler only sets a flag: what it interrupts never sees an exception.
    """
    stop = Stop()
    first_at_s: float | None = None

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal first_at_s
        now_s = time.monotonic()
        if first_at_s is None:
            first_at_s = now_s
            stop.request(signal.Signals(number).name)
        elif now_s - first_at_s > SAME_REQUEST_S:
            exit_now(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
    return stop


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
