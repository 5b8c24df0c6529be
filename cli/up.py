"""`ledger up`: everything on this machine, until Ctrl-C."""

import sys
from typing import Final

import click

from cli import settings
from cli.command import examples

BROKERS: Final = ("1", "3")


@click.command(
    "up",
    epilog=examples(
        "ledger up",
        "LEDGER_DATA=/srv/ledger ledger up",
        "LEDGER_DATA=./three ledger up --brokers 3",
    ),
)
@click.option(
    "--brokers",
    type=click.Choice(BROKERS),
    help="How many Kafka brokers; three keep three copies, and any one may end.  [default: as many"
    " as the data folder has, and 1 in a new one]",
)
def up(brokers: str | None) -> None:
    """Run everything on this machine: Kafka, Postgres, the topics and tables, every service.

    Needs no Docker, Java or Postgres. Data stays in LEDGER_DATA from one run to the next (`ledger
    doctor` says where that is). Other `ledger` commands of this user find the stack by themselves.
    Ctrl-C or SIGTERM stops it all; so does the end of Kafka or Postgres, with exit code 1. One of
    three brokers may end, or be killed: the others go on, and it is started again.
    """
    from cli.stack import running, where_to_look
    from devstack.supervisor import stopped_by_signals

    configured = settings.load()
    with stopped_by_signals():
        try:
            count = int(brokers) if brokers else None
            with running(configured, configured.data, click.echo, sys.stdout, count) as started:
                click.echo("Everything runs. Ctrl-C stops it.")
                for line in where_to_look(started):
                    click.echo(f"  {line}")
                started.stay()
        except KeyboardInterrupt:
            click.echo("Stopped; the data stays.")
