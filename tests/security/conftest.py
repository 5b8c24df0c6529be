"""A stack whose broker is guarded, for all tests of this folder."""

from collections.abc import Generator

import pytest

from devstack.stack import Stack
from tests.security.guarded import Guarded


@pytest.fixture(scope="session")
def own(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    with Stack(tmp_path_factory.mktemp("guarded")) as own:
        own.start()
        yield own


@pytest.fixture(scope="session")
def guarded(own: Stack, tmp_path_factory: pytest.TempPathFactory) -> Guarded:
    return Guarded(own, tmp_path_factory.mktemp("certificates"))
