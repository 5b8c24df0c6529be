"""The connection file: where the stack of a data folder is found, in the words of the environment.

`ledger up` writes it when the stack is ready and removes it at the end. A shell can read it too.
"""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

FILE_NAME = "connection.env"


def write(data: Path, variables: Mapping[str, str]) -> Path:
    """Write the variables for the owner's eyes alone, whole or not at all; the file's path."""
    file = data / FILE_NAME
    scratch = file.with_suffix(".new")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as lines:
        lines.writelines(f"{name}={shlex.quote(value)}\n" for name, value in variables.items())
    scratch.replace(file)
    return file


def read(data: Path) -> dict[str, str]:
    """The variables of the stack that runs on the folder; none if there is no file."""
    try:
        text = (data / FILE_NAME).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    pairs = (word.partition("=") for word in shlex.split(text))
    return {name: value for name, _, value in pairs}


def forget(data: Path) -> None:
    """The stack has ended."""
    (data / FILE_NAME).unlink(missing_ok=True)
