"""Reading ahead: the next events are fetched and decoded while Postgres writes the last ones.

Two threads of Python would only share one core; Postgres, in a process of its own, has another.
"""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, NamedTuple, Protocol

from eventlog.records import InputRecord
from ledger.errors import BrokenLog, UnreadableInput
from ledger.events import Event
from projections.logged import Logged
from schemas.codec import wallet_events
from schemas.primitives import Malformed

EVENTS_MAX: Final = 5_000
WAIT_S: Final = 0.2


class Log(Protocol):
    """What is read from: `eventlog.reader.Follower`, or a log in memory."""

    positions: dict[int, int]

    def poll(self, records_max: int, timeout_s: float) -> list[InputRecord]: ...
    def seek(self, partition: int, offset: int) -> None: ...
    def close(self) -> None: ...


class Portion(NamedTuple):
    """What was read of one partition at once; `following` may lie past markers without events."""

    partition: int
    begins: int
    following: int
    events: list[Logged]
    appended_at_ms: int | None


class ReadAhead:
    """Reads a log's partitions onwards from positions that the caller gives."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reading")
        self._ahead: Future[list[Portion]] | None = None

    def go_to(self, positions: Mapping[int, int]) -> None:
        """Go on from there; what was read ahead is forgotten."""
        if self._ahead is not None:
            self._ahead.exception()
            self._ahead = None
        for partition, offset in positions.items():
            if self._log.positions[partition] != offset:
                self._log.seek(partition, offset)

    def read_on(self) -> None:
        """Read what follows meanwhile: to be called when Postgres has all the work."""
        if self._ahead is None:
            self._ahead = self._thread.submit(self._read)

    def next(self) -> list[Portion]:
        """What follows, after waiting a little for it; raises what reading raised.

        Each partition's portion begins where its last one ended.
        """
        self.read_on()
        assert self._ahead is not None
        portions = self._ahead.result()
        self._ahead = None
        return portions

    def close(self) -> None:
        """Stop reading, and let go of the log."""
        self._thread.shutdown()
        self._log.close()

    def _read(self) -> list[Portion]:
        before = dict(self._log.positions)
        by_partition: dict[int, list[InputRecord]] = {}
        for record in self._log.poll(EVENTS_MAX, WAIT_S):
            by_partition.setdefault(record.partition(), []).append(record)
        return [
            _portion(partition, before[partition], following, by_partition.get(partition, []))
            for partition, following in self._log.positions.items()
            if following > before[partition]
        ]


def _portion(partition: int, begins: int, following: int, records: list[InputRecord]) -> Portion:
    events = [Logged(record.offset(), _event(record)) for record in records]
    appended_at_ms = records[-1].timestamp()[1] if records else None
    return Portion(partition, begins, following, events, appended_at_ms)


def _event(record: InputRecord) -> Event:
    value = record.value()
    try:
        if value is None:
            raise Malformed("the record has no value")
        return wallet_events.decode(value)[0]
    except UnreadableInput as error:
        where = f"{record.topic()}/{record.partition()} at {record.offset()}"
        raise BrokenLog(f"{where}: {error}") from error
