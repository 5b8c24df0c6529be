"""The schema endpoint as Confluent's own client sees it."""

import http.client
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from devstack.schema_endpoint import CONTENT_TYPE, Catalogue, RegisteredSchema, SchemaEndpoint


def record(*fields: str) -> str:
    described = [{"name": name, "type": "long"} for name in fields]
    return json.dumps({"type": "record", "name": "Usage", "fields": described}, indent=2)


FIRST = RegisteredSchema("usage.calls-value", 1, 101, record("a"))
SECOND = RegisteredSchema("usage.calls-value", 2, 102, record("a", "b"))
OTHER = RegisteredSchema("wallet.events-value", 1, 201, record("c"))


@pytest.fixture(scope="module")
def endpoint() -> Iterator[SchemaEndpoint]:
    catalogue = Catalogue([OTHER, SECOND, FIRST], {"usage.calls-value": "FULL_TRANSITIVE"})
    with SchemaEndpoint(catalogue) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def client(endpoint: SchemaEndpoint) -> Iterator[SchemaRegistryClient]:
    with SchemaRegistryClient({"url": endpoint.url, "timeout": 5}) as client:
        yield client


def request(endpoint: SchemaEndpoint, method: str, path: str, body: str | None = None) -> object:
    """Status, content type and parsed body of a plain request."""
    connection = http.client.HTTPConnection(urlsplit(endpoint.url).netloc, timeout=5)
    connection.request(method, path, body)
    response = connection.getresponse()
    answer = response.status, response.headers["Content-Type"], json.loads(response.read())
    connection.close()
    return answer


def not_found(code: int, message: str) -> object:
    return 404, CONTENT_TYPE, {"error_code": code, "message": message}


def test_a_schema_is_found_by_its_id(client: SchemaRegistryClient) -> None:
    assert client.get_schema(102).schema_str == SECOND.schema


def test_the_subjects_and_their_versions_are_listed(client: SchemaRegistryClient) -> None:
    assert client.get_subjects() == ["usage.calls-value", "wallet.events-value"]
    assert client.get_versions("usage.calls-value") == [1, 2]


def test_the_latest_version_is_the_highest(client: SchemaRegistryClient) -> None:
    latest = client.get_latest_version("usage.calls-value")
    assert (latest.version, latest.schema_id) == (2, 102)


def test_a_version_is_found_by_its_number(client: SchemaRegistryClient) -> None:
    assert client.get_version("usage.calls-value", 1).schema_id == 101


def test_registering_a_known_schema_answers_its_id(client: SchemaRegistryClient) -> None:
    written_otherwise = json.dumps(json.loads(FIRST.schema))
    assert client.register_schema("usage.calls-value", Schema(written_otherwise, "AVRO")) == 101


@pytest.mark.parametrize("subject", ["usage.calls-value", "new-value"])
def test_registering_anything_else_is_refused(client: SchemaRegistryClient, subject: str) -> None:
    with pytest.raises(SchemaRegistryError) as raised:
        client.register_schema(subject, Schema(record("z"), "AVRO"))
    assert (raised.value.http_status_code, raised.value.error_code) == (409, 409)


def test_a_schema_is_looked_up_under_its_subject(client: SchemaRegistryClient) -> None:
    found = client.lookup_schema("usage.calls-value", Schema(SECOND.schema, "AVRO"))
    assert (found.version, found.schema_id) == (2, 102)


@pytest.mark.parametrize(("subject", "code"), [("none", 40401), ("wallet.events-value", 40403)])
def test_a_lookup_in_vain_says_what_is_missing(
    client: SchemaRegistryClient, subject: str, code: int
) -> None:
    with pytest.raises(SchemaRegistryError) as raised:
        client.lookup_schema(subject, Schema(record("z"), "AVRO"))
    assert (raised.value.http_status_code, raised.value.error_code) == (404, code)


def test_the_compatibility_is_the_subjects_own_or_the_default(client: SchemaRegistryClient) -> None:
    assert client.get_compatibility("usage.calls-value") == "FULL_TRANSITIVE"
    assert client.get_compatibility() == "BACKWARD_TRANSITIVE"


def test_the_type_is_avro(endpoint: SchemaEndpoint) -> None:
    assert request(endpoint, "GET", "/schemas/types") == (200, CONTENT_TYPE, ["AVRO"])


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("/schemas/ids/7", 40403, "Schema 7 not found"),
        ("/schemas/ids/x", 40403, "Schema x not found"),
        ("/subjects/none/versions", 40401, "Subject 'none' not found."),
        ("/subjects/none/versions/1", 40401, "Subject 'none' not found."),
        ("/subjects/wallet.events-value/versions/2", 40402, "Version 2 not found."),
        ("/associations/resources/x", 404, "HTTP 404 Not Found"),
    ],
)
def test_what_is_not_there_is_answered(
    endpoint: SchemaEndpoint, path: str, code: int, message: str
) -> None:
    assert request(endpoint, "GET", path) == not_found(code, message)


def test_a_post_to_nowhere_is_answered(endpoint: SchemaEndpoint) -> None:
    assert request(endpoint, "POST", "/nowhere", "{}") == not_found(404, "HTTP 404 Not Found")


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"schema": "{"}', '{"schema": 5}'])
def test_a_body_that_is_no_schema_is_refused(endpoint: SchemaEndpoint, body: str) -> None:
    expected = {"error_code": 42201, "message": "Input schema is an invalid Avro schema"}
    answer = request(endpoint, "POST", "/subjects/usage.calls-value/versions", body)
    assert answer == (422, CONTENT_TYPE, expected)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_nothing_can_be_changed(endpoint: SchemaEndpoint, method: str) -> None:
    expected = {"error_code": 405, "message": "HTTP 405 Method Not Allowed"}
    assert request(endpoint, method, "/config") == (405, CONTENT_TYPE, expected)
