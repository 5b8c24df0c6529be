"""The AsyncAPI document is one, by its own standard, and tells of everything that is there."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from eventlog.topics import TOPICS, USAGE
from schemas.catalogue import catalogue, latest
from scripts.asyncapi import document

SPECIFICATIONS = Path(__file__).with_name("asyncapi-specs-6.11.1.zip")
"""The AsyncAPI initiative's JSON schema, with its licence (Apache 2.0), as it was published."""

Node = dict[str, Any]


@pytest.fixture(scope="module")
def standard() -> Draft7Validator:
    with zipfile.ZipFile(SPECIFICATIONS) as published:
        return Draft7Validator(json.loads(published.read("3.0.0.json")))


def faults(standard: Draft7Validator, found: Node) -> list[str]:
    # The library declares its argument only in part.
    validated = standard.iter_errors(found)  # pyright: ignore[reportUnknownMemberType]
    return [f"{list(fault.absolute_path)}: {fault.message}" for fault in validated]


def test_it_is_a_document_of_asyncapi(standard: Draft7Validator) -> None:
    assert faults(standard, document()) == []


@pytest.mark.parametrize(
    ("where", "wrong"),
    [
        (("channels", "usage.calls", "adress"), "g1.usage.calls"),
        (("operations", "receiveUsageCalls", "action"), "publish"),
        (("components", "messages", "usage.calls", "correlationId"), {"location": "somewhere"}),
        (("channels", "rate.cards", "bindings", "kafka", "partitions"), 0),
    ],
)
def test_what_breaks_the_standard_is_seen(
    standard: Draft7Validator, where: tuple[str, ...], wrong: object
) -> None:
    broken = document()
    node = broken
    for name in where[:-1]:
        node = node[name]
    node[where[-1]] = wrong
    assert faults(standard, broken) != []


def test_every_reference_leads_somewhere() -> None:
    found = document()
    for reference in references(found):
        node = found
        for name in reference.removeprefix("#/").split("/"):
            node = node[name]
        assert node


def references(node: object) -> Iterator[str]:
    match node:
        case {"$ref": str(reference)}:
            yield reference
        case dict():
            for value in node.values():  # pyright: ignore[reportUnknownVariableType]
                yield from references(value)  # pyright: ignore[reportUnknownArgumentType]
        case list():
            for value in node:  # pyright: ignore[reportUnknownVariableType]
                yield from references(value)  # pyright: ignore[reportUnknownArgumentType]
        case _:
            pass


def test_every_topic_is_a_channel_with_its_newest_schema_and_all_ids() -> None:
    found = document()
    assert list(found["channels"]) == [topic.name for topic in TOPICS]
    messages = found["components"]["messages"]
    for topic in TOPICS:
        assert messages[topic.name]["payload"]["schema"] == latest(topic.name).parsed
    ids = {one for message in messages.values() for one in message["x-schema-ids"].values()}
    assert ids == {schema.schema_id for schema in catalogue()}


def test_what_others_publish_is_received_and_a_command_is_answered() -> None:
    operations = document()["operations"]
    received = {one["channel"]["$ref"] for one in operations.values() if one["action"] == "receive"}
    published = [topic.name for topic in USAGE] + ["wallet.commands"]
    assert received == {f"#/channels/{name}" for name in published}
    [answered] = [one for one in operations.values() if "reply" in one]
    assert answered["reply"]["channel"] == {"$ref": "#/channels/wallet.replies"}
