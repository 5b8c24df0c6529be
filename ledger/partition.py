"""What one partition knows: its wallets, the ids it has seen, its cards, and what comes due.

A batch is decided on an `Overlay`, which leaves the state as it is until it is merged after the
commit. Replay writes through the same overlay, so both end with the same state.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from ledger.commands import AskToSpend, PlaceHold, VoidHold
from ledger.events import (
    ArrearsCollected,
    BatchCommitted,
    CallCharged,
    CardAdopted,
    ChatCharged,
    ChatCounted,
    ChatHour,
    CorrectionWaits,
    Draining,
    EndsHold,
    Event,
    HoldMeans,
    HoldPlaced,
    HoldRefused,
    HoldVoided,
    InputHeldForReview,
    InputRefused,
    IntakePause,
    IntakePaused,
    IntakeResumed,
    PartitionEvent,
    SpendAllowed,
    SpendRefused,
    UsageEvent,
    WalletEvent,
    is_outcome,
)
from ledger.memory import Find, MemoryInRam, UsageKey, UsageMemory, pack, unpack
from ledger.rates import CardBook, RateCard
from ledger.usage import AnyUsage, CallUsage, ChatUsage, CrawlUsage
from ledger.wallet import Wallet
from ledger.wallet.parts import UsageName, usage_name

DAY_MS: Final = 24 * 60 * 60_000

Name = tuple[str, str]
"""A tenant and an id within it."""

_USAGE_TYPES: Final = {kind.__name__ for kind in (CallUsage, CrawlUsage, ChatUsage)}
_HOLD_COMMANDS: Final = {kind.__name__ for kind in (PlaceHold, VoidHold, AskToSpend)}


class AnsweredCommand(NamedTuple):
    """What is kept of a command: the hash of its content and the event that answered it."""

    input_hash: bytes
    outcome: Event

    @property
    def is_of_hold(self) -> bool:
        """Whether it is only remembered for the deduplication window; all others are for ever."""
        outcome = self.outcome
        if isinstance(outcome, InputRefused):
            return outcome.input_type in _HOLD_COMMANDS
        return isinstance(
            outcome, HoldPlaced | HoldRefused | HoldVoided | SpendAllowed | SpendRefused
        )


class Due(NamedTuple):
    """Something that ends by itself, in the order of its end: a hold, a chat's hour, a wait.

    `what` names it within its wallet: a hold's id, a chat's hour, what a correction corrects. One
    that waited is due (`GO_ON`) as soon as what it corrects stands, and no input applied it.
    """

    at_ms: int
    tenant_id: str
    kind: str
    what: str | ChatHour | UsageName


HOLD: Final = "hold"
CHAT: Final = "chat"
CORRECTION: Final = "correction"
GO_ON: Final = "go on"


class PartitionState:
    """The state that a partition's events fold to; only an overlay's merge changes it.

    `log_name` names the partition in its own events' ids. `now_ms` is logical time, the highest
    append time decided so far; `sequence` counts the partition's own events, `place` the records
    of its log; `draining` is a tick that the next batch goes on with, `collecting` the last of a
    wallet's events that collect arrears, if more can be collected: that comes before all else.
    `intake_pause` is set while no usage may be decided.
    """

    def __init__(self, log_name: str = "", memory: UsageMemory | None = None) -> None:
        self.log_name = log_name
        self.now_ms = 0
        self.sequence = 0
        self.place = 0
        self.days: tuple[tuple[int, int], ...] = ()
        """Of each day with events that is not forgotten: the day (UTC), its first place."""
        self.forgotten_before_ms = 0
        self.draining: Draining | None = None
        self.collecting: ArrearsCollected | None = None
        self.intake_pause: IntakePause | None = None
        self.wallets: dict[str, Wallet] = {}
        self.usage: UsageMemory = MemoryInRam() if memory is None else memory
        self.reviewed: dict[tuple[UsageKey, str], bytes] = {}
        """Traces of usage that was held for review: remembered for ever."""
        self.chat_charges: dict[tuple[str, ChatHour], int] = {}
        """The place of the last charge of an hour."""
        self.collections: dict[str, tuple[int, ...]] = {}
        """By the charge's event id, the places of what collected its arrears."""
        self.commands: dict[Name, AnsweredCommand] = {}
        self.holds_named_by_usage: dict[Name, int] = {}
        """And when they were."""
        self.due: list[Due] = []
        self.cards = CardBook()

    @property
    def is_amid(self) -> bool:
        """Whether what an input brought about did not all fit its batch."""
        return self.collecting is not None or self.draining is not None

    def forget_what_ended(self) -> None:
        """Leave only what is open in the queue of what is due; the rest would be skipped."""
        self.due = [due for due in self.due if is_open(self.wallets[due.tenant_id], due)]

    def forget(self, before_ms: int, before_place: int) -> None:
        """Drop what is past the deduplication window."""
        self.forgotten_before_ms = before_ms
        self.days = tuple(day for day in self.days if day[1] >= before_place)
        self.usage.forget(before_place)
        self.chat_charges = {
            hour: place for hour, place in self.chat_charges.items() if place >= before_place
        }
        self.collections = {
            charge: places
            for charge, places in self.collections.items()
            if places[-1] >= before_place
        }
        self.commands = {
            name: known
            for name, known in self.commands.items()
            if not known.is_of_hold or known.outcome.recorded_at_ms >= before_ms
        }
        self.holds_named_by_usage = {
            name: at_ms for name, at_ms in self.holds_named_by_usage.items() if at_ms >= before_ms
        }


