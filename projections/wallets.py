"""The `wallets` table: what each tenant has, holds and owes, as of its last event folded in."""

from collections.abc import Mapping
from typing import Final

import msgspec

from ledger import events as done
from ledger.errors import BrokenLog
from ledger.events import Draw, Event, HoldMeans, WalletEvent, portions_micros
from projections.database import Database
from projections.logged import Batch
from projections.rows import Table, replacing


class Wallet(msgspec.Struct, gc=False, array_like=True):
    """A tenant's figures in micro-dollars (PRODUCT decision 2), times in UTC milliseconds.

    `sequence` is the place of the last event folded in; `opened_at_ms` is None while all that is
    known of the tenant is that something was refused. `card_id` is the rate card that was assigned
    last, None for the default one, and `card_from_ms` since when, or from when on, it prices.
    `held_micros` is what events set aside, `unheld_micros` what open hours of chats cost beyond it.
    """

    tenant_id: str
    sequence: int = 0
    recorded_at_ms: int = 0
    opened_at_ms: int | None = None
    is_postpay: bool = False
    credit_limit_micros: int = 0
    funds_micros: int = 0
    held_micros: int = 0
    open_holds: int = 0
    arrears_micros: int = 0
    credit_used_micros: int = 0
    is_frozen: bool = False
    is_closed: bool = False
    low_line_micros: int | None = None
    card_id: str | None = None
    card_from_ms: int | None = None
    unheld_micros: int = 0

    @property
    def available_micros(self) -> int:
        """What can be spent or held; negative only where a limit fell below its use."""
        return self._beside_holds_micros - self._tokens_held_micros

    @property
    def counts_as_held_micros(self) -> int:
        """All that is held: tokens of open hours too, as far as there is something."""
        return self.held_micros + self._tokens_held_micros

    @property
    def _beside_holds_micros(self) -> int:
        credit_micros = self.credit_limit_micros - self.credit_used_micros
        return self.funds_micros + max(0, credit_micros) - self.held_micros

    @property
    def _tokens_held_micros(self) -> int:
        return min(self.unheld_micros, max(0, self._beside_holds_micros))

    @property
    def balance_micros(self) -> int:
        """The balance people are shown: funds less credit used."""
        return self.funds_micros - self.credit_used_micros


TABLE: Final = Table("wallets", Wallet)
STAGE: Final = replacing(TABLE, key=["tenant_id"])


# ── Queries ──


def find(database: Database, tenant_id: str) -> Wallet | None:
    """The tenant's wallet; None if it was never opened."""
    found = TABLE.select(database, "WHERE tenant_id = %s AND opened_at_ms IS NOT NULL", [tenant_id])
    return found[0] if found else None


def page(database: Database, after_tenant_id: str = "", limit: int = 100) -> list[Wallet]:
    """Open wallets in the order of their tenants' ids, from the one after `after_tenant_id`."""
    return TABLE.select(
        database,
        "WHERE tenant_id > %s AND opened_at_ms IS NOT NULL ORDER BY tenant_id LIMIT %s",
        [after_tenant_id, limit],
    )


# ── Fold ──


def load(
    database: Database,
    batch: Batch,
    wallets: dict[str, Wallet],
    uncommitted: Mapping[str, Wallet],
) -> list[Wallet]:
    """Add the wallets that the batch moves on and that are not there yet; these alone."""
    added: list[Wallet] = []
    asked: list[str] = []
    for tenant_id in {event.originator_id for _, event in batch}:
        # The partition's own events have no tenant.
        if tenant_id in wallets or not tenant_id:
            continue
        if wallet := uncommitted.get(tenant_id):
            added.append(msgspec.structs.replace(wallet))
        else:
            asked.append(tenant_id)
    if asked:
        added += TABLE.select(database, "WHERE tenant_id = ANY(%s)", [asked])
    wallets |= {wallet.tenant_id: wallet for wallet in added}
    return added


def fold(
    batch: Batch,
    wallets: dict[str, Wallet],
    released: Mapping[int, int],
    unheld: Mapping[int, int],
) -> None:
    """Move the wallets on, and open those that are not there.

    `released` says what the events at these offsets gave back of what was held, `unheld` by how
    much more is unheld since. Raises `BrokenLog` where a wallet's sequence has a gap or a repeat.
    """
    for offset, event in batch:
        tenant_id = event.originator_id
        wallet = wallets.get(tenant_id)
        if wallet is None:
            if not isinstance(event, WalletEvent):
                continue
            wallet = wallets[tenant_id] = Wallet(tenant_id)
        sequence = event.originator_version
        if sequence != wallet.sequence + 1:
            raise BrokenLog(
                f"offset {offset}: {tenant_id}'s event {sequence} came after {wallet.sequence}"
            )
        wallet.sequence = sequence
        wallet.recorded_at_ms = event.recorded_at_ms
        if offset in released:
            wallet.held_micros -= released[offset]
            wallet.open_holds -= type(event) is not done.ChatCharged
        if offset in unheld:
            wallet.unheld_micros += unheld[offset]
        _move(wallet, event)


def _move(wallet: Wallet, event: Event) -> None:
    match event:
        case done.CallCharged() | done.CrawlCharged() | done.ChatCharged():
            _take(wallet, event.draws, event.credit_micros)
            wallet.arrears_micros += event.arrears_micros
        case done.ChatCounted() | done.ChatUncounted():
            wallet.held_micros += event.held_micros
        case done.ChargeReversed():
            _take(wallet, event.draws, event.credit_micros, -1)
            wallet.arrears_micros -= event.arrears_micros
        case done.HoldPlaced():
            wallet.held_micros += event.amount_micros
            wallet.open_holds += event.means is not HoldMeans.USAGE_CAME_FIRST
        case done.ArrearsCollected():
            _take(wallet, event.draws, event.credit_micros)
            wallet.arrears_micros -= portions_micros(event.portions)
        case done.ArrearsWrittenOff():
            wallet.arrears_micros -= event.amount_micros
        case done.TopUpSettled() | done.CreditGranted():
            wallet.funds_micros += event.amount_micros
        case done.BalanceAdjusted():
            wallet.funds_micros += max(0, event.amount_micros)
            _take(wallet, event.draws, event.credit_micros)
        case done.OperationUndone():
            _take(wallet, event.taken, 0)
            _take(wallet, event.returned, event.credit_micros, -1)
            wallet.arrears_micros += portions_micros(event.portions)
        case _:
            _set(wallet, event)


def _set(wallet: Wallet, event: Event) -> None:
    """What moves no money."""
    match event:
        case done.TermsSet():
            wallet.is_postpay = event.is_postpay
            wallet.credit_limit_micros = event.credit_limit_micros
        case done.WalletOpened():
            wallet.opened_at_ms = event.recorded_at_ms
        case done.WalletFrozen() | done.WalletUnfrozen():
            wallet.is_frozen = isinstance(event, done.WalletFrozen)
        case done.WalletClosed() | done.WalletReopened():
            wallet.is_closed = isinstance(event, done.WalletClosed)
        case done.LowBalanceLineSet():
            wallet.low_line_micros = event.line_micros
        case done.CardAssigned():
            wallet.card_id, wallet.card_from_ms = event.card_id, event.from_ms
        case _:
            pass


def _take(wallet: Wallet, draws: tuple[Draw, ...], credit_micros: int, sign: int = 1) -> None:
    for draw in draws:
        wallet.funds_micros -= sign * draw.amount_micros
    wallet.credit_used_micros += sign * credit_micros
