"""What the ledger did, in the few figures that a person asks for first."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from cli.reads import every_movement, every_wallet, terms
from cli.whole_log import whole_log
from eventlog.settings import KafkaSettings
from eventlog.topics import LEDGER_DLQ, WALLET_EVENTS
from ledger.events import (
    EndsHold,
    Event,
    HoldRefused,
    InputHeldForReview,
    InputRefused,
    SpendRefused,
)
from ledger.money import format_usd
from projections.movements import MovementKind
from schemas.codec import dead_letters, wallet_events

if TYPE_CHECKING:
    from projections.database import Database
    from projections.movements import Movement
    from projections.wallets import Wallet

TENANTS: Final = {
    "tenant_id": "Tenant",
    "came_in_micros": "Came in",
    "calls_count": "Calls",
    "crawls_count": "Crawls",
    "charged_micros": "Charged",
    "simulated_micros": "Simulated",
    "held_micros": "Held",
    "balance_micros": "Balance",
    "arrears_micros": "Arrears",
}


class TenantFigures(msgspec.Struct):
    """A tenant's wallet, and what made it so; amounts in micro-dollars.

    What came in are top-ups, grants and adjustments, undone ones taken off. Charged is all usage,
    less what corrections reversed; simulated charges are counted apart.
    """

    tenant_id: str
    terms: str
    balance_micros: int
    held_micros: int
    arrears_micros: int
    came_in_micros: int = 0
    calls_count: int = 0
    crawls_count: int = 0
    charged_micros: int = 0
    simulated_count: int = 0
    simulated_micros: int = 0

    def row(self) -> Mapping[str, object]:
        """For people: what is nothing is left out, but for the balance."""
        figures = msgspec.structs.asdict(self)
        return {name: figure or None for name, figure in figures.items()} | {
            "balance_micros": self.balance_micros
        }


class LogFigures(msgspec.Struct):
    """What stands in the log and on the dead-letter topic, counted by kind and by reason."""

    events: Counter[str] = msgspec.field(default_factory=Counter[str])
    holds_captured: int = 0
    holds_refused: Counter[str] = msgspec.field(default_factory=Counter[str])
    refused: Counter[str] = msgspec.field(default_factory=Counter[str])
    held_for_review: Counter[str] = msgspec.field(default_factory=Counter[str])
    dead_letters: Counter[str] = msgspec.field(default_factory=Counter[str])

    def count(self, event: Event) -> None:
        """Add an event of the log of record."""
        self.events[type(event).__name__] += 1
        if isinstance(event, EndsHold):
            self.holds_captured += event.ends_hold
        match event:
            case HoldRefused() | SpendRefused():
                self.holds_refused[event.refusal] += 1
            case InputRefused():
                self.refused[event.refusal] += 1
            case InputHeldForReview():
                self.held_for_review[event.reason.lower()] += 1
            case _:
                pass

    def sentences(self) -> Iterator[str]:
        """For people, a line each."""
        yield (
            f"{self.events['HoldPlaced']:,} holds allowed: {self.holds_captured:,} captured by"
            f" their calls, {self.events['HoldVoided']:,} voided"
        )
        if self.events["ChatCounted"]:
            yield (
                f"{self.events['ChatCounted']:,} chats counted,"
                f" {self.events['ChatCharged']:,} hours of them charged"
            )
        if self.events["ChargeReversed"]:
            yield f"{self.events['ChargeReversed']:,} charges reversed by corrections"
        for what, reasons in (
            ("holds refused", self.holds_refused),
            ("commands and usage refused", self.refused),
            ("held for review", self.held_for_review),
            ("inputs set aside as dead letters", self.dead_letters),
        ):
            yield tallied(what, reasons)


def tallied(what: str, reasons: Counter[str]) -> str:
    """How many in all, and by reason."""
    named = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common())
    return f"{reasons.total():,} {what}{f': {named}' if named else ''}"


def tenant_figures(database: "Database") -> list[TenantFigures]:
    """Every tenant's figures, as the read models have them."""
    return [_tenant(database, wallet) for wallet in every_wallet(database)]


def totals(tenants: Sequence[TenantFigures]) -> str:
    """All tenants' calls in a sentence."""
    charged = sum(tenant.calls_count for tenant in tenants)
    charged_micros = sum(tenant.charged_micros for tenant in tenants)
    simulated = sum(tenant.simulated_count for tenant in tenants)
    return (
        f"{charged:,} calls charged, and {format_usd(charged_micros)} for all usage;"
        f" {simulated:,} charges simulated, which moved nothing"
    )


def log_figures(kafka: KafkaSettings, partitions: int) -> LogFigures:
    """What the log holds, read from its beginning."""
    figures = LogFigures()
    for entry in whole_log(kafka, WALLET_EVENTS.name, partitions, "reading the log"):
        figures.count(wallet_events.decode(entry.value)[0])
    for entry in whole_log(kafka, LEDGER_DLQ.name, partitions, "reading dead letters"):
        figures.dead_letters[dead_letters.decode(entry.value).code] += 1
    return figures


def _tenant(database: "Database", wallet: "Wallet") -> TenantFigures:
    figures = TenantFigures(
        wallet.tenant_id,
        terms(wallet),
        wallet.balance_micros,
        wallet.counts_as_held_micros,
        wallet.arrears_micros,
    )
    for movement in every_movement(database, wallet.tenant_id):
        _add(figures, movement)
    return figures


def _add(figures: TenantFigures, movement: "Movement") -> None:
    sign = -1 if movement.kind is MovementKind.REVERSAL else 1
    match movement.kind:
        case MovementKind.CALL | MovementKind.CRAWL | MovementKind.CHAT | MovementKind.REVERSAL:
            if movement.is_simulated:
                figures.simulated_count += sign
                figures.simulated_micros += sign * movement.amount_micros
            else:
                figures.calls_count += sign * (movement.call_id is not None)
                figures.crawls_count += sign * (movement.crawl_id is not None)
                figures.charged_micros += sign * movement.amount_micros
        case MovementKind.TOP_UP | MovementKind.GRANT | MovementKind.ADJUSTMENT | MovementKind.UNDO:
            figures.came_in_micros += movement.movement_micros
        case MovementKind.ARREARS_COLLECTED | MovementKind.WRITE_OFF:
            pass
