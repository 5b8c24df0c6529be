"""A Python module in the making: what the generated decoders and encoders have in common."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, cast

from schemas import primitives
from schemas.layout import Node, kind_of, logical_type_of

Types = Mapping[str, type]
"""The core's type for each Avro record and enum, by the Avro name."""


class UnsupportedSchema(TypeError):
    """The schema uses something outside the supported part of Avro, or misses a type."""


class Source:
    """Lines of a Python module in the making, and the names it refers to."""

    def __init__(self, schema: Node, types: Types) -> None:
        self.schema = schema
        self.types = types
        self.named: dict[str, Node] = {}
        self.open_records: list[str] = []
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

    def build(self, entry: str) -> Callable[..., Any]:
        code = compile("\n".join(self.lines), f"<codec of {self.schema.get('name')}>", "exec")
        exec(code, self.globals)  # noqa: S102 - the source is made from our own schemas
        return cast("Callable[..., Any]", self.globals[entry])


def is_time(node: Node) -> bool:
    """Whether a long is a point in time."""
    return logical_type_of(node) == "timestamp-millis"
