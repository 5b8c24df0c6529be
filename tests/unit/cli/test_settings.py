"""Where the configuration comes from, and what is said of one that is wrong."""

from pathlib import Path

import pytest

from cli import connection, settings, stack
from cli.errors import WrongSetting
from eventlog.settings import CHECKS, OWNED_BY_SECURITY, KafkaSettings

STACK = {
    "LEDGER_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:21000",
    "LEDGER_PARTITIONS": "4",
    "LEDGER_OPERATOR_DATABASE_URL": "postgresql://ledger_operator:word@127.0.0.1:22000/ledger",
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data folder of a stack that runs."""
    connection.write(tmp_path, STACK)
    return tmp_path


def test_every_setting_has_a_default_that_can_be_read() -> None:
    configured = settings.Settings({})
    assert configured.partitions == 12
    assert configured.deduplication_window_ms == 90 * 24 * 3_600_000
    assert configured.actor.startswith("operator:")


def test_every_setting_says_what_it_is() -> None:
    assert all(setting.text.endswith(".") for setting in settings.catalogue())


def test_the_environment_says_where_kafka_is() -> None:
    configured = settings.load(
        {
            "LEDGER_KAFKA_BOOTSTRAP_SERVERS": "one:9092,two:9092",
            "LEDGER_TOPIC_PREFIX": "prod.",
            "LEDGER_KAFKA_EXTRA": "client.rack=a=b; debug=broker",
        }
    )
    assert configured.kafka.bootstrap_servers == "one:9092,two:9092"
    assert configured.kafka.topic("wallet.events") == "prod.g1.wallet.events"
    assert configured.kafka.extra == {"client.rack": "a=b", "debug": "broker"}


def test_a_stack_that_runs_here_is_found(data: Path) -> None:
    configured = settings.load({"LEDGER_DATA": str(data)})
    assert configured.kafka.bootstrap_servers == "127.0.0.1:21000"
    assert configured.partitions == 4


def test_what_the_environment_says_beside_addresses_wins(data: Path) -> None:
    configured = settings.load({"LEDGER_DATA": str(data), "LEDGER_PARTITIONS": "8"})
    assert configured.partitions == 8


def test_a_stack_is_used_whole_or_not_at_all(data: Path) -> None:
    configured = settings.load(
        {"LEDGER_DATA": str(data), "LEDGER_KAFKA_BOOTSTRAP_SERVERS": "prod:9092"}
    )
    with pytest.raises(WrongSetting, match="LEDGER_OPERATOR_DATABASE_URL is not set"):
        _ = configured.operator_url


def test_without_any_stack_the_error_says_how_to_get_one(tmp_path: Path) -> None:
    configured = settings.load({"LEDGER_DATA": str(tmp_path)})
    with pytest.raises(WrongSetting) as raised:
        _ = configured.kafka
    assert str(tmp_path) in raised.value.message
    assert "start one with `ledger up`, or set LEDGER_KAFKA_BOOTSTRAP_SERVERS" in str(raised.value)


def test_an_empty_variable_counts_as_not_set() -> None:
    assert settings.load({"LEDGER_PARTITIONS": ""}).partitions == 12


@pytest.mark.parametrize(
    ("variable", "text", "wanted"),
    [
        ("LEDGER_PARTITIONS", "many", "must be a whole number from 1 to 1000"),
        ("LEDGER_PARTITIONS", "0", "must be a whole number from 1 to 1000"),
        ("LEDGER_DEDUPLICATION_DAYS", "30", "must be a whole number from 74 to 3650"),
        ("LEDGER_TICK_SECONDS", "soon", "must be a number from 0.1 to 60.0"),
        ("LEDGER_TICK_SECONDS", "nan", "must be a number from 0.1 to 60.0"),
        ("LEDGER_LOG", "xml", "must be auto, json or text"),
        ("LEDGER_LOG_LEVEL", "loud", "must be debug, info, warning or error"),
        ("LEDGER_HTTP_PORT", "tcp://10.0.0.1:80", "must be a whole number from 0 to 65535"),
        ("LEDGER_KAFKA_BOOTSTRAP_SERVERS", "kafka", "must be like host:9092,host:9092"),
        ("LEDGER_TOPIC_PREFIX", "prod/", "may hold letters, digits, . _ and -"),
        ("LEDGER_ACTOR", "a" * 65, "must be 1 to 64 printable characters"),
        ("LEDGER_ACTOR", "ann", "must begin with `operator:`, like operator:ann"),
    ],
)
def test_a_wrong_value_is_refused_by_its_variable(variable: str, text: str, wanted: str) -> None:
    with pytest.raises(WrongSetting) as raised:
        settings.load({variable: text})
    assert raised.value.message == f"{variable} is {text!r}: it {wanted}."
    assert raised.value.exit_code == 2


def test_a_wrong_secret_is_not_repeated() -> None:
    with pytest.raises(WrongSetting) as raised:
        settings.load({"LEDGER_DATABASE_URL": "mysql://me:word@host/x"})
    assert raised.value.message.startswith("LEDGER_DATABASE_URL holds what it cannot")
    assert "word" not in raised.value.message


def test_a_secret_may_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://me:word@host/ledger\n")
    configured = settings.load({"LEDGER_DATABASE_URL_FILE": str(file)})
    assert configured.owner_url == "postgresql://me:word@host/ledger"


def test_a_secret_is_given_once(tmp_path: Path) -> None:
    given = {"LEDGER_DATABASE_URL": "postgresql://x@y/z", "LEDGER_DATABASE_URL_FILE": "/dev/null"}
    with pytest.raises(WrongSetting, match="both set"):
        settings.load(given)


def test_a_secret_in_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(WrongSetting, match="LEDGER_KAFKA_EXTRA_FILE names a file"):
        settings.load({"LEDGER_KAFKA_EXTRA_FILE": str(tmp_path / "none")})


def test_what_looks_like_a_setting_and_is_none_is_named() -> None:
    environ = {"LEDGER_PARTITION": "4", "LEDGER_DATA": "x", "LEDGER_DATABASE_URL_FILE": "y"}
    assert settings.unknown(environ) == ["LEDGER_PARTITION"]


# ── How Kafka is spoken to ──

GUARDED = {
    "LEDGER_KAFKA_BOOTSTRAP_SERVERS": "one:9093",
    "LEDGER_KAFKA_SECURITY": "sasl_ssl",
    "LEDGER_KAFKA_USER": "ticker",
    "LEDGER_KAFKA_PASSWORD": "hush",
}


def test_a_user_and_a_password_prove_us_by_scram(tmp_path: Path) -> None:
    authority = tmp_path / "authority.pem"
    authority.touch()
    kafka = settings.load({**GUARDED, "LEDGER_KAFKA_CA": str(authority)}).kafka
    assert kafka.security.for_client() == {
        "security.protocol": "sasl_ssl",
        "ssl.ca.location": str(authority),
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "ticker",
        "sasl.password": "hush",
    }
    assert "hush" not in repr(kafka)


def test_a_certificate_proves_us_without_a_password(tmp_path: Path) -> None:
    for name in ("own.crt", "own.key"):
        (tmp_path / name).touch()
    given = {
        "LEDGER_KAFKA_BOOTSTRAP_SERVERS": "one:9093",
        "LEDGER_KAFKA_SECURITY": "ssl",
        "LEDGER_KAFKA_CERTIFICATE": str(tmp_path / "own.crt"),
        "LEDGER_KAFKA_KEY": str(tmp_path / "own.key"),
    }
    assert settings.load(given).kafka.security.for_client() == {
        "security.protocol": "ssl",
        "ssl.certificate.location": str(tmp_path / "own.crt"),
        "ssl.key.location": str(tmp_path / "own.key"),
    }


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"LEDGER_KAFKA_PASSWORD": ""}, "set LEDGER_KAFKA_USER and LEDGER_KAFKA_PASSWORD"),
        ({"LEDGER_KAFKA_SECURITY": "ssl"}, "is set, and LEDGER_KAFKA_SECURITY is 'ssl'"),
        ({"LEDGER_KAFKA_SECURITY": ""}, "is set, and LEDGER_KAFKA_SECURITY is 'plaintext'"),
        ({"LEDGER_KAFKA_KEY": "/dev/null"}, "go together: set both"),
        (
            {
                "LEDGER_KAFKA_SECURITY": "",
                "LEDGER_KAFKA_USER": "",
                "LEDGER_KAFKA_PASSWORD": "",
                "LEDGER_KAFKA_CA": "/dev/null",
            },
            "Certificates for Kafka are set, and LEDGER_KAFKA_SECURITY is 'plaintext'",
        ),
    ],
)
def test_what_is_given_by_half_is_refused(changed: dict[str, str], said: str) -> None:
    configured = settings.load(GUARDED | changed)
    with pytest.raises(WrongSetting) as raised:
        _ = configured.kafka
    assert said in raised.value.message


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("security.protocol", "LEDGER_KAFKA_SECURITY"),
        ("ssl.ca.pem", "LEDGER_KAFKA_CA"),
        ("ssl.keystore.location", "LEDGER_KAFKA_CERTIFICATE"),
        ("ssl.key.location", "LEDGER_KAFKA_KEY"),
        ("sasl.mechanisms", "LEDGER_KAFKA_SASL_MECHANISM"),
        ("sasl.username", "LEDGER_KAFKA_USER"),
        ("sasl.password", "LEDGER_KAFKA_PASSWORD"),
    ],
)
def test_extra_does_not_say_what_a_setting_is_for(name: str, variable: str) -> None:
    with pytest.raises(WrongSetting) as raised:
        settings.load({"LEDGER_KAFKA_EXTRA": f"debug=broker;{name}=hush"})
    assert f"must not hold {name}, which {variable} is for" in raised.value.message
    assert raised.value.message.startswith("LEDGER_KAFKA_EXTRA")
    assert "hush" not in raised.value.message


@pytest.mark.parametrize("name", CHECKS)
def test_extra_does_not_end_a_check(name: str) -> None:
    with pytest.raises(WrongSetting, match="the server is always checked"):
        settings.load({"LEDGER_KAFKA_EXTRA": f"{name}=false"})


@pytest.mark.parametrize(
    ("security", "extra", "said"),
    [
        ("", "ssl.key.password=hush", "is 'plaintext': make it 'ssl' or 'sasl_ssl'"),
        ("", "sasl.oauthbearer.method=oidc", "is 'plaintext': make it 'sasl_ssl'"),
        ("ssl", "sasl.oauthbearer.method=oidc", "is 'ssl': make it 'sasl_ssl'"),
    ],
)
def test_what_extra_says_is_used_or_refused(security: str, extra: str, said: str) -> None:
    given = {"LEDGER_KAFKA_SECURITY": security, "LEDGER_KAFKA_EXTRA": extra}
    configured = settings.load({"LEDGER_KAFKA_BOOTSTRAP_SERVERS": "one:9093", **given})
    with pytest.raises(WrongSetting) as raised:
        _ = configured.kafka
    assert said in raised.value.message
    assert "hush" not in raised.value.message


TOKEN = {
    "LEDGER_KAFKA_BOOTSTRAP_SERVERS": "one:9093",
    "LEDGER_KAFKA_SECURITY": "sasl_ssl",
    "LEDGER_KAFKA_SASL_MECHANISM": "OAUTHBEARER",
    "LEDGER_KAFKA_EXTRA": "sasl.oauthbearer.method=oidc;sasl.oauthbearer.client.secret=hush",
}


def test_a_token_proves_us_without_a_password() -> None:
    kafka = settings.load(TOKEN).kafka
    assert kafka.security.for_client() == {
        "security.protocol": "sasl_ssl",
        "sasl.mechanism": "OAUTHBEARER",
    }
    assert kafka.extra["sasl.oauthbearer.method"] == "oidc"
    assert "hush" not in repr(kafka)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"LEDGER_KAFKA_EXTRA": ""}, "go together: set both"),
        ({"LEDGER_KAFKA_USER": "ann"}, "which uses neither"),
        (GUARDED | {"LEDGER_KAFKA_SASL_MECHANISM": ""}, "go together: set both"),
        ({"LEDGER_KAFKA_SECURITY": "", "LEDGER_KAFKA_EXTRA": ""}, "make it 'sasl_ssl'"),
    ],
)
def test_a_token_that_is_given_by_half_is_refused(changed: dict[str, str], said: str) -> None:
    configured = settings.load(TOKEN | changed)
    with pytest.raises(WrongSetting, match=said):
        _ = configured.kafka


@pytest.mark.parametrize("name", [*OWNED_BY_SECURITY, *CHECKS])
def test_a_program_of_python_is_refused_the_same(name: str) -> None:
    with pytest.raises(ValueError, match=f"extra must not hold {name}: "):
        KafkaSettings("one:9093", extra={name: "x"})


def test_a_certificate_that_is_not_there_is_named() -> None:
    with pytest.raises(WrongSetting, match=r"LEDGER_KAFKA_CA is '/none'.*must name a file"):
        settings.load({**GUARDED, "LEDGER_KAFKA_CA": "/none"})


def test_a_stack_of_this_machine_is_not_spoken_to_as_another_cluster_is() -> None:
    unsaid = stack.unsaid()
    assert {unsaid[setting] for setting in GUARDED} == {""}
    assert unsaid["LEDGER_KAFKA_CA"] == unsaid["LEDGER_KAFKA_PASSWORD_FILE"] == ""
