"""All of the ledger over TLS and passwords, each service as a user who may do what the docs say."""

import json
import re
import secrets
import subprocess
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from confluent_kafka import KafkaException

from devstack.stack import Stack
from eventlog.errors import Undelivered
from eventlog.partitioner import partition_of
from eventlog.producer import Publication, Publisher
from eventlog.settings import KafkaSettings, Security
from eventlog.topics import USAGE_CALLS, WALLET_COMMANDS, WALLET_EVENTS
from ledger.commands import AskToSpend
from ledger.usage import Activity
from schemas import codec
from tests.checkout import ROOT
from tests.cli.machine import LEDGER, without_settings
from tests.projections.urls import Urls
from tests.security.authority import LOOPBACK, Authority
from tests.security.guarded import PLAIN_PASSWORD, Guarded
from tests.security.tls_front import TlsFront
from tests.usage import call

pytestmark = pytest.mark.stack

ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| `([^`]+)` \| ([A-Z_, ]+) \|$", re.MULTILINE)
PAGE = "docs/reference/kafka-access.md"
PARTITIONS = 4
READY_S = 60.0


def documented() -> Iterator[tuple[str, str, str, bool, str]]:
    """The lines of the page, an operation each; and those of whom it speaks below them."""
    for user, kind, name, operations in ROW.findall((ROOT / PAGE).read_text(encoding="utf-8")):
        for operation in operations.split(", "):
            rule = (kind.upper(), name.removesuffix("*"), name.endswith("*"), operation)
            yield user, *rule
            if user == "operator" and operation != "WRITE":
                yield "auditor", *rule
            if user == "operator" and (operation != "WRITE" or "ledger.resolutions" in name):
                yield "clerk", *rule


@dataclass
class Site:
    """A place where every connection is guarded, and what is typed and run there."""

    guarded: Guarded
    urls: Urls
    front: TlsFront
    folder: Path
    passwords: dict[str, str]
    services: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])

    @cached_property
    def authority(self) -> Path:
        return self.guarded.authority.certificate

    def database(self, url: str, authority: Path | None = None) -> str:
        """The same database through TLS, with the server's name checked."""
        parts = urlsplit(url)
        place = f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{self.front.port}"
        query = f"sslmode=verify-full&sslrootcert={authority or self.authority}"
        return urlunsplit(parts._replace(netloc=place, query=query))

    def environment(self, user: str, **changed: str) -> dict[str, str]:
        """What a service of that user is configured with; its password is a file."""
        password = self.folder / f"{user}.password"
        password.write_text(self.passwords[user])
        return {
            **without_settings(),
            "LEDGER_DATA": str(self.folder / "data"),
            "LEDGER_KAFKA_BOOTSTRAP_SERVERS": self.guarded.bootstrap_servers,
            "LEDGER_KAFKA_SECURITY": "sasl_ssl",
            "LEDGER_KAFKA_CA": str(self.authority),
            "LEDGER_KAFKA_USER": user,
            "LEDGER_KAFKA_PASSWORD_FILE": str(password),
            "LEDGER_PARTITIONS": str(PARTITIONS),
            "LEDGER_REPLICATION": "1",
            "LEDGER_ACTOR": f"operator:{user}",
            "LEDGER_LOG": "text",
            "LEDGER_DATABASE_URL": self.database(self.urls.owner),
            "LEDGER_PROJECTOR_DATABASE_URL": self.database(self.urls.projector),
            "LEDGER_OPERATOR_DATABASE_URL": self.database(self.urls.operator),
            **changed,
        }

    def kafka(self, user: str) -> KafkaSettings:
        """What a program in Python is given that is no command of ours."""
        return KafkaSettings(
            self.guarded.bootstrap_servers,
            security=Security(
                protocol="sasl_ssl",
                ca_file=str(self.authority),
                mechanism="SCRAM-SHA-512",
                user=user,
                password=self.passwords[user],
            ),
        )

    def type(self, user: str, *words: str, exit_code: int = 0, **changed: str) -> str:
        """Type a command; what it prints, errors after the rest."""
        done = subprocess.run(
            [*LEDGER, *words],
            env=self.environment(user, **changed),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == exit_code, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def start(self, name: str) -> None:
        """Start a service as its own user."""
        with (self.folder / f"{name}.log").open("wb") as log:
            self.services.append(
                subprocess.Popen(
                    [*LEDGER, "run", name],
                    env=self.environment(name),
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )

    def wait_for(self, condition: Callable[[], bool]) -> None:
        give_up_s = time.monotonic() + READY_S
        while not condition():
            assert time.monotonic() < give_up_s, self.logs()
            time.sleep(0.2)

    def logs(self) -> str:
        return "\n".join(log.read_text()[-3_000:] for log in self.folder.glob("*.log"))


def letters(site: Site) -> list[dict[str, Any]]:
    """The dead letters that are open."""
    found: list[dict[str, Any]] = json.loads(site.type("auditor", "dlq", "list", "--json"))[
        "dead_letters"
    ]
    return found


@pytest.fixture(scope="module")
def site(own: Stack, guarded: Guarded, tmp_path_factory: pytest.TempPathFactory) -> Generator[Site]:
    folder = tmp_path_factory.mktemp("site")
    rules = list(documented())
    passwords = {user: secrets.token_hex(8) for user, *_ in rules}
    for user, password in passwords.items():
        guarded.add_user(user, password)
    guarded.allow(rules)
    identity = guarded.authority.issue("postgres", addresses=(LOOPBACK,))
    with TlsFront(identity, own.postgres.port) as front:
        site = Site(guarded, Urls(own.postgres_url), front, folder, passwords)
        assert "Created g1.wallet.events" in site.type("setup", "topics", "create")
        site.type("setup", "topics", "check")
        assert "Applied" in site.type("setup", "migrate")
        for service in ("processor", "projector", "ticker"):
            site.start(service)
        try:
            yield site
        finally:
            for process in site.services:
                process.kill()
                process.wait()


def test_from_a_top_up_to_a_balance_with_every_connection_guarded(site: Site) -> None:
    site.type("operator", "project", "open", "acme", "clinic")
    assert "Topped up acme by $50.00." in site.type(
        "operator", "top-up", "acme", "50", "--reason", "paid"
    )
    site.type("operator", "project", "live", "acme", "clinic")
    hold = ("hold", "place", "acme", "clinic", "--id", "call-1")
    assert "$0.90 held" in site.type("platform", *hold)
    now_ms = time.time_ns() // 1_000_000
    ended_at = now_ms + 60_000  # It began when the project was live.
    value = codec.calls.encode(call(ended_at=ended_at, goal_reached=False, hold_id="call-1"))
    usage = Publication(USAGE_CALLS.name, b"acme", value)
    assert Publisher(site.kafka("platform")).publish([usage]) == 1
    site.wait_for(lambda: "$49.40" in site.type("operator", "balance", "acme"))
    assert '"holds": true' in site.type("auditor", "verify", "--json")
    assert "FAILED" not in site.type("operator", "doctor")
    assert [process.poll() for process in site.services] == [None] * 3, site.logs()


def test_dead_letters_are_resolved_by_those_who_may(site: Site) -> None:
    # Given what a platform published wrongly: usage and a question on another's partition, no Avro
    platform, home = Publisher(site.kafka("platform")), partition_of(b"beta", PARTITIONS)
    elsewhere = (home + 1) % PARTITIONS
    usage = codec.calls.encode(call(tenant_id="beta"))
    command = codec.asked.encode(
        AskToSpend(
            command_id="chat-1",
            tenant_id="beta",
            actor="service:chat",
            project_id="clinic",
            activity=Activity.CHAT,
        )
    )
    platform.publish(
        [
            Publication(USAGE_CALLS.name, b"beta", usage, partition=elsewhere),
            Publication(WALLET_COMMANDS.name, b"beta", command, partition=elsewhere),
            Publication(USAGE_CALLS.name, b"beta", b"no Avro"),
        ]
    )
    site.wait_for(lambda: len(letters(site)) == 3)
    for letter in letters(site):
        what, by = ("drop", "clerk") if letter["code"] == "malformed" else ("resend", "operator")
        asked = ("dlq", what, letter["position"], "--reason", "mended")
        # When who only looks into them resolves one, then nothing is done
        said = site.type("auditor", *asked, exit_code=2)
        assert "forbids us what we asked for (TRANSACTIONAL_ID_AUTHORIZATION_FAILED)" in said
        if what == "resend":
            said = site.type("clerk", *asked, exit_code=2)
            assert "forbids us what we asked for (TOPIC_AUTHORIZATION_FAILED)" in said
        # When who may resolves it, then it is done
        said = site.type(by, *asked)
        done = "dropped" if what == "drop" else f"resent to {letter['source_topic']}/{home}"
        assert done in said
    assert letters(site) == []


@pytest.mark.parametrize(
    ("user", "command"),
    [("ticker", ("verify",)), ("platform", ("verify",)), ("processor", ("topics", "create"))],
)
def test_what_is_not_a_users_own_is_forbidden(
    site: Site, user: str, command: tuple[str, ...]
) -> None:
    said = site.type(user, *command, exit_code=2)
    # Which of its questions is answered first is not for us to say.
    assert re.search(
        r"Kafka forbids us what we asked for \((TOPIC|GROUP)_AUTHORIZATION_FAILED\)", said
    )


@pytest.mark.parametrize(
    "user", ["setup", "projector", "ticker", "operator", "auditor", "platform"]
)
def test_nobody_but_the_processor_writes_the_log(site: Site, user: str) -> None:
    forged = Publication(WALLET_EVENTS.name, b"acme", b"forged")
    # Who may write nothing at all is not even given a producer's id.
    with pytest.raises(
        (Undelivered, KafkaException), match=r"(Topic|Cluster) authorization failed"
    ):
        Publisher(site.kafka(user)).publish([forged])


@pytest.mark.parametrize("command", [("topics", "list"), ("run", "ticker")])
def test_a_wrong_password_is_refused_and_said_so(site: Site, command: tuple[str, ...]) -> None:
    guess = {"LEDGER_KAFKA_PASSWORD_FILE": "", "LEDGER_KAFKA_PASSWORD": "a guess"}
    said = site.type("ticker", *command, exit_code=2, **guess)
    assert "Kafka does not accept our user and password" in said
    assert "a guess" not in said


@pytest.mark.parametrize("command", [("topics", "list"), ("run", "ticker")])
def test_a_broker_of_another_authority_is_not_trusted(
    site: Site, tmp_path: Path, command: tuple[str, ...]
) -> None:
    other = Authority(tmp_path, "other").certificate
    said = site.type("ticker", *command, exit_code=2, LEDGER_KAFKA_CA=str(other))
    assert "Kafka's certificate is not trusted" in said
    assert "certificate verify failed" in said


def test_who_comes_without_tls_is_told_what_may_be_missing(site: Site) -> None:
    bare = dict.fromkeys(("LEDGER_KAFKA_USER", "LEDGER_KAFKA_PASSWORD_FILE", "LEDGER_KAFKA_CA"), "")
    said = site.type("ticker", "topics", "list", exit_code=3, LEDGER_KAFKA_SECURITY="", **bare)
    assert "set LEDGER_KAFKA_SECURITY" in said


def test_the_other_mechanism_works_too(site: Site) -> None:
    site.passwords["plain"] = PLAIN_PASSWORD
    said = site.type("plain", "topics", "check", exit_code=2, LEDGER_KAFKA_SASL_MECHANISM="PLAIN")
    # It is let in, and may nothing.
    assert "TOPIC_AUTHORIZATION_FAILED" in said


# ── Postgres ──


def test_the_connection_to_postgres_is_encrypted(site: Site) -> None:
    with psycopg.connect(site.database(site.urls.operator)) as connection:
        assert connection.pgconn.ssl_in_use


def test_a_postgres_of_another_authority_is_not_trusted(site: Site, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other").certificate
    url = site.database(site.urls.operator, other)
    said = site.type("operator", "balance", exit_code=3, LEDGER_OPERATOR_DATABASE_URL=url)
    assert "certificate verify failed" in said


def test_a_postgres_of_another_name_is_not_trusted(own: Stack, site: Site) -> None:
    elsewhere = site.guarded.authority.issue("elsewhere", "database.example.com")
    with TlsFront(elsewhere, own.postgres.port) as front:
        url = site.database(site.urls.operator).replace(f":{site.front.port}/", f":{front.port}/")
        said = site.type("operator", "balance", exit_code=3, LEDGER_OPERATOR_DATABASE_URL=url)
    assert 'does not match host name "127.0.0.1"' in said


def test_a_postgres_without_tls_is_not_spoken_to(own: Stack, site: Site) -> None:
    url = site.database(site.urls.operator).replace(
        f":{site.front.port}/", f":{own.postgres.port}/"
    )
    said = site.type("operator", "balance", exit_code=3, LEDGER_OPERATOR_DATABASE_URL=url)
    assert "server does not support SSL, but SSL was required" in said
