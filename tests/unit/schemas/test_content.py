"""What tells two inputs of an id apart is what they say, whichever version says it."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from schemas import codec
from schemas.catalogue import Schema, versions
from schemas.codec import InputCodec, content_hash
from schemas.compiler import compile_encoder
from tests.unit.schemas import avro
from tests.unit.schemas.examples import CALL, EXAMPLES
from tests.unit.schemas.newer import VERSIONS, NewerCall, codec_of, newer


@pytest.fixture
def writers(monkeypatch: pytest.MonkeyPatch) -> list[InputCodec[NewerCall]]:
    """Programs of which each knows one version more."""
    return [codec_of(monkeypatch, VERSIONS[: index + 1]) for index in range(len(VERSIONS))]


def contents(
    writers: Sequence[InputCodec[NewerCall]], value: NewerCall
) -> Iterator[tuple[bool, bytes]]:
    """By each writer's version: whether its payload is its content, and the newest's hash of it."""
    newest = writers[-1]
    for writer in writers:
        written = writer.encode(value)
        content = newest.content_of(written, newest.decode(written))
        yield content == codec.payload_of(written), content_hash(content)


def test_a_field_at_its_default_counts_as_absent(writers: list[InputCodec[NewerCall]]) -> None:
    first = content_hash(codec.payload_of(codec.calls.encode(CALL)))
    assert list(contents(writers, newer())) == [(True, first), (False, first), (False, first)]


def test_a_newer_field_is_content(writers: list[InputCodec[NewerCall]]) -> None:
    """The first version cannot say it, the two others say the same."""
    (_, without), (_, second), (_, third) = contents(writers, newer(language="de"))
    assert second == third != without
    assert second not in {content for _, content in contents(writers, newer(language="en"))}


def test_a_field_of_the_newest_version_is_content(writers: list[InputCodec[NewerCall]]) -> None:
    (_, first), (_, second), (_, third) = contents(writers, newer(turns_of_agent=3))
    assert first == second != third


@pytest.mark.parametrize("topic", ["usage.calls", "usage.crawls", "usage.chat"])
def test_usage_of_its_only_version_is_hashed_as_it_stands(topic: str) -> None:
    """The processor takes the quick way for every value there is today."""
    [only] = versions(topic)
    value = b"\0" + only.schema_id.to_bytes(4, "big") + b"anything"
    assert InputCodec[Any](topic).content_of(value, None) == b"anything"


@pytest.mark.parametrize("older", versions("wallet.commands")[:-1])
def test_a_command_has_the_same_bytes_in_every_version_that_has_it(older: Schema) -> None:
    """Commands are hashed as they stand: their versions only add kinds at the end."""
    encode = compile_encoder(older.parsed, codec.TYPES)
    [body] = [field for field in older.parsed["fields"] if field["name"] == "body"]
    kinds = {kind["name"] for kind in body["type"]}
    examples = EXAMPLES["wallet.commands"].values()
    told = [command for command in examples if type(command).__name__ in kinds]
    assert {type(command).__name__ for command in told} == kinds
    for command in told:
        assert encode(command) == codec.payload_of(avro.encode("wallet.commands", command))
