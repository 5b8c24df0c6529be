"""How this project talks to a cluster: where it is, what names it uses, every client's settings.

Only what must differ from the library's defaults is set; several defaults are wrong for money.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

GENERATION = "g1"
"""In every name: the number of partitions never changes within a generation."""

RECORD_BYTES_MAX = 8 * 1024 * 1024
"""The largest record of any topic, a dead letter that holds a whole input with its headers."""

USAGE_BATCH_BYTES_MAX = 60_000
"""Under the 64 KiB of a usage topic, whose `max.message.bytes` is about whole batches."""

TRANSACTION_TIMEOUT_MS = 10_000
DELIVERY_TIMEOUT_MS = 8_000
"""Below the transaction's, so that a record's failure is known before the transaction dies."""

ClientConfig = dict[str, str | int | float | bool]

OWNED_BY_SECURITY: Final = {
    "security.protocol": "protocol",
    "ssl.ca.location": "ca_file",
    "ssl.ca.pem": "ca_file",
    "ssl.ca.certificate.stores": "ca_file",
    "ssl.certificate.location": "certificate_file",
    "ssl.certificate.pem": "certificate_file",
    "ssl.keystore.location": "certificate_file",
    "ssl.keystore.password": "certificate_file",
    "ssl.key.location": "key_file",
    "ssl.key.pem": "key_file",
    "sasl.mechanism": "mechanism",
    "sasl.mechanisms": "mechanism",
    "sasl.username": "user",
    "sasl.password": "password",
}
"""Each of the library's names for what a field of `Security` says, and the field."""

CHECKS: Final = ("enable.ssl.certificate.verification", "ssl.endpoint.identification.algorithm")
"""Who the server is, is always checked."""


@dataclass(frozen=True)
class Security:
    """How a client proves who it is, and whom it trusts; files are PEM. By default, no one asks.

    Without `ca_file` the system's authorities are trusted; a server's name is always checked.
    """

    protocol: str = "plaintext"
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    mechanism: str = ""
    user: str = ""
    password: str = field(default="", repr=False)

    def for_client(self) -> ClientConfig:
        """As the library wants it; what is not given is left out."""
        given: ClientConfig = {
            "security.protocol": self.protocol,
            "ssl.ca.location": self.ca_file,
            "ssl.certificate.location": self.certificate_file,
            "ssl.key.location": self.key_file,
            "sasl.mechanism": self.mechanism,
            "sasl.username": self.user,
            "sasl.password": self.password,
        }
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True)
class KafkaSettings:
    """A cluster; `prefix` separates environments on it.

    `extra` goes to every client: what `security` does not say, `log_level`. It cannot weaken what
    is set for money. Raises ValueError where it says what `security` does, or ends its checks.
    """

    bootstrap_servers: str
    prefix: str = ""
    security: Security = Security()
    # Its values may be secret, as `ssl.key.password` is.
    extra: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    def __post_init__(self) -> None:
        for name in self.extra:
            if name in OWNED_BY_SECURITY:
                raise ValueError(
                    f"extra must not hold {name}: `Security.{OWNED_BY_SECURITY[name]}` says it"
                )
            if name in CHECKS:
                raise ValueError(f"extra must not hold {name}: the server is always checked")

    def topic(self, name: str) -> str:
        """The broker's name of a topic: `wallet.events` is `prod.g1.wallet.events`."""
        return f"{self.prefix}{GENERATION}.{name}"

    def group(self, app: str) -> str:
        """The group id of an app: `ledger.processor` is `prod.ledger.processor.g1`."""
        return f"{self.prefix}{app}.{GENERATION}"

    def transactional_id(self, app: str, partition: int) -> str:
        """One for each partition, so that taking a partition over fences its previous owner."""
        return f"{self.group(app)}.{partition}"


def any_client(kafka: KafkaSettings) -> ClientConfig:
    return {
        # A broker that was away is found again soon, not after the default ten seconds.
        "reconnect.backoff.max.ms": 1_000,
        # By itself it writes to standard error, many lines a second while a broker is away.
        "log_level": 2,
        # Otherwise every client offers its metrics to the broker.
        "enable.metrics.push": False,
        **kafka.security.for_client(),
        **kafka.extra,
        "bootstrap.servers": kafka.bootstrap_servers,
    }


