"""The projector against COPY of the same rows into the same tables, in one run on one Postgres.

    python -m bench.projector [--calls N] [--tenants N] [--json FILE]

The log is in memory, so that no broker takes part. The rows are read back after the projector's run
and copied, as ready-made text, into empty tables of another schema: one COPY for each table, all in
one transaction, by a role that may. Three logs: calls alone; calls with a hold each, ended soon
after it was placed; and the same with holds ended so much later that they are rows by then.
"""

import argparse
import json
import secrets
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import psutil
from psycopg import sql

from bench import machine, wallet_log
from bench.wallet_log import MemoryLog
from consumers.projector import reading, run
from consumers.projector.figures import Figures
from consumers.projector.reading import Log
from consumers.projector.run import Projector
from devstack.folder import DataFolder
from devstack.postgres import Postgres
from devstack.stack import silent
from eventlog.records import InputRecord
from projections.checkpoints import LogIdentity
from projections.database import Database, connected
from projections.days import month_of
from projections.logged import Place
from projections.migrate import PROJECTOR, migrate
from projections.projection import TABLES, Folded, Projection
from projections.rows import Stage, listed
from service.health import Health
from service.signals import Stop

PLACE: Final = Place("g1", wallet_log.PARTITION)
IDENTITY: Final = LogIdentity("bench", "bench")
LOGS: Final[Mapping[str, int | None]] = {
    "calls": None,
    "holds, ended soon": 200,
    "holds, ended later": 15_000,
}
"""After how many calls a call's hold ends."""

FLOOR, GOAL = 0.25, 0.50
READING: Final = ("decode", "fold")
"""Stages that share one core; the others are mostly Postgres's."""


class Side(NamedTuple):
    """What a run took: wall clock, and processor time of this process and of Postgres."""

    seconds: float
    client_cpu_s: float
    postgres_cpu_s: float


class Measured(NamedTuple):
    """The projector and COPY over the same rows; the projector's stages in seconds."""

    events: int
    rows: int
    projector: Side
    copy: Side
    stages: Mapping[str, float]

    @property
    def ratio(self) -> float:
        """How near the projector comes to COPY."""
        return self.copy.seconds / self.projector.seconds

    @property
    def cpu_ratio(self) -> float:
        """The same by processor time of the busier process: what two idle cores would allow."""
        busier_s = max(self.projector.client_cpu_s, self.projector.postgres_cpu_s)
        return self.copy.postgres_cpu_s / busier_s


class ToTheEnd(Figures):
    """Stops the projector after the last batch."""

    def __init__(self, stop: Stop, end: int) -> None:
        super().__init__(Health("read models", silence_s_max=600))
        self._stop = stop
        self._end = end

    def folded(
        self,
        partition: int,
        events: int,
        following: int,
        appended_at_ms: int | None,
        seconds: float,
    ) -> None:
        super().folded(partition, events, following, appended_at_ms, seconds)
        if following >= self._end:
            self._stop.request("the log's end")


