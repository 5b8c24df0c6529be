"""Writes `docs/reference/topics.md`, the topics field by field, from the schemas themselves."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, cast

from schemas.catalogue import Schema, catalogue
from schemas.layout import Node

PAGE: Final = Path(__file__).parent.parent / "docs" / "reference" / "topics.md"
COMMAND: Final = "python -m schemas.reference"

OPENING: Final = f"""\
# Topics, field by field

Made from the schemas by `{COMMAND}`; do not edit.

Every value is in the wire format of the schema registries: a zero byte, the schema's id as four
bytes (big-endian), the Avro payload. The ids are fixed; a published schema is never edited, a
change is a new version with an id of its own. A field marked *optional* may be null, and is if it
is not given. Amounts are whole micro-dollars (1 USD = 1,000,000), times are UTC milliseconds.
"""


def topics_page(schemas: Sequence[Schema]) -> str:
    """The page about the newest version of each topic's schema, older versions by their ids."""
    newest = {schema.topic: schema for schema in schemas}
    parts = [OPENING]
    for topic, schema in newest.items():
        parts += _topic(schema, [one for one in schemas if one.topic == topic])
    return "\n".join(parts)


def _topic(schema: Schema, versions: Sequence[Schema]) -> Iterator[str]:
    parsed = schema.parsed
    ids = ", ".join(f"version {one.version}: {one.schema_id}" for one in versions)
    yield f"## `{schema.topic}`\n\n{parsed['doc']} Schema ids: {ids}.\n"
    yield _table(parsed)
    for kind in _documented(parsed):
        if kind is not parsed:
            yield f"### `{kind['name']}`\n\n{kind['doc']}{_symbols(kind)}\n"
            if kind.get("fields"):
                yield _table(kind)


def _table(record: Node) -> str:
    rows = [
        f"| `{field['name']}` | {_kind(field['type'])} | {_meaning(field)} |"
        for field in record["fields"]
    ]
    return "\n".join(["| field | type | meaning |", "|---|---|---|", *rows, ""])


def _meaning(field: Node) -> str:
    """The field's doc, and its default if that tells something."""
    default = field.get("default")
    told = "" if default is None else f" Default: {str(default).lower() or 'empty'}."
    return f"{field['doc']}{told}"


def _symbols(kind: Node) -> str:
    """The words that an enum can say."""
    words = ", ".join(f"`{symbol}`" for symbol in kind.get("symbols", ()))
    return f" One of {words}." if words else ""


def _kind(node: Node) -> str:
    """A type as people call it."""
    if isinstance(node, str):
        return node if node.islower() else f"`{node}`"
    if isinstance(node, list):
        return _union(cast("list[Node]", node))
    match node["type"]:
        case "array":
            return f"list of {_kind(node['items'])}"
        case "fixed":
            return f"`{node['name']}` ({node['size']} bytes)"
        case "record" | "enum":
            return f"`{node['name']}`"
        case _:
            return "time" if node.get("logicalType") == "timestamp-millis" else _kind(node["type"])


def _union(branches: Sequence[Node]) -> str:
    kinds = [_kind(branch) for branch in branches if branch != "null"]
    if len(kinds) > 1:
        return "one of those below"
    return f"{kinds[0]}{', *optional*' if 'null' in branches else ''}"


def _documented(schema: Node) -> Iterator[dict[str, Any]]:
    """Every record and enum that a schema defines, in its order."""
    return (found for found in _objects(schema) if found.get("type") in ("record", "enum"))


def _objects(node: Node) -> Iterator[dict[str, Any]]:
    """The node and all within it that are JSON objects."""
    if isinstance(node, dict):
        found = cast("dict[str, Any]", node)
        yield found
        for value in found.values():
            yield from _objects(value)
    elif isinstance(node, list):
        for item in cast("list[Node]", node):
            yield from _objects(item)


if __name__ == "__main__":
    PAGE.write_text(topics_page(catalogue()), encoding="utf-8")
