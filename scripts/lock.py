"""Write the lock files, or with --check say whether they still fit `pyproject.toml`.

requirements.lock is what production installs; requirements-dev.lock adds the embedded stack and
the tools, at the same versions. Both hold names, versions and hashes for Python 3.11 to 3.13.
"""

import hashlib
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRODUCTION = ROOT / "requirements.lock"
EVERYTHING = ROOT / "requirements-dev.lock"
STAMP = "# Written by `make lock`; fits its inputs and lines by sha256:"


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        return check()
    compile_lock(PRODUCTION, [])
    compile_lock(EVERYTHING, ["--all-extras", "--group=dev", f"--constraints={PRODUCTION.name}"])
    return 0


def check() -> int:
    """Compare each lock with the stamp it opens with: quick, and needs no network."""
    stale = [lock.name for lock in (PRODUCTION, EVERYTHING) if not is_fresh(lock)]
    if stale:
        print(f"{' and '.join(stale)} no longer fit pyproject.toml: run `make lock`")
    return 1 if stale else 0


def is_fresh(lock: Path) -> bool:
    first, _, lines = lock.read_text().partition("\n") if lock.exists() else ("", "", "")
    return first == stamp(lines)


def compile_lock(lock: Path, options: list[str]) -> None:
    """Resolve once for every supported Python and platform; known versions stay unless they must.

    The compiler reads the old lock for its preferences, hence --output-file; remove the files
    first to move everything to the newest versions.
    """
    command = ["uv", "pip", "compile", "pyproject.toml", *options, f"--output-file={lock.name}"]
    command += ["--universal", "--python-version=3.11", "--generate-hashes"]
    command += ["--no-header", "--no-annotate", "--quiet"]
    subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=True)
    lines = lock.read_text()
    lock.write_text(f"{stamp(lines)}\n{lines}")
    print(f"{lock.name}: {sum(line[0] != ' ' for line in lines.splitlines())} packages")


def stamp(lines: str) -> str:
    """Digest of what a lock is made from, and of its lines, so that neither drifts unseen."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    inputs = [
        project["build-system"]["requires"],
        project["project"]["requires-python"],
        project["project"]["dependencies"],
        project["project"]["optional-dependencies"],
        project["dependency-groups"],
    ]
    return STAMP + hashlib.sha256(f"{inputs}\n{lines}".encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
