"""Some of the faults that `make faults` plays, on a stack of their own.

The steps of a batch, and the broker in mid-commit, are struck side by side in `tests/system`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.stack import Stack
from tests.faults.scenarios import SCENARIOS

pytestmark = pytest.mark.stack

SHORT = (
    "processors killed at random",
    "partition claimed twice",
    "rebalance storm",
    "projector paused amid its rows",
    "serialization failures",
    "poison bytes",
    "a byte changed in the log",
)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that may be broken."""
    with Stack(tmp_path_factory.mktemp("own")) as stack:
        stack.start()
        yield stack


@pytest.mark.parametrize("name", SHORT)
def test_nothing_is_lost_or_doubled(own: Stack, tmp_path: Path, name: str) -> None:
    [scenario] = [one for one in SCENARIOS if one.name == name]
    assert scenario.play(own, tmp_path)
