"""Reading ahead: the next events are fetched, decoded and folded while Postgres writes the last.

Two threads of Python would only share one core; Postgres, in a process of its own, has another.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby
from operator import methodcaller
from typing import Final, Protocol

from eventlog.records import InputRecord
from ledger.errors import BrokenLog, UnreadableInput
from ledger.events import Event
from projections.database import Database
from projections.logged import Batch, Place
from projections.projection import Folded, prefer_indexes
from schemas.codec import wallet_events

EVENTS_MAX: Final = 20_000
FOLDED_AT_ONCE: Final = 1_000
"""Few enough to be decoded, folded and encoded before they leave the processor's cache."""

WAIT_S: Final = 0.2
PARTITION: Final = methodcaller("partition")


class Log(Protocol):
    """What is read from: `eventlog.reader.Follower`, or a log in memory."""

    positions: dict[int, int]

    def poll(self, records_max: int, timeout_s: float) -> list[InputRecord]: ...
    def seek(self, partition: int, offset: int) -> None: ...
    def ends_seen(self) -> dict[int, int]: ...
    def close(self) -> None: ...


class Portion:
    """What was read of one partition at once; `following` may lie past markers without events."""

    def __init__(self, partition: int, begins: int, folded: Folded) -> None:
        self.partition = partition
        self.begins = begins
        self.following = begins
        self.folded = folded
        self.appended_at_ms: int | None = None
        self._waiting: list[InputRecord] = []

    def add(self, records: Iterable[InputRecord]) -> None:
        """Take records; fold when there are enough to be worth asking Postgres for rows."""
        self._waiting += records
        if len(self._waiting) >= FOLDED_AT_ONCE:
            self.fold()

    def fold(self) -> None:
        """Fold what waits; raises `BrokenLog`."""
        if self._waiting:
            self.appended_at_ms = self._waiting[-1].timestamp()[1]
            self.folded.add(_decoded(self._waiting))
            self._waiting = []


class ReadAhead:
    """Reads a log's partitions onwards from positions that the caller gives, and folds them.

    One portion of each partition is ahead of those that the caller is writing.
    """

    def __init__(self, log: Log, database: Database, places: Mapping[int, Place]) -> None:
        """`database` is asked for the rows that events move on; nothing is written with it."""
        prefer_indexes(database)
        self._log = log
        self._database = database
        self._places = places
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reading")
        self._ahead: Future[list[Portion]] | None = None

    def go_to(self, positions: Mapping[int, int]) -> None:
        """Go on from there, where all is committed; what was read ahead is forgotten."""
        if self._ahead is not None:
            self._ahead.exception()
        for partition, offset in positions.items():
            if self._log.positions[partition] != offset:
                self._log.seek(partition, offset)
        self._ahead = self._thread.submit(self._read, [])

    def next(self) -> list[Portion]:
        """What follows, after waiting a little for it; raises what reading raised.

        Each partition's portion begins where its last one ended, and must be committed before the
        next call, which reads on meanwhile.
        """
        assert self._ahead is not None, "go_to() comes first"
        portions = self._ahead.result()
        self._ahead = self._thread.submit(self._read, portions)
        return portions

    def close(self) -> None:
        """Stop reading."""
        self._thread.shutdown()

    def _read(self, uncommitted: list[Portion]) -> list[Portion]:
        due = {portion.partition: portion.folded for portion in uncommitted}
        portions: dict[int, Portion] = {}
        for partition, begins in self._log.positions.items():
            folded = Folded(self._database, self._places[partition], due.get(partition))
            portions[partition] = Portion(partition, begins, folded)
        left, wait_s = EVENTS_MAX, WAIT_S
        while left and (records := self._log.poll(min(left, FOLDED_AT_ONCE), wait_s)):
            for partition, some in groupby(records, PARTITION):
                portions[partition].add(some)
            left, wait_s = left - len(records), 0
        for partition, following in self._log.positions.items():
            portions[partition].following = following
            portions[partition].fold()
        return [portion for portion in portions.values() if portion.following > portion.begins]


def _decoded(records: list[InputRecord]) -> Batch:
    batch: list[tuple[int, Event]] = []
    record = None
    try:
        for record in records:
            batch.append((record.offset(), wallet_events.decode(record.value() or b"")[0]))
    except UnreadableInput as error:
        assert record is not None
        where = f"{record.topic()}/{record.partition()} at {record.offset()}"
        raise BrokenLog(f"{where}: {error}") from error
    return batch
