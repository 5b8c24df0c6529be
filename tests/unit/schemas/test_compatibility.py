# ruff: noqa: E501 - a row of a table is one line
"""Evolution: which change of a schema may be published, and which may not."""

import copy
import json
from hashlib import sha256
from typing import Any

import pytest
from avro.compatibility import (
    ReaderWriterCompatibilityChecker,
    SchemaCompatibilityType,
)
from avro.schema import parse
from hypothesis import given
from hypothesis import strategies as st

from schemas.catalogue import Schema, catalogue
from schemas.compatibility import check_evolution, problems

MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
MICROS = {"type": "long", "logicalType": "timestamp-micros"}
KIND = {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}
KIND_OR_A = {**KIND, "default": "A"}
MORE_KINDS = {**KIND, "symbols": ["A", "B", "C"]}
HASH = {"type": "fixed", "name": "Hash", "size": 16}


def decimal(scale: int, precision: int = 9) -> dict[str, Any]:
    return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}


def record(*fields: dict[str, Any], name: str = "Value", **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "namespace": "n", "fields": list(fields), **more}


def field(name: str, kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


def item(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": record(*fields, name="Item")}


A = field("a", "string")
N = field("n", "int")
X = record(field("x", "int"), name="X")
Y = record(field("y", "int"), name="Y")

CHANGES = [
    # change                                  before                             after                                        new reads old  old reads new
    ("nothing",                               record(A),                         record(A),                                        True,  True),
    ("documentation only",                    record(A),                         record(field("a", "string", doc="?"), doc="!"),   True,  True),
    ("a field more, with a default",          record(A),                         record(A, field("n", "int", default=0)),          True,  True),
    ("a field more, without one",             record(A),                         record(A, N),                                     False, True),
    ("a field less",                          record(A, N),                      record(A),                                        True,  False),
    ("a field less, it had a default",        record(A, field("n", "int", default=0)), record(A),                                  True,  True),
    ("a field renamed",                       record(A),                         record(field("b", "string")),                     False, False),
    ("a field renamed with an alias",         record(A),                         record(field("b", "string", aliases=["a"])),      True,  False),
    ("fields in another order",               record(A, N),                      record(N, A),                                     True,  True),
    ("int to long",                           record(N),                         record(field("n", "long")),                       True,  False),
    ("long to int",                           record(field("n", "long")),        record(N),                                        False, True),
    ("int to string",                         record(N),                         record(field("n", "string")),                     False, False),
    ("string to bytes",                       record(A),                         record(field("a", "bytes")),                      True,  True),
    ("a value to an optional one",            record(N),                         record(field("n", ["null", "int"])),              True,  False),
    ("an optional value to one that must be", record(field("n", ["null", "int"])), record(N),                                      False, True),
    ("a default for a field",                 record(A),                         record(field("a", "string", default="")),         True,  True),
    ("an enum's symbol more",                 record(field("k", KIND)),          record(field("k", MORE_KINDS)),                   True,  False),
    ("an enum's symbol more, with a default", record(field("k", KIND_OR_A)),     record(field("k", {**MORE_KINDS, "default": "A"})), True, True),
    ("an enum's symbol less",                 record(field("k", MORE_KINDS)),    record(field("k", KIND)),                         False, True),
    ("an enum renamed",                       record(field("k", KIND)),          record(field("k", {**KIND, "name": "Sort"})),     False, False),
    ("enum symbols in another order",         record(field("k", KIND)),          record(field("k", {**KIND, "symbols": ["B", "A"]})), True, True),
    ("a union's branch more",                 record(field("u", [X])),           record(field("u", [X, Y])),                       True,  False),
    ("a union's branch less",                 record(field("u", [X, Y])),        record(field("u", [X])),                          False, True),
    ("a change inside a branch",              record(field("u", [X, Y])),        record(field("u", [X, record(field("y", "int"), field("z", "int"), name="Y")])), False, True),
    ("a fixed of another size",               record(field("h", HASH)),          record(field("h", {**HASH, "size": 32})),         False, False),
    ("a change inside an array",              record(field("l", item(N))),       record(field("l", item(N, A))),                   False, True),
    ("an array to a value",                   record(field("l", item(N))),       record(field("l", "string")),                     False, False),
    ("a type named instead of repeated",      record(field("k", KIND), field("o", ["null", "Kind"])), record(field("k", KIND), field("o", ["null", "n.Kind"])), True, True),
    ("a type behind its name changed",        record(field("k", MORE_KINDS), field("o", "Kind")), record(field("k", KIND), field("o", "Kind")), False, True),
]  # fmt: skip


@pytest.mark.parametrize(("change", "old", "new", "forth", "back"), CHANGES)
def test_a_change_is_readable_as_avro_resolves_it(
    change: str, old: Any, new: Any, forth: bool, back: bool
) -> None:
    assert (problems(new, old) == []) is forth
    assert (problems(old, new) == []) is back


@pytest.mark.parametrize(("change", "old", "new", "forth", "back"), CHANGES)
def test_avros_own_checker_says_the_same(
    change: str, old: Any, new: Any, forth: bool, back: bool
) -> None:
    assert is_compatible(new, old) is forth
    assert is_compatible(old, new) is back


def is_compatible(reader: Any, writer: Any) -> bool:
    """The verdict of Avro's library."""
    checker = ReaderWriterCompatibilityChecker()
    verdict = checker.get_compatibility(parse(json.dumps(reader)), parse(json.dumps(writer)))
    return verdict.compatibility is SchemaCompatibilityType.compatible


# Avro takes these, and a reader would take one number for another.
MEANINGS = [
    ("milliseconds to microseconds", MILLIS, MICROS),
    ("a time to a plain number", MILLIS, "long"),
    ("a plain number to a time", "long", MILLIS),
    ("an optional time in microseconds", ["null", MILLIS], ["null", MICROS]),
    ("another scale", decimal(2), decimal(6)),
    ("another precision", decimal(2, 9), decimal(2, 18)),
    ("a time of day", {"type": "int", "logicalType": "date"}, "int"),
    ("an exact number to an inexact one", "long", "double"),
    ("a small number to an inexact one", "int", "float"),
]


@pytest.mark.parametrize(("change", "old", "new"), MEANINGS)
def test_a_number_keeps_its_meaning(change: str, old: Any, new: Any) -> None:
    assert problems(record(field("n", new)), record(field("n", old))) != []
    assert problems(record(field("n", old)), record(field("n", new))) != []


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (record(A), record(A, N), "n is not in it and has no default"),
        (record(field("n", "long")), record(N), "n was long and is int"),
        (record(field("n", MILLIS)), record(field("n", MICROS)),
         "n was logicalType timestamp-millis and is logicalType timestamp-micros"),
        (record(field("k", MORE_KINDS)), record(field("k", KIND)),
         "k lacks C and has no default for it"),
        (record(field("h", HASH)), record(field("h", {**HASH, "size": 32})),
         "h had 16 bytes and has 32"),
        (record(field("u", [X, Y])), record(field("u", [X])), "u has no branch for Y"),
        (record(field("u", [X])), record(field("u", [record(A, name="X")])),
         "u(X).a is not in it and has no default"),
        (record(field("l", item(N))), record(field("l", item(N, A))),
         "l[].a is not in it and has no default"),
        (record(A), record(A, name="Other"), "the value was named Value and is named Other"),
    ],
)  # fmt: skip
def test_a_problem_says_where_it_is_and_what(old: Any, new: Any, sentence: str) -> None:
    assert problems(new, old) == [sentence]


