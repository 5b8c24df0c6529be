"""The codec's quick way, where it could be compiled; elsewhere the generated code does it all.

`native.c` follows a program made here of a schema. It declines whatever is not as it should be, and
the generated code then reads, writes or refuses it: so both always answer alike.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum
from functools import partial
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, NamedTuple, Protocol, TypeVar, cast

from schemas import primitives
from schemas.layout import Node, kind_of
from schemas.source import BODY, REPEATED_TEXTS, Definitions, Types, arguments_of

T = TypeVar("T")

_MODULE: Final = "schemas._native"
IS_COMPILED: Final = find_spec(_MODULE) is not None
"""Whether values take the quick way: the bytes are the same, the time is not."""


class Kind(IntEnum):
    """What a part of a program reads or writes; as in `native.c`."""

    LONG = 0
    INT = 1
    BOOLEAN = 2
    TEXT = 3
    SHARED_TEXT = 4
    BYTES = 5
    FIXED = 6
    ENUM = 7
    OPTIONAL = 8
    CHOICE = 9
    ARRAY = 10
    RECORD = 11


_PLAIN: Final = {
    "long": Kind.LONG,
    "int": Kind.INT,
    "boolean": Kind.BOOLEAN,
    "string": Kind.TEXT,
    "bytes": Kind.BYTES,
}


class Part(NamedTuple):
    """A part of a program, field by field as `native.c` takes it apart."""

    kind: Kind
    size: int = 0
    members: tuple[object, ...] = ()
    children: tuple["Part", ...] = ()
    cls: type = object
    places: tuple[int, ...] = ()
    names: tuple[str, ...] | None = None
    attribute: str | None = None
    literal: bytes | None = None
    limits: tuple[int, int] | None = None


class _Module(Protocol):
    def decoder(
        self, around: Part, bodies: Part, beside: int, generated: object, /
    ) -> Callable[[bytes, int], Any]: ...
    def encoder(self, bodies: Part, generated: object, /) -> Callable[..., bytes]: ...
    def read_run(
        self,
        decoder: object,
        owner: int,
        topic: str,
        stem: str,
        prefix: bytes,
        own_keys: dict[str, bytes],
        made: type,
        records: Sequence[Any],
        inputs: list[Any],
        /,
    ) -> None: ...
    def sha256(self, value: bytes, /) -> bytes: ...


def _module() -> _Module:
    return cast("_Module", import_module(_MODULE))


def quick_decoder(
    generated: Callable[[bytes, int], Any],
    schema: Node,
    types: Types,
    renamed: Mapping[str, str] | None,
    beside: str | None,
) -> Callable[[bytes, int], Any]:
    """What reads as `generated` does, in less time where the quick way is compiled."""
    if not IS_COMPILED:
        return generated
    programs = _Programs(schema, types, renamed or {}, beside)
    return _module().decoder(*programs.to_read(), generated)


def quick_encoder(
    generated: Callable[..., bytes],
    schema: Node,
    types: Types,
    prefix: bytes,
    renamed: Mapping[str, str] | None,
    beside: str | None,
) -> Callable[..., bytes]:
    """What writes as `generated` does, in less time where the quick way is compiled."""
    if not IS_COMPILED:
        return generated
    programs = _Programs(schema, types, renamed or {}, beside)
    return _module().encoder(programs.to_write(prefix), generated)


Limits = Mapping[str, tuple[int, int]]
"""By field, the least and the most that a number, or the length of a text, can be."""

Run = Callable[[Sequence[Any], list[T]], None]
"""Reads on from where the inputs end, as long as the records are as most are."""


def quick_run(
    schema: Node,
    types: Types,
    prefix: bytes,
    limits: Limits | None,
    source: tuple[str, str],
    own_keys: dict[str, bytes],
    made: type[T],
) -> Run[T] | None:
    """What reads records of a topic at once, where that is compiled.

    `source` is the topic and the stem of its events' ids, `own_keys` the key of each tenant who is
    known to live here. An input is made of the id, the time of appending, the hash of the content,
    the usage, no times of asking, and whether all its values are within limits that were given:
    printable ASCII where they are texts. A record that cannot be taken is the first for which there
    is no input.
    """
    topic, stem = source
    if not (IS_COMPILED and stem.isascii()):
        return None
    programs = _Programs(schema, types, {}, None, limits)
    assert programs.limited == set(limits or ()), "a limit is a number's or a text's"
    decoder = _module().decoder(*programs.to_read(), None)
    owner = [field["name"] for field in schema["fields"]].index("tenant_id")
    return partial(_module().read_run, decoder, owner, topic, stem, prefix, own_keys, made)


def _hash(value: bytes) -> bytes:
    return sha256(value).digest()


hash_of: Final = _module().sha256 if IS_COMPILED else _hash
"""A value's SHA-256."""


