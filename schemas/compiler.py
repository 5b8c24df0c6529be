"""Compiles an Avro schema into Python functions between bytes and the core's types.

The code is generated field by field, so that a value costs one function call. Decoding trusts
nothing: it refuses numbers out of range or over-long, lengths beyond the value, unknown branches
and symbols, and anything left over, all as `Malformed`.

Only what the topics use is supported: records, strings, bytes, booleans, int, long, fixed, enums,
arrays of items that are never empty, `["null", x]`, and a last field `body`, a union of records
whose types also hold the fields around it. Anything else, recursion too, is refused here.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, cast

import msgspec

from schemas import primitives
from schemas.layout import Node, kind_of
from schemas.primitives import Malformed

__all__ = ["Decoder", "Encoder", "Malformed", "compile_decoder", "compile_encoder"]

Types = Mapping[str, type]
"""The core's type for each Avro record and enum, by the Avro name."""

Decoder = Callable[[bytes, int], Any]
"""From a value and the index its payload starts at, to an object of the core."""

Encoder = Callable[..., bytes]
"""From a payload's prefix, an object of the core (and what stands beside it) to bytes."""

BODY: Final = "body"
UNIQUE: Final = ("event_id", "input_id", "command_id", "call_id")
"""Texts that differ from value to value: remembering their bytes would only cost."""

REPEATED_TIMES: Final = ("recorded_at_ms",)
"""Times that a whole batch shares."""

SHARED: Final = ("lines",)
"""Arrays that many values hold as one and the same tuple: what a card prices alike."""
_INT_MAX: Final = 2**31


def compile_decoder(
    schema: Node, types: Types, renamed: Mapping[str, str] | None = None, beside: str | None = None
) -> Decoder:
    """A function that reads one payload and returns the object it stands for.

    `renamed` maps top-level fields to attributes of another name. A top-level field named by
    `beside` is no attribute: the function then returns the object and that field's value.
    """
    return _DecoderSource(schema, types, renamed or {}, beside).compile()


def compile_encoder(
    schema: Node,
    types: Types,
    renamed: Mapping[str, str] | None = None,
    beside: str | None = None,
    spliced: str | None = None,
) -> Encoder:
    """A function `encode(prefix, value[, beside][, spliced])` that returns prefix and payload.

    `spliced` names a record whose encoded bytes may be handed in instead of being written anew
    (None writes them).
    """
    return _EncoderSource(schema, types, renamed or {}, beside, spliced).compile()


class UnsupportedSchema(TypeError):
    """The schema uses something outside the supported part of Avro, or misses a type."""


class _Source:
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

    def optional(self, union: Node) -> Node:
        """What a union holds beside null, the only kind of union there is but for the body's."""
        if len(union) != 2 or union[0] != "null":
            raise UnsupportedSchema('a union other than ["null", x]')
        return union[1]

    def build(self, entry: str) -> Callable[..., Any]:
        code = compile("\n".join(self.lines), f"<codec of {self.schema.get('name')}>", "exec")
        exec(code, self.globals)  # noqa: S102 - the source is made from our own schemas
        return cast("Callable[..., Any]", self.globals[entry])


