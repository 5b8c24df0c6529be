"""The broker's jars: fetched once, verified each time, mended when corrupted."""

import hashlib
import socket
from pathlib import Path

import pytest

from devstack.errors import FetchFailed
from devstack.jars import Jar, ensure_jars, locked_jars
from devstack.stack import silent

CONTENT = b"a jar"
JAR = Jar("org.example:part:1.0", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the jar belongs, in a cache that is empty."""
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "aitelier-ledger" / "jars" / "part-1.0.jar"


def fetch(coordinates: str, scratch: Path) -> Path:
    assert coordinates == JAR.coordinates
    fetched = scratch / "some.jar"
    fetched.write_bytes(CONTENT)
    return fetched


def fetch_altered(_coordinates: str, scratch: Path) -> Path:
    fetched = scratch / "some.jar"
    fetched.write_bytes(b"another jar")
    return fetched


def no_network(_coordinates: str, _scratch: Path) -> Path:
    # As the client wraps it, level upon level.
    raise OSError(RuntimeError(socket.gaierror(-3, "no name resolution")))


def test_a_missing_jar_is_fetched_and_said_so(cached: Path) -> None:
    said: list[str] = []
    assert ensure_jars(said.append, [JAR], fetch) == [cached]
    assert cached.read_bytes() == CONTENT
    assert said == [f"fetching 1 of the broker's jars (0.0 MB) into {cached.parent}, once"]


def test_a_complete_cache_asks_no_network(cached: Path) -> None:
    ensure_jars(silent, [JAR], fetch)
    assert ensure_jars(pytest.fail, [JAR], no_network) == [cached]


def test_a_corrupted_jar_is_named_and_fetched_again(cached: Path) -> None:
    ensure_jars(silent, [JAR], fetch)
    cached.write_bytes(b"a jaR")
    said: list[str] = []
    ensure_jars(said.append, [JAR], fetch)
    assert said[0] == f"{cached} is not what the lock names: fetching it again"
    assert cached.read_bytes() == CONTENT


def test_an_altered_jar_is_refused(cached: Path) -> None:
    with pytest.raises(FetchFailed, match=r"org\.example:part:1\.0 was fetched with SHA-256"):
        ensure_jars(silent, [JAR], fetch_altered)
    assert not cached.exists()


def test_without_a_network_the_error_says_what_to_do(cached: Path) -> None:
    with pytest.raises(FetchFailed) as raised:
        ensure_jars(silent, [JAR], no_network)
    assert str(raised.value) == (
        "cannot fetch org.example:part:1.0, a part of the broker: the package index cannot be"
        " reached (gaierror). Connect to the network and start again; what was fetched so far is"
        " kept"
    )
    assert not list(cached.parent.iterdir())
    assert [entry.name for entry in cached.parent.parent.iterdir()] == ["jars"]


def test_the_lock_names_each_jar_once() -> None:
    jars = locked_jars()
    assert jars[0].coordinates.startswith("org.apache.kafka:kafka_2.13:")
    assert len({jar.file_name for jar in jars}) == len(jars)
    assert {len(jar.sha256) for jar in jars} == {64}