class _Programs(Definitions):
    """Makes the programs of a schema that the compiler accepted."""

    def __init__(
        self,
        schema: Node,
        types: Types,
        renamed: Mapping[str, str],
        beside: str | None,
        limits: Limits | None = None,
    ) -> None:
        super().__init__(schema, types)
        self._limits = limits or {}
        self.limited: set[str] = set()
        fields: list[Node] = self.resolve(schema)["fields"]
        self._around = [
            self._part(field["type"], field["name"])._replace(
                attribute=None if name == beside else renamed.get(name, name)
            )
            for field in fields
            if (name := field["name"]) != BODY
        ]
        self._names = [part.attribute for part in self._around]
        nothing: list[Node] = []
        self._bodies = next((field["type"] for field in fields if field["name"] == BODY), nothing)

    def to_read(self) -> tuple[Part, Part, int]:
        """The fields around; what the body may be, or the whole without one; which is beside."""
        whole = Part(Kind.RECORD, cls=self.type_of(self.schema["name"]))
        bodies = [self._record(body, self._names) for body in self._bodies]
        around = Part(Kind.RECORD, children=tuple(self._around))
        beside = self._names.index(None) if None in self._names else -1
        return around, _choice(bodies) if bodies else _arranged(whole, self._names), beside

    def to_write(self, prefix: bytes) -> Part:
        """All that is written of each type."""
        begin = (_literal(prefix), *self._around)
        if not self._bodies:
            whole = self.type_of(self.schema["name"])
            return _choice([Part(Kind.RECORD, children=begin, cls=whole)])
        bodies = [self._record(body, self._names) for body in self._bodies]
        return _choice(
            body._replace(children=(*begin, _literal(primitives.long(index)), *body.children))
            for index, body in enumerate(bodies)
        )

    def _record(self, node: Node, around: Sequence[str | None] = ()) -> Part:
        """A record whose type also holds the fields around it."""
        record = self.resolve(node)
        fields = tuple(
            self._part(field["type"], field["name"])._replace(attribute=field["name"])
            for field in record["fields"]
        )
        part = Part(
            Kind.RECORD,
            children=fields,
            cls=self.type_of(record["name"]),
        )
        return _arranged(part, (*around, *(field.attribute for field in fields)))

    def _part(self, node: Node, name: str) -> Part:
        node = self.resolve(node)
        kind = kind_of(node)
        if kind == "union" and self.is_choice(node):
            return _choice(map(self._record, node))
        if kind == "union":
            return Part(Kind.OPTIONAL, children=(self._part(self.optional(node), name),))
        if kind == "array":
            return Part(Kind.ARRAY, children=(self._part(node["items"], name),))
        if kind == "enum":
            return Part(Kind.ENUM, members=tuple(self.members(node)))
        if kind == "fixed":
            return Part(Kind.FIXED, size=node["size"])
        if kind not in _PLAIN:
            return self._record(node)
        is_shared = kind == "string" and name in REPEATED_TEXTS
        limits = self._limits.get(name) if kind != "bytes" else None
        if limits is not None:
            self.limited.add(name)
        return Part(Kind.SHARED_TEXT if is_shared else _PLAIN[kind], limits=limits)


def _literal(written: bytes) -> Part:
    return Part(Kind.BYTES, literal=written)


def _choice(records: Iterable[Part]) -> Part:
    return Part(Kind.CHOICE, children=tuple(records))


def _arranged(record: Part, names: Sequence[str | None]) -> Part:
    """With what tells where the constructor's arguments stand among the values read."""
    given, by_place = arguments_of(record.cls, [name for name in names if name is not None])
    places = tuple(names.index(name) for name in given)
    return record._replace(places=places, names=None if by_place else tuple(given))