class _DecoderSource(_Source):
    """Generated code keeps the value in `d`, the index in `p` and the value's end in `end`."""

    def __init__(
        self, schema: Node, types: Types, renamed: Mapping[str, str], beside: str | None
    ) -> None:
        super().__init__(schema, types)
        self.renamed = renamed
        self.beside = beside

    def compile(self) -> Decoder:
        record = self.resolve(self.schema)
        self.open_records.append(record["name"])
        values: dict[str, str] = {}
        self.add(0, "def decode(d, p):", "    try:", "        end = len(d)")
        aside = ""
        for field in record["fields"]:
            if field["name"] == BODY:
                self._body(2, field["type"], values, aside)
                break
            var = self._read(2, field["type"])
            if field["name"] == self.beside:
                aside = var
            else:
                values[self.renamed.get(field["name"], field["name"])] = var
        else:
            made = self._make(self.type_of(record["name"]), values)
            self.add(2, f"v = {made}", "if p != end: raise left_over(d, p)")
            self.add(2, f"return (v, {aside})" if aside else "return v")
        self.add(1, "except (IndexError, UnicodeDecodeError) as error:")
        self.add(2, "raise cut_short(error) from None")
        return self.build("decode")

    def _body(self, depth: int, union: Node, around: dict[str, str], aside: str) -> None:
        index = self._long(depth)
        records = [self.resolve(member) for member in union]
        self.add(depth, f"if not 0 <= {index} < {len(union)}: raise no_branch({index})")
        self._branches(depth, index, list(enumerate(records)), around, aside)

    def _branches(
        self,
        depth: int,
        index: str,
        branches: list[tuple[int, Node]],
        around: dict[str, str],
        aside: str,
    ) -> None:
        """A tree of comparisons: one after the other, the last branch would pay for all."""
        if len(branches) > 1:
            half = len(branches) // 2
            self.add(depth, f"if {index} < {branches[half][0]}:")
            self._branches(depth + 1, index, branches[:half], around, aside)
            self.add(depth, "else:")
            self._branches(depth + 1, index, branches[half:], around, aside)
            return
        made = self._record(depth, branches[0][1], dict(around))
        self.add(depth, f"v = {made}", "if p != end: raise left_over(d, p)")
        self.add(depth, f"return (v, {aside})" if aside else "return v")

    def _record(self, depth: int, record: Node, values: dict[str, str]) -> str:
        cls = self.enter(record)
        for field in record["fields"]:
            values[field["name"]] = self._read(depth, field["type"])
        self.leave()
        return self._make(cls, values)

    def _make(self, cls: type, values: Mapping[str, str]) -> str:
        """A call of the constructor with the fields the type knows; others are passed over."""
        struct = cast("type[msgspec.Struct]", cls)
        known = msgspec.structs.fields(struct)
        missing = [f.name for f in known if f.required and f.name not in values]
        if missing:
            raise UnsupportedSchema(f"{cls.__name__} needs {', '.join(missing)}")
        arguments = ", ".join(f"{f.name}={values[f.name]}" for f in known if f.name in values)
        return f"{self.constant('T', cls)}({arguments})"

    def _read(self, depth: int, node: Node) -> str:
        """Add lines that read a value of that schema; the variable that holds it."""
        node = self.resolve(node)
        kind = kind_of(node)
        if kind == "union":
            return self._optional(depth, node)
        if kind == "long":
            return self._long(depth)
        if kind == "int":
            var = self._long(depth)
            self.add(depth, f"if not -{_INT_MAX} <= {var} < {_INT_MAX}: raise out_of_range({var})")
            return var
        if kind == "boolean":
            var = self.name("v")
            self.add(depth, f"{var} = BOOLEAN[d[p]]", "p += 1")
            return var
        if kind in ("string", "bytes"):
            size = self._long(depth)
            return self._slice(depth, size, ".decode()" if kind == "string" else "")
        if kind == "fixed":
            return self._slice(depth, str(node["size"]), "")
        if kind == "enum":
            return self._enum(depth, node)
        if kind == "array":
            return self._array(depth, node)
        if kind == "record":
            var = self.name("v")
            made = self._record(depth, node, {})
            self.add(depth, f"{var} = {made}")
            return var
        raise UnsupportedSchema(f"type {kind} is not used on our topics")

    def _long(self, depth: int) -> str:
        var = self.name("v")
        self.add(
            depth,
            f"{var} = d[p]",
            "p += 1",
            f"if {var} < 128: {var} = ({var} >> 1) ^ -({var} & 1)",
            f"else: {var}, p = longer(d, p, {var})",
        )
        return var

    def _slice(self, depth: int, size: str, convert: str) -> str:
        var = self.name("v")
        self.add(
            depth,
            f"q = p + {size}",
            "if not p <= q <= end: raise beyond(q, end)",
            f"{var} = d[p:q]{convert}",
            "p = q",
        )
        return var

    def _enum(self, depth: int, node: Node) -> str:
        members = self.members(node)
        index, var = self._long(depth), self.name("v")
        self.add(
            depth,
            f"if not 0 <= {index} < {len(members)}: raise no_symbol({index})",
            f"{var} = {self.constant('E', members)}[{index}]",
        )
        return var

    def _optional(self, depth: int, union: Node) -> str:
        other = self.optional(union)
        branch, var = self._long(depth), self.name("v")
        self.add(depth, f"if {branch} == 0: {var} = None", f"elif {branch} == 1:")
        inner = self._read(depth + 1, other)
        self.add(depth + 1, f"{var} = {inner}")
        self.add(depth, f"else: raise no_branch({branch})")
        return var

    def _array(self, depth: int, node: Node) -> str:
        item = self.item_of(node)
        var = self.name("v")
        self.add(depth, f"{var} = []", "while True:")
        count = self._long(depth + 1)
        self.add(depth + 1, f"if {count} == 0: break", f"if {count} < 0:")
        self._long(depth + 2)
        self.add(depth + 2, f"{count} = -{count}")
        self.add(depth + 1, f"if {count} > end - p: raise beyond({count}, end)")
        self.add(depth + 1, f"for _ in range({count}):")
        inner = self._read(depth + 2, item)
        self.add(depth + 2, f"{var}.append({inner})")
        self.add(depth, f"{var} = tuple({var})")
        return var


