"""Whether schemas may follow one another: every new version is held against every earlier one.

Avro's rules of resolution decide what a reader makes of a writer's bytes. Beyond them a number may
not change its meaning (its logical type, scale or unit), which no reader would notice, and may not
become inexact. Usage is read both ways, as upstream and the ledger are upgraded in either order;
everything else is read by newer readers.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations, groupby
from typing import Any, Final, cast

from schemas.catalogue import Schema
from schemas.layout import Node

_UPSTREAMS: Final = "usage."
WIDENED_TO: Final = {"int": "long", "string": "bytes", "bytes": "string"}
MEANING: Final = ("logicalType", "precision", "scale")
NAMED: Final = ("record", "enum", "fixed")

Shape = dict[str, Any]
"""A part of a schema with every name replaced by what it stands for; `type` is its kind."""


def is_read_both_ways(topic: str) -> bool:
    """Whether an older reader must be able to read a newer version of the topic's values too."""
    return topic.startswith(_UPSTREAMS)


def check_evolution(schemas: Sequence[Schema]) -> list[str]:
    """What stands against having these versions side by side, in sentences; none is well."""
    ordered = sorted(schemas, key=lambda schema: (schema.topic, schema.version))
    found = [*_ids_used_twice(ordered), *_versions_left_out(ordered)]
    for topic, group in groupby(ordered, key=lambda schema: schema.topic):
        for old, new in combinations(group, 2):
            found += _unread(new, old)
            if is_read_both_ways(topic):
                found += _unread(old, new)
    return found


def problems(reader: Node, writer: Node) -> list[str]:
    """Why a reader with one parsed schema cannot take every value of the other; none if it can."""
    return list(_between(_shape(reader, {}), _shape(writer, {}), ""))


def _unread(reader: Schema, writer: Schema) -> Iterator[str]:
    for problem in problems(reader.parsed, writer.parsed):
        yield f"{reader.topic} {reader.version} cannot read version {writer.version}: {problem}"


def _ids_used_twice(schemas: Sequence[Schema]) -> Iterator[str]:
    holders: dict[int, Schema] = {}
    for schema in schemas:
        holder = holders.setdefault(schema.schema_id, schema)
        if holder is not schema:
            yield (
                f"{schema.topic} {schema.version} has id {schema.schema_id}, which is"
                f" {holder.topic} {holder.version}'s; an id is never used twice"
            )


def _versions_left_out(ordered: Sequence[Schema]) -> Iterator[str]:
    for topic, group in groupby(ordered, key=lambda schema: schema.topic):
        versions = [schema.version for schema in group]
        if versions != list(range(1, len(versions) + 1)):
            yield f"{topic} has versions {versions}; they count from 1 without gap or repeat"


# ── Names resolved ──


def _shape(node: Node, named: dict[str, Shape]) -> Shape:
    """The node with the definitions of its names in place; a type in itself stays a name."""
    if isinstance(node, str):
        return named.get(_last(node), {"type": node})
    if isinstance(node, list):
        branches = cast("list[Node]", node)
        return {"type": "union", "branches": [_shape(branch, named) for branch in branches]}
    kind = node["type"]
    if not isinstance(kind, str):
        return _shape(kind, named)
    if kind in NAMED:
        return _named_shape(node, named)
    inner = {key: _shape(node[key], named) for key in ("items", "values") if key in node}
    return {**named.get(_last(kind), {}), **node, **inner}


def _named_shape(node: Node, named: dict[str, Shape]) -> Shape:
    name = _last(node["name"])
    shape: Shape = {**node, "name": name}
    named[name] = {"type": "itself", "name": name}
    if node["type"] == "record":
        shape["fields"] = [
            {**field, "type": _shape(field["type"], named)} for field in node["fields"]
        ]
    named[name] = shape
    return shape


def _last(name: str) -> str:
    """A name without its namespace: all of ours are in one."""
    return name.rpartition(".")[2]


# ── Reader against writer ──


def _between(reader: Shape, writer: Shape, at: str) -> Iterator[str]:
    if writer["type"] == "union":
        for branch in writer["branches"]:
            yield from _between(reader, branch, at)
    elif reader["type"] == "union":
        yield from _into_union(reader, writer, at)
    elif _meaning(reader) != _meaning(writer):
        yield f"{_place(at)} was {_meaning(writer)} and is {_meaning(reader)}"
    elif reader["type"] != writer["type"]:
        if WIDENED_TO.get(writer["type"]) != reader["type"]:
            yield f"{_place(at)} was {writer['type']} and is {reader['type']}"
    elif not _is_called_alike(reader, writer):
        yield f"{_place(at)} was named {writer['name']} and is named {reader['name']}"
    else:
        yield from _within(reader, writer, at)


def _within(reader: Shape, writer: Shape, at: str) -> Iterator[str]:
    """Two of one kind and name."""
    match reader["type"]:
        case "record":
            yield from _in_fields(reader, writer, at)
        case "enum":
            missing = [symbol for symbol in writer["symbols"] if symbol not in reader["symbols"]]
            if missing and "default" not in reader:
                yield f"{_place(at)} lacks {', '.join(missing)} and has no default for it"
        case "fixed" if reader["size"] != writer["size"]:
            yield f"{_place(at)} had {writer['size']} bytes and has {reader['size']}"
        case "array":
            yield from _between(reader["items"], writer["items"], f"{at}[]")
        case "map":
            yield from _between(reader["values"], writer["values"], f"{at}[]")
        case _:
            pass


def _in_fields(reader: Shape, writer: Shape, at: str) -> Iterator[str]:
    written = {field["name"]: field["type"] for field in writer["fields"]}
    for field in reader["fields"]:
        inner = f"{at}.{field['name']}" if at else field["name"]
        names = [name for name in (field["name"], *field.get("aliases", ())) if name in written]
        if names:
            yield from _between(field["type"], written[names[0]], inner)
        elif "default" not in field:
            yield f"{_place(inner)} is not in it and has no default"


def _into_union(union: Shape, writer: Shape, at: str) -> Iterator[str]:
    """The branch of the same kind and name must take it, or else any."""
    name = writer.get("name", writer["type"])
    for branch in union["branches"]:
        if branch["type"] == writer["type"] and _is_called_alike(branch, writer):
            yield from _between(branch, writer, f"{at}({name})" if "name" in writer else at)
            return
    if all(any(_between(branch, writer, at)) for branch in union["branches"]):
        yield f"{_place(at)} has no branch for {name}"


def _is_called_alike(reader: Shape, writer: Shape) -> bool:
    names = {reader.get("name"), *map(_last, reader.get("aliases", ()))}
    return writer.get("name") in names


def _meaning(shape: Shape) -> str:
    """What tells how a number or text is meant, beyond how it is written."""
    told = [f"{name} {shape[name]}" for name in MEANING if name in shape]
    return " ".join(told) or "without logicalType"


def _place(at: str) -> str:
    return at or "the value"
