"""The commands about topics: make them, tell how they differ from what they must be, list them."""

from typing import Final

import click

from cli import settings
from cli.cluster import quiet_kafka
from cli.command import Group, examples, json_option
from cli.errors import Refused
from cli.show import print_json, print_rows

DRIFT: Final = {
    "topic": "Topic",
    "setting": "Setting",
    "expected": "Must be",
    "found": "Is",
}
TOPICS: Final = {
    "topic": "Topic",
    "partitions": "Partitions",
    "kept": "Kept",
    "offsets_count": "Offsets",
}


@click.group("topics", cls=Group)
def topics() -> None:
    """Make the topics and check their settings; services refuse to run on others."""


@topics.command("create", epilog=examples("ledger topics create"))
@json_option
def create(as_json: bool) -> None:
    """Make the topics that are missing; those that exist are left as they are."""
    from eventlog import topics

    configured = settings.load()
    kafka = quiet_kafka(configured)
    made = topics.create(kafka, configured.partitions, configured.replication)
    if as_json:
        return print_json({"created": made})
    for name in made:
        click.echo(f"Created {name}")
    if not made:
        click.echo("Every topic exists already; `ledger topics check` compares their settings.")
    return None


@topics.command("check", epilog=examples("ledger topics check"))
@json_option
def check(as_json: bool) -> None:
    """Compare the topics' settings with what they must be; exit code 1 where they differ."""
    from eventlog import topics

    configured = settings.load()
    kafka = quiet_kafka(configured)
    drift = topics.check(kafka, configured.partitions, configured.replication)
    if as_json:
        print_json({"drift": [found._asdict() for found in drift]})
    elif drift:
        print_rows(DRIFT, [found._asdict() for found in drift])
    else:
        click.echo("Every topic is as it must be.")
    if drift:
        raise Refused(
            "Make missing topics with `ledger topics create`; change settings with kafka-configs."
            " A number of partitions cannot be changed: set LEDGER_PARTITIONS to what was made."
        )


@topics.command("list", epilog=examples("ledger topics list", "ledger topics list --json"))
@json_option
def list_topics(as_json: bool) -> None:
    """List the topics: partitions, how long records are kept, and how many offsets they hold."""
    from eventlog.admin import Admin
    from eventlog.topics import TOPICS as DEFINED
    from eventlog.topics import partition_count

    kafka = quiet_kafka(settings.load())
    admin = Admin(kafka)
    rows: list[dict[str, object]] = []
    for topic in DEFINED:
        name, count = kafka.topic(topic.name), partition_count(kafka, topic.name)
        places = [(name, number) for number in range(count)]
        held = sum(admin.committed_ends(places).values()) - sum(admin.starts(places).values())
        rows.append(
            {
                "topic": name,
                "partitions": count,
                "kept": _kept(topic.retention_ms),
                "retention_ms": topic.retention_ms,
                "offsets_count": held,
            }
        )
    if as_json:
        print_json({"topics": rows})
    else:
        print_rows(TOPICS, rows)


def _kept(retention_ms: int) -> str:
    hours = retention_ms // 3_600_000
    if retention_ms < 0:
        return "for ever"
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"
