"""`decide`: from a partition's state and a batch of inputs to events, replies and dead letters.

The same inputs in the same order, with the same watermarks, give the same wallet events however
they are cut into batches.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from ledger import commands as ask
from ledger.batch import OUTPUTS_PER_INPUT_MAX, Decision, Input, Recall, Rules, SetAside, no_recall
from ledger.correcting import Correcting
from ledger.events import (
    ApprovalAsked,
    CardAdopted,
    ChatHour,
    Draining,
    Event,
    HoldPlaced,
    HoldRefused,
    InputRefused,
    IntakePaused,
    IntakeResumed,
    PartitionEvent,
    ProjectMode,
    ReviewReason,
    SpendRefused,
    WalletEvent,
    is_outcome,
)
from ledger.memory import HASH_SIZE
from ledger.partition import CORRECTION, Due, Overlay, PartitionState
from ledger.rates import DEFAULT_CARD, RateLine
from ledger.refusals import Refusal
from ledger.usage import (
    AnyUsage,
    CallUsage,
    Usage,
    began_at,
    fault_in_usage,
    happened_at,
)
from ledger.wallet import Cause, Wallet
from ledger.wallet.projects import CARD_LEAD_MS

USAGE_ACTOR: Final = "upstream"
OUTSIDE_CONTRACT: Final = "invalid"
PORTIONS_PER_BATCH_MAX: Final = 50_000
"""Arrears collected in one batch: a payment may settle a million charges."""


def decide(
    state: PartitionState,
    batch: Sequence[Input],
    now_ms: int,
    usage_read_to_ms: int,
    rules: Rules,
    recall: Recall = no_recall,
) -> Decision:
    """Decide inputs in their order, as many as fit; what earlier ones left over comes first.

    `now_ms` is logical time before the batch; `usage_read_to_ms` the watermark: every usage event
    appended before it has been decided. Nothing in `state` changes.
    """
    deciding = Deciding(state, now_ms, usage_read_to_ms, rules, recall)
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


def reply_to(command_id: str, tenant_id: str, outcome: Event) -> ask.Reply:
    """The answer that an outcome event stands for."""
    is_refused = isinstance(outcome, HoldRefused | InputRefused | SpendRefused)
    refusal = outcome.refusal if is_refused else None
    placed = outcome if isinstance(outcome, HoldPlaced) else None
    return ask.Reply(
        command_id=command_id,
        tenant_id=tenant_id,
        event_id=outcome.event_id,
        recorded_at_ms=outcome.recorded_at_ms,
        refusal=refusal,
        amount_micros=placed and placed.amount_micros,
        expires_at_ms=placed and placed.expires_at_ms,
        awaits_approval=isinstance(outcome, ApprovalAsked),
    )


def _asked_at_ms(item: Input) -> int:
    return item.appended_at_ms if item.asked_at_ms is None else item.asked_at_ms


class Deciding(Correcting):
    """One batch being decided, all at once or a part at a time."""

    def __init__(
        self,
        state: PartitionState,
        now_ms: int,
        usage_read_to_ms: int,
        rules: Rules,
        recall: Recall,
    ) -> None:
        """Begin with what the inputs of earlier batches left over."""
        super().__init__(Overlay(state), rules.deduplication_window_ms, recall)
        self.overlay.now_ms = max(state.now_ms, now_ms)
        self.replies: list[tuple[int, ask.Reply]] = []
        self.dead_letters: list[SetAside] = []
        self.repeats = 0
        self.ticks = 0
        self.consumed = 0
        self._usage_read_to_ms = usage_read_to_ms
        self._rules = rules
        self._window_ms = rules.deduplication_window_ms
        self._future_tolerance_ms = rules.future_tolerance_ms
        self._events_max = rules.outputs_max
        """How many events fit beside the other outputs. An unfinished input leaves none."""
        self._portions_left = PORTIONS_PER_BATCH_MAX
        if self.overlay.now_ms:
            self.overlay.forget(rules.deduplication_window_ms)
        self._go_on_collecting()
        self._drain()

    @property
    def room(self) -> int:
        """How many more outputs fit."""
        return self._events_max - len(self.events)

    def take_events(self) -> list[Event]:
        """The events decided since the last time, in order."""
        taken, self.events = self.events, []
        self._events_max -= len(taken)
        self._noted = 0
        return taken

    def take(self, inputs: Sequence[Input]) -> int:
        """Decide the next inputs in their order; how many there was room for.

        While the intake is paused there is none for usage.
        """
        overlay, before = self.overlay, self.consumed
        for index, item in enumerate(inputs, before):
            # `room`, spelt out: every input comes here.
            if self._events_max - len(self.events) < OUTPUTS_PER_INPUT_MAX:
                break
            value = item.value
            if overlay.intake_pause is not None and isinstance(value, Usage):
                # Nor does what waits for an operator move time.
                break
            if item.appended_at_ms > overlay.now_ms:
                overlay.now_ms = item.appended_at_ms
            if overlay.now_ms >= overlay.day_ends_ms:
                overlay.begin_day()
                overlay.forget(self._window_ms)
            if overlay.sequence == 0:
                self._adopt_default_card()
            # Most inputs are calls: their own type is seen in less time than their base.
            if type(value) is CallUsage or isinstance(value, Usage):
                self._take_usage(index, item, value)
            elif isinstance(value, ask.Tick):
                self._take_tick(index, item, value)
            elif isinstance(value, ask.AdoptCard):
                self._take_card(index, item, value)
            elif isinstance(value, ask.PauseIntake | ask.ResumeIntake):
                self._take_intake(index, item, value)
            elif isinstance(value, ask.Command):
                self._take_command(index, item, value)
            else:
                self._set_aside(index, value.code, value.message)
            self.consumed = index + 1
        return self.consumed - before

    # ── Usage ──

    def _take_usage(self, index: int, item: Input, usage: AnyUsage) -> None:
        is_call = isinstance(usage, CallUsage)
        # Most inputs are plain calls: of their contract, this is left to see.
        if not (is_call and item.is_plain and usage.started_at <= usage.ended_at):
            fault = fault_in_usage(usage)
            if fault is not None:
                self._set_aside(index, OUTSIDE_CONTRACT, fault)
                return
        overlay, content_hash = self.overlay, item.content_hash
        tenant_id, event_id = usage.tenant_id, usage.event_id
        known = overlay.usage_trace(type(usage), tenant_id, event_id)
        if known is not None and known[:HASH_SIZE] == content_hash:
            self.repeats += 1
            return
        wallet, now_ms = overlay.wallet(tenant_id), overlay.now_ms
        ended_at = usage.ended_at if is_call else happened_at(usage)
        cause = Cause(
            item.event_id_stem, event_id, content_hash, USAGE_ACTOR, ended_at, now_ms, self.events
        )
        if known is not None:
            wallet.refuse_usage(usage, Refusal.conflict, cause)
            self._collect(wallet, cause)
            return
        if usage.project_id not in wallet.projects:
            wallet.meet_project(usage.project_id, cause)
        if ended_at < now_ms - self._window_ms:
            wallet.hold_for_review(usage, ReviewReason.TOO_OLD, cause)
        elif ended_at > item.appended_at_ms + self._future_tolerance_ms:
            wallet.hold_for_review(usage, ReviewReason.IN_THE_FUTURE, cause)
        elif usage.corrects is not None:
            self.correct(wallet, usage, cause)
        elif is_call:
            card = wallet.card_in_force(usage.started_at, overlay.cards)
            price = card and card.price_call(usage)
            if price is None:
                wallet.hold_for_review(usage, ReviewReason.NO_PRICE, cause)
            else:
                is_simulated = not wallet.is_live(usage.project_id, usage.started_at)
                wallet.charge_call(usage, price, cause, is_simulated=is_simulated)
        else:
            card = wallet.card_in_force(began_at(usage), overlay.cards)
            if card is None or card.price(usage) is None:
                wallet.hold_for_review(usage, ReviewReason.NO_PRICE, cause)
            else:
                wallet.charge(usage, card, cause)
        if wallet.waiting:
            self.note()
            self.apply_waiting(wallet, usage, cause)
        self._collect(wallet, cause)

    # ── Commands ──

    def _take_command(self, index: int, item: Input, command: ask.Command) -> None:
        fault = ask.fault_in_command(command)
        if fault is not None:
            self._set_aside(index, OUTSIDE_CONTRACT, fault)
            self._answer(index, self._refused_aside(command, Refusal.invalid))
            return
        name = (command.tenant_id, command.command_id)
        known = self.overlay.command(name)
        if known is not None and known.input_hash == item.content_hash:
            self.repeats += 1
            self._answer(index, reply_to(command.command_id, name[0], known.outcome))
            return
        wallet = self.overlay.wallet(command.tenant_id)
        cause = self._cause(item, command.command_id, command.actor, _asked_at_ms(item))
        first = len(self.events)
        is_conflict = known is not None or wallet.contradicts(command)
        refusal = Refusal.conflict if is_conflict else self._untimely(item, command)
        if refusal is not None:
            wallet.refuse(command, refusal, cause)
        else:
            self._ask_wallet(wallet, command, cause)
        self._collect(wallet, cause)
        outcome = next(filter(is_outcome, self.events[first:]))
        assert isinstance(outcome, WalletEvent)
        self._answer(index, reply_to(command.command_id, name[0], outcome))

    def _untimely(self, item: Input, command: ask.Command) -> Refusal | None:
        """Why the time of asking rules the command out, if it does."""
        now_ms = self.overlay.now_ms
        asked_at_ms = _asked_at_ms(item)
        # Only holds' ids are forgotten; every other command's id is remembered for ever.
        if (
            isinstance(command, ask.PlaceHold | ask.VoidHold | ask.AskToSpend)
            and asked_at_ms < now_ms - self._window_ms
        ):
            return Refusal.too_old
        # A payment that was made is a fact: no clock can refuse it.
        if isinstance(command, ask.SettleTopUp):
            return None
        if asked_at_ms > item.appended_at_ms + self._future_tolerance_ms:
            return Refusal.in_the_future
        if item.not_after_ms is not None and now_ms > item.not_after_ms:
            return Refusal.too_late
        return None

    def _ask_wallet(self, wallet: Wallet, command: ask.Command, cause: Cause) -> None:
        overlay = self.overlay
        if wallet.amount_to_approve_micros(command) > self._rules.approval_above_micros:
            wallet.ask_approval(command, cause)
            return
        match command:
            case ask.PlaceHold():
                named = overlay.was_named_by_usage((command.tenant_id, command.command_id))
                wallet.place_hold(command, overlay.cards, cause, usage_came_first=named)
            case ask.VoidHold():
                placed = overlay.command((command.tenant_id, command.hold_id))
                # One that is open was placed, be its command forgotten.
                was_placed = command.hold_id in wallet.holds or (
                    placed is not None and isinstance(placed.outcome, HoldPlaced)
                )
                wallet.void_hold(command, cause, was_placed=was_placed)
            case ask.AskToSpend():
                wallet.ask_to_spend(command, overlay.cards, cause)
            case ask.SettleTopUp():
                wallet.settle_top_up(command, cause)
            case ask.GrantCredit() | ask.AdjustBalance() | ask.WriteOffArrears() | ask.SetTerms():
                wallet.operate(command, cause)
            case ask.OpenProject():
                wallet.open_project(command, cause)
            case ask.GoLive():
                wallet.change_mode(command, ProjectMode.LIVE, cause)
            case ask.ReturnToSandbox():
                wallet.change_mode(command, ProjectMode.SANDBOX, cause)
            case ask.AcceptReview():
                self._accept_review(wallet, command, cause)
            case ask.RejectReview():
                self._reject_review(wallet, command, cause)
            case ask.FreezeWallet() | ask.UnfreezeWallet():
                wallet.freeze(command, cause)
            case ask.Approve():
                wallet.approve(command, cause)
            case ask.Decline():
                wallet.decline(command, cause)
            case ask.Undo():
                wallet.undo(command, cause)
            case ask.CloseWallet():
                wallet.close(command, cause)
            case ask.ReopenWallet():
                wallet.reopen(command, cause)
            case ask.AssignCard():
                wallet.assign_card(command, overlay.cards, cause)
            case ask.SetBudget():
                wallet.set_budget(command, cause)
            case ask.SetLowBalanceLine():
                wallet.set_low_balance_line(command, cause)
            case _:
                raise AssertionError(f"no rule for {type(command).__name__}")

    def _accept_review(self, wallet: Wallet, command: ask.AcceptReview, cause: Cause) -> None:
        review = wallet.reviews.get(command.review_id)
        wallet.accept_review(command, self.overlay.cards, cause)
        if review is not None and wallet.waiting:
            self.note()
            self.apply_waiting(wallet, review.usage, cause)

    def _reject_review(self, wallet: Wallet, command: ask.RejectReview, cause: Cause) -> None:
        review = wallet.reviews.get(command.review_id)
        wallet.reject_review(command, cause)
        if review is not None:
            self.give_up_waiting(wallet, review.usage, cause)

    def _refused_aside(self, command: ask.Command, refusal: Refusal) -> ask.Reply:
        """The answer to a command that became a dead letter."""
        return ask.Reply(
            command_id=command.command_id,
            tenant_id=command.tenant_id,
            event_id="",
            recorded_at_ms=self.overlay.now_ms,
            refusal=refusal,
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
            self.events,
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
            self.events,
            draining.next_index,
        )
        while self.room >= OUTPUTS_PER_INPUT_MAX:
            due = self.overlay.next_due(draining.due_before_ms)
            if due is None:
                self.overlay.draining = None
                return
            wallet = self.overlay.wallet(due.tenant_id)
            self._end(wallet, due, cause)
            self._collect(wallet, cause)
        self.overlay.draining = msgspec.structs.replace(draining, next_index=cause.next_index)

    def _end(self, wallet: Wallet, due: Due, cause: Cause) -> None:
        """Let what is due end: a hold expires, a chat's hour is charged, a wait is given up."""
        cause.occurred_at_ms = due.at_ms
        what = due.what
        if isinstance(what, str):
            wallet.expire_hold(what, cause)
        elif isinstance(what, ChatHour):
            card = self.overlay.cards.version(what.card_id, what.card_version)
            assert card is not None, "a card that priced something is never forgotten"
            wallet.charge_chat(what, card, cause)
        else:
            own = msgspec.structs.replace(cause)
            self.end_waiting(wallet, wallet.waiting[what], own, is_over=due.kind == CORRECTION)
            cause.next_index = own.next_index

    def _take_card(self, index: int, item: Input, command: ask.AdoptCard) -> None:
        """Adopt a version of a card: it takes effect at least an hour after it was sent."""
        overlay = self.overlay
        fault = ask.fault_in_command(command)
        if fault is not None:
            self._set_aside(index, OUTSIDE_CONTRACT, fault)
            return
        known = overlay.cards.version(command.card_id, command.card_version)
        asked = (command.effective_from_ms, command.lines)
        if known is not None and asked == (known.effective_from_ms, known.lines):
            self.repeats += 1
        elif known is not None:
            self._set_aside(index, Refusal.conflict, "that version was adopted with other lines")
        elif command.effective_from_ms < item.appended_at_ms + CARD_LEAD_MS:
            self._set_aside(index, Refusal.too_late, "a card takes effect an hour ahead or later")
        else:
            self._adopt(
                f"{item.event_id_stem}:0",
                (command.command_id, item.content_hash, command.actor),
                (command.card_id, command.card_version, *asked),
            )

    # ── Intake ──

    def _take_intake(
        self, index: int, item: Input, command: ask.PauseIntake | ask.ResumeIntake
    ) -> None:
        """Pause or resume the intake of usage; what is so already is recorded again, with why."""
        known = self.overlay.command(("", command.command_id))
        if known is not None and known.input_hash == item.content_hash:
            self.repeats += 1
            self._answer(index, reply_to(command.command_id, "", known.outcome))
            return
        fault = ask.fault_in_command(command)
        refusal = Refusal.invalid if fault else self._untimely(item, command)
        if known is not None and fault is None:
            refusal = Refusal.conflict
        if refusal is not None:
            # A partition has no wallet that could record it.
            self._set_aside(index, str(refusal), fault or refusal.sentence)
            self._answer(index, self._refused_aside(command, refusal))
            return
        kind = IntakePaused if isinstance(command, ask.PauseIntake) else IntakeResumed
        event = kind(
            *self._own_envelope(f"{item.event_id_stem}:0", _asked_at_ms(item)),
            *(command.command_id, item.content_hash, command.actor),
            command.reason,
        )
        self._record_own(event)
        self._answer(index, reply_to(command.command_id, "", event))

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
            self.events,
        )

    def _collect(self, wallet: Wallet, cause: Cause) -> None:
        """Note a wallet's new events; what they make true follows: notices, collected arrears."""
        events, noted = self.events, self._noted
        if len(events) == noted + 1:
            # `note`, spelt out: most inputs come to one event.
            self.overlay.note(events[noted])
            self._noted = noted + 1
        else:
            self.note()
        if wallet.budgets or wallet.low_line_micros is not None:
            wallet.notice(cause)
            self.note()
        if wallet.arrears_micros:
            self._collect_arrears(wallet, cause)

    def _collect_arrears(self, wallet: Wallet, cause: Cause) -> None:
        """At least one event's worth, by which the next batch would know where to go on."""
        while wallet.can_collect_arrears:
            self._portions_left -= wallet.collect_arrears(cause)
            self.note()
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
        self._events_max = min(self._events_max, len(self.events) + outputs)

    def _adopt_default_card(self) -> None:
        """The shipped card is in force from the beginning of time (RELIABILITY, cards)."""
        card = DEFAULT_CARD
        self._adopt(
            f"{self.overlay.log_name}:1",
            ("", bytes(HASH_SIZE), "ledger"),
            (card.card_id, card.version, card.effective_from_ms, card.lines),
        )

    def _adopt(
        self,
        event_id: str,
        caused_by: tuple[str, bytes, str],
        card: tuple[str, int, int, tuple[RateLine, ...]],
    ) -> None:
        envelope = self._own_envelope(event_id, self.overlay.now_ms)
        self._record_own(CardAdopted(*envelope, *caused_by, *card))

    def _own_envelope(self, event_id: str, occurred_at_ms: int) -> tuple[str, int, str, int, int]:
        """How an event of the partition's own begins."""
        overlay = self.overlay
        return "", overlay.sequence + 1, event_id, occurred_at_ms, overlay.now_ms

    def _record_own(self, event: PartitionEvent) -> None:
        self.events.append(event)
        self.note()
