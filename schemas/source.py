"""What is made of a schema: the core's types it stands for, and a Python module in the making."""

from collections.abc import Callable, Collection, Mapping
from enum import Enum
from inspect import Parameter, signature
from typing import Any, Final, cast

import msgspec

from schemas import primitives
from schemas.layout import Node, kind_of, logical_type_of

Types = Mapping[str, type]
"""The core's type for each Avro record and enum, by the Avro name."""

BODY: Final = "body"
REPEATED_TEXTS: Final = frozenset(
    "tenant_id project_id scenario_id actor card_id line unit lot_id topic topic_id"
    " code_version configuration_version input_type".split()
)
"""Texts that come again from value to value: they are remembered."""


class UnsupportedSchema(TypeError):
    """The schema uses something outside the supported part of Avro, or misses a type."""


class Definitions:
    """The types that a schema defines, and those of the core that stand for them."""

    def __init__(self, schema: Node, types: Types) -> None:
        self.schema = schema
        self.types = types
        self.named: dict[str, Node] = {}
        self.open_records: list[str] = []

    def resolve(self, node: Node) -> Node:
        """The definition behind a name; primitives as they are."""
        kind = kind_of(node)
        if kind in ("record", "enum", "fixed"):
            self.named[node["name"]] = node
        if kind in ("record", "enum", "fixed", "array", "union"):
            return node
        return self.named.get(kind, kind)

    def enter(self, record: Node) -> type:
        """The core's type of a record, which must not be open already."""
        if record["name"] in self.open_records:
            raise UnsupportedSchema(f"{record['name']} contains itself")
        self.open_records.append(record["name"])
        return self.type_of(record["name"])

    def leave(self) -> None:
        self.open_records.pop()

    def type_of(self, name: str) -> type:
        try:
            return self.types[name]
        except KeyError:
            raise UnsupportedSchema(f"no type is given for {name}") from None

    def members(self, enum: Node) -> list[Enum]:
        cls = cast("type[Enum]", self.type_of(enum["name"]))
        return [cls[symbol] for symbol in enum["symbols"]]

    def item_of(self, array: Node) -> Node:
        item = self.resolve(array["items"])
        if not self._takes_space(item):
            raise UnsupportedSchema("an array of items that may be empty")
        return item

    def _takes_space(self, node: Node, seen: tuple[str, ...] = ()) -> bool:
        """Whether every value of that schema has at least one byte."""
        node = self.resolve(node)
        kind = kind_of(node)
        if kind == "record" and node["name"] not in seen:
            seen = (*seen, node["name"])
            return any(self._takes_space(field["type"], seen) for field in node["fields"])
        return kind != "record" and kind != "null" and (kind != "fixed" or node["size"] > 0)

    def is_choice(self, union: Node) -> bool:
        """Whether a union is of records, which are told apart by the core's types."""
        return all(kind_of(self.resolve(member)) == "record" for member in union)

    def optional(self, union: Node) -> Node:
        """What a union holds beside null."""
        if len(union) != 2 or union[0] != "null":
            raise UnsupportedSchema('a union other than ["null", x] or of records')
        return union[1]


class Source(Definitions):
    """Lines of a Python module in the making, and the names it refers to."""

    def __init__(self, schema: Node, types: Types) -> None:
        super().__init__(schema, types)
        self.lines: list[str] = []
        self.globals: dict[str, object] = dict(vars(primitives))
        self._count = 0

    def name(self, stem: str) -> str:
        self._count += 1
        return f"{stem}{self._count}"

    def constant(self, stem: str, value: object) -> str:
        name = self.name(stem)
        self.globals[name] = value
        return name

    def add(self, depth: int, *lines: str) -> None:
        self.lines += ["    " * depth + line for line in lines]

    def build(self, entry: str) -> Callable[..., Any]:
        code = compile("\n".join(self.lines), f"<codec of {self.schema.get('name')}>", "exec")
        exec(code, self.globals)  # noqa: S102 - the source is made from our own schemas
        return cast("Callable[..., Any]", self.globals[entry])


def is_time(node: Node) -> bool:
    """Whether a long is a point in time."""
    return logical_type_of(node) == "timestamp-millis"


def arguments_of(cls: type, fields: Collection[str]) -> tuple[list[str], bool]:
    """The fields that a type's constructor takes, in its order, and whether by place alone.

    Those that the type does not know are passed over; by place is quicker than by name.
    """
    struct = cast("type[msgspec.Struct]", cls)
    known = msgspec.structs.fields(struct)
    missing = [field.name for field in known if field.required and field.name not in fields]
    if missing:
        raise UnsupportedSchema(f"{cls.__name__} needs {', '.join(missing)}")
    given = [field.name for field in known if field.name in fields]
    places = [
        parameter.name
        for parameter in signature(struct).parameters.values()
        if parameter.kind is Parameter.POSITIONAL_OR_KEYWORD
    ]
    return given, given == places[: len(given)]
