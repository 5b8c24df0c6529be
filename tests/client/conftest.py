"""A stack of its own: what is tested here is what happens when the broker is not there."""

import re
from collections.abc import Iterator

import pytest

from devstack.stack import Stack


@pytest.fixture(scope="package")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("own")) as stack:
        stack.start()
        roll_back_late(stack)
        yield stack


def roll_back_late(stack: Stack) -> None:
    """Let a broker that was killed roll nothing back before its partitions have leaders.

    What Kafka 4.4 ends earlier hangs for ever: it takes partitions without a leader for deleted.
    """
    settings = stack.folder.path / "kafka" / "server.properties"
    text, changes = re.subn(r"(cleanup\.interval\.ms)=1000\b", r"\1=10000", settings.read_text())
    assert changes == 1
    settings.write_text(text)
