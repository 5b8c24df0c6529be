"""A machine for each test."""

import signal
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.cli.machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Generator[Machine]:
    machine = Machine(tmp_path / "a folder", tmp_path / "up.log")
    try:
        machine.wait_ready()
        yield machine
    finally:
        machine.up.send_signal(signal.SIGTERM)
        machine.up.wait(60)
