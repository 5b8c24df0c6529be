"""Publishing says which records were not taken."""

import pytest

from eventlog.errors import Undelivered
from eventlog.producer import Publication, Publisher
from eventlog.reader import read_to_end
from eventlog.settings import KafkaSettings
from tests.eventlog.harness import PARTITIONS, USAGE

pytestmark = pytest.mark.stack


def test_records_are_in_the_log_once_publishing_returns(kafka: KafkaSettings) -> None:
    records = [
        Publication(USAGE, b"someone", b"1", [("name", b"value")], partition=1),
        Publication(USAGE, None, b"2", partition=1),
    ]
    assert Publisher(kafka).publish(records) == 2
    found = [(r.key(), r.value(), r.headers()) for r in read_to_end(kafka, USAGE, 1)]
    assert found == [(b"someone", b"1", [("name", b"value")]), (None, b"2", None)]


def test_many_records_are_published_in_order(kafka: KafkaSettings) -> None:
    values = [str(number).encode() * 40 for number in range(20_000)]
    Publisher(kafka).publish(Publication(USAGE, b"someone", value) for value in values)
    found = [r.value() for number in range(PARTITIONS) for r in read_to_end(kafka, USAGE, number)]
    assert found == values


def test_records_that_were_not_taken_are_named(kafka: KafkaSettings) -> None:
    too_large = Publication(USAGE, b"someone", bytes(70_000))
    with pytest.raises(Undelivered, match="Message size too large") as raised:
        Publisher(kafka).publish([Publication(USAGE, b"someone", b"fits"), too_large])
    assert [place for place, _ in raised.value.failures] == [1]
