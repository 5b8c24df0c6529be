"""The partition of a key, against Java's and the client library's own."""

import pytest

from eventlog.partitioner import partition_of
from eventlog.producer import Publication, Publisher
from eventlog.reader import read_to_end
from eventlog.settings import KafkaSettings
from tests.eventlog.harness import PARTITIONS, USAGE

MANY = 2**31 - 1

# From the tests of Kafka's Java client: what `Utils.murmur2` gives, before it is made positive.
JAVA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize("key", JAVA)
def test_a_key_hashes_as_it_does_in_java(key: bytes) -> None:
    assert partition_of(key, MANY) == (JAVA[key] & 0x7FFFFFFF) % MANY


@pytest.mark.stack
def test_a_published_record_lies_where_its_key_says(kafka: KafkaSettings) -> None:
    keys = [f"tenant-{number}".encode() for number in range(100)]
    Publisher(kafka).publish(Publication(USAGE, key, b"") for key in keys)
    for partition in range(PARTITIONS):
        found = [record.key() for record in read_to_end(kafka, USAGE, partition)]
        assert found == [key for key in keys if partition_of(key, PARTITIONS) == partition]
