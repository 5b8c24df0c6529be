"""`decide`: from a partition's state and a batch of inputs to events, replies and dead letters.

The same inputs in the same order, with the same watermarks, give the same wallet events however
they are cut into batches.
"""

from collections.abc import Sequence
from typing import Final, TypeGuard

import msgspec

from ledger import commands as ask
from ledger.events import (
    CardAdopted,
    Draining,
    Event,
    HoldPlaced,
    HoldRefused,
    InputRefused,
    ProjectMode,
    ReviewReason,
    WalletEvent,
)
from ledger.partition import Overlay, PartitionState
from ledger.rates import DEFAULT_CARD
from ledger.refusals import Refusal
from ledger.usage import CallUsage, fault_in_call
from ledger.wallet import Cause, Wallet

DAY_MS: Final = 24 * 60 * 60_000
USAGE_ACTOR: Final = "upstream"
OUTSIDE_CONTRACT: Final = "invalid"
OUTPUTS_PER_INPUT_MAX: Final = 8
PORTIONS_PER_BATCH_MAX: Final = 50_000
"""Arrears collected in one batch: a payment may settle a million charges."""


class Rules(msgspec.Struct, frozen=True):
    """The settings that decisions depend on; part of the configuration version in the footer.

    `outputs_max` and `dead_letters_max` bound a batch: a dead letter holds a whole input, however
    large, with its headers.
    """

    deduplication_window_ms: int = 90 * DAY_MS
    future_tolerance_ms: int = 5 * 60_000
    outputs_max: int = 5_000
    dead_letters_max: int = 20


class Unreadable(msgspec.Struct, frozen=True):
    """In place of an input's value: why it could not be read, in a word and in a sentence."""

    code: str
    message: str


class Input(msgspec.Struct, frozen=True, gc=False):
    """An input: where it stands, when the broker appended it, and what it says.

    `event_id_stem` names its topic, partition and offset; `content_hash` is 16 bytes. A command
    may say when it was asked and after which time it shall not be decided (UTC milliseconds).
    """

    event_id_stem: str
    appended_at_ms: int
    content_hash: bytes
    value: CallUsage | ask.Command | Unreadable
    asked_at_ms: int | None = None
    not_after_ms: int | None = None


class SetAside(msgspec.Struct, frozen=True):
    """An input for the dead letters: its index in the batch, and what is wrong with it."""

    index: int
    code: str
    message: str


class Decision(msgspec.Struct, frozen=True):
    """What a batch comes to. `consumed` inputs were decided; the others wait for the next batch.

    `replies` go to whoever sent the input of that index. `overlay` is merged after the commit.
    """

    events: list[Event]
    replies: list[tuple[int, ask.Reply]]
    dead_letters: list[SetAside]
    repeats: int
    ticks: int
    consumed: int
    overlay: Overlay


def decide(
    state: PartitionState,
    batch: Sequence[Input],
    now_ms: int,
    usage_read_to_ms: int,
    rules: Rules,
) -> Decision:
    """Decide inputs in their order, as many as fit; what earlier ones left over comes first.

    `now_ms` is logical time before the batch; `usage_read_to_ms` the watermark: every usage event
    appended before it has been decided. Nothing in `state` changes.
    """
    deciding = Deciding(state, now_ms, usage_read_to_ms, rules)
    consumed = deciding.take(batch)
    return Decision(
        deciding.take_events(),
        deciding.replies,
        deciding.dead_letters,
        deciding.repeats,
        deciding.ticks,
        consumed,
        deciding.overlay,
    )


def reply_to(command_id: str, tenant_id: str, outcome: WalletEvent) -> ask.Reply:
    """The answer that an outcome event stands for."""
    refusal = outcome.refusal if isinstance(outcome, HoldRefused | InputRefused) else None
    placed = outcome if isinstance(outcome, HoldPlaced) else None
    return ask.Reply(
        command_id=command_id,
        tenant_id=tenant_id,
        event_id=outcome.event_id,
        recorded_at_ms=outcome.recorded_at_ms,
        refusal=refusal,
        amount_micros=placed and placed.amount_micros,
        expires_at_ms=placed and placed.expires_at_ms,
    )


