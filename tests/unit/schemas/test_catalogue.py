"""Published schemas: fixed ids, files that are never edited, every field documented."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import avro.schema
import fastavro
import pytest

import schemas
from ledger.errors import WrongSettings
from schemas import catalogue as module
from schemas.catalogue import Schema, catalogue, latest, versions
from tests.unit.schemas.avro import objects

PACKAGE = Path(schemas.__file__).parent
ALL = [pytest.param(schema, id=f"{schema.topic}-{schema.version}") for schema in catalogue()]
# An id, once given, belongs to its schema for ever.
IDS = {
    ("usage.calls", 1): 1001,
    ("wallet.commands", 1): 2001,
    ("wallet.events", 1): 3001,
    ("wallet.replies", 1): 4001,
    ("ledger.dlq", 1): 5001,
    ("ledger.resolutions", 1): 7001,
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package's data that a test may spoil."""
    for path in [*PACKAGE.glob("*/*.avsc"), PACKAGE / "ids.toml"]:
        copied = tmp_path / path.relative_to(PACKAGE)
        copied.parent.mkdir(exist_ok=True)
        shutil.copy(path, copied)

    def copied_package(name: str) -> Path:
        return tmp_path

    monkeypatch.setattr(module, "files", copied_package)
    return tmp_path


def fresh_catalogue() -> tuple[Schema, ...]:
    """The catalogue as a new process reads it."""
    return catalogue.__wrapped__()


def test_the_copied_package_is_read_like_the_real_one(package: Path) -> None:
    assert fresh_catalogue() == catalogue()


def test_a_published_file_that_was_edited_stops_the_program(package: Path) -> None:
    path = package / "usage.calls" / "1.avsc"
    path.write_text(path.read_text().replace("ended.", "ended!"))
    with pytest.raises(WrongSettings, match=r"usage.calls/1.avsc was edited .* version 2 instead"):
        fresh_catalogue()


def test_an_id_given_twice_stops_the_program(package: Path) -> None:
    path = package / "ids.toml"
    path.write_text(path.read_text().replace("id = 2001", "id = 1001"))
    with pytest.raises(WrongSettings, match="one id to two schemas"):
        fresh_catalogue()


def test_ids_stay_those_that_were_given() -> None:
    given = {(schema.topic, schema.version): schema.schema_id for schema in catalogue()}
    assert {key: given.get(key) for key in IDS} == IDS


def test_every_schema_file_is_in_the_catalogue() -> None:
    listed = {f"{schema.topic}/{schema.version}.avsc" for schema in catalogue()}
    assert {str(path.relative_to(PACKAGE)) for path in PACKAGE.glob("*/*.avsc")} == listed


def test_the_newest_version_is_the_one_written() -> None:
    for topic in {schema.topic for schema in catalogue()}:
        numbers = [schema.version for schema in versions(topic)]
        assert numbers == sorted(numbers)
        assert latest(topic).version == max(numbers)


@pytest.mark.parametrize("schema", ALL)
def test_common_tools_can_parse_it(schema: Schema) -> None:
    assert fastavro.parse_schema(schema.parsed)
    assert avro.schema.parse(schema.text).to_json() is not None


@pytest.mark.parametrize("schema", ALL)
def test_every_type_and_field_is_documented(schema: Schema) -> None:
    assert [name for name, doc in described(schema.parsed) if not doc.endswith((".", "…"))] == []


@pytest.mark.parametrize("schema", ALL)
def test_every_optional_field_is_absent_by_default(schema: Schema) -> None:
    """Content is compared with a field at its default counting as absent (decision 6)."""
    kinds = ((field, field["type"]) for field in fields(schema.parsed))
    optional = [field for field, kind in kinds if isinstance(kind, list) and "null" in kind]
    assert [field["name"] for field in optional if field.get("default", 0) is not None] == []


@pytest.mark.parametrize("schema", ALL)
def test_every_time_says_that_it_is_in_milliseconds(schema: Schema) -> None:
    times = [f for f in fields(schema.parsed) if f["name"].endswith(("_at", "_at_ms", "from_ms"))]
    told = {f["name"] for f in times if "timestamp-millis" not in json.dumps(f["type"])}
    assert told == set()


def fields(node: Any) -> Iterator[dict[str, Any]]:
    """Every field of every record a schema defines."""
    for json_object in objects(node):
        yield from json_object.get("fields", ())


def described(node: Any) -> Iterator[tuple[str, str]]:
    """The name and doc of every field and named type, but for a fixed, which has no doc."""
    for json_object in objects(node):
        if "name" in json_object and json_object["type"] != "fixed":
            yield json_object["name"], json_object.get("doc", "")
