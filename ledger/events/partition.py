"""A partition's own events: cards it adopted, pauses, and the footers that are its position."""

from __future__ import annotations

import msgspec

from ledger.events.envelope import Event
from ledger.rates import RateLine


class InputPosition(msgspec.Struct, frozen=True):
    """The next offset to read of one input topic; the topic by its logical name and broker id."""

    topic: str
    topic_id: str
    next_offset: int


class Draining(msgspec.Struct, frozen=True):
    """A tick whose due expiries did not all fit the batch; the next batch goes on with it."""

    event_id_stem: str
    input_id: str
    input_hash: bytes
    actor: str
    next_index: int
    due_before_ms: int


class IntakePause(msgspec.Struct, frozen=True):
    """The pause of a partition's intake of usage: the event that began it, who did it and why."""

    event_id: str
    paused_at_ms: int
    actor: str
    reason: str


class PartitionEvent(Event, frozen=True, gc=False):
    """An event of a partition rather than of a wallet."""


class CardAdopted(PartitionEvent, frozen=True, gc=False):
    """From here on the partition prices with this card too."""

    card_id: str
    card_version: int
    effective_from_ms: int
    lines: tuple[RateLine, ...]


class IntakePaused(PartitionEvent, frozen=True, gc=False):
    """From here on no usage of the partition is decided; commands are."""

    reason: str

    @property
    def pause(self) -> IntakePause:
        """What footers say of it while it lasts."""
        return IntakePause(self.event_id, self.recorded_at_ms, self.actor, self.reason)


class IntakeResumed(PartitionEvent, frozen=True, gc=False):
    """From here on usage of the partition is decided again."""

    reason: str


class BatchCommitted(PartitionEvent, frozen=True, gc=False):
    """The footer of a transaction, and so the position: where every input goes on.

    `partitions` is how many the topics have; `usage_read_to_ms` how far usage had been read (the
    watermark); `batch_hash` the SHA-256 over the SHA-256 of each of the batch's other values, in
    order; the counts are of this batch.
    """

    positions: tuple[InputPosition, ...]
    partitions: int
    usage_read_to_ms: int
    events: int
    dead_letters: int
    repeats: int
    ticks: int
    draining: Draining | None
    batch_hash: bytes
    code_version: str
    configuration_version: str
    intake_pause: IntakePause | None = None
