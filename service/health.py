"""Tell machines whether this process lives, and whether it can serve."""

import json
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from service import metrics

# A client that sends nothing must not keep a thread for ever.
REQUEST_TIMEOUT_S = 5
# How long the end of the process may wait for its server.
END_CHECK_S = 0.05
STATUS = {True: HTTPStatus.OK, False: HTTPStatus.SERVICE_UNAVAILABLE}


class Health:
    """Liveness is a heartbeat that the loop must touch; readiness is a set of named conditions.

    Restarting mends what is not alive, and only that; what is not ready says what it waits for.
    """

    def __init__(
        self,
        *conditions: str,
        silence_s_max: float,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._silence_s_max = silence_s_max
        self._clock_s = clock_s
        self._beat_at_s = clock_s()
        self._missing = dict.fromkeys(conditions, "starting")
        self._tell()

    def beat(self) -> None:
        """Say that the loop goes round. Cheap: call it each time."""
        self._beat_at_s = self._clock_s()

    def meet(self, condition: str) -> None:
        """Be ready as far as this condition goes."""
        self._missing = {name: why for name, why in self._missing.items() if name != condition}
        self._tell()

    def miss(self, condition: str, reason: str) -> None:
        """Stop being ready, for a reason; also the first thing to do when asked to stop."""
        self._missing = {**self._missing, condition: reason}
        self._tell()

    def liveness(self) -> tuple[HTTPStatus, dict[str, object]]:
        silence_s = self._clock_s() - self._beat_at_s
        return STATUS[silence_s <= self._silence_s_max], {
            "silence_s": round(silence_s, 3),
            "silence_s_max": self._silence_s_max,
        }

    def readiness(self) -> tuple[HTTPStatus, dict[str, object]]:
        return STATUS[not self._missing], {"missing": self._missing}

    def _tell(self) -> None:
        metrics.ready(is_ready=not self._missing)


class HealthServer:
    """The process's `/livez`, `/readyz` and `/metrics`, answered by threads of their own."""

    def __init__(self, health: Health, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._server = _Server((host, port), _handler(health))
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=[END_CHECK_S], name="health", daemon=True
        )

    @property
    def port(self) -> int:
        """The port it listens on, chosen by the system where none was given."""
        return self._server.server_port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A slow reader must not hold up the end of the process.
    block_on_close = False


def _handler(health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_TIMEOUT_S

        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/livez":
                    self._answer_json(*health.liveness())
                case "/readyz":
                    self._answer_json(*health.readiness())
                case "/metrics":
                    self._answer(HTTPStatus.OK, metrics.CONTENT_TYPE, metrics.exposition())
                case _:
                    paths = ["/livez", "/readyz", "/metrics"]
                    self._answer_json(HTTPStatus.NOT_FOUND, {"paths": paths})

        def _answer_json(self, status: HTTPStatus, body: dict[str, object]) -> None:
            self._answer(status, "application/json", json.dumps(body).encode() + b"\n")

        def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: a probe every few seconds would drown what matters."""

    return Handler
