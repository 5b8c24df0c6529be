"""`decide`: from a partition's state and a batch of inputs to events, replies and dead letters.

The same inputs in the same order, with the same watermarks, give the same wallet events however
they are cut into batches.
"""

from collections.abc import Sequence
from typing import Final

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
    deciding = _Deciding(state, now_ms, usage_read_to_ms, rules)
    deciding.go_on_collecting()
    deciding.drain()
    return deciding.decision(deciding.take(batch))


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


def _asked_at_ms(item: Input) -> int:
    return item.appended_at_ms if item.asked_at_ms is None else item.asked_at_ms


class _Deciding:
    """One batch being decided."""

    def __init__(
        self, state: PartitionState, now_ms: int, usage_read_to_ms: int, rules: Rules
    ) -> None:
        self.overlay = Overlay(state)
        self.overlay.now_ms = max(state.now_ms, now_ms)
        self.usage_read_to_ms = usage_read_to_ms
        self.rules = rules
        self.events: list[Event] = []
        self.replies: list[tuple[int, ask.Reply]] = []
        self.dead_letters: list[SetAside] = []
        self.repeats = 0
        self.ticks = 0
        self.room = rules.outputs_max
        """How many more outputs fit. An unfinished input leaves room for no other."""
        self.portions_left = PORTIONS_PER_BATCH_MAX

    def decision(self, consumed: int) -> Decision:
        return Decision(
            self.events,
            self.replies,
            self.dead_letters,
            self.repeats,
            self.ticks,
            consumed,
            self.overlay,
        )

    def take(self, batch: Sequence[Input]) -> int:
        """Decide inputs in their order; how many there was room for."""
        overlay = self.overlay
        for index, item in enumerate(batch):
            if self.room < OUTPUTS_PER_INPUT_MAX:
                return index
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
        return len(batch)

    # ── Usage ──

    def _take_call(self, index: int, item: Input, usage: CallUsage) -> None:
        fault = fault_in_call(usage)
        if fault is not None:
            self._set_aside(index, OUTSIDE_CONTRACT, fault)
            return
        overlay, content_hash = self.overlay, item.content_hash
        tenant_id, event_id, ended_at = usage.tenant_id, usage.event_id, usage.ended_at
        known_hash = overlay.usage_hash((tenant_id, event_id))
        if known_hash == content_hash:
            self.repeats += 1
            return
        wallet, now_ms = overlay.wallet(tenant_id), overlay.now_ms
        cause = Cause(item.event_id_stem, event_id, content_hash, USAGE_ACTOR, ended_at, now_ms)
        if known_hash is not None:
            wallet.refuse_usage(usage, Refusal.conflict, cause)
        else:
            if usage.project_id not in wallet.projects:
                wallet.meet_project(usage.project_id, cause)
            card = overlay.cards.in_force(usage.started_at)
            price = card and card.price_call(usage)
            if ended_at < now_ms - self.rules.deduplication_window_ms:
                wallet.hold_for_review(usage, ReviewReason.TOO_OLD, cause)
            elif ended_at > item.appended_at_ms + self.rules.future_tolerance_ms:
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
        events = self._collect(wallet, cause)
        outcome = next(event for event in reversed(events) if event.answers)
        self._answer(index, reply_to(command.command_id, name[0], outcome))

    def _untimely(self, item: Input, command: ask.Command) -> Refusal | None:
        """Why the time of asking rules the command out, if it does."""
        now_ms = self.overlay.now_ms
        asked_at_ms = _asked_at_ms(item)
        # Only holds' ids are forgotten; every other command's id is remembered for ever.
        if (
            isinstance(command, ask.PlaceHold | ask.VoidHold)
            and asked_at_ms < now_ms - self.rules.deduplication_window_ms
        ):
            return Refusal.too_old
        # A payment that was made is a fact: no clock can refuse it.
        if (
            not isinstance(command, ask.SettleTopUp)
            and asked_at_ms > item.appended_at_ms + self.rules.future_tolerance_ms
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

    def go_on_collecting(self) -> None:
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
            due_before_ms=min(self.overlay.now_ms, self.usage_read_to_ms),
        )
        self.drain()

    def drain(self) -> None:
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
        return Cause(item.event_id_stem, input_id, item.content_hash, actor, occurred_at_ms, now_ms)

    def _collect(self, wallet: Wallet, cause: Cause) -> list[WalletEvent]:
        """Take a wallet's new events; arrears are collected with them, as far as it fits."""
        fresh = wallet.take_fresh_events()
        note = self.overlay.note
        for event in fresh:
            note(event)
        self.events += fresh
        self.room -= len(fresh)
        if wallet.arrears_micros:
            self._collect_arrears(wallet, cause)
        return fresh

    def _collect_arrears(self, wallet: Wallet, cause: Cause) -> None:
        """At least one event's worth, by which the next batch would know where to go on."""
        while wallet.can_collect_arrears:
            self.portions_left -= wallet.collect_arrears(cause)
            for event in wallet.take_fresh_events():
                self.overlay.note(event)
                self.events.append(event)
                self.room -= 1
            # Room for an answer is kept.
            if self.portions_left <= 0 or self.room < OUTPUTS_PER_INPUT_MAX // 2:
                self.room = min(self.room, OUTPUTS_PER_INPUT_MAX - 1)
                return

    def _answer(self, index: int, reply: ask.Reply) -> None:
        self.replies.append((index, reply))
        self.room -= 1

    def _set_aside(self, index: int, code: str, message: str) -> None:
        self.dead_letters.append(SetAside(index, code, message))
        self.room = self.room - 1 if len(self.dead_letters) < self.rules.dead_letters_max else 0

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
        overlay.note(adopted)
        self.events.append(adopted)
        self.room -= 1
