"""The bytes of every type, kept for ever: what was written once is read alike by every version.

`schemas/golden/<topic>/<version>.json` holds, by name, what fastavro reads with the published
schema and the whole value in hexadecimal. A new version gets a file of its own.
"""

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import fastavro
import pytest

import schemas
from schemas.catalogue import Schema, catalogue, latest
from schemas.codec import PREFIX_SIZE
from tests.unit.schemas import avro
from tests.unit.schemas.examples import EXAMPLES, PREV

FOLDER = Path(schemas.__file__).parent / "golden"
VERSIONS = [pytest.param(schema, id=f"{schema.topic}-{schema.version}") for schema in catalogue()]


def golden(schema: Schema) -> dict[str, dict[str, Any]]:
    """A version's golden values by name; empty if there is no file."""
    path = FOLDER / schema.topic / f"{schema.version}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def readable(value: object) -> str:
    """What JSON has no word for: bytes in hexadecimal, times as ISO 8601."""
    if isinstance(value, bytes):
        return value.hex()
    assert isinstance(value, dt.datetime)
    return value.isoformat(timespec="milliseconds")


def shown(schema: Schema, value: bytes) -> Any:
    """A value as fastavro reads it with nothing but the published file."""
    payload = io.BytesIO(value[PREFIX_SIZE:])
    parsed = fastavro.parse_schema(schema.parsed)
    decoded = avro.fastavro_read(payload, parsed, return_record_name=True)
    return json.loads(json.dumps(decoded, default=readable))


@pytest.mark.parametrize("schema", VERSIONS)
def test_golden_bytes_are_read_as_the_examples(schema: Schema) -> None:
    kept = golden(schema)
    decoded = {n: avro.decode(schema.topic, bytes.fromhex(v["bytes"])) for n, v in kept.items()}
    examples = EXAMPLES[schema.topic]
    beside = schema.topic == "wallet.events"
    assert decoded == {name: (examples[name], PREV) if beside else examples[name] for name in kept}


@pytest.mark.parametrize("topic", avro.TOPICS)
def test_the_examples_are_written_as_golden_bytes(topic: str) -> None:
    """If a value is new, this shows what belongs into the golden file of the newest version."""
    newest = latest(topic)
    written = {name: avro.encode(topic, example) for name, example in EXAMPLES[topic].items()}
    assert golden(newest) == {
        name: {"value": shown(newest, value), "bytes": value.hex()}
        for name, value in written.items()
    }


@pytest.mark.parametrize("schema", VERSIONS)
def test_every_version_has_golden_bytes_that_others_read(schema: Schema) -> None:
    kept = golden(schema)
    assert kept
    for name, value in kept.items():
        assert shown(schema, bytes.fromhex(value["bytes"])) == value["value"], name


@pytest.mark.parametrize("schema", VERSIONS)
def test_golden_bytes_begin_with_the_fixed_id(schema: Schema) -> None:
    for value in golden(schema).values():
        assert value["bytes"].startswith(f"00{schema.schema_id:08x}")
