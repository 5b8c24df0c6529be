"""The commands about schemas: what is on the topics, field by field."""

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final, cast

import click

from cli import settings
from cli.command import Group, examples, json_option
from cli.errors import Refused
from cli.show import print_json, print_rows

SCHEMAS: Final = {"topic": "Topic", "version": "Version", "schema_id": "Id", "sha256": "SHA-256"}
DRIFT: Final = {
    "subject": "Subject",
    "version": "Version",
    "what": "What",
    "expected": "Must be",
    "found": "Is",
}
FIELDS: Final = {"field": "Field", "type": "Type", "text": "What it is"}


@click.group("schemas", cls=Group)
def schemas() -> None:
    """Show the schemas of the topics, check them, and give them to a registry."""


@schemas.command("list", epilog=examples("ledger schemas list"))
@json_option
def list_schemas(as_json: bool) -> None:
    """List every schema version, with the id that values begin with."""
    from schemas.catalogue import catalogue

    rows = [
        {
            "topic": schema.topic,
            "version": schema.version,
            "schema_id": schema.schema_id,
            "sha256": schema.sha256,
        }
        for schema in catalogue()
    ]
    if as_json:
        print_json({"schemas": rows})
    else:
        print_rows(SCHEMAS, rows)


@schemas.command(
    "check",
    epilog=examples(
        "ledger schemas check",
        "LEDGER_REGISTRY_URL=https://example.com ledger schemas check",
    ),
)
@json_option
def check(as_json: bool) -> None:
    """Check that every version may follow each earlier one, and the registry, if one is set.

    Usage must be readable both ways, everything else by newer readers. The registry of
    LEDGER_REGISTRY_URL must hold every version under its fixed id, and each subject's rule, and
    must not be left in import mode. Exit code 1 where anything is otherwise.
    """
    from cli.registry import differences
    from schemas.catalogue import catalogue
    from schemas.compatibility import check_evolution

    found = check_evolution(catalogue())
    registry = differences(settings.load())
    drift = [one._asdict() for one in registry or []]
    if as_json:
        print_json({"problems": found, "registry": None if registry is None else drift})
    elif drift:
        print_rows(DRIFT, drift)
    else:
        if not found:
            click.echo("Every schema version may follow the earlier ones.")
        if registry is not None:
            click.echo("The registry holds every one of them, under its id.")
    if found:
        raise Refused("\n".join(found))
    if drift:
        raise Refused(
            "The registry is not as it must be. What is missing, the rules, and the mode, `ledger"
            " schemas publish` mends; another id or schema, only whoever runs the registry."
        )


@schemas.command(
    "publish",
    epilog=examples(
        "LEDGER_REGISTRY_URL=https://example.com ledger schemas publish",
        "LEDGER_REGISTRY_URL=http://127.0.0.1:8080/apis/ccompat/v7 ledger schemas publish",
    ),
)
@json_option
def publish(as_json: bool) -> None:
    """Give the registry what it lacks of our schemas, under their fixed ids, and each rule.

    Values on the topics begin with these ids, so they are imported, not registered. Where the
    registry has another schema or another id in their place, nothing is done: exit code 1.
    """
    from cli.registry import published

    made = published(settings.load())
    if as_json:
        rows = [
            {"subject": one.subject, "version": one.version, "schema_id": one.schema_id}
            for one in made
        ]
        return print_json({"published": rows})
    for one in made:
        click.echo(f"Published {one.subject} version {one.version} as id {one.schema_id}")
    if not made:
        click.echo("The registry holds every schema already.")
    return None


@schemas.command(
    "show", epilog=examples("ledger schemas show usage.calls", "ledger schemas show 1001 --json")
)
@click.argument("wanted", metavar="TOPIC|ID")
@json_option
def show(wanted: str, as_json: bool) -> None:
    """Show the newest schema of a topic, or the one of an id, field by field.

    With --json it is the Avro schema itself.
    """
    from schemas.catalogue import catalogue

    found = [s for s in catalogue() if wanted in (s.topic, str(s.schema_id))]
    if not found:
        raise click.BadParameter(f"{wanted!r} is neither a topic nor an id of `schemas list`.")
    schema = found[-1]
    if as_json:
        print_json(schema.parsed)
        return
    click.echo(f"{schema.topic}, version {schema.version}, id {schema.schema_id}\n")
    for record in _records(schema.parsed):
        click.echo(f"{record['name']}: {record.get('doc', '')}")
        rows = [
            {"field": part["name"], "type": _type_name(part["type"]), "text": part.get("doc", "")}
            for part in record["fields"]
        ]
        if rows:
            print_rows(FIELDS, rows)
        click.echo()


def _records(node: Any) -> Iterator[dict[str, Any]]:
    """Every record in a schema, the outer before the inner."""
    match node:
        case list():
            yield from chain.from_iterable(map(_records, cast("list[Any]", node)))
        case {"type": "record"}:
            record = cast("dict[str, Any]", node)
            yield record
            yield from _records([part["type"] for part in record["fields"]])
        case {"type": "array", "items": items}:
            yield from _records(items)
        case _:
            pass


def _type_name(node: Any) -> str:
    match node:
        case str():
            return node
        case ["null", other]:
            return f"{_type_name(other)}, or null"
        case [*branches]:
            return " | ".join(_type_name(branch) for branch in branches)
        case {"logicalType": str(logical)}:
            return logical
        case {"type": "array", "items": items}:
            return f"array of {_type_name(items)}"
        case {"type": "enum", "symbols": symbols}:
            return " | ".join(symbols)
        case {"name": name}:
            return name
        case _:
            return json.dumps(node)
