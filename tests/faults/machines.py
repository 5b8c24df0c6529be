"""Machines with a fault of their own: a broker on a small disk, a broker with another clock.

The disk is a file system in memory, inside a mount namespace that no other process sees; it needs
Linux and, unless run as root, user namespaces. The clock is libfaketime's, which must be there:
the Debian package `libfaketime`, or any build of it named by FAKETIME_LIBRARY.
"""

import os
import shutil
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from devstack.jars import user_cache
from devstack.stack import Stack

DISK_BYTES = 256 * 1024 * 1024
CHUNK = 1024 * 1024
LIBRARY = "libfaketimeMT.so.1"
PACKAGE = "libfaketime"
FETCH_S_MAX = 120


class Missing(Exception):
    """This machine lacks what a scenario needs; the message says how to get it."""


class OnASmallDisk(Stack):
    """A stack whose broker writes to a file system of its own."""

    def __init__(self, data: Path, through: Sequence[str], disk: Path) -> None:
        """`disk` is that file system as this process sees it."""
        super().__init__(data, through)
        self._filler = disk / "filler"

    def fill(self) -> None:
        """Leave the broker no space, and nobody else less. Raises Missing."""
        with self._filler.open("wb", buffering=0) as filler:
            for _ in range(DISK_BYTES // CHUNK):
                try:
                    if filler.write(bytes(CHUNK)) < CHUNK:
                        return
                except OSError:
                    return
        # It holds all of its bytes, so it cannot be the small one.
        self.free()
        raise Missing("the small disk was not where the broker writes")

    def free(self) -> None:
        """Give the space back."""
        self._filler.unlink()


@contextmanager
def on_a_small_disk(folder: Path) -> Generator[OnASmallDisk]:
    """A running stack whose broker has little space. Raises Missing."""
    data, disk = folder.absolute() / "stack", folder.absolute() / "disk"
    disk.mkdir(mode=0o700, parents=True)
    home = data / "kafka"
    home.mkdir(mode=0o700, parents=True)
    # The stack's own mark, so that it takes the folder for one of its own.
    (data / "lock").touch()
    # A link: a folder that is removed takes its mount along, and the first start removes this one.
    (home / "log").symlink_to(disk)
    as_root = os.geteuid() == 0
    unshare = ["unshare", "--mount"] if as_root else ["unshare", "--user", "--map-root-user", "-m"]
    script = f'mount -t tmpfs -o size={DISK_BYTES} tmpfs "$0" && echo mounted && exec cat'
    try:
        # It ends with this process, however that ends: `cat` then reads the end of its input.
        holder = subprocess.Popen(
            [*unshare, "sh", "-c", script, str(disk)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
    except FileNotFoundError as error:
        raise Missing("a disk of its own needs Linux with util-linux's unshare") from error
    try:
        assert holder.stdout is not None
        if holder.stdout.readline() != b"mounted\n":
            raise Missing("a disk of its own needs root, or user namespaces for this user")
        spaces = ["--mount"] if as_root else ["--mount", "--user", "--preserve-credentials"]
        enter = ["nsenter", f"--target={holder.pid}", *spaces, "--", "env", f"--chdir={home}"]
        with OnASmallDisk(data, enter, Path(f"/proc/{holder.pid}/root{disk}")) as stack:
            stack.start()
            yield stack
    finally:
        holder.kill()
        holder.wait()


class WithAClock(Stack):
    """A stack whose broker sees another clock than this process."""

    def __init__(self, data: Path, through: Sequence[str], clock: Path) -> None:
        """`clock` is the file that tells the broker's library how far it is off."""
        super().__init__(data, through)
        self._clock = clock

    def set_clock(self, seconds: int) -> None:
        """So many seconds ahead of the machine's clock, or behind it."""
        beside = self._clock.with_suffix(".new")
        beside.write_text(f"{seconds:+d}")
        beside.replace(self._clock)


@contextmanager
def with_a_clock(folder: Path) -> Generator[WithAClock]:
    """A running stack whose broker's clock can be set. Raises Missing."""
    library = faketime()
    folder.mkdir(parents=True)
    clock = folder.absolute() / "clock"
    through = [
        "env",
        f"LD_PRELOAD={library}",
        f"FAKETIME_TIMESTAMP_FILE={clock}",
        "FAKETIME_NO_CACHE=1",
        # What waits for a while shall not be woken by a jump.
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
        "DONT_FAKE_MONOTONIC=1",
    ]
    with WithAClock(folder / "stack", through, clock) as stack:
        stack.set_clock(0)
        stack.start()
        yield stack


def faketime() -> Path:
    """The library; fetched into the user's cache where Debian's tools are. Raises Missing."""
    if named := os.environ.get("FAKETIME_LIBRARY"):
        return Path(named)
    cache = user_cache() / "faketime"
    places = [Path("/usr/lib"), Path("/usr/lib64"), cache]
    for place in places:
        if found := sorted(place.glob(f"**/{LIBRARY}")):
            return found[0]
    fetched = _fetched(cache)
    if fetched is None:
        raise Missing(
            "setting the broker's clock needs libfaketime: install it (`apt-get install"
            f" {PACKAGE}`, or your system's package), or name its {LIBRARY} in FAKETIME_LIBRARY"
        )
    return fetched


def _fetched(cache: Path) -> Path | None:
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        return None
    cache.mkdir(parents=True, exist_ok=True)
    _try(["apt-get", "download", PACKAGE], cache)
    for package in cache.glob("*.deb"):
        _try(["dpkg", "-x", str(package), str(cache)], cache)
    found = sorted(cache.glob(f"**/{LIBRARY}"))
    return found[0] if found else None


def _try(command: list[str], folder: Path) -> None:
    """Whether it worked is seen by what is there afterwards."""
    subprocess.run(
        command, cwd=folder, check=False, capture_output=True, timeout=FETCH_S_MAX, text=True
    )