class _EncoderSource(_Source):
    """Generated code appends parts to a list through `w` and joins them."""

    def __init__(
        self,
        schema: Node,
        types: Types,
        renamed: Mapping[str, str],
        beside: str | None,
        spliced: str | None,
    ) -> None:
        super().__init__(schema, types)
        self.renamed = renamed
        self.beside = beside
        self.spliced = spliced

    def compile(self) -> Encoder:
        record = self.resolve(self.schema)
        arguments = ["prefix", "o"]
        arguments += ["beside"] if self.beside else []
        arguments += ["spliced=None"] if self.spliced else []
        self.add(0, f"def encode({', '.join(arguments)}):", "    parts = [prefix]")
        self.add(1, "w = parts.append")
        for field in record["fields"]:
            if field["name"] == BODY:
                self._body(field["type"])
                break
            if field["name"] == self.beside:
                self._write(1, field["type"], "beside")
            else:
                self._write(1, field["type"], f"o.{self.renamed.get(field['name'], field['name'])}")
        else:
            self.add(1, 'return b"".join(parts)')
        return self.build("encode")

    def _body(self, union: Node) -> None:
        writers: dict[type, Callable[..., None]] = {}
        spliced = ", spliced" if self.spliced else ""
        table = self.constant("B", writers)
        self.add(1, f"{table}[type(o)](o, w{spliced})")
        self.add(1, 'return b"".join(parts)')
        for index, member in enumerate(union):
            record = self.resolve(member)
            writer = self.name("write")
            self.add(0, f"def {writer}(o, w{spliced}):", f"    w({primitives.long(index)!r})")
            self._fields(1, record, "o")
            self.add(0, f"{table}[{self.constant('T', self.type_of(record['name']))}] = {writer}")

    def _fields(self, depth: int, record: Node, value: str) -> None:
        self.enter(record)
        for field in record["fields"]:
            self._write(depth, field["type"], f"{value}.{field['name']}")
        self.leave()

    def _write(self, depth: int, node: Node, value: str) -> None:
        """Add lines that write a value of that schema; `value` is the expression that holds it."""
        node = self.resolve(node)
        kind = kind_of(node)
        if kind == "union":
            other = self.optional(node)
            self.add(depth, f"if {value} is None: w(b'\\0')", "else:", "    w(b'\\2')")
            self._write(depth + 1, other, value)
            return
        name = value.rpartition(".")[2]
        if kind == "long":
            self.add(depth, f"w({_number(name, value)})")
        elif kind == "int":
            self.add(depth, f"w(integer({value}))")
        elif kind == "boolean":
            self.add(depth, f"w(b'\\1' if {value} else b'\\0')")
        elif kind == "string":
            writer = "text" if name in UNIQUE else "repeated_text"
            self.add(depth, f"w({writer}({value}))")
        elif kind == "bytes":
            self.add(depth, f"w(long(len({value})))", f"w({value})")
        elif kind == "fixed":
            self.add(depth, f"if len({value}) != {node['size']}: raise wrong_size({value})")
            self.add(depth, f"w({value})")
        elif kind == "enum":
            table = {member: primitives.long(i) for i, member in enumerate(self.members(node))}
            self.add(depth, f"w({self.constant('E', table)}[{value}])")
        elif kind == "array" and name in SHARED:
            self._shared_array(depth, node, value)
        elif kind == "array":
            self._array(depth, node, value)
        elif kind != "record":
            raise UnsupportedSchema(f"type {kind} is not used on our topics")
        elif node["name"] == self.spliced:
            self.add(depth, "if spliced is not None: w(spliced)", "else:")
            self._fields(depth + 1, node, value)
        else:
            self._fields(depth, node, value)

    def _array(self, depth: int, node: Node, value: str) -> None:
        item, var = self.item_of(node), self.name("x")
        count = _number("", f"len({value})")
        self.add(depth, f"if {value}:", f"    w({count})", f"    for {var} in {value}:")
        self._write(depth + 2, item, var)
        self.add(depth, "w(b'\\0')")

    def _shared_array(self, depth: int, node: Node, value: str) -> None:
        """The same tuple is written again and again: its bytes are kept beside it."""
        inner = _EncoderSource(node, self.types, {}, None, None)
        inner.named = self.named
        kept = self.constant("K", primitives.Kept(inner.compile_array(node)))
        self.add(depth, f"w({kept}.bytes_of({value}))")

    def compile_array(self, node: Node) -> Callable[[object], bytes]:
        """A function that writes only an array."""
        self.add(0, "def encode(o):", "    parts = []", "    w = parts.append")
        self._array(1, node, "o")
        self.add(1, 'return b"".join(parts)')
        return self.build("encode")


def _number(name: str, value: str) -> str:
    """An expression that writes a long; small ones are looked up on the spot."""
    if name in REPEATED_TIMES:
        return f"repeated_long({value})"
    return f"SHORT[n << 1] if 0 <= (n := {value}) < {len(primitives.SHORT) // 2} else long(n)"
