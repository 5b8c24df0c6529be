"""`ledger demo`: everything on an empty folder, a recorded workload, and what came of it."""

import os
import shutil
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from cli import settings
from cli.command import examples, json_option, now_ms
from cli.errors import Refused
from cli.show import print_json, print_rows

if TYPE_CHECKING:
    from cli.stack import Running

INTERRUPTED: Final = 130


@click.command(
    "demo", epilog=examples("ledger demo", "ledger demo --keep", "ledger demo --data ./demo")
)
@click.option("--keep", is_flag=True, help="Stay up afterwards, until Ctrl-C.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="An empty folder to work in, kept afterwards.  [default: a new one, removed at the end]",
)
@json_option
def demo(keep: bool, data: Path | None, as_json: bool) -> None:
    """Show all of the ledger on this machine, with a recorded workload, in half a minute.

    Starts Kafka, Postgres and every service, each a process of its own; publishes commands and
    2,400 calls of eight tenants; waits until all is decided and in the read models; verifies the
    log; prints what happened, and stops everything.
    """
    from devstack.supervisor import stopped_by_signals

    narrator = _Narrator()
    with stopped_by_signals(), _folder(data) as folder:
        try:
            _show(folder, narrator, keep=keep, as_json=as_json)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None
    narrator.say("everything is stopped")


class _Narrator:
    """Tells on stderr what happens, and since when."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()

    def say(self, text: str) -> None:
        click.echo(f"{time.monotonic() - self._began_s:5.1f} s  {text}", err=True)


@contextmanager
def _folder(data: Path | None) -> Generator[Path]:
    """The folder that was named, which must be empty, or a new one, removed if all went well."""
    if data is not None:
        if data.exists() and any(data.iterdir()):
            raise Refused(f"{data} is not empty: name a folder that is, or one that is not there.")
        yield data.absolute()
        return
    folder = Path(tempfile.mkdtemp(prefix="ledger-demo-"))
    try:
        yield folder
    except (KeyboardInterrupt, click.exceptions.Exit):
        shutil.rmtree(folder)
        raise
    except BaseException:
        click.echo(f"What was written stays in {folder}, logs in {folder / 'logs'}.", err=True)
        raise
    shutil.rmtree(folder)


def _show(folder: Path, narrator: _Narrator, *, keep: bool, as_json: bool) -> None:
    from cli.stack import running, where_to_look

    with (
        Path(os.devnull).open("w", encoding="utf-8") as silence,
        running(settings.load(), folder, narrator.say, silence) as started,
    ):
        _publish(started, narrator)
        holds = _tell(started, as_json=as_json)
        if keep:
            click.echo("\nEverything still runs; Ctrl-C stops it. Where to look:", err=True)
            for line in where_to_look(started):
                click.echo(f"  {line}", err=True)
            with suppress(KeyboardInterrupt):
                started.stay()
        elif not as_json:
            click.echo(
                "\nTo look around: `make demo KEEP=1`, or `.venv/bin/ledger up` for what stays."
            )
    if not holds:
        raise Refused("The log does not hold; see above.")


def _publish(started: "Running", narrator: _Narrator) -> None:
    from cli.cluster import quiet_kafka
    from cli.publish import described, publish_phases
    from cli.waiting import wait_until_projected
    from cli.workload import read
    from devstack.traffic import DEMO

    configured = started.settings
    phases = read(sorted(DEMO.glob("*.jsonl")), now_ms())
    narrator.say(f"publishing {sum(len(records) for _, records in phases):,} recorded inputs")
    kafka = quiet_kafka(configured)
    for phase in publish_phases(kafka, configured.partitions, phases, wait=True, source="demo"):
        narrator.say(described(phase, wait=True))
    wait_until_projected(configured)
    narrator.say("the read models hold all of it")


def _tell(started: "Running", *, as_json: bool) -> bool:
    """Print what happened; whether the log holds."""
    from cli.cluster import quiet_kafka
    from cli.summary import TENANTS, log_figures, tenant_figures, totals
    from cli.verify import summary, verified
    from projections.database import connected

    configured = started.settings
    kafka = quiet_kafka(configured)
    with connected(configured.operator_url) as database:
        tenants = tenant_figures(database)
    figures = log_figures(kafka, configured.partitions)
    report = verified(kafka, configured.partitions)
    if as_json:
        print_json(
            {
                "tenants": tenants,
                "log": figures,
                "verified": {"holds": report.holds} | msgspec.structs.asdict(report),
            }
        )
        return report.holds
    click.echo()
    print_rows(TENANTS, [tenant.row() for tenant in tenants])
    click.echo()
    click.echo(totals(tenants))
    for sentence in figures.sentences():
        click.echo(sentence)
    repeats = sum(part.repeats for part in report.partitions.values())
    click.echo(f"{repeats:,} repeats, answered again and applied once")
    click.echo(summary(report))
    return report.holds
