"""`ledger publish`: files of usage and commands into the topics, as the demo's."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from cli import settings
from cli.cluster import quiet_kafka
from cli.command import MOMENT, SOURCE_NAME, examples, json_option
from cli.errors import Stalled, Unavailable
from cli.show import print_json
from cli.translated import translated

if TYPE_CHECKING:
    from cli.workload import Phases
    from eventlog.settings import KafkaSettings

CHUNK: Final = 500
NOT_AWAITED: Final = "What becomes of them was not waited for; `ledger history TENANT` will tell."


class Published(NamedTuple):
    """What became of a phase."""

    phase: int
    records: int
    seconds: float


@click.command(
    "publish",
    epilog=examples(
        "ledger publish usage.calls.jsonl wallet.commands.jsonl",
        "ledger publish usage.calls.jsonl --start 2026-11-01",
    ),
)
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--start",
    "start_ms",
    type=MOMENT,
    default="now",
    show_default=True,
    metavar="MOMENT",
    help="What the times in the files count from (UTC).",
)
@click.option(
    "--source",
    type=SOURCE_NAME,
    default="ledger",
    show_default=True,
    metavar="NAME",
    help="Who publishes, in the header `source` of each record.",
)
@click.option("--wait/--no-wait", default=True, help="Wait until all is decided.  [default: wait]")
@json_option
def publish(files: tuple[Path, ...], start_ms: int, source: str, wait: bool, as_json: bool) -> None:
    """Publish files of usage and commands, and tell what became of the inputs in them.

    A file is named after its topic: `usage.calls.jsonl`, `wallet.commands.jsonl`. A line is a
    record: its value as JSON, its times in milliseconds from --start, its phase. A phase is
    published when the one before is decided.

    \b
    {"phase": 1, "value": {"command_id": "open-1", "tenant_id": "acme",
      "actor": "me", "body": {"OpenProject": {"project_id": "clinic"}}}}

    The same file with the same --start can be published again: nothing is applied twice. With
    another, its times are others, and so what has times is refused as a conflict.

    Exit code 0 once all is decided, though it be refused; 3 where that is not known.
    """
    from cli.outcomes import marked, outcomes
    from cli.workload import read

    configured = settings.load()
    kafka = quiet_kafka(configured)
    phases = read(list(files), start_ms)
    since = marked(kafka, configured.partitions)
    start = datetime.fromtimestamp(start_ms / 1000, UTC).isoformat(timespec="milliseconds")
    done: list[Published] = []

    def tell(*, all_decided: bool) -> None:
        # A phase that is waited for in vain was sent, too.
        sent = [record for _, records in phases[: len(done) + 1] for record in records]
        became = outcomes(kafka, since, sent, all_decided=all_decided) if wait else None
        if as_json:
            rows = [phase._asdict() for phase in done]
            print_json({"start_ms": start_ms, "phases": rows, "outcomes": became})
        else:
            click.echo("\n".join(became.sentences() if became else [NOT_AWAITED]))

    try:
        with translated():
            for phase in publish_phases(
                kafka, configured.partitions, phases, wait=wait, source=source
            ):
                done.append(phase)
                if not as_json:
                    click.echo(described(phase, wait=wait))
    except Unavailable as error:
        if isinstance(error, Stalled):
            tell(all_decided=False)
        again = f"To go on, publish the same files with --start {start}: nothing is applied twice."
        raise Unavailable(f"{error.message}\n{again}") from error
    tell(all_decided=True)
    if not as_json:
        click.echo(f"To publish the same again, add --start {start}")


def publish_phases(
    kafka: "KafkaSettings", partitions: int, phases: "Phases", *, wait: bool, source: str
) -> Iterator[Published]:
    """Publish phase by phase; with `wait`, each is decided before the next is sent.

    `source` goes with each record, so that what is set aside can be told by who published it.
    """
    from cli.progress import bar
    from cli.waiting import wait_until_decided
    from eventlog.producer import Publisher
    from eventlog.records import SOURCE

    publisher = Publisher(kafka)
    named = (SOURCE, source.encode())
    for phase, unnamed in phases:
        records = [one._replace(headers=[*(one.headers or []), named]) for one in unnamed]
        began_s = time.monotonic()
        with bar(f"publishing phase {phase}", len(records)) as advance:
            for at in range(0, len(records), CHUNK):
                publisher.publish(records[at : at + CHUNK])
                advance(at + CHUNK)
        if wait:
            wait_until_decided(kafka, partitions)
        yield Published(phase, len(records), time.monotonic() - began_s)


def described(done: Published, *, wait: bool) -> str:
    """One line for people."""
    decided = " and decided" if wait else ""
    records = f"{done.records:,} record{'' if done.records == 1 else 's'}"
    return f"Phase {done.phase}: {records} published{decided} in {done.seconds:.1f} s"
