"""`ledger up`: everything on this machine, until Ctrl-C."""

import sys
import time
from typing import Final

import click

from cli import settings
from cli.command import examples

WAIT_S: Final = 3_600.0


@click.command("up", epilog=examples("ledger up", "LEDGER_DATA=/srv/ledger ledger up"))
def up() -> None:
    """Run everything on this machine: Kafka, Postgres, the topics and tables, every service.

    Needs no Docker, Java or Postgres. Data stays in LEDGER_DATA from one run to the next. Other
    `ledger` commands of this user find the stack by themselves. Ctrl-C or SIGTERM stops it all.
    """
    from cli.stack import running, where_to_look
    from devstack.supervisor import stopped_by_signals

    configured = settings.load()
    with stopped_by_signals():
        try:
            with running(configured, configured.data, click.echo, sys.stdout) as started:
                click.echo("Everything runs. Ctrl-C stops it.")
                for line in where_to_look(started):
                    click.echo(f"  {line}")
                while True:
                    time.sleep(WAIT_S)
        except KeyboardInterrupt:
            click.echo("Stopped; the data stays.")
