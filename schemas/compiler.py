"""Compiles an Avro schema into Python functions between bytes and the core's types.

The code is generated field by field, so that a value costs one function call. Decoding trusts
nothing: it refuses numbers out of range or over-long, lengths beyond the value, unknown branches
and symbols, and anything left over, all as `Malformed`.

Only what the topics use is supported: records, strings, bytes, booleans, int, long, fixed, enums,
arrays of items that are never empty, `["null", x]`, unions of records, and a last field `body`,
a union of records whose types also hold the fields around it. Anything else, recursion too, is
refused here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, Final

from schemas import primitives
from schemas.layout import Node, kind_of
from schemas.primitives import Malformed
from schemas.source import (
    BODY,
    REPEATED_TEXTS,
    Source,
    Types,
    UnsupportedSchema,
    arguments_of,
    is_time,
)

__all__ = [
    "Decoder",
    "Encoder",
    "Malformed",
    "UnsupportedSchema",
    "compile_decoder",
    "compile_encoder",
]

Decoder = Callable[[bytes, int], Any]
"""From a value and the index its payload starts at, to an object of the core."""

Encoder = Callable[..., bytes]
"""From an object of the core (and what stands beside it) to bytes."""

REPEATED_NUMBERS: Final = frozenset(("recorded_at_ms", "amount_micros", "price_micros"))
"""What a batch shares, and prices."""

SHARED_ARRAYS: Final = ("lines",)
"""Arrays that many values hold as one and the same tuple: what a card prices alike."""

HEAD_FIELDS_MIN: Final = 4
"""How many fields at the beginning make it worth while to cut them at once."""

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
    prefix: bytes = b"",
    renamed: Mapping[str, str] | None = None,
    beside: str | None = None,
) -> Encoder:
    """A function `encode(value[, beside])` that returns the prefix and the payload."""
    return _EncoderSource(schema, types, prefix, renamed or {}, beside).compile()


class _DecoderSource(Source):
    """Generated code keeps the value in `d`, the index in `p` and the value's end in `end`.

    Short numbers, lengths and times are read on the spot, everything else by a function. A length
    may lead beyond the end: the next byte is missing then, or the last index is not the end.
    """

    def __init__(
        self, schema: Node, types: Types, renamed: Mapping[str, str], beside: str | None
    ) -> None:
        super().__init__(schema, types)
        self.renamed = renamed
        self.beside = beside
        self.runs: dict[str, str] = {}

    def compile(self) -> Decoder:
        record = self.resolve(self.schema)
        self.open_records.append(record["name"])
        values: dict[str, str] = {}
        self.add(0, "def decode(d, p):", "    try:", "        end = len(d)")
        aside = ""
        for field, var in self._read_record(2, record):
            if field["name"] == BODY:
                self._body(2, field["type"], values, aside)
                break
            if field["name"] == self.beside:
                aside = var
            else:
                values[self.renamed.get(field["name"], field["name"])] = var
        else:
            self._finish(2, self._make(self.type_of(record["name"]), values), aside)
        self.add(1, "except (IndexError, UnicodeDecodeError) as error:")
        self.add(2, "raise cut_short(error) from None")
        return self.build("decode")

    def _finish(self, depth: int, made: str, aside: str) -> None:
        self.add(depth, "if p != end: raise left_over(d, p)")
        self.add(depth, f"return ({made}, {aside})" if aside else f"return {made}")

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
        self._finish(depth, self._record(depth, branches[0][1], dict(around)), aside)

    def _record(self, depth: int, record: Node, values: dict[str, str]) -> str:
        cls = self.enter(record)
        for field, var in self._read_fields(depth, record["fields"]):
            values[field["name"]] = var
        self.leave()
        return self._make(cls, values)

    def _read_record(self, depth: int, record: Node) -> Iterator[tuple[Node, str]]:
        """Add lines that read the outermost record's fields, its head at once where possible."""
        fields: list[Node] = record["fields"]
        head = [field for run in takewhile(self._may_be_cut, self._runs(fields)) for field in run]
        if len(head) < HEAD_FIELDS_MIN:
            yield from self._read_fields(depth, fields)
        else:
            yield from self._read_head(depth, head)
            yield from self._read_fields(depth, fields[len(head) :])

    def _read_fields(self, depth: int, fields: list[Node]) -> Iterator[tuple[Node, str]]:
        """Add lines that read the fields up to the body; each with the variable that holds it."""
        for run in self._runs(fields):
            if len(run) > 1:
                yield from self._read_run(depth, run)
            else:
                [field] = run
                is_body = field["name"] == BODY
                yield field, "" if is_body else self._read(depth, field["type"], field["name"])

    def _runs(self, fields: list[Node]) -> Iterator[list[Node]]:
        """The fields in their order: those that come again together, and the others alone."""
        while fields:
            size = len(list(takewhile(self._may_repeat, fields))) or 1
            yield fields[:size]
            fields = fields[size:]

    def _may_be_cut(self, run: list[Node]) -> bool:
        """Whether the field or fields often have the same size."""
        return len(run) > 1 or self._is_string(run[0]) or is_time(run[0]["type"])

    def _is_string(self, field: Node) -> bool:
        return kind_of(self.resolve(field["type"])) == "string"

    def _read_head(self, depth: int, head: list[Node]) -> list[tuple[Node, str]]:
        """Fields that stand where they stood in an earlier value of this length: cut at once.

        What was cut is looked at, and what does not fit the layout is read one by one.
        """
        lines, self.lines = self.lines, []
        fields = list(self._read_fields(depth + 1, head))
        one_by_one, self.lines = self.lines, lines
        variables = {field["name"]: var for field, var in fields}
        head_kinds: list[str] = []
        sizes, cuts, conditions, assigned = list[str](), list[str](), list[str](), list[str]()
        for number, run in enumerate(self._runs(head)):
            name = run[0]["name"]
            var, beside, piece = variables[name], f"a{number}", f"b{number}"
            if len(run) > 1:
                head_kinds.append("".join(map(self._kind_in_run, run)))
                cuts.append(piece)
                names = ", ".join(variables[field["name"]] for field in run)
                assigned.append(f"{names} = {self.runs[name]}[{piece}]")
            elif self._is_string(run[0]):
                head_kinds.append(primitives.TEXT_ALONE)
                sizes.append(f"c{number}")
                cuts += [beside, piece]
                conditions.append(f"{beside} == c{number}")
                read = f"TEXTS_READ[{piece}]" if name in REPEATED_TEXTS else f"{piece}.decode()"
                assigned.append(f"{var} = {read}")
            else:
                head_kinds.append(primitives.TIME_ALONE)
                cuts += [beside, piece]
                conditions.append(f"{beside} & 0x8081 == 0x8080")
                low = f"(({beside} & 255) >> 1) + ({beside} >> 8 << 6)"
                assigned.append(f"{var} = SECONDS_READ[{piece}] + {low}")
        layouts = self.constant("L", primitives.Layouts(head_kinds))
        self.add(depth, "try:")
        self.add(
            depth + 1, f"{', '.join(['cut', 'size_of_head', *sizes])} = {layouts}.known[end - p]"
        )
        self.add(depth + 1, f"{', '.join(cuts)} = cut(d, p)")
        self.add(depth + 1, f"is_read = {' and '.join(conditions)}")
        self.add(depth + 1, "if is_read:")
        self.add(depth + 2, *assigned, "p += size_of_head")
        self.add(depth, "except KeyError: is_read = False")
        self.add(depth, "if not is_read:", "    start = p")
        self.lines += one_by_one
        self.add(depth + 1, f"{layouts}.learn(d, start)")
        return fields

    def _kind_in_run(self, field: Node) -> str:
        if self._is_string(field):
            return primitives.TEXT
        is_optional = kind_of(self.resolve(field["type"])) == "union"
        return primitives.OPTIONAL if is_optional else primitives.ONE_BYTE

    def _may_repeat(self, field: Node) -> bool:
        node = self.resolve(field["type"])
        kind = kind_of(node)
        if kind == "union" and self.is_choice(node):
            return False
        return kind in ("boolean", "enum", "union") or (
            kind == "string" and field["name"] in REPEATED_TEXTS
        )

    def _read_run(self, depth: int, run: list[Node]) -> Iterator[tuple[Node, str]]:
        """Fields that come again together: as read before from the same bytes, where so.

        The guess where they end need not be right: the same bytes are always read alike.
        """
        known = self.runs[run[0]["name"]] = self.constant("R", dict[bytes, tuple[Any, ...]]())
        self.add(depth, "q = p")
        for field in run:
            is_text = kind_of(self.resolve(field["type"])) == "string"
            self.add(depth, "if q < end: q += 1 + (d[q] >> 1)" if is_text else "q += 1")
        self.add(depth, f"if (r := {known}.get(d[p:q])) is None:", "    a = p")
        variables = [self._read(depth + 1, field["type"], field["name"]) for field in run]
        names = ", ".join(variables)
        self.add(depth + 1, f"keep_run({known}, d[a:p], ({names}))")
        self.add(depth, "else:", f"    {names} = r", "    p = q")
        return zip(run, variables, strict=True)

    def _make(self, cls: type, values: Mapping[str, str]) -> str:
        """A call of the constructor with the fields the type knows; others are passed over."""
        given, by_place = arguments_of(cls, values)
        arguments = (values[name] if by_place else f"{name}={values[name]}" for name in given)
        return f"{self.constant('T', cls)}({', '.join(arguments)})"

    def _read(self, depth: int, node: Node, name: str) -> str:
        """Add lines that read a value of that schema; the variable that holds it."""
        is_time_node = is_time(node)
        node = self.resolve(node)
        kind = kind_of(node)
        if kind == "union":
            is_choice = self.is_choice(node)
            return self._choice(depth, node) if is_choice else self._optional(depth, node, name)
        if kind == "long":
            return self._time(depth) if is_time_node else self._long(depth)
        if kind == "int":
            var = self._long(depth)
            self.add(depth, f"if not -{_INT_MAX} <= {var} < {_INT_MAX}: raise out_of_range({var})")
            return var
        if kind == "boolean":
            var = self.name("v")
            self.add(depth, f"{var} = BOOLEAN[d[p]]", "p += 1")
            return var
        if kind == "string":
            found = "TEXTS_READ[d[p:q]]" if name in REPEATED_TEXTS else "d[p:q].decode()"
            return self._sized(depth, found)
        if kind == "bytes":
            return self._sized(depth, "d[p:q]")
        if kind == "fixed":
            var = self.name("v")
            self.add(depth, f"q = p + {node['size']}", "if q > end: raise beyond(q, end)")
            self.add(depth, f"{var} = d[p:q]", "p = q")
            return var
        if kind == "enum":
            return self._enum(depth, node)
        if kind == "array":
            return self._array(depth, node, name)
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
            f"if {var} < 128:",
            f"    {var} = ({var} >> 1) ^ -({var} & 1)",
            "    p += 1",
            "elif d[p + 1] > 127 and 0 < (b := d[p + 2]) < 128:",
            f"    {var} = {var} & 127 | (d[p + 1] & 127) << 7 | b << 14",
            f"    {var} = ({var} >> 1) ^ -({var} & 1)",
            "    p += 3",
            f"else: {var}, p = number(d, p)",
        )
        return var

    def _time(self, depth: int) -> str:
        """Milliseconds of these decades have six bytes; the last four stay alike for seconds."""
        var = self.name("v")
        self.add(
            depth,
            f"if (h := SECONDS_READ.get(d[p + 2:p + 6])) is not None"
            f" and ({var} := d[p]) > 127 < (b := d[p + 1]) and not {var} & 1:",
            f"    {var} = h + ({var} >> 1) + (b << 6)",
            "    p += 6",
            f"else: {var}, p = time(d, p)",
        )
        return var

    def _sized(self, depth: int, found: str) -> str:
        var = self.name("v")
        self.add(
            depth,
            "q = d[p]",
            "if q & 129: p, q = size(d, p)",
            "else:",
            "    p += 1",
            "    q = p + (q >> 1)",
            f"{var} = {found}",
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

    def _optional(self, depth: int, union: Node, name: str) -> str:
        other = self.optional(union)
        var = self.name("v")
        self.add(depth, f"{var} = d[p]", "p += 1")
        self.add(depth, f"if {var} == 0: {var} = None", f"elif {var} == 2:")
        inner = self._read(depth + 1, other, name)
        self.add(depth + 1, f"{var} = {inner}")
        self.add(depth, "else: raise no_branch(number(d, p - 1)[0])")
        return var

    def _choice(self, depth: int, union: Node) -> str:
        index, var = self._long(depth), self.name("v")
        for branch, member in enumerate(union):
            self.add(depth, f"{'if' if branch == 0 else 'elif'} {index} == {branch}:")
            made = self._record(depth + 1, self.resolve(member), {})
            self.add(depth + 1, f"{var} = {made}")
        self.add(depth, f"else: raise no_branch({index})")
        return var

    def _array(self, depth: int, node: Node, name: str) -> str:
        item = self.item_of(node)
        var = self.name("v")
        self.add(depth, f"{var} = []", "while True:")
        count = self._long(depth + 1)
        self.add(depth + 1, f"if {count} == 0: break", f"if {count} < 0:")
        self._long(depth + 2)
        self.add(depth + 2, f"{count} = -{count}")
        self.add(depth + 1, f"if {count} > end - p: raise beyond({count}, end)")
        self.add(depth + 1, f"for _ in range({count}):")
        inner = self._read(depth + 2, item, name)
        self.add(depth + 2, f"{var}.append({inner})")
        self.add(depth, f"{var} = tuple({var})")
        return var


class _EncoderSource(Source):
    """Generated code joins, in one expression, the parts that a value's fields are written as."""

    def __init__(
        self,
        schema: Node,
        types: Types,
        prefix: bytes,
        renamed: Mapping[str, str],
        beside: str | None,
    ) -> None:
        super().__init__(schema, types)
        self.prefix = prefix
        self.renamed = renamed
        self.arguments = ["o"]
        self.arguments += ["beside"] if beside else []
        self.beside = beside

    def compile(self) -> Encoder:
        record = self.resolve(self.schema)
        self.open_records.append(record["name"])
        parts = [repr(self.prefix)]
        for field in record["fields"]:
            name = field["name"]
            if name == BODY:
                self._bodies(field["type"], parts)
                break
            value = "beside" if name == self.beside else f"o.{self.renamed.get(name, name)}"
            parts += self._parts(field["type"], value, name)
        else:
            self._function("encode", parts)
        return self.build("encode")

    def _bodies(self, union: Node, around: list[str]) -> None:
        """A function for each record of the union, and one that chooses by the object's type."""
        writers: dict[type, Callable[..., None]] = {}
        table = self.constant("B", writers)
        for index, member in enumerate(union):
            record = self.resolve(member)
            parts = [*around, repr(primitives.long(index)), *self._fields(record, "o")]
            writer = self._function(self.name("write"), parts)
            self.add(0, f"{table}[{self.constant('T', self.type_of(record['name']))}] = {writer}")
        given = ", ".join(argument.partition("=")[0] for argument in self.arguments)
        self.add(0, f"def encode({', '.join(self.arguments)}):")
        self.add(1, f"return {table}[type(o)]({given})")

    def _function(self, name: str, parts: list[str], arguments: Sequence[str] = ()) -> str:
        self.add(0, f"def {name}({', '.join(arguments or self.arguments)}):")
        self.add(1, 'return b"".join((', *(f"    {part}," for part in parts), "))")
        return name

    def _fields(self, record: Node, value: str) -> list[str]:
        self.enter(record)
        parts: list[str] = []
        for field in record["fields"]:
            parts += self._parts(field["type"], f"{value}.{field['name']}", field["name"])
        self.leave()
        return parts

    def _parts(self, node: Node, value: str, name: str) -> list[str]:
        """Expressions that a value of that schema is written as; `value` is one that holds it."""
        is_time_node = is_time(node)
        node = self.resolve(node)
        kind = kind_of(node)
        if kind == "union" and self.is_choice(node):
            return [self._choice(node, value, name)]
        if kind == "union":
            other = " + ".join(self._parts(self.optional(node), value, name))
            return [rf"(b'\0' if {value} is None else b'\2' + {other})"]
        if kind == "long" and name in REPEATED_NUMBERS:
            return [f"NUMBERS[{value}]"]
        if kind == "long" and is_time_node:
            return [
                f"(MORE[n & 127] if (n := {value} << 1) >= {1 << 14} else long(n >> 1))",
                f"(MORE[n >> 7 & 127] if n >= {1 << 14} else b'')",
                f"(SECONDS[n >> 14] if n >= {1 << 14} else b'')",
            ]
        if kind in ("long", "int"):
            beyond = "long" if kind == "long" else "integer"
            return [f"(SHORT[n << 1] if 0 <= (n := {value}) < {_SHORT} else {beyond}(n))"]
        if kind == "boolean":
            return [rf"(b'\1' if {value} else b'\0')"]
        if kind == "string" and name in REPEATED_TEXTS:
            return [f"TEXTS[{value}]"]
        if kind in ("string", "bytes"):
            b = f"b := {value}.encode()" if kind == "string" else f"b := {value}"
            return [f"(SHORT[n << 1] if (n := len({b})) < {_SHORT} else long(n))", "b"]
        if kind == "fixed":
            size = node["size"]
            return [f"({value} if len({value}) == {size} else wrong_size({value}))"]
        if kind == "enum":
            table = {member: primitives.long(i) for i, member in enumerate(self.members(node))}
            return [f"{self.constant('E', table)}[{value}]"]
        if kind == "array":
            return [self._array(node, value, name)]
        if kind != "record":
            raise UnsupportedSchema(f"type {kind} is not used on our topics")
        return self._fields(node, value)

    def _choice(self, union: Node, value: str, name: str) -> str:
        """An expression that chooses by the object's type."""
        kind, choices = f"({self.name('t')} := type({value}))", list[str]()
        for index, member in enumerate(union):
            cls = self.constant("T", self.type_of(self.resolve(member)["name"]))
            parts = " + ".join(self._parts(member, value, name))
            choices.append(f"{primitives.long(index)!r} + {parts} if {kind} is {cls} else ")
            kind = kind.partition(" ")[0].lstrip("(")
        return f"({''.join(choices)}no_type({value}))"

    def _array(self, node: Node, value: str, name: str) -> str:
        item = self.item_of(node)
        writer = self._function(self.name("write"), self._parts(item, "o", name), ["o"])
        if name in SHARED_ARRAYS:
            kept = self.constant("K", primitives.Kept())
            self.add(0, f"{kept}.write = lambda items: array(items, {writer})")
            written = f"(k[1] if (k := {kept}.get(id({value}))) else {kept}.keep({value}))"
            return rf"({written} if {value} else b'\0')"
        # One item is the rule: it is written on the spot.
        items = self.name("a")
        parts = ", ".join(self._parts(item, f"{items}[0]", name))
        one = rf"b''.join((b'\2', {parts}, b'\0'))"
        more = rf"(array({items}, {writer}) if {items} else b'\0')"
        return f"({one} if len({items} := {value}) == 1 else {more})"


_SHORT: Final = len(primitives.SHORT) // 2
