"""The outbox: usage is taken, kept until all copies of the topic have it, and told of by then.

Nothing that was taken is given up while the outbox is open: a broker that is away is waited for.
With a spool, what was taken outlives the process too. What is sent twice is charged once, since an
event's id and content stay the same: so whatever is in doubt is simply sent again.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Condition, Lock, Thread, current_thread
from types import TracebackType
from typing import Final, NamedTuple, Protocol, Self

from client.contract import entry_of, publication_of, usage_of
from client.errors import OutboxClosed, OutboxFailed, OutboxFull, SpoolUnwritable
from client.spool import Entry, Spool
from eventlog.producer import Publication
from ledger.usage import AnyUsage

WAITING_MAX: Final = 100_000
POLL_S: Final = 0.1
CLOSED: Final = "closed before it was acknowledged: put it again"
KEPT: Final = "closed before it was acknowledged: it is in the spool"
START_OVER_S: Final = 1.0


class Delivery(NamedTuple):
    """What became of an event. `reason` says why it is not acknowledged: the outbox was closed.

    Then it lies in the spool, if there is one, and goes out when the next outbox opens that.
    """

    usage: AnyUsage
    is_acknowledged: bool
    reason: str = ""


class OutboxState(NamedTuple):
    """For a platform's own figures: how many events wait, how long the oldest has, what is wrong.

    `trouble` is what the Kafka client last complained of, None once something was acknowledged.
    """

    waiting: int
    oldest_s: float
    trouble: str | None


class Carrier(Protocol):
    """What brings records to the broker: `eventlog.streaming.Stream`, or a test's."""

    @property
    def trouble(self) -> str | None: ...
    def send(self, record: Publication, told: Callable[[str | None], None]) -> None: ...
    def poll(self, timeout_s: float) -> None: ...
    def start_over(self) -> None: ...
    def close(self) -> None: ...


@dataclass(eq=False)
class _Letter:
    entry: Entry
    usage: AnyUsage
    taken_s: float = field(default_factory=time.monotonic)
    is_acknowledged: bool = False


@dataclass(eq=False)
class _Batch:
    """What several threads put at once, and one of them writes with a single sync."""

    letters: list[_Letter] = field(default_factory=list[_Letter])
    is_written: bool = False
    failure: BaseException | None = None


