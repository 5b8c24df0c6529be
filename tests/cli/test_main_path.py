"""What the README promises, typed by a new user: every command its own process, on a real stack."""

import json
import re
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.cli.machine import LEDGER, Machine, without_settings

pytestmark = pytest.mark.stack

USAGE = {
    "event_id": "call-1",
    "tenant_id": "acme",
    "project_id": "clinic",
    "call_id": "call-1",
    "scenario_id": "reception",
    "started_at": 2_000,
    "ended_at": 62_000,
    "tier": "STANDARD",
    "goal_reached": False,
    "flagged_spam": False,
    "duration_ms": 60_000,
    "duration_cap_ms": 300_000,
    "user_turns": 5,
    "hold_id": "call-1",
}


def test_from_up_to_verify_and_nothing_is_left_running(machine: Machine, tmp_path: Path) -> None:
    # A tenant with money and a live project
    assert "Opened clinic of acme, in sandbox." in machine.type("project open acme clinic")
    assert "Topped up acme by $50.00." in machine.type("top-up acme 50 --id top-up-1 --reason paid")
    assert "clinic of acme is live" in machine.type("project live acme clinic")
    assert "clinic" in machine.type("project list acme")

    # The same command again is no second top-up; another under its id is refused
    machine.type("top-up acme 50 --id top-up-1 --reason paid")
    other = "top-up acme 60 --id top-up-1 --reason paid"
    assert "Refused (conflict)" in machine.type(other, exit_code=1)

    # A hold sets money aside, and the call's usage captures it
    assert "Allowed: $0.90 held" in machine.type("hold place acme clinic --id call-1")
    assert "the tenant 'acne' is NEW" in machine.type("hold place acne clinic")
    [hold] = machine.ask("hold list acme")["holds"]
    assert (hold["hold_id"], hold["state"], hold["amount_micros"]) == ("call-1", "OPEN", 900_000)
    [wallet] = machine.ask("balance acme")["wallets"]
    assert (wallet["balance_micros"], wallet["available_micros"]) == (50_000_000, 49_100_000)

    usage = tmp_path / "usage.calls.jsonl"
    usage.write_text(json.dumps({"phase": 1, "value": USAGE}))
    said = machine.type(f"publish '{usage}'")
    assert "1 record published and decided" in said
    assert "1 charged: $0.60 in all" in said
    assert "no open holds" in machine.type("hold list acme")

    # What was paid is seen in every way of looking at it, and only who is known is looked for
    assert "does not know the tenant 'acmee'" in machine.type("history acmee", exit_code=1)
    assert re.search(r"acme +\$49\.40 +\$0\.00 +\$49\.40", machine.type("balance"))
    kinds = [movement["kind"] for movement in machine.ask("history acme")["movements"]]
    assert kinds == ["CALL", "TOP_UP"]
    [day] = machine.ask("usage acme")["usage_days"]
    assert (day["outcome"], day["amount_micros"]) == ("REAL_CONVERSATION", 600_000)

    # All is well, and it can be proved
    assert "FAILED" not in machine.type("doctor")
    assert machine.ask("topics check") == {"drift": []}
    assert machine.ask("migrate --check") == {"pending": []}
    assert machine.ask("verify")["holds"] is True

    # SIGTERM ends everything that was started
    processes = machine.processes()
    assert len(processes) > 6
    machine.up.send_signal(signal.SIGTERM)
    assert machine.up.wait(60) == 0
    _, alive = psutil.wait_procs(processes, timeout=5)
    assert alive == []
    assert "No stack runs on" in machine.type("balance", exit_code=2)


def test_a_broker_that_hangs_is_named_and_one_that_dies_ends_all(machine: Machine) -> None:
    processes = machine.processes()
    [broker] = [one for one in processes if one.name() == "java"]

    # When its process is stopped, whoever asks is told where nothing answers
    broker.suspend()
    assert "does not answer within" in machine.type("top-up acme 50 --reason paid", exit_code=3)
    broker.resume()

    # When it dies, everything ends, and the log to look into is named
    broker.kill()
    assert machine.up.wait(60) == 1
    said = machine.said()
    assert "Error: Kafka ended by itself (killed by SIGKILL)." in said
    assert str(machine.data / "logs" / "kafka.log") in said
    _, alive = psutil.wait_procs(processes, timeout=5)
    assert alive == []


def test_the_demo_shows_what_happened_and_leaves_nothing_behind(tmp_path: Path) -> None:
    environment = without_settings() | {"TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [*LEDGER, "demo", "--json"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert len(shown["tenants"]) == 8
    assert shown["log"]["dead_letters"]["malformed"] == 2
    assert shown["verified"]["holds"] is True
    assert "everything is stopped" in done.stderr
    assert list(tmp_path.iterdir()) == []
