"""The commands about schemas: what is on the topics, field by field."""

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final, cast

import click

from cli.command import Group, examples, json_option
from cli.errors import Refused
from cli.show import print_json, print_rows

SCHEMAS: Final = {"topic": "Topic", "version": "Version", "schema_id": "Id", "sha256": "SHA-256"}
FIELDS: Final = {"field": "Field", "type": "Type", "text": "What it is"}


@click.group("schemas", cls=Group)
def schemas() -> None:
    """Show the schemas of the topics, and check that new versions fit the old ones."""


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


@schemas.command("check", epilog=examples("ledger schemas check"))
@json_option
def check(as_json: bool) -> None:
    """Check that every version may follow each earlier one; exit code 1 if one may not.

    Usage must be readable both ways, everything else by newer readers.
    """
    from schemas.catalogue import catalogue
    from schemas.compatibility import check_evolution

    found = check_evolution(catalogue())
    if as_json:
        print_json({"problems": found})
    elif not found:
        click.echo("Every schema version may follow the earlier ones.")
    if found:
        raise Refused("\n".join(found))


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
