"""Taking a partition over: after this, one process owns it and knows all that was decided.

Runs outside the rebalance callback, several at once, while the partition is paused.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaException

from eventlog.admin import Admin
from eventlog.errors import ClaimLost, LogTruncated, LogUnavailable, PartitionRefused
from eventlog.logic import Claim, LogicFactory, PartitionLogic, Position
from eventlog.reader import LogReadBack, read_batches
from eventlog.records import InputRecord
from eventlog.settings import KafkaSettings
from eventlog.transactions import PartitionProducer

UNSTABLE_S_MAX = 5.0
RETRY_S = 0.2


@dataclass(frozen=True)
class Wiring:
    """What a driver reads and writes, by logical names, and the name it does so under."""

    app: str
    usage: tuple[str, ...]
    commands: str
    events: str
    partitions: int

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.commands, *self.usage)


@dataclass(frozen=True)
class TakenOver:
    """A partition that is ready to be served."""

    claim: Claim
    logic: PartitionLogic
    producer: PartitionProducer
    positions: Mapping[str, int]
    """The next offset of every input topic, by logical name."""
    end_of_log: Callable[[], int | None]
    """Where the event log ends; None if the broker does not answer just now."""
    restore_s: float = 0.0
    """How long the state took to read back."""


class TakeOver:
    """One attempt to become a partition's owner."""

    def __init__(
        self,
        kafka: KafkaSettings,
        wiring: Wiring,
        factory: LogicFactory,
        partition: int,
        is_held: Callable[[], bool],
        admin: Admin,
    ) -> None:
        self._kafka = kafka
        self._wiring = wiring
        self._factory = factory
        self._partition = partition
        self._is_held = is_held
        self._admin = admin

    def run(self) -> TakenOver:
        """Take the partition over.

        0. The assignment is still held: who comes late would fence a healthy owner.
        1. Fence the previous owner, which ends its open transaction.
        2. Nothing unfinished is left on the event log.
        3. Restore from the events; the last footer gives the positions.
        4. Compare the positions with what the group committed and with what the inputs hold.
        5. Start every input at a number.

        Raises ClaimLost once the assignment is gone, PartitionRefused, StopProcess.
        """
        # 0. The assignment is still held.
        claim = self._claim()
        producer = PartitionProducer(self._kafka, self._wiring.app, self._partition)
        self._check_held()

        # 1. Fence the previous owner.
        while not producer.fence():
            time.sleep(RETRY_S)
            self._check_held()

        # 2. Nothing unfinished is left.
        self._await_stable()

        # 3. Restore.
        began_s = time.monotonic()
        logic = self._factory(claim)
        footer = logic.restore(self._events())
        restore_s = time.monotonic() - began_s
        self._check_held()

        # 4. Compare the positions.
        starts = self._compare(claim, footer)

        # 5. Start every input at a number.
        positions = {topic: self._start(topic, footer, starts) for topic in self._wiring.inputs}
        return TakenOver(claim, logic, producer, positions, self._end_of_log, restore_s)

    def _end_of_log(self) -> int | None:
        """Where the event log ends; None if the broker does not answer just now."""
        place = self._place(self._wiring.events)
        try:
            return self._admin.ends([place])[place]
        except (KafkaException, LogUnavailable):
            return None

    def _claim(self) -> Claim:
        names = {self._kafka.topic(t): t for t in (*self._wiring.inputs, self._wiring.events)}
        described = self._admin.describe(names)
        for name in names:
            found = len(described[name].partitions) if name in described else 0
            if found != self._wiring.partitions:
                raise self._refuse(f"{name} has {found} partitions, not {self._wiring.partitions}")
        return Claim(
            self._partition,
            self._wiring.partitions,
            topic_ids={names[name]: str(found.topic_id) for name, found in described.items()},
            logical=names,
            read_back=LogReadBack(self._kafka, self._wiring.events, self._partition),
        )

    def _await_stable(self) -> None:
        """Only this partition's producers write there, and the fence ended their transactions."""
        place = self._place(self._wiring.events)
        give_up_s = time.monotonic() + UNSTABLE_S_MAX
        while self._admin.committed_ends([place]) != self._admin.ends([place]):
            self._check_held()
            if time.monotonic() > give_up_s:
                raise self._refuse(f"a transaction on {place[0]} does not end")
            time.sleep(RETRY_S)

    def _events(self) -> Iterator[InputRecord]:
        try:
            for batch in read_batches(self._kafka, self._wiring.events, self._partition):
                self._check_held()
                yield from batch
        except LogTruncated as error:
            raise self._refuse(str(error)) from error

    def _compare(self, claim: Claim, footer: Mapping[str, Position]) -> Mapping[str, int]:
        """Refuse what cannot be explained; lost or lagging group offsets can. The inputs' starts.

        A committed offset is a copy, made in the same transaction as the footer.
        """
        places = {topic: self._place(topic) for topic in self._wiring.inputs}
        committed = self._admin.group_offsets(self._kafka.group(self._wiring.app), places.values())
        starts = self._admin.starts(places.values())
        ends = self._admin.ends(places.values())
        for topic, place in places.items():
            position = footer.get(topic)
            at = position.next_offset if position else 0
            if committed.get(place, 0) > at:
                raise self._refuse(
                    f"{topic}: the group committed {committed[place]}, the log says {at}"
                )
            if position is None:
                continue
            if position.topic_id != claim.topic_ids[topic]:
                raise self._refuse(
                    f"{topic} is another topic: its id is {claim.topic_ids[topic]}, "
                    f"the log says {position.topic_id}"
                )
            if not starts[place] <= at <= ends[place]:
                raise self._refuse(
                    f"{topic} holds offsets {starts[place]} to {ends[place]}, the log says {at}"
                )
        return {topic: starts[place] for topic, place in places.items()}

    def _start(self, topic: str, footer: Mapping[str, Position], starts: Mapping[str, int]) -> int:
        if topic in footer:
            return footer[topic].next_offset
        if starts[topic] > 0:
            raise self._refuse(f"{topic} starts at {starts[topic]}, and was never read before that")
        return 0

    def _check_held(self) -> None:
        if not self._is_held():
            raise ClaimLost(f"partition {self._partition} went elsewhere")

    def _place(self, topic: str) -> tuple[str, int]:
        return self._kafka.topic(topic), self._partition

    def _refuse(self, why: str) -> PartitionRefused:
        return PartitionRefused(f"partition {self._partition}: {why}")
