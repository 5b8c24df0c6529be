"""A plain oracle: what every tenant must have in the end, by sorting the inputs and summing up.

It shares no line with the project: bytes are read with fastavro and the `.avsc` files, prices are
written down here. Three ways lead to the same figures: the inputs (`expected`), the log of record
(`folded`), and the tables in Postgres (`tabled`).

It takes workloads whose outcome does not hang on how topics interleave: commands decided before
the usage that needs them, and no adjustment refused for want of funds.
"""

import io
import json
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, cast

import fastavro
import psycopg
from confluent_kafka import Consumer, Message, TopicPartition, murmur2

SCHEMAS = Path(__file__).parent.parent / "schemas"
USAGE, COMMANDS, EVENTS = "usage.calls", "wallet.commands", "wallet.events"
DAY_MS = 86_400_000
WINDOW_MS = 90 * DAY_MS
AHEAD_MS = 300_000
TOP_UP_MICROS_MIN = 20_000_000
CENT = 10_000
# In cents: success, real conversation, spam or silent, a started overage minute. PRODUCT names
# Standard's three; the others are the examples on the shipped card.
PRICES = {
    "ECONOMY": (60, 40, 5, 8),
    "STANDARD": (90, 60, 10, 12),
    "PREMIUM": (150, 100, 15, 20),
}
OUTCOMES = ("SUCCESS", "REAL_CONVERSATION", "SPAM_OR_SILENT")

# The library's own type for it is only partly known.
READ = cast(Any, fastavro).schemaless_reader

Avro = dict[str, Any]
Kind = tuple[str, bool]
"""An outcome, and whether the charge was simulated."""


class Record(NamedTuple):
    """A record of a topic, by its logical name."""

    topic: str
    partition: int
    offset: int
    appended_at_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass
class Figures:
    """A tenant's: the balance less arrears, and its charges by kind, their number and sum."""

    net_micros: int = 0
    charges: dict[Kind, int] = field(default_factory=lambda: defaultdict(int))
    charged_micros: dict[Kind, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, kind: Kind, micros: int, charges: int = 1) -> None:
        self.charges[kind] += charges
        self.charged_micros[kind] += micros


Tenants = dict[str, Figures]


def differing(found: Tenants, wanted: Tenants) -> dict[str, tuple[Figures, Figures]]:
    """The tenants whose figures are not the same, with both."""
    nothing = Figures()
    both = {name: (found.get(name, nothing), wanted.get(name, nothing)) for name in found | wanted}
    return {name: pair for name, pair in both.items() if pair[0] != pair[1]}


# ── Reading ──


