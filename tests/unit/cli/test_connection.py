"""The connection file is for its owner, and says what it was told."""

import subprocess
from pathlib import Path

from cli import connection

VARIABLES = {"LEDGER_DATA": "a folder's name with $signs", "LEDGER_TOPIC_PREFIX": ""}


def test_it_says_what_it_was_told(tmp_path: Path) -> None:
    connection.write(tmp_path, VARIABLES)
    assert connection.read(tmp_path) == VARIABLES


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    assert connection.write(tmp_path, VARIABLES).stat().st_mode & 0o777 == 0o600


def test_a_shell_can_read_it_too(tmp_path: Path) -> None:
    file = connection.write(tmp_path, VARIABLES)
    script = f'. "{file}"; printf %s "$LEDGER_DATA"'
    said = subprocess.run(["/bin/sh", "-c", script], check=True, capture_output=True, text=True)
    assert said.stdout == VARIABLES["LEDGER_DATA"]


def test_there_is_none_once_the_stack_has_ended(tmp_path: Path) -> None:
    connection.write(tmp_path, VARIABLES)
    connection.forget(tmp_path)
    assert connection.read(tmp_path) == {}


def test_a_folder_that_is_not_there_has_none(tmp_path: Path) -> None:
    assert connection.read(tmp_path / "none") == {}
