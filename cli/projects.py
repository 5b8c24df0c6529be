"""The commands about projects: opened in sandbox or live, and switched between the two."""

from typing import Final

import click

from cli.asking import Asking, asks
from cli.command import ID, MOMENT, Group, examples, json_option
from cli.reading import Shown, read_models
from cli.show import shown_time
from ledger.commands import GoLive, OpenProject, ReturnToSandbox

PROJECTS: Final = {
    "project_id": "Project",
    "mode": "Mode",
    "mode_from_ms": "Since (UTC)",
    "opened_at_ms": "Opened (UTC)",
    "seen_in_passing": "Seen in passing",
}


@click.group("project", cls=Group)
def project() -> None:
    """Open projects, and switch them between sandbox and live.

    In sandbox charges are computed and shown, and move no money.
    """


@project.command(
    "open",
    epilog=examples(
        "ledger project open acme clinic",
        "ledger project open acme clinic --live-from 2026-11-01 --reason 'moved from before'",
    ),
)
@click.argument("tenant", type=ID)
@click.argument("project_id", metavar="PROJECT", type=ID)
@click.option(
    "--live-from",
    "live_from_ms",
    type=MOMENT,
    help="Live from this moment, now or earlier (UTC), instead of in sandbox.",
)
@asks
def open_project(asking: Asking, tenant: str, project_id: str, live_from_ms: int | None) -> None:
    """Open PROJECT of TENANT, in sandbox; a new tenant begins with its first one.

    A project without usage may be live from an earlier moment instead; that needs a reason.
    """
    named = asking.named(tenant) if live_from_ms is None else asking.with_reason(tenant)
    command = OpenProject(**named, project_id=project_id, live_from_ms=live_from_ms)
    mode = "in sandbox" if live_from_ms is None else f"live from {shown_time(live_from_ms)} UTC"
    asking.ask(command, f"Opened {project_id} of {tenant}, {mode}.")


@project.command("live", epilog=examples("ledger project live acme clinic"))
@click.argument("tenant", type=ID)
@click.argument("project_id", metavar="PROJECT", type=ID)
@asks
def live(asking: Asking, tenant: str, project_id: str) -> None:
    """End the sandbox of PROJECT: what begins from now on moves money."""
    command = GoLive(**asking.named(tenant), project_id=project_id)
    asking.ask(command, f"{project_id} of {tenant} is live; what began before stays simulated.")


@project.command(
    "sandbox", epilog=examples("ledger project sandbox acme clinic --reason 'asked by the tenant'")
)
@click.argument("tenant", type=ID)
@click.argument("project_id", metavar="PROJECT", type=ID)
@asks
def sandbox(asking: Asking, tenant: str, project_id: str) -> None:
    """Put PROJECT back into sandbox: what begins from now on is simulated. A reason is needed."""
    command = ReturnToSandbox(**asking.with_reason(tenant), project_id=project_id)
    asking.ask(command, f"{project_id} of {tenant} is in sandbox; what began before stays live.")


@project.command(
    "list", epilog=examples("ledger project list acme", "ledger project list acme --json")
)
@click.argument("tenant", type=ID)
@json_option
def list_projects(tenant: str, as_json: bool) -> None:
    """Show TENANT's projects and their modes.

    One seen in passing was opened by nobody: it came with usage or a hold.
    """
    from projections import projects

    with read_models(tenant) as reading:
        found = projects.of_tenant(reading.database, tenant)
    nothing = f"{tenant!r} has no project."
    reading.tell("projects", found, Shown(PROJECTS), nothing, as_json=as_json)
