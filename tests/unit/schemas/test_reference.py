"""The page about the topics says what the schemas say."""

import pytest

from schemas.catalogue import Schema, catalogue, latest
from schemas.reference import COMMAND, PAGE, topics_page
from tests.unit.schemas.avro import TOPICS
from tests.unit.schemas.test_catalogue import described


def test_the_page_is_the_one_the_schemas_make() -> None:
    assert PAGE.read_text(encoding="utf-8") == topics_page(catalogue()), f"run `{COMMAND}`"


@pytest.mark.parametrize("topic", TOPICS)
def test_every_field_is_on_the_page_with_its_meaning(topic: str) -> None:
    page = topics_page([latest(topic)])
    missing = [name for name, doc in described(latest(topic).parsed) if doc not in page]
    assert missing == []


def test_the_page_shows_the_newest_version_and_every_id() -> None:
    old = latest("usage.calls")
    text = old.text.replace("published by the platform", "sent by upstream")
    page = topics_page([old, Schema(old.topic, 2, 1002, "", text)])
    assert "sent by upstream when it has ended." in page
    assert "Schema ids: version 1: 1001, version 2: 1002." in page
    assert "published by the platform" not in page
