"""The schema endpoint keeps the contract of registries."""

from collections.abc import Iterator

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient

from cli.run import registered
from devstack.schema_endpoint import SchemaEndpoint
from eventlog.settings import KafkaSettings
from tests.registry.contract import RegistryContract


@pytest.fixture(scope="module")
def client() -> Iterator[SchemaRegistryClient]:
    with (
        SchemaEndpoint(registered(KafkaSettings(""))) as endpoint,
        SchemaRegistryClient({"url": endpoint.url, "timeout": 5}) as client,
    ):
        yield client


class TestSchemaEndpoint(RegistryContract):
    """The cases that every registry passes."""
