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

from tests.oracle_prices import chat_micros, crawl_micros, is_a_call, price

SCHEMAS = Path(__file__).parent.parent / "schemas"
CALLS, CRAWLS, CHAT = "usage.calls", "usage.crawls", "usage.chat"
USAGE, COMMANDS, EVENTS = (CALLS, CRAWLS, CHAT), "wallet.commands", "wallet.events"
DAY_MS = 86_400_000
WINDOW_MS = 90 * DAY_MS
AHEAD_MS = 300_000
TOP_UP_MICROS_MIN = 20_000_000
APPROVAL_ABOVE_MICROS = 1_000_000_000
# The library's own type for it is only partly known.
READ = cast(Any, fastavro).schemaless_reader

Avro = dict[str, Any]
Kind = tuple[str, bool]
"""A call's outcome or `CRAWL`, and whether the charge was simulated."""


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
    """A tenant's: the balance less arrears, and its charges by kind, their number and sum.

    Chats are left out of these: when their hours close, and so how they round, is the clock's.
    Their tokens are counted, live and simulated.
    """

    net_micros: int = 0
    tokens: dict[bool, tuple[int, int]] = field(default_factory=dict[bool, tuple[int, int]])
    charges: dict[Kind, int] = field(default_factory=lambda: defaultdict(int))
    charged_micros: dict[Kind, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, kind: Kind, micros: int, charges: int = 1) -> None:
        self.charges[kind] += charges
        self.charged_micros[kind] += micros
        if self.charges[kind] == 0:
            # All of it was taken back.
            del self.charges[kind], self.charged_micros[kind]

    def count(self, is_simulated: bool, tokens: tuple[int, int], sign: int = 1) -> None:
        into, out = self.tokens.get(is_simulated, (0, 0))
        self.tokens[is_simulated] = into + sign * tokens[0], out + sign * tokens[1]


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
    newest_ms: dict[tuple[str, int], int] = defaultdict(int)
    moments: list[tuple[int, bool, Record]] = []
    for record in sorted(records):
        # Where the broker's clock was set back, a partition's order still stands.
        place = record.topic, record.partition
        newest_ms[place] = max(newest_ms[place], record.appended_at_ms)
        moments.append((newest_ms[place], record.topic in USAGE, record))
    # At the same moment commands come first: usage never waits for a later phase's.
    for _, _, record in sorted(moments):
        if record.topic in (*USAGE, COMMANDS):
            sums.take(record)
    return dict(sums.tenants)


@dataclass
class Used:
    """A usage event: what it says, and what became of it; a charge has a price and a mode."""

    topic: str
    fields: Avro
    is_charged: bool = False
    is_simulated: bool = False