def main() -> None:
    """Make the logs, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.projector", description=__doc__)
    parser.add_argument("--calls", type=int, default=200_000)
    parser.add_argument("--tenants", type=int, default=400)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    asked = parser.parse_args()
    facts = machine.facts()
    figures: dict[str, Measured] = {}
    for name, hold_calls in LOGS.items():
        records = wallet_log.make(asked.calls, asked.tenants, hold_calls)
        with tempfile.TemporaryDirectory(prefix="ledger-bench-") as folder:
            figures[name] = measure(Path(folder) / "stack", records)
        _tell(name, figures[name])
    print(f"\nfloor {FLOOR:.2f}, goal {GOAL:.2f}")
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    if asked.json:
        found = {
            name: {
                **one._asdict(),
                "projector": one.projector._asdict(),
                "copy": one.copy._asdict(),
                "ratio": one.ratio,
                "cpu_ratio": one.cpu_ratio,
            }
            for name, one in figures.items()
        }
        asked.json.write_text(json.dumps({"machine": facts, **found}, indent=2) + "\n")


def measure(path: Path, records: list[InputRecord]) -> Measured:
    """Project the records into a Postgres that is made in `path`, then copy what came of them."""
    folder = DataFolder(path)
    folder.claim(silent)
    postgres = Postgres(folder)
    try:
        postgres.prepare(silent)
        postgres.start()
        with _stages() as stages:
            projected = _project(postgres, records)
        rows, copied = _copy(postgres)
    finally:
        postgres.stop()
        folder.release()
    return Measured(len(records), rows, projected, copied, stages)


def _project(postgres: Postgres, records: list[InputRecord]) -> Side:
    password = secrets.token_hex(8)
    migrate(postgres.url, {PROJECTOR: password})
    parts = urlsplit(postgres.url)
    address = f"{PROJECTOR}:{password}@{parts.hostname}:{parts.port}"
    url = urlunsplit(parts._replace(netloc=address))
    stop = Stop()
    told = ToTheEnd(stop, records[-1].offset() + 1)

    def follow(positions: Mapping[int, int]) -> Log:
        return MemoryLog(records, positions)

    run.tune()
    return _timed(postgres, Projector(url, [PLACE], IDENTITY, follow, told, stop).run)


def _copy(postgres: Postgres) -> tuple[int, Side]:
    migrate(postgres.url, schema="copied")
    with connected(postgres.url) as database:
        texts = [_text(database, table.name, table.columns) for table in TABLES]
        moments = database.execute("SELECT DISTINCT recorded_at_ms FROM movements").fetchall()
    with connected(postgres.url, "copied") as database:
        for month in {month_of(recorded_at_ms) for (recorded_at_ms,) in moments}:
            database.execute("SELECT add_movements_month(%s)", [month])

        def copy() -> None:
            with database.transaction(), database.cursor() as cursor:
                for table, text in zip(TABLES, texts, strict=True):
                    into = sql.SQL("COPY {} ({}) FROM STDIN").format(
                        sql.Identifier(table.name), listed(table.columns)
                    )
                    with cursor.copy(into) as copying:
                        copying.write(text)

        return sum(text.count(b"\n") for text in texts), _timed(postgres, copy)


def _text(database: Database, table: str, columns: tuple[str, ...]) -> bytes:
    query = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(
        listed(columns), sql.Identifier(table)
    )
    with database.cursor() as cursor, cursor.copy(query) as copying:
        return b"".join(bytes(part) for part in copying)


def _timed(postgres: Postgres, work: Callable[[], object]) -> Side:
    server_s, client_s = _server_cpu_s(postgres), time.process_time()
    began_s = time.monotonic()
    work()
    seconds = time.monotonic() - began_s
    client_s = time.process_time() - client_s
    return Side(seconds, client_s, _server_cpu_s(postgres) - server_s)


def _server_cpu_s(postgres: Postgres) -> float:
    """Of the server and every process it ever started."""
    server = psutil.Process(postgres.process.pid)
    total_s = 0.0
    for process in [*server.children(recursive=True), server]:
        # One that ends meanwhile is counted by the server, which comes last.
        with suppress(psutil.NoSuchProcess):
            spent = process.cpu_times()
            total_s += spent.user + spent.system + spent.children_user + spent.children_system
    return total_s


@contextmanager
def _stages() -> Generator[dict[str, float]]:
    """Seconds of each stage: processor time of those that read, wall clock of those that write."""
    spent_s: dict[str, float] = {}
    replaced: list[tuple[object, str, object]] = []

    def tell(owner: object, function: str, stage: str, clock: Callable[[], float]) -> None:
        inner: Callable[..., object] = getattr(owner, function)

        def outer(*arguments: object) -> object:
            began_s = clock()
            try:
                return inner(*arguments)
            finally:
                spent_s[stage] = spent_s.get(stage, 0.0) + clock() - began_s

        replaced.append((owner, function, inner))
        setattr(owner, function, outer)

    tell(reading, "_decoded", "decode", time.thread_time)
    tell(Folded, "add", "fold", time.thread_time)
    tell(Stage, "copy", "COPY", time.monotonic)
    tell(Stage, "merge", "merge", time.monotonic)
    tell(Projection, "write", "commit", time.monotonic)
    try:
        yield spent_s
    finally:
        for owner, function, inner in replaced:
            setattr(owner, function, inner)
        spent_s["commit"] -= spent_s["COPY"] + spent_s["merge"]


def _tell(name: str, found: Measured) -> None:
    projector, copy, events = found.projector, found.copy, found.events
    print(
        f"\n{name}: ratio {found.ratio:.2f}, by processor time {found.cpu_ratio:.2f}"
        f" ({projector.seconds:.2f} s for {events:,} events, {events / projector.seconds:,.0f}/s;"
        f" COPY {copy.seconds:.2f} s for {found.rows:,} rows, {found.rows / copy.seconds:,.0f}/s)"
    )
    stages = [
        f"{stage} {seconds / events * 1e6:.1f}{' CPU' if stage in READING else ''}"
        for stage, seconds in found.stages.items()
    ]
    print(f"  µs an event: {', '.join(stages)}")
    print(
        f"  CPU µs an event: projector {projector.client_cpu_s / events * 1e6:.1f},"
        f" its Postgres {projector.postgres_cpu_s / events * 1e6:.1f},"
        f" COPY's Postgres {copy.postgres_cpu_s / events * 1e6:.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
