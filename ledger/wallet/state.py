"""What a wallet's contents come to, and the small methods by which its events change them.

Events change a wallet only through these, the same when decided and when replayed; rules stand in
the methods that take commands and usage, beside this module.
"""

from itertools import islice
from typing import Final

import msgspec

from ledger import commands as ask
from ledger import events as done
from ledger.events import ArrearsPortion, ChatHour, Draw, Event, LotKind, ProjectMode, WalletEvent
from ledger.rates import DEFAULT_CARD_ID, CardBook, RateCard
from ledger.refusals import Refusal
from ledger.usage import AnyUsage, CallUsage
from ledger.wallet.contents import WalletContents
from ledger.wallet.parts import (
    Budget,
    Hold,
    Kept,
    Lot,
    month_ends,
    month_of,
)
from ledger.wallet.reach import (
    NOTHING_COUNTED,
    NOTHING_RESTORED,
    OpenChat,
    Reach,
    Restored,
)

PORTIONS_PER_EVENT_MAX: Final = 1_000
UNSPENT_LOTS_MAX: Final = 1_000
"""A charge names every lot it draws from, and must fit a record."""


class Cause(msgspec.Struct):
    """The input an event comes from, as its envelope records it, and how many it caused so far.

    What is decided is added to `events`.
    """

    event_id_stem: str
    input_id: str
    input_hash: bytes
    actor: str
    occurred_at_ms: int
    recorded_at_ms: int
    events: list[Event]
    next_index: int = 0


