"""What several tests of the command line stand before."""

import socket
from collections.abc import Generator

import pytest


@pytest.fixture
def hung(monkeypatch: pytest.MonkeyPatch) -> Generator[str]:
    """The address of a broker whose process is stopped: the system still takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        monkeypatch.setenv("LEDGER_KAFKA_BOOTSTRAP_SERVERS", address)
        monkeypatch.setattr("cli.cluster.ANSWER_S", 0.5)
        yield address