def _any_producer(kafka: KafkaSettings) -> ClientConfig:
    return {
        **any_client(kafka),
        "enable.idempotence": True,
        "acks": "all",
        # The default is not what Java's clients use: they would put most tenants elsewhere.
        "partitioner": "murmur2_random",
        "message.timeout.ms": DELIVERY_TIMEOUT_MS,
        # The default 100 ms is paid on nearly every small transaction: 11 a second, not 250.
        "retry.backoff.ms": 1,
        "retry.backoff.max.ms": 5,
    }


def plain_producer(kafka: KafkaSettings) -> ClientConfig:
    """For whoever publishes usage or commands: sent at once, each record acknowledged."""
    return {
        **_any_producer(kafka),
        "linger.ms": 0,
        "batch.size": USAGE_BATCH_BYTES_MAX,
    }


def streaming_producer(kafka: KafkaSettings, records_max: int) -> ClientConfig:
    """For what is kept until it is acknowledged: no record fails because its time is up."""
    return {
        **_any_producer(kafka),
        # A record that failed while later ones went on would come after them when sent again.
        "message.timeout.ms": 0,
        "enable.gapless.guarantee": True,
        "linger.ms": 5,
        "batch.size": USAGE_BATCH_BYTES_MAX,
        # A record that is being told of still counts, and by then another may be on its way.
        "queue.buffering.max.messages": records_max + 1,
        # A broker that is away for long is not asked a hundred times a second.
        "retry.backoff.max.ms": 500,
    }


def transactional_producer(kafka: KafkaSettings, transactional_id: str) -> ClientConfig:
    """For the owner of one partition."""
    return {
        **_any_producer(kafka),
        "transactional.id": transactional_id,
        "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
        "message.max.bytes": RECORD_BYTES_MAX,
        # A commit flushes: waiting only merges a big batch's records into few requests.
        "linger.ms": 5,
        "batch.num.messages": 10_000,
        # Successes need no report: the commit's answer covers them all.
        "delivery.report.only.error": True,
    }


def _any_consumer(kafka: KafkaSettings, group: str) -> ClientConfig:
    return {
        **any_client(kafka),
        "group.id": group,
        "isolation.level": "read_committed",
        "check.crcs": True,
        # Any other choice silently skips or repeats when an offset is gone.
        "auto.offset.reset": "error",
        # Offsets are committed in transactions, or kept with what was made of the records.
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        # Commit markers take offsets: only these events tell where a log ends.
        "enable.partition.eof": True,
    }


def group_consumer(kafka: KafkaSettings, group: str) -> ClientConfig:
    """For usage, shared out among the members of a group."""
    return {
        **_any_consumer(kafka, group),
        "group.protocol": "consumer",
        # The one that gives a member the same partitions of every topic.
        "group.remote.assignor": "range",
        # A small prefetch: commands would wait behind what was fetched, and none is faster.
        "queued.min.messages": 2_000,
        "queued.max.messages.kbytes": 1_024,
        # Once it is used up, look again at once: by default the next fetch waits for a second.
        "fetch.queue.backoff.ms": 2,
        # A fetch leaves out partitions that are paused or have enough, and holds up the next one.
        "fetch.wait.max.ms": 20,
        "fetch.max.bytes": 262_144,
        # Not a limit on what is read, but `fetch.max.bytes` may not be below it.
        "message.max.bytes": 262_144,
    }


def read_back_consumer(kafka: KafkaSettings, group: str) -> ClientConfig:
    """For looking up single records: it fetches little, and never waits at the log's end."""
    return {
        **_any_consumer(kafka, group),
        "fetch.wait.max.ms": 1,
        "fetch.queue.backoff.ms": 1,
        "queued.min.messages": 1,
        "max.partition.fetch.bytes": 262_144,
    }


def assigned_consumer(kafka: KafkaSettings, group: str) -> ClientConfig:
    """For whoever names its own partitions and offsets; `group` is only a label, never joined."""
    return {
        **_any_consumer(kafka, group),
        # A partition that is assigned later is fetched only once the fetch under way has ended.
        "fetch.wait.max.ms": 100,
    }
