"""Everything on this machine: the stores, the topics and tables, and every service, as processes.

What production does by hand or by machinery of its own is done here by the same subcommands, each
in a process of its own, over one data folder.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from shlex import quote
from typing import Final, NamedTuple, NoReturn, TextIO
from urllib.parse import urlsplit, urlunsplit

from cli import connection
from cli.errors import Refused
from cli.settings import FILE_SUFFIX, Settings, catalogue, load
from devstack.stack import Stack
from devstack.supervisor import ServiceSpec, Supervisor
from projections.migrate import OPERATOR, PROJECTOR

SERVICES: Final = ("processor", "projector", "ticker", "schemas-endpoint")
PARTITIONS: Final = 4
CHECK_S: Final = 0.3
# Not in the folder it was started from: what lies there is no part of the program.
PROGRAM: Final = (sys.executable, "-P", "-m", "cli")

Say = Callable[[str], None]


class Running(NamedTuple):
    """What was started, and where to look."""

    settings: Settings
    stack: Stack
    urls: Mapping[str, str]
    """Of each service, where it says whether it is ready."""
    say: Say

    def stay(self) -> NoReturn:
        """Wait for Ctrl-C; raises ProcessFailed, with its last words, if a store ends by itself.

        One of several brokers may: the others go on, and it is started again.
        """
        while True:
            self.stack.check()
            self.stack.kafka.mend(self.say)
            time.sleep(CHECK_S)


@contextmanager
def running(
    configured: Settings, data: Path, say: Say, out: TextIO, brokers: int | None = None
) -> Generator[Running]:
    """Start everything over the data folder, stop it all at the end; services' lines go to `out`.

    Raises DevstackError, and Refused where a set-up step fails.
    """
    with Stack(data, brokers) as stack:
        # 1. The stores.
        stack.start(say)
        variables = _variables(configured, stack)
        environment = unsaid() | variables
        # 2. What they hold.
        for step in (("topics", "create"), ("migrate",)):
            _set_up(step, environment, say)
        # 3. The services.
        ports = {name: stack.folder.port(f"{name} http") for name in SERVICES}
        urls = {name: f"http://127.0.0.1:{port}/readyz" for name, port in ports.items()}
        specs = [_spec(name, environment, ports[name], urls[name]) for name in SERVICES]
        say(f"starting {', '.join(SERVICES)}")
        with Supervisor(specs, stack.folder, out) as supervisor:
            supervisor.start_all()
            connection.write(data, variables)
            try:
                yield Running(load({**os.environ, **environment}), stack, urls, say)
            finally:
                connection.forget(data)
                say("stopping")


def where_to_look(started: Running) -> list[str]:
    """What a person may want next, a line each."""
    data, servers = started.settings.data, started.settings.kafka_bootstrap_servers
    # Where nothing put it on the PATH, as after `make demo`, it is called by its place.
    ledger = "ledger" if shutil.which("ledger") else quote(sys.argv[0])
    is_found = data == load({}).data
    places = {
        **({} if is_found else {"in a shell": f"export LEDGER_DATA={quote(str(data))}"}),
        "ask": f"{ledger} balance",
        "begin": f"{ledger} project open acme clinic && {ledger} top-up acme 50",
        "learn": f"{ledger} --help",
        **started.urls,
        "schemas": f"http://127.0.0.1:{started.settings.schemas_port}/subjects",
        "Kafka": servers,
        "addresses": data / connection.FILE_NAME,
        "logs": data / "logs",
    }
    width = max(map(len, places))
    return [f"{name:<{width}}  {place}" for name, place in places.items()]


def _variables(configured: Settings, stack: Stack) -> dict[str, str]:
    """The configuration of all that runs on the stack, as the environment has it."""
    partitions = configured.given.get("LEDGER_PARTITIONS", str(PARTITIONS))
    return {
        "LEDGER_DATA": str(stack.folder.path),
        "LEDGER_KAFKA_BOOTSTRAP_SERVERS": stack.bootstrap_servers,
        "LEDGER_TOPIC_PREFIX": configured.topic_prefix,
        "LEDGER_PARTITIONS": partitions,
        "LEDGER_REPLICATION": str(stack.kafka.copies),
        "LEDGER_SCHEMAS_PORT": str(stack.folder.port("schemas")),
        "LEDGER_DATABASE_URL": stack.postgres_url,
        # New at every start: nothing outlives the run that needs them.
        "LEDGER_PROJECTOR_DATABASE_URL": _url_of(stack.postgres_url, PROJECTOR, token_hex(16)),
        "LEDGER_OPERATOR_DATABASE_URL": _url_of(stack.postgres_url, OPERATOR, token_hex(16)),
    }


def unsaid() -> dict[str, str]:
    """What the environment may say of another cluster, unsaid."""
    about_another = [
        setting.variable
        for setting in catalogue()
        if setting.is_secret or setting.variable.startswith("LEDGER_KAFKA_")
    ]
    return dict.fromkeys([*about_another, *(name + FILE_SUFFIX for name in about_another)], "")


def _url_of(owner_url: str, role: str, password: str) -> str:
    parts = urlsplit(owner_url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{password}@{host}"))


def _set_up(step: tuple[str, ...], environment: Mapping[str, str], say: Say) -> None:
    say(f"ledger {' '.join(step)}")
    done = subprocess.run(
        [*PROGRAM, *step],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Refused(f"`ledger {' '.join(step)}` failed:\n{done.stdout}{done.stderr}")


def _spec(name: str, environment: Mapping[str, str], port: int, ready_url: str) -> ServiceSpec:
    return ServiceSpec(
        name,
        [*PROGRAM, "run", name],
        env={**environment, "LEDGER_HTTP_PORT": str(port)},
        ready_url=ready_url,
    )
