"""What tenants, operators, upstream and the ticker may send to a partition, one method a kind.

The property tests draw the arguments; ids come from small pools, so that things meet each other.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from ledger import commands as ask
from ledger.batch import Input, Unreadable
from ledger.money import MICROS_PER_CENT
from ledger.rates import DEFAULT_CARD, MS_PER_HOUR
from ledger.usage import (
    Activity,
    AnyUsage,
    CallUsage,
    Channel,
    ChatUsage,
    CrawlUsage,
    Tier,
    Usage,
)
from schemas import codec
from tests.unit.ledger.world import Arrived

START_MS: Final = 1_768_478_400_000
TENANTS: Final = ("ann", "bob", "cat", "dan")
PROJECTS: Final = ("shop", "club")
HOLDS: Final = 12
PAYMENTS: Final = 6


class Traffic:
    """Everything sent so far, in the order the broker appended it."""

    def __init__(self) -> None:
        self.arrived: list[Arrived] = []
        self.now_ms = START_MS
        self.usage_read_to_ms = START_MS
        self._late: list[AnyUsage] = []
        self._newest: AnyUsage | None = None

    def wait(self, milliseconds: int) -> None:
        """Let time pass; a negative time is a broker's clock jumping back."""
        self.now_ms = max(START_MS, self.now_ms + milliseconds)

    def tick(self, behind_ms: int) -> None:
        """A tick, with usage read up to that long ago."""
        self.usage_read_to_ms = self.now_ms - behind_ms
        self._ask(ask.Tick(command_id=self._name("tick"), tenant_id="", actor="service:ticker"))

    # ── Operators ──

    def operate(
        self,
        tenant_id: str,
        command: Callable[..., ask.Command],
        by: str = "ann",
        not_after_in_ms: int | None = None,
        **fields: object,
    ) -> None:
        """What an operator asks, by that command; whom it is about and who asks are filled in."""
        self._ask(
            command(
                command_id=self._name("command"),
                tenant_id=tenant_id,
                actor=f"operator:{by}",
                reason="because",
                **fields,
            ),
            not_after_ms=None if not_after_in_ms is None else self.now_ms + not_after_in_ms,
        )

    def open_project(self, tenant_id: str, project_id: str, live_since_ms: int | None) -> None:
        live_from_ms = None if live_since_ms is None else self.now_ms - live_since_ms
        self.operate(tenant_id, ask.OpenProject, project_id=project_id, live_from_ms=live_from_ms)

    def change_mode(self, tenant_id: str, project_id: str, to_live: bool) -> None:
        command = ask.GoLive if to_live else ask.ReturnToSandbox
        self.operate(tenant_id, command, project_id=project_id)

    def top_up(
        self, tenant_id: str, payment: int, amount_micros: int, by: str = "service:payments"
    ) -> None:
        self._ask(
            ask.SettleTopUp(
                command_id=self._name("command"),
                tenant_id=tenant_id,
                actor=by,
                reason="because",
                payment_id=f"payment-{payment}",
                amount_micros=amount_micros,
            )
        )

    def set_terms(self, tenant_id: str, limit_micros: int | None) -> None:
        self.operate(
            tenant_id,
            ask.SetTerms,
            is_postpay=limit_micros is not None,
            credit_limit_micros=limit_micros or 0,
        )

    def about(
        self,
        index: int,
        command: Callable[..., ask.Command],
        name: str,
        by: str = "bea",
        **fields: object,
    ) -> None:
        """Ask something about the first event of an input that was sent before."""
        if self.arrived:
            item = self.arrived[index % len(self.arrived)].item
            if not isinstance(item.value, Unreadable) and item.value.tenant_id:
                event_id = f"{item.event_id_stem}:0"
                self.operate(item.value.tenant_id, command, by, None, **{name: event_id}, **fields)

    # ── Cards ──

    def adopt_card(self, card_id: str, version: int, in_hours: int, cents: int) -> None:
        """A card whose every price is that many cents, and which lacks those of Economy."""
        lines = tuple(
            msgspec.structs.replace(line, price_micros=cents * MICROS_PER_CENT)
            for line in DEFAULT_CARD.lines
            if ".economy." not in line.line
        )
        self._ask(
            ask.AdoptCard(
                command_id=self._name("card"),
                tenant_id="",
                actor="operator:ann",
                reason="because",
                card_id=card_id,
                card_version=version,
                effective_from_ms=self._hour(in_hours),
                lines=lines,
            )
        )

    def assign_card(self, tenant_id: str, card_id: str, in_hours: int) -> None:
        self.operate(tenant_id, ask.AssignCard, card_id=card_id, from_ms=self._hour(in_hours))

    # ── The platform ──

    def ask_to_spend(self, tenant_id: str, project_id: str, activity: Activity) -> None:
        self.operate(tenant_id, ask.AskToSpend, project_id=project_id, activity=activity)

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
        self.operate(tenant_id, ask.VoidHold, hold_id=f"hold-{hold}")

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

    def crawl(
        self,
        tenant_id: str,
        project_id: str,
        *,
        pages: int,
        duration_ms: int,
        ended_ago_ms: int,
        corrects: str | None = None,
    ) -> None:
        ended_at = self.now_ms - ended_ago_ms
        self._take_in(
            CrawlUsage(
                event_id=self._name("crawl"),
                tenant_id=tenant_id,
                project_id=project_id,
                corrects=corrects,
                withdrawn=False,
                crawl_id="crawl",
                started_at=ended_at - duration_ms,
                ended_at=ended_at,
                pages_fetched=pages,
                duration_ms=duration_ms,
                is_recrawl=False,
            )
        )

    def chat(
        self,
        tenant_id: str,
        project_id: str,
        *,
        tokens: tuple[int, int],
        ago_ms: int,
        corrects: str | None = None,
    ) -> None:
        self._take_in(
            ChatUsage(
                event_id=self._name("chat"),
                tenant_id=tenant_id,
                project_id=project_id,
                corrects=corrects,
                withdrawn=False,
                conversation_id="conversation",
                channel=Channel.SMS,
                occurred_at=self.now_ms - ago_ms,
                input_tokens=tokens[0],
                output_tokens=tokens[1],
            )
        )

    def correct(self, index: int, more: int) -> None:
        """Replace usage that was sent before by what took a third longer, or another project's."""
        usage = self._sent(index)
        if isinstance(usage, Usage):
            self._take_in(self._corrected(usage, more))

    def withdraw(self, index: int) -> None:
        """Take usage back that was sent before."""
        usage = self._sent(index)
        if isinstance(usage, Usage):
            self._take_in(msgspec.structs.replace(self._corrected(usage, 0), withdrawn=True))

    def correct_ahead(self, index: int, more: int) -> None:
        """Send a correction of usage like that one, which `send_late` will send."""
        usage = self._sent(index)
        if isinstance(usage, Usage):
            late = msgspec.structs.replace(usage, event_id=self._name("late"), corrects=None)
            late = msgspec.structs.replace(late, withdrawn=False)
            self._late.append(late)
            self._newest = self._corrected(late, more)
            self._take_in(self._newest)

    def correct_waiting(self, more: int) -> None:
        """Send a correction of the newest correction that was sent ahead, or of its correction."""
        if self._newest is not None:
            self._newest = self._corrected(self._newest, more)
            self._take_in(self._newest)

    def send_late(self) -> None:
        """Send the oldest usage that a correction came before."""
        if self._late:
            self._take_in(self._late.pop(0))

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
        if isinstance(value, Usage):
            self._take_in(msgspec.structs.replace(value, project_id=value.project_id + "'"))
        elif value is not None:
            self._ask(msgspec.structs.replace(value, reason=value.reason + "!"))

    # ── Inner parts ──

    def _sent(self, index: int) -> AnyUsage | ask.Command | None:
        if not self.arrived:
            return None
        value = self.arrived[index % len(self.arrived)].item.value
        return None if isinstance(value, Unreadable) else value

    def _corrected(self, usage: AnyUsage, more: int) -> AnyUsage:
        """The correction of it: `more` moves it by thirds, or (2) into another project too."""
        named = msgspec.structs.replace(
            usage, event_id=self._name("correction"), corrects=usage.event_id, withdrawn=False
        )
        if more == 2:
            named = msgspec.structs.replace(named, project_id="club")
        if isinstance(named, ChatUsage):
            return msgspec.structs.replace(named, input_tokens=named.input_tokens * (3 + more) // 3)
        longer_ms = named.duration_ms * (3 + more) // 3
        return msgspec.structs.replace(named, duration_ms=longer_ms)

    def _hour(self, in_hours: int) -> int:
        """A full hour ahead of now."""
        return (self.now_ms // MS_PER_HOUR + 1 + in_hours) * MS_PER_HOUR

    def _name(self, kind: str) -> str:
        return f"{kind}-{len(self.arrived)}"

    def _stem(self) -> str:
        return f"input-{len(self.arrived)}"

    def _take_in(self, value: AnyUsage | ask.Command) -> None:
        if isinstance(value, ask.Command):
            return self._ask(value)
        content = codec.content_hash(codec.payload_of(_CODECS[type(value)].encode(value)))
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


_CODECS: Final[dict[type, Any]] = {
    CallUsage: codec.calls,
    CrawlUsage: codec.crawls,
    ChatUsage: codec.chat,
}
