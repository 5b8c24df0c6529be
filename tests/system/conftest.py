"""A ledger of its own for each test, on the stack that the session shares."""

from collections.abc import Generator
from pathlib import Path

import pytest

from devstack.stack import Stack
from tests.devstack.stack_fixture import stack
from tests.system.world import World

__all__ = ["stack"]


@pytest.fixture
def world(stack: Stack, tmp_path: Path) -> Generator[World]:
    """Topics and tables, empty; the test starts the services."""
    world = World(stack, tmp_path)
    try:
        yield world
    finally:
        world.close()
