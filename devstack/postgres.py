"""Postgres: one server over its own folder, on loopback, with a password nobody chose."""

import os
import secrets
import shutil
import signal
import subprocess

import psycopg

from devstack.errors import ProcessFailed
from devstack.folder import DataFolder, Say, make_private
from devstack.leftovers import await_nobody_in
from devstack.postgresql import Postgresql, find_postgresql
from devstack.processes import Process

READY_S = 30.0
SUPERUSER = "postgres"
DATABASE = "ledger"

# The path of a folder that the process works in, and need not be able to reach.
WORKING_FOLDER = "/proc/self/cwd"

# Messages we can read and compare; on macOS the server does not start in some other locales.
ENVIRONMENT = {"LC_ALL": "C"}


class Postgres:
    """One server over a claimed data folder; its address stays the same from start to start."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._home = folder.path / "postgres"
        self._data = self._home / "data"
        self._password_file = self._home / "password"
        self._programs: Postgresql | None = None
        self._process: Process | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """The superuser's, to the database `ledger`, once prepared."""
        return self._url(DATABASE)

    @property
    def process(self) -> Process:
        assert self._process is not None, "prepare() comes first"
        return self._process

    def prepare(self, say: Say) -> None:
        """Find the programs and choose port and password; starts nothing."""
        self._programs = find_postgresql()
        if self._programs.user is not None:
            say("user namespaces are off here: Postgres runs as the user nobody")
        self.port = self._folder.port("postgres")
        make_private(self._home)
        make_private(self._data)
        if not self._password_file.exists():
            descriptor = os.open(self._password_file, os.O_WRONLY | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(16))
        self._give_to(self._programs.user)
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            # Their path would be too long in many folders.
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self._process = Process(
            "postgres",
            [*self._command("postgres"), *settings],
            self._folder,
            cwd=self._data,
            env=ENVIRONMENT,
            user=self._programs.user,
            # To a server: end the sessions and stop; SIGTERM would wait for them.
            stop_signal=signal.SIGINT,
        )

    def start(self) -> None:
        """Start the server and return when the database `ledger` answers."""
        self._initialise_once()
        self._remove_stale_lock()
        self.process.start()
        self.process.wait_ready(self._answers, READY_S)
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            found = connection.execute("select from pg_database where datname = %s", [DATABASE])
            if found.fetchone() is None:
                connection.execute(f"create database {DATABASE}")

    def stop(self) -> None:
        self.process.stop()

    def kill(self) -> None:
        """`kill -9`, for tests of faults; `start` brings it back."""
        self.process.kill()

    def ended(self) -> Process | None:
        """Its process, if that has ended."""
        return None if self.process.running else self.process

    def _url(self, database: str) -> str:
        password = self._password_file.read_text()
        return f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{self.port}/{database}"

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _initialise_once(self) -> None:
        initialised = self._home / "initialised"
        if initialised.exists():
            return
        assert self._programs is not None
        # An earlier attempt may have been cut short; nothing was ever served from it.
        for entry in self._data.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        done = subprocess.run(
            [
                *self._command("initdb"),
                f"--username={SUPERUSER}",
                f"--pwfile=../{self._password_file.name}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--no-sync",
                "--no-instructions",
            ],
            cwd=self._data,
            env=os.environ | ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            check=False,
            capture_output=True,
            text=True,
            user=self._programs.user,
            group=self._programs.user,
            extra_groups=None if self._programs.user is None else [],
        )
        if done.returncode != 0:
            raise ProcessFailed(
                f"Postgres could not initialise {self._data}:\n{done.stdout}{done.stderr}"
            )
        initialised.touch()

    def _remove_stale_lock(self) -> None:
        # Postgres trusts the number in its lock: after a crash that may be another process by now,
        # or a dead one that nobody has collected. Its processes all work in their data folder.
        lock = self._data / "postmaster.pid"
        if lock.exists() and await_nobody_in(self._data):
            lock.unlink()

    def _command(self, program: str) -> list[str]:
        programs = self._programs
        assert programs is not None
        # Another user may not pass through a private folder above this one, but needs not.
        data = WORKING_FOLDER if programs.user is not None else str(self._data)
        return [*programs.prefix, str(programs.bin / program), "-D", data]

    def _give_to(self, user: int | None) -> None:
        if user is not None:
            for path in (self._home, self._password_file, self._data, *self._data.rglob("*")):
                os.chown(path, user, user)