# ── Over all versions ──


def version(topic: str, number: int, parsed: Any, schema_id: int | None = None) -> Schema:
    text = json.dumps(parsed)
    return Schema(topic, number, schema_id or number, sha256(text.encode()).hexdigest(), text)


def test_the_schemas_that_exist_may_stand_side_by_side() -> None:
    assert check_evolution(catalogue()) == []


@pytest.mark.parametrize("schema", catalogue(), ids=lambda s: f"{s.topic}-{s.version}")
def test_a_time_that_changed_its_unit_is_found_in_every_schema_that_has_one(
    schema: Schema,
) -> None:
    if "timestamp-millis" in schema.text:
        micros = json.loads(schema.text.replace("timestamp-millis", "timestamp-micros"))
        newer = version(schema.topic, 2, micros, 9_999)
        assert any("timestamp-micros" in problem for problem in check_evolution([schema, newer]))


def test_usage_must_be_readable_both_ways() -> None:
    versions = [version("usage.calls", 1, record(A)), version("usage.calls", 2, record(N, A))]
    assert check_evolution(versions) == [
        "usage.calls 2 cannot read version 1: n is not in it and has no default"
    ]
    versions.reverse()
    versions = [version("usage.calls", 1, record(N, A)), version("usage.calls", 2, record(A))]
    assert check_evolution(versions) == [
        "usage.calls 1 cannot read version 2: n is not in it and has no default"
    ]