def read_topic(bootstrap_servers: str, topic: str, generation: str = "g1") -> list[Record]:
    """All committed records of a topic, with nothing but the client library."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "oracle",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    name = f"{generation}.{topic}"
    try:
        places = consumer.list_topics(name, timeout=30).topics[name].partitions
        consumer.assign([TopicPartition(name, number, 0) for number in places])
        left, records = set(places), list[Record]()
        while left:
            for message in consumer.consume(5_000, 1.0):
                if message.error() is None:
                    records.append(recorded(message, topic))
                else:
                    assert message.error().name() == "_PARTITION_EOF", message.error()  # pyright: ignore[reportOptionalMemberAccess]
                    left.discard(cast(int, message.partition()))
    finally:
        consumer.close()
    return records


def recorded(message: Message, topic: str) -> Record:
    """A message as a plain record."""
    return Record(
        topic,
        cast(int, message.partition()),
        cast(int, message.offset()),
        message.timestamp()[1],
        message.key(),
        message.value(),
        tuple(cast("list[tuple[str, bytes]]", message.headers() or [])),
    )


def decoded(topic: str, value: bytes | None) -> Avro | None:
    """The record that a value holds, as a dict; None if it holds none."""
    if value is None or value[:1] != b"\0":
        return None
    schema = _schemas(topic).get(int.from_bytes(value[1:5], "big"))
    if schema is None:
        return None
    stream = io.BytesIO(value[5:])
    try:
        read = READ(stream, schema, None, return_record_name=True)
    except (EOFError, IndexError, UnicodeDecodeError, ValueError):
        return None
    return cast(Avro, read) if stream.tell() == len(value) - 5 else None


@cache
def _schemas(topic: str) -> Mapping[int, Any]:
    listed = tomllib.loads((SCHEMAS / "ids.toml").read_text())["schema"]
    return {
        one["id"]: fastavro.parse_schema(
            _plain(json.loads((SCHEMAS / topic / f"{one['version']}.avsc").read_text()))
        )
        for one in listed
        if one["topic"] == topic
    }


def _plain(schema: Any) -> Any:
    """The schema without logical types: moments stay numbers."""
    if isinstance(schema, dict):
        node = cast(Avro, schema)
        return {name: _plain(part) for name, part in node.items() if name != "logicalType"}
    return (
        [_plain(part) for part in cast("list[Any]", schema)] if isinstance(schema, list) else schema
    )


def _body(value: Avro) -> tuple[str, Avro]:
    name, fields = cast("tuple[str, Avro]", value["body"])
    return name.rpartition(".")[2], fields


# ── From the inputs ──


def expected(records: Iterable[Record], partitions: int) -> Tenants:
    """The figures that inputs come to, applied one by one in the order they were appended."""
    sums = _Inputs(partitions)
    # At the same moment commands come first: usage never waits for a later phase's.
    for record in sorted(records, key=lambda one: (one.appended_at_ms, one.topic == USAGE, *one)):
        if record.topic in (USAGE, COMMANDS):
            sums.take(record)
    return dict(sums.tenants)


class _Inputs:
    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.tenants: dict[str, Figures] = defaultdict(Figures)
        self.seen: set[tuple[str, bytes, str]] = set()
        self.payments: set[tuple[str, str]] = set()
        self.projects: dict[tuple[str, str], list[tuple[int, bool]]] = {}
        """When each project went live, or back."""

    def take(self, record: Record) -> None:
        value = decoded(record.topic, record.value)
        if value is None or not self.is_in_place(record, value["tenant_id"]):
            return
        if record.topic == USAGE:
            if not is_a_call(value) or self.is_repeat(record, value["event_id"]):
                return
            self.charge(value, record.appended_at_ms)
        else:
            name, fields = _body(value)
            # Ticks have no tenant, and move no money by themselves.
            if name == "Tick" or self.is_repeat(record, value["command_id"]):
                return
            headers = dict(record.headers)
            if int(headers.get("not_after", record.appended_at_ms)) >= record.appended_at_ms:
                self.obey(name, value["tenant_id"], fields, record.appended_at_ms)

    def is_in_place(self, record: Record, tenant_id: str) -> bool:
        key = tenant_id.encode()
        if not tenant_id:
            return record.topic == COMMANDS
        return record.key == key and murmur2(key, self.partitions) == record.partition

    def is_repeat(self, record: Record, input_id: str) -> bool:
        """Whether the id came before, with the same content or another."""
        name = record.topic, record.key or b"", input_id
        was_seen = name in self.seen
        self.seen.add(name)
        return was_seen

    def charge(self, call: Avro, appended_at_ms: int) -> None:
        tenant = self.tenants[call["tenant_id"]]
        switches = self.projects.setdefault((call["tenant_id"], call["project_id"]), [])
        in_time = appended_at_ms - WINDOW_MS <= call["ended_at"] <= appended_at_ms + AHEAD_MS
        if not in_time or call["corrects"] is not None:
            return
        outcome, micros = price(call)
        lives = [live for since_ms, live in switches if since_ms <= call["started_at"]]
        is_simulated = not (lives and lives[-1])
        tenant.add((outcome, is_simulated), micros)
        if not is_simulated:
            tenant.net_micros -= micros

    def obey(self, name: str, tenant_id: str, fields: Avro, now_ms: int) -> None:
        project = tenant_id, cast(str, fields.get("project_id", ""))
        match name:
            case "OpenProject":
                live_from_ms = fields["live_from_ms"]
                if project not in self.projects and (live_from_ms or 0) <= now_ms:
                    self.tenants[tenant_id] = self.tenants[tenant_id]
                    live = [] if live_from_ms is None else [(cast(int, live_from_ms), True)]
                    self.projects[project] = live
            case "PlaceHold":
                self.tenants[tenant_id] = self.tenants[tenant_id]
                self.projects.setdefault(project, [])
            case "GoLive" | "ReturnToSandbox":
                if project in self.projects:
                    self.projects[project].append((now_ms, name == "GoLive"))
            case "SettleTopUp":
                payment = tenant_id, fields["payment_id"]
                enough = fields["amount_micros"] >= TOP_UP_MICROS_MIN
                if enough and payment not in self.payments and tenant_id in self.tenants:
                    self.payments.add(payment)
                    self.add(tenant_id, fields["amount_micros"])
            case "GrantCredit":
                if fields["amount_micros"] > 0:
                    self.add(tenant_id, fields["amount_micros"])
            case "AdjustBalance":
                self.add(tenant_id, fields["amount_micros"])
            case _:
                assert name in ("SetTerms", "VoidHold"), f"the oracle does not know {name}"

    def add(self, tenant_id: str, micros: int) -> None:
        """Move a known tenant's balance."""
        if tenant_id in self.tenants:
            self.tenants[tenant_id].net_micros += micros


def is_a_call(call: Avro) -> bool:
    """Whether the fields keep upstream's contract."""
    ids = [call[name] for name in ("event_id", "tenant_id", "project_id", "call_id", "scenario_id")]
    ids += [call[name] for name in ("corrects", "hold_id") if call[name] is not None]
    return (
        all(0 < len(one) <= 64 and one.isprintable() for one in ids)
        and 0 <= call["started_at"] <= call["ended_at"]
        and call["duration_ms"] >= 0
        and call["user_turns"] >= 0
        and 0 < call["duration_cap_ms"] <= DAY_MS
        and not (call["withdrawn"] and call["corrects"] is None)
    )


