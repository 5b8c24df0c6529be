"""A production schema registry over Confluent's REST paths: compared with ours, and given what it
lacks under our fixed ids.

Registering would give each schema an id of the registry's choice; what is on the topics begins with
ours. So schemas are imported: in Confluent's import mode, or in Apicurio's own archive, since its
Confluent paths take an id and ignore it.
"""

import base64
import json
import ssl
import urllib.request
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from typing import Any, Final, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import quote

from gateways.apicurio import archive
from ledger.errors import LedgerError, TryAgain

CONTENT_TYPE: Final = "application/vnd.schemaregistry.v1+json"
APICURIO: Final = "/apis/ccompat/"
NOT_FOUND: Final = 404
# Some registries never answer what they do not know.
ANSWER_S: Final = 10.0


class RegistryUnavailable(TryAgain):
    """The registry cannot be reached, or did not answer in time."""


class RegistryRefused(LedgerError):
    """The registry said no, or holds what must not be overwritten; the message says what."""


class Registered(NamedTuple):
    """One version of a subject; `text` is its JSON, `schema_id` the number values begin with."""

    subject: str
    version: int
    schema_id: int
    text: str


class Difference(NamedTuple):
    """Where the registry is not as it must be; `version` is 0 where it is about the subject."""

    subject: str
    version: int
    what: str
    expected: str
    found: str

    @property
    def is_missing(self) -> bool:
        """Whether there is nothing yet in its place."""
        return self.what == "schema" and self.found == "missing"

    @property
    def is_mended(self) -> bool:
        """Whether publishing mends it."""
        return self.is_missing or self.what in ("compatibility", "mode")