def test_everything_else_must_be_readable_by_newer_readers() -> None:
    fewer = [version("wallet.events", 1, record(N, A)), version("wallet.events", 2, record(A))]
    assert check_evolution(fewer) == []
    more = [version("wallet.events", 1, record(A)), version("wallet.events", 2, record(N, A))]
    assert check_evolution(more) == [
        "wallet.events 2 cannot read version 1: n is not in it and has no default"
    ]


def test_a_version_is_held_against_every_earlier_one() -> None:
    """Two steps that each may be taken, and together may not: a default does not come back."""
    first = version("wallet.events", 1, record(A, field("n", "string")))
    second = version("wallet.events", 2, record(A))
    third = version("wallet.events", 3, record(A, field("n", "int", default=0)))
    assert check_evolution([first, second]) == []
    assert check_evolution([third, second, first]) == [
        "wallet.events 3 cannot read version 1: n was string and is int"
    ]


def test_an_id_is_never_used_twice() -> None:
    versions = [version("a", 1, record(A), 7), version("b", 1, record(N), 7)]
    assert check_evolution(versions) == ["b 1 has id 7, which is a 1's; an id is never used twice"]


@pytest.mark.parametrize("numbers", [(2,), (1, 3), (0, 1), (1, 1)])
def test_versions_count_from_one(numbers: tuple[int, ...]) -> None:
    versions = [version("a", n, record(A), 100 + i) for i, n in enumerate(numbers)]
    assert check_evolution(versions) == [
        f"a has versions {list(numbers)}; they count from 1 without gap or repeat"
    ]


# ── Any two schemas ──

names = st.sampled_from(("a", "b", "c"))
primitives = st.sampled_from(("int", "long", "string", "bytes", "boolean"))
kinds = st.recursive(
    primitives
    | primitives.map(lambda kind: ["null", kind])
    | st.lists(st.sampled_from(("A", "B", "C")), min_size=1, unique=True).map(
        lambda symbols: {"type": "enum", "name": "Kind", "symbols": symbols}
    )
    | st.sampled_from((16, 32)).map(lambda size: {"type": "fixed", "name": "Hash", "size": size}),
    lambda inner: inner.map(lambda items: {"type": "array", "items": items}),
    max_leaves=3,
)


@st.composite
def schemas(draw: st.DrawFn) -> dict[str, Any]:
    """A record of one field, beside one that may or may not be there."""
    one = field(draw(names), draw(kinds))
    more = draw(st.sampled_from(((), (field("m", "int"),), (field("m", "int", default=1),))))
    return record(one, *more)


@given(schemas(), schemas())
def test_avros_checker_agrees_about_any_two_schemas(reader: Any, writer: Any) -> None:
    ours = problems(copy.deepcopy(reader), copy.deepcopy(writer)) == []
    assert ours is is_compatible(reader, writer)
