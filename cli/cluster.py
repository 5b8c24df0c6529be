"""Kafka as the program finds it: asked first whether it is there, so that nobody waits in vain."""

import socket
from dataclasses import replace
from typing import Final

from cli.errors import Unavailable
from cli.progress import patience
from cli.settings import Settings
from eventlog.settings import KafkaSettings

CONNECT_S: Final = 2.0
ANSWER_S: Final = 8.0
# The client library writes a line for every attempt to connect; a command says it once, in words.
QUIET: Final = {"log_level": "0"}


def reached_kafka(configured: Settings) -> KafkaSettings:
    """The cluster of the configuration; raises Unavailable if no server of it listens."""
    kafka = configured.kafka
    servers = kafka.bootstrap_servers.split(",")
    if not any(map(_listens, servers)):
        raise Unavailable(
            f"Nothing answers at {', '.join(servers)}, where Kafka should be. Start it"
            " (`ledger up` on this machine), or correct LEDGER_KAFKA_BOOTSTRAP_SERVERS."
        )
    return kafka


def quiet_kafka(configured: Settings) -> KafkaSettings:
    """The same for a command, which tells by itself what goes wrong; a hung broker too."""
    kafka = reached_kafka(configured)
    kafka = replace(kafka, extra={**kafka.extra, **QUIET})
    _await_answer(kafka)
    return kafka


def _await_answer(kafka: KafkaSettings) -> None:
    """A process that hangs still listens: the system takes its connections."""
    from eventlog.admin import Admin
    from eventlog.errors import AccessRefused, LogUnavailable

    servers = kafka.bootstrap_servers.replace(",", ", ")
    try:
        with patience(f"Waiting for Kafka at {servers} …"):
            Admin(kafka, ANSWER_S).cluster_id()
    except AccessRefused:
        raise
    except LogUnavailable:
        raise Unavailable(
            f"Kafka at {servers} takes connections and does not answer within {ANSWER_S:g} s."
            " Either its process hangs: restart it (on this machine: stop `ledger up`, and start"
            " it again). Or it wants TLS or SASL: set LEDGER_KAFKA_SECURITY."
        ) from None


def _listens(server: str) -> bool:
    host, _, port = server.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except OSError:
        return False
    return True
