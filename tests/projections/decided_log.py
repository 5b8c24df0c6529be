"""A log as a processor would leave it: random inputs decided by the core, footers and markers too.

It is made in memory, so that folds can be held against the wallets that decided.
"""

import random
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from ledger import commands as ask
from ledger.decide import Input, Rules, decide
from ledger.events import BatchCommitted, Event
from ledger.money import MICROS_PER_USD
from ledger.partition import PartitionState
from ledger.usage import CallUsage, Tier
from ledger.wallet import Wallet
from projections.logged import Logged

BEGAN_MS: Final = 1_769_900_400_000
"""2026-01-31 23:00 UTC, so that a log of two hours passes into another month."""

STEP_MS: Final = 1_500
PROJECTS: Final = ("shop", "club", "back\\slash and 'quote'")


class DecidedLog:
    """Wallets, and the log that their decisions made, in batches of `batch_size` inputs."""

    def __init__(self, seed: int, tenants: int, inputs: int, batch_size: int = 40) -> None:
        self._random = random.Random(seed)
        self._state = PartitionState()
        self._tenants = [f"tenant-{number}" for number in range(tenants)]
        self._holds: list[tuple[str, str]] = []
        self._asked = 0
        self._next_offset = 0
        self.events: list[Logged] = []
        opening = [
            self._opening(tenant_id, project)
            for tenant_id in self._tenants
            for project in PROJECTS[:2]
        ]
        self._decide(opening)
        for begin in range(0, inputs, batch_size):
            self._decide([self._any() for _ in range(min(batch_size, inputs - begin))])

    @property
    def wallets(self) -> dict[str, Wallet]:
        """The wallets that decided, as they stand at the log's end."""
        return self._state.wallets

    @property
    def end(self) -> int:
        """The offset after the last event; the marker there is no event's."""
        return self.events[-1].offset + 1

    # ── Inner parts ──

    def _decide(self, values: Sequence[CallUsage | ask.Command]) -> None:
        batch = [self._input(value) for value in values]
        decision = decide(self._state, batch, 0, self._now_ms(), Rules(), self._recall)
        assert decision.consumed == len(batch)
        footer = self._footer()
        decision.overlay.note(footer)
        decision.overlay.merge()
        for event in [*decision.events, footer]:
            self.events.append(Logged(self._next_offset, event))
            self._next_offset += 1
        # The marker that ends a transaction takes an offset.
        self._next_offset += 1

    def _recall(self, place: int) -> Event:
        return self.events[place].event

    def _now_ms(self) -> int:
        return BEGAN_MS + self._asked * STEP_MS

    def _input(self, value: CallUsage | ask.Command) -> Input:
        self._asked += 1
        content_hash = sha256(repr(value).encode()).digest()[:16]
        return Input(f"input-0-{self._asked}", self._now_ms(), content_hash, value)

    def _opening(self, tenant_id: str, project_id: str) -> ask.Command:
        live_from_ms = BEGAN_MS - 1 if project_id == "shop" else None
        return ask.OpenProject(
            **self._asker(tenant_id), project_id=project_id, live_from_ms=live_from_ms
        )

    def _any(self) -> CallUsage | ask.Command:
        choose = self._random
        tenant_id = choose.choice(self._tenants)
        asker = self._asker(tenant_id)
        match choose.choices(range(10), [40, 40, 6, 1, 1, 2, 2, 2, 2, 3])[0]:
            case 0:
                return self._call(tenant_id)
            case 1:
                hold = ask.PlaceHold(
                    **asker,
                    project_id=choose.choice(PROJECTS),
                    tier=choose.choice(list(Tier)),
                    duration_cap_ms=choose.choice([60_000, 300_000, 600_000]),
                )
                self._holds.append((tenant_id, hold.command_id))
                return hold
            case 2:
                return ask.Tick(command_id=asker["command_id"], tenant_id="", actor="ticker")
            case 3:
                micros = choose.randrange(15, 60) * MICROS_PER_USD
                payment_id = f"payment-{self._asked}"
                return ask.SettleTopUp(**asker, payment_id=payment_id, amount_micros=micros)
            case 4:
                return ask.GrantCredit(**asker, amount_micros=choose.randrange(1, 9_000_000))
            case 5:
                micros = choose.choice([-1, 1]) * choose.randrange(1, 5_000_000)
                return ask.AdjustBalance(**asker, amount_micros=micros)
            case 6:
                is_postpay = choose.random() < 0.5
                limit_micros = choose.randrange(30) * MICROS_PER_USD if is_postpay else 0
                return ask.SetTerms(
                    **asker, is_postpay=is_postpay, credit_limit_micros=limit_micros
                )
            case 7:
                return ask.GoLive(**asker, project_id=choose.choice(PROJECTS))
            case 8:
                return ask.ReturnToSandbox(**asker, project_id=choose.choice(PROJECTS))
            case _:
                return ask.VoidHold(**asker, hold_id=self._some_hold(tenant_id) or "unknown")

    def _call(self, tenant_id: str) -> CallUsage:
        choose = self._random
        lasted_ms = choose.randrange(700_000)
        ended_at = self._now_ms() - choose.randrange(60_000)
        return CallUsage(
            event_id=f"usage-{self._asked}",
            tenant_id=tenant_id,
            project_id=choose.choice(PROJECTS),
            corrects=None,
            withdrawn=False,
            call_id=f"call-{self._asked}",
            scenario_id="welcome",
            started_at=ended_at - lasted_ms,
            ended_at=ended_at,
            tier=choose.choice(list(Tier)),
            goal_reached=choose.random() < 0.4,
            flagged_spam=choose.random() < 0.1,
            duration_ms=lasted_ms,
            duration_cap_ms=choose.choice([300_000, 600_000]),
            user_turns=choose.randrange(10),
            hold_id=self._some_hold(tenant_id) if choose.random() < 0.7 else None,
        )

    def _some_hold(self, tenant_id: str) -> str | None:
        own = [hold_id for owner, hold_id in self._holds[-200:] if owner == tenant_id]
        return self._random.choice(own) if own else None

    def _asker(self, tenant_id: str) -> dict[str, str]:
        # Some ids come twice: a conflict is recorded, and must change nothing.
        number = self._asked if self._random.random() < 0.98 else self._asked // 2
        return {
            "command_id": f"command-{number}-{len(self._holds)}",
            "tenant_id": tenant_id,
            "actor": "operator:ann",
            "reason": "put right\\",
        }

    def _footer(self) -> Event:
        return BatchCommitted(
            originator_id="",
            originator_version=1,
            event_id="",
            occurred_at_ms=self._now_ms(),
            recorded_at_ms=self._now_ms(),
            input_id="",
            input_hash=bytes(16),
            actor="ledger",
            positions=(),
            partitions=1,
            usage_read_to_ms=0,
            events=0,
            dead_letters=0,
            repeats=0,
            ticks=0,
            draining=None,
            batch_hash=bytes(32),
            code_version="test",
            configuration_version="test",
        )
