"""Bytes from strangers are read as what they say, or refused with a reason: never a crash, never a
wrong number.
"""

import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from ledger.errors import UnreadableInput
from schemas.codec import DeadLetter, UnknownSchema
from schemas.primitives import Malformed
from tests.unit.schemas import avro
from tests.unit.schemas.examples import EXAMPLES

VALUES = {
    f"{topic} {name}": (topic, avro.encode(topic, example))
    for topic, examples in EXAMPLES.items()
    for name, example in examples.items()
}
CASES = [pytest.param(*value, id=name) for name, value in VALUES.items()]
TOO_BIG = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
"""-2^63 as a varint of ten bytes."""


def string(text: str) -> bytes:
    return bytes([2 * len(text)]) + text.encode()


# A payload of usage.calls, field by field in the schema's order; all numbers are of one byte.
FIELDS: dict[str, bytes] = {
    "event_id": string("e"),
    "tenant_id": string("t"),
    "project_id": string("p"),
    "corrects": b"\x00",
    "withdrawn": b"\x00",
    "call_id": string("c"),
    "scenario_id": string("s"),
    "started_at": b"\x02",
    "ended_at": b"\x04",
    "tier": b"\x02",
    "goal_reached": b"\x01",
    "flagged_spam": b"\x00",
    "duration_ms": b"\x02",
    "duration_cap_ms": b"\x02",
    "user_turns": b"\x06",
    "hold_id": b"\x02" + string("h"),
}


def usage_with(**replaced: bytes) -> bytes:
    """A value of usage.calls with the bytes of some fields replaced."""
    return avro.PREFIXES["usage.calls"] + b"".join((FIELDS | replaced).values())


def dead_letter_with(headers: bytes) -> bytes:
    """A value of ledger.dlq that ends with these bytes of its array of headers."""
    whole = avro.encode("ledger.dlq", EXAMPLES["ledger.dlq"]["DeadLetter of nothing"])
    assert whole.endswith(b"\x00")
    return whole[:-1] + headers


def test_the_fields_spelt_out_are_a_value() -> None:
    usage = avro.decode("usage.calls", usage_with())
    assert (usage.event_id, usage.user_turns, usage.hold_id) == ("e", 3, "h")


@pytest.mark.parametrize(
    ("field", "written", "reason"),
    [
        ("event_id",     b"\x01",                     "a length is negative or reaches beyond"),
        ("event_id",     TOO_BIG,                     "a length is negative or reaches beyond"),
        ("event_id",     b"\xfe" * 9 + b"\x01",       "a length is negative or reaches beyond"),
        ("event_id",     b"\xfe\xff\xff\xff\x0f",     "a length is negative or reaches beyond"),
        ("event_id",     b"\x04\xff\xfe",             "not UTF-8"),
        ("event_id",     b"\x06\xed\xa0\x80",         "not UTF-8"),
        ("event_id",     b"\x04\xc0\x80",             "not UTF-8"),
        ("corrects",     b"\x04",                     "a union has no branch 2"),
        ("corrects",     b"\x01",                     "a union has no branch -1"),
        ("hold_id",      b"\x03" + string("h"),       "a union has no branch -2"),
        ("withdrawn",    b"\x02",                     "neither 0 nor 1"),
        ("goal_reached", b"\xff",                     "neither 0 nor 1"),
        ("tier",         b"\x06",                     "an enum has no symbol 3"),
        ("tier",         b"\x01",                     "an enum has no symbol -1"),
        ("tier",         TOO_BIG,                     "an enum has no symbol"),
        ("user_turns",   b"\x80\x80\x80\x80\x10",     "2147483648 does not fit an int"),
        ("user_turns",   b"\x81\x80\x80\x80\x10",     "-2147483649 does not fit an int"),
        ("user_turns",   b"\x80\x80\x80\x80\x80\x40", "1099511627776 does not fit an int"),
        ("duration_ms",  b"\x82\x00",                 "more bytes than it needs"),
        ("duration_ms",  b"\x80\x00",                 "more bytes than it needs"),
        ("duration_ms",  b"\x82\x80\x80\x80\x80\x80\x80\x80\x80\x00", "more bytes than it needs"),
        ("duration_ms",  b"\xff" * 9 + b"\x02",       "more than 64 bits"),
        ("duration_ms",  b"\xff" * 10 + b"\x01",      "more than ten bytes"),
        ("duration_ms",  b"\x80" * 40,                "more than ten bytes"),
        ("tier",         b"\x82\x00",                 "more bytes than it needs"),
        ("corrects",     b"\x80\x00",                 "more bytes than it needs"),
    ],
)  # fmt: skip
def test_a_field_that_is_not_of_its_type_is_refused(
    field: str, written: bytes, reason: str
) -> None:
    with pytest.raises(Malformed, match=reason):
        avro.decode("usage.calls", usage_with(**{field: written}))


