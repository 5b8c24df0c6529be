"""The schemas that exist: read from the package, each with its topic, version and fixed id."""

import hashlib
import json
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from ledger.errors import WrongSettings


class Schema(NamedTuple):
    """One version of a topic's value. `text` is the `.avsc` as it is in the package."""

    topic: str
    version: int
    schema_id: int
    sha256: str
    text: str

    @property
    def parsed(self) -> dict[str, Any]:
        """The schema as JSON."""
        parsed: dict[str, Any] = json.loads(self.text)
        return parsed


@cache
def catalogue() -> tuple[Schema, ...]:
    """Every schema version by topic and age; raises `WrongSettings` if a file was edited."""
    folder = files("schemas")
    listed = tomllib.loads((folder / "ids.toml").read_text(encoding="utf-8"))["schema"]
    schemas = [
        Schema(
            entry["topic"],
            entry["version"],
            entry["id"],
            entry["sha256"],
            (folder / entry["topic"] / f"{entry['version']}.avsc").read_text(encoding="utf-8"),
        )
        for entry in listed
    ]
    for schema in schemas:
        if hashlib.sha256(schema.text.encode()).hexdigest() != schema.sha256:
            raise WrongSettings(
                f"schemas/{schema.topic}/{schema.version}.avsc was edited after it was published;"
                f" restore it and add version {schema.version + 1} instead"
            )
    if len({schema.schema_id for schema in schemas}) != len(schemas):
        raise WrongSettings("schemas/ids.toml gives one id to two schemas")
    return tuple(sorted(schemas, key=lambda schema: (schema.topic, schema.version)))


def versions(topic: str) -> tuple[Schema, ...]:
    """The versions of a topic's schema, oldest first."""
    return tuple(schema for schema in catalogue() if schema.topic == topic)


def latest(topic: str) -> Schema:
    """The version that is written today."""
    return versions(topic)[-1]
