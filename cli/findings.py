"""What a check of `ledger doctor` comes to: how it went, what was found, what to do."""

from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """Only a failed check makes the exit code 1."""

    OK = "ok"
    NOTE = "note"
    FAILED = "FAILED"


class Finding(NamedTuple):
    """One line of the result."""

    state: State
    check: str
    found: str
    remedy: str = ""


def fine(check: str, found: str) -> Finding:
    """As it should be."""
    return Finding(State.OK, check, found)


def noted(check: str, found: str, remedy: str) -> Finding:
    """Worth knowing, and perhaps as it should be."""
    return Finding(State.NOTE, check, found, remedy)


def failed(check: str, found: str, remedy: str = "") -> Finding:
    """Wrong; without a remedy where the finding says itself what to do."""
    return Finding(State.FAILED, check, found, remedy)
