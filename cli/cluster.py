"""Kafka as the program finds it: asked first whether it is there, so that nobody waits in vain."""

import socket
from dataclasses import replace
from typing import Final

from cli.errors import Unavailable
from cli.settings import Settings
from eventlog.settings import KafkaSettings

CONNECT_S: Final = 2.0
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
    """The same for a command, which tells by itself what goes wrong."""
    kafka = reached_kafka(configured)
    return replace(kafka, extra={**kafka.extra, **QUIET})


def _listens(server: str) -> bool:
    host, _, port = server.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except OSError:
        return False
    return True