class WalletState(WalletContents):
    """What events do to a wallet, and what its figures come to."""

    # ── Figures ──

    @property
    def available_micros(self) -> int:
        """What can be spent or held: negative only where a credit limit fell below its use."""
        beside_micros = self.beside_holds_micros
        if self.unheld_micros and beside_micros > 0:
            return max(0, beside_micros - self.unheld_micros)
        return beside_micros

    @property
    def beside_holds_micros(self) -> int:
        """What events set nothing aside of: available, and what chats count as held."""
        credit_micros = self.credit_limit_micros - self.credit_used_micros
        own_micros = self.funds_micros - self.held_micros
        return own_micros + credit_micros if credit_micros > 0 else own_micros

    def counts_as_held_micros(self, project_id: str | None = None) -> int:
        """All that is held, of a project or (None) of all; tokens as far as they are covered."""
        if project_id is None:
            held_micros, unheld_micros = self.held_micros, self.unheld_micros
        else:
            held_micros = self.held_by_project.get(project_id, 0)
            of_project = (hour for hour in self.chats if hour.project_id == project_id)
            unheld_micros = sum(self.chats[hour].unheld_micros for hour in of_project)
        return held_micros + min(unheld_micros, max(0, self.beside_holds_micros))

    @property
    def reach(self) -> Reach:
        """What there is."""
        return Reach(max(0, self.beside_holds_micros), max(0, self.available_micros))

    def reach_micros(
        self, own: OpenChat = NOTHING_COUNTED, restored: Restored = NOTHING_RESTORED
    ) -> int:
        """What usage may take beside its own hold: what is available and counts as held for it.

        `own` is the hour of chats that it closes, `restored` what a reversal left to it.
        """
        beside_micros, available_micros = self.reach
        more_micros = own.unheld_micros + restored.under_tokens_micros
        return min(beside_micros, available_micros + more_micros) + restored.beyond_limit_micros

    @property
    def balance_micros(self) -> int:
        """The balance people are shown: funds less credit used."""
        return self.funds_micros - self.credit_used_micros

    @property
    def net_micros(self) -> int:
        """The balance less arrears, which holds and credit do not change."""
        return self.funds_micros - self.credit_used_micros - self.arrears_micros

    def charged_in_month_micros(self, project_id: str | None, now_ms: int) -> int:
        """The UTC month's live charges, of a project or (None) of all."""
        if now_ms >= self.month_ends_ms:
            return 0
        if project_id is None:
            return sum(self.charged.values())
        return self.charged.get(project_id, 0)

    def is_live(self, project_id: str, began_ms: int) -> bool:
        """Whether what began then in that project moves money."""
        switches = self.projects.get(project_id)
        if not switches:
            return False
        # Almost always the last switch is the one that counts.
        from_ms, mode = switches[-1]
        if from_ms <= began_ms:
            return mode is ProjectMode.LIVE
        earlier = (mode for from_ms, mode in reversed(switches) if from_ms <= began_ms)
        return next(earlier, ProjectMode.SANDBOX) is ProjectMode.LIVE

    def card_id_at(self, began_ms: int) -> str:
        """Whose prices count for what began then: the tenant's own card's or the default one's."""
        own = (card_id for from_ms, card_id in reversed(self.cards) if from_ms <= began_ms)
        return next(own, DEFAULT_CARD_ID)

    def card_in_force(self, began_ms: int, cards: CardBook) -> RateCard | None:
        """The version of the card that prices what began then; None if there is none."""
        if not self.cards:
            return cards.in_force(began_ms)
        return cards.in_force(began_ms, self.card_id_at(began_ms))

    # ── What events do to the wallet ──

    def add_lot(self, lot_id: str, kind: LotKind, amount_micros: int) -> None:
        """Add funds: unpaid lots are spent before paid ones, else the oldest first."""
        place = (int(kind is LotKind.PAYMENT), len(self.lots))
        lots = self.lots = self._own("lots", self.lots)
        lots[lot_id] = Lot(kind, amount_micros, place)
        last = next(reversed(self.unspent), None)
        self.unspent[lot_id] = amount_micros
        # A payment is spent last: of those there may be many.
        if last is not None and self.lots[last].place > place:
            self._sort_unspent()
        self.funds_micros += amount_micros

    def take(self, draws: tuple[Draw, ...], credit_micros: int) -> int:
        """Take what was drawn from lots and credit; how much that was."""
        unspent, drawn_micros = self.unspent, 0
        for draw in draws:
            lot_id, amount_micros = draw.lot_id, draw.amount_micros
            left_micros = unspent[lot_id] - amount_micros
            if left_micros:
                unspent[lot_id] = left_micros
            else:
                del unspent[lot_id]
            drawn_micros += amount_micros
        self.funds_micros -= drawn_micros
        self.credit_used_micros += credit_micros
        return drawn_micros + credit_micros

    def give_back(self, draws: tuple[Draw, ...], credit_micros: int) -> None:
        """Put back what was drawn: into the lots it came from, and off the credit used."""
        was_spent = any(draw.lot_id not in self.unspent for draw in draws)
        for draw in draws:
            self.unspent[draw.lot_id] = self.unspent.get(draw.lot_id, 0) + draw.amount_micros
            self.funds_micros += draw.amount_micros
        if was_spent:
            self._sort_unspent()
        self.credit_used_micros -= credit_micros

    def pay(self, charge: done.Charge, project_id: str) -> None:
        """Take what a live charge drew, owe the rest, and count it in its month."""
        paid_micros = self.take(charge.draws, charge.credit_micros)
        lines = charge.lines
        # `amount_micros`, spelt out: nearly every event comes here.
        amount_micros = lines[0].amount_micros if len(lines) == 1 else done.lines_micros(lines)
        if amount_micros > paid_micros:
            self.owe(charge.event_id, amount_micros - paid_micros, since=charge.originator_version)
        if charge.recorded_at_ms >= self.month_ends_ms:
            self._begin_month(charge.recorded_at_ms)
        charged = self.charged
        charged[project_id] = charged.get(project_id, 0) + amount_micros

    def reverse(self, reversed_: done.ChargeReversed) -> None:
        """Undo a charge: nothing of it is owed, what it drew is back, a chat's hour is open."""
        if isinstance(reversed_.charged, ChatHour):
            into, out = reversed_.lines
            self.add_tokens(reversed_.charged, into.quantity, out.quantity, 0, 0)
        if reversed_.is_simulated:
            return
        if reversed_.arrears_micros:
            self.settle(reversed_.charge_event_id, reversed_.arrears_micros)
        self.give_back(reversed_.draws, reversed_.credit_micros)
        if month_of(reversed_.charged_at_ms) == month_of(reversed_.recorded_at_ms):
            self.charged[reversed_.charged.project_id] -= reversed_.price_micros
        if reversed_.amount_micros < reversed_.price_micros:
            # A part was written off: that cannot be owed again.
            charge = reversed_.charge_event_id
            self.given_up_since = self._own("given_up_since", self.given_up_since)
            self.given_up_since.pop(charge, None)
            self.undoable = {
                name: left
                for name, one in self.undoable.items()
                if (left := done.left_to_undo(one, charge)) is not None
            }

    def begin_hold(
        self, hold_id: str, project_id: str, amount_micros: int, expires_at_ms: int
    ) -> None:
        """Set an amount aside under the hold's id."""
        self.holds[hold_id] = Hold(project_id, amount_micros, expires_at_ms)
        self._hold(project_id, amount_micros)

    def end_hold(self, hold_id: str) -> None:
        """Release what the hold set aside."""
        hold = self.holds.pop(hold_id)
        self._hold(hold.project_id, -hold.amount_micros)

    def add_tokens(
        self, hour: ChatHour, into: int, out: int, held_micros: int, price_micros: int
    ) -> None:
        """Add tokens to an hour, and to what is held for it, both maybe negative; its new price."""
        before = self.chats.get(hour, NOTHING_COUNTED)
        tokens = before.input_tokens + into, before.output_tokens + out
        costs_micros = 0 if hour.is_simulated else price_micros
        chat = OpenChat(*tokens, before.held_micros + held_micros, costs_micros)
        self.unheld_micros += chat.unheld_micros - before.unheld_micros
        self.chats[hour] = chat
        self._hold(hour.project_id, held_micros)

    def close_chat(self, hour: ChatHour) -> None:
        """Release what is held for an hour as it is charged."""
        chat = self.chats.pop(hour)
        self.unheld_micros -= chat.unheld_micros
        self._hold(hour.project_id, -chat.held_micros)

    def note_usage(self, usage: AnyUsage, *, ends_hold: bool) -> None:
        """The project has usage now; the hold it names, if open, is over; it waits no more."""
        if usage.project_id not in self.projects_with_usage:
            self.projects_with_usage = self._own("projects_with_usage", self.projects_with_usage)
            self.projects_with_usage.add(usage.project_id)
        if ends_hold:
            assert isinstance(usage, CallUsage)
            assert usage.hold_id is not None
            self.end_hold(usage.hold_id)
        if usage.corrects is not None:
            corrected = (type(usage).__name__, usage.corrects)
            waiting = self.waiting.get(corrected)
            if waiting is not None and waiting.usage.event_id == usage.event_id:
                self.waiting = self._own("waiting", self.waiting)
                del self.waiting[corrected]

    def begin_waiting(self, correction: done.CorrectionWaits) -> None:
        """Keep a correction until what it corrects arrives."""
        self.waiting = self._own("waiting", self.waiting)
        self.waiting[correction.corrected] = correction

    def begin_review(self, held: done.InputHeldForReview) -> None:
        """Keep usage until an operator decides about it."""
        self.reviews = self._own("reviews", self.reviews)
        self.reviews[held.event_id] = held

    def end_review(self, review_id: str) -> None:
        """It was decided."""
        self.reviews = self._own("reviews", self.reviews)
        self.reviews.pop(review_id, None)

    def begin_approval(self, asked: done.ApprovalAsked) -> None:
        """Keep what one operator asked until another agrees or declines."""
        self.approvals = self._own("approvals", self.approvals)
        self.approvals[asked.event_id] = asked

    def end_approval(self, approval_id: str) -> None:
        """It was decided."""
        self.approvals = self._own("approvals", self.approvals)
        self.approvals.pop(approval_id, None)

    def keep_project(self, project_id: str, switches: tuple[tuple[int, ProjectMode], ...]) -> None:
        """A project and all its switches, the oldest first."""
        self.projects = self._own("projects", self.projects)
        self.projects[project_id] = switches

    def owe(self, charge_event_id: str, amount_micros: int, *, since: int) -> None:
        """Add to what is owed, last in the queue if nothing of that charge was."""
        self.arrears[charge_event_id] = self.arrears.get(charge_event_id, 0) + amount_micros
        self.owed_since[charge_event_id] = since
        self.arrears_micros += amount_micros

    def give_up(self, portions: tuple[ArrearsPortion, ...]) -> None:
        """Take off what is owed what is written off, and keep its place in the queue."""
        self.given_up_since = self._own("given_up_since", self.given_up_since)
        for portion in portions:
            charge = portion.charge_event_id
            self.given_up_since[charge] = self.owed_since[charge]
            self.settle(charge, portion.amount_micros)

    def owe_again(self, portions: tuple[ArrearsPortion, ...]) -> None:
        """Owe what was written off, at the place in the queue that it had."""
        for portion in portions:
            charge = portion.charge_event_id
            self.owe(charge, portion.amount_micros, since=self.given_up_since[charge])
        by_age = sorted(self.arrears.items(), key=lambda owed: self.owed_since[owed[0]])
        self.arrears = dict(by_age)

    def settle(self, charge_event_id: str, amount_micros: int) -> None:
        """Take a collected portion off what is owed."""
        left_micros = self.arrears[charge_event_id] - amount_micros
        if left_micros:
            self.arrears[charge_event_id] = left_micros
        else:
            del self.arrears[charge_event_id], self.owed_since[charge_event_id]
        self.arrears_micros -= amount_micros

    def note_undoable(self, event: done.Undoable) -> None:
        """An operator may undo this."""
        self.undoable = self._own("undoable", self.undoable)
        self.undoable[event.event_id] = event

    def end_undoable(self, event_id: str) -> None:
        """It was undone."""
        self.undoable = self._own("undoable", self.undoable)
        self.undoable.pop(event_id, None)

    def keep_budget(self, event: done.BudgetSet) -> None:
        """Another limit is told of anew; the same one, lifted in between or not, once a month."""
        scope, limit_micros = event.project_id, event.limit_micros
        others = {name: one for name, one in self.budgets.items() if name != scope}
        before = self.budgets.get(scope) or self.lifted.get(scope)
        if limit_micros is None:
            assert before is not None, "what is not there cannot be lifted"
            self.lifted = {**self.lifted, scope: before}
        else:
            is_same = before is not None and before.limit_micros == limit_micros
            told = (before.told_percent, before.told_month) if before and is_same else (0, 0)
            others[scope] = Budget(limit_micros, event.is_refusing, *told)
        self.budgets = others

    def note_line(self, event: done.BudgetLinePassed) -> None:
        """That line was told of this month."""
        budget = self.budgets[event.project_id]
        told = budget._replace(
            told_percent=event.percent, told_month=month_of(event.recorded_at_ms)
        )
        self.budgets = {**self.budgets, event.project_id: told}

    def apply(self, event: WalletEvent) -> None:
        """Move the wallet on by one event of its sequence."""
        assert event.originator_version == self._version + 1, "a wallet's sequence has no gap"
        event.mutate(self)
        self._version = event.originator_version

    # ── What deciding is made of ──

    @property
    def not_enough(self) -> Refusal:
        """Why nothing more can be spent."""
        return Refusal.credit_limit if self.is_postpay else Refusal.insufficient_funds

    def envelope(self, cause: Cause) -> tuple[str, int, str, int, int, str, bytes, str]:
        """The envelope of this wallet's next event; its id is the input's position and an index."""
        index = cause.next_index
        cause.next_index = index + 1
        return (
            self._id,
            self._version + 1,
            f"{cause.event_id_stem}:{index}",
            cause.occurred_at_ms,
            cause.recorded_at_ms,
            cause.input_id,
            cause.input_hash,
            cause.actor,
        )

    def record(self, event: WalletEvent, cause: Cause) -> None:
        """Let an event happen."""
        event.mutate(self)
        self._version += 1
        cause.events.append(event)

    def record_refusal(self, command: ask.Command, refusal: Refusal, cause: Cause) -> None:
        """Record a command that may not be applied; asking to spend has answers of its own."""
        refused = type(command).__name__, refusal, command.reason
        self.record(done.InputRefused(*self.envelope(cause), *refused), cause)

    def draw(self, amount_micros: int) -> tuple[tuple[Draw, ...], int]:
        """Choose what pays: lots in their order, then credit. The caller has checked the reach."""
        if amount_micros == 0:
            return (), 0
        draws: list[Draw] | None = None
        for lot_id, left_micros in self.unspent.items():
            if left_micros >= amount_micros:
                last = Draw(lot_id, amount_micros)
                return (*draws, last) if draws else (last,), 0
            draws = draws or []
            draws.append(Draw(lot_id, left_micros))
            amount_micros -= left_micros
        return tuple(draws or ()), amount_micros

    def draw_within_reach(
        self, amount_micros: int, own_hold_micros: int
    ) -> tuple[tuple[Draw, ...], int]:
        """Choose what pays for usage: its own hold and what is available, never another hold."""
        # Nearly always the lots hold enough beside the holds; only else the reach matters.
        if amount_micros > self.funds_micros - self.held_micros - self.unheld_micros:
            reach_micros = max(0, self.available_micros) + own_hold_micros
            amount_micros = min(amount_micros, reach_micros)
        return self.draw(amount_micros)

    def draw_again(
        self, amount_micros: int, reach_micros: int, restored: Restored
    ) -> tuple[tuple[Draw, ...], int]:
        """Choose what pays for usage that was corrected: what paid for it before comes first.

        Nothing pays what was written off of it. What credit paid, credit pays again, whatever
        became of its limit: no top-up pays an invoice (PRODUCT decisions 15 and 16).
        """
        paid_micros = min(max(0, amount_micros - restored.given_up_micros), reach_micros)
        of_lots_micros = min(paid_micros, restored.lots_micros)
        again_micros = min(paid_micros - of_lots_micros, restored.credit_micros)
        draws, credit_micros = self.draw(paid_micros - again_micros)
        return draws, again_micros + credit_micros

    def oldest_arrears(self, reach_micros: int) -> tuple[ArrearsPortion, ...]:
        """What an amount settles of what is owed, oldest first, as much as one event holds."""
        portions: list[ArrearsPortion] = []
        for charge_event_id, owed_micros in islice(self.arrears.items(), PORTIONS_PER_EVENT_MAX):
            if reach_micros == 0:
                break
            portion_micros = min(owed_micros, reach_micros)
            portions.append(ArrearsPortion(charge_event_id, portion_micros))
            reach_micros -= portion_micros
        return tuple(portions)

    # ── Inner parts ──

    def _own(self, name: str, kept: Kept) -> Kept:
        """What is kept under that name, to be written to: copied the first time."""
        if name in self._written:
            return kept
        self._written |= {name}
        return kept.copy()

    def _hold(self, project_id: str, amount_micros: int) -> None:
        self.held_micros += amount_micros
        held_micros = self.held_by_project.get(project_id, 0) + amount_micros
        if held_micros:
            self.held_by_project[project_id] = held_micros
        else:
            self.held_by_project.pop(project_id, None)

    def _sort_unspent(self) -> None:
        self.unspent = dict(sorted(self.unspent.items(), key=lambda item: self.lots[item[0]].place))

    def _begin_month(self, now_ms: int) -> None:
        self.month_ends_ms = month_ends(month_of(now_ms))
        self.charged = {}
