"""Publishing to a registry that follows Confluent's rules for importing ids."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from gateways.registry import (
    Difference,
    Registered,
    Registry,
    RegistryRefused,
    RegistryUnavailable,
)

SUBJECT = "g1.usage.calls-value"
FIRST = Registered(SUBJECT, 1, 1001, '{"type": "record", "name": "A", "fields": []}')
SECOND = Registered(SUBJECT, 2, 1002, '{"type": "record", "name": "A", "fields": [], "doc": "x"}')
LEVELS = {SUBJECT: "FULL_TRANSITIVE"}
ELSE = '{"type": "record", "name": "B", "fields": []}'


class Confluent:
    """What Confluent's registry documents of subjects, ids, modes and levels; no more.

    An id is taken only from a subject in import mode, and a subject with versions enters that mode
    only by force.
    """

    def __init__(self, *, ignores_ids: bool = False) -> None:
        self.ignores_ids = ignores_ids
        self.versions: dict[str, dict[int, tuple[int, str]]] = {}
        self.modes: dict[str, str] = {}
        self.mode = "READWRITE"
        self.levels: dict[str, str] = {}
        self.asked: list[str] = []

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, object]:
        path, _, query = path.partition("?")
        match method, path.strip("/").split("/"):
            case "GET", ["subjects", subject, "versions", version]:
                held = self.versions.get(subject, {}).get(int(version))
                return (200, {"id": held[0], "schema": held[1]}) if held else (404, {})
            case "GET", ["schemas", "ids", number]:
                texts = [text for one in self.versions.values() for i, text in one.values()
                         if str(i) == number]  # fmt: skip
                return (200, {"schema": texts[0]}) if texts else (404, {})
            case "GET", ["config", subject] if subject in self.levels:
                return 200, {"compatibilityLevel": self.levels[subject]}
            case "PUT", ["config", subject]:
                self.levels[subject] = body["compatibility"]
                return 200, body
            case "GET", ["mode", subject]:
                return 200, {"mode": self.modes.get(subject, self.mode)}
            case "PUT", ["mode", subject]:
                if body["mode"] == "IMPORT" and subject in self.versions and "force" not in query:
                    return 422, {"error_code": 42204}
                self.modes[subject] = body["mode"]
                return 200, body
            case "POST", ["subjects", subject, "versions"]:
                if self.modes.get(subject) != "IMPORT":
                    return 422, {"error_code": 42205}
                number = 7 if self.ignores_ids else body["id"]
                self.versions.setdefault(subject, {})[body["version"]] = number, body["schema"]
                return 200, {"id": number}
            case _:
                return 404, {}


@pytest.fixture
def confluent() -> Confluent:
    return Confluent()


@pytest.fixture
def registry(confluent: Confluent) -> Iterator[Registry]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length) or b"{}")
            confluent.asked.append(f"{self.command} {self.headers.get('Authorization')}")
            status, answer = confluent.answer(self.command, self.path, body)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        do_PUT = do_POST = do_GET  # noqa: N815 -- the standard library's names

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield Registry(f"http://127.0.0.1:{server.server_port}/", "ann", "word")
        server.shutdown()


def test_what_is_missing_is_told_and_published_under_its_id(
    confluent: Confluent, registry: Registry
) -> None:
    assert registry.differences([FIRST], LEVELS) == [
        Difference(SUBJECT, 1, "schema", "present", "missing"),
        Difference(SUBJECT, 0, "compatibility", "FULL_TRANSITIVE", "unset"),
    ]
    assert registry.publish([FIRST], LEVELS) == [FIRST]
    assert registry.differences([FIRST], LEVELS) == []
    assert confluent.versions == {SUBJECT: {1: (1001, FIRST.text)}}
    assert set(confluent.modes.values()) == {"READWRITE"}


def test_a_later_version_joins_the_earlier_one(registry: Registry) -> None:
    registry.publish([FIRST], LEVELS)
    assert registry.publish([FIRST, SECOND], LEVELS) == [SECOND]
    assert registry.publish([FIRST, SECOND], LEVELS) == []


def test_a_registry_may_write_a_schema_in_its_own_way(
    confluent: Confluent, registry: Registry
) -> None:
    confluent.versions[SUBJECT] = {1: (1001, json.dumps(json.loads(FIRST.text), indent=4))}
    assert [one.what for one in registry.differences([FIRST], LEVELS)] == ["compatibility"]


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({SUBJECT: {1: (1001, ELSE)}}, "schema must be as ours and is another"),
        ({SUBJECT: {1: (4, FIRST.text)}}, "id must be 1001 and is 4"),
        ({"other-value": {1: (1001, ELSE)}}, "id must be 1001 and is taken by another schema"),
    ],
)
def test_what_differs_is_never_overwritten(
    confluent: Confluent,
    registry: Registry,
    held: dict[str, dict[int, tuple[int, str]]],
    said: str,
) -> None:
    confluent.versions = held
    with pytest.raises(RegistryRefused, match=said):
        registry.publish([FIRST, SECOND], LEVELS)
    assert confluent.versions == held
    assert (confluent.modes, confluent.levels) == ({}, {})


@pytest.mark.parametrize("stuck", ["the subject", "the registry"])
def test_a_mode_that_a_killed_publish_left_is_told_and_mended(
    confluent: Confluent, registry: Registry, stuck: str
) -> None:
    registry.publish([FIRST], LEVELS)
    if stuck == "the subject":
        confluent.modes[SUBJECT] = "IMPORT"
    else:
        confluent.modes, confluent.mode = {}, "IMPORT"
    found = registry.differences([FIRST], LEVELS)
    assert found == [Difference(SUBJECT, 0, "mode", "READWRITE", "IMPORT")]
    assert registry.publish([FIRST], LEVELS) == []
    assert registry.differences([FIRST], LEVELS) == []
    assert confluent.modes == {SUBJECT: "READWRITE"}


def test_a_mode_that_somebody_chose_is_theirs(confluent: Confluent, registry: Registry) -> None:
    registry.publish([FIRST], LEVELS)
    confluent.modes[SUBJECT] = "READONLY"
    assert registry.publish([FIRST], LEVELS) == []
    assert confluent.modes == {SUBJECT: "READONLY"}


def test_a_registry_that_takes_an_id_and_ignores_it_is_found_out(
    confluent: Confluent, registry: Registry
) -> None:
    confluent.ignores_ids = True
    with pytest.raises(RegistryRefused, match=r"published, and still: .* id must be 1001 and is 7"):
        registry.publish([FIRST], LEVELS)


def test_the_user_and_password_go_with_every_question(
    confluent: Confluent, registry: Registry
) -> None:
    registry.publish([FIRST], LEVELS)
    assert {one.partition(" ")[2] for one in confluent.asked} == {"Basic YW5uOndvcmQ="}


def test_a_registry_that_is_not_there_is_named() -> None:
    with pytest.raises(RegistryUnavailable, match=r"the registry at http://127.0.0.1:9"):
        Registry("http://127.0.0.1:9").differences([FIRST], LEVELS)
