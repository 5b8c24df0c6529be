"""The commands that show what the ledger knows of tenants: `balance`, `history`, `usage`."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

import click
from msgspec.structs import asdict

from cli.command import ID, MOMENT, examples, json_option, limit_option
from cli.reading import read_models
from cli.show import print_json, print_rows, shown

if TYPE_CHECKING:
    from projections.database import Database
    from projections.movements import Movement
    from projections.usage_daily import UsageDay
    from projections.wallets import Wallet

PAGE: Final = 500
USAGE_DAYS: Final = 30

WALLETS: Final = {
    "tenant_id": "Tenant",
    "balance_micros": "Balance",
    "held_micros": "Held",
    "available_micros": "Available",
    "arrears_micros": "Arrears",
    "terms": "Terms",
}
HISTORY: Final = {
    "recorded_at_ms": "Recorded (UTC)",
    "kind": "Movement",
    "about": "About",
    "amount_micros": "Amount",
    "movement_micros": "Moved",
    "balance_after_micros": "Balance",
    "arrears_micros": "Owed",
}
USAGE: Final = {
    "day": "Day (UTC)",
    "project_id": "Project",
    "tier": "Tier",
    "outcome": "Outcome",
    "charges_count": "Calls",
    "overage_minutes_count": "Overage",
    "amount_micros": "Charged",
    "simulated_micros": "Simulated",
}


@click.command("balance", epilog=examples("ledger balance", "ledger balance acme --json"))
@click.argument("tenant", type=ID, required=False)
@json_option
def balance(tenant: str | None, as_json: bool) -> None:
    """Show TENANT's wallet, or every tenant's.

    Balance is what is left of funds less the credit used; held is set aside for calls under way;
    available can still be spent (credit included); arrears are owed.
    """
    with read_models(tenant) as reading:
        asked = [reading.wallet] if reading.wallet else list(every_wallet(reading.database))
    rows = [wallet_row(wallet) for wallet in asked]
    if as_json:
        print_json({"wallets": rows, "behind_records": reading.behind})
    elif rows:
        print_rows(WALLETS, [row | {"terms": terms(w)} for row, w in zip(rows, asked, strict=True)])
    else:
        click.echo("No tenant has a wallet yet. `ledger project open TENANT PROJECT` opens one.")


@click.command(
    "history",
    epilog=examples(
        "ledger history acme", "ledger history acme --project clinic --from 2026-11-01 --limit 500"
    ),
)
@click.argument("tenant", type=ID)
@click.option("--project", "project_id", type=ID, help="Only what is of this project.")
@click.option(
    "--from", "from_ms", type=MOMENT, default="1970-01-01", metavar="MOMENT",
    help="Only what was recorded since then (UTC), like 2026-11-01T09:30.",
)  # fmt: skip
@limit_option
@json_option
def history(tenant: str, project_id: str | None, from_ms: int, limit: int, as_json: bool) -> None:
    """Show the movements of TENANT's wallet, the newest first.

    Simulated charges stand in the list with their would-be cost, and move nothing. Holds are not
    movements: `ledger hold list`.
    """
    with read_models(tenant) as reading:
        pages = every_movement(reading.database, tenant, project_id, from_ms)
        found = list(islice(pages, limit))
    if as_json:
        print_json({"movements": [asdict(row) for row in found], "behind_records": reading.behind})
    elif found:
        print_rows(HISTORY, [_history_row(movement) for movement in found])
        if len(found) == limit:
            click.echo(f"The newest {limit:,}; there may be more: --limit {limit * 10}", err=True)
    else:
        click.echo(f"Nothing has moved {tenant!r}'s wallet, as far as was asked.")


@click.command(
    "usage",
    epilog=examples(
        "ledger usage acme",
        "ledger usage acme --from 2026-10-01 --to 2026-10-31 --project clinic",
    ),
)
@click.argument("tenant", type=ID)
@click.option("--project", "project_id", type=ID, help="Only this project.")
@click.option(
    "--from", "first", type=click.DateTime(["%Y-%m-%d"]), metavar="DAY",
    help=f"The first day (UTC).  [default: {USAGE_DAYS} days back]",
)  # fmt: skip
@click.option(
    "--to", "last", type=click.DateTime(["%Y-%m-%d"]), metavar="DAY",
    help="The last day (UTC).  [default: today]",
)  # fmt: skip
@json_option
def usage(
    tenant: str,
    project_id: str | None,
    first: datetime | None,
    last: datetime | None,
    as_json: bool,
) -> None:
    """Show TENANT's usage by day, project, tier and outcome, and what it cost.

    A day is the UTC day in which the usage ended. Simulated usage stands in a column of its own.
    """
    from projections import usage_daily

    to_day = last.date() if last else datetime.now(UTC).date()
    from_day = first.date() if first else to_day - timedelta(days=USAGE_DAYS)
    with read_models(tenant) as reading:
        found = usage_daily.between(reading.database, tenant, from_day, to_day, project_id)
    if as_json:
        print_json({"usage_days": [asdict(day) for day in found], "behind_records": reading.behind})
    elif found:
        print_rows(USAGE, [_usage_row(day) for day in found])
    else:
        click.echo(f"No usage of {tenant!r} from {from_day} to {to_day}.")


def wallet_row(wallet: "Wallet") -> dict[str, object]:
    """A wallet with the figures that follow from the others."""
    return {
        **asdict(wallet),
        "balance_micros": wallet.balance_micros,
        "available_micros": wallet.available_micros,
    }


def terms(wallet: "Wallet") -> str:
    """How the tenant pays, for people."""
    limit = shown("credit_limit_micros", wallet.credit_limit_micros)
    return f"postpay, limit {limit}" if wallet.is_postpay else "prepaid"


def every_wallet(database: "Database") -> "Iterator[Wallet]":
    """All wallets, in the order of their tenants."""
    from projections import wallets

    after = ""
    while page := wallets.page(database, after, PAGE):
        yield from page
        after = page[-1].tenant_id


def every_movement(
    database: "Database", tenant: str, project_id: str | None = None, from_ms: int = 0
) -> "Iterator[Movement]":
    """The tenant's history, the newest first."""
    from projections import movements

    before = movements.NEWEST
    while page := movements.page(
        database, tenant, before, PAGE, project_id=project_id, from_ms=from_ms
    ):
        yield from page
        before = page[-1].position


def _history_row(movement: "Movement") -> dict[str, object]:
    facts = (movement.project_id, movement.tier, movement.outcome, movement.payment_id)
    about = [shown("about", fact) for fact in (*facts, movement.reason) if fact]
    mode = " (simulated)" if movement.is_simulated else ""
    return {
        **asdict(movement),
        "kind": shown("kind", movement.kind) + mode,
        "about": ", ".join(about),
    }


def _usage_row(day: "UsageDay") -> dict[str, object]:
    charged_micros = None if day.is_simulated else day.amount_micros
    return {
        **asdict(day),
        "charges_count": day.charges,
        "overage_minutes_count": day.overage_minutes or None,
        "amount_micros": charged_micros,
        "simulated_micros": day.amount_micros if day.is_simulated else None,
    }
