"""`ledger intake`: whether a partition's usage is decided, or waits for who looks into it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from cli import settings
from cli.asking import Asking, asks
from cli.cluster import quiet_kafka
from cli.command import PARTITION, Group, examples, json_option
from cli.errors import Refused
from cli.show import print_json, print_rows
from ledger.commands import PauseIntake, ResumeIntake

if TYPE_CHECKING:
    from eventlog.settings import KafkaSettings

INTAKES: Final = {
    "partition": "Partition",
    "intake": "Intake",
    "waiting_count": "Usage waiting",
    "paused_at_ms": "Since (UTC)",
    "actor": "By",
    "reason": "Because",
}


@click.group("intake", cls=Group)
def intake() -> None:
    """Pause and resume the intake of usage of a partition, and list what is paused.

    While it is paused, no usage of its tenants is charged: it waits in Kafka. Holds, top-ups and
    all other commands go on. The pause is in the log: it outlives restarts, and holds until it is
    resumed.
    """


@intake.command("list", epilog=examples("ledger intake list", "ledger intake list --json"))
@json_option
def list_intakes(as_json: bool) -> None:
    """Show each partition's intake, who paused it and why, and how much usage waits to be decided.

    Taken from the log of record: it needs neither a processor nor Postgres.
    """
    configured = settings.load()
    rows = list(intakes(quiet_kafka(configured), configured.partitions))
    if as_json:
        print_json({"intakes": rows})
    else:
        print_rows(INTAKES, rows)


@intake.command(
    "pause", epilog=examples("ledger intake pause 3 --reason 'doubled call lengths, ticket 4720'")
)
@click.argument("partition", type=PARTITION)
@asks
def pause(asking: Asking, partition: int) -> None:
    """Decide no more usage of PARTITION, from now on, whoever serves it. A reason is needed.

    Its tenants' holds neither end nor expire while usage waits, and what it will cost is not taken
    off yet: tenants may begin more than they can pay. Keep it short.
    """
    _check(partition)
    command = PauseIntake(**asking.with_reason(""))
    done = f"Paused the intake of partition {partition}: its usage waits, its commands go on."
    asking.ask(command, done, partition=partition)


@intake.command("resume", epilog=examples("ledger intake resume 3 --reason 'mended, ticket 4720'"))
@click.argument("partition", type=PARTITION)
@asks
def resume(asking: Asking, partition: int) -> None:
    """Decide the usage of PARTITION again, what waited first. A reason is needed."""
    _check(partition)
    command = ResumeIntake(**asking.with_reason(""))
    done = f"Resumed the intake of partition {partition}; `ledger intake list` shows what waits."
    asking.ask(command, done, partition=partition)


def intakes(kafka: "KafkaSettings", partitions: int) -> Iterator[dict[str, Any]]:
    """Of each partition what the last footer says, and what its usage topics hold beyond it."""
    from cli.waiting import inputs_between
    from eventlog.admin import Admin
    from eventlog.reader import last_record
    from eventlog.topics import USAGE, WALLET_EVENTS
    from ledger.events import BatchCommitted
    from schemas.codec import wallet_events

    admin = Admin(kafka)
    places = [(kafka.topic(one.name), number) for one in USAGE for number in range(partitions)]
    starts, ends = admin.starts(places), admin.ends(places)
    for number in range(partitions):
        last = last_record(kafka, WALLET_EVENTS.name, number)
        footer = None if last is None else wallet_events.decode(last.value() or b"")[0]
        positions: dict[str, int] = {}
        paused = None
        if isinstance(footer, BatchCommitted):
            positions = {at.topic: at.next_offset for at in footer.positions}
            paused = footer.intake_pause
        waiting = 0
        for topic in USAGE:
            place = kafka.topic(topic.name), number
            start = positions.get(topic.name, starts[place])
            waiting += inputs_between(kafka, place, start, ends[place])
        yield {
            "partition": number,
            "intake": "open" if paused is None else "paused",
            "is_paused": paused is not None,
            "paused_at_ms": paused and paused.paused_at_ms,
            "actor": paused and paused.actor,
            "reason": paused and paused.reason,
            "event_id": paused and paused.event_id,
            "waiting_count": waiting,
        }


def _check(partition: int) -> None:
    """Whoever asks a partition that does not exist would wait for an answer."""
    partitions = settings.load().partitions
    if partition >= partitions:
        raise Refused(f"There is no partition {partition}: they are 0 to {partitions - 1}.")
