"""The files of this checkout that git keeps, or would."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent


def paths(*patterns: str) -> list[Path]:
    """Paths inside the checkout, relative to it, that match one of git's patterns."""
    # Git asks who owns a checkout; whose it is changes nothing about its tidiness.
    git = ["git", "-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard", "--"]
    listed = subprocess.run(
        [*git, *patterns], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    names = sorted(set(listed.split("\0")) - {""})
    return [Path(name) for name in names if (ROOT / name).is_file()]


def texts(*patterns: str) -> dict[Path, str]:
    """Those files' texts; what is not text is left out."""
    found: dict[Path, str] = {}
    for path in paths(*patterns):
        data = (ROOT / path).read_bytes()
        if b"\0" not in data:
            found[path] = data.decode()
    return found
