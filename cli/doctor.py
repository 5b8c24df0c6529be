"""`ledger doctor`: what is wrong, and what to do about it."""

from typing import Final

import click

from cli import settings
from cli.command import examples, json_option
from cli.findings import Finding, State
from cli.show import print_json

COLOURS: Final = {State.OK: "green", State.NOTE: "yellow", State.FAILED: "red"}


@click.command("doctor", epilog=examples("ledger doctor", "ledger doctor --json"))
@json_option
def doctor(as_json: bool) -> None:
    """Check what the ledger needs, and say what is wrong and what to do.

    Looks at this machine and the schemas; at Kafka with its brokers, topics, copies and clock; at
    who owns the partitions, how far they are, and whether the group's offsets agree with the log;
    at Postgres with its roles, and whether the read models and rate cards fit the log. Changes
    nothing; exit code 1 if anything is wrong.
    """
    from cli.checks import diagnose

    found: list[Finding] = []
    for finding in diagnose(settings.load()):
        found.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        print_json({"checks": [finding._asdict() for finding in found]})
    if any(finding.state is State.FAILED for finding in found):
        raise click.exceptions.Exit(1)


def _show(finding: Finding) -> None:
    state = click.style(f"{finding.state:<7}", fg=COLOURS[finding.state])
    click.echo(f"{state} {finding.check:<12} {finding.found}")
    if finding.remedy:
        click.echo(f"{'':<20} → {finding.remedy}")
