"""TLS in front of a Postgres that has none: it answers a client's request for TLS as Postgres does.

The embedded server is built without TLS. What a client does, from its request to the check of the
certificate and of the server's name, is the real thing; only who ends the TLS is another.
"""

import contextlib
import select
import socket
import socketserver
import ssl
import struct
import threading
from types import TracebackType
from typing import Self, cast

from tests.security.authority import Identity

REQUEST = struct.Struct("!ii")
TLS, GSS = 80_877_103, 80_877_104
CHUNK_BYTES = 65_536


class TlsFront(socketserver.ThreadingTCPServer):
    """Listens on loopback while it is entered; who does not ask for TLS is sent away."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, identity: Identity, postgres_port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(identity.certificate, identity.key)
        self.postgres = ("127.0.0.1", postgres_port)
        self.port = int(self.server_address[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=[0.05], daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.shutdown()
        self.server_close()


class _Connection(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        front, client = cast(TlsFront, self.server), cast(socket.socket, self.request)
        # A client that trusts us not goes away in the middle; that is what some tests are about.
        with contextlib.suppress(OSError):
            while (asked := _asked(client)) == GSS:
                client.sendall(b"N")
            if asked != TLS:
                return
            client.sendall(b"S")
            with (
                front.context.wrap_socket(client, server_side=True) as safe,
                socket.create_connection(front.postgres) as postgres,
            ):
                _pass_on(safe, postgres)


def _asked(client: socket.socket) -> int | None:
    request = client.recv(REQUEST.size, socket.MSG_WAITALL)
    return REQUEST.unpack(request)[1] if len(request) == REQUEST.size else None


def _pass_on(client: ssl.SSLSocket, postgres: socket.socket) -> None:
    """Until one of them ends; in one thread, since a TLS connection is not for two."""
    while True:
        ready = [client] if client.pending() else select.select([client, postgres], [], [])[0]
        for source in ready:
            passed = source.recv(CHUNK_BYTES)
            if not passed:
                return
            (postgres if source is client else client).sendall(passed)
