"""Schemas as an archive that Apicurio Registry 3 imports: the one way to give it our ids.

Its Confluent paths answer with the id of a content, and what sees the archive is the id of a
version; both are ours.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable
from itertools import groupby
from typing import Final, Protocol

MANIFEST: Final = {
    "systemVersion": "3.0.0",
    "systemName": "aitelier-ledger",
    "systemDescription": "schemas under fixed ids",
    "exportVersion": "3.0",
    "exportedOn": 0,
    "exportedBy": "",
    "dbVersion": "100",
}
NOBODY: Final = {
    "name": None,
    "description": None,
    "labels": None,
    "owner": "",
    "createdOn": 0,
    "modifiedBy": "",
    "modifiedOn": 0,
}


class Schema(Protocol):
    """What is archived of a schema."""

    @property
    def subject(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def schema_id(self) -> int: ...
    @property
    def text(self) -> str: ...


def archive(schemas: Iterable[Schema]) -> bytes:
    """The zip file; a subject's versions must be next to one another, oldest first."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as entries:
        entries.writestr("manifest-0.Manifest.json", json.dumps(MANIFEST))
        for subject, versions in groupby(schemas, key=lambda one: one.subject):
            held = list(versions)
            for schema in held:
                _write_content(entries, schema)
            _write_artifact(entries, subject, held)
    return file.getvalue()


def _write_content(entries: zipfile.ZipFile, schema: Schema) -> None:
    text = schema.text.encode()
    digest = hashlib.sha256(text).hexdigest()
    about = {
        "contentId": schema.schema_id,
        "contentHash": digest,
        # Given the type, the registry works out itself how it compares contents.
        "canonicalHash": None,
        "artifactType": "AVRO",
        "contentType": "application/json",
        "serializedReferences": None,
    }
    entries.writestr(f"content/{digest}.Content.json", json.dumps(about))
    entries.writestr(f"content/{digest}.Content.data", text)


def _write_artifact(entries: zipfile.ZipFile, subject: str, versions: list[Schema]) -> None:
    folder = f"groups/default/artifacts/{subject}"
    own = {"groupId": None, "artifactId": subject, **NOBODY}
    entries.writestr(
        f"{folder}/MetaData.Artifact.json", json.dumps({**own, "artifactType": "AVRO"})
    )
    for schema in versions:
        about = {
            **own,
            "globalId": schema.schema_id,
            "contentId": schema.schema_id,
            "version": str(schema.version),
            "versionOrder": schema.version,
            "state": "ENABLED",
        }
        entries.writestr(
            f"{folder}/versions/{schema.version}.ArtifactVersion.json", json.dumps(about)
        )
    branch = {
        "groupId": None,
        "artifactId": subject,
        "branchId": "latest",
        "description": None,
        "systemDefined": True,
        "owner": "",
        "createdOn": 0,
        "modifiedBy": "",
        "modifiedOn": 0,
        "versions": [str(schema.version) for schema in versions],
    }
    entries.writestr(f"{folder}/branches/latest.Branch.json", json.dumps(branch))
