"""What a tenant wants to be told of, and may not pass: `budget`, `low-balance`, `notices`."""

from typing import TYPE_CHECKING, Final

import click
from msgspec.structs import asdict

from cli.asking import Asking, asks
from cli.command import DOLLARS, ID, Group, examples, json_option, limit_option
from cli.reading import Shown, read_models
from ledger.commands import SetBudget, SetLowBalanceLine
from ledger.money import format_usd

if TYPE_CHECKING:
    from projections.budgets import Budget
    from projections.notices import Notice

BUDGETS: Final = {
    "of": "Budget of",
    "limit_micros": "Limit a month",
    "is_refusing": "Refuses",
    "told": "Told",
    "told_at_ms": "At (UTC)",
}
NOTICES: Final = {
    "recorded_at_ms": "Told (UTC)",
    "kind": "Notice",
    "of": "Of",
    "percent": "Percent",
    "limit_micros": "Line",
    "reached_micros": "Reached",
}
ALL: Final = "all projects"

project_option: Final = click.option(
    "--project", "project_id", type=ID, help="Of this project alone.  [default: of all together]"
)


@click.group("budget", cls=Group)
def budget() -> None:
    """Limit what is charged in a month (UTC), by project or in all.

    50, 80 and 100% are noticed once a month each; a budget that refuses also refuses the holds that
    would pass it. Usage that happened is always charged.
    """


@budget.command(
    "set",
    epilog=examples(
        "ledger budget set acme 500", "ledger budget set acme 50 --project clinic --refuse"
    ),
)
@click.argument("tenant", type=ID)
@click.argument("limit_micros", metavar="AMOUNT", type=DOLLARS)
@project_option
@click.option("--refuse/--notice", "is_refusing", default=False, help="Refuse holds that pass it.")
@asks
def set_budget(
    asking: Asking, tenant: str, limit_micros: int, project_id: str | None, is_refusing: bool
) -> None:
    """Limit TENANT's live charges of a month to AMOUNT dollars, before tax."""
    command = SetBudget(
        **asking.named(tenant),
        project_id=project_id,
        limit_micros=limit_micros,
        is_refusing=is_refusing,
    )
    does = "holds that pass it are refused" if is_refusing else "its lines are noticed"
    of = project_id or ALL
    asking.ask(command, f"{tenant}: {format_usd(limit_micros)} a month for {of}; {does}.")


@budget.command("remove", epilog=examples("ledger budget remove acme --project clinic"))
@click.argument("tenant", type=ID)
@project_option
@asks
def remove_budget(asking: Asking, tenant: str, project_id: str | None) -> None:
    """Take a budget of TENANT off."""
    command = SetBudget(
        **asking.named(tenant), project_id=project_id, limit_micros=None, is_refusing=False
    )
    asking.ask(command, f"{tenant}: no budget for {project_id or ALL} any more.")


@budget.command("list", epilog=examples("ledger budget list acme"))
@click.argument("tenant", type=ID)
@json_option
def list_budgets(tenant: str, as_json: bool) -> None:
    """Show TENANT's budgets, and the highest line of each that was told of."""
    from projections import budgets

    with read_models(tenant) as reading:
        found = budgets.of_tenant(reading.database, tenant)
    shown = Shown(BUDGETS, _budget_row)
    reading.tell("budgets", found, shown, f"{tenant!r} has no budget.", as_json=as_json)


@click.command(
    "low-balance",
    epilog=examples("ledger low-balance acme 20", "ledger low-balance acme --off"),
)
@click.argument("tenant", type=ID)
@click.argument("line_micros", metavar="[AMOUNT]", type=DOLLARS, required=False)
@click.option("--off", is_flag=True, help="No notice any more.")
@asks
def low_balance(asking: Asking, tenant: str, line_micros: int | None, off: bool) -> None:
    """Notice when TENANT's balance less arrears falls under AMOUNT dollars, each time it does."""
    if off is (line_micros is not None):
        raise click.UsageError("Give an AMOUNT, or --off.")
    command = SetLowBalanceLine(**asking.named(tenant), line_micros=line_micros)
    done = "no notice of a low balance any more"
    if line_micros is not None:
        done = f"a balance under {format_usd(line_micros)} is noticed"
    asking.ask(command, f"{tenant}: {done}.")


@click.command("notices", epilog=examples("ledger notices acme", "ledger notices acme --json"))
@click.argument("tenant", type=ID)
@limit_option
@json_option
def notices(tenant: str, limit: int, as_json: bool) -> None:
    """Show what TENANT was told of, the newest first: lines of budgets, and a low balance."""
    from projections import notices as model

    with read_models(tenant) as reading:
        found = model.page(reading.database, tenant, limit=limit)
    nothing = f"{tenant!r} was told of nothing yet."
    reading.tell("notices", found, Shown(NOTICES, _notice_row), nothing, as_json=as_json)


def _notice_row(notice: "Notice") -> dict[str, object]:
    of_all = ALL if notice.percent is not None else None
    return {**asdict(notice), "of": notice.project_id or of_all}


def _budget_row(budget: "Budget") -> dict[str, object]:
    told = f"{budget.told_percent}%" if budget.told_percent else None
    return {**asdict(budget), "of": budget.project_id or ALL, "told": told}
