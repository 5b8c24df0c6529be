"""A stack of its own: what is tested here is what happens when the broker is not there."""

from collections.abc import Iterator

import pytest

from devstack.stack import Stack


@pytest.fixture(scope="package")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("own")) as stack:
        stack.start()
        yield stack
