"""The stack that a test session shares; tests that break it start one of their own."""

from collections.abc import Iterator

import pytest

from devstack.stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running Kafka and Postgres, empty when the session starts."""
    with Stack(tmp_path_factory.mktemp("stack")) as stack:
        stack.start()
        yield stack