class Registry:
    """One registry. Every method raises RegistryUnavailable and RegistryRefused.

    `url` is that of the Confluent paths: Apicurio's ends in `/apis/ccompat/v7`.
    """

    def __init__(self, url: str, user: str = "", password: str = "", ca_file: str = "") -> None:
        self._url = url.rstrip("/")
        self._headers: dict[str, str] = {}
        if user:
            pair = base64.b64encode(f"{user}:{password}".encode()).decode()
            self._headers["Authorization"] = f"Basic {pair}"
        self._tls = ssl.create_default_context(cafile=ca_file or None)

    def differences(
        self, wanted: Sequence[Registered], compatibility: Mapping[str, str]
    ) -> list[Difference]:
        """Each way in which the registry is not as wanted; what else it holds is not looked at.

        `compatibility` is the level of each subject.
        """
        found = [one for schema in wanted for one in self._differences_of(schema)]
        for subject, level in compatibility.items():
            if self._is_left_importing(subject):
                found.append(Difference(subject, 0, "mode", "READWRITE", "IMPORT"))
            answer = self._ask("GET", f"/config/{quote(subject, safe='')}")
            now = str((answer or {}).get("compatibilityLevel", "unset"))
            if now != level:
                found.append(Difference(subject, 0, "compatibility", level, now))
        return found

    def publish(
        self, wanted: Sequence[Registered], compatibility: Mapping[str, str]
    ) -> list[Registered]:
        """Import what is missing under its fixed id, and set the levels; what was imported.

        Nothing is done where something differs that is there already: values may have been written
        with it.
        """
        # 1. Refuse what cannot be mended.
        found = self.differences(wanted, compatibility)
        wrong = [one for one in found if not one.is_mended]
        if wrong:
            raise RegistryRefused("; ".join(map(_sentence, wrong)))
        # 2. Import the rest.
        lacking = {(one.subject, one.version) for one in found if one.is_missing}
        missing = [one for one in wanted if (one.subject, one.version) in lacking]
        if missing and APICURIO in self._url:
            self._import_archive(missing)
        for schema in () if APICURIO in self._url else missing:
            self._import(schema)
        # 3. The mode, where whoever imported before was killed amid it.
        for subject in [one.subject for one in found if one.what == "mode"]:
            self._end_import(subject)
        # 4. The levels, once what is imported cannot be held against them.
        for subject, level in compatibility.items():
            self._tell("PUT", f"/config/{quote(subject, safe='')}", {"compatibility": level})
        # 5. Believe only what it says now: a registry may take an id and ignore it.
        left = self.differences(wanted, compatibility)
        if left:
            raise RegistryRefused(
                f"published, and still: {'; '.join(map(_sentence, left))}. Does this registry"
                " import ids?"
            )
        return missing

    def _differences_of(self, wanted: Registered) -> list[Difference]:
        subject, version = quote(wanted.subject, safe=""), wanted.version
        answer = self._ask("GET", f"/subjects/{subject}/versions/{version}")
        if answer is None:
            taken = self._ask("GET", f"/schemas/ids/{wanted.schema_id}")
            if taken is not None and not _is_same(taken, wanted):
                expected, found = str(wanted.schema_id), "taken by another schema"
                return [Difference(wanted.subject, version, "id", expected, found)]
            return [Difference(wanted.subject, version, "schema", "present", "missing")]
        differences: list[Difference] = []
        if answer.get("id") != wanted.schema_id:
            expected, found = str(wanted.schema_id), str(answer.get("id"))
            differences.append(Difference(wanted.subject, version, "id", expected, found))
        if not _is_same(answer, wanted):
            differences.append(Difference(wanted.subject, version, "schema", "as ours", "another"))
        return differences

    def _import(self, schema: Registered) -> None:
        """As Confluent's registry does: only a subject in import mode takes an id."""
        subject = quote(schema.subject, safe="")
        # By force: a subject that has versions already is asked to take one more.
        self._tell("PUT", f"/mode/{subject}?force=true", {"mode": "IMPORT"})
        try:
            self._tell(
                "POST",
                f"/subjects/{subject}/versions",
                {
                    "schema": schema.text,
                    "schemaType": "AVRO",
                    "id": schema.schema_id,
                    "version": schema.version,
                },
            )
        finally:
            self._end_import(schema.subject)

    def _end_import(self, subject: str) -> None:
        self._tell("PUT", f"/mode/{quote(subject, safe='')}", {"mode": "READWRITE"})

    def _is_left_importing(self, subject: str) -> bool:
        """Whether whoever registers there may give ids, and no rule is asked: by the registry's
        own mode, too, where the subject has none.
        """
        if APICURIO in self._url:
            return False  # It is never put into a mode.
        answer = self._ask("GET", f"/mode/{quote(subject, safe='')}?defaultToGlobal=true")
        return (answer or {}).get("mode") == "IMPORT"

    def _import_archive(self, missing: Sequence[Registered]) -> None:
        root = self._url[: self._url.index(APICURIO)]
        self._post(
            f"{root}/apis/registry/v3/admin/import?requireEmptyRegistry=false",
            archive(missing),
            {
                "Content-Type": "application/zip",
                "X-Registry-Preserve-GlobalId": "true",
                "X-Registry-Preserve-ContentId": "true",
            },
        )

    def _ask(self, method: str, path: str) -> dict[str, Any] | None:
        """The answer, as JSON; None if there is no such thing."""
        try:
            answer: dict[str, Any] = json.loads(self._send(method, self._url + path))
        except HTTPError as error:
            if error.code == NOT_FOUND:
                return None
            raise _refused(error) from error
        except ValueError as error:
            raise RegistryRefused(f"{self._url} answers no JSON: is it a registry?") from error
        return answer

    def _tell(self, method: str, path: str, body: Mapping[str, object]) -> None:
        content = json.dumps(body).encode()
        self._post(self._url + path, content, {"Content-Type": CONTENT_TYPE}, method)

    def _post(
        self, url: str, body: bytes, headers: Mapping[str, str], method: str = "POST"
    ) -> None:
        try:
            self._send(method, url, body, headers)
        except HTTPError as error:
            raise _refused(error) from error

    def _send(
        self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> bytes:
        request = urllib.request.Request(  # noqa: S310 -- the setting allows http and https alone
            url, method=method, data=body, headers=dict(headers)
        )
        for name, value in self._headers.items():
            # Not for whoever a redirect names: a password may be among them.
            request.add_unredirected_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_S, context=self._tls) as answer:  # noqa: S310
                content: bytes = answer.read()
                return content
        except HTTPError:
            raise
        except (URLError, HTTPException, OSError) as error:
            reason = getattr(error, "reason", error)
            raise RegistryUnavailable(f"the registry at {self._url}: {reason}") from error


def _is_same(answer: Mapping[str, Any], wanted: Registered) -> bool:
    """Whether both are the same JSON; registries write it in ways of their own."""
    return bool(json.loads(str(answer["schema"])) == json.loads(wanted.text))


def _sentence(one: Difference) -> str:
    place = f"{one.subject} {one.version}" if one.version else one.subject
    return f"{place}: {one.what} must be {one.expected} and is {one.found}"


def _refused(error: HTTPError) -> RegistryRefused:
    said = error.read().decode(errors="replace")[:500]
    return RegistryRefused(f"the registry refused {error.url} with {error.code}: {said}")
