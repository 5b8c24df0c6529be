"""Random traffic: what is sent next, and what about, is left to a source of random numbers.

The pools are small and money is short, so that inputs meet each other and the limits.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final, TypeVar

from ledger import commands as ask
from ledger.partition import DAY_MS
from ledger.usage import Activity, Tier
from tests.unit.ledger.traffic import PROJECTS, TENANTS, Traffic

T = TypeVar("T")

APPROVAL_MICROS: Final = 10_000_000
"""Above this another operator approves, in the rules of these tests."""

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
CAPS_MS: Final = (MINUTE_MS, 5 * MINUTE_MS, 5 * MINUTE_MS + 1, 10 * MINUTE_MS)
DURATIONS_MS: Final = (0, 29_999, 30_000, 5 * MINUTE_MS, 5 * MINUTE_MS + 1, 11 * MINUTE_MS)
AMOUNTS_MICROS: Final = (0, 1, 90_000, 500_000, 900_000, 1_500_000, 15_000_000)
PAYMENTS_MICROS: Final = (19_999_999, 20_000_000)
WAITS_MS: Final = (-MINUTE_MS, 0, 1, 1_000, MINUTE_MS, 16 * MINUTE_MS, 61 * MINUTE_MS)
LONG_WAIT_MS: Final = 10 * DAY_MS
AGES_MS: Final = (-5 * MINUTE_MS - 1, -5 * MINUTE_MS, MINUTE_MS, HOUR_MS, DAY_MS, 91 * DAY_MS)
AGES_FOR_REVIEW_MS: Final = (AGES_MS[0], AGES_MS[-1])
LIMITS_MICROS: Final = (None, 2_000_000, 50_000_000, 200_000_000, 600_000_000)


class Sender:
    """Sends inputs of every kind.

    Of the tenants, the last but one uses nothing, so that its wallet can close; the last only pays.
    """

    def __init__(
        self,
        random: Random,
        traffic: Traffic,
        tenants: Sequence[str] = TENANTS,
        projects: Sequence[str] = PROJECTS,
        *,
        is_long: bool = False,
    ) -> None:
        """`is_long` spreads rare times thinly, as a long history needs it."""
        self.random = random
        self.traffic = traffic
        *self._users, self._idler, self._payer = tenants
        self._projects = projects
        self._ages_ms = (0,) * (25 if is_long else 4) + AGES_MS
        self._waits_ms = WAITS_MS if is_long else (*WAITS_MS, LONG_WAIT_MS)
        self._newest_hold = 0
        self._newest_card = 1
        self._to_approve: list[int] = []
        self._to_review: list[int] = []
        self._to_undo: list[int] = []
        self._approved: list[int] = []

    def send(self, kind: str = "") -> None:
        """Send an input of that kind, or of any."""
        kind = kind or self.random.choices(KINDS, WEIGHTS)[0]
        SENDERS[kind](self, self.random.choice(self._users), self.random.choice(self._projects))

    # ── The platform ──

    def call(self, tenant: str, project: str, corrects: str | None = None) -> None:
        self.traffic.call(
            tenant,
            project,
            hold=self._pick(None, self._recent_hold(), self._recent_hold()),
            tier=self._tier(),
            goal_reached=self._chance(0.3),
            flagged_spam=self._chance(0.1),
            duration_ms=self.random.choice(DURATIONS_MS),
            cap_ms=self.random.choice(CAPS_MS),
            user_turns=self._pick(0, 2, 3, 3, 3, 3, -1),
            ended_ago_ms=self._age(),
            corrects=corrects,
        )

    def call_that_corrects_anything(self, tenant: str, project: str) -> None:
        self.call(tenant, project, self._pick("call-1", "correction-9", "nothing"))

    def crawl(self, tenant: str, project: str) -> None:
        self.traffic.crawl(
            tenant,
            project,
            pages=self._pick(0, 100, 101, 5_000),
            duration_ms=self._pick(0, 1, 450_000, HOUR_MS + 1),
            ended_ago_ms=self._age(),
        )

    def chat(self, tenant: str, project: str) -> None:
        tokens = self._pick((0, 0), (1, 1), (333_333, 77_777), (1_000_000, 200_001))
        self.traffic.chat(tenant, project, tokens=tokens, ago_ms=self._age())

    def correct(self, tenant: str, project: str) -> None:
        if self._chance(0.5):
            self._to_review.append(len(self.traffic.arrived))
        # Now and then one of what is old enough to be written off.
        back = self.random.randint(1, self._pick(40, 40, 900, 900, 900))
        self.traffic.correct(len(self.traffic.arrived) - back, self.random.randrange(3))

    def withdraw(self, tenant: str, project: str) -> None:
        self.traffic.withdraw(self._recent())

    def correct_ahead(self, tenant: str, project: str) -> None:
        self.traffic.correct_ahead(self._recent(), self.random.randrange(3))

    def correct_waiting(self, tenant: str, project: str) -> None:
        for _ in range(self._pick(1, 2, 4)):
            self.traffic.correct_waiting(self.random.randrange(3))

    def send_late(self, tenant: str, project: str) -> None:
        self.traffic.send_late()

    def hold(self, tenant: str, project: str) -> None:
        self._newest_hold += self._chance(0.9)
        self.traffic.hold(
            tenant,
            project,
            self._newest_hold,
            self._tier(),
            self.random.choice(CAPS_MS),
            asked_ago_ms=self._age(),
        )

    def void(self, tenant: str, project: str) -> None:
        self.traffic.void(tenant, self._recent_hold())

    def ask_to_spend(self, tenant: str, project: str) -> None:
        tenant = self._pick(tenant, tenant, self._idler)
        self.traffic.ask_to_spend(tenant, project, self.random.choice(list(Activity)))

    # ── Everybody ──

    def wait(self, tenant: str, project: str) -> None:
        self.traffic.wait(self.random.choice(self._waits_ms))

    def tick(self, tenant: str, project: str) -> None:
        self.traffic.tick(self._pick(0, 1, MINUTE_MS, 30 * MINUTE_MS))

    def repeat(self, tenant: str, project: str) -> None:
        self.traffic.repeat(self._recent())

    def repeat_anything(self, tenant: str, project: str) -> None:
        """What was sent so long ago that its id may be forgotten."""
        self.traffic.repeat(self.random.randrange(len(self.traffic.arrived)))

    def contradict(self, tenant: str, project: str) -> None:
        self.traffic.contradict(self._recent())

    def garbage(self, tenant: str, project: str) -> None:
        self.traffic.garbage()

    # ── Operators ──

    def open_project(self, tenant: str, project: str) -> None:
        since_ms = self._pick(None, -1, MINUTE_MS)
        self.traffic.open_project(tenant, self._pick(project, "new"), since_ms)

    def change_mode(self, tenant: str, project: str) -> None:
        self.traffic.change_mode(tenant, project, to_live=self._chance(0.8))

    def top_up(self, tenant: str, project: str) -> None:
        tenant = self._pick(tenant, tenant, self._payer)
        payment = self.random.randrange(200)
        amount_micros = self.random.choice(PAYMENTS_MICROS)
        is_typed = tenant != self._payer and self._chance(0.2)
        if is_typed:
            self._to_approve.append(len(self.traffic.arrived))
        actor = "operator:ann" if is_typed else "service:payments"
        self.traffic.top_up(tenant, payment, amount_micros, actor)

    def grant(self, tenant: str, project: str) -> None:
        tenant = self._pick(tenant, tenant, tenant, self._idler)
        not_after_ms = self._pick(None, None, 0, -1)
        amount_micros = self._amount(tenant)
        self._note_operation(amount_micros)
        self.traffic.operate(
            tenant, ask.GrantCredit, not_after_in_ms=not_after_ms, amount_micros=amount_micros
        )

    def adjust(self, tenant: str, project: str) -> None:
        tenant = self._pick(tenant, tenant, tenant, self._idler)
        amount_micros = self._pick(1, -1, -1, -4, -9) * self._amount(tenant)
        self._note_operation(amount_micros)
        self.traffic.operate(tenant, ask.AdjustBalance, amount_micros=amount_micros)

    def write_off(self, tenant: str, project: str) -> None:
        amount_micros = self._amount(tenant)
        self._note_operation(amount_micros)
        self.traffic.operate(tenant, ask.WriteOffArrears, amount_micros=amount_micros)

    def set_terms(self, tenant: str, project: str) -> None:
        tenant = self._pick(tenant, tenant, tenant, self._idler)
        most = 1 if tenant == self._idler else 9
        limit_micros = self._pick(None, self._amount(tenant), most * self._amount(tenant))
        self._note_operation(limit_micros or 0)
        self.traffic.set_terms(tenant, limit_micros)

    def freeze(self, tenant: str, project: str) -> None:
        frozen = self._chance(0.3)
        self.traffic.operate(tenant, ask.FreezeWallet if frozen else ask.UnfreezeWallet)

    def close(self, tenant: str, project: str) -> None:
        tenant = self._pick(tenant, self._payer, self._idler, self._idler, self._idler, self._idler)
        self.traffic.operate(tenant, self._pick(ask.CloseWallet, ask.ReopenWallet))

    def set_budget(self, tenant: str, project: str) -> None:
        self.traffic.operate(
            tenant,
            ask.SetBudget,
            project_id=self._pick(None, project),
            limit_micros=self.random.choice(LIMITS_MICROS),
            is_refusing=self._chance(0.5),
        )

    def set_low_balance_line(self, tenant: str, project: str) -> None:
        tenant = self._pick(tenant, self._idler)
        line_micros = self._pick(None, 100_000, 1_000_000, 50_000_000)
        self.traffic.operate(tenant, ask.SetLowBalanceLine, line_micros=line_micros)

    def review(self, tenant: str, project: str) -> None:
        index = self._pick(self._recent(), *self._to_review[-5:] * 3)
        if self._chance(0.5):
            self.traffic.correct(index, self.random.randrange(3))
        if self._chance(0.6):
            version = self._pick(None, 1, self._newest_card)
            self.traffic.about(index, ask.AcceptReview, "review_id", card_version=version)
        else:
            self.traffic.about(index, ask.RejectReview, "review_id")

    def approve(self, tenant: str, project: str) -> None:
        index = self._pick(self._recent(), *self._to_approve[-3:] * 3)
        command = self._pick(ask.Approve, ask.Approve, ask.Decline)
        self._approved.append(len(self.traffic.arrived))
        self.traffic.about(index, command, "approval_id", self._pick("ann", "bea", "bea"))

    def undo(self, tenant: str, project: str) -> None:
        index = self._pick(self._recent(), *self._to_undo[-3:] * 2, *self._approved[-3:] * 2)
        self.traffic.about(index, ask.Undo, "event_id")

    def adopt_card(self, tenant: str, project: str) -> None:
        self._newest_card += self._chance(0.8)
        card = self._pick("default", "agency")
        cents = self.random.randrange(5, 200)
        self.traffic.adopt_card(card, self._newest_card, self._pick(0, 1, 1), cents)

    def assign_card(self, tenant: str, project: str) -> None:
        card = self._pick("default", "agency", "agency", "nobody's")
        self.traffic.assign_card(tenant, card, self._pick(0, 1, 2, 3))

    # ── Inner parts ──

    def _note_operation(self, amount_micros: int) -> None:
        noted = self._to_approve if abs(amount_micros) > APPROVAL_MICROS else self._to_undo
        noted.append(len(self.traffic.arrived))

    def _pick(self, *values: T) -> T:
        return self.random.choice(values)

    def _chance(self, share: float) -> bool:
        return self.random.random() < share

    def _amount(self, tenant: str = "") -> int:
        """What waits for a second operator would keep the idle tenant's wallet from closing."""
        amounts_micros = AMOUNTS_MICROS[:-1] if tenant == self._idler else AMOUNTS_MICROS
        return self.random.choice((*amounts_micros, self.random.randint(1, 900_000)))

    def _age(self) -> int:
        age_ms = self.random.choice(self._ages_ms)
        if age_ms in AGES_FOR_REVIEW_MS:
            self._to_review.append(len(self.traffic.arrived))
        return age_ms

    def _tier(self) -> Tier:
        return self.random.choice(list(Tier))

    def _recent(self) -> int:
        return len(self.traffic.arrived) - self.random.randint(1, 40)

    def _recent_hold(self) -> int:
        return max(1, self._newest_hold + self.random.randint(-4, 2))


