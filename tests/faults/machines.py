"""Machines with a fault of their own: a broker on a small disk, a broker with another clock.

The disk is a file system in memory, inside a mount namespace that no other process sees; it needs
Linux and, unless run as root, user namespaces. The clock is set by a small library that only the
broker loads, `clock.c`; it needs Linux and a C compiler.
"""

import os
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from devstack.stack import Stack

DISK_BYTES = 256 * 1024 * 1024
CHUNK = 1024 * 1024
CLOCK = Path(__file__).with_name("clock.c")


class Missing(Exception):
    """This machine lacks what a scenario needs; the message says how to get it."""


class OnASmallDisk(Stack):
    """A stack whose broker writes to a file system of its own."""

    def __init__(self, data: Path, through: Sequence[str], disk: Path) -> None:
        """`disk` is that file system as this process sees it."""
        super().__init__(data, kafka_through=through)
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

    def __init__(self, data: Path, through: Sequence[str], ahead: Path) -> None:
        """`ahead` is the file that tells how far the broker's clock is off."""
        super().__init__(data, kafka_through=through)
        self._ahead = ahead

    def set_clock(self, seconds: int) -> None:
        """So many seconds ahead of the machine's clock, or behind it."""
        # In place: the broker has this very file in its memory.
        with self._ahead.open("r+b", buffering=0) as ahead:
            ahead.write(seconds.to_bytes(8, sys.byteorder, signed=True))


@contextmanager
def with_a_clock(folder: Path) -> Generator[WithAClock]:
    """A running stack whose broker's clock can be set. Raises Missing."""
    folder = folder.absolute()
    folder.mkdir(parents=True)
    library, ahead = folder / "clock.so", folder / "ahead"
    _compile(library)
    ahead.write_bytes(bytes(8))
    through = ["env", f"LD_PRELOAD={library}", f"CLOCK_AHEAD={ahead}"]
    with WithAClock(folder / "stack", through, ahead) as stack:
        stack.start()
        yield stack


def _compile(library: Path) -> None:
    wanted = "setting the broker's clock needs Linux and a C compiler, `cc`"
    if not sys.platform.startswith("linux"):
        raise Missing(wanted)
    command = ["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(CLOCK), "-ldl"]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise Missing(wanted) from error
    except subprocess.CalledProcessError as error:
        raise Missing(f"{wanted}: {error.stderr}") from error