class _Inputs:
    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.tenants: dict[str, Figures] = defaultdict(Figures)
        self.seen: set[tuple[str, bytes, str]] = set()
        self.payments: set[tuple[str, str]] = set()
        self.projects: dict[tuple[str, str], list[tuple[int, bool]]] = {}
        """When each project went live, or back."""
        self.used: dict[tuple[str, str, str], Used] = {}
        self.waiting: dict[tuple[str, str, str], Used] = {}
        """Corrections, by the usage they correct."""
        self.used_at: dict[tuple[str, ...], Used] = {}
        self.asked_at: dict[tuple[str, ...], tuple[str, Avro]] = {}
        """By topic, partition and offset: what events' ids begin with."""

    def take(self, record: Record) -> None:
        value = decoded(record.topic, record.value)
        if value is None or not self.is_in_place(record, value["tenant_id"]):
            return
        if record.topic in USAGE:
            keeps_contract = record.topic != CALLS or is_a_call(value)
            if keeps_contract and not self.is_repeat(record, value["event_id"]):
                used = self.used_at[_place(record)] = Used(record.topic, value)
                self.use(used, record.appended_at_ms)
        else:
            name, fields = _body(value)
            # Ticks have no tenant, and move no money by themselves.
            if name == "Tick" or self.is_repeat(record, value["command_id"]):
                return
            headers = dict(record.headers)
            # A payment was made, whenever it is told.
            not_after_ms = int(headers.get("not_after", record.appended_at_ms))
            if not_after_ms >= record.appended_at_ms or name == "SettleTopUp":
                self.asked_at[_place(record)] = name, fields
                if not _needs_another(name, value["actor"], fields):
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

    def use(self, used: Used, appended_at_ms: int) -> None:
        fields = used.fields
        tenant_id, corrects = cast(str, fields["tenant_id"]), cast("str | None", fields["corrects"])
        self.used[used.topic, tenant_id, fields["event_id"]] = used
        self.tenants[tenant_id] = self.tenants[tenant_id]
        switches = self.projects.setdefault((tenant_id, fields["project_id"]), [])
        over_ms = fields["occurred_at" if used.topic == CHAT else "ended_at"]
        if not appended_at_ms - WINDOW_MS <= over_ms <= appended_at_ms + AHEAD_MS:
            return
        if corrects is None:
            self.charge_anew(used, switches)
        else:
            # What does not stand may be charged yet; what was corrected never is again.
            original = self.used.get((used.topic, tenant_id, corrects))
            if original is None or not original.is_charged:
                self.waiting.setdefault((used.topic, tenant_id, corrects), used)
            else:
                self.correct(original, used)
        while used.is_charged:
            name = used.topic, tenant_id, cast(str, used.fields["event_id"])
            correction = self.waiting.pop(name, None)
            if correction is None:
                break
            self.correct(used, correction)
            used = correction

    def charge_anew(self, used: Used, switches: list[tuple[int, bool]]) -> None:
        """Charge it in the mode that its project was in as it began."""
        began_ms = used.fields["occurred_at" if used.topic == CHAT else "started_at"]
        lives = [live for since_ms, live in switches if since_ms <= began_ms]
        self.charge(used, is_simulated=not (lives and lives[-1]))

    def correct(self, original: Used, correction: Used) -> None:
        """Take back what stands, and charge the new facts in the same mode."""
        if original.is_charged:
            original.is_charged = False
            self.book(original, -1)
            if not correction.fields["withdrawn"]:
                self.charge(correction, is_simulated=original.is_simulated)

    def charge(self, used: Used, *, is_simulated: bool) -> None:
        used.is_charged, used.is_simulated = True, is_simulated
        self.book(used, 1)

    def book(self, used: Used, sign: int) -> None:
        fields = used.fields
        tenant = self.tenants[fields["tenant_id"]]
        if used.topic == CHAT:
            tokens = fields["input_tokens"], fields["output_tokens"]
            tenant.count(used.is_simulated, tokens, sign)
            return
        kind, micros = price(fields) if used.topic == CALLS else ("CRAWL", crawl_micros(fields))
        tenant.add((kind, used.is_simulated), sign * micros, sign)
        if not used.is_simulated:
            tenant.net_micros -= sign * micros

    def obey(self, name: str, tenant_id: str, fields: Avro, now_ms: int) -> None:
        project = tenant_id, cast(str, fields.get("project_id", ""))
        match name:
            case "OpenProject":
                live_from_ms = fields["live_from_ms"]
                if project not in self.projects and (live_from_ms or 0) <= now_ms:
                    self.tenants[tenant_id] = self.tenants[tenant_id]
                    live = [] if live_from_ms is None else [(cast(int, live_from_ms), True)]
                    self.projects[project] = live
            case "PlaceHold" | "AskToSpend":
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
            case "AdjustBalance" | "WriteOffArrears":
                self.add(tenant_id, fields["amount_micros"])
            case "Approve":
                asked, about = self.asked_at[_stem(fields["approval_id"])]
                self.obey(asked, tenant_id, about, now_ms)
            case "Undo":
                _, about = self.asked_at[_stem(fields["event_id"])]
                self.add(tenant_id, -cast(int, about["amount_micros"]))
            case "AcceptReview":
                used = self.used_at[_stem(fields["review_id"])]
                self.charge_anew(used, self.projects[tenant_id, used.fields["project_id"]])
            case "CloseWallet":
                self.tenants[tenant_id].net_micros = 0
            case _:
                assert name in WITHOUT_MONEY, f"the oracle does not know {name}"

    def add(self, tenant_id: str, micros: int) -> None:
        """Move a known tenant's balance."""
        if tenant_id in self.tenants:
            self.tenants[tenant_id].net_micros += micros


WITHOUT_MONEY = (
    *("SetTerms", "VoidHold", "SetBudget", "SetLowBalanceLine", "AssignCard"),
    *("FreezeWallet", "UnfreezeWallet", "Decline", "RejectReview", "PauseIntake", "ResumeIntake"),
)


def _needs_another(name: str, actor: str, fields: Avro) -> bool:
    """Whether one operator alone may not do it."""
    is_typed = name == "SettleTopUp" and actor.startswith("operator:")
    if not is_typed and name not in ("GrantCredit", "AdjustBalance", "WriteOffArrears"):
        return False
    return abs(cast(int, fields["amount_micros"])) > APPROVAL_ABOVE_MICROS


def _place(record: Record) -> tuple[str, ...]:
    return record.topic, str(record.partition), str(record.offset)


def _stem(event_id: str) -> tuple[str, ...]:
    """Where the input stood that an event came from."""
    topic, partition, offset, _ = event_id.rsplit(":", 3)
    return topic.partition(".")[2], partition, offset


# ── From the log of record ──