_KINDS: Final[dict[str, tuple[Callable[[Sender, str, str], None], int]]] = {
    "call": (Sender.call, 24),
    "call that corrects anything": (Sender.call_that_corrects_anything, 1),
    "crawl": (Sender.crawl, 5),
    "chat": (Sender.chat, 8),
    "correct": (Sender.correct, 16),
    "withdraw": (Sender.withdraw, 3),
    "correct ahead": (Sender.correct_ahead, 3),
    "correct waiting": (Sender.correct_waiting, 2),
    "send late": (Sender.send_late, 4),
    "hold": (Sender.hold, 20),
    "void": (Sender.void, 6),
    "ask to spend": (Sender.ask_to_spend, 4),
    "wait": (Sender.wait, 7),
    "tick": (Sender.tick, 5),
    "repeat": (Sender.repeat, 6),
    "repeat anything": (Sender.repeat_anything, 6),
    "contradict": (Sender.contradict, 3),
    "garbage": (Sender.garbage, 1),
    "open": (Sender.open_project, 1),
    "mode": (Sender.change_mode, 2),
    "top up": (Sender.top_up, 2),
    "grant": (Sender.grant, 6),
    "adjust": (Sender.adjust, 8),
    "write off": (Sender.write_off, 12),
    "terms": (Sender.set_terms, 7),
    "freeze": (Sender.freeze, 3),
    "close": (Sender.close, 13),
    "budget": (Sender.set_budget, 8),
    "low balance": (Sender.set_low_balance_line, 7),
    "review": (Sender.review, 12),
    "approve": (Sender.approve, 4),
    "undo": (Sender.undo, 6),
    "card": (Sender.adopt_card, 1),
    "assign": (Sender.assign_card, 1),
}
KINDS: Final = tuple(_KINDS)
SENDERS: Final = {kind: sender for kind, (sender, _) in _KINDS.items()}
WEIGHTS: Final = tuple(weight for _, weight in _KINDS.values())
