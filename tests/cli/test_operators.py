"""What operators type: prices, reviews, approvals, freezing, books; every command a process."""

import json
import re
import time
from pathlib import Path

import pytest

from tests.cli.machine import Machine

pytestmark = pytest.mark.stack

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WHY = "--reason 'ticket 7'"


def event_of(said: str) -> str:
    """The event's id that a command printed."""
    found = re.search(r"event (g1\.\S+)", said)
    assert found is not None, said
    return found[1]


def test_an_operators_day(machine: Machine, tmp_path: Path) -> None:
    machine.type("project open acme clinic --live-from 2026-01-01 --reason signed")
    machine.type("top-up acme 50 --id top-up-1 --reason paid")
    machine.type("budget set acme 1")
    machine.type("low-balance acme 49.50")
    assert "may begin" in machine.type("hold ask acme clinic crawl")

    # A crawl, a chat, and a call that is too old to be charged without being looked at
    publish(machine, tmp_path, "usage.crawls", crawl(), phase=1)
    publish(machine, tmp_path, "usage.chat", chat(), phase=1)
    publish(machine, tmp_path, "usage.calls", old_call(), phase=1)
    month = machine.ask("month acme")
    [row] = month["month"]
    assert (row["crawls"], row["crawler_ms"], row["amount_micros"]) == (1, 450_000, 125_000)
    [hour] = month["chats"]
    assert (hour["input_tokens"], hour["held_micros"]) == (1_000_000, 800_000)
    assert "1,000,000 / 200,000" in machine.type("month acme")

    # What waits for review is accepted, and then charged; its charge is noticed
    [waiting] = machine.ask("review list")["reviews"]
    assert (waiting["reason"], waiting["facts"]["call_id"]) == ("TOO_OLD", "call-old")
    review_id = waiting["review_id"]
    assert "too old" in machine.type("review list acme")
    assert "Say why" in machine.type(f"review accept acme {review_id}", exit_code=2)
    assert "Accepted" in machine.type(f"review accept acme {review_id} {WHY}")
    assert "(unknown)" in machine.type(f"review reject acme {review_id} {WHY}", exit_code=1)
    assert machine.ask("review list")["reviews"] == []
    told = {(one["kind"], one["percent"]) for one in machine.ask("notices acme")["notices"]}
    assert told == {("BUDGET_LINE", 100), ("LOW_BALANCE", None)}
    assert "100%" in machine.type("budget list acme")

    # Above an amount another operator approves, and everything can be undone
    said = machine.type(f"grant acme 2000 {WHY}")
    assert "Not done yet" in said
    asked = event_of(said)
    assert "grantcredit" in machine.type("approval list").lower()
    refused = machine.type(f"approval give acme {asked} {WHY}", exit_code=1)
    assert "(same_operator)" in refused
    done = machine.type(f"approval give acme {asked} {WHY}", by="operator:bea")
    assert funds(machine) == 2_000_000_000 + 50_000_000 - 125_000 - 900_000
    undoing = machine.type(f"undo acme {event_of(done)} {WHY}")
    assert "Not done yet" in undoing
    machine.type(f"approval give acme {event_of(undoing)} {WHY}", by="operator:bea")
    assert funds(machine) == 50_000_000 - 125_000 - 900_000

    # Frozen, nothing may begin; and money that was paid is not closed away
    machine.type(f"freeze acme {WHY}")
    assert "(frozen)" in machine.type("hold place acme clinic", exit_code=1)
    assert "frozen" in machine.type("balance acme")
    machine.type(f"unfreeze acme {WHY}")
    assert "(in_flight)" in machine.type(f"close acme {WHY}", exit_code=1)
    assert "(not_owed)" in machine.type(f"write-off acme 1 {WHY}", exit_code=1)

    # The books balance, the log holds, and the tables are what it folds to
    assert "All" in machine.type("trial-balance")
    assert len(machine.ask("journal acme")["postings"]) == 10
    assert machine.ask("verify")["holds"] is True
    assert machine.ask("rebuild")["is_alike"] is True
    assert "live ones now" in machine.type("rebuild --swap")
    assert funds(machine) == 50_000_000 - 125_000 - 900_000


def test_prices_are_changed_by_a_file(machine: Machine, tmp_path: Path) -> None:
    machine.type("project open acme clinic")
    card = tmp_path / "card.yaml"
    card.write_text(machine.type("rates example agency").replace("success: 0.90", "success: 0.85"))
    assert "can be published" in machine.type(f"rates lint {card}")
    assert "new" in machine.type(f"rates diff {card}")
    broken = tmp_path / "broken.yaml"
    broken.write_text(card.read_text().replace("0.85", "0,85"))
    assert "broken.yaml:22: fault" in machine.type(f"rates lint {broken}", exit_code=1)

    # Published, it is adopted by every partition, and can be given to a tenant
    said = machine.type(f"rates publish {card} --yes {WHY}")
    assert "Published agency 1: all partitions adopted it" in said
    assert "agency" in machine.type("rates show")
    assert "$0.85" in machine.type("rates show agency")
    hour = time.strftime("%Y-%m-%dT%H:00", time.gmtime(time.time() + 3 * 3600))
    assert "(no_price)" in machine.type(
        f"rates assign acme nobodys --from {hour} {WHY}", exit_code=1
    )
    machine.type(f"rates assign acme agency --from {hour} {WHY}")
    assert "acme is priced by agency" in machine.type("rates show --of acme")
    # The next version shows what it changes, and asking again is harmless
    card.write_text(card.read_text().replace("success: 0.85", "success: 0.80"))
    assert "-5.9 %" in machine.type(f"rates publish {card} --yes {WHY}")
    assert "all partitions" in machine.type("rates adopt agency 2")
    versions = {
        one["card_version"]: one["adopted"] for one in machine.ask("rates show agency")["cards"]
    }
    assert versions == {1: "all partitions", 2: "all partitions"}
    assert machine.ask("verify")["holds"] is True


def publish(
    machine: Machine, folder: Path, topic: str, value: dict[str, object], phase: int
) -> None:
    path = folder / f"{topic}.jsonl"
    path.write_text(json.dumps({"phase": phase, "value": value}))
    machine.type(f"publish {path}")


def funds(machine: Machine) -> int:
    [wallet] = machine.ask("balance acme")["wallets"]
    return int(wallet["funds_micros"])


def common(event_id: str) -> dict[str, object]:
    return {"event_id": event_id, "tenant_id": "acme", "project_id": "clinic"}


def crawl() -> dict[str, object]:
    return common("crawl-1") | {
        "crawl_id": "crawl-1",
        "started_at": -450_000,
        "ended_at": 0,
        "pages_fetched": 101,
        "duration_ms": 450_000,
        "is_recrawl": False,
    }


def chat() -> dict[str, object]:
    return common("chat-1") | {
        "conversation_id": "conversation-1",
        "channel": "SMS",
        "occurred_at": 0,
        "input_tokens": 1_000_000,
        "output_tokens": 200_000,
    }


def old_call() -> dict[str, object]:
    return common("call-old") | {
        "call_id": "call-old",
        "scenario_id": "reception",
        "started_at": -100 * DAY_MS,
        "ended_at": -100 * DAY_MS + MINUTE_MS,
        "tier": "STANDARD",
        "goal_reached": True,
        "flagged_spam": False,
        "duration_ms": MINUTE_MS,
        "duration_cap_ms": 5 * MINUTE_MS,
        "user_turns": 5,
    }
