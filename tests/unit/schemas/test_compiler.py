"""The compiler takes the part of Avro that our topics use, and refuses all else when it starts."""

from typing import Any

import msgspec
import pytest

from schemas.compiler import UnsupportedSchema, compile_decoder, compile_encoder


class Leaf(msgspec.Struct, frozen=True):
    """A record with one field."""

    name: str


class Hollow(msgspec.Struct, frozen=True):
    """A record with none."""


class Root(msgspec.Struct, frozen=True):
    """What the schemas below describe."""

    value: Any = None
    other: Any = None


TYPES = {"Root": Root, "Leaf": Leaf, "Hollow": Hollow}
LEAF = {"type": "record", "name": "Leaf", "fields": [{"name": "name", "type": "string"}]}
HOLLOW: dict[str, Any] = {"type": "record", "name": "Hollow", "fields": []}


def root(kind: Any) -> dict[str, Any]:
    """A record whose one field has that type."""
    return {"type": "record", "name": "Root", "fields": [{"name": "value", "type": kind}]}


def record(name: str, kind: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [{"name": "name", "type": kind}]}


UNSUPPORTED = [
    pytest.param(root("float"), id="float"),
    pytest.param(root("double"), id="double"),
    pytest.param(root("null"), id="null"),
    pytest.param(root({"type": "map", "values": "string"}), id="map"),
    pytest.param(root(["null", "Root"]), id="a record in itself"),
    pytest.param(root({"type": "array", "items": "Root"}), id="an array of itself"),
    pytest.param(root(record("Leaf", ["null", "Root"])), id="a record in itself, deeper"),
    pytest.param(root(record("Leaf", ["null", "Leaf"])), id="an inner record in itself"),
    pytest.param(root({"type": "array", "items": "null"}), id="an array of nulls"),
    pytest.param(root({"type": "array", "items": HOLLOW}), id="an array of empty records"),
    pytest.param(
        root({"type": "array", "items": record("Leaf", HOLLOW)}),
        id="an array of records of empty records",
    ),
    pytest.param(
        root({"type": "array", "items": {"type": "fixed", "name": "None", "size": 0}}),
        id="an array of nothing, fixed",
    ),
    pytest.param(root(["string", "null"]), id="a union that does not begin with null"),
    pytest.param(root(["null", "string", "long"]), id="a union of three"),
    pytest.param(root(["null"]), id="a union of one"),
    pytest.param(root(record("Unknown", "string")), id="a record without a type"),
]


@pytest.mark.parametrize("schema", UNSUPPORTED)
def test_what_no_topic_uses_is_refused_when_reading(schema: Any) -> None:
    with pytest.raises(UnsupportedSchema):
        compile_decoder(schema, TYPES)


@pytest.mark.parametrize("schema", UNSUPPORTED)
def test_what_no_topic_uses_is_refused_when_writing(schema: Any) -> None:
    with pytest.raises(UnsupportedSchema):
        compile_encoder(schema, TYPES)


def test_a_field_that_the_type_needs_must_be_in_the_schema() -> None:
    with pytest.raises(UnsupportedSchema, match="Leaf needs name"):
        compile_decoder(root({"type": "record", "name": "Leaf", "fields": []}), TYPES)


def test_a_field_that_the_type_does_not_know_is_passed_over() -> None:
    """An old program reads what a newer schema, that it was given, says besides."""
    schema = root("long")
    schema["fields"].insert(0, {"name": "newer", "type": "string"})
    assert compile_decoder(schema, TYPES)(b"\x04ab\x06", 0) == Root(3)


def test_a_record_may_be_used_twice_by_its_name() -> None:
    schema = root(LEAF)
    schema["fields"].append({"name": "other", "type": ["null", "Leaf"]})
    value = Root(Leaf("a"), Leaf("b"))
    written = compile_encoder(schema, TYPES)(value)
    assert written == b"\x02a\x02\x02b"
    assert compile_decoder(schema, TYPES)(written, 0) == value


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("long", 2**63),
        ("long", -(2**63) - 1),
        ("int", 2**31),
        ("int", -(2**31) - 1),
        ({"type": "fixed", "name": "Two", "size": 2}, b"abc"),
    ],
)
def test_what_could_not_be_read_again_is_not_written(kind: Any, value: object) -> None:
    """A programmer's error, so an assertion: nothing from outside comes this far."""
    with pytest.raises(AssertionError):
        compile_encoder(root(kind), TYPES)(Root(value))
