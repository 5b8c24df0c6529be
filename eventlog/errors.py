"""What can go wrong with the log; the class decides what the caller's loop does.

EventLogError
├── LogTruncated      the log no longer holds what was asked for: do not go on from elsewhere
├── LogUnavailable    the broker did not answer in time: may be tried again
│   └── AccessRefused it knows us not, we trust it not, or it forbids this: until someone mends it
├── Undelivered       some records were not acknowledged: each is named
├── NoAnswer          no reply in time: repeat the command under its own id
├── Overtaken         another process writes here now: nothing of this was written, look again
├── Unconfirmed       a transaction's end is not known: only the log tells, look there
├── PartitionRefused  this partition must not be served, and why: the others go on
├── ClaimLost         the partition went to another process meanwhile: forget it quietly
└── StopProcess       fatal or unknown: exit non-zero, the next owner finds the truth in the log
"""

from collections.abc import Sequence


class EventLogError(Exception):
    """Anything the event log raises on purpose."""


class LogTruncated(EventLogError):
    """The log starts above, or ends below, the offset asked for."""


class LogUnavailable(EventLogError):
    """The broker gave no answer within the time allowed."""


class AccessRefused(LogUnavailable):
    """Who we say we are, whom we trust, or what we may do is not as it must be; it says which."""


class Undelivered(EventLogError):
    """Records that were not acknowledged: (place in the published batch, reason) for each."""

    def __init__(self, failures: Sequence[tuple[int, str]]) -> None:
        """Name the failed records by their place in the batch."""
        place, reason = failures[0]
        super().__init__(
            f"{len(failures)} records not acknowledged, the first at {place}: {reason}"
        )
        self.failures = failures


class NoAnswer(EventLogError):
    """No reply came in time; the command may or may not have been decided."""


class Overtaken(EventLogError):
    """Another process took over what this one wrote under; nothing of its transaction counts."""


class Unconfirmed(EventLogError):
    """A commit was asked for and not confirmed: it may have happened."""


class PartitionRefused(EventLogError):
    """Serving this partition could lose or double money; the message says why."""


class ClaimLost(EventLogError):
    """The partition was taken from this process while it was being taken over."""


class StopProcess(EventLogError):
    """The process can no longer know what the log holds and must exit non-zero."""
