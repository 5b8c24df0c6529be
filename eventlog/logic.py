"""What the driver drives and tells: the loop that decides, and whoever watches.

The processor implements `PartitionLogic`; metrics, and tests that pull the plug, are `Observer`s.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from eventlog.records import InputRecord, Output

ReadBack = Callable[[int], Iterator[InputRecord]]
"""The committed records of the partition's event log, from an offset on."""


@dataclass(frozen=True)
class Claim:
    """The partition a logic is made for; ids by logical names of topics."""

    partition: int
    partitions: int
    topic_ids: Mapping[str, str]
    logical: Mapping[str, str]
    """The logical name of each topic, by the broker's, which is the one that records carry."""
    read_back: ReadBack


@dataclass(frozen=True)
class Position:
    """How far the last footer says an input topic was decided."""

    next_offset: int
    topic_id: str


@dataclass
class StepResult:
    """What a step wants written, and what becomes true once it is."""

    outputs: list[Output]
    """In order; the footer is the last record of the event topic."""
    next_offsets: dict[str, int]
    """By logical input topic, from the logic's own state."""
    consumed: int
    """How many of the inputs given were taken: a step may stop early, at the limit of outputs."""
    merge: Callable[[], None]
    """Called once after the commit succeeded, never otherwise."""


class PartitionLogic(Protocol):
    """The decisions of one partition, without Kafka."""

    def restore(self, events: Iterator[InputRecord]) -> dict[str, Position]:
        """Replay the partition's events; the last footer's positions by logical topic, if any.

        May raise PartitionRefused.
        """
        ...

    def step(self, inputs: Sequence[InputRecord], usage_read_to_ms: int) -> StepResult | None:
        """Decide the inputs without changing what a step sees; None if nothing is to be written.

        All usage that was appended up to `usage_read_to_ms` has been decided before.
        """
        ...

    @property
    def unmarked(self) -> int:
        """How many records were written since the logic last learned where its log stands."""
        ...

    def mark(self, end: int) -> None:
        """Learn that what comes next stands at that offset or after it; between two batches."""
        ...

    @property
    def is_intake_paused(self) -> bool:
        """Whether a step takes commands alone until further notice."""
        ...

    @property
    def pending(self) -> bool:
        """More is due though no input came: step without inputs before any new ones."""
        ...


LogicFactory = Callable[[Claim], PartitionLogic]


class Observer:
    """Told what the driver does; does nothing itself. Called from several threads, never raises."""

    def turned(self) -> None:
        """The loop is alive."""

    def assigned(self, partition: int) -> None:
        """A partition was given to this process, which begins to take it over."""

    def restored(self, partition: int, seconds: float) -> None:
        """A partition's state was read back from its log, in so long; `took_over` follows."""

    def took_over(self, partition: int, seconds: float) -> None:
        """A partition is being served, so long after it was assigned."""

    def released(self, partition: int) -> None:
        """A partition was handed over or lost."""

    def refused(self, partition: int, reason: str) -> None:
        """A partition is not served though it is assigned here."""

    def batch_committed(self, partition: int, inputs: int, outputs: int, seconds: float) -> None:
        """A batch is in the log, so long after it began."""

    def intake(self, partition: int, is_paused: bool) -> None:  # noqa: FBT001
        """Whether usage of a partition that is served is decided now, or waits."""

    def batch_aborted(self, partition: int, reason: str) -> None:
        """A batch was dropped and will be decided again."""

    def paused(self, partition: int) -> None:
        """No more usage of a partition is fetched: more waits than is decided."""

    def resumed(self, partition: int) -> None:
        """It is fetched again, or the partition is served no more."""

    def lag(self, partition: int, topic: str, records: int) -> None:
        """How many offsets of an input topic, by logical name, are not decided yet."""

    def step_reached(self, step: str, partition: int) -> None:
        """A batch got so far: one of STEPS."""


STEPS = ("begun", "decided", "produced", "offsets_sent", "commit_sent", "committed", "merged")
"""In order; `commit_sent` right before the commit, `committed` before the merge."""
