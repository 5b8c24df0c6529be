"""A Postgres for the session, and a database of its own, with every table, for each test."""

from collections.abc import Generator

import pytest

from devstack.folder import DataFolder
from devstack.postgres import Postgres
from devstack.stack import silent
from projections.migrate import migrate
from tests.devstack.stack_fixture import stack
from tests.projections.urls import PASSWORDS, Urls

__all__ = ["stack"]


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Generator[Postgres]:
    folder = DataFolder(tmp_path_factory.mktemp("postgres"))
    folder.claim(silent)
    server = Postgres(folder)
    try:
        server.prepare(silent)
        server.start()
        yield server
    finally:
        server.stop()
        folder.release()


@pytest.fixture
def empty(postgres: Postgres) -> Generator[Urls]:
    """A database without anything in it."""
    urls = Urls(postgres.url)
    yield urls
    urls.drop()


@pytest.fixture(scope="module")
def urls_of_module(postgres: Postgres) -> Urls:
    """A database for all tests of a module, without anything in it."""
    return Urls(postgres.url)


@pytest.fixture
def urls(empty: Urls) -> Urls:
    """A database with every table, empty."""
    migrate(empty.owner, PASSWORDS)
    return empty
