"""What one partition knows: its wallets, the ids it has seen, its cards, and what comes due.

A batch is decided on an `Overlay`, which leaves the state as it is until it is merged after the
commit. Replay writes through the same overlay, so both end with the same state.
"""

from bisect import insort
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from ledger.events import (
    ArrearsCollected,
    BatchCommitted,
    CardAdopted,
    Draining,
    Event,
    HoldMeans,
    HoldPlaced,
    InputRefused,
    ProjectOpened,
    UsageEvent,
    WalletEvent,
)
from ledger.rates import CardBook, RateCard
from ledger.usage import CallUsage
from ledger.wallet import Wallet

Name = tuple[str, str]
"""A tenant and an id within it."""


NONE: Final[Mapping[str, bytes]] = {}


class AnsweredCommand(NamedTuple):
    """What is kept of a command: the hash of its content and the event that answered it."""

    input_hash: bytes
    outcome: WalletEvent


class DueHold(NamedTuple):
    """A hold that ends by itself, in the order of its end."""

    expires_at_ms: int
    tenant_id: str
    hold_id: str


class PartitionState:
    """The state that a partition's events fold to; only an overlay's merge changes it.

    `log_name` names the partition in its own events' ids. `now_ms` is logical time, the highest
    append time decided so far; `sequence` counts the partition's own events; `draining` is a tick
    that the next batch goes on with, `collecting` the last of a wallet's events that collect
    arrears, if more can be collected: that comes before all else.
    """

    def __init__(self, log_name: str = "") -> None:
        self.log_name = log_name
        self.now_ms = 0
        self.sequence = 0
        self.draining: Draining | None = None
        self.collecting: ArrearsCollected | None = None
        self.wallets: dict[str, Wallet] = {}
        self.usage_hashes: dict[str, dict[str, bytes]] = {}
        """By tenant and event id: without a pair for each, and none so large that it pauses."""
        self.commands: dict[Name, AnsweredCommand] = {}
        self.holds_named_by_usage: set[Name] = set()
        self.due_holds: list[DueHold] = []
        self.cards = CardBook()

    @property
    def is_amid(self) -> bool:
        """Whether what an input brought about did not all fit its batch."""
        return self.collecting is not None or self.draining is not None

    def forget_ended_holds(self) -> None:
        """Leave only open holds in the queue of those to expire; the others would be skipped."""
        self.due_holds = [
            due for due in self.due_holds if due.hold_id in self.wallets[due.tenant_id].holds
        ]


