"""What every registry answers that holds our schemas, through Confluent's own client.

The schema endpoint and a production registry run the same cases: whoever decodes a topic must not
notice which one is asked.
"""

import io
import json
from itertools import groupby

import fastavro
import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

from schemas.catalogue import catalogue, latest
from schemas.codec import PREFIX_SIZE
from tests.unit.schemas import avro
from tests.unit.schemas.test_golden import golden

CALLS, EVENTS = "g1.usage.calls-value", "g1.wallet.events-value"
STRANGE = json.dumps(
    {"type": "record", "name": "Strange", "fields": [{"name": "a", "type": "long"}]}
)


def subject(topic: str) -> str:
    return f"g1.{topic}-value"


class RegistryContract:
    """The cases; a subclass gives `client`, to a registry that holds our schemas and no others."""

    def test_every_schema_is_found_by_its_fixed_id(self, client: SchemaRegistryClient) -> None:
        for schema in catalogue():
            found = client.get_schema(schema.schema_id).schema_str
            assert found is not None
            assert json.loads(found) == schema.parsed

    def test_the_subjects_and_their_versions_are_listed(self, client: SchemaRegistryClient) -> None:
        topics = {topic: list(held) for topic, held in groupby(catalogue(), lambda one: one.topic)}
        assert sorted(client.get_subjects()) == sorted(map(subject, topics))
        for topic, held in topics.items():
            assert client.get_versions(subject(topic)) == [one.version for one in held]

    def test_the_latest_version_is_the_highest(self, client: SchemaRegistryClient) -> None:
        found, newest = client.get_latest_version(EVENTS), latest("wallet.events")
        assert (found.version, found.schema_id) == (newest.version, newest.schema_id)

    def test_a_version_is_found_by_its_number(self, client: SchemaRegistryClient) -> None:
        for schema in catalogue():
            found = client.get_version(subject(schema.topic), schema.version)
            assert found.schema_id == schema.schema_id

    def test_registering_a_known_schema_answers_its_id(self, client: SchemaRegistryClient) -> None:
        written_otherwise = json.dumps(latest("usage.calls").parsed)
        assert client.register_schema(CALLS, Schema(written_otherwise, "AVRO")) == 1001

    def test_registering_what_does_not_fit_is_refused(self, client: SchemaRegistryClient) -> None:
        with pytest.raises(SchemaRegistryError) as raised:
            client.register_schema(CALLS, Schema(STRANGE, "AVRO"))
        assert (raised.value.http_status_code, raised.value.error_code) == (409, 409)

    def test_a_schema_is_looked_up_under_its_subject(self, client: SchemaRegistryClient) -> None:
        for schema in catalogue():
            found = client.lookup_schema(subject(schema.topic), Schema(schema.text, "AVRO"))
            assert (found.version, found.schema_id) == (schema.version, schema.schema_id)

    @pytest.mark.parametrize(("asked", "code"), [("none", 40401), (EVENTS, 40403)])
    def test_a_lookup_in_vain_says_what_is_missing(
        self, client: SchemaRegistryClient, asked: str, code: int
    ) -> None:
        with pytest.raises(SchemaRegistryError) as raised:
            client.lookup_schema(asked, Schema(STRANGE, "AVRO"))
        assert (raised.value.http_status_code, raised.value.error_code) == (404, code)

    def test_what_is_not_there_is_answered(self, client: SchemaRegistryClient) -> None:
        for ask, code in (
            (lambda: client.get_schema(7), 40403),
            (lambda: client.get_versions("none"), 40401),
            (lambda: client.get_version(CALLS, 99), 40402),
        ):
            with pytest.raises(SchemaRegistryError) as raised:
                ask()
            assert (raised.value.http_status_code, raised.value.error_code) == (404, code)

    def test_usage_must_be_readable_both_ways_and_the_rest_by_newer_readers(
        self, client: SchemaRegistryClient
    ) -> None:
        assert client.get_compatibility(CALLS) == "FULL_TRANSITIVE"
        assert client.get_compatibility(EVENTS) == "BACKWARD_TRANSITIVE"

    def test_an_ordinary_consumer_decodes_what_we_write(self, client: SchemaRegistryClient) -> None:
        decode = AvroDeserializer(client)  # pyright: ignore[reportCallIssue] -- its stubs are wrong
        for schema in catalogue():
            context = SerializationContext(f"g1.{schema.topic}", MessageField.VALUE)
            for kept in golden(schema).values():
                value = bytes.fromhex(kept["bytes"])
                payload = io.BytesIO(value[PREFIX_SIZE:])
                read = avro.fastavro_read(payload, fastavro.parse_schema(schema.parsed))
                assert decode(value, context) == read
