"""Holds: what a call may cost is set aside before it starts; chats and crawls only ask."""

from typing import Final

from ledger import commands as ask
from ledger import events as done
from ledger.events import HoldMeans
from ledger.rates import CardBook
from ledger.refusals import Refusal
from ledger.wallet.projects import Projects
from ledger.wallet.state import Cause

HOLD_GRACE_MS: Final = 15 * 60_000


class Holding(Projects):
    """Whether something may begin (PRODUCT decision 3)."""

    def place_hold(
        self, command: ask.PlaceHold, cards: CardBook, cause: Cause, *, usage_came_first: bool
    ) -> None:
        """Set aside the most a call may cost.

        A sandbox hold is always allowed and holds nothing; so is one whose usage came first.
        """
        self.meet_project(command.project_id, cause)
        project_id, now_ms = command.project_id, cause.recorded_at_ms
        is_live = self.is_live(project_id, now_ms)
        if self.is_closed:
            return self._refuse_hold(command, None, Refusal.closed, cause)
        if usage_came_first:
            return self._allow_hold(command, 0, HoldMeans.USAGE_CAME_FIRST, cause)
        if not is_live:
            return self._allow_hold(command, 0, HoldMeans.SANDBOX, cause)
        card = self.card_in_force(now_ms, cards)
        amount_micros = card and card.most_a_call_can_cost_micros(
            command.tier, command.duration_cap_ms
        )
        if self.is_frozen:
            return self._refuse_hold(command, amount_micros, Refusal.frozen, cause)
        if amount_micros is None:
            return self._refuse_hold(command, None, Refusal.no_price, cause)
        if self.arrears_micros > 0:
            return self._refuse_hold(command, amount_micros, Refusal.arrears, cause)
        if self._left_of_budget_micros(project_id, now_ms, amount_micros) < amount_micros:
            return self._refuse_hold(command, amount_micros, Refusal.budget, cause)
        if amount_micros > self.available_micros:
            return self._refuse_hold(command, amount_micros, self.not_enough, cause)
        # From here on the hold must succeed.
        return self._allow_hold(command, amount_micros, HoldMeans.SET_ASIDE, cause)

    def ask_to_spend(self, command: ask.AskToSpend, cards: CardBook, cause: Cause) -> None:
        """Whether a chat or a crawl may begin, which have no most they could cost."""
        self.meet_project(command.project_id, cause)
        project_id, now_ms = command.project_id, cause.recorded_at_ms
        is_live = self.is_live(project_id, now_ms)
        if self.is_closed:
            return self._refuse_spend(command, Refusal.closed, cause)
        if is_live and self.is_frozen:
            return self._refuse_spend(command, Refusal.frozen, cause)
        card = self.card_in_force(now_ms, cards)
        if is_live and (card is None or not card.prices(command.activity)):
            return self._refuse_spend(command, Refusal.no_price, cause)
        if is_live and self.arrears_micros > 0:
            return self._refuse_spend(command, Refusal.arrears, cause)
        if is_live and self._left_of_budget_micros(project_id, now_ms, 1) < 1:
            return self._refuse_spend(command, Refusal.budget, cause)
        if is_live and self.available_micros <= 0:
            return self._refuse_spend(command, self.not_enough, cause)
        # From here on it must succeed.
        asked = (project_id, command.activity)
        return self.record(done.SpendAllowed(*self.envelope(cause), *asked), cause)

    def void_hold(self, command: ask.VoidHold, cause: Cause, *, was_placed: bool) -> None:
        """Give an open hold back."""
        if not was_placed:
            return self.record_refusal(command, Refusal.unknown, cause)
        if command.hold_id not in self.holds:
            return self.record_refusal(command, Refusal.hold_ended, cause)
        # From here on it must succeed.
        voided = (command.hold_id, command.reason)
        return self.record(done.HoldVoided(*self.envelope(cause), *voided), cause)

    def expire_hold(self, hold_id: str, cause: Cause) -> None:
        """End a hold whose time ran out and whose usage did not come."""
        self.record(done.HoldExpired(*self.envelope(cause), hold_id), cause)

    def refuse(self, command: ask.Command, refusal: Refusal, cause: Cause) -> None:
        """Record a command that may not be applied, whatever it asks."""
        if isinstance(command, ask.PlaceHold):
            self._refuse_hold(command, None, refusal, cause)
        elif isinstance(command, ask.AskToSpend):
            self._refuse_spend(command, refusal, cause)
        else:
            self.record_refusal(command, refusal, cause)

    # ── Inner parts ──

    def _left_of_budget_micros(self, project_id: str, now_ms: int, wanted_micros: int) -> int:
        """What the refusing budgets leave beside charges and holds; what is wanted, without any."""
        left_micros = wanted_micros
        for scope in (project_id, None):
            budget = self.budgets.get(scope)
            if budget is not None and budget.is_refusing:
                charged_micros = self.charged_in_month_micros(scope, now_ms)
                held_micros = self.counts_as_held_micros(scope)
                left_micros = min(left_micros, budget.limit_micros - charged_micros - held_micros)
        return left_micros

    def _allow_hold(
        self, command: ask.PlaceHold, amount_micros: int, means: HoldMeans, cause: Cause
    ) -> None:
        self.record(
            done.HoldPlaced(
                *self.envelope(cause),
                command.command_id,
                command.project_id,
                command.tier,
                command.duration_cap_ms,
                amount_micros,
                cause.recorded_at_ms + command.duration_cap_ms + HOLD_GRACE_MS,
                means,
            ),
            cause,
        )

    def _refuse_hold(
        self, command: ask.PlaceHold, amount_micros: int | None, refusal: Refusal, cause: Cause
    ) -> None:
        self.record(
            done.HoldRefused(
                *self.envelope(cause),
                command.command_id,
                command.project_id,
                command.tier,
                command.duration_cap_ms,
                amount_micros,
                refusal,
            ),
            cause,
        )

    def _refuse_spend(self, command: ask.AskToSpend, refusal: Refusal, cause: Cause) -> None:
        refused = (command.project_id, command.activity, refusal)
        self.record(done.SpendRefused(*self.envelope(cause), *refused), cause)