class Overlay:
    """What a batch changes, kept beside the state until its transaction is committed."""

    def __init__(self, state: PartitionState) -> None:
        self._state = state
        self.log_name = state.log_name
        self.now_ms = state.now_ms
        self.sequence = state.sequence
        self.draining = state.draining
        self.collecting = state.collecting
        self.cards = state.cards
        self._wallets: dict[str, Wallet] = {}
        self._usage_hashes: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
        self._commands: dict[Name, AnsweredCommand] = {}
        self._holds_named_by_usage: set[Name] = set()
        self._due_holds: list[DueHold] = []
        self._due_taken = 0

    # ── Reading: the batch first, then the state ──

    def wallet(self, tenant_id: str) -> Wallet:
        """The tenant's wallet, to change; one that has no event yet if the tenant is new."""
        wallet = self._wallets.get(tenant_id)
        if wallet is None:
            known = self._state.wallets.get(tenant_id)
            wallet = Wallet.of(tenant_id, self.now_ms) if known is None else known.copy()
            self._wallets[tenant_id] = wallet
        return wallet

    @property
    def tenants(self) -> Iterable[str]:
        """Whose wallets the batch touched."""
        return self._wallets

    def usage_hash(self, tenant_id: str, event_id: str) -> bytes | None:
        """The content hash of the usage event of that id, if one was decided before."""
        in_batch = self._usage_hashes[tenant_id].get(event_id)
        return in_batch or self._state.usage_hashes.get(tenant_id, NONE).get(event_id)

    def command(self, name: Name) -> AnsweredCommand | None:
        """The command of that id, if one was decided before."""
        return self._commands.get(name) or self._state.commands.get(name)

    def was_named_by_usage(self, hold: Name) -> bool:
        """Whether usage named this hold before it was asked for."""
        return hold in self._holds_named_by_usage or hold in self._state.holds_named_by_usage

    def next_due_hold(self, before_ms: int) -> DueHold | None:
        """The earliest open hold that ends before that time; taken off the queue."""
        while True:
            queue, index = self._due_holds, 0
            known = self._state.due_holds
            if self._due_taken < len(known) and (not queue or known[self._due_taken] < queue[0]):
                queue, index = known, self._due_taken
            if index >= len(queue) or queue[index].expires_at_ms >= before_ms:
                return None
            due = queue[index]
            if queue is known:
                self._due_taken += 1
            else:
                del queue[0]
            if self._is_open(due):
                return due

    def _is_open(self, due: DueHold) -> bool:
        wallet = self._wallets.get(due.tenant_id) or self._state.wallets[due.tenant_id]
        return due.hold_id in wallet.holds

    # ── Writing ──

    def note(self, event: Event) -> None:
        """Remember what an event means beyond its wallet: ids, due holds, cards, the position."""
        if isinstance(event, UsageEvent):
            tenant_id, usage = event.originator_id, event.usage
            self._usage_hashes[tenant_id][usage.event_id] = event.input_hash
            if usage.hold_id is not None and not event.ends_hold:
                self._holds_named_by_usage.add((tenant_id, usage.hold_id))
        elif isinstance(event, WalletEvent):
            self._note_wallet_event(event)
        elif isinstance(event, CardAdopted):
            card = event.card_id, event.card_version, event.effective_from_ms, event.lines
            self.cards = self.cards.with_card(RateCard(*card))
            self.sequence = event.originator_version
        elif isinstance(event, BatchCommitted):
            self.now_ms = event.recorded_at_ms
            self.draining = event.draining
            self.sequence = event.originator_version

    def _note_wallet_event(self, event: WalletEvent) -> None:
        """The first answer stands: a conflict is refused, and changes nothing of it."""
        if isinstance(event, ArrearsCollected):
            wallet = self.wallet(event.originator_id)
            self.collecting = event if wallet.can_collect_arrears else None
        if isinstance(event, HoldPlaced) and event.means is not HoldMeans.USAGE_CAME_FIRST:
            due = DueHold(event.expires_at_ms, event.originator_id, event.hold_id)
            insort(self._due_holds, due)
        is_passing = isinstance(event, ProjectOpened) and event.seen_in_passing
        is_of_usage = isinstance(event, InputRefused) and event.input_type == CallUsage.__name__
        name = (event.originator_id, event.input_id)
        if event.answers and not is_passing and not is_of_usage and self.command(name) is None:
            self._commands[name] = AnsweredCommand(event.input_hash, event)

    def replay(self, event: Event) -> None:
        """Apply an event read from the log."""
        self.now_ms = event.recorded_at_ms
        if isinstance(event, WalletEvent):
            self.wallet(event.originator_id).apply(event)
        self.note(event)

    def merge(self) -> None:
        """Make the batch part of the state; called once, after its transaction is committed."""
        state = self._state
        state.now_ms = self.now_ms
        state.sequence = self.sequence
        state.draining = self.draining
        state.collecting = self.collecting
        state.cards = self.cards
        state.wallets.update(self._wallets)
        for tenant_id, hashes in self._usage_hashes.items():
            state.usage_hashes.setdefault(tenant_id, {}).update(hashes)
        state.commands.update(self._commands)
        state.holds_named_by_usage |= self._holds_named_by_usage
        del state.due_holds[: self._due_taken]
        for due in self._due_holds:
            insort(state.due_holds, due)
