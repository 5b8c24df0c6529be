"""Later versions of the schema of calls than there are, to see what would become of them."""

import json
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import pytest

from ledger.usage import CallUsage
from schemas import codec
from schemas.catalogue import Schema, latest
from schemas.codec import InputCodec
from tests.unit.schemas.examples import CALL

TOPIC: Final = "usage.calls"
FIRST: Final = latest(TOPIC)


class NewerCall(CallUsage, frozen=True, gc=False):
    """A call as later versions of the schema tell it."""

    language: str | None = None
    turns_of_agent: int | None = None


def with_fields(version: int, fields: Sequence[dict[str, Any]]) -> Schema:
    """A later version of the schema of calls."""
    parsed = {**FIRST.parsed, "fields": [*FIRST.parsed["fields"], *fields]}
    text = json.dumps(parsed)
    return Schema(TOPIC, version, FIRST.schema_id + version - 1, "", text)


LANGUAGE: Final = {"name": "language", "type": ["null", "string"], "default": None}
TURNS: Final = {"name": "turns_of_agent", "type": ["null", "long"], "default": None}
VERSIONS: Final = (
    FIRST,
    with_fields(2, [LANGUAGE]),
    # A field is better added last, and need not be.
    with_fields(3, [TURNS, LANGUAGE]),
)


def codec_of(monkeypatch: pytest.MonkeyPatch, known: Sequence[Schema]) -> InputCodec[NewerCall]:
    """A program that knows those versions."""

    def versions(_topic: str) -> tuple[Schema, ...]:
        return tuple(known)

    def newest(_topic: str) -> Schema:
        return known[-1]

    monkeypatch.setattr(codec, "versions", versions)
    monkeypatch.setattr(codec, "latest", newest)
    monkeypatch.setattr(codec, "TYPES", {**codec.TYPES, "CallUsage": NewerCall})
    return InputCodec[NewerCall](TOPIC)


def newer(told: CallUsage = CALL, **fields: object) -> NewerCall:
    """The call, and what only later versions can say of it."""
    return NewerCall(**msgspec.structs.asdict(told), **fields)  # pyright: ignore[reportArgumentType]
