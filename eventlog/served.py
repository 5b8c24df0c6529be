"""A partition that is being served: what waits to be decided, and one batch at a time.

The steps of a batch, never the other way round:

1. Begin a transaction.
2. Decide against an overlay: commands first, then usage.
3. Produce the records decided.
4. Send the positions of the inputs.
5. Commit.
6. Merge the overlay; had the batch to be aborted, put its inputs back instead.

The loop does 1 to 3 and 6, a committer's thread 4 and 5.
"""

import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import accumulate
from operator import methodcaller

from eventlog.errors import PartitionRefused, StopProcess
from eventlog.logic import Observer
from eventlog.pool import Pool
from eventlog.progress import Progress
from eventlog.records import InputRecord
from eventlog.settings import TRANSACTION_TIMEOUT_MS
from eventlog.takeover import TakenOver, Wiring
from service.logs import log

BATCH_INPUTS_MAX = 2_000
BATCH_BYTES_MAX = 4_000_000
BATCH_S_MAX = 2.0

USAGE_BESIDE_COMMANDS_MAX = 200
"""Someone waits for a batch with commands: it is kept short."""

AHEAD_MS_MAX = 10 * 60_000
"""An append time that far ahead of the host's clock is not believed."""

FLIGHT_S_MAX = TRANSACTION_TIMEOUT_MS / 1_000 + 2
"""By then the broker has ended the transaction; the client's calls can outlast their time-outs."""

UNMARKED_MAX = 2_000
"""How many records a correction may have to read to find one: asking the broker costs 1 ms."""

ABORTS_MAX = 5
ABORT_PAUSE_S = 0.1

_timestamp = methodcaller("timestamp")
_value = methodcaller("value")


@dataclass(frozen=True)
class Batch:
    """Inputs taken, what becomes true with them, and the end: None, or why it was aborted.

    What was written is not kept: freed at once, its memory serves the next batch while still near.
    """

    commands: list[InputRecord]
    usage: list[InputRecord]
    next_offsets: Mapping[str, int]
    merge: Callable[[], None]
    outputs: int
    began_s: float
    end: Future[str | None]


