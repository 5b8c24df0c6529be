"""`ledger rebuild`: the read models folded anew from the log, compared, and swapped in."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from cli import settings
from cli.cluster import quiet_kafka
from cli.command import examples, json_option
from cli.errors import Refused
from cli.progress import bar
from cli.reading import event_ends
from cli.show import print_json, print_rows

if TYPE_CHECKING:
    from eventlog.settings import KafkaSettings
    from projections.logged import Logged, Place

TABLES: Final = {
    "table": "Table",
    "live_count": "Live",
    "rebuilt_count": "Rebuilt",
    "only_live_count": "Only live",
    "only_rebuilt_count": "Only rebuilt",
}


@click.command("rebuild", epilog=examples("ledger rebuild", "ledger rebuild --swap"))
@click.option("--swap", is_flag=True, help="Then put the rebuilt tables in the live ones' place.")
@json_option
def rebuild(swap: bool, as_json: bool) -> None:
    """Fold the whole log into tables beside the live read models, and compare them row by row.

    Everybody goes on meanwhile; projectors wait for a moment twice. Connects as
    LEDGER_DATABASE_URL, the owner. Without --swap the rebuilt tables are dropped again, and exit
    code 1 says that the live ones are not what the log folds to.
    """
    from projections.rebuild import Rebuild

    configured = settings.load()
    kafka = quiet_kafka(configured)
    events = sum(event_ends(configured).values())

    def read(place: "Place", begin: int, end: int) -> "Iterator[Logged]":
        return _read(kafka, place, begin, end)

    with bar("folding the log", events) as told:
        rebuilding = Rebuild(configured.owner_url, read, told)
        rebuilding.catch_up()
        compared = rebuilding.compare()
    differing = [one.table for one in compared if not one.is_alike]
    if swap:
        rebuilding.swap()
    else:
        rebuilding.drop()
    if as_json:
        tables = [one._asdict() for one in compared]
        print_json({"is_alike": not differing, "is_swapped": swap, "tables": tables})
    else:
        print_rows(TABLES, [one._asdict() for one in compared])
        for one in compared:
            for difference in one.shown:
                side = "live" if difference.is_live else "rebuilt"
                click.echo(f"{difference.table}, only {side}: {difference.row}")
    if differing and not swap:
        raise Refused(
            f"What the log folds to differs in {', '.join(differing)}."
            " `ledger rebuild --swap` puts it in place."
        )
    if not as_json:
        done = "The rebuilt tables are the live ones now." if swap else "Every row is the same."
        click.echo(done)


def _read(kafka: "KafkaSettings", place: "Place", begin: int, end: int) -> "Iterator[Logged]":
    from eventlog.reader import read_to_end
    from eventlog.topics import WALLET_EVENTS
    from projections.logged import Logged
    from schemas.codec import wallet_events

    for record in read_to_end(kafka, WALLET_EVENTS.name, place.partition, begin):
        if record.offset() >= end:
            return
        yield Logged(record.offset(), wallet_events.decode(record.value() or b"")[0])
