"""The configuration: `LEDGER_*` of the environment, then of the stack that runs on this machine.

Each field of `Settings` is one variable, `LEDGER_` and its name in capitals. An empty variable
counts as not set. A secret may be given as a file instead: `LEDGER_…_FILE` names it.
"""

import getpass
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Generic, Literal, Self, TypeVar, overload

from cli import connection
from cli.errors import WrongSetting
from eventlog.settings import CHECKS, OWNED_BY_SECURITY, KafkaSettings, Security
from ledger.commands import OPERATOR_PREFIX
from ledger.usage import is_id

T = TypeVar("T")
N = TypeVar("N", int, float)
LogForm = Literal["auto", "json", "text"]

PREFIX: Final = "LEDGER_"
FILE_SUFFIX: Final = "_FILE"
DAY_MS: Final = 24 * 60 * 60_000
# RELIABILITY: an id must outlive its input: 60 days kept, 7 until a segment rolls, 7 to spare.
DEDUPLICATION_DAYS_MIN: Final = 74
WHOLE: Final = "a whole number"
ADDRESSES: Final = (
    "LEDGER_KAFKA_BOOTSTRAP_SERVERS",
    "LEDGER_DATABASE_URL",
    "LEDGER_PROJECTOR_DATABASE_URL",
    "LEDGER_OPERATOR_DATABASE_URL",
)
"""A stack is used whole: the connection file counts only where the environment names none."""
SECURITY_VARIABLES: Final = {
    "protocol": "LEDGER_KAFKA_SECURITY",
    "ca_file": "LEDGER_KAFKA_CA",
    "certificate_file": "LEDGER_KAFKA_CERTIFICATE",
    "key_file": "LEDGER_KAFKA_KEY",
    "mechanism": "LEDGER_KAFKA_SASL_MECHANISM",
    "user": "LEDGER_KAFKA_USER",
    "password": "LEDGER_KAFKA_PASSWORD",
}
"""What sets each field of `Security`."""
OAUTH: Final = "OAUTHBEARER"


class Setting(Generic[T]):
    """One variable: how its text becomes a value, and what the reference says of it.

    `shown` is the default as people read it, where the text alone would not tell.
    """

    def __init__(
        self,
        read: Callable[[str], T],
        default: str,
        text: str,
        *,
        shown: str = "",
        is_secret: bool = False,
    ) -> None:
        self._read = read
        self._default = default
        self.text = text
        self.shown = shown or default
        self.is_secret = is_secret

    def __set_name__(self, owner: type, name: str) -> None:
        self.variable = PREFIX + name.upper()

    @overload
    def __get__(self, settings: None, owner: type) -> Self: ...
    @overload
    def __get__(self, settings: "Settings", owner: type) -> T: ...
    def __get__(self, settings: "Settings | None", owner: type) -> Self | T:
        return self if settings is None else self.value(settings.given)

    def value(self, given: Mapping[str, str]) -> T:
        """What the variables say; raises WrongSetting, naming this one."""
        text = self._given_text(given)
        try:
            return self._read(text)
        except ValueError as error:
            said = "holds what it cannot" if self.is_secret else f"is {text!r}"
            raise WrongSetting(f"{self.variable} {said}: it {error}.") from None

    def _given_text(self, given: Mapping[str, str]) -> str:
        file_variable = self.variable + FILE_SUFFIX
        if not self.is_secret or file_variable not in given:
            return given.get(self.variable, self._default)
        if self.variable in given:
            raise WrongSetting(
                f"{self.variable} and {file_variable} are both set: keep one of them."
            )
        try:
            return Path(given[file_variable]).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise WrongSetting(
                f"{file_variable} names a file that cannot be read: {error}."
            ) from None


# ── From text to values; each raises ValueError with what would be right ──


def _text(text: str) -> str:
    return text


