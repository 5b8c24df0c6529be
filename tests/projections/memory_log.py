"""A log in memory, as a follower of Kafka reads it: encoded values at their offsets."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from eventlog.records import Headers, InputRecord
from projections.logged import Logged
from schemas.codec import wallet_events


class Record(NamedTuple):
    """One record of `wallet.events`."""

    partition_: int
    offset_: int
    value_: bytes | None

    def topic(self) -> str:
        return "g1.wallet.events"

    def partition(self) -> int:
        return self.partition_

    def offset(self) -> int:
        return self.offset_

    def key(self) -> bytes | None:
        return None

    def value(self) -> bytes | None:
        return self.value_

    def headers(self) -> Headers | None:
        return None

    def timestamp(self) -> tuple[int, int]:
        return 2, 1_769_900_400_000


def records(partition: int, events: Iterable[Logged]) -> list[Record]:
    return [
        Record(partition, offset, wallet_events.encode(event, bytes(32)))
        for offset, event in events
    ]


class MemoryLog:
    """Partitions by number; at its end a marker follows the last record."""

    def __init__(
        self, partitions: Mapping[int, list[Record]], positions: Mapping[int, int]
    ) -> None:
        self._partitions = partitions
        self.positions = dict(positions)
        self.closed = False

    def poll(self, records_max: int, timeout_s: float) -> list[InputRecord]:
        found: list[InputRecord] = []
        for number, kept in self._partitions.items():
            ahead = [record for record in kept if record.offset() >= self.positions[number]]
            taken = ahead[: min(records_max, 150)]
            found += taken
            if len(taken) < len(ahead):
                self.positions[number] = taken[-1].offset() + 1
            elif kept:
                self.positions[number] = kept[-1].offset() + 2
        return found

    def seek(self, partition: int, offset: int) -> None:
        self.positions[partition] = offset

    def ends_seen(self) -> dict[int, int]:
        return {
            number: kept[-1].offset() + 2 if kept else 0
            for number, kept in self._partitions.items()
        }

    def close(self) -> None:
        self.closed = True