def _is_answer(event: Event) -> TypeGuard[WalletEvent]:
    return isinstance(event, WalletEvent) and event.answers


def _asked_at_ms(item: Input) -> int:
    return item.appended_at_ms if item.asked_at_ms is None else item.asked_at_ms


class Deciding:
    """One batch being decided, all at once or a part at a time."""

    def __init__(
        self, state: PartitionState, now_ms: int, usage_read_to_ms: int, rules: Rules
    ) -> None:
        """Begin with what the inputs of earlier batches left over."""
        self.overlay = Overlay(state)
        self.overlay.now_ms = max(state.now_ms, now_ms)
        self.replies: list[tuple[int, ask.Reply]] = []
        self.dead_letters: list[SetAside] = []
        self.repeats = 0
        self.ticks = 0
        self.consumed = 0
        self._usage_read_to_ms = usage_read_to_ms
        self._rules = rules
        self._events: list[Event] = []
        self._noted = 0
        """How many of the events the overlay was told."""
        self._events_max = rules.outputs_max
        """How many events fit beside the other outputs. An unfinished input leaves none."""
        self._portions_left = PORTIONS_PER_BATCH_MAX
        self._go_on_collecting()
        self._drain()

    @property
    def room(self) -> int:
        """How many more outputs fit."""
        return self._events_max - len(self._events)

    def take_events(self) -> list[Event]:
        """The events decided since the last time, in order."""
        taken, self._events = self._events, []
        self._events_max -= len(taken)
        self._noted = 0
        return taken

    def take(self, inputs: Sequence[Input]) -> int:
        """Decide the next inputs in their order; how many there was room for."""
        overlay, before = self.overlay, self.consumed
        for index, item in enumerate(inputs, before):
            if self.room < OUTPUTS_PER_INPUT_MAX:
                break
            self.consumed = index + 1
            if item.appended_at_ms > overlay.now_ms:
                overlay.now_ms = item.appended_at_ms
            if overlay.sequence == 0:
                self._adopt_default_card()
            value = item.value
            if isinstance(value, CallUsage):
                self._take_call(index, item, value)
            elif isinstance(value, ask.Tick):
                self._take_tick(index, item, value)
            elif isinstance(value, ask.Command):
                self._take_command(index, item, value)
            else:
                self._set_aside(index, value.code, value.message)
        return self.consumed - before

    # ── Usage ──

    def _take_call(self, index: int, item: Input, usage: CallUsage) -> None:
        fault = fault_in_call(usage)
        if fault is not None:
            self._set_aside(index, OUTSIDE_CONTRACT, fault)
            return
        overlay, content_hash = self.overlay, item.content_hash
        tenant_id, event_id, ended_at = usage.tenant_id, usage.event_id, usage.ended_at
        known_hash = overlay.usage_hash(tenant_id, event_id)
        if known_hash == content_hash:
            self.repeats += 1
            return
        wallet, now_ms = overlay.wallet(tenant_id), overlay.now_ms
        cause = Cause(
            item.event_id_stem, event_id, content_hash, USAGE_ACTOR, ended_at, now_ms, self._events
        )
        if known_hash is not None:
            wallet.refuse_usage(usage, Refusal.conflict, cause)
        else:
            if usage.project_id not in wallet.projects:
                wallet.meet_project(usage.project_id, cause)
            card = overlay.cards.in_force(usage.started_at)
            price = card and card.price_call(usage)
            if ended_at < now_ms - self._rules.deduplication_window_ms:
                wallet.hold_for_review(usage, ReviewReason.TOO_OLD, cause)
            elif ended_at > item.appended_at_ms + self._rules.future_tolerance_ms:
                wallet.hold_for_review(usage, ReviewReason.IN_THE_FUTURE, cause)
            elif usage.corrects is not None:
                wallet.hold_for_review(usage, ReviewReason.CORRECTION, cause)
            elif price is None:
                wallet.hold_for_review(usage, ReviewReason.NO_PRICE, cause)
            else:
                wallet.charge_call(usage, price, cause)
        self._collect(wallet, cause)

    # ── Commands ──

    def _take_command(self, index: int, item: Input, command: ask.Command) -> None:
        fault = ask.fault_in_command(command)
        if fault is not None:
            self._set_aside(index, OUTSIDE_CONTRACT, fault)
            self._answer(index, self._refused_as_invalid(command))
            return
        name = (command.tenant_id, command.command_id)
        known = self.overlay.command(name)
        if known is not None and known.input_hash == item.content_hash:
            self.repeats += 1
            self._answer(index, reply_to(command.command_id, name[0], known.outcome))
            return
        wallet = self.overlay.wallet(command.tenant_id)
        cause = self._cause(item, command.command_id, command.actor, _asked_at_ms(item))
        is_conflict = known is not None or wallet.contradicts(command)
        refusal = Refusal.conflict if is_conflict else self._untimely(item, command)
        if refusal is not None:
            wallet.refuse(command, refusal, cause)
        else:
            self._ask_wallet(wallet, command, cause)
        self._collect(wallet, cause)
        outcome = next(filter(_is_answer, reversed(self._events)))
        self._answer(index, reply_to(command.command_id, name[0], outcome))

    def _untimely(self, item: Input, command: ask.Command) -> Refusal | None:
        """Why the time of asking rules the command out, if it does."""
        now_ms = self.overlay.now_ms
        asked_at_ms = _asked_at_ms(item)
        # Only holds' ids are forgotten; every other command's id is remembered for ever.
        if (
            isinstance(command, ask.PlaceHold | ask.VoidHold)
            and asked_at_ms < now_ms - self._rules.deduplication_window_ms
        ):
            return Refusal.too_old
        # A payment that was made is a fact: no clock can refuse it.
        if (
            not isinstance(command, ask.SettleTopUp)
            and asked_at_ms > item.appended_at_ms + self._rules.future_tolerance_ms
        ):
            return Refusal.in_the_future
        if item.not_after_ms is not None and now_ms > item.not_after_ms:
            return Refusal.too_late
        return None

    def _ask_wallet(self, wallet: Wallet, command: ask.Command, cause: Cause) -> None:
        match command:
            case ask.PlaceHold():
                card = self.overlay.cards.in_force(self.overlay.now_ms)
                hold = (command.tenant_id, command.command_id)
                named = self.overlay.was_named_by_usage(hold)
                wallet.place_hold(command, card, cause, usage_came_first=named)
            case ask.VoidHold():
                placed = self.overlay.command((command.tenant_id, command.hold_id))
                was_placed = placed is not None and isinstance(placed.outcome, HoldPlaced)
                wallet.void_hold(command, cause, was_placed=was_placed)
            case ask.SettleTopUp():
                wallet.settle_top_up(command, cause)
            case ask.GrantCredit():
                wallet.grant_credit(command, cause)
            case ask.AdjustBalance():
                wallet.adjust_balance(command, cause)
            case ask.SetTerms():
                wallet.set_terms(command, cause)
            case ask.OpenProject():
                wallet.open_project(command, cause)
            case ask.GoLive():
                wallet.change_mode(command, ProjectMode.LIVE, cause)
            case ask.ReturnToSandbox():
                wallet.change_mode(command, ProjectMode.SANDBOX, cause)
            case _:
                raise AssertionError(f"no rule for {type(command).__name__}")

    def _refused_as_invalid(self, command: ask.Command) -> ask.Reply:
        return ask.Reply(
            command_id=command.command_id,
            tenant_id=command.tenant_id,
            event_id="",
            recorded_at_ms=self.overlay.now_ms,
            refusal=Refusal.invalid,
        )

    # ── What did not fit ──

    def _go_on_collecting(self) -> None:
        """Collect the arrears that the batch before left over, as the same input's doing."""
        last = self.overlay.collecting
        if last is None:
            return
        stem, _, index = last.event_id.rpartition(":")
        cause = Cause(
            stem,
            last.input_id,
            last.input_hash,
            last.actor,
            last.occurred_at_ms,
            self.overlay.now_ms,
            self._events,
            int(index) + 1,
        )
        self._collect_arrears(self.overlay.wallet(last.originator_id), cause)
        draining = self.overlay.draining
        if draining is not None and draining.event_id_stem == stem:
            self.overlay.draining = msgspec.structs.replace(draining, next_index=cause.next_index)

    # ── Time ──

    def _take_tick(self, index: int, item: Input, tick: ask.Tick) -> None:
        fault = ask.fault_in_command(tick)
        if fault is not None:
            self._set_aside(index, OUTSIDE_CONTRACT, fault)
            return
        self.ticks += 1
        self.overlay.draining = Draining(
            event_id_stem=item.event_id_stem,
            input_id=tick.command_id,
            input_hash=item.content_hash,
            actor=tick.actor,
            next_index=0,
            due_before_ms=min(self.overlay.now_ms, self._usage_read_to_ms),
        )
        self._drain()

    def _drain(self) -> None:
        """Expire what a tick found due, as far as it fits; the rest stays for the next batch."""
        draining = self.overlay.draining
        if draining is None:
            return
        cause = Cause(
            draining.event_id_stem,
            draining.input_id,
            draining.input_hash,
            draining.actor,
            self.overlay.now_ms,
            self.overlay.now_ms,
            self._events,
            draining.next_index,
        )
        while self.room >= OUTPUTS_PER_INPUT_MAX:
            due = self.overlay.next_due_hold(draining.due_before_ms)
            if due is None:
                self.overlay.draining = None
                return
            wallet = self.overlay.wallet(due.tenant_id)
            cause.occurred_at_ms = due.expires_at_ms
            wallet.expire_hold(due.hold_id, cause)
            self._collect(wallet, cause)
        self.overlay.draining = msgspec.structs.replace(draining, next_index=cause.next_index)

    # ── Inner parts ──

    def _cause(self, item: Input, input_id: str, actor: str, occurred_at_ms: int) -> Cause:
        now_ms = self.overlay.now_ms
        return Cause(
            item.event_id_stem,
            input_id,
            item.content_hash,
            actor,
            occurred_at_ms,
            now_ms,
            self._events,
        )

    def _note(self) -> None:
        """Tell the overlay the events decided since the last time."""
        events, note = self._events, self.overlay.note
        for event in events[self._noted :]:
            note(event)
        self._noted = len(events)

    def _collect(self, wallet: Wallet, cause: Cause) -> None:
        """Note a wallet's new events; arrears are collected with them, as far as it fits."""
        self._note()
        if wallet.arrears_micros:
            self._collect_arrears(wallet, cause)

    def _collect_arrears(self, wallet: Wallet, cause: Cause) -> None:
        """At least one event's worth, by which the next batch would know where to go on."""
        while wallet.can_collect_arrears:
            self._portions_left -= wallet.collect_arrears(cause)
            self._note()
            # Room for an answer is kept.
            if self._portions_left <= 0 or self.room < OUTPUTS_PER_INPUT_MAX // 2:
                self._leave_room(OUTPUTS_PER_INPUT_MAX - 1)
                return

    def _answer(self, index: int, reply: ask.Reply) -> None:
        self.replies.append((index, reply))
        self._events_max -= 1

    def _set_aside(self, index: int, code: str, message: str) -> None:
        self.dead_letters.append(SetAside(index, code, message))
        self._events_max -= 1
        if len(self.dead_letters) >= self._rules.dead_letters_max:
            self._leave_room(0)

    def _leave_room(self, outputs: int) -> None:
        """For no more than so many outputs."""
        self._events_max = min(self._events_max, len(self._events) + outputs)

    def _adopt_default_card(self) -> None:
        """The shipped card is in force from the beginning of time (RELIABILITY, cards)."""
        overlay = self.overlay
        adopted = CardAdopted(
            originator_id="",
            originator_version=1,
            event_id=f"{overlay.log_name}:1",
            occurred_at_ms=overlay.now_ms,
            recorded_at_ms=overlay.now_ms,
            input_id="",
            input_hash=bytes(16),
            actor="ledger",
            card_id=DEFAULT_CARD.card_id,
            card_version=DEFAULT_CARD.version,
            effective_from_ms=DEFAULT_CARD.effective_from_ms,
            lines=DEFAULT_CARD.lines,
        )
        self._events.append(adopted)
        self._note()