@pytest.mark.parametrize("size", range(1, 11))
@pytest.mark.parametrize("low", [0, 1, -1])
def test_numbers_of_every_length_are_read_as_written(size: int, low: int) -> None:
    number = min(2 ** (7 * size - 1) - 1, 2**63 - 1) - low
    for signed in (number, -number - 1):
        if -(2**63) <= signed < 2**63:
            value = avro.write("usage.calls", _plain_usage() | {"started_at": signed})
            assert avro.decode("usage.calls", value).started_at == signed


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63)])
def test_the_outermost_numbers_are_read_as_they_are(number: int) -> None:
    value = avro.write("usage.calls", _plain_usage() | {"ended_at": number})
    assert avro.decode("usage.calls", value).ended_at == number


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (b"\x02",                              "ends too early|reaches beyond"),
        (TOO_BIG,                              "ends too early"),
        (TOO_BIG + b"\x00",                    "reaches beyond"),
        (b"\xfe" * 9 + b"\x01",                "reaches beyond"),
        (b"\x80\xda\xc4\x09" + bytes(4),       "reaches beyond"),
        (b"\x01",                              "ends too early|reaches beyond"),
        (b"\x01\x08",                          "ends too early|reaches beyond"),
        (b"\xff\xd9\xc4\x09\x00" + bytes(4),   "reaches beyond"),
        (b"\x02" + string("n") + b"\x00",      "ends too early"),
        (b"\x02" + string("n") + b"\x00\x00\x00", "1 bytes are left over"),
        (b"\x02\x01\x00\x00",                  "negative or reaches beyond"),
    ],
)  # fmt: skip
def test_an_array_that_cannot_be_there_is_refused(headers: bytes, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        avro.decode("ledger.dlq", dead_letter_with(headers))


def test_an_array_in_sized_blocks_is_read() -> None:
    """Avro allows it, though we never write it."""
    one = string("n") + b"\x00"
    blocks = b"\x01" + bytes([2 * len(one)]) + one + b"\x02" + one + b"\x00"
    letter = avro.decode("ledger.dlq", dead_letter_with(blocks))
    assert [header.name for header in letter.headers] == ["n", "n"]


def test_a_body_of_no_known_type_is_refused() -> None:
    tick = avro.encode("wallet.commands", EXAMPLES["wallet.commands"]["Tick"])
    for index in (b"\x7e", b"\x01", TOO_BIG):
        with pytest.raises(Malformed, match="a union has no branch"):
            avro.decode("wallet.commands", tick[:-1] + index)


@pytest.mark.parametrize(("topic", "value"), CASES)
def test_a_value_cut_anywhere_is_refused(topic: str, value: bytes) -> None:
    for size in range(len(value)):
        with pytest.raises(Malformed):
            avro.decode(topic, value[:size])


@pytest.mark.parametrize(("topic", "value"), CASES)
@pytest.mark.parametrize("more", [b"\x00", b"\x02\x02\x02", b"more"])
def test_a_value_with_more_behind_it_is_refused(topic: str, value: bytes, more: bytes) -> None:
    with pytest.raises(Malformed, match=f"{len(more)} bytes are left over"):
        avro.decode(topic, value + more)


@pytest.mark.parametrize("topic", avro.TOPICS)
@pytest.mark.parametrize(
    "prefix", [b"", b"\x00", b"\x00\x00\x00\x03", b"\x01\x00\x00\x03\xe9", b'{"event_id"']
)
def test_a_value_without_the_wire_format_is_refused(topic: str, prefix: bytes) -> None:
    with pytest.raises(Malformed, match="zero byte and a four-byte schema id"):
        avro.decode(topic, prefix)


@pytest.mark.parametrize("topic", avro.TOPICS)
@pytest.mark.parametrize("schema_id", [0, 1, 999, 2**31, 2**32 - 1])
def test_an_unknown_schema_is_refused_by_its_number(topic: str, schema_id: int) -> None:
    with pytest.raises(UnknownSchema, match=f"schema id {schema_id} is not one of {topic}'s"):
        avro.decode(topic, b"\x00" + schema_id.to_bytes(4, "big") + b"\x00" * 40)


@pytest.mark.parametrize(("topic", "value"), CASES)
def test_a_value_of_another_topic_is_refused(topic: str, value: bytes) -> None:
    for other in set(avro.TOPICS) - {topic}:
        with pytest.raises(UnknownSchema):
            avro.decode(other, value)


def read_or_refuse(topic: str, value: bytes) -> None:
    """Whatever the bytes: an object that fastavro reads alike, or `UnreadableInput`."""
    try:
        decoded = avro.decode(topic, value)
    except UnreadableInput:
        return
    assert avro.plain(topic, decoded) == avro.read(topic, value)
    again = avro.decode(topic, avro.encode_again(topic, decoded))
    assert again == decoded


cases = st.sampled_from(list(VALUES.values()))
# Bytes that mean something: signs, ends of ranges, continued numbers.
telling = st.sampled_from((0, 1, 2, 3, 4, 0x7F, 0x80, 0x81, 0xFE, 0xFF)) | st.integers(0, 255)


@given(cases, st.data())
@settings(max_examples=1_500, deadline=None)
def test_a_value_changed_anywhere_is_read_as_fastavro_reads_it_or_refused(
    case: tuple[str, bytes], data: st.DataObject
) -> None:
    topic, value = case
    changed = bytearray(value)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(5, len(value) - 1))
        change = data.draw(st.sampled_from(("set", "insert", "delete")))
        if change == "insert":
            changed.insert(at, data.draw(telling))
        elif at < len(changed):
            if change == "set":
                changed[at] = data.draw(telling)
            else:
                del changed[at]
    read_or_refuse(topic, bytes(changed))


