"""What a verification found: each fault by the event it is about, and what was counted."""

from collections.abc import Mapping
from typing import Final

import msgspec

FINDINGS_MAX: Final = 1_000


class Finding(msgspec.Struct, frozen=True):
    """Something that does not hold. `event_id` is empty where the value cannot be read.

    `check` is the rule in a word: readable, time, sequence, chain, place, input, money,
    batch, position, tail.
    """

    partition: int
    offset: int
    event_id: str
    check: str
    expected: str
    found: str

    def __str__(self) -> str:
        event = f"event {self.event_id}" if self.event_id else "unreadable"
        return (
            f"partition {self.partition}, offset {self.offset}, {event}:"
            f" expected {self.expected}, found {self.found}"
        )


class PartitionFigures(msgspec.Struct):
    """What one partition's log holds. Money is in micro-dollars, simulated charges left out.

    `gaps` are offsets of inputs that no footer accounts for: commit markers and aborted records of
    transactional senders. `head_sequence` and `head_sha256` are the last footer's; only a copy of
    them kept elsewhere can show that a log was cut after a whole batch.
    """

    events: int = 0
    batches: int = 0
    wallets: int = 0
    outcomes: int = 0
    dead_letters: int = 0
    repeats: int = 0
    ticks: int = 0
    gaps: int = 0
    came_in_micros: int = 0
    charged_micros: int = 0
    balance_micros: int = 0
    arrears_micros: int = 0
    head_sequence: int = 0
    head_sha256: str = ""


class Report(msgspec.Struct, frozen=True):
    """The result: the log holds if `findings_in_all` is 0. At most 1,000 findings are kept."""

    partitions: Mapping[int, PartitionFigures]
    findings: tuple[Finding, ...]
    findings_in_all: int

    @property
    def holds(self) -> bool:
        """Whether nothing at all was found."""
        return self.findings_in_all == 0


class Findings:
    """Collects what is found in one partition."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self.kept: list[Finding] = []
        self.in_all = 0

    def add(self, offset: int, event_id: str, check: str, expected: object, found: object) -> None:
        """Note a fault."""
        self.in_all += 1
        if len(self.kept) < FINDINGS_MAX:
            self.kept.append(
                Finding(self._partition, offset, event_id, check, str(expected), str(found))
            )
