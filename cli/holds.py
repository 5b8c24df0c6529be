"""The commands about holds: what a platform asks before a call, by hand."""

from shlex import quote
from typing import TYPE_CHECKING, Final

import click
from msgspec.structs import asdict

from cli.asking import Asking, asks
from cli.command import ACTIVITY, DURATION, ID, TIER, Group, examples, json_option, limit_option
from cli.reading import Shown, read_models
from cli.show import shown, shown_time
from ledger.commands import AskToSpend, PlaceHold, Reply, VoidHold
from ledger.money import format_usd
from ledger.usage import Activity, Tier

if TYPE_CHECKING:
    from projections.holds import Hold

HOLDS: Final = {
    "hold_id": "Hold",
    "project_id": "Project",
    "tier": "Tier",
    "duration_cap_ms": "Cap",
    "became": "State",
    "amount_micros": "Amount",
    "expires_at_ms": "Expires (UTC)",
}


@click.group("hold", cls=Group)
def hold() -> None:
    """Ask whether a call, a chat or a crawl may begin; give holds back, list them.

    A hold sets aside the most a call can cost until its usage arrives, it is voided or it expires.
    """


@hold.command(
    "place",
    epilog=examples(
        "ledger hold place acme clinic",
        "ledger hold place acme clinic --tier premium --cap 10:00 --id call-4711",
    ),
)
@click.argument("tenant", type=ID)
@click.argument("project_id", metavar="PROJECT", type=ID)
@click.option(
    "--tier",
    type=TIER,
    default="standard",
    metavar="TIER",
    help="economy, standard or premium.",
    show_default=True,
)
@click.option(
    "--cap",
    "duration_cap_ms",
    type=DURATION,
    default="5:00",
    show_default=True,
    help="The longest the call may take.",
)
@asks
def place(asking: Asking, tenant: str, project_id: str, tier: Tier, duration_cap_ms: int) -> None:
    """Ask whether a call of PROJECT may start. The command's id becomes the hold's.

    A tenant or project that the ledger does not know begins in sandbox, where every call may start
    and nothing is held: the answer says so.
    """
    command = PlaceHold(
        **asking.named(tenant),
        project_id=project_id,
        tier=tier,
        duration_cap_ms=duration_cap_ms,
    )
    asking.ask(command, lambda reply: _allowed(reply, tenant, project_id), expires=True, facts=_new)


@hold.command(
    "ask",
    epilog=examples("ledger hold ask acme clinic chat", "ledger hold ask acme clinic crawl"),
)
@click.argument("tenant", type=ID)
@click.argument("project_id", metavar="PROJECT", type=ID)
@click.argument("activity", metavar="chat|crawl", type=ACTIVITY)
@asks
def ask(asking: Asking, tenant: str, project_id: str, activity: Activity) -> None:
    """Ask whether a chat or a crawl of PROJECT may begin; nothing is set aside for it.

    Allowed in sandbox, and where something is available and nothing is owed.
    """
    command = AskToSpend(**asking.named(tenant), project_id=project_id, activity=activity)
    said = f"Allowed: a {activity.lower()} of {project_id} may begin."
    asking.ask(command, said, expires=True, facts=_new)


@hold.command("void", epilog=examples("ledger hold void acme call-4711"))
@click.argument("tenant", type=ID)
@click.argument("hold_id", metavar="HOLD", type=ID)
@asks
def void(asking: Asking, tenant: str, hold_id: str) -> None:
    """Give HOLD back: its call never connected, or was aborted."""
    command = VoidHold(**asking.named(tenant), hold_id=hold_id)
    asking.ask(command, f"Voided hold {hold_id} of {tenant}.")


@hold.command("list", epilog=examples("ledger hold list acme", "ledger hold list acme --all"))
@click.argument("tenant", type=ID)
@click.option("--all", "everything", is_flag=True, help="Ended and refused ones too.")
@limit_option
@json_option
def list_holds(tenant: str, everything: bool, limit: int, as_json: bool) -> None:
    """Show TENANT's open holds, the newest first."""
    from projections import holds

    with read_models(tenant) as reading:
        ask = holds.page if everything else holds.open_page
        found = ask(reading.database, tenant, limit=limit)
    nothing = f"{tenant!r} has no {'holds' if everything else 'open holds'}."
    reading.tell("holds", found, Shown(HOLDS, _row), nothing, as_json=as_json)


def _row(hold: "Hold") -> dict[str, object]:
    state = shown("state", hold.state)
    became = f"{state}: {shown('refusal', hold.refusal)}" if hold.refusal else state
    return {**asdict(hold), "became": became}


def _new(reply: Reply) -> dict[str, bool]:
    """What an allowed hold was the first to name."""
    # It is opened first, by the same input: the number in the answer's event id counts that.
    before = 0 if reply.refusal else int(reply.event_id.rpartition(":")[2])
    return {"is_new_tenant": before > 1, "is_new_project": before > 0}


def _allowed(reply: Reply, tenant: str, project_id: str) -> str:
    new = _new(reply)
    if new["is_new_tenant"]:
        return (
            f"Allowed, nothing held: the tenant {tenant!r} is NEW, and begins here with its project"
            f" {project_id!r}, in sandbox. Mistyped? `ledger balance` lists the tenants."
        )
    if new["is_new_project"]:
        return (
            f"Allowed, nothing held: the project {project_id!r} of {tenant!r} is NEW, and begins"
            f" here, in sandbox. Mistyped? `ledger project list {quote(tenant)}` lists them."
        )
    if not reply.amount_micros or reply.expires_at_ms is None:
        return "Allowed, nothing held: in sandbox, or the call was charged already."
    until = shown_time(reply.expires_at_ms)
    return f"Allowed: {format_usd(reply.amount_micros)} held until {until} UTC."
