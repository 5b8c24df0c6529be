"""What cannot be decoded is still read as far as it goes, and never raises, whatever it holds."""

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import UnreadableInput
from schemas.catalogue import latest
from schemas.codec import PREFIX_SIZE
from schemas.partial import NO_PREFIX, read_as_far
from tests.unit.schemas import avro
from tests.unit.schemas.examples import CALL, EXAMPLES

EVERY = [
    pytest.param(topic, example, id=f"{topic} {name}")
    for topic, examples in EXAMPLES.items()
    for name, example in examples.items()
]
WHOLE = avro.encode("usage.calls", CALL)


def is_decoded(topic: str, value: bytes) -> bool:
    try:
        avro.decode(topic, value)
    except UnreadableInput:
        return False
    return True


def leaves(value: Any) -> int:
    """How many scalars a plain value holds."""
    if isinstance(value, dict):
        return sum(map(leaves, cast("dict[str, Any]", value).values()))
    if isinstance(value, list):
        return sum(map(leaves, cast("list[Any]", value)))
    # A union's record is told by its name.
    return leaves(cast("tuple[Any, Any]", value)[1]) if isinstance(value, tuple) else 1


@pytest.mark.parametrize(("topic", "example"), EVERY)
def test_a_whole_value_is_read_whole(topic: str, example: object) -> None:
    value = avro.encode(topic, example)
    read = read_as_far(value)
    assert (read.schema, read.fault, read.stopped_at) == (latest(topic), None, len(value))
    assert len(read.fields) == leaves(avro.read(topic, value))


def test_fields_are_named_and_times_are_told() -> None:
    fields = {field.path: (field.value, field.is_time) for field in read_as_far(WHOLE).fields}
    assert fields["tenant_id"] == ("tenant-1", False)
    assert fields["started_at"] == (CALL.started_at, True)
    assert fields["tier"] == ("STANDARD", False)
    assert fields["corrects"] == (None, False)


def test_a_command_is_named_by_its_branch_and_an_item_by_its_place() -> None:
    adopt = avro.encode("wallet.commands", EXAMPLES["wallet.commands"]["AdoptCard"])
    paths = [field.path for field in read_as_far(adopt).fields]
    assert "body.AdoptCard.card_version" in paths
    assert "body.AdoptCard.lines[1].price_micros" in paths


def test_a_value_that_ends_too_early_is_read_up_to_there() -> None:
    read = read_as_far(WHOLE[:20])
    assert [field.path for field in read.fields] == ["event_id"]
    assert read.fault is not None
    assert read.stopped_at == PREFIX_SIZE + 1 + len("call-1")


def test_what_is_left_over_is_told() -> None:
    read = read_as_far(WHOLE + b"more")
    assert read.fault == "4 bytes are left over after the value"
    assert read.stopped_at == len(WHOLE)


def test_without_a_schema_nothing_is_read() -> None:
    assert read_as_far(b"not Avro") == (None, None, (), 0, NO_PREFIX)
    unknown = read_as_far(b"\0\0\0\0\7rest")
    assert (unknown.schema_id, unknown.stopped_at) == (7, PREFIX_SIZE)
    assert unknown.fault == "schema id 7 is none that this program knows"


@given(st.sampled_from(avro.TOPICS), st.binary(max_size=300))
def test_it_agrees_with_the_decoder_on_any_bytes(topic: str, payload: bytes) -> None:
    value = avro.PREFIXES[topic] + payload
    read = read_as_far(value)
    assert (read.fault is None) is is_decoded(topic, value)
    assert PREFIX_SIZE <= read.stopped_at <= len(value)
