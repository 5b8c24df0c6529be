"""Budgets and the low balance: noticed at the very event (PRODUCT decision 13)."""

from typing import Final

from ledger import commands as ask
from ledger import events as done
from ledger.refusals import Refusal
from ledger.wallet.parts import month_of
from ledger.wallet.state import Cause, WalletState

LINES_PERCENT: Final = (100, 80, 50)


class Noticing(WalletState):
    """What a tenant wants to be told, and what may not be passed."""

    def set_budget(self, command: ask.SetBudget, cause: Cause) -> None:
        """Limit a month's charges, or lift the limit; another limit's lines are told of anew."""
        if not self.is_open:
            return self.record_refusal(command, Refusal.unknown, cause)
        if command.project_id is not None and command.project_id not in self.projects:
            return self.record_refusal(command, Refusal.unknown, cause)
        if self.is_closed:
            return self.record_refusal(command, Refusal.closed, cause)
        budget = self.budgets.get(command.project_id)
        wanted = (command.limit_micros, command.is_refusing)
        if wanted[:1] == (None,) if budget is None else wanted == budget[:2]:
            return self.record_refusal(command, Refusal.no_change, cause)
        # From here on it must succeed.
        set_to = (command.project_id, *wanted)
        return self.record(done.BudgetSet(*self.envelope(cause), *set_to), cause)

    def set_low_balance_line(self, command: ask.SetLowBalanceLine, cause: Cause) -> None:
        """Tell when the balance less arrears falls under a line; None: no more."""
        if not self.is_open:
            return self.record_refusal(command, Refusal.unknown, cause)
        if self.is_closed:
            return self.record_refusal(command, Refusal.closed, cause)
        if command.line_micros == self.low_line_micros:
            return self.record_refusal(command, Refusal.no_change, cause)
        # From here on it must succeed.
        return self.record(
            done.LowBalanceLineSet(*self.envelope(cause), command.line_micros), cause
        )

    def notice(self, cause: Cause) -> None:
        """Tell what the events since the last time made true: each line once."""
        for scope in self.budgets:
            self._notice_budget(scope, cause)
        line_micros = self.low_line_micros
        if line_micros is not None and (self.net_micros < line_micros) is not self.is_low:
            happened = done.BalanceRecovered if self.is_low else done.BalanceRanLow
            self.record(happened(*self.envelope(cause), line_micros, self.net_micros), cause)

    def _notice_budget(self, scope: str | None, cause: Cause) -> None:
        """One notice, for the highest line that was reached."""
        budget, now_ms = self.budgets[scope], cause.recorded_at_ms
        charged_micros = self.charged_in_month_micros(scope, now_ms)
        reached = (
            percent
            for percent in LINES_PERCENT
            if charged_micros * 100 >= percent * budget.limit_micros
        )
        percent = next(reached, 0)
        told = budget.told_percent if budget.told_month == month_of(now_ms) else 0
        if percent > told:
            passed = (scope, percent, budget.limit_micros, charged_micros)
            self.record(done.BudgetLinePassed(*self.envelope(cause), *passed), cause)
