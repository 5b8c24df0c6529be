"""Read models in memory: batches folded one after another, each reading what the last one left."""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import astuple

from ledger.events import Event
from ledger.rates import PricedLine
from projections import (
    accounts,
    approvals,
    budgets,
    cards,
    chat_hours,
    holds,
    movements,
    notices,
    projects,
    reviews,
    usage_daily,
    wallets,
)
from projections.holds import Hold, HoldState
from projections.keyed import Key as RowKey
from projections.logged import Logged, Place
from projections.movements import Movement, Prices, Staged
from projections.projects import Project
from projections.usage_daily import Key, UsageDay
from projections.wallets import Wallet

PLACE: Final = Place("g1", 0)


class Folded:
    """What the tables would hold after these events, folded in batches of that size."""

    def __init__(self, events: Iterable[Event], batch_size: int = 1) -> None:
        self.wallets: dict[str, Wallet] = {}
        self.projects: dict[RowKey, Project] = {}
        self.holds: dict[tuple[str, int], Hold] = {}
        self.movements: list[Movement] = []
        self.usage_days: dict[Key, UsageDay] = {}
        self.chat_hours: dict[RowKey, chat_hours.ChatHourRow] = {}
        self.reviews: dict[RowKey, reviews.Review] = {}
        self.approvals: dict[RowKey, approvals.Approval] = {}
        self.budgets: dict[RowKey, budgets.Budget] = {}
        self.notices: list[notices.Notice] = []
        self.cards: list[cards.AdoptedCard] = []
        self.account_months: dict[accounts.Key, accounts.AccountMonth] = {}
        logged = [Logged(offset, event) for offset, event in enumerate(events)]
        for begin in range(0, len(logged), batch_size):
            self._fold(logged[begin : begin + batch_size])

    def _fold(self, batch: Sequence[Logged]) -> None:
        balances = {tenant: wallet.balance_micros for tenant, wallet in self.wallets.items()}
        prices: Prices = {}
        rows = movements.fold(PLACE, batch, balances, prices)
        self.movements += [_written(row, list(prices)) for row in rows]
        of_chats, unheld = chat_hours.fold(batch, self.chat_hours)
        released = self._fold_holds(batch) | of_chats
        wallets.fold(batch, self.wallets, released, unheld)
        projects.fold(batch, self.projects)
        reviews.fold(batch, self.reviews)
        approvals.fold(batch, self.approvals)
        budgets.fold(batch, self.budgets)
        self.notices += notices.fold(batch)
        self.cards += cards.fold(PLACE, batch)
        accounts.fold(batch, self.account_months)
        usage_daily.fold(batch, self.usage_days)

    def _fold_holds(self, batch: Sequence[Logged]) -> dict[int, int]:
        open_before = {
            (hold.tenant_id, hold.hold_id): (hold.sequence, hold.amount_micros or 0)
            for hold in self.holds.values()
            if hold.state is HoldState.OPEN
        }
        held = holds.nothing()
        released = holds.fold(batch, held, lambda _: open_before)
        self.holds |= {(hold.tenant_id, hold.sequence): hold for hold in held.answered}
        for end in held.ended.values():
            hold = self.holds[end.tenant_id, end.sequence]
            hold.state, hold.ended_at_ms = end.state, end.ended_at_ms
            hold.usage_event_id = end.usage_event_id
        return released


def _written(row: Staged, prices: Sequence[tuple[PricedLine, ...]]) -> Movement:
    """The row as its statement leaves it in the table."""
    lines = None if row.price is None else prices[row.price - 1]
    return Movement(*astuple(row)[:-1], lines=lines)
