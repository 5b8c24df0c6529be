"""What the ledger knows of tenants: `balance`, `history`, `usage`, `month`."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

import click
from msgspec.structs import asdict

from cli.command import ID, MOMENT, examples, json_option, limit_option
from cli.reading import read_models
from cli.show import Columns, print_json, print_rows, shown, shown_time

if TYPE_CHECKING:
    from projections.chat_hours import ChatHourRow
    from projections.database import Database
    from projections.movements import Movement
    from projections.usage_daily import MonthSoFar, UsageDay
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
    "kind": "Kind",
    "tier": "Tier",
    "outcome": "Outcome",
    "charges_count": "Charges",
    "overage_minutes_count": "Overage",
    "crawler_ms": "Crawler",
    "tokens": "Tokens in / out",
    "amount_micros": "Charged",
    "simulated_micros": "Simulated",
}


OF_SOME: Final = frozenset(("crawls_count", "crawler_ms", "tokens"))
MONTH: Final = {
    "project_id": "Project",
    "calls_count": "Calls",
    "overage_minutes_count": "Overage",
    "crawls_count": "Crawls",
    "crawler_ms": "Crawler",
    "tokens": "Tokens in / out",
    "amount_micros": "Charged",
    "simulated_micros": "Simulated",
}
CHATS: Final = {
    "project_id": "Chats not charged yet",
    "hours_count": "Hours",
    "closes_at_ms": "The next at (UTC)",
    "tokens": "Tokens in / out",
    "price_micros": "Come to",
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
        print_rows(WALLETS, [shown_row(row, w) for row, w in zip(rows, asked, strict=True)])
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
        _print_used(USAGE, [_usage_row(day) for day in found])
    else:
        click.echo(f"No usage of {tenant!r} from {from_day} to {to_day}.")


@click.command("month", epilog=examples("ledger month acme", "ledger month acme --of 2026-10"))
@click.argument("tenant", type=ID)
@click.option(
    "--of", "day", type=click.DateTime(["%Y-%m"]), metavar="MONTH",
    help="Another month (UTC).  [default: this month]",
)  # fmt: skip
@json_option
def month(tenant: str, day: datetime | None, as_json: bool) -> None:
    """Show what TENANT used this month so far, by project, and what it cost.

    Usage counts in the month in which it ended. Chats whose hour is not charged yet are told below
    the table.
    """
    from projections import chat_hours, usage_daily

    first = (day or datetime.now(UTC)).date().replace(day=1)
    with read_models(tenant) as reading:
        found = usage_daily.month_so_far(reading.database, tenant, first)
        open_hours = chat_hours.open_hours(reading.database, tenant)
    if as_json:
        rows = {"month": [asdict(row) for row in found], "chats": [asdict(h) for h in open_hours]}
        print_json({**rows, "first_day": first, "behind_records": reading.behind})
        return
    if found:
        _print_used(MONTH, [_month_row(row) for row in found])
    else:
        click.echo(f"Nothing that {tenant!r} used in {first:%B %Y} is charged yet.")
    if open_hours:
        print_rows(CHATS, _open_chats(open_hours))


def wallet_row(wallet: "Wallet") -> dict[str, object]:
    """A wallet with the figures that follow from the others; held is all that counts as held."""
    row = asdict(wallet)
    del row["unheld_micros"]
    return {
        **row,
        "balance_micros": wallet.balance_micros,
        "held_micros": wallet.counts_as_held_micros,
        "available_micros": wallet.available_micros,
    }


def shown_row(row: dict[str, object], wallet: "Wallet") -> dict[str, object]:
    """Where a limit fell below its use nothing is available (PRODUCT decision 2)."""
    available_micros = max(0, wallet.available_micros)
    return {**row, "available_micros": available_micros, "terms": terms(wallet)}


def terms(wallet: "Wallet") -> str:
    """How the tenant pays, for people."""
    limit = shown("credit_limit_micros", wallet.credit_limit_micros)
    paid = f"postpay, limit {limit}" if wallet.is_postpay else "prepaid"
    flags = [name for name in ("frozen", "closed") if getattr(wallet, f"is_{name}")]
    return ", ".join([paid, *flags])


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


def _print_used(columns: Columns, rows: list[dict[str, object]]) -> None:
    """Without the columns of what was not used."""
    kept = {
        field: heading
        for field, heading in columns.items()
        if field not in OF_SOME or any(row[field] for row in rows)
    }
    print_rows(kept, rows)


def _history_row(movement: "Movement") -> dict[str, object]:
    facts = (movement.project_id, movement.tier, movement.outcome, movement.payment_id)
    about = [shown("about", fact) for fact in (*facts, movement.reason) if fact]
    if movement.hour_started_at_ms is not None:
        about.append(f"hour of {shown_time(movement.hour_started_at_ms)}")
    if movement.corrects is not None:
        about.append(f"corrects {movement.corrects}")
    mode = " (simulated)" if movement.is_simulated else ""
    return {
        **asdict(movement),
        "kind": shown("kind", movement.kind) + mode,
        "about": ", ".join(about),
    }


def _usage_row(day: "UsageDay") -> dict[str, object]:
    return {
        **asdict(day),
        **_cost(day),
        "charges_count": day.charges,
        "overage_minutes_count": day.overage_minutes or None,
        "crawler_ms": day.crawler_ms or None,
        "tokens": _tokens(day),
    }


def _month_row(month: "MonthSoFar") -> dict[str, object]:
    return {
        **asdict(month),
        **_cost(month),
        "calls_count": month.calls or None,
        "overage_minutes_count": month.overage_minutes or None,
        "crawls_count": month.crawls or None,
        "crawler_ms": month.crawler_ms or None,
        "tokens": _tokens(month),
    }


def _open_chats(hours: "list[ChatHourRow]") -> list[dict[str, object]]:
    """By project and mode."""
    of_project: dict[tuple[str, bool], list[ChatHourRow]] = {}
    for hour in hours:
        of_project.setdefault((hour.project_id, hour.is_simulated), []).append(hour)
    return [
        {
            "project_id": project_id + (" (simulated)" if is_simulated else ""),
            "hours_count": len(own),
            "closes_at_ms": min(hour.closes_at_ms for hour in own),
            "tokens": _in_and_out(
                sum(hour.input_tokens for hour in own), sum(hour.output_tokens for hour in own)
            ),
            "price_micros": sum(hour.price_micros for hour in own),
        }
        for (project_id, is_simulated), own in sorted(of_project.items())
    ]


def _cost(row: "UsageDay | MonthSoFar") -> dict[str, object]:
    """In one of two columns."""
    amounts = (None, row.amount_micros) if row.is_simulated else (row.amount_micros, None)
    return dict(zip(("amount_micros", "simulated_micros"), amounts, strict=True))


def _tokens(row: "UsageDay | MonthSoFar") -> str | None:
    if not row.input_tokens and not row.output_tokens:
        return None
    return _in_and_out(row.input_tokens, row.output_tokens)


def _in_and_out(input_tokens: int, output_tokens: int) -> str:
    return f"{input_tokens:,} / {output_tokens:,}"
