"""A second fold of the log into rows: wallets, movements, holds and usage by day.

It shares no line with the project's folds: dicts in, dicts out, compared row by row with what
Postgres holds. It reads what the workload of the faults comes to, and fails on any other event.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, cast

import psycopg
from psycopg.rows import dict_row

from tests.faults.proof import Logged
from tests.oracle import Avro

Row = dict[str, Any]
Tables = dict[str, list[Row]]

MOVES_NOTHING = {
    "ProjectOpened",
    "InputRefused",
    "CardAdopted",
    "BatchCommitted",
}
SUMS = (
    "charges",
    "overage_minutes",
    "amount_micros",
    "crawler_ms",
    "input_tokens",
    "output_tokens",
)


class Models:
    """The rows, as they grow."""

    def __init__(self) -> None:
        self.wallets: dict[str, Row] = {}
        self.holds: dict[tuple[str, int], Row] = {}
        self.open: dict[tuple[str, str], Row] = {}
        self.movements: list[Row] = []
        self.days: dict[tuple[Any, ...], Row] = {}

    @property
    def tables(self) -> Tables:
        """All rows by table."""
        return {
            "wallets": list(self.wallets.values()),
            "holds": list(self.holds.values()),
            "movements": self.movements,
            "usage_daily": list(self.days.values()),
        }

    def take(self, one: Logged) -> None:
        """Fold the next value of its partition."""
        tenant_id, fields = cast(str, one.envelope["tenant_id"]), one.fields
        if tenant_id:
            wallet = self.wallets.setdefault(tenant_id, _nothing(tenant_id))
            wallet["sequence"] = one.envelope["sequence"]
            wallet["recorded_at_ms"] = one.envelope["recorded_at_ms"]
        match one.kind:
            case "WalletOpened":
                self.wallets[tenant_id]["opened_at_ms"] = one.envelope["recorded_at_ms"]
            case "TopUpSettled":
                micros = fields["amount_micros"]
                self.move(one, "TOP_UP", micros, paid=micros, payment_id=fields["payment_id"])
            case "CreditGranted":
                self.move(one, "GRANT", fields["amount_micros"])
            case "HoldPlaced" | "HoldRefused":
                self.answer_hold(one)
            case "HoldVoided" | "HoldExpired":
                state = "VOIDED" if one.kind == "HoldVoided" else "EXPIRED"
                self.end_hold(one, fields["hold_id"], state, None)
            case "InputHeldForReview":
                if fields["ends_hold"]:
                    usage = cast("tuple[str, Avro]", fields["usage"])[1]
                    self.end_hold(one, usage["hold_id"], "CAPTURED", usage["event_id"])
            case "CallCharged" | "CrawlCharged":
                self.charge(one)
            case "ArrearsCollected":
                self.collect(one)
            case _:
                assert one.kind in MOVES_NOTHING, f"the fold does not know {one.kind}"

    def move(
        self, one: Logged, kind: str, micros: int, *, paid: int = 0, line: int = 0, **columns: Any
    ) -> None:
        """Add a line of history; what is no credit and from no payment was never paid."""
        wallet = self.wallets[one.envelope["tenant_id"]]
        wallet["funds_micros"] += micros
        self.movements.append(
            {
                "generation": "g1",
                "partition": one.record.partition,
                "log_offset": one.record.offset,
                "line": line,
                "kind": kind,
                "movement_micros": micros,
                "balance_after_micros": wallet["funds_micros"],
                "amount_micros": micros,
                "arrears_micros": 0,
                "is_simulated": False,
                "reason": one.fields.get("reason"),
                "paid_micros": paid,
                "unpaid_micros": micros - paid,
                "credit_micros": 0,
                **{name: one.envelope[name] for name in ENVELOPE},
                **columns,
            }
        )

    def charge(self, one: Logged) -> None:
        fields, usage = one.fields, cast(Avro, one.fields["usage"])
        is_call = one.kind == "CallCharged"
        assert fields["credit_micros"] == 0, "the workload has no credit"
        price = sum(line["amount_micros"] for line in fields["lines"])
        drawn = sum(draw["amount_micros"] for draw in fields["draws"])
        owed = 0 if fields["is_simulated"] else price - drawn
        self.wallets[one.envelope["tenant_id"]]["arrears_micros"] += owed
        if is_call and fields["ends_hold"]:
            self.end_hold(one, usage["hold_id"], "CAPTURED", usage["event_id"])
        self.move(
            one,
            "CALL" if is_call else "CRAWL",
            -drawn,
            paid=-_of_payments(fields["draws"]),
            amount_micros=price,
            arrears_micros=owed,
            is_simulated=fields["is_simulated"],
            usage_event_id=usage["event_id"],
            project_id=usage["project_id"],
            call_id=usage.get("call_id"),
            crawl_id=usage.get("crawl_id"),
            tier=usage.get("tier"),
            outcome=fields.get("outcome"),
            card_id=fields["card_id"],
            card_version=fields["card_version"],
            corrects=usage["corrects"],
            lines=fields["lines"],
        )
        self.use(one, usage, price)

    def use(self, one: Logged, usage: Avro, price: int) -> None:
        fields = one.fields
        key = {
            "tenant_id": one.envelope["tenant_id"],
            "day": datetime.fromtimestamp(usage["ended_at"] / 1_000, UTC).date(),
            "project_id": usage["project_id"],
            "kind": "CALL" if one.kind == "CallCharged" else "CRAWL",
            "outcome": fields.get("outcome"),
            "tier": usage.get("tier"),
            "is_simulated": fields["is_simulated"],
        }
        day = self.days.setdefault(tuple(key.values()), key | dict.fromkeys(SUMS, 0))
        day["charges"] += 1
        day["amount_micros"] += price
        for line in fields["lines"]:
            if line["line"].endswith(".overage_minute"):
                day["overage_minutes"] += line["quantity"]
            elif line["line"] == "crawls.hour":
                day["crawler_ms"] += line["quantity"]

    def collect(self, one: Logged) -> None:
        draws = [dict(draw) for draw in one.fields["draws"]]
        for line, portion in enumerate(one.fields["portions"]):
            owed = portion["amount_micros"]
            self.wallets[one.envelope["tenant_id"]]["arrears_micros"] -= owed
            self.move(
                one,
                "ARREARS_COLLECTED",
                -owed,
                paid=-_of_payments(_cut(draws, owed)),
                line=line,
                amount_micros=owed,
                arrears_micros=-owed,
                charge_event_id=portion["charge_event_id"],
            )

    def answer_hold(self, one: Logged) -> None:
        fields, recorded_at_ms = one.fields, one.envelope["recorded_at_ms"]
        tenant_id, is_placed = cast(str, one.envelope["tenant_id"]), one.kind == "HoldPlaced"
        came_late = fields.get("means") == "USAGE_CAME_FIRST"
        row: Row = {
            "tenant_id": tenant_id,
            "sequence": one.envelope["sequence"],
            **{name: fields[name] for name in ("hold_id", "project_id", "tier", "amount_micros")},
            "duration_cap_ms": fields["duration_cap_ms"],
            "state": "CAPTURED" if came_late else "OPEN" if is_placed else "REFUSED",
            "means": fields.get("means"),
            "refusal": fields.get("refusal"),
            "recorded_at_ms": recorded_at_ms,
            "expires_at_ms": fields.get("expires_at_ms"),
            "ended_at_ms": recorded_at_ms if came_late else None,
            "usage_event_id": None,
        }
        self.holds[tenant_id, row["sequence"]] = row
        if row["state"] == "OPEN":
            self.open[tenant_id, row["hold_id"]] = row
            self.wallets[tenant_id]["held_micros"] += row["amount_micros"]
            self.wallets[tenant_id]["open_holds"] += 1

    def end_hold(self, one: Logged, hold_id: str, state: str, usage_event_id: str | None) -> None:
        tenant_id = cast(str, one.envelope["tenant_id"])
        row = self.open.pop((tenant_id, hold_id))
        row["state"], row["ended_at_ms"] = state, one.envelope["recorded_at_ms"]
        row["usage_event_id"] = usage_event_id
        self.wallets[tenant_id]["held_micros"] -= row["amount_micros"]
        self.wallets[tenant_id]["open_holds"] -= 1


ENVELOPE = ("tenant_id", "sequence", "event_id", "occurred_at_ms", "recorded_at_ms", "actor")


def folded(log: Iterable[Logged]) -> Tables:
    """The rows that the log comes to."""
    models = Models()
    for one in log:
        models.take(one)
    return models.tables


def found(postgres_url: str) -> Tables:
    """The rows that the read models hold."""
    with psycopg.connect(postgres_url) as database, database.cursor(row_factory=dict_row) as rows:
        return {
            "wallets": rows.execute("SELECT * FROM read_models.wallets").fetchall(),
            "holds": rows.execute("SELECT * FROM read_models.holds").fetchall(),
            "movements": rows.execute("SELECT * FROM read_models.movements").fetchall(),
            "usage_daily": rows.execute("SELECT * FROM read_models.usage_daily").fetchall(),
        }


def differing(found: Tables, wanted: Tables) -> Iterator[str]:
    """Every row that is only in one of the two; a column that a row does not name is null."""
    for table, rows in wanted.items():
        columns = {name for row in (*rows, *found[table]) for name in row}
        both = [
            {repr([(name, row.get(name)) for name in sorted(columns)]) for row in side}
            for side in (found[table], rows)
        ]
        if len(found[table]) != len(rows):
            yield f"{table} has {len(found[table])} rows, not {len(rows)}"
        yield from (f"{table} has a row too many: {row}" for row in both[0] - both[1])
        yield from (f"{table} lacks {row}" for row in both[1] - both[0])


def _nothing(tenant_id: str) -> Row:
    return {
        "tenant_id": tenant_id,
        "opened_at_ms": None,
        "is_postpay": False,
        "credit_limit_micros": 0,
        "funds_micros": 0,
        "held_micros": 0,
        "open_holds": 0,
        "unheld_micros": 0,
        "arrears_micros": 0,
        "credit_used_micros": 0,
        "is_frozen": False,
        "is_closed": False,
    }


def _of_payments(draws: Iterable[Avro]) -> int:
    return sum(draw["amount_micros"] for draw in draws if draw["lot_id"].startswith("payment"))


def _cut(draws: list[Row], micros: int) -> Iterator[Row]:
    """Take so much off the front of the draws."""
    while micros:
        taken = min(micros, draws[0]["amount_micros"])
        yield draws[0] | {"amount_micros": taken}
        micros -= taken
        draws[0]["amount_micros"] -= taken
        if not draws[0]["amount_micros"]:
            draws.pop(0)
