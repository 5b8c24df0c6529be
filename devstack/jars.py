"""The broker's jars: named by a lock file of ours, fetched once into the user's cache, verified."""

import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from jgo.config import GlobalSettings
from jgo.constants import MAVEN_CENTRAL_URL
from jgo.maven import MavenContext

from devstack.errors import FetchFailed

LOCK = Path(__file__).with_name("kafka-jars.lock")
FETCHES_AT_ONCE = 4
PAUSES_S = (0.5, 1.0)
PROGRESS_S = 2.0

Download = Callable[[str, Path], Path]


@dataclass(frozen=True)
class Jar:
    """One line of the lock."""

    coordinates: str
    size_bytes: int
    sha256: str

    @property
    def file_name(self) -> str:
        _, artifact, version = self.coordinates.split(":")
        return f"{artifact}-{version}.jar"

    def is_intact(self, file: Path) -> bool:
        return file.is_file() and sha256_of(file) == self.sha256


def user_cache() -> Path:
    """The folder for what can be fetched again."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "aitelier-ledger"
    # The specification of these folders says to ignore a relative one.
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (named if named.is_absolute() else Path.home() / ".cache") / "aitelier-ledger"


def locked_jars(lock: Path = LOCK) -> list[Jar]:
    """What the lock names, in the order of the class path."""
    lines = (line.split() for line in lock.read_text().splitlines() if not line.startswith("#"))
    return [Jar(coordinates, int(size), sha256) for coordinates, size, sha256 in lines]


def download(coordinates: str, scratch: Path) -> Path:
    """Fetch one jar from the package index into the empty folder `scratch`."""
    group, artifact, version = coordinates.split(":")
    return maven(scratch).project(group, artifact).at_version(version).artifact().resolve()


def ensure_jars(
    say: Callable[[str], None], jars: Sequence[Jar] = (), download: Download = download
) -> list[Path]:
    """The files of all jars, by default the locked ones; fetches what the cache lacks or holds
    corrupted, and touches no network otherwise. Raises FetchFailed.
    """
    wanted = jars or locked_jars()
    folder = user_cache() / "jars"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    missing = [jar for jar in wanted if not jar.is_intact(folder / jar.file_name)]
    for jar in missing:
        if (folder / jar.file_name).exists():
            say(f"{folder / jar.file_name} is not what the lock names: fetching it again")
    if missing:
        _fetch_all(missing, folder, say, download)
    return [folder / jar.file_name for jar in wanted]


def maven(repo_cache: Path) -> MavenContext:
    """The package index's client, with the mirrors that the user's own configuration names."""
    named = GlobalSettings.load().repositories
    # Last, and unless it is named otherwise: where a mirror is needed, this one cannot be reached.
    indexes = named | {"central": named.get("central", MAVEN_CENTRAL_URL)}
    return MavenContext(repo_cache=repo_cache, remote_repos=indexes)


def sha256_of(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _fetch_all(
    jars: list[Jar], folder: Path, say: Callable[[str], None], download: Download
) -> None:
    total_mb = sum(jar.size_bytes for jar in jars) / 1e6
    say(f"fetching {len(jars)} of the broker's jars ({total_mb:.1f} MB) into {folder}, once")
    with (
        # Beside the target, so that a jar appears there whole or not at all.
        tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetching-") as scratch,
        ThreadPoolExecutor(FETCHES_AT_ONCE) as pool,
    ):
        fetches = [pool.submit(_fetch, jar, Path(scratch), folder, download) for jar in jars]
        told_s = time.monotonic()
        try:
            for count, fetch in enumerate(as_completed(fetches), start=1):
                fetch.result()
                if time.monotonic() - told_s > PROGRESS_S:
                    told_s = time.monotonic()
                    say(f"fetched {count} of {len(jars)} jars")
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _fetch(jar: Jar, scratch: Path, folder: Path, download: Download) -> None:
    fetched = _download_patiently(jar, scratch, download)
    if not jar.is_intact(fetched):
        raise FetchFailed(
            f"{jar.coordinates} was fetched with SHA-256 {sha256_of(fetched)}, but {LOCK.name}"
            f" names {jar.sha256}: it was altered on the way, or the lock is wrong"
        )
    fetched.replace(folder / jar.file_name)


def _download_patiently(jar: Jar, scratch: Path, download: Download) -> Path:
    for pause_s in (*PAUSES_S, None):
        try:
            # A folder of its own: the client refuses to write where a failed attempt left a file.
            return download(jar.coordinates, Path(tempfile.mkdtemp(dir=scratch)))
        except (OSError, RuntimeError) as error:
            if pause_s is None:
                raise FetchFailed(
                    f"cannot fetch {jar.coordinates}, a part of the broker: {_reason(error)}."
                    " Connect to the network and start again; what was fetched so far is kept"
                ) from error
            time.sleep(pause_s)
    raise AssertionError("the last attempt returns or raises")


def _reason(error: BaseException) -> str:
    """What the network's client means by pages of exceptions inside one another, in a few words."""
    if not isinstance(error, OSError) or error.errno is not None:
        return str(error)
    inner: object = error
    while isinstance(inner, BaseException):
        error = inner
        inner = getattr(error, "reason", None) or next(iter(error.args), None)
    return f"the package index cannot be reached ({type(error).__name__})"
