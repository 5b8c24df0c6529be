"""Our codec and fastavro write the same bytes and read the same values, for every schema."""

from collections.abc import Iterator
from enum import Enum
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.events import HoldMeans, ProjectMode, ReviewReason
from ledger.refusals import Refusal
from ledger.usage import CallOutcome, Tier
from schemas.catalogue import latest
from tests.unit.schemas import avro
from tests.unit.schemas.examples import EXAMPLES
from tests.unit.schemas.strategies import values

TOPIC_VALUES = {
    topic: values(avro.without_logical_types(latest(topic).parsed)) for topic in avro.TOPICS
}
WORDS = (Tier, CallOutcome, ProjectMode, HoldMeans, ReviewReason, Refusal)


def enums(node: Any) -> Iterator[dict[str, Any]]:
    """Every enum that a parsed schema defines."""
    yield from (found for found in avro.objects(node) if found.get("type") == "enum")


@pytest.mark.parametrize("topic", avro.TOPICS)
@given(data=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_fastavro_writes_is_read_field_by_field_and_written_alike(
    topic: str, data: st.DataObject
) -> None:
    value: Any = data.draw(TOPIC_VALUES[topic])
    written = avro.write(topic, value)
    decoded = avro.decode(topic, written)
    assert avro.plain(topic, decoded) == value
    assert avro.encode_again(topic, decoded) == written
    assert avro.read(topic, written) == value


@pytest.mark.parametrize("topic", avro.TOPICS)
def test_there_is_an_example_of_every_type_on_the_topic(topic: str) -> None:
    schema = latest(topic).parsed
    bodies = [field["type"] for field in schema["fields"] if field["name"] == "body"]
    types = {record["name"] for record in bodies[0]} if bodies else {None}
    shown = {type(example).__name__ for example in EXAMPLES[topic].values()}
    assert shown >= types if bodies else len(shown) == 1


@pytest.mark.parametrize("word", WORDS)
def test_every_word_of_the_core_can_be_written(word: type[Enum]) -> None:
    """A member that a schema lacks would stop the partition that first decides it."""
    written = [
        enum["symbols"]
        for topic in avro.TOPICS
        for enum in enums(latest(topic).parsed)
        if enum["name"] == word.__name__
    ]
    assert written
    assert all(symbols == [member.name for member in word] for symbols in written)
