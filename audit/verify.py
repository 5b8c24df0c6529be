"""Verifies the log of record: chains, batches, inputs and money, from its bytes alone.

What the log alone cannot show: that it was cut after a whole batch, or rewritten altogether. For
that, compare the heads in the report with ones kept elsewhere.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Final, NamedTuple

from audit.inputs import Inputs
from audit.money import Account, Doubt
from audit.report import Findings, PartitionFigures, Report
from eventlog.partitioner import partition_of
from eventlog.settings import GENERATION
from ledger.errors import UnreadableInput
from ledger.events import (
    ArrearsCollected,
    BatchCommitted,
    CardAdopted,
    Event,
    IntakePause,
    IntakePaused,
    IntakeResumed,
    PartitionEvent,
    WalletEvent,
)
from ledger.rates import CardBook, RateCard
from schemas.catalogue import versions
from schemas.chain import batch_hash, beginning
from schemas.codec import PREFIX_SIZE, EventCodec, prefix_of, wallet_events

Entry = tuple[int, int, bytes]
"""Partition, offset and value of a record of `wallet.events`."""


def verify(entries: Iterable[Entry], partitions: int) -> Report:
    """Check every value; each partition's must come in order, partitions may be mixed.

    `partitions` is how many the topic has. Memory grows with wallets and partitions alone.
    """
    audits: dict[int, _Partition] = {}
    for partition, offset, value in entries:
        audit = audits.get(partition)
        if audit is None:
            audit = audits[partition] = _Partition(partition, partitions)
        audit.take(offset, value)
    for audit in audits.values():
        audit.finish()
    return Report(
        {number: audits[number].figures for number in sorted(audits)},
        tuple(found for number in sorted(audits) for found in audits[number].findings.kept),
        sum(audit.findings.in_all for audit in audits.values()),
    )


VERSIONS: Final = {prefix_of(one.schema_id): one.version for one in versions(EventCodec.TOPIC)}


class _Link(NamedTuple):
    """The last value of a chain."""

    sequence: int
    value_hash: bytes
    offset: int
    event_id: str
    batch: int


class _Partition:
    """One partition, value by value."""

    def __init__(self, partition: int, partitions: int) -> None:
        self._partition = partition
        self._partitions = partitions
        self._log_name = f"{GENERATION}.{EventCodec.TOPIC}:{partition}"
        self._links: dict[str, _Link] = {}
        self._accounts: dict[str, Account] = {}
        self._inputs = Inputs(partition)
        self._cards = CardBook()
        self._intake_pause: IntakePause | None = None
        self._recorded_at_ms = 0
        self._hashes: list[bytes] = []
        self._touched: dict[str, _Link] = {}
        self._collecting: str | None = None
        self._broken_batches: set[int] = set()
        self._named_batches: set[int] = set()
        self._suspects: dict[str, _Link] = {}
        self._last = (0, "")
        self._version = 0
        self.figures = PartitionFigures()
        self.findings = Findings(partition)

    def take(self, offset: int, value: bytes) -> None:
        """Check the next value."""
        found_before = self.findings.in_all
        value_hash = sha256(value).digest()
        self._last = offset, ""
        try:
            event, prev = wallet_events.decode(value)
        except UnreadableInput as error:
            self._hashes.append(value_hash)
            self._doubt("readable", Doubt("a wallet event", str(error)))
            self._named_batches.add(self.figures.batches)
            return
        self._last = offset, event.event_id
        self._version = VERSIONS[value[:PREFIX_SIZE]]
        self._check_time(event)
        batch = self.figures.batches
        link = _Link(event.originator_version, value_hash, offset, event.event_id, batch)
        follows = self._check_chain(event.originator_id, link, prev)
        if isinstance(event, BatchCommitted):
            self._close(event, value_hash)
            return
        self._hashes.append(value_hash)
        self._take_event(event, link, follows=follows)
        if self.findings.in_all > found_before:
            self._named_batches.add(batch)

    def finish(self) -> None:
        """Check the end, name what was changed last, and add up."""
        if self._hashes:
            self._doubt("tail", Doubt("a footer", f"an end after {len(self._hashes)} values of it"))
        for tenant_id, link in self._suspects.items():
            if link.batch not in self._named_batches:
                self.findings.add(
                    link.offset,
                    link.event_id,
                    "batch",
                    "a value that its batch's footer or its wallet's next event confirms",
                    f"neither: it may have been changed (the last of {tenant_id})",
                )
        figures = self.figures
        figures.wallets = len(self._accounts)
        figures.outcomes = self._inputs.outcomes
        figures.gaps = self._inputs.gaps
        for account in self._accounts.values():
            figures.came_in_micros += account.came_in_micros
            figures.charged_micros += account.charged_micros
            figures.balance_micros += account.wallet.balance_micros
            figures.arrears_micros += account.wallet.arrears_micros

    # ── One value ──

    def _check_time(self, event: Event) -> None:
        if event.recorded_at_ms < self._recorded_at_ms:
            self._doubt(
                "time", Doubt(f"not before {self._recorded_at_ms}", f"{event.recorded_at_ms}")
            )
        self._recorded_at_ms = max(self._recorded_at_ms, event.recorded_at_ms)

    def _check_chain(self, tenant_id: str, link: _Link, prev: bytes) -> bool:
        """Whether the value follows the one before it in its chain, as far as can be told."""
        before = self._links.get(tenant_id)
        expected = 1 if before is None else before.sequence + 1
        if link.sequence != expected:
            name = tenant_id or self._log_name
            self._doubt("sequence", Doubt(f"{expected} of {name}", f"{link.sequence}"))
        elif before is None:
            start = beginning(tenant_id or self._log_name)
            if prev != start:
                self._doubt("chain", Doubt(f"a chain's beginning {start.hex()}", prev.hex()))
        elif prev != before.value_hash:
            self._name_the_changed(tenant_id, before, link, prev)
        # A repeat changes nothing about where the chain goes on.
        if link.sequence >= expected:
            self._links[tenant_id] = link
            self._suspects.pop(tenant_id, None)
        return link.sequence == expected

    def _name_the_changed(self, tenant_id: str, before: _Link, link: _Link, prev: bytes) -> None:
        """Two values do not fit: the later is at fault only if a footer vouches for the earlier."""
        closed = before.batch < self.figures.batches and before.batch not in self._broken_batches
        if tenant_id and closed:
            self._doubt(
                "chain",
                Doubt(f"prev {before.value_hash.hex()}, of {before.event_id}", prev.hex()),
            )
            return
        self._named_batches.add(before.batch)
        self.findings.add(
            before.offset,
            before.event_id,
            "chain",
            f"SHA-256 {prev.hex()}, as {link.event_id} at offset {link.offset} has it",
            before.value_hash.hex(),
        )

    def _take_event(self, event: Event, link: _Link, *, follows: bool) -> None:
        self.figures.events += 1
        if isinstance(event, CardAdopted):
            card = RateCard(event.card_id, event.card_version, event.effective_from_ms, event.lines)
            self._cards = self._cards.with_card(card)
        if isinstance(event, IntakePaused | IntakeResumed):
            self._intake_pause = event.pause if isinstance(event, IntakePaused) else None
        if isinstance(event, PartitionEvent):
            self._inputs.take_own(event)
        if not isinstance(event, WalletEvent):
            return
        tenant_id = event.originator_id
        self._touched[tenant_id] = link
        self._collecting = tenant_id if isinstance(event, ArrearsCollected) else None
        self._doubts("input", self._inputs.take(event))
        account = self._accounts.get(tenant_id)
        if account is None:
            account = self._accounts[tenant_id] = Account(tenant_id)
            self._check_place(tenant_id)
        account.is_followed = account.is_followed and follows
        if account.is_followed:
            self._doubts("money", account.take(event, self._cards, self._version))

    def _check_place(self, tenant_id: str) -> None:
        place = partition_of(tenant_id.encode(), self._partitions)
        if place != self._partition:
            self._doubt("place", Doubt(f"{tenant_id} on partition {place}", f"{self._partition}"))

    # ── One batch ──

    def _close(self, footer: BatchCommitted, value_hash: bytes) -> None:
        self._check_batch(footer)
        self._doubts("position", self._inputs.close(footer))
        if footer.intake_pause != self._intake_pause:
            self._doubt("intake", Doubt(f"{self._intake_pause}", f"{footer.intake_pause}"))
        # A wallet whose collecting filled the batch is looked at after the next.
        collecting = self._collecting
        for tenant_id, link in self._touched.items():
            if tenant_id != collecting:
                for doubt in self._accounts[tenant_id].at_rest():
                    self.findings.add(link.offset, link.event_id, "money", *doubt)
        figures = self.figures
        figures.batches += 1
        figures.dead_letters += footer.dead_letters
        figures.repeats += footer.repeats
        figures.ticks += footer.ticks
        figures.head_sequence = footer.originator_version
        figures.head_sha256 = value_hash.hex()
        self._hashes = []
        self._touched = {} if collecting is None else {collecting: self._touched[collecting]}
        self._collecting = None

    def _check_batch(self, footer: BatchCommitted) -> None:
        has_all = footer.events == len(self._hashes)
        if not has_all:
            self._doubt("batch", Doubt(f"{footer.events} events in it", f"{len(self._hashes)}"))
        found = batch_hash(self._hashes)
        if found != footer.batch_hash:
            self._doubt("batch", Doubt(f"batch hash {footer.batch_hash.hex()}", found.hex()))
            self._broken_batches.add(self.figures.batches)
            if has_all:
                self._suspects.update(self._touched)

    def _doubts(self, check: str, doubts: Iterator[Doubt]) -> None:
        for doubt in doubts:
            self._doubt(check, doubt)

    def _doubt(self, check: str, doubt: Doubt) -> None:
        """A fault of the value at hand."""
        offset, event_id = self._last
        self.findings.add(offset, event_id, check, doubt.expected, doubt.found)