@given(st.sampled_from(avro.TOPICS), st.binary(max_size=300))
@settings(max_examples=1_000, deadline=None)
def test_random_bytes_are_read_as_fastavro_reads_them_or_refused(topic: str, noise: bytes) -> None:
    read_or_refuse(topic, avro.PREFIXES[topic] + noise)


NOW = bytes.fromhex("8080aaf0fd66")
"""A time of these years, as most values have them."""


@given(st.lists(st.permutations(range(1, 6)), min_size=2, max_size=8))
@settings(max_examples=300, deadline=None)
def test_values_of_one_length_are_read_whatever_their_texts_lengths(
    lengths: list[list[int]],
) -> None:
    names = ("event_id", "tenant_id", "project_id", "call_id", "scenario_id")
    for of_texts in lengths:
        texts = {n: string(n[0] * size) for n, size in zip(names, of_texts, strict=True)}
        value = usage_with(**texts, started_at=NOW, ended_at=NOW)
        read = avro.decode("usage.calls", value)
        assert [len(getattr(read, name)) for name in names] == of_texts
        assert avro.plain("usage.calls", read) == avro.read("usage.calls", value)


@pytest.mark.parametrize(("topic", "value"), CASES)
def test_every_single_byte_changed_is_read_alike_or_refused(topic: str, value: bytes) -> None:
    for at in range(5, len(value)):
        for byte in (0, 1, 2, 0x7F, 0x80, 0xFF, value[at] ^ 1, value[at] ^ 0x80):
            read_or_refuse(topic, value[:at] + bytes([byte]) + value[at + 1 :])


@pytest.mark.parametrize("topic", avro.TOPICS)
def test_refusing_costs_no_more_than_reading(topic: str) -> None:
    """64 KiB of any one byte, the most an input topic takes, are refused at once."""
    began = time.perf_counter()
    for byte in range(256):
        with pytest.raises(UnreadableInput):
            avro.decode(topic, avro.PREFIXES[topic] + bytes([byte]) * 65_536)
    assert time.perf_counter() - began < 10


def _plain_usage() -> dict[str, Any]:
    usage: dict[str, Any] = avro.read("usage.calls", usage_with())
    return usage


def test_long_texts_of_strangers_are_not_kept_in_memory() -> None:
    """A dead letter quotes what it could not take; remembering each would fill the memory."""
    letter = EXAMPLES["ledger.dlq"]["DeadLetter"]
    assert isinstance(letter, DeadLetter)
    tracemalloc.start()
    for number in range(50):
        message = f"{number} {'x' * 100_000}"
        avro.encode("ledger.dlq", structs.replace(letter, message=message))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 1_000_000