def price(call: Avro) -> tuple[str, int]:
    """The outcome and the full price of a call, in micro-dollars."""
    if call["goal_reached"]:
        which = 0
    elif not call["flagged_spam"] and call["duration_ms"] >= 30_000 and call["user_turns"] >= 3:
        which = 1
    else:
        which = 2
    prices = PRICES[call["tier"]]
    beyond_ms = max(0, min(call["duration_ms"], call["duration_cap_ms"]) - 300_000)
    minutes = (beyond_ms + 59_999) // 60_000
    return OUTCOMES[which], (prices[which] + minutes * prices[3]) * CENT


# ── From the log of record ──


@dataclass
class Wallet:
    """The four figures, as a wallet's events add up to them."""

    funds_micros: int = 0
    held_micros: int = 0
    arrears_micros: int = 0
    credit_used_micros: int = 0
    holds: dict[str, int] = field(default_factory=dict[str, int])

    def take(self, fields: Avro) -> None:
        self.funds_micros -= sum(draw["amount_micros"] for draw in fields["draws"])
        self.credit_used_micros += fields["credit_micros"]

    def release(self, hold_id: str) -> None:
        self.held_micros -= self.holds.pop(hold_id)

    @property
    def figures(self) -> tuple[int, int, int, int]:
        return self.funds_micros, self.held_micros, self.arrears_micros, self.credit_used_micros


class Log(NamedTuple):
    """What the log of record adds up to, by tenant."""

    tenants: Tenants
    wallets: dict[str, Wallet]


def folded(records: Iterable[Record]) -> Log:
    """The figures that the events of the log add up to."""
    tenants: dict[str, Figures] = defaultdict(Figures)
    wallets: dict[str, Wallet] = defaultdict(Wallet)
    for record in sorted(records, key=lambda one: (one.partition, one.offset)):
        value = decoded(EVENTS, record.value)
        assert value is not None, f"{record.partition}/{record.offset} cannot be read"
        if tenant_id := cast(str, value["tenant_id"]):
            name, fields = _body(value)
            _move(wallets[tenant_id], tenants[tenant_id], name, fields)
    for tenant_id, wallet in wallets.items():
        tenants[tenant_id].net_micros = (
            wallet.funds_micros - wallet.credit_used_micros - wallet.arrears_micros
        )
    return Log(dict(tenants), dict(wallets))


def _move(wallet: Wallet, tenant: Figures, name: str, fields: Avro) -> None:
    match name:
        case "TopUpSettled" | "CreditGranted":
            wallet.funds_micros += fields["amount_micros"]
        case "BalanceAdjusted":
            wallet.funds_micros += max(0, fields["amount_micros"])
            wallet.take(fields)
        case "HoldPlaced":
            if fields["means"] != "USAGE_CAME_FIRST":
                wallet.holds[fields["hold_id"]] = fields["amount_micros"]
                wallet.held_micros += fields["amount_micros"]
        case "HoldVoided" | "HoldExpired":
            wallet.release(fields["hold_id"])
        case "ArrearsCollected":
            wallet.take(fields)
            wallet.arrears_micros -= sum(one["amount_micros"] for one in fields["portions"])
        case "InputHeldForReview" if fields["ends_hold"]:
            wallet.release(fields["usage"]["hold_id"])
        case "CallCharged":
            _charge(wallet, tenant, fields)
        case _:
            pass


def _charge(wallet: Wallet, tenant: Figures, fields: Avro) -> None:
    micros = sum(line["amount_micros"] for line in fields["lines"])
    if fields["ends_hold"]:
        wallet.release(fields["usage"]["hold_id"])
    wallet.take(fields)
    if not fields["is_simulated"]:
        drawn_micros = sum(draw["amount_micros"] for draw in fields["draws"])
        wallet.arrears_micros += micros - drawn_micros - fields["credit_micros"]
    tenant.add((fields["outcome"], fields["is_simulated"]), micros)


# ── From Postgres ──


def tabled(postgres_url: str) -> tuple[Tenants, dict[str, tuple[int, int, int, int]]]:
    """The same figures from the read models, and the four of each wallet."""
    tenants: dict[str, Figures] = defaultdict(Figures)
    wallets: dict[str, tuple[int, int, int, int]] = {}
    with psycopg.connect(postgres_url) as database:
        for tenant_id, *four in database.execute(
            "SELECT tenant_id, funds_micros, held_micros, arrears_micros, credit_used_micros"
            " FROM read_models.wallets"
        ):
            funds, held, arrears, credit_used = four
            wallets[tenant_id] = funds, held, arrears, credit_used
            tenants[tenant_id].net_micros = funds - credit_used - arrears
        for tenant_id, outcome, is_simulated, charges, micros in database.execute(
            "SELECT tenant_id, outcome, is_simulated, sum(charges)::bigint,"
            " sum(amount_micros)::bigint FROM read_models.usage_daily GROUP BY 1, 2, 3"
        ):
            tenants[tenant_id].add((outcome, is_simulated), micros, charges)
    return dict(tenants), wallets
