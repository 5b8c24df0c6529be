"""The schemas over the REST paths of Confluent's registry, so that ordinary tools can decode.

Read-mostly: ids are fixed where the schemas are written, so registering a known schema answers
its id, and registering anything else is refused.
"""

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self, cast
from urllib.parse import unquote, urlsplit

CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"
BODY_BYTES_MAX = 1024 * 1024
IDLE_S_MAX = 30
COMPATIBILITY = "BACKWARD_TRANSITIVE"


@dataclass(frozen=True)
class RegisteredSchema:
    """One version of a subject; `schema` is its JSON text, `id` the number in the wire format."""

    subject: str
    version: int
    id: int
    schema: str


class Refused(Exception):
    """An answer other than 200, with Confluent's code for it."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        # The first three digits of a five-digit code are the HTTP status.
        self.status = HTTPStatus(int(str(code)[:3]))
        self.body = {"error_code": code, "message": message}


class Catalogue:
    """What the endpoint answers, without HTTP. `compatibility` is by subject, where it differs."""

    def __init__(
        self, schemas: Iterable[RegisteredSchema], compatibility: Mapping[str, str] | None = None
    ) -> None:
        self._schemas = sorted(schemas, key=lambda schema: (schema.subject, schema.version))
        self._compatibility = compatibility or {}

    def get(self, path: list[str]) -> object:
        """The answer to GET, as JSON. Raises Refused."""
        match path:
            case []:
                return {}
            case ["schemas", "types"]:
                return ["AVRO"]
            case ["schemas", "ids", number]:
                return {"schema": self._by_id(number)[0].schema}
            case ["schemas", "ids", number, "schema"]:
                return _parsed(self._by_id(number)[0].schema)
            case ["schemas", "ids", number, "subjects"]:
                return [schema.subject for schema in self._by_id(number)]
            case ["schemas", "ids", number, "versions"]:
                found = self._by_id(number)
                return [{"subject": schema.subject, "version": schema.version} for schema in found]
            case ["subjects"]:
                return list(dict.fromkeys(schema.subject for schema in self._schemas))
            case ["subjects", subject, "versions"]:
                return [schema.version for schema in self._of(subject)]
            case ["subjects", subject, "versions", version]:
                return _described(self._version(subject, version))
            case ["subjects", subject, "versions", version, "schema"]:
                return _parsed(self._version(subject, version).schema)
            case ["config"]:
                return {"compatibilityLevel": COMPATIBILITY}
            case ["config", subject]:
                return {"compatibilityLevel": self._compatibility.get(subject, COMPATIBILITY)}
            case _:
                raise Refused(404, "HTTP 404 Not Found")

    def post(self, path: list[str], body: bytes) -> object:
        """The answer to POST, as JSON. Raises Refused."""
        match path:
            case ["subjects", subject]:
                known = self._known(self._of(subject), body)
                if known is None:
                    raise Refused(40403, "Schema not found")
                return _described(known)
            case ["subjects", subject, "versions"]:
                known = self._known(self._schemas, body)
                if known is None or known.subject != subject:
                    raise Refused(409, f"{subject} takes no schema but those of its repository")
                return {"id": known.id}
            case _:
                raise Refused(404, "HTTP 404 Not Found")

    def _by_id(self, number: str) -> list[RegisteredSchema]:
        found = [schema for schema in self._schemas if str(schema.id) == number]
        if not found:
            raise Refused(40403, f"Schema {number} not found")
        return found

    def _of(self, subject: str) -> list[RegisteredSchema]:
        found = [schema for schema in self._schemas if schema.subject == subject]
        if not found:
            raise Refused(40401, f"Subject '{subject}' not found.")
        return found

    def _version(self, subject: str, version: str) -> RegisteredSchema:
        versions = self._of(subject)
        if version in ("latest", "-1"):
            return versions[-1]
        if not version.isdecimal():
            raise Refused(42202, f"The specified version '{version}' is not a valid version id.")
        for schema in versions:
            if schema.version == int(version):
                return schema
        raise Refused(40402, f"Version {version} not found.")

    def _known(self, among: list[RegisteredSchema], body: bytes) -> RegisteredSchema | None:
        try:
            asked = _parsed(cast("dict[str, str]", json.loads(body))["schema"])
        except (ValueError, TypeError, KeyError):
            raise Refused(42201, "Input schema is an invalid Avro schema") from None
        return next((schema for schema in among if _parsed(schema.schema) == asked), None)


class SchemaEndpoint:
    """A catalogue served on loopback: by `serve_forever`, or beside other work by `with`."""

    def __init__(self, catalogue: Catalogue, *, port: int = 0) -> None:
        self._server = _Server(("127.0.0.1", port), _handler(catalogue))
        self._thread = threading.Thread(target=self.serve_forever, name="schemas", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def serve_forever(self) -> None:
        """Answer until `stop` is called from another thread."""
        self._server.serve_forever(poll_interval=0.05)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._thread.join()


def _parsed(schema: str) -> object:
    return json.loads(schema)


def _described(schema: RegisteredSchema) -> object:
    return {
        "subject": schema.subject,
        "version": schema.version,
        "id": schema.id,
        "schema": schema.schema,
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A client that keeps its connection must not hold up the end of the process.
    block_on_close = False


def _handler(catalogue: Catalogue) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = IDLE_S_MAX
        # Head and body are two writes; the second would wait 40 ms for the first to be confirmed.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._answer(lambda: catalogue.get(self._path()))

        def do_POST(self) -> None:
            self._answer(lambda: catalogue.post(self._path(), self._body()))

        def do_PUT(self) -> None:
            # What it brings is left unread, so the connection cannot be used again.
            self.close_connection = True
            self._answer(_refuse_to_change)

        def do_DELETE(self) -> None:
            self.do_PUT()

        def _path(self) -> list[str]:
            return [unquote(part) for part in urlsplit(self.path).path.split("/") if part]

        def _body(self) -> bytes:
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
                self.close_connection = True
                raise Refused(413, f"a body of known length, at most {BODY_BYTES_MAX} bytes")
            return self.rfile.read(int(length))

        def _answer(self, find: Callable[[], object]) -> None:
            try:
                status, answer = HTTPStatus.OK, find()
            except Refused as refused:
                status, answer = refused.status, refused.body
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: every tool that decodes a topic asks."""

    return Handler


def _refuse_to_change() -> object:
    raise Refused(405, "HTTP 405 Method Not Allowed")