def _matching(pattern: str, wanted: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise ValueError(wanted)
        return text

    return read


def _number(kind: Callable[[str], N], low: N, high: N, name: str) -> Callable[[str], N]:
    wanted = f"must be {name} from {low} to {high}"

    def read(text: str) -> N:
        try:
            number = kind(text)
        except ValueError:
            raise ValueError(wanted) from None
        if not low <= number <= high:
            raise ValueError(wanted)
        return number

    return read


def _log_form(text: str) -> LogForm:
    if text not in ("auto", "json", "text"):
        raise ValueError("must be auto, json or text")
    return text


def _pairs(text: str) -> Mapping[str, str]:
    pairs = [part.strip().partition("=") for part in text.split(";") if part.strip()]
    if not all(name and mark for name, mark, _ in pairs):
        raise ValueError("must be key=value pairs with ; between them")
    return {name.strip(): value for name, _, value in pairs}


def _extra(text: str) -> Mapping[str, str]:
    pairs = _pairs(text)
    for name in pairs:
        if name in OWNED_BY_SECURITY:
            variable = SECURITY_VARIABLES[OWNED_BY_SECURITY[name]]
            raise ValueError(f"must not hold {name}, which {variable} is for")
        if name in CHECKS:
            raise ValueError(f"must not hold {name}: the server is always checked")
    return pairs


def _folder(text: str) -> Path:
    if text:
        return Path(text).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "aitelier-ledger"
    # The specification of these folders says to ignore a relative one.
    named = Path(os.environ.get("XDG_DATA_HOME", ""))
    return (named if named.is_absolute() else Path.home() / ".local/share") / "aitelier-ledger"


def _file(text: str) -> Path | None:
    if not text:
        return None
    try:
        with Path(text).open("rb"):
            return Path(text).absolute()
    except OSError as error:
        raise ValueError(f"must name a file that can be read ({error.strerror})") from None


def _actor(text: str) -> str:
    actor = text or f"operator:{getpass.getuser()}"
    if not is_id(actor):
        raise ValueError("must be 1 to 64 printable characters")
    if not actor.startswith(OPERATOR_PREFIX):
        # What people type is judged as an operator's, whatever they call themselves.
        raise ValueError(f"must begin with `{OPERATOR_PREFIX}`, like {OPERATOR_PREFIX}ann")
    return actor


_SERVERS: Final = _matching(r"([^\s,:]+:\d+(,[^\s,:]+:\d+)*)?", "must be like host:9092,host:9092")
_URL: Final = _matching(r"(postgres(ql)?://\S+)?", "must be like postgresql://user:…@host/database")
_REGISTRY: Final = _matching(r"(https?://[^\s@]+)?", "must be like https://example.com")
_SECURITY: Final = _matching(r"plaintext|ssl|sasl_ssl", "must be plaintext, ssl or sasl_ssl")
_MECHANISM: Final = _matching(
    r"SCRAM-SHA-512|SCRAM-SHA-256|PLAIN|OAUTHBEARER",
    "must be SCRAM-SHA-512, SCRAM-SHA-256, PLAIN or OAUTHBEARER",
)
_TOPIC_PART: Final = _matching(r"[A-Za-z0-9._-]{0,100}", "may hold letters, digits, . _ and -")
_LEVEL: Final = _matching(r"debug|info|warning|error", "must be debug, info, warning or error")


class Settings:
    """Everything that can be configured; every value is checked when it is made."""

    kafka_bootstrap_servers = Setting(
        _SERVERS, "", "Where Kafka is.", shown="of the stack that `ledger up` runs here"
    )
    kafka_security = Setting(
        _SECURITY,
        "plaintext",
        "How to talk to Kafka: `ssl` for TLS, `sasl_ssl` for TLS with a user and a password.",
    )
    kafka_ca = Setting(
        _file,
        "",
        "A PEM file with the authorities that sign Kafka's certificates.",
        shown="the system's",
    )
    kafka_certificate = Setting(
        _file, "", "A PEM file with the certificate by which Kafka knows this client."
    )
    kafka_key = Setting(_file, "", "A PEM file with that certificate's private key.")
    kafka_sasl_mechanism = Setting(
        _MECHANISM,
        "SCRAM-SHA-512",
        "How the password is proved: `SCRAM-SHA-512`, `SCRAM-SHA-256`, `PLAIN`; or `OAUTHBEARER`,"
        " by a token instead, which `sasl.oauthbearer.…` in `LEDGER_KAFKA_EXTRA` says how to get.",
    )
    kafka_user = Setting(_text, "", "Whom Kafka knows this service as, with `sasl_ssl`.")
    kafka_password = Setting(_text, "", "That user's password.", is_secret=True)
    kafka_extra = Setting(
        _extra,
        "",
        "More settings for every Kafka client, as `ssl.key.password=…;client.rack=…`; nothing that"
        " a variable above is for.",
        is_secret=True,
    )
    registry_url = Setting(
        _REGISTRY,
        "",
        "The schema registry that other teams use, at its Confluent paths; Apicurio's end in"
        " `/apis/ccompat/v7`. Only `ledger schemas` speaks to it.",
    )
    registry_user = Setting(_text, "", "Whom the registry knows us as, if it asks.")
    registry_password = Setting(_text, "", "That user's password.", is_secret=True)
    registry_ca = Setting(
        _file,
        "",
        "A PEM file with the authorities that sign the registry's certificate.",
        shown="the system's",
    )
    topic_prefix = Setting(
        _TOPIC_PART, "", "What every topic, group and transaction begins with, as `prod.`."
    )
    partitions = Setting(
        _number(int, 1, 1000, WHOLE),
        "12",
        "Partitions of every topic keyed by tenant; for ever.",
        shown="12; 4 on the stack of `ledger up`",
    )
    replication = Setting(
        _number(int, 1, 9, WHOLE),
        "3",
        "Copies of every topic.",
        shown="3; on the stack of `ledger up`, as many as it has brokers",
    )
    database_url = Setting(
        _URL,
        "",
        "Postgres, as the owner of the tables: only `ledger migrate` needs it.",
        shown="of the stack that `ledger up` runs here",
        is_secret=True,
    )
    projector_database_url = Setting(
        _URL,
        "",
        "Postgres, as the role that writes the read models.",
        shown="of the stack that `ledger up` runs here",
        is_secret=True,
    )
    operator_database_url = Setting(
        _URL,
        "",
        "Postgres, as the role that reads them for operators.",
        shown="of the stack that `ledger up` runs here",
        is_secret=True,
    )
    data = Setting(
        _folder,
        "",
        "Where `ledger up` keeps its Kafka, its Postgres and their logs.",
        shown="`aitelier-ledger` in the user's data folder",
    )
    log = Setting(_log_form, "auto", "The form of log lines: `json`, `text`, or by where they go.")
    log_level = Setting(_LEVEL, "info", "The least that is logged.")
    http_host = Setting(
        _text, "127.0.0.1", "Where a service offers `/livez`, `/readyz` and `/metrics`."
    )
    http_port = Setting(
        _number(int, 0, 65_535, WHOLE), "0", "On which port; 0 takes a free one and logs which."
    )
    schemas_port = Setting(
        _number(int, 0, 65_535, WHOLE),
        "8081",
        "The port of `ledger run schemas-endpoint`; 0 takes a free one.",
    )
    deduplication_days = Setting(
        _number(int, DEDUPLICATION_DAYS_MIN, 3_650, WHOLE),
        "90",
        "How long ids of usage and holds are remembered; older usage goes to review.",
    )
    approval_above_usd = Setting(
        _number(int, 1, 1_000_000, WHOLE),
        "1000",
        "Above so many dollars, what an operator asks needs a second one.",
    )
    tick_seconds = Setting(
        _number(float, 0.1, 60.0, "a number"), "2", "How often the ticker moves logical time."
    )
    actor = Setting(
        _actor,
        "",
        "Who asks, when an operator types a command: `operator:` and a name; it is recorded.",
        shown="`operator:` and the user's name",
    )

    def __init__(self, given: Mapping[str, str]) -> None:
        self.given = given
        for setting in catalogue():
            setting.value(given)

    @property
    def kafka(self) -> KafkaSettings:
        """Where Kafka is; raises WrongSetting if nothing says so."""
        servers = self._needed(self.kafka_bootstrap_servers, "LEDGER_KAFKA_BOOTSTRAP_SERVERS")
        return KafkaSettings(servers, self.topic_prefix, self._security(), self.kafka_extra)

    @property
    def owner_url(self) -> str:
        """Postgres as the tables' owner; raises WrongSetting if nothing says where."""
        return self._needed(self.database_url, "LEDGER_DATABASE_URL")

    @property
    def projector_url(self) -> str:
        """Postgres as the writer of read models; raises WrongSetting if nothing says where."""
        return self._needed(self.projector_database_url, "LEDGER_PROJECTOR_DATABASE_URL")

    @property
    def operator_url(self) -> str:
        """Postgres as the operators' reader; raises WrongSetting if nothing says where."""
        return self._needed(self.operator_database_url, "LEDGER_OPERATOR_DATABASE_URL")

    @property
    def deduplication_window_ms(self) -> int:
        """How long ids are remembered."""
        return self.deduplication_days * DAY_MS

    def _security(self) -> Security:
        """What proves us to Kafka; raises WrongSetting where it is given by half or for nothing."""
        protocol, files = self.kafka_security, (self.kafka_certificate, self.kafka_key)
        is_by_token = self.kafka_sasl_mechanism == OAUTH
        is_password_used = protocol == "sasl_ssl" and not is_by_token
        if (files[0] is None) != (files[1] is None):
            raise WrongSetting(
                "LEDGER_KAFKA_CERTIFICATE and LEDGER_KAFKA_KEY go together: set both."
            )
        if is_password_used and not (self.kafka_user and self.kafka_password):
            raise WrongSetting(
                "LEDGER_KAFKA_SECURITY is 'sasl_ssl': set LEDGER_KAFKA_USER and"
                " LEDGER_KAFKA_PASSWORD, or LEDGER_KAFKA_PASSWORD_FILE."
            )
        # A password that is set and not used means a connection that is not what it seems.
        if protocol != "sasl_ssl" and (self.kafka_user or self.kafka_password):
            raise WrongSetting(
                f"A user or password for Kafka is set, and LEDGER_KAFKA_SECURITY is {protocol!r}:"
                " make it 'sasl_ssl', or unset them."
            )
        if is_by_token and protocol != "sasl_ssl":
            raise WrongSetting(
                f"LEDGER_KAFKA_SASL_MECHANISM is {OAUTH!r}, and LEDGER_KAFKA_SECURITY is"
                f" {protocol!r}: make it 'sasl_ssl', or take the mechanism out."
            )
        if is_by_token and (self.kafka_user or self.kafka_password):
            raise WrongSetting(
                "A user or password for Kafka is set, and LEDGER_KAFKA_SASL_MECHANISM is"
                f" {OAUTH!r}, which uses neither: unset them, or name another."
            )
        if protocol == "plaintext" and (self.kafka_ca or any(files)):
            raise WrongSetting(
                "Certificates for Kafka are set, and LEDGER_KAFKA_SECURITY is 'plaintext': make it"
                " 'ssl' or 'sasl_ssl', or unset them."
            )
        self._check_extra(protocol, is_by_token=is_by_token)
        return Security(
            protocol,
            *(str(file or "") for file in (self.kafka_ca, *files)),
            mechanism=self.kafka_sasl_mechanism if protocol == "sasl_ssl" else "",
            user=self.kafka_user,
            password=self.kafka_password,
        )

    def _check_extra(self, protocol: str, *, is_by_token: bool) -> None:
        """The same of what the library is told in its own words."""
        for beginning, protocols in (("ssl.", ("ssl", "sasl_ssl")), ("sasl.", ("sasl_ssl",))):
            unused = [name for name in self.kafka_extra if name.startswith(beginning)]
            if unused and protocol not in protocols:
                raise WrongSetting(
                    f"LEDGER_KAFKA_EXTRA holds {unused[0]}, and LEDGER_KAFKA_SECURITY is"
                    f" {protocol!r}: make it {' or '.join(map(repr, protocols))}, or take it out."
                )
        has_token = any(name.startswith("sasl.oauthbearer.") for name in self.kafka_extra)
        if protocol == "sasl_ssl" and is_by_token != has_token:
            raise WrongSetting(
                f"LEDGER_KAFKA_SASL_MECHANISM {OAUTH!r} and sasl.oauthbearer.… in"
                " LEDGER_KAFKA_EXTRA go together: set both."
            )

    def _needed(self, value: str, variable: str) -> str:
        if not value:
            raise WrongSetting(
                f"No stack runs on {self.data}, and {variable} is not set:"
                f" start one with `ledger up`, or set {variable}."
            )
        return value


def catalogue() -> list[Setting[object]]:
    """Every setting, in the order of the reference."""
    return [setting for setting in vars(Settings).values() if isinstance(setting, Setting)]


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """The configuration of this process; raises WrongSetting, naming the variable."""
    given = {name: value for name, value in environ.items() if value}
    if not any(name in given or name + FILE_SUFFIX in given for name in ADDRESSES):
        given = connection.read(Settings.data.value(given)) | given
    return Settings(given)


def unknown(environ: Mapping[str, str]) -> list[str]:
    """Variables that look like ours and are none: perhaps misspelt."""
    known = {setting.variable for setting in catalogue()}
    known |= {setting.variable + FILE_SUFFIX for setting in catalogue() if setting.is_secret}
    return sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