@dataclass
class Wallet:
    """The four figures, as a wallet's events add up to them."""

    funds_micros: int = 0
    held_micros: int = 0
    arrears_micros: int = 0
    credit_used_micros: int = 0
    holds: dict[str, int] = field(default_factory=dict[str, int])
    hours: dict[tuple[Any, ...], tuple[int, int, int]] = field(default_factory=dict[Any, Any])
    """Tokens of chats that are not charged yet, and what is held for them."""
    chat_micros: int = 0
    """Charged for live chats."""

    def take(self, fields: Avro, sign: int = 1) -> None:
        self.funds_micros -= sign * sum(draw["amount_micros"] for draw in fields["draws"])
        self.credit_used_micros += sign * fields["credit_micros"]

    def count(self, hour: Avro, into: int, out: int, held_micros: int) -> None:
        name = tuple(hour.values())
        before = self.hours.get(name, (0, 0, 0))
        self.hours[name] = before[0] + into, before[1] + out, before[2] + held_micros
        self.held_micros += held_micros

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
            wallet.funds_micros
            - wallet.credit_used_micros
            - wallet.arrears_micros
            + wallet.chat_micros
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
        case "ArrearsWrittenOff":
            wallet.arrears_micros -= sum(one["amount_micros"] for one in fields["portions"])
        case "OperationUndone":
            wallet.take({"draws": fields["taken"], "credit_micros": 0})
            wallet.take(fields | {"draws": fields["returned"]}, -1)
            wallet.arrears_micros += sum(one["amount_micros"] for one in fields["portions"])
        case "InputHeldForReview" | "CorrectionWaits" | "UsageWithdrawn" if fields["ends_hold"]:
            wallet.release(fields["usage"][1]["hold_id"])
        case "CallCharged" | "CrawlCharged":
            _charge(wallet, tenant, name, fields)
        case "ChatCounted" | "ChatUncounted":
            sign, of = (1, fields["usage"]) if name == "ChatCounted" else (-1, fields)
            tokens = of["input_tokens"], of["output_tokens"]
            hour = fields["hour"]
            wallet.count(hour, sign * tokens[0], sign * tokens[1], fields["held_micros"])
            tenant.count(hour["is_simulated"], tokens, sign)
        case "ChatCharged":
            _charge_chat(wallet, fields)
        case "ChargeReversed":
            _reverse(wallet, tenant, fields)
        case _:
            pass


def _charge(wallet: Wallet, tenant: Figures, name: str, fields: Avro) -> None:
    micros = sum(line["amount_micros"] for line in fields["lines"])
    if fields.get("ends_hold"):
        wallet.release(fields["usage"]["hold_id"])
    _pay(wallet, fields, micros, is_simulated=fields["is_simulated"])
    kind = fields["outcome"] if name == "CallCharged" else "CRAWL"
    tenant.add((kind, fields["is_simulated"]), micros)


def _charge_chat(wallet: Wallet, fields: Avro) -> None:
    hour = fields["hour"]
    into, out, held_micros = wallet.hours.pop(tuple(hour.values()))
    wallet.held_micros -= held_micros
    micros = sum(line["amount_micros"] for line in fields["lines"])
    assert micros == chat_micros(into, out), f"{into} and {out} tokens for {micros}"
    _pay(wallet, fields, micros, is_simulated=hour["is_simulated"])
    wallet.chat_micros += 0 if hour["is_simulated"] else micros


def _pay(wallet: Wallet, fields: Avro, micros: int, *, is_simulated: bool) -> None:
    wallet.take(fields)
    if not is_simulated:
        drawn_micros = sum(draw["amount_micros"] for draw in fields["draws"])
        wallet.arrears_micros += micros - drawn_micros - fields["credit_micros"]


def _reverse(wallet: Wallet, tenant: Figures, fields: Avro) -> None:
    wallet.take(fields, -1)
    wallet.arrears_micros -= fields["arrears_micros"]
    name, charged = fields["charged"]
    is_simulated = fields["is_simulated"]
    micros = sum(line["amount_micros"] for line in fields["lines"])
    if name.endswith("ChatHour"):
        into, out = (line["quantity"] for line in fields["lines"])
        wallet.count(charged, into, out, 0)
        wallet.chat_micros -= 0 if is_simulated else micros
    else:
        kind = price(charged)[0] if name.endswith("CallUsage") else "CRAWL"
        tenant.add((kind, is_simulated), -micros, -1)


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
        for tenant_id, kind, outcome, is_simulated, charges, micros in database.execute(
            "SELECT tenant_id, kind, outcome, is_simulated, sum(charges)::bigint,"
            " sum(amount_micros)::bigint FROM read_models.usage_daily GROUP BY 1, 2, 3, 4"
        ):
            tenant = tenants[tenant_id]
            if kind != "CHAT":
                tenant.add((outcome or kind, is_simulated), micros, charges)
            elif not is_simulated:
                tenant.net_micros += micros
        for tenant_id, is_simulated, into, out in database.execute(
            "SELECT tenant_id, is_simulated, sum(input_tokens)::bigint,"
            " sum(output_tokens)::bigint FROM read_models.chat_hours GROUP BY 1, 2"
        ):
            tenants[tenant_id].count(is_simulated, (into, out))
    return dict(tenants), wallets
