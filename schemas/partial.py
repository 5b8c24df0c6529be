"""Reads a value that no codec takes, field by field, up to where it goes wrong: for people to see.

Slow and patient, where the compiled decoders are quick and refuse the whole.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, cast

from schemas.catalogue import Schema, catalogue
from schemas.codec import PREFIX_SIZE
from schemas.layout import Node, kind_of
from schemas.primitives import (
    BOOLEAN,
    Malformed,
    beyond,
    cut_short,
    left_over,
    no_branch,
    no_symbol,
    number,
    out_of_range,
    size,
)
from schemas.source import is_time

NO_PREFIX: Final = "the value does not begin with a zero byte and a four-byte schema id"
_INT_MAX: Final = 2**31

Scalar = str | int | bool | bytes | None


class Field(NamedTuple):
    """A field that was read. `path` leads to it, as `body.SetTerms.is_postpay`, `lines[0].unit`."""

    path: str
    value: Scalar
    is_time: bool = False
    """Whether it is a moment, in UTC milliseconds."""


class Partial(NamedTuple):
    """How far a value can be read: `schema` is the one it names, if that is known.

    `fault` says why it goes no further than `stopped_at`, an index of the value; None if it does.
    """

    schema_id: int | None
    schema: Schema | None
    fields: tuple[Field, ...]
    stopped_at: int
    fault: str | None


def read_as_far(value: bytes) -> Partial:
    """Read a value in the registries' wire format as far as it goes; raises nothing."""
    if len(value) < PREFIX_SIZE or value[0] != 0:
        return Partial(None, None, (), 0, NO_PREFIX)
    schema_id = int.from_bytes(value[1:PREFIX_SIZE], "big")
    schema = next((one for one in catalogue() if one.schema_id == schema_id), None)
    if schema is None:
        fault = f"schema id {schema_id} is none that this program knows"
        return Partial(schema_id, None, (), PREFIX_SIZE, fault)
    parsed = schema.parsed
    reading = _Reading(value, dict(_definitions(parsed)))
    fault = reading.fault_in(parsed)
    return Partial(schema_id, schema, tuple(reading.fields), reading.at, fault)


def _definitions(node: Node) -> Iterator[tuple[str, Node]]:
    """Every named type within a schema: one may be defined in a branch that is not read."""
    if isinstance(node, dict):
        found = cast("dict[str, Node]", node)
        if found.get("type") in ("record", "enum", "fixed"):
            yield found["name"], found
        for part in found.values():
            yield from _definitions(part)
    elif isinstance(node, list):
        for part in cast("list[Node]", node):
            yield from _definitions(part)


class _Reading:
    """A value being read: `at` is where what was not read yet begins."""

    def __init__(self, value: bytes, named: Mapping[str, Node]) -> None:
        """`named` are the types that the schema defines."""
        self.at = PREFIX_SIZE
        self.fields: list[Field] = []
        self._value = value
        self._named = named

    def fault_in(self, schema: Node) -> str | None:
        try:
            self._read(schema, "")
            if self.at != len(self._value):
                raise left_over(self._value, self.at)
        except Malformed as error:
            return str(error)
        except (IndexError, UnicodeDecodeError) as error:
            return str(cut_short(error))
        return None

    def _read(self, node: Node, path: str) -> None:
        node = self._resolved(node)
        kind = kind_of(node)
        if kind == "union":
            self._union(node, path)
        elif kind == "record":
            for field in node["fields"]:
                self._read(field["type"], f"{path}.{field['name']}" if path else field["name"])
        elif kind == "array":
            self._array(node["items"], path)
        else:
            value, self.at = self._scalar(node, kind)
            self.fields.append(Field(path, value, is_time(node)))

    def _resolved(self, node: Node) -> Node:
        """The definition behind a name; the node itself if it is none."""
        return self._named.get(kind_of(node), node)

    def _union(self, branches: Node, path: str) -> None:
        index, after = number(self._value, self.at)
        if not 0 <= index < len(branches):
            raise no_branch(index)
        self.at = after
        branch = self._resolved(branches[index])
        if branch == "null":
            self.fields.append(Field(path, None))
        elif "null" in branches:
            self._read(branch, path)
        else:
            # Which of several records it is stands in no field.
            self._read(branch, f"{path}.{branch['name']}")

    def _array(self, item: Node, path: str) -> None:
        place = 0
        while True:
            count, after = number(self._value, self.at)
            if count < 0:
                _, after = number(self._value, after)
                count = -count
            if count > len(self._value) - after:
                raise beyond(count, len(self._value))
            self.at = after
            if count == 0:
                break
            for _ in range(count):
                self._read(item, f"{path}[{place}]")
                place += 1

    def _scalar(self, node: Node, kind: str) -> tuple[Scalar, int]:
        """The value that begins here, and where it ends."""
        value, at = self._value, self.at
        match kind:
            case "boolean":
                return BOOLEAN[value[at]], at + 1
            case "int" | "long":
                found, end = number(value, at)
                if kind == "int" and not -_INT_MAX <= found < _INT_MAX:
                    raise out_of_range(found)
                return found, end
            case "string" | "bytes":
                begin, end = size(value, at)
                return (value[begin:end].decode() if kind == "string" else value[begin:end]), end
            case "fixed":
                end = at + node["size"]
                if end > len(value):
                    raise beyond(end, len(value))
                return value[at:end], end
            case "enum":
                index, end = number(value, at)
                symbols = cast("list[str]", node["symbols"])
                if not 0 <= index < len(symbols):
                    raise no_symbol(index)
                return symbols[index], end
            case _:
                raise AssertionError(f"type {kind} is not used on our topics")
