"""Postgres for those whom it refuses: root, above all where user namespaces are off."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from devstack import postgresql
from devstack.folder import DataFolder
from devstack.postgres import Postgres
from devstack.stack import silent

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0, reason="only root on Linux is refused"
    ),
]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DataFolder]:
    """A folder that nobody but root may enter, nor the one above it."""
    tmp_path.chmod(0o700)
    folder = DataFolder(tmp_path / "with spaces")
    folder.claim(silent)
    yield folder
    folder.release()


@pytest.fixture
def no_namespaces(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def off(_user: int) -> tuple[str, ...]:
        return ("false",)

    monkeypatch.setattr(postgresql, "_namespace_of", off)
    postgresql.find_postgresql.cache_clear()
    yield
    postgresql.find_postgresql.cache_clear()


def test_without_namespaces_it_runs_as_nobody_in_a_folder_nobody_may_enter(
    folder: DataFolder, no_namespaces: None
) -> None:
    postgres = Postgres(folder)
    said: list[str] = []
    postgres.prepare(said.append)
    try:
        postgres.start()
        with psycopg.connect(postgres.url) as connection:
            assert connection.execute("select current_database()").fetchone() == ("ledger",)
    finally:
        postgres.stop()
    assert said == ["user namespaces are off here: Postgres runs as the user nobody"]