class Outbox:
    """Threads share one; a thread of its own sends. `LedgerClient.outbox` makes it."""

    def __init__(
        self,
        connect: Callable[[int], Carrier],
        spool: Spool | None,
        *,
        full_wait_s: float,
        on_delivery: Callable[[Delivery], None] | None,
        waiting_max: int,
        source: str | None,
    ) -> None:
        """`connect` is asked for a carrier of at least so many records."""
        self._spool = spool
        self._full_wait_s = full_wait_s
        self._on_delivery = on_delivery
        self._waiting_max = waiting_max
        self._source = source
        self._changed = Condition()
        self._writing = Lock()
        self._batch = _Batch()
        self._letters: deque[_Letter] = deque()
        self._taken = 0
        """Letters that have their place: those that wait, and those that are being written."""
        self._unacknowledged = 0
        self._attempt = 0
        self._is_broken = False
        self._is_closing = False
        self._is_over = False
        self._failure: BaseException | None = None
        try:
            recovered = [_Letter(one, usage_of(one)) for one in spool.recovered] if spool else []
            self._carrier = connect(waiting_max + len(recovered))
        except BaseException:
            if spool is not None:
                spool.close()
            raise
        self._thread = Thread(target=self._run, name="outbox", daemon=True)
        self._taken = len(recovered)
        self._take_in(recovered)
        self._thread.start()

    # ── What callers use ──

    def put(self, usage: Iterable[AnyUsage]) -> int:
        """Take events, in this order for each tenant; how many, once they are in the spool.

        While as much waits as may wait, it blocks for `full_wait_s` and then raises OutboxFull;
        from within `on_delivery` it never blocks. Raises OutsideContract, OutboxClosed,
        OutboxFailed and SpoolUnwritable. Whatever it raises, this call took nothing: the same
        events can be put again.
        """
        letters = [_Letter(entry_of(event), event) for event in usage]
        if letters:
            self._make_room(len(letters))
            self._write(letters)
        return len(letters)

    def flush(self, timeout_s: float = math.inf) -> int:
        """Wait until all is acknowledged and told, or the time is up; how many are not.

        From within `on_delivery` it never waits. Raises OutboxFailed.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: not self._unacknowledged or self._failure is not None,
                self._allowed(timeout_s),
            )
            self._raise_failure()
            return self._unacknowledged

    def state(self) -> OutboxState:
        """How it is at the moment."""
        with self._changed:
            waiting = next((one for one in self._letters if not one.is_acknowledged), None)
            oldest_s = 0.0 if waiting is None else time.monotonic() - waiting.taken_s
            return OutboxState(self._unacknowledged, oldest_s, self._carrier.trouble)

    def close(self, timeout_s: float = 10.0) -> int:
        """Take nothing more, flush, and end; how many events were not acknowledged in time.

        Each of those is told: with a spool they stay there, without one they must be put again.
        """
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
            if current_thread() is self._thread:
                # `on_delivery` asks: a thread cannot wait for itself. Whoever closes next ends it.
                return self._unacknowledged
            self._changed.wait_for(
                lambda: not self._taken or self._failure is not None, self._allowed(timeout_s)
            )
        # Whoever writes at this moment is let finish; who comes later finds it over.
        with self._writing:
            was_over, self._is_over = self._is_over, True
        self._thread.join()
        if not was_over:
            self._end()
        return self._unacknowledged

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # ── Taking ──

    def _make_room(self, count: int) -> None:
        if count > self._waiting_max:
            raise OutboxFull(f"{count} events at once, and at most {self._waiting_max} may wait")
        with self._changed:
            has_room = self._changed.wait_for(
                lambda: self._is_ended() or self._taken + count <= self._waiting_max,
                self._allowed(self._full_wait_s),
            )
            self._raise_failure()
            if self._is_closing:
                raise OutboxClosed("the outbox is closed")
            if not has_room:
                raise OutboxFull(
                    f"{self._taken} events wait, at most {self._waiting_max} may, and there was no"
                    f" room for {count} more within {self._full_wait_s:g} s"
                )
            self._taken += count

    def _allowed(self, wait_s: float) -> float | None:
        """As the library wants it, where None waits for ever."""
        # Only the thread that tells what was delivered could end its own wait.
        if current_thread() is self._thread:
            return 0.0
        return None if wait_s == math.inf else wait_s

    def _is_ended(self) -> bool:
        return self._is_closing or self._failure is not None

    def _write(self, letters: Sequence[_Letter]) -> None:
        """Into the spool, together with what others put meanwhile, then on their way."""
        with self._changed:
            batch = self._batch
            batch.letters += letters
        with self._writing:
            if not batch.is_written:
                self._write_batch(batch)
        if isinstance(batch.failure, OutboxClosed):
            raise OutboxClosed(str(batch.failure))
        if batch.failure is not None:
            raise SpoolUnwritable(f"nothing was taken: {batch.failure}") from batch.failure

    def _write_batch(self, batch: _Batch) -> None:
        with self._changed:
            self._batch = _Batch()
        batch.is_written = True
        # Of this thread alone: an interrupt must not make the others believe theirs was taken.
        batch.failure = InterruptedError("the thread that wrote it was interrupted")
        try:
            if self._is_over:
                batch.failure = OutboxClosed("the outbox is closed")
                return
            if self._spool is not None:
                try:
                    self._spool.append([letter.entry for letter in batch.letters])
                except OSError as error:
                    batch.failure = error
                    return
            with self._changed:
                self._take_in(batch.letters)
                batch.failure = None
        finally:
            if batch.failure is not None:
                with self._changed:
                    self._taken -= len(batch.letters)
                    self._changed.notify_all()

    def _take_in(self, letters: Sequence[_Letter]) -> None:
        self._letters += letters
        self._unacknowledged += len(letters)
        self._send(letters)

    # ── Sending ──

    def _send(self, letters: Iterable[_Letter]) -> None:
        """Hand over what is not acknowledged, unless all of it has to be sent anew anyway."""
        for letter in letters:
            if self._is_broken:
                return
            if not letter.is_acknowledged:
                record = publication_of(letter.entry, letter.usage.tenant_id, self._source)
                self._carrier.send(record, partial(self._told, letter, self._attempt))

    def _run(self) -> None:
        try:
            while not self._is_over and self._failure is None:
                self._carrier.poll(POLL_S)
                if self._is_broken:
                    self._start_over()
        except BaseException as error:  # noqa: BLE001 - a thread's end would go unnoticed
            self._fail(error)

    def _start_over(self) -> None:
        """Send all again that is not acknowledged, in order; it may well be refused again."""
        self._carrier.start_over()
        with self._changed:
            self._changed.wait_for(lambda: self._is_over, START_OVER_S)
            self._attempt += 1
            self._is_broken = False
            self._send(self._letters)

    def _told(self, letter: _Letter, attempt: int, error: str | None) -> None:
        """Never raises: the Kafka client would lose it among other records' callbacks."""
        if error is not None:
            with self._changed:
                self._is_broken = self._is_broken or attempt == self._attempt
        elif not letter.is_acknowledged:
            try:
                self._tell(Delivery(letter.usage, is_acknowledged=True))
                self._release(letter)
            except BaseException as failure:  # noqa: BLE001 - told to whoever uses the outbox next
                self._fail(failure)

    def _release(self, letter: _Letter) -> None:
        with self._changed:
            letter.is_acknowledged = True
            self._unacknowledged -= 1
            released = 0
            while self._letters and self._letters[0].is_acknowledged:
                self._letters.popleft()
                released += 1
            if released and self._spool is not None:
                self._spool.done(released)
            self._taken -= released
            self._changed.notify_all()

    def _tell(self, delivery: Delivery) -> None:
        if self._on_delivery is not None:
            self._on_delivery(delivery)

    def _fail(self, failure: BaseException) -> None:
        with self._changed:
            self._failure = failure
            self._changed.notify_all()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            kept = "" if self._spool is None else "; what waits is in the spool"
            raise OutboxFailed(f"{self._failure!r} ended the outbox{kept}") from self._failure

    # ── The end ──

    def _end(self) -> None:
        # From here on this thread is the one that tells, and must not wait for itself.
        self._thread = current_thread()
        self._carrier.close()
        try:
            reason = CLOSED if self._spool is None else KEPT
            for letter in list(self._letters):
                if not letter.is_acknowledged and self._failure is None:
                    self._tell(Delivery(letter.usage, is_acknowledged=False, reason=reason))
        finally:
            if self._spool is not None:
                self._spool.close()
