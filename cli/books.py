"""The books: `journal`, every movement as a double entry, and `trial-balance`."""

from datetime import date, datetime
from itertools import groupby
from operator import attrgetter
from typing import Final

import click
from msgspec.structs import asdict

from cli.command import ID, examples, json_option, limit_option
from cli.errors import Refused
from cli.reading import read_models
from cli.show import print_json, print_rows, shown
from ledger.journal import CHART

JOURNAL: Final = {
    "recorded_at_ms": "Recorded (UTC)",
    "kind": "Movement",
    "account": "Account",
    "debit_micros": "Debit",
    "credit_micros": "Credit",
    "event_id": "Event",
}
BALANCES: Final = {
    "account": "Account",
    "kind": "Kind",
    "debit_micros": "Debit",
    "credit_micros": "Credit",
    "balance_micros": "Balance",
    "holds": "Holds",
}


@click.command("journal", epilog=examples("ledger journal acme", "ledger journal acme --limit 500"))
@click.argument("tenant", type=ID)
@limit_option
@json_option
def journal(tenant: str, limit: int, as_json: bool) -> None:
    """Show TENANT's movements as double entries, the newest first.

    Every entry's debits and credits are the same; what is simulated stands in no book.
    """
    from projections import accounts

    with read_models(tenant) as reading:
        found = accounts.page(reading.database, tenant, limit=limit)
    if as_json:
        print_json({"postings": [asdict(row) for row in found], "behind_records": reading.behind})
    elif found:
        rows: list[dict[str, object]] = []
        for _, of_entry in groupby(found, attrgetter("position")):
            for place, row in enumerate(of_entry):
                amount_micros = row.amount_micros
                sides = {
                    "debit_micros": amount_micros if amount_micros > 0 else None,
                    "credit_micros": -amount_micros if amount_micros < 0 else None,
                }
                # What an entry's lines share stands at the first.
                head = asdict(row) if place == 0 else dict.fromkeys(JOURNAL, " ")
                rows.append({**head, **sides, "account": row.account})
        print_rows(JOURNAL, rows)
    else:
        click.echo(f"Nothing has moved {tenant!r}'s money.")


@click.command(
    "trial-balance",
    epilog=examples("ledger trial-balance", "ledger trial-balance acme --to 2026-10"),
)
@click.argument("tenant", type=ID, required=False)
@click.option(
    "--to", "month", type=click.DateTime(["%Y-%m"]), metavar="MONTH",
    help="Up to the end of this month (UTC), by the time of recording.  [default: now]",
)  # fmt: skip
@json_option
def trial_balance(tenant: str | None, month: datetime | None, as_json: bool) -> None:
    """Show every account with its debits and credits, of TENANT or of all.

    Exit code 1 if they are not the same in all: the books would not balance.
    """
    from projections import accounts

    to_month = date.max if month is None else month.date()
    with read_models(tenant) as reading:
        found = accounts.trial_balance(reading.database, tenant, to_month)
    debits = sum(balance.debit_micros for balance in found)
    credit = sum(balance.credit_micros for balance in found)
    if as_json:
        print_json(
            {"accounts": [balance._asdict() for balance in found], "behind_records": reading.behind}
        )
    else:
        rows: list[dict[str, object]] = [
            {
                **balance._asdict(),
                "account": balance.account,
                "kind": shown("kind", CHART[balance.account][0]),
                "balance_micros": balance.debit_micros - balance.credit_micros,
                "holds": CHART[balance.account][1],
            }
            for balance in found
        ]
        total = {"account": "All", "debit_micros": debits, "credit_micros": credit}
        rows.append({**dict.fromkeys(BALANCES, " "), **total, "balance_micros": debits - credit})
        print_rows(BALANCES, rows)
    if debits != credit:
        raise Refused("The books do not balance: `ledger rebuild` would show where they differ.")