class ServedPartition:
    """The queues, the progress and the batch in flight of one partition."""

    def __init__(self, taken: TakenOver, wiring: Wiring, observer: Observer) -> None:
        """Serve what was taken over."""
        self.number = taken.claim.partition
        self.commands: list[InputRecord] = []
        self.usage: list[InputRecord] = []
        self.progress = {topic: Progress(at) for topic, at in taken.positions.items()}
        self.batch: Batch | None = None
        self.started_s = 0.0
        self.group: object = None
        """The metadata of this member of the group, set before every batch."""
        self._logic = taken.logic
        self._producer = taken.producer
        self._logical = taken.claim.logical
        self._wiring = wiring
        self._observer = observer
        self._end_of_log = taken.end_of_log
        self._marked_end: int | None = None
        self._command_ms = 0
        self._inputs_max = BATCH_INPUTS_MAX
        self._aborts = 0

    @property
    def ready(self) -> bool:
        """Whether a batch can be started; after an abort, not at once."""
        return (
            self.batch is None
            and bool(self.commands or self.deciding_usage or self._logic.pending)
            and time.monotonic() >= self.started_s + self._aborts * ABORT_PAUSE_S
        )

    @property
    def is_intake_paused(self) -> bool:
        """Whether usage waits until an operator resumes its intake."""
        return self._logic.is_intake_paused

    @property
    def deciding_usage(self) -> list[InputRecord]:
        """The usage that waits for its turn, and not for an operator."""
        return [] if self.is_intake_paused else self.usage

    @property
    def is_retrying(self) -> bool:
        """Whether the batch before was aborted."""
        return self._aborts > 0

    def arrive(self, name: str, records: list[InputRecord]) -> None:
        """Queue the next records of an input topic; what is below its position is dropped.

        Raises PartitionRefused if one comes from the future.
        """
        topic = self._logical[name]
        progress = self.progress[topic]
        if records[0].offset() < progress.arrived:
            records = [record for record in records if record.offset() >= progress.arrived]
            if not records:
                return
        newest_ms: int = max(map(_timestamp, records))[1]
        if newest_ms > time.time() * 1_000 + AHEAD_MS_MAX:
            raise PartitionRefused(
                f"partition {self.number}: {topic} has a record appended at {newest_ms} ms, more "
                "than ten minutes ahead of this machine's clock: one of the two clocks is wrong"
            )
        progress.arrive(records[-1].offset() + 1)
        if topic == self._wiring.commands:
            self._command_ms = records[-1].timestamp()[1]
            self.commands += records
        else:
            self.usage += records

    def see_end(self, name: str, offset: int) -> None:
        """Note that an input topic was read to its end."""
        self.progress[self._logical[name]].see_end(offset)

    def ask_end(self, name: str, end: int) -> None:
        """Note where a usage topic ended, asked after the commands that arrived so far."""
        if self._command_ms:
            self.progress[self._logical[name]].ask_end(end, self._command_ms)

    def start(self, committers: Pool) -> None:
        """Decide the next batch and hand it to a committer."""
        self.started_s = time.monotonic()
        # 1. Begin.
        self._producer.begin()
        self._reach("begun")

        # 2. Decide.
        commands, usage = self._next_inputs()
        inputs = commands + usage
        result = self._logic.step(inputs, self._usage_read_to_ms())
        self._reach("decided")
        if result is None:
            assert not inputs, "every input has an outcome"
            self._producer.abort()
            return
        assert result.consumed or not inputs, "a step takes at least one input"

        # 3. Produce.
        self._producer.write(result.outputs)
        self._reach("produced")

        # 4. Send the positions. 5. Commit.
        end = committers.submit(self._commit, result.next_offsets)
        of_commands = min(result.consumed, len(commands))
        of_usage = result.consumed - of_commands
        self.batch = Batch(
            commands[:of_commands],
            usage[:of_usage],
            result.next_offsets,
            result.merge,
            len(result.outputs),
            self.started_s,
            end,
        )
        del self.commands[:of_commands]
        del self.usage[:of_usage]
        self._resize(time.monotonic() - self.started_s)

    @property
    def landed(self) -> bool:
        """Whether there is a batch to settle: one that ended, or should have."""
        batch = self.batch
        return batch is not None and (batch.end.done() or _seconds_left(batch) <= 0)

    def settle(self) -> None:
        """Wait for the end of the batch in flight, if there is one. Raises StopProcess."""
        if self.batch is None:
            return
        batch, self.batch = self.batch, None
        try:
            reason = batch.end.result(max(0, _seconds_left(batch)))
        except TimeoutError as error:
            raise StopProcess(f"partition {self.number}: a commit does not end") from error
        if reason is not None:
            self._put_back(batch, reason)
            return

        # 6. Merge.
        batch.merge()
        if self._marked_end is not None:
            self._logic.mark(self._marked_end)
            self._marked_end = None
        self._reach("merged")
        self._observer.intake(self.number, self.is_intake_paused)
        self._aborts = 0
        self._advance(batch)
        seconds = time.monotonic() - batch.began_s
        inputs = len(batch.commands) + len(batch.usage)
        self._observer.batch_committed(self.number, inputs, batch.outputs, seconds)

    def _commit(self, next_offsets: Mapping[str, int]) -> str | None:
        # 4. Send the positions.
        reason = self._producer.send_offsets(next_offsets, self.group)
        if reason is not None:
            self._producer.abort()
            return reason
        self._reach("offsets_sent")

        # 5. Commit.
        self._reach("commit_sent")
        self._producer.commit()
        self._reach("committed")
        if self._logic.unmarked > UNMARKED_MAX:
            # Nothing is written before the merge: what comes next stands there or later.
            self._marked_end = self._end_of_log()
        return None

    def _next_inputs(self) -> tuple[list[InputRecord], list[InputRecord]]:
        if self._logic.pending:
            return [], []
        commands = _fitting(self.commands, self._inputs_max, BATCH_BYTES_MAX)
        usage_max = self._inputs_max - len(commands)
        if commands:
            usage_max = min(usage_max, USAGE_BESIDE_COMMANDS_MAX)
        return commands, _fitting(self.deciding_usage, usage_max, BATCH_BYTES_MAX - _size(commands))

    def _resize(self, seconds: float) -> None:
        """Keep deciding within its time, whatever the inputs cost."""
        if seconds > BATCH_S_MAX:
            self._inputs_max = max(1, self._inputs_max // 2)
        elif self._inputs_max < BATCH_INPUTS_MAX and seconds < BATCH_S_MAX / 4:
            self._inputs_max = min(BATCH_INPUTS_MAX, self._inputs_max * 2)

    def _usage_read_to_ms(self) -> int:
        return min(self.progress[topic].read_to_ms for topic in self._wiring.usage)

    def _advance(self, batch: Batch) -> None:
        """Note how far each input topic is decided; the logic must have counted the same."""
        for topic, progress in self.progress.items():
            if progress.decided == progress.arrived:
                continue
            queue = batch.commands if topic == self._wiring.commands else batch.usage
            last = next((r for r in reversed(queue) if self._logical[r.topic()] == topic), None)
            if last is not None:
                next_offset = last.offset() + 1
                assert batch.next_offsets[topic] == next_offset, f"{topic}: positions differ"
                progress.decide(next_offset, last.timestamp()[1])

    def _put_back(self, batch: Batch, reason: str) -> None:
        """Decide the same inputs again; the overlay was dropped with the batch."""
        self.commands[:0] = batch.commands
        self.usage[:0] = batch.usage
        log(partition=self.number).warning("batch aborted", reason=reason)
        self._observer.batch_aborted(self.number, reason)
        self._aborts += 1
        if self._aborts > ABORTS_MAX:
            raise StopProcess(f"partition {self.number}: aborted again and again: {reason}")

    def _reach(self, step: str) -> None:
        self._observer.step_reached(step, self.number)


def _seconds_left(batch: Batch) -> float:
    return batch.began_s + FLIGHT_S_MAX - time.monotonic()


def _size(records: Iterable[InputRecord]) -> int:
    values: Iterable[bytes | None] = map(_value, records)
    return sum(map(len, filter(None, values)))


def _fitting(records: list[InputRecord], count_max: int, bytes_max: int) -> list[InputRecord]:
    """The first records, as many as fit; at least one where one may be taken."""
    fitting = records[:count_max]
    if _size(fitting) <= bytes_max:
        return fitting
    sizes = list(accumulate(len(record.value() or b"") for record in fitting))
    return fitting[: max(1, bisect_right(sizes, bytes_max))]
