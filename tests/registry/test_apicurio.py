"""A production registry, Apicurio: `ledger schemas publish` fills it, and it keeps the contract."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from schemas.catalogue import catalogue
from tests.cli.machine import LEDGER, without_settings
from tests.registry import apicurio
from tests.registry.contract import STRANGE, RegistryContract

pytestmark = pytest.mark.apicurio

OTHER = "other."


@dataclass(frozen=True)
class Program:
    """`ledger` with a registry in its environment."""

    url: str

    def type(self, line: str, exit_code: int = 0, prefix: str = "") -> str:
        """What a command prints, errors after the rest."""
        done = subprocess.run(
            [*LEDGER, *line.split()],
            env={
                **without_settings(),
                "LEDGER_REGISTRY_URL": self.url,
                "LEDGER_TOPIC_PREFIX": prefix,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == exit_code, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """With a registry that was empty, and then published to."""
    data = tmp_path_factory.mktemp("apicurio")
    with apicurio.running(data, print) as url:
        program = Program(url)
        said = program.type("schemas check", exit_code=1)
        assert said.count("present") == len(catalogue())
        assert "The registry is not as it must be." in said
        said = program.type("schemas publish")
        assert said.count("Published g1.") == len(catalogue())
        assert "Published g1.usage.calls-value version 1 as id 1001" in said
        yield program


@pytest.fixture(scope="module")
def client(program: Program) -> Iterator[SchemaRegistryClient]:
    with SchemaRegistryClient({"url": program.url, "timeout": 10}) as client:
        yield client


class TestApicurio(RegistryContract):
    """The cases that every registry passes."""


def test_what_is_published_is_as_it_must_be(program: Program) -> None:
    assert "holds every one of them, under its id" in program.type("schemas check")
    assert json.loads(program.type("schemas check --json")) == {"problems": [], "registry": []}
    assert "holds every schema already" in program.type("schemas publish")


def test_a_rule_that_was_loosened_is_drift_and_is_set_again(
    program: Program, client: SchemaRegistryClient
) -> None:
    client.set_compatibility("g1.wallet.events-value", "NONE")
    said = program.type("schemas check", exit_code=1)
    assert "BACKWARD_TRANSITIVE" in said
    assert "NONE" in said
    program.type("schemas publish")
    program.type("schemas check")


def test_a_subject_that_someone_else_filled_is_drift_and_left_alone(
    program: Program, client: SchemaRegistryClient
) -> None:
    subject = f"{OTHER}g1.usage.calls-value"
    its_id = client.register_schema(subject, Schema(STRANGE, "AVRO"))
    said = program.type("schemas check", exit_code=1, prefix=OTHER)
    assert "another" in said
    said = program.type("schemas publish", exit_code=1, prefix=OTHER)
    assert f"id must be 1001 and is {its_id}" in said
    assert client.get_subjects().count(f"{OTHER}g1.wallet.events-value") == 0
    client.delete_subject(subject)


def test_a_registry_that_is_away_is_named(program: Program) -> None:
    said = Program("http://127.0.0.1:9/apis/ccompat/v7").type("schemas check", exit_code=3)
    assert "The registry at http://127.0.0.1:9/apis/ccompat/v7: " in said
