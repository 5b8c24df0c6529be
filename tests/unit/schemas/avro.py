"""The other side of the wire: fastavro with the published `.avsc`, and plain views of objects.

`logicalType` is taken out of the schemas here, so that times stay numbers, also where they are
beyond what a `datetime` can show.
"""

import io
import re
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, Final, cast

import fastavro
import msgspec
import pytest
from fastavro.types import Schema as FastavroSchema

from ledger.commands import Command
from ledger.errors import UnreadableInput
from ledger.events import Event
from schemas.catalogue import catalogue, latest
from schemas.codec import (
    EVENT_ATTRIBUTES,
    PREFIX_SIZE,
    TYPES,
    asked,
    calls,
    chat,
    crawls,
    dead_letters,
    rate_cards,
    replies,
    resolutions,
    wallet_events,
)
from schemas.compiler import compile_decoder, compile_encoder
from tests.unit.schemas.examples import PREV

TOPICS: Final = tuple(sorted({schema.topic for schema in catalogue()}))
NAMESPACE: Final = "aitelier.ledger"
_CODECS: Final[dict[str, Any]] = {
    "usage.calls": calls,
    "usage.crawls": crawls,
    "usage.chat": chat,
    "wallet.commands": asked,
    "wallet.replies": replies,
    "rate.cards": rate_cards,
    "ledger.dlq": dead_letters,
    "ledger.resolutions": resolutions,
}
# fastavro's own types are incomplete.
fastavro_read = cast("Callable[..., Any]", fastavro.schemaless_reader)
_write = cast("Callable[..., None]", fastavro.schemaless_writer)
_FIELDS: Final = {attribute: field for field, attribute in EVENT_ATTRIBUTES.items()}


def without_logical_types(node: Any) -> Any:
    """A parsed `.avsc` in which a time is a plain long."""
    if isinstance(node, dict):
        json_object = cast("dict[str, Any]", node)
        if "logicalType" in json_object:
            return json_object["type"]
        return {key: without_logical_types(value) for key, value in json_object.items()}
    if isinstance(node, list):
        return [without_logical_types(item) for item in cast("list[Any]", node)]
    return node


def objects(node: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object within a parsed schema: records, fields, enums and all else."""
    if isinstance(node, dict):
        json_object = cast("dict[str, Any]", node)
        yield json_object
        for value in json_object.values():
            yield from objects(value)
    elif isinstance(node, list):
        for item in cast("list[Any]", node):
            yield from objects(item)


PLAIN: Final[dict[str, FastavroSchema]] = {
    topic: fastavro.parse_schema(without_logical_types(latest(topic).parsed)) for topic in TOPICS
}
_CHOICES: Final = {
    (record["name"], field["name"])
    for topic in TOPICS
    for record in objects(latest(topic).parsed)
    if record.get("type") == "record"
    for field in record["fields"]
    if isinstance(field["type"], list) and "null" not in field["type"]
}
"""Fields that hold one of several records, by their record's name and their own."""
PREFIXES: Final = {
    topic: b"\0" + latest(topic).schema_id.to_bytes(PREFIX_SIZE - 1, "big") for topic in TOPICS
}

_RENAMED: Final = {"wallet.events": EVENT_ATTRIBUTES}
_BESIDE: Final = {"wallet.events": "prev"}
GENERATED_DECODERS: Final = {
    topic: compile_decoder(latest(topic).parsed, TYPES, _RENAMED.get(topic), _BESIDE.get(topic))
    for topic in TOPICS
}
"""What reads where nothing is compiled from C, and what the quick way must agree with."""
GENERATED_ENCODERS: Final = {
    topic: compile_encoder(
        latest(topic).parsed, TYPES, PREFIXES[topic], _RENAMED.get(topic), _BESIDE.get(topic)
    )
    for topic in TOPICS
}


def write(topic: str, value: Any) -> bytes:
    """The value's bytes as fastavro makes them, in the wire format."""
    buffer = io.BytesIO(PREFIXES[topic])
    buffer.seek(0, io.SEEK_END)
    _write(buffer, PLAIN[topic], value)
    return buffer.getvalue()


def read(topic: str, value: bytes) -> Any:
    """What fastavro reads: plain values, a union's record as its name and fields."""
    payload = io.BytesIO(value[PREFIX_SIZE:])
    # A union tells which record it holds only where it has several, as `body` does.
    return fastavro_read(
        payload, PLAIN[topic], return_record_name=True, return_record_name_override=True
    )


def encode(topic: str, value: Any) -> bytes:
    """The value's bytes as ours."""
    return encode_again(topic, (value, PREV) if topic == "wallet.events" else value)


def decode(topic: str, value: bytes) -> Any:
    """Our object; an event with its `prev`. The quick way and the generated code read alike."""
    codec = wallet_events if topic == "wallet.events" else _CODECS[topic]
    if value[:PREFIX_SIZE] != PREFIXES[topic]:
        return codec.decode(value)
    try:
        expected = GENERATED_DECODERS[topic](value, PREFIX_SIZE)
    except UnreadableInput as error:
        with pytest.raises(type(error), match=f"^{re.escape(str(error))}$"):
            codec.decode(value)
        raise
    decoded = codec.decode(value)
    assert decoded == expected
    return decoded


def encode_again(topic: str, decoded: Any) -> bytes:
    """The bytes of what `decode` returned; the generated code writes the same."""
    codec = wallet_events if topic == "wallet.events" else _CODECS[topic]
    arguments = decoded if topic == "wallet.events" else (decoded,)
    encoded: bytes = codec.encode(*arguments)
    assert encoded == GENERATED_ENCODERS[topic](*arguments)
    return encoded


def plain(topic: str, decoded: Any) -> Any:
    """What `decode` returned, in the form in which `read` returns it."""
    if topic == "wallet.events":
        event, prev = decoded
        return _with_body(event, Event, {"prev": prev})
    if topic == "wallet.commands":
        return _with_body(decoded, Command, {})
    return _plain(decoded)


def _with_body(value: msgspec.Struct, base: type[msgspec.Struct], beside: dict[str, Any]) -> Any:
    """The fields of the base around, the others in the body."""
    fields = _plain(value)
    around = {_FIELDS.get(name, name) for name in base.__struct_fields__}
    envelope = {name: field for name, field in fields.items() if name in around}
    body = {name: field for name, field in fields.items() if name not in around}
    return envelope | beside | {"body": (f"{NAMESPACE}.{type(value).__name__}", body)}


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        names = type(value).__struct_fields__
        kind = type(value).__name__
        return {
            _FIELDS.get(name, name): _named(getattr(value, name))
            if (kind, name) in _CHOICES
            else _plain(getattr(value, name))
            for name in names
        }
    if isinstance(value, tuple):
        return [_plain(item) for item in cast("tuple[object, ...]", value)]
    return value.name if isinstance(value, Enum) else value


def _named(value: object) -> tuple[str, Any]:
    """One of several records is told by its name."""
    return f"{NAMESPACE}.{type(value).__name__}", _plain(value)
