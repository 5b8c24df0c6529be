"""Folds a partition's log back into its state, checking every value against the ones before it."""

from collections.abc import Iterable
from typing import Final

from eventlog.records import InputRecord
from ledger.errors import BrokenLog, UnreadableInput
from ledger.events import BatchCommitted, WalletEvent
from ledger.partition import Overlay, PartitionState
from schemas import codec
from schemas.chain import Chains, batch_hash
from schemas.native import hash_of

EVENTS_PER_MERGE: Final = 100_000


def replayed(
    records: Iterable[InputRecord], state: PartitionState, chains: Chains, window_ms: int
) -> BatchCommitted | None:
    """Fold a partition's log, from its start, into state and chains; its last footer, if any.

    What is past the deduplication window is forgotten on the way, as it was by who wrote the log.
    Raises `BrokenLog`, naming the record, where one does not follow from those before it.
    """
    replay = _Replay(state, chains, window_ms)
    for record in records:
        try:
            replay.take(record)
        except (AssertionError, KeyError) as error:
            raise BrokenLog(f"{_where(record)} cannot be applied: {error!r}") from error
    return replay.finish()


class _Replay:
    """One replay of a partition's log, from its start."""

    def __init__(self, state: PartitionState, chains: Chains, window_ms: int) -> None:
        self._state = state
        self._window_ms = window_ms
        self._chains = chains
        self._overlay = Overlay(state)
        self._heads: dict[str, bytes] = {}
        self._batch: list[bytes] = []
        self._unmerged = 0
        self._footer: BatchCommitted | None = None

    def take(self, record: InputRecord) -> None:
        """Apply the next record; raises `BrokenLog` where it does not follow."""
        value = record.value() or b""
        try:
            event, prev = codec.wallet_events.decode(value)
        except UnreadableInput as error:
            raise BrokenLog(f"{_where(record)} cannot be read: {error}") from error
        tenant_id = event.originator_id
        if prev != (self._heads.get(tenant_id) or self._chains.head(tenant_id)):
            raise BrokenLog(f"{_where(record)}, {event.event_id}: the chain is broken before it")
        if isinstance(event, WalletEvent):
            version = self._overlay.wallet(tenant_id).version
            if event.originator_version != version + 1:
                raise BrokenLog(
                    f"{_where(record)}, {event.event_id}: sequence {event.originator_version} of"
                    f" {tenant_id} follows {version}"
                )
        value_hash = hash_of(value)
        self._heads[tenant_id] = value_hash
        self._overlay.replay(event, self._window_ms)
        self._unmerged += 1
        if isinstance(event, BatchCommitted):
            self._end_batch(record, event)
        else:
            self._batch.append(value_hash)

    def finish(self) -> BatchCommitted | None:
        """Make what was read the state; the last footer, None if the log is empty."""
        if self._batch:
            raise BrokenLog(f"the log ends in the middle of a batch ({len(self._batch)} values)")
        self._merge()
        return self._footer

    def _end_batch(self, record: InputRecord, footer: BatchCommitted) -> None:
        if footer.events != len(self._batch) or footer.batch_hash != batch_hash(self._batch):
            raise BrokenLog(
                f"{_where(record)}, {footer.event_id}: the batch before it is not the one it closed"
            )
        self._footer = footer
        self._batch = []
        if self._unmerged >= EVENTS_PER_MERGE:
            self._merge()

    def _merge(self) -> None:
        self._overlay.merge()
        self._state.forget_what_ended()
        self._chains.advance(self._heads)
        self._overlay = Overlay(self._state)
        self._heads = {}
        self._unmerged = 0


def _where(record: InputRecord) -> str:
    return f"{record.topic()}/{record.partition()} at {record.offset()}"
