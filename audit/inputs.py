"""Whether a partition's footers account for its inputs: each decided once, in order, none skipped.

What can be asserted exactly, from the log alone: every event names an input between the previous
footer's position and its own; a topic's event ids only grow, and an input's are numbered from 0;
every input with events, but a tick, has one outcome; and outcomes, dead letters, repeats and ticks
are never more than the offsets passed. What is left over are gaps of transactional senders.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from audit.money import Doubt
from eventlog.settings import GENERATION
from ledger.events import (
    ArrearsCollected,
    BatchCommitted,
    ChargeReversed,
    ChatCharged,
    ChatUncounted,
    HoldExpired,
    InputPosition,
    PartitionEvent,
    UsageEvent,
    WalletEvent,
    is_outcome,
)

COMMANDS: Final = "wallet.commands"
UNREAD = InputPosition("", "", 0)


class Source(NamedTuple):
    """Where an event's input stood, and which of its events it is."""

    topic: str
    offset: int
    number: int

    def __str__(self) -> str:
        return f"event {self.number} of the input at {self.offset} of {self.topic}"


class Inputs:
    """The inputs of one partition, as far as its events and footers tell."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._positions: dict[str, InputPosition] = {}
        self._latest: dict[str, Source] = {}
        self._unfinished: set[str] = set()
        self._input: str | None = None
        self._is_answered = False
        self._has_outcome = True
        self._is_collecting = False
        self._outcomes_of_batch = 0
        self.outcomes = 0
        self.gaps = 0

    def take(self, event: WalletEvent) -> Iterator[Doubt]:
        """Account for a wallet's event."""
        stem, _, _ = event.event_id.rpartition(":")
        source = self._source(event.event_id)
        if stem != self._input:
            yield from self._end_input()
            self._input = stem
            is_due = source is not None and source.topic == COMMANDS and _is_due(event)
            self._has_outcome = not is_due and stem not in self._unfinished
        self._is_collecting = isinstance(event, ArrearsCollected)
        if source is None:
            yield Doubt(f"an id of an input of partition {self._partition}", event.event_id)
            return
        yield from self._follows(source, stem)
        self._latest[source.topic] = source
        self._is_answered |= self._has_outcome and is_outcome(event)

    def take_own(self, event: PartitionEvent) -> None:
        """Account for an event of the partition's; its first card came without a command."""
        self._outcomes_of_batch += event.input_id != ""

    def close(self, footer: BatchCommitted) -> Iterator[Doubt]:
        """Compare a batch with the footer that ends it, and start the next.

        The next may go on with a tick, and with an input whose collecting of arrears ended this.
        """
        unfinished = {footer.draining.event_id_stem} if footer.draining else set[str]()
        if self._is_collecting and self._input is not None:
            unfinished.add(self._input)
        yield from self._end_input()
        passed = 0
        for position in footer.positions:
            before = self._positions.get(position.topic, UNREAD)
            yield from _goes_on(before, position)
            passed += position.next_offset - before.next_offset
            self._positions[position.topic] = position
        for topic, latest in self._latest.items():
            position = self._positions.get(topic, UNREAD)
            if latest.offset >= position.next_offset:
                yield Doubt(f"{topic} read past offset {latest.offset}", str(position.next_offset))
        named = {position.topic for position in footer.positions}
        for topic in self._positions.keys() - named:
            yield Doubt(f"a position in {topic}", "none")
        accounted = self._outcomes_of_batch + footer.dead_letters + footer.repeats + footer.ticks
        if min(footer.dead_letters, footer.repeats, footer.ticks) < 0 or accounted > passed:
            yield Doubt(f"at most the {passed} inputs passed", f"{accounted} accounted for")
        self.gaps += max(0, passed - accounted)
        self.outcomes += self._outcomes_of_batch
        self._outcomes_of_batch = 0
        self._unfinished = unfinished

    def _end_input(self) -> Iterator[Doubt]:
        if self._input is not None:
            if self._is_answered != self._has_outcome:
                yield Doubt(f"an outcome of input {self._input}", "none")
            self._outcomes_of_batch += self._is_answered
        self._input = None
        self._is_answered = False

    def _source(self, event_id: str) -> Source | None:
        topic, partition, offset, number = ([*event_id.rsplit(":", 3)] + [""] * 4)[:4]
        if not (offset.isdecimal() and number.isdecimal() and partition == str(self._partition)):
            return None
        return Source(topic.removeprefix(f"{GENERATION}."), int(offset), int(number))

    def _follows(self, source: Source, stem: str) -> Iterator[Doubt]:
        latest = self._latest.get(source.topic)
        if latest is not None and source.offset == latest.offset:
            follows = source.number == latest.number + 1
        else:
            follows = source.number == 0 and (latest is None or source.offset > latest.offset)
        if not follows:
            yield Doubt(f"what comes after {latest or 'nothing'}", str(source))
        position = self._positions.get(source.topic, UNREAD)
        if source.offset < position.next_offset and stem not in self._unfinished:
            yield Doubt(f"an input not below {position.next_offset}", str(source))


def _is_due(event: WalletEvent) -> bool:
    """Whether a tick brought it, as the first of a command's events: no other begins so.

    A hold or a chat's hour ended by itself, or a correction that had waited.
    """
    return isinstance(
        event, HoldExpired | ChatCharged | UsageEvent | ChargeReversed | ChatUncounted
    )


def _goes_on(before: InputPosition, position: InputPosition) -> Iterator[Doubt]:
    if position.next_offset < before.next_offset:
        yield Doubt(f"{position.topic} not below {before.next_offset}", str(position.next_offset))
    if before.topic_id not in ("", position.topic_id):
        yield Doubt(f"{position.topic} of id {before.topic_id}", position.topic_id)
