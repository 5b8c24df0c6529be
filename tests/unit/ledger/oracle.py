"""What the wallets must come to, by a plain reading of the product: sort and sum.

Knows nothing of holds, lots, credit or batches: the balance less arrears does not depend on them.
Taken from the answers is only whether something was accepted that depends on them, and from the
log what was written off and swept away with a closed wallet.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from ledger import commands as ask
from ledger.batch import Input, Unreadable
from ledger.usage import AnyUsage, CallUsage, ChatUsage, CrawlUsage
from tests.unit.ledger.world import Arrived

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
WINDOW_MS = 90 * DAY_MS
AHEAD_MS = 300_000

# By tier: success, real conversation, spam or silent, overage minute; in micro-dollars.
CALL_PRICES = {
    "economy": (600_000, 400_000, 50_000, 80_000),
    "standard": (900_000, 600_000, 100_000, 120_000),
    "premium": (1_500_000, 1_000_000, 150_000, 200_000),
}
CALL_LINES = ("success", "real_conversation", "spam_or_silent", "overage_minute")
PRICES = {
    f"calls.{tier}.{line}": price
    for tier, prices in CALL_PRICES.items()
    for line, price in zip(CALL_LINES, prices, strict=True)
} | {"crawls.hour": 1_000_000, "chat.input_tokens": 500_000, "chat.output_tokens": 1_500_000}

Prices = Mapping[str, int]
Hour = tuple[str, str, int, bool, tuple[str, int], int]
"""Tenant, project, the hour's begin, whether it is live, the card's id and version, its close."""


def call_micros(usage: CallUsage, prices: Prices) -> int | None:
    """What a call costs; None if the card lacks a line for it."""
    if usage.goal_reached:
        outcome = "success"
    elif not usage.flagged_spam and usage.duration_ms >= 30_000 and usage.user_turns >= 3:
        outcome = "real_conversation"
    else:
        outcome = "spam_or_silent"
    tier = usage.tier.value.lower()
    charged_ms = min(usage.duration_ms, usage.duration_cap_ms)
    minutes = max(0, (charged_ms - 300_000 + 59_999) // 60_000)
    flat, minute = prices.get(f"calls.{tier}.{outcome}"), prices.get(f"calls.{tier}.overage_minute")
    return None if flat is None or minute is None else flat + minutes * minute


def price_micros(usage: CallUsage | CrawlUsage, prices: Prices) -> int | None:
    if isinstance(usage, CallUsage):
        return call_micros(usage, prices)
    charged_ms = usage.duration_ms if usage.pages_fetched > 100 else 0
    return round(Fraction(charged_ms * prices["crawls.hour"], HOUR_MS))


def chat_micros(tokens: tuple[int, int], prices: Prices) -> int:
    into, out = prices["chat.input_tokens"], prices["chat.output_tokens"]
    return round(Fraction(tokens[0] * into + tokens[1] * out, 1_000_000))


def began_ms(usage: AnyUsage) -> int:
    if isinstance(usage, ChatUsage):
        return usage.occurred_at - usage.occurred_at % HOUR_MS
    return usage.started_at


@dataclass
class Known:
    """What became of a usage event: charged, in review, waiting, withdrawn or corrected."""

    usage: AnyUsage
    at_ms: int
    state: str
    """`charged`, `corrected`, `review`, `rejected`, `waiting` or `withdrawn`."""
    is_live: bool = False
    card: tuple[str, int] = ("default", 1)
    hour: Hour | None = None

    @property
    def is_undecided(self) -> bool:
        """Whether it may be charged yet; a correction in review is not."""
        is_correction = self.usage.corrects is not None
        return self.state == "waiting" or (self.state == "review" and not is_correction)


class Oracle:
    """Reads inputs in their order; `net_micros` is each tenant's balance less arrears."""

    def __init__(
        self, accepted: Collection[tuple[str, str]], approval_micros: int = 1_000_000_000
    ) -> None:
        self.accepted = accepted
        self.approval_micros = approval_micros
        self.now_ms = 0
        self.came_in: defaultdict[str, int] = defaultdict(int)
        self.usage: dict[tuple[type, str, str], Known] = {}
        self.forgotten: list[Known] = []
        """Usage whose id was used anew after the window; what it was charged stands."""
        self.hours: defaultdict[Hour, tuple[int, int]] = defaultdict(lambda: (0, 0))
        self.closed: set[Hour] = set()
        self.waiting: dict[tuple[type, str, str], tuple[Known, int]] = {}
        self.stopped: list[tuple[int, Known]] = []
        """Corrections that one waits for, which the input that applied them did not apply."""
        self.cards: dict[tuple[str, int], tuple[int, Prices]] = {("default", 1): (0, PRICES)}
        self.assigned: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
        self._by_stem: dict[str, AnyUsage | ask.Command] = {}
        self._asked: set[tuple[str, str]] = set()
        self._paid: set[tuple[str, str]] = set()
        self._tenants: set[str] = set()
        self._switches: dict[tuple[str, str], list[tuple[int, bool]]] = {}
        self._used: set[tuple[str, str]] = set()

    def read(self, inputs: Iterable[Arrived]) -> "Oracle":
        for item, usage_read_to_ms in inputs:
            self.now_ms = max(self.now_ms, item.appended_at_ms)
            value = item.value
            if isinstance(value, Unreadable):
                continue
            self._by_stem[item.event_id_stem] = value
            if isinstance(value, ask.Tick):
                self._tick(min(self.now_ms, usage_read_to_ms))
            elif isinstance(value, ask.AdoptCard):
                self._adopt(item, value)
            elif isinstance(value, ask.Command):
                name = (value.tenant_id, value.command_id)
                if _keeps_contract(value) and name not in self._asked:
                    self._asked.add(name)
                    self._command(item, value)
            elif not (isinstance(value, CallUsage) and value.user_turns < 0):
                self._take(item, value)
        return self

    def net_micros(self, tenant_id: str) -> int:
        """What came in, less all that stands charged."""
        charged = 0
        for known in (*self.usage.values(), *self.forgotten):
            usage = known.usage
            if usage.tenant_id != tenant_id or known.state != "charged" or not known.is_live:
                continue
            if not isinstance(usage, ChatUsage):
                charged += price_micros(usage, self.cards[known.card][1]) or 0
        for hour in self.closed:
            if hour[0] == tenant_id and hour[3]:
                charged += chat_micros(self.hours[hour], self.cards[hour[4]][1])
        return self.came_in[tenant_id] - charged

    # ── Usage ──

    def _take(self, item: Input, usage: AnyUsage) -> None:
        tenant_id, project_id = usage.tenant_id, usage.project_id
        if self._known(usage, usage.event_id) is not None:
            return
        self._meet(tenant_id, project_id)
        self._used.add((tenant_id, project_id))
        known = Known(usage, self.now_ms, "review")
        name = (type(usage), tenant_id, usage.event_id)
        if name in self.usage:
            self.forgotten.append(self.usage[name])
        self.usage[name] = known
        over_ms = usage.occurred_at if isinstance(usage, ChatUsage) else usage.ended_at
        if not self.now_ms - WINDOW_MS <= over_ms <= item.appended_at_ms + AHEAD_MS:
            return
        if usage.corrects is not None:
            self._correct(known, usage.corrects)
        else:
            self._charge_anew(known, self._card_in_force(tenant_id, began_ms(usage)))
        self._apply_waiting(known)

    def _known(self, usage: AnyUsage, event_id: str) -> Known | None:
        """The usage of that id, unless it is forgotten: by day, a day after the window."""
        known = self.usage.get((type(usage), usage.tenant_id, event_id))
        forgotten_day = (self.now_ms - WINDOW_MS - DAY_MS) // DAY_MS
        if known is None or known.state in ("review", "rejected"):
            return known
        return known if known.at_ms // DAY_MS >= forgotten_day else None

    def _charge_anew(self, known: Known, card: tuple[str, int] | None) -> None:
        usage = known.usage
        began = usage.occurred_at if isinstance(usage, ChatUsage) else usage.started_at
        if card is not None:
            is_live = self._is_live(usage.tenant_id, usage.project_id, began)
            self._charge(known, is_live, card)

    def _charge(self, known: Known, is_live: bool, card: tuple[str, int]) -> None:
        """Charge it, or count it; without a price it stays in review."""
        usage = known.usage
        if isinstance(usage, ChatUsage):
            hour_ms = began_ms(usage)
            next_close_ms = ((self.now_ms - AHEAD_MS) // HOUR_MS + 1) * HOUR_MS + AHEAD_MS
            closes_ms = max(hour_ms + HOUR_MS + AHEAD_MS, next_close_ms)
            hour = (usage.tenant_id, usage.project_id, hour_ms, is_live, card, closes_ms)
            self._count(known, hour, 1)
        elif price_micros(usage, self.cards[card][1]) is None:
            return
        known.state, known.is_live, known.card, known.at_ms = "charged", is_live, card, self.now_ms

    def _count(self, known: Known, hour: Hour, sign: int) -> None:
        assert isinstance(known.usage, ChatUsage)
        into, out = self.hours[hour]
        more = known.usage.input_tokens, known.usage.output_tokens
        self.hours[hour] = (into + sign * more[0], out + sign * more[1])
        known.hour = hour

    def _correct(self, known: Known, corrects: str) -> None:
        usage = known.usage
        name = (type(usage), usage.tenant_id, corrects)
        if name in self.waiting:
            return
        original = self._known(usage, corrects)
        if original is not None and not original.is_undecided:
            self._replace(original, known)
        else:
            known.state = "waiting"
            self.waiting[name] = known, self.now_ms + WINDOW_MS

    def _replace(self, original: Known, known: Known) -> None:
        usage = known.usage
        known.state = "review"
        if original.state != "charged":
            return
        prices = self.cards[original.card][1]
        if isinstance(usage, CallUsage | CrawlUsage):
            if not usage.withdrawn and price_micros(usage, prices) is None:
                return
        else:
            assert original.hour is not None
            self._count(original, original.hour, -1)
        original.state = "corrected"
        if usage.withdrawn:
            known.state, known.at_ms = "withdrawn", self.now_ms
            return
        same_hour = original.hour is not None and original.hour[1:3] == (
            usage.project_id,
            began_ms(usage),
        )
        if same_hour and original.hour is not None:
            self._count(known, original.hour, 1)
            known.is_live, known.card = original.is_live, original.card
            known.state, known.at_ms = "charged", self.now_ms
        else:
            self._charge(known, original.is_live, original.card)

    def _apply_waiting(self, known: Known) -> None:
        """Three at once; a tick goes on with the rest."""
        for _ in range(3):
            correction = self._waiting_for(known)
            if correction is None:
                return
            self._replace(known, correction)
            known = correction
        self.stopped.append((self.now_ms, known))

    def _waiting_for(self, known: Known) -> Known | None:
        """The correction that waits for it, to be applied now; None if it does not stand."""
        usage = known.usage
        name = (type(usage), usage.tenant_id, usage.event_id)
        if name not in self.waiting or known.state not in ("charged", "withdrawn"):
            return None
        correction, _ = self.waiting.pop(name)
        return correction

    def _go_on(self, known: Known) -> None:
        correction = self._waiting_for(known)
        if correction is not None:
            self._replace(known, correction)
            self._apply_waiting(correction)

    def _tick(self, due_before_ms: int) -> None:
        stopped, self.stopped = self.stopped, []
        for at_ms, known in stopped:
            if at_ms < due_before_ms:
                self._go_on(known)
            else:
                self.stopped.append((at_ms, known))
        for name, (known, until_ms) in list(self.waiting.items()):
            if until_ms < due_before_ms and name in self.usage:
                self._go_on(self.usage[name])
            if until_ms < due_before_ms and name in self.waiting:
                known.state = "review"
                del self.waiting[name]
        self.closed |= {hour for hour in self.hours if hour[-1] < due_before_ms}

    # ── Commands ──

    def _command(self, item: Input, command: ask.Command) -> None:
        tenant_id = command.tenant_id
        if not isinstance(command, ask.SettleTopUp) and self._is_ahead(item):
            return
        is_late = item.not_after_ms is not None and self.now_ms > item.not_after_ms
        if is_late and not isinstance(command, ask.SettleTopUp):
            return
        is_accepted = (tenant_id, command.command_id) in self.accepted
        match command:
            case ask.PlaceHold() | ask.AskToSpend() if self._is_timely(item):
                self._meet(tenant_id, command.project_id)
            case ask.OpenProject() if is_accepted:
                self._open(command)
            case ask.GoLive() | ask.ReturnToSandbox() if is_accepted:
                self._switch(tenant_id, command.project_id, isinstance(command, ask.GoLive))
            case ask.SettleTopUp():
                self._pay(command)
            case ask.GrantCredit() | ask.AdjustBalance() if is_accepted:
                if abs(command.amount_micros) <= self.approval_micros:
                    self.came_in[tenant_id] += command.amount_micros
            case ask.Approve() if is_accepted:
                self.came_in[tenant_id] += self._moved_by(command.approval_id)
            case ask.Undo() if is_accepted:
                moved = self._moved_by(command.event_id)
                self.came_in[tenant_id] -= moved if abs(moved) <= self.approval_micros else 0
            case ask.AcceptReview() if is_accepted:
                self._accept(command)
            case ask.RejectReview() if is_accepted:
                self._reject(command)
            case ask.AssignCard() if is_accepted:
                before = [one for one in self.assigned[tenant_id] if one[0] < command.from_ms]
                self.assigned[tenant_id] = [*before, (command.from_ms, command.card_id)]
            case _:
                pass

    def _moved_by(self, event_id: str) -> int:
        """By how much the operation that made this event moved the balance."""
        command = self._by_stem[event_id.rpartition(":")[0]]
        if isinstance(command, ask.Approve):
            return self._moved_by(command.approval_id)
        if isinstance(command, ask.Undo):
            return -self._moved_by(command.event_id)
        if isinstance(command, ask.SettleTopUp):
            self._paid.add((command.tenant_id, command.payment_id))
        if isinstance(command, ask.GrantCredit | ask.AdjustBalance | ask.SettleTopUp):
            return command.amount_micros
        # Terms move nothing; what is written off or swept away is told apart.
        assert isinstance(command, ask.WriteOffArrears | ask.SetTerms | ask.CloseWallet)
        return 0

    def _in_review(self, review_id: str) -> Known:
        usage = self._by_stem[review_id.rpartition(":")[0]]
        assert isinstance(usage, CallUsage | CrawlUsage | ChatUsage)
        known = self.usage[type(usage), usage.tenant_id, usage.event_id]
        assert known.state == "review"
        return known

    def _reject(self, command: ask.RejectReview) -> None:
        """What waited for it is left to an operator too."""
        known = self._in_review(command.review_id)
        known.state = "rejected"
        name = (type(known.usage), known.usage.tenant_id, known.usage.event_id)
        if name in self.waiting:
            correction, _ = self.waiting.pop(name)
            correction.state = "review"

    def _accept(self, command: ask.AcceptReview) -> None:
        known = self._in_review(command.review_id)
        usage = known.usage
        card = self._card_in_force(usage.tenant_id, began_ms(usage))
        if command.card_version is not None:
            card = self._card_id(usage.tenant_id, began_ms(usage)), command.card_version
        self._charge_anew(known, card)
        self._apply_waiting(known)

    def _adopt(self, item: Input, command: ask.AdoptCard) -> None:
        name = (command.card_id, command.card_version)
        if name not in self.cards and command.effective_from_ms >= item.appended_at_ms + HOUR_MS:
            prices = {line.line: line.price_micros for line in command.lines}
            self.cards[name] = command.effective_from_ms, prices

    def _card_id(self, tenant_id: str, began: int) -> str:
        before = [card_id for from_ms, card_id in self.assigned[tenant_id] if from_ms <= began]
        return before[-1] if before else "default"

    def _card_in_force(self, tenant_id: str, began: int) -> tuple[str, int] | None:
        card_id = self._card_id(tenant_id, began)
        versions = [
            version
            for (name, version), (from_ms, _) in self.cards.items()
            if name == card_id and from_ms <= began
        ]
        return (card_id, max(versions)) if versions else None

    def _is_ahead(self, item: Input) -> bool:
        return (item.asked_at_ms or 0) > item.appended_at_ms + AHEAD_MS

    def _is_timely(self, item: Input) -> bool:
        asked_at_ms = item.appended_at_ms if item.asked_at_ms is None else item.asked_at_ms
        return self.now_ms - WINDOW_MS <= asked_at_ms <= item.appended_at_ms + AHEAD_MS

    def _meet(self, tenant_id: str, project_id: str) -> None:
        self._tenants.add(tenant_id)
        self._switches.setdefault((tenant_id, project_id), [])

    def _open(self, command: ask.OpenProject) -> None:
        project = (command.tenant_id, command.project_id)
        self._meet(*project)
        if command.live_from_ms is not None:
            self._switches[project].append((command.live_from_ms, True))

    def _switch(self, tenant_id: str, project_id: str, to_live: bool) -> None:
        self._switches[tenant_id, project_id].append((self.now_ms, to_live))

    def _is_live(self, tenant_id: str, project_id: str, began: int) -> bool:
        before = [live for at, live in self._switches[tenant_id, project_id] if at <= began]
        return bool(before) and before[-1]

    def _pay(self, command: ask.SettleTopUp) -> None:
        payment = (command.tenant_id, command.payment_id)
        is_typed = command.actor.startswith("operator:")
        if is_typed and command.amount_micros > self.approval_micros:
            return
        is_known = command.tenant_id in self._tenants
        if is_known and payment not in self._paid and command.amount_micros >= 20_000_000:
            self._paid.add(payment)
            self.came_in[command.tenant_id] += command.amount_micros


def _keeps_contract(command: ask.Command) -> bool:
    match command:
        case ask.GrantCredit() | ask.SettleTopUp():
            return command.amount_micros > 0
        case ask.AdjustBalance():
            return command.amount_micros != 0
        case _:
            return True
