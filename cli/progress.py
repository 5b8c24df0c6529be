"""What people see while they wait, once it takes longer than two seconds."""

import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

import click
from rich.console import Console

PATIENCE_S: Final = 2.0

Advance = Callable[[int], None]
"""Told how many are done."""


@contextmanager
def patience(text: str) -> Generator[None]:
    """Say what is waited for."""
    timer = threading.Timer(PATIENCE_S, lambda: click.echo(text, err=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def bar(label: str, total: int) -> Generator[Advance]:
    """Show how many of `total` are done, where someone watches."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    task = progress.add_task(label, total=total)
    begins_s = time.monotonic() + PATIENCE_S

    def advance(done: int) -> None:
        progress.update(task, completed=done)
        if sys.stderr.isatty() and time.monotonic() > begins_s:
            progress.start()

    try:
        yield advance
    finally:
        if progress.live.is_started:
            progress.stop()