class Seen(msgspec.Struct, frozen=True):
    """Traces of a tenant's usage of one kind: a batch's, and how to find earlier ones."""

    in_batch: dict[str, bytes]
    find: Find


class Overlay:
    """What a batch changes, kept beside the state until its transaction is committed."""

    def __init__(self, state: PartitionState) -> None:
        self._state = state
        self.log_name = state.log_name
        self.now_ms = state.now_ms
        self.sequence = state.sequence
        self.place = state.place
        self.day_ends_ms = (state.days[-1][0] + 1) * DAY_MS if state.days else 0
        self.draining = state.draining
        self.collecting = state.collecting
        self.intake_pause = state.intake_pause
        self.cards = state.cards
        self._days = state.days
        self._forgotten_before_ms = state.forgotten_before_ms
        self._forgotten_before_place = 0
        self._wallets: dict[str, Wallet] = {}
        self._calls: dict[str, Seen] = {}
        self._seen = {CallUsage: self._calls, CrawlUsage: {}, ChatUsage: {}}
        self._reviewed: dict[tuple[UsageKey, str], bytes] = {}
        self._chat_charges: dict[tuple[str, ChatHour], int] = {}
        self._collections: dict[str, tuple[int, ...]] = {}
        self._commands: dict[Name, AnsweredCommand] = {}
        self._holds_named_by_usage: dict[Name, int] = {}
        self._due: list[Due] = []
        self._due_taken = 0

    # ── Time ──

    def begin_day(self) -> None:
        """Note where the log stood when a day began; called as `now_ms` passes `day_ends_ms`."""
        day = self.now_ms // DAY_MS
        with_events = (known for known in self._days if known[1] < self.place)
        self._days = (*with_events, (day, self.place))
        self.day_ends_ms = (day + 1) * DAY_MS

    def forget(self, window_ms: int) -> None:
        """From now on, know nothing that was recorded on a day (UTC) which is wholly past.

        That is by more than the window and a day: usage from up to 5 minutes ahead was recorded
        before it happened. What was held for review, and commands but for holds, stay known.
        """
        day = max(0, self.now_ms - window_ms - DAY_MS) // DAY_MS
        self._forgotten_before_ms = day * DAY_MS
        kept = (place for began, place in self._days if began >= day)
        self._forgotten_before_place = next(kept, self.place)

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

    def usage_trace(self, kind: type[AnyUsage], tenant_id: str, event_id: str) -> bytes | None:
        """The packed trace of a usage event, if one of that id was decided before."""
        seen = self._seen[kind].get(tenant_id) or self._see(kind, tenant_id)
        packed = seen.in_batch.get(event_id) or seen.find(event_id)
        if packed is not None and unpack(packed).place >= self._forgotten_before_place:
            return packed
        if not self._state.reviewed and not self._reviewed:
            return None
        name = ((kind, tenant_id), event_id)
        return self._reviewed.get(name) or self._state.reviewed.get(name)

    def chat_charge(self, tenant_id: str, hour: ChatHour) -> int:
        """The place of the last charge of an hour that was charged."""
        name = (tenant_id, hour)
        place = self._chat_charges.get(name)
        return self._state.chat_charges[name] if place is None else place

    def collections(self, charge_event_id: str) -> tuple[int, ...]:
        """The places of what collected arrears of a charge, in order."""
        in_batch = self._collections.get(charge_event_id)
        return in_batch or self._state.collections.get(charge_event_id, ())

    def command(self, name: Name) -> AnsweredCommand | None:
        """The command of that id, if one was decided before."""
        known = self._commands.get(name) or self._state.commands.get(name)
        if (
            known is not None
            and known.outcome.recorded_at_ms < self._forgotten_before_ms
            and known.is_of_hold
        ):
            return None
        return known

    def was_named_by_usage(self, hold: Name) -> bool:
        """Whether usage named this hold before it was asked for."""
        in_batch = hold in self._holds_named_by_usage
        at_ms = self._state.holds_named_by_usage.get(hold, -1)
        return in_batch or at_ms >= self._forgotten_before_ms

    def next_due(self, before_ms: int) -> Due | None:
        """The earliest open thing that ends before that time; taken off the queue."""
        while True:
            queue, index = self._due, 0
            known = self._state.due
            if self._due_taken < len(known) and (not queue or known[self._due_taken] < queue[0]):
                queue, index = known, self._due_taken
            if index >= len(queue) or queue[index].at_ms >= before_ms:
                return None
            due = queue[index]
            if queue is known:
                self._due_taken += 1
            else:
                del queue[0]
            if is_open(self._wallets.get(due.tenant_id) or self._state.wallets[due.tenant_id], due):
                return due

    # ── Writing ──

    def _see(self, kind: type[AnyUsage], tenant_id: str) -> Seen:
        seen = self._seen[kind].get(tenant_id)
        if seen is None:
            find = self._state.usage.finder((kind, tenant_id))
            seen = self._seen[kind][tenant_id] = Seen({}, find)
        return seen

    def note(self, event: Event) -> None:
        """Remember what an event means beyond its wallet: ids, what is due, cards, the position."""
        place = self.place
        self.place = place + 1
        if isinstance(event, CallCharged):
            # Most events are charges of calls: the short way.
            usage, tenant_id = event.usage, event.originator_id
            seen = self._calls.get(tenant_id) or self._see(CallUsage, tenant_id)
            seen.in_batch[usage.event_id] = event.input_hash + place.to_bytes(8, "big")
            if usage.hold_id is not None or usage.corrects is not None:
                self._note_usage(event, usage, ends_hold=event.ends_hold)
        elif isinstance(event, UsageEvent):
            self._note_usage_event(event, place)
        elif isinstance(event, WalletEvent):
            self._note_wallet_event(event, place)
        elif isinstance(event, PartitionEvent):
            self.sequence = event.originator_version
            self._note_own(event)

    def _note_own(self, event: PartitionEvent) -> None:
        if isinstance(event, BatchCommitted):
            self.now_ms = event.recorded_at_ms
            self.draining = event.draining
        elif isinstance(event, CardAdopted):
            card = event.card_id, event.card_version, event.effective_from_ms, event.lines
            self.cards = self.cards.with_card(RateCard(*card))
        elif isinstance(event, IntakePaused | IntakeResumed):
            self.intake_pause = event.pause if isinstance(event, IntakePaused) else None
            self._commands["", event.input_id] = AnsweredCommand(event.input_hash, event)

    def _note_usage_event(self, event: UsageEvent, place: int) -> None:
        usage, tenant_id = event.usage, event.originator_id
        kind = type(usage)
        trace = pack(event.input_hash, place)
        self._see(kind, tenant_id).in_batch[usage.event_id] = trace
        if isinstance(event, InputHeldForReview):
            self._reviewed[(kind, tenant_id), usage.event_id] = trace
        elif isinstance(event, CorrectionWaits):
            self._await(Due(event.waits_until_ms, tenant_id, CORRECTION, event.corrected))
        elif isinstance(event, ChatCounted):
            hour = event.hour
            self._await(Due(hour.closes_at_ms, tenant_id, CHAT, hour))
        ends_hold = isinstance(event, EndsHold) and event.ends_hold
        self._note_usage(event, usage, ends_hold=ends_hold)

    def _await(self, due: Due) -> None:
        """Put it in the queue, once: an hour of chats comes here with each of them."""
        for queue in (self._due, self._state.due):
            index = bisect_left(queue, due)
            if index < len(queue) and queue[index] == due:
                return
        insort(self._due, due)

    def _note_usage(self, event: UsageEvent, usage: AnyUsage, *, ends_hold: bool) -> None:
        """The hold it names is not to be placed any more; what it corrects was corrected.

        What waited for a correction follows it at once, or with the next tick.
        """
        tenant_id = event.originator_id
        if isinstance(usage, CallUsage) and usage.hold_id is not None and not ends_hold:
            self._holds_named_by_usage[tenant_id, usage.hold_id] = event.recorded_at_ms
        if usage.corrects is not None and event.is_applied:
            kind = type(usage)
            packed = self.usage_trace(kind, tenant_id, usage.corrects)
            if packed is not None:
                known = unpack(packed)
                corrected = pack(known.content_hash, known.place, is_corrected=True)
                self._see(kind, tenant_id).in_batch[usage.corrects] = corrected
            name = usage_name(usage)
            if name in self.wallet(tenant_id).waiting:
                self._await(Due(event.recorded_at_ms, tenant_id, GO_ON, name))

    def _note_wallet_event(self, event: WalletEvent, place: int) -> None:
        """The first answer stands: a conflict is refused, and changes nothing of it."""
        if isinstance(event, ArrearsCollected):
            wallet = self.wallet(event.originator_id)
            self.collecting = event if wallet.can_collect_arrears else None
            for portion in event.portions:
                charge = portion.charge_event_id
                self._collections[charge] = (*self.collections(charge), place)
        elif isinstance(event, ChatCharged):
            self._chat_charges[event.originator_id, event.hour] = place
        elif isinstance(event, HoldPlaced) and event.means is not HoldMeans.USAGE_CAME_FIRST:
            self._await(Due(event.expires_at_ms, event.originator_id, HOLD, event.hold_id))
        is_of_usage = isinstance(event, InputRefused) and event.input_type in _USAGE_TYPES
        if is_outcome(event) and not is_of_usage:
            name = (event.originator_id, event.input_id)
            if self.command(name) is None:
                self._commands[name] = AnsweredCommand(event.input_hash, event)

    def replay(self, event: Event, window_ms: int) -> None:
        """Apply an event read from the log, forgetting what whoever wrote it forgot."""
        self.now_ms = event.recorded_at_ms
        if self.now_ms >= self.day_ends_ms:
            self.begin_day()
            self.forget(window_ms)
        if isinstance(event, WalletEvent):
            self.wallet(event.originator_id).apply(event)
        self.note(event)

    def merge(self) -> None:
        """Make the batch part of the state; called once, after its transaction is committed."""
        state = self._state
        state.now_ms = self.now_ms
        state.sequence = self.sequence
        state.place = self.place
        state.days = self._days
        state.draining = self.draining
        state.collecting = self.collecting
        state.intake_pause = self.intake_pause
        state.cards = self.cards
        state.wallets.update(self._wallets)
        for kind, tenants in self._seen.items():
            for tenant_id, seen in tenants.items():
                if seen.in_batch:
                    state.usage.learn((kind, tenant_id), seen.in_batch)
        state.reviewed.update(self._reviewed)
        state.chat_charges.update(self._chat_charges)
        state.collections.update(self._collections)
        state.commands.update(self._commands)
        state.holds_named_by_usage.update(self._holds_named_by_usage)
        del state.due[: self._due_taken]
        for due in self._due:
            insort(state.due, due)
        if self._forgotten_before_ms > state.forgotten_before_ms:
            state.forget(self._forgotten_before_ms, self._forgotten_before_place)


def is_open(wallet: Wallet, due: Due) -> bool:
    """Whether what is due did not end before; another of that name may have begun since."""
    what = due.what
    if isinstance(what, str):
        hold = wallet.holds.get(what)
        return hold is not None and hold.expires_at_ms == due.at_ms
    if isinstance(what, ChatHour):
        return what in wallet.chats
    waiting = wallet.waiting.get(what)
    if waiting is None or due.kind == CORRECTION:
        return waiting is not None and waiting.waits_until_ms == due.at_ms
    return waiting.recorded_at_ms <= due.at_ms
