"""Kafka and Postgres over one data folder, started together and stopped together."""

import time
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from devstack.folder import DataFolder, Say
from devstack.kafka import Kafka
from devstack.postgres import Postgres
from devstack.processes import POLL_S, describe_exit


def silent(_: str) -> None:
    """For callers who need not be told."""


class Stack:
    """The stores of one machine. Several stacks run side by side, each over its own folder.

    `with Stack(folder) as stack:` makes sure of the stop; `stack.start(print)` is the start.
    """

    def __init__(self, data: Path, brokers: int | None = None) -> None:
        """With None, as many brokers as the folder's cluster has; one, if there is none yet."""
        self.folder = DataFolder(data)
        self.kafka = Kafka(self.folder, brokers)
        self.postgres = Postgres(self.folder)
        self._closing = ExitStack()

    @property
    def bootstrap_servers(self) -> str:
        """As Kafka clients want it, once started."""
        return self.kafka.bootstrap_servers

    @property
    def postgres_url(self) -> str:
        """The superuser's, to the database `ledger`, once started."""
        return self.postgres.url

    def start(self, progress: Say = silent) -> None:
        """Start everything and return when it is ready; on failure nothing is left running.

        `progress` is called with sentences for people. Raises DevstackError.
        """
        try:
            # 1. Own the folder.
            self.folder.claim(progress)
            self._closing.callback(self.folder.release)
            # 2. Have every part, so that no start waits for a fetch.
            for store in (self.kafka, self.postgres):
                store.prepare(progress)
                self._closing.callback(store.stop)
            # 3. Start both at once: neither waits for the other.
            progress(f"starting Kafka and Postgres in {self.folder.path}")
            began_s = time.monotonic()
            self._start_together()
            progress(
                f"ready in {time.monotonic() - began_s:.1f} s: Kafka on {self.bootstrap_servers},"
                f" Postgres on 127.0.0.1:{self.postgres.port}; logs in {self.folder.logs}"
            )
        except BaseException:
            self.stop()
            raise

    def check(self) -> None:
        """Raise ProcessFailed, with its last words, if a store has ended by itself.

        Of several brokers, most must go on; one that ended is for the caller to start again.
        """
        for ended in (self.kafka.ended(), self.postgres.ended()):
            if ended is not None:
                how = describe_exit(ended.exit_status)
                raise ended.failure(f"ended by itself ({how})")

    def stop(self) -> None:
        """Stop what runs, cleanly, and let go of the folder."""
        self._closing.close()

    def _start_together(self) -> None:
        with ThreadPoolExecutor(2) as pool:
            starts = [pool.submit(store.start) for store in (self.kafka, self.postgres)]
            try:
                for start in as_completed(starts):
                    start.result()
            except BaseException:
                # Again and again: a thread may have been about to start what was not there to kill.
                while wait(starts, timeout=POLL_S).not_done:
                    self.kafka.kill()
                    self.postgres.kill()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
