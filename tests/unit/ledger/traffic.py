"""What tenants, operators, upstream and the ticker may send to a partition, one method a kind.

The property tests draw the arguments; ids come from small pools, so that things meet each other.
"""

from typing import Final

import msgspec

from ledger import commands as ask
from ledger.decide import Input, Unreadable
from ledger.usage import CallUsage, Tier
from schemas import codec
from tests.unit.ledger.world import Arrived

START_MS: Final = 1_768_478_400_000
TENANTS: Final = ("ann", "bob")
PROJECTS: Final = ("shop", "club")
HOLDS: Final = 12
PAYMENTS: Final = 6


class Traffic:
    """Everything sent so far, in the order the broker appended it."""

    def __init__(self) -> None:
        self.arrived: list[Arrived] = []
        self.now_ms = START_MS
        self.usage_read_to_ms = START_MS

    def wait(self, milliseconds: int) -> None:
        """Let time pass; a negative time is a broker's clock jumping back."""
        self.now_ms = max(START_MS, self.now_ms + milliseconds)

    def tick(self, behind_ms: int) -> None:
        """A tick, with usage read up to that long ago."""
        self.usage_read_to_ms = self.now_ms - behind_ms
        self._ask(ask.Tick(command_id=self._name("tick"), tenant_id="", actor="service:ticker"))

    def open_project(self, tenant_id: str, project_id: str, live_since_ms: int | None) -> None:
        live_from_ms = None if live_since_ms is None else self.now_ms - live_since_ms
        self._ask(
            ask.OpenProject(
                command_id=self._name("open"),
                tenant_id=tenant_id,
                actor="operator:ann",
                reason="because",
                project_id=project_id,
                live_from_ms=live_from_ms,
            )
        )

    def change_mode(self, tenant_id: str, project_id: str, to_live: bool) -> None:
        command = ask.GoLive if to_live else ask.ReturnToSandbox
        self._ask(
            command(
                command_id=self._name("mode"),
                tenant_id=tenant_id,
                actor="operator:ann",
                reason="because",
                project_id=project_id,
            )
        )

    def top_up(self, tenant_id: str, payment: int, amount_micros: int) -> None:
        self._ask(
            ask.SettleTopUp(
                command_id=self._name("top-up"),
                tenant_id=tenant_id,
                actor="operator:ann",
                reason="because",
                payment_id=f"payment-{payment}",
                amount_micros=amount_micros,
            )
        )

    def grant(self, tenant_id: str, amount_micros: int, not_after_in_ms: int | None) -> None:
        not_after_ms = None if not_after_in_ms is None else self.now_ms + not_after_in_ms
        self._ask(
            ask.GrantCredit(
                command_id=self._name("grant"),
                tenant_id=tenant_id,
                actor="operator:ann",
                reason="because",
                amount_micros=amount_micros,
            ),
            not_after_ms=not_after_ms,
        )

    def adjust(self, tenant_id: str, amount_micros: int) -> None:
        self._ask(
            ask.AdjustBalance(
                command_id=self._name("adjust"),
                tenant_id=tenant_id,
                actor="operator:ann",
                reason="because",
                amount_micros=amount_micros,
            )
        )

    def set_terms(self, tenant_id: str, limit_micros: int | None) -> None:
        self._ask(
            ask.SetTerms(
                command_id=self._name("terms"),
                tenant_id=tenant_id,
                actor="operator:ann",
                reason="because",
                is_postpay=limit_micros is not None,
                credit_limit_micros=limit_micros or 0,
            )
        )

    def hold(
        self,
        tenant_id: str,
        project_id: str,
        hold: int,
        tier: Tier,
        cap_ms: int,
        *,
        asked_ago_ms: int,
    ) -> None:
        """A hold of that number; asked again with other terms it is a conflict."""
        self._ask(
            ask.PlaceHold(
                command_id=f"hold-{hold}",
                tenant_id=tenant_id,
                actor="service:platform",
                project_id=project_id,
                tier=tier,
                duration_cap_ms=cap_ms,
            ),
            asked_at_ms=self.now_ms - asked_ago_ms,
        )

    def void(self, tenant_id: str, hold: int) -> None:
        self._ask(
            ask.VoidHold(
                command_id=self._name("void"),
                tenant_id=tenant_id,
                actor="service:platform",
                hold_id=f"hold-{hold}",
            )
        )

    def call(
        self,
        tenant_id: str,
        project_id: str,
        *,
        hold: int | None,
        tier: Tier,
        goal_reached: bool,
        flagged_spam: bool,
        duration_ms: int,
        cap_ms: int,
        user_turns: int,
        ended_ago_ms: int,
        corrects: str | None,
    ) -> None:
        ended_at = self.now_ms - ended_ago_ms
        self._take_in(
            CallUsage(
                event_id=self._name("call"),
                tenant_id=tenant_id,
                project_id=project_id,
                corrects=corrects,
                withdrawn=False,
                call_id="call",
                scenario_id="scenario",
                started_at=ended_at - duration_ms,
                ended_at=ended_at,
                tier=tier,
                goal_reached=goal_reached,
                flagged_spam=flagged_spam,
                duration_ms=duration_ms,
                duration_cap_ms=cap_ms,
                user_turns=user_turns,
                hold_id=None if hold is None else f"hold-{hold}",
            )
        )

    def garbage(self) -> None:
        """Bytes that nobody could read."""
        self._append(Input(self._stem(), self.now_ms, b"", Unreadable("malformed", "no")))

    def repeat(self, index: int) -> None:
        """Send again what was sent before, whatever it was."""
        value = self._sent(index)
        if value is not None:
            self._take_in(value)

    def contradict(self, index: int) -> None:
        """Send other content under an id that was sent before."""
        value = self._sent(index)
        if isinstance(value, CallUsage):
            self._take_in(msgspec.structs.replace(value, scenario_id=value.scenario_id + "'"))
        elif value is not None:
            self._ask(msgspec.structs.replace(value, reason=value.reason + "!"))

    # ── Inner parts ──

    def _sent(self, index: int) -> CallUsage | ask.Command | None:
        if not self.arrived:
            return None
        value = self.arrived[index % len(self.arrived)].item.value
        return None if isinstance(value, Unreadable) else value

    def _name(self, kind: str) -> str:
        return f"{kind}-{len(self.arrived)}"

    def _stem(self) -> str:
        return f"input-{len(self.arrived)}"

    def _take_in(self, value: CallUsage | ask.Command) -> None:
        if isinstance(value, ask.Command):
            return self._ask(value)
        content = codec.content_hash(codec.payload_of(codec.calls.encode(value)))
        return self._append(Input(self._stem(), self.now_ms, content, value))

    def _ask(
        self,
        command: ask.Command,
        *,
        asked_at_ms: int | None = None,
        not_after_ms: int | None = None,
    ) -> None:
        content = codec.content_hash(codec.payload_of(codec.asked.encode(command)))
        self._append(Input(self._stem(), self.now_ms, content, command, asked_at_ms, not_after_ms))

    def _append(self, item: Input) -> None:
        self.arrived.append(Arrived(item, self.usage_read_to_ms))
