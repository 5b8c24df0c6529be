"""Read models in memory: batches folded one after another, each reading what the last one left."""

from collections.abc import Iterable, Sequence
from typing import Final

from ledger.events import Event
from projections import holds, movements, projects, usage_daily, wallets
from projections.holds import Hold, HoldState
from projections.logged import Logged, Place
from projections.movements import Movement
from projections.projects import Project
from projections.usage_daily import UsageDay
from projections.wallets import Wallet

PLACE: Final = Place("g1", 0)


class Folded:
    """What the tables would hold after these events, folded in batches of that size."""

    def __init__(self, events: Iterable[Event], batch_size: int = 1) -> None:
        self.wallets: dict[str, Wallet] = {}
        self.projects: dict[tuple[str, str], Project] = {}
        self.holds: dict[tuple[str, int], Hold] = {}
        self.movements: list[Movement] = []
        self.usage_days: dict[tuple[object, ...], UsageDay] = {}
        logged = [Logged(offset, event) for offset, event in enumerate(events)]
        for begin in range(0, len(logged), batch_size):
            self._fold(logged[begin : begin + batch_size])

    def _fold(self, batch: Sequence[Logged]) -> None:
        still_open = {
            (hold.tenant_id, hold.hold_id): hold
            for hold in self.holds.values()
            if hold.state is HoldState.OPEN
        }
        held = holds.fold(batch, still_open)
        balances = {tenant: wallet.balance_micros for tenant, wallet in self.wallets.items()}
        self.movements += movements.fold(PLACE, batch, balances)
        self.wallets |= wallets.fold(batch, self.wallets, held.released)
        self.holds |= {(hold.tenant_id, hold.sequence): hold for hold in held.rows}
        opened = projects.fold(batch, self.projects)
        self.projects |= {(project.tenant_id, project.project_id): project for project in opened}
        for added in usage_daily.fold(batch):
            self._add(added)

    def _add(self, added: UsageDay) -> None:
        key = (added.day, added.project_id, added.outcome, added.tier, added.is_simulated)
        day = self.usage_days.setdefault(key, added)
        if day is not added:
            day.charges += added.charges
            day.overage_minutes += added.overage_minutes
            day.amount_micros += added.amount_micros
