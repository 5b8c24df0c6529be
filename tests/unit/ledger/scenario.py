"""A small language in which the tables of the decisions are written.

`Scenario("top up 20.00, hold standard")` drives `decide` with one input a sentence; what came of
the last is read with `shows("held 0.90, available 19.10")`, which repeats the phrases it is given
with the figures as they really are. Amounts are dollars, durations minutes:seconds.

Every scenario begins with the project live, but for `sandbox` (known, in sandbox) and `new`
(nobody knows the tenant) as the first sentence.
"""

import re
from collections.abc import Callable, Iterable
from hashlib import sha256
from itertools import pairwise
from typing import Any, Final, Self

import msgspec

from ledger import commands as ask
from ledger import events as done
from ledger.batch import Decision, Input, Rules
from ledger.decide import decide
from ledger.events import Event, WalletEvent
from ledger.money import MICROS_PER_USD, parse_usd
from ledger.partition import DAY_MS, PartitionState
from ledger.rates import DEFAULT_CARD
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
from ledger.wallet import Wallet
from tests.unit.ledger import invariants
from tests.unit.ledger.told import answer_of, dollars, outcome_of

NOON_MS: Final = 1_768_478_400_000
"""2026-01-15 12:00 UTC, when every scenario begins."""

TENANT: Final = "tenant"
PROJECT: Final = "shop"
RULES: Final = Rules()
CHARGES: Final = (done.CallCharged, done.CrawlCharged, done.ChatCharged)
OPTIONS: Final = frozenset(
    "as asked before by cap ended for in lasting of on payment read since tier turns version".split()
)
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+):)?(?:(\d+):(\d\d)(?:\.(\d{3}))?)?")

# What a call of each kind was like, unless the sentence says otherwise.
_FACTS: Final[dict[str, dict[str, int | bool]]] = {
    "success": {"goal_reached": True, "duration_ms": 60_000, "user_turns": 5},
    "real": {"duration_ms": 60_000, "user_turns": 5},
    "spam": {"duration_ms": 10_000, "user_turns": 1},
    "flagged": {"flagged_spam": True, "duration_ms": 60_000, "user_turns": 5},
    "flagged-success": {
        "flagged_spam": True,
        "goal_reached": True,
        "duration_ms": 60_000,
        "user_turns": 5,
    },
}


def duration_ms(text: str) -> int:
    """`1:30` (minutes and seconds), `0:29.999`, `2:00:00` (with hours), `91d`, `1d0:00`."""
    match = _DURATION.fullmatch(text)
    assert match is not None, text
    days, hours, minutes, seconds, millis = (int(part or 0) for part in match.groups())
    return days * DAY_MS + ((hours * 60 + minutes) * 60 + seconds) * 1000 + millis


class Scenario:
    """One tenant's wallet on a partition of its own, driven sentence by sentence."""

    def __init__(self, given: str) -> None:
        self.now_ms = NOON_MS
        self.state = PartitionState("log-0")
        self.events: list[Event] = []
        self.decision: Decision
        self.last: Input
        self._inputs = 0
        self._count: dict[str, int] = {}
        first, *others = given.split(", ")
        if first == "sandbox":
            self._ask(ask.OpenProject, "open", project_id=PROJECT)
        elif first != "new":
            self._ask(ask.OpenProject, "open", project_id=PROJECT, live_from_ms=NOON_MS - DAY_MS)
            others = [first, *others]
        self.do(*others)

    @property
    def wallet(self) -> Wallet:
        return self.state.wallets.get(TENANT) or Wallet.of(TENANT, 0)

    def when(self, sentences: str) -> Self:
        """Do what the sentences say, one after the other."""
        self.do(*sentences.split(", "))
        return self

    def do(self, *sentences: str) -> None:
        for sentence in sentences:
            if sentence:
                words = sentence.split()
                _VERBS[words[0]](self, *_options(words[1:]))

    def shows(self, phrases: str) -> str:
        """The phrases again, each with what is really so."""
        return ", ".join(self._shown(phrase) for phrase in phrases.split(", "))

    # ── Reading ──

    def _shown(self, phrase: str) -> str:
        subject = phrase.split(maxsplit=1)[0]
        if subject in _FIGURES:
            return f"{subject} {dollars(_FIGURES[subject](self.wallet))}"
        if subject in _LISTS:
            return f"{subject} {' + '.join(_LISTS[subject](self)) or 'nothing'}"
        return self.outcome

    @property
    def outcome(self) -> str:
        """What came of the last input, in a phrase."""
        if self.decision.dead_letters:
            return "set aside"
        again = "again " if self.decision.repeats else ""
        if self.decision.replies:
            return again + answer_of(self.decision.replies[0][1])
        events = [e for e in self.decision.events if isinstance(e, WalletEvent)]
        # Written off with a correction: an operator's doing, answered before.
        own = (event for event in events if not isinstance(event, done.ArrearsWrittenOff))
        answers = [event for event in own if event.answers]
        if answers:
            return outcome_of(answers[-1])
        expired = [e.hold_id for e in events if isinstance(e, done.HoldExpired)]
        return f"expired {' '.join(expired)}" if expired else again.strip() or "nothing"

    def drawn(self) -> Iterable[str]:
        """What the last input's movements drew, in the order drawn."""
        for event in self.decision.events:
            if isinstance(event, done.CallCharged | done.ArrearsCollected | done.BalanceAdjusted):
                for draw in event.draws:
                    kind = self.wallet.lots[draw.lot_id].kind
                    yield f"{kind.lower()} {dollars(draw.amount_micros)}"
                if event.credit_micros:
                    yield f"credit {dollars(event.credit_micros)}"

    def gave(self) -> Iterable[str]:
        """What the last input's reversals gave back, in the order given."""
        for event in self.decision.events:
            if isinstance(event, done.ChargeReversed):
                for draw in event.draws:
                    kind = self.wallet.lots[draw.lot_id].kind
                    yield f"{kind.lower()} {dollars(draw.amount_micros)}"

    def collected(self) -> Iterable[str]:
        """Which arrears the last input collected."""
        for event in self.decision.events:
            if isinstance(event, done.ArrearsCollected):
                for portion in event.portions:
                    yield f"{self._usage_of(portion)} {dollars(portion.amount_micros)}"

    def owed(self) -> Iterable[str]:
        """What is owed for which usage, the oldest first."""
        for name, micros in self.wallet.arrears.items():
            yield f"{self._named(name)} {dollars(micros)}"

    def lots(self) -> Iterable[str]:
        """What is unspent, in the order in which it will be spent."""
        for lot_id, micros in self.wallet.unspent.items():
            yield f"{self.wallet.lots[lot_id].kind.lower()} {dollars(micros)}"

    def told(self) -> Iterable[str]:
        """What the tenant was told of with the last input."""
        for event in self.decision.events:
            if isinstance(event, done.BudgetLinePassed):
                yield f"{event.percent}% of {event.project_id or 'all'}"
            elif isinstance(event, done.BalanceRanLow):
                yield f"low {dollars(event.net_micros)}"

    def card(self) -> Iterable[str]:
        """What priced the last charge."""
        for event in self.decision.events:
            if isinstance(event, CHARGES):
                yield " ".join(map(str, event.card))

    def moved(self) -> Iterable[str]:
        """What was charged and given back with the last input, one after the other."""
        for event in self.decision.events:
            if isinstance(event, CHARGES):
                mode = "simulated " if event.is_simulated else ""
                yield f"{mode}{dollars(event.amount_micros)}"
            elif isinstance(event, done.ChargeReversed):
                yield f"back {dollars(event.price_micros)}"

    def lines(self) -> Iterable[str]:
        """What the last charge is made of."""
        for event in self.decision.events:
            if isinstance(event, CHARGES):
                yield from (f"{line.quantity} {line.line.split('.')[-1]}" for line in event.lines)

    def open_holds(self) -> Iterable[str]:
        yield from self.wallet.holds

    def recorded(self) -> Iterable[str]:
        """The kinds of event the last input caused."""
        for event in self.decision.events:
            if isinstance(event, WalletEvent):
                yield type(event).__name__

    def _usage_of(self, portion: done.ArrearsPortion) -> str:
        return self._named(portion.charge_event_id)

    def _named(self, charge: str) -> str:
        """The usage id that a charge is known by, however the ledger names the charge itself."""
        for event in self.events:
            if isinstance(event, done.CallCharged) and event.event_id == charge:
                return event.usage.event_id
        return charge

    # ── The sentences ──

    def top_up(self, words: list[str], options: dict[str, str]) -> None:
        """`top up 20.00 payment p1`; `top up 20.00 by ann`, typed by an operator"""
        amount_micros = parse_usd(words[1])
        payment_id = options.get("payment") or self._next("p")
        actor = f"operator:{options['by']}" if "by" in options else "service:payments"
        payment = {"payment_id": payment_id, "amount_micros": amount_micros}
        self._ask(ask.SettleTopUp, "t", options, actor=actor, **payment)

    def grant(self, words: list[str], options: dict[str, str]) -> None:
        """`grant 1.00`"""
        self._ask(ask.GrantCredit, "g", options, amount_micros=parse_usd(words[0]))

    def adjust(self, words: list[str], options: dict[str, str]) -> None:
        """`adjust -0.50`"""
        self._ask(ask.AdjustBalance, "a", options, amount_micros=parse_usd(words[0]))

    def terms(self, words: list[str], options: dict[str, str]) -> None:
        """`terms prepaid`, `terms postpay 10.00`"""
        limit_micros = parse_usd(words[1]) if len(words) > 1 else 0
        is_postpay = words[0] == "postpay"
        self._ask(
            ask.SetTerms, "s", options, is_postpay=is_postpay, credit_limit_micros=limit_micros
        )

    def hold(self, words: list[str], options: dict[str, str]) -> None:
        """`hold standard cap 10:00 as h1`"""
        self._ask(
            ask.PlaceHold,
            "h",
            options,
            project_id=options.get("on", PROJECT),
            tier=Tier[words[0].upper()],
            duration_cap_ms=duration_ms(options.get("cap", "5:00")),
        )

    def void(self, words: list[str], options: dict[str, str]) -> None:
        """`void h1`"""
        self._ask(ask.VoidHold, "v", options, hold_id=words[0])

    def call(self, words: list[str], options: dict[str, str]) -> None:
        """`call success for h1`; kinds are those of _FACTS, times are told as `5:00 ago`."""
        ended_at = self.now_ms + _moment(options, "ended")
        usage = CallUsage(
            **self._of_usage(words, options),
            call_id="call",
            scenario_id="scenario",
            started_at=0,
            ended_at=ended_at,
            tier=Tier[options.get("tier", "standard").upper()],
            goal_reached=False,
            flagged_spam=False,
            duration_ms=0,
            duration_cap_ms=duration_ms(options.get("cap", "5:00")),
            user_turns=0,
            hold_id=options.get("for"),
        )
        usage = msgspec.structs.replace(usage, **_FACTS[words[0]])
        if "lasting" in options:
            usage = msgspec.structs.replace(usage, duration_ms=duration_ms(options["lasting"]))
        if "turns" in options:
            usage = msgspec.structs.replace(usage, user_turns=int(options["turns"]))
        started_at = options.get("since")
        lasted_ms = usage.duration_ms if started_at is None else duration_ms(started_at)
        self._take(msgspec.structs.replace(usage, started_at=ended_at - lasted_ms))

    def crawl(self, words: list[str], options: dict[str, str]) -> None:
        """`crawl 101 lasting 7:30`: so many pages; options as of a call"""
        ended_at = self.now_ms + _moment(options, "ended")
        lasted_ms = duration_ms(options.get("lasting", "0:00"))
        self._take(
            CrawlUsage(
                **self._of_usage(words, options),
                crawl_id="crawl",
                started_at=ended_at - lasted_ms,
                ended_at=ended_at,
                pages_fetched=int(words[0]),
                duration_ms=lasted_ms,
                is_recrawl="again" in words,
            )
        )

    def chat(self, words: list[str], options: dict[str, str]) -> None:
        """`chat 1000000 200000 ended 1:00:00 ago`: input and output tokens"""
        self._take(
            ChatUsage(
                **self._of_usage(words, options),
                conversation_id="conversation",
                channel=Channel.SMS,
                occurred_at=self.now_ms + _moment(options, "ended"),
                input_tokens=int(words[0]),
                output_tokens=int(words[1]),
            )
        )

    def may(self, words: list[str], options: dict[str, str]) -> None:
        """`may chat`, `may crawl`: ask whether one may begin"""
        activity, project_id = Activity[words[0].upper()], options.get("on", PROJECT)
        self._ask(ask.AskToSpend, "w", options, project_id=project_id, activity=activity)

    def review(self, words: list[str], options: dict[str, str]) -> None:
        """`review accept u1 version 2`, `review reject u1`"""
        held = self._event_of(done.InputHeldForReview, words[1])
        if words[0] == "reject":
            return self._ask(ask.RejectReview, "r", options, review_id=held)
        version = options.get("version")
        card_version = None if version is None else int(version)
        return self._ask(ask.AcceptReview, "r", options, review_id=held, card_version=card_version)

    def operate(self, words: list[str], options: dict[str, str]) -> None:
        """`now freeze`, `now unfreeze`, `now close`, `now reopen`"""
        commands = (ask.FreezeWallet, ask.UnfreezeWallet, ask.CloseWallet, ask.ReopenWallet)
        names = {command.__name__.removesuffix("Wallet").lower(): command for command in commands}
        self._ask(names[words[0]], "n", options)

    def write(self, words: list[str], options: dict[str, str]) -> None:
        """`write off 0.50`"""
        self._ask(ask.WriteOffArrears, "x", options, amount_micros=parse_usd(words[1]))

    def approve(self, words: list[str], options: dict[str, str]) -> None:
        """`approve g1 by bea`"""
        asked = self._event_of(done.ApprovalAsked, words[0])
        self._ask(ask.Approve, "y", options, approval_id=asked)

    def decline(self, words: list[str], options: dict[str, str]) -> None:
        """`decline g1`"""
        asked = self._event_of(done.ApprovalAsked, words[0])
        self._ask(ask.Decline, "y", options, approval_id=asked)

    def undo(self, words: list[str], options: dict[str, str]) -> None:
        """`undo g1`, by the id of the command that did it"""
        self._ask(ask.Undo, "z", options, event_id=self._event_of(WalletEvent, words[0]))

    def budget(self, words: list[str], options: dict[str, str]) -> None:
        """`budget 5.00`, `budget 5.00 refusing on shop`, `budget none`"""
        self._ask(
            ask.SetBudget,
            "b",
            options,
            project_id=options.get("on"),
            limit_micros=None if words[0] == "none" else parse_usd(words[0]),
            is_refusing="refusing" in words,
        )

    def line(self, words: list[str], options: dict[str, str]) -> None:
        """`line 5.00`, `line none`: where a low balance begins"""
        line_micros = None if words[0] == "none" else parse_usd(words[0])
        self._ask(ask.SetLowBalanceLine, "l", options, line_micros=line_micros)

    def publish(self, words: list[str], options: dict[str, str]) -> None:
        """`publish agency 1 in 2:00:00`: every price a dollar, none of Economy

        `publish agency 1 bare in 2:00:00`: nor of crawls and chats.
        """
        lines = tuple(
            msgspec.structs.replace(line, price_micros=MICROS_PER_USD)
            for line in DEFAULT_CARD.lines
            if "economy" not in line.line and ("bare" not in words or "calls" in line.line)
        )
        card = ask.AdoptCard(
            command_id=self._next("card"),
            tenant_id="",
            actor="operator:ann",
            reason="because",
            card_id=words[0],
            card_version=int(words[1]),
            effective_from_ms=self.now_ms + duration_ms(options["in"]),
            lines=lines,
        )
        self._take(card)

    def assign(self, words: list[str], options: dict[str, str]) -> None:
        """`assign agency in 2:00:00`"""
        from_ms = self.now_ms + duration_ms(options["in"])
        self._ask(ask.AssignCard, "c", options, card_id=words[0], from_ms=from_ms)

    def go(self, words: list[str], options: dict[str, str]) -> None:
        """`go live`, `go back` (to sandbox)"""
        command = ask.GoLive if words[0] == "live" else ask.ReturnToSandbox
        self._ask(command, "m", options, project_id=options.get("on", PROJECT))

    def open(self, words: list[str], options: dict[str, str]) -> None:
        """`open club`, `open club since 2:00:00` (live from that long ago)"""
        since = options.get("since")
        live_from_ms = None if since is None else self.now_ms - duration_ms(since)
        self._ask(ask.OpenProject, "o", options, project_id=words[0], live_from_ms=live_from_ms)

    def wait(self, words: list[str], options: dict[str, str]) -> None:
        """`wait 20:00`"""
        self.now_ms += duration_ms(words[0])

    def tick(self, words: list[str], options: dict[str, str]) -> None:
        """`tick`, `tick read 5:00` (usage read only up to 5 minutes ago)"""
        tick = ask.Tick(command_id=self._next("tick"), tenant_id="", actor="service:ticker")
        behind_ms = duration_ms(options["read"]) if "read" in options else 0
        self._decide(self._input(tick), self.now_ms - behind_ms)

    def again(self, words: list[str], options: dict[str, str]) -> None:
        """`again`, `again otherwise` (the same id with other content), `again asked 1:00 ago`"""
        value = self.last.value
        if words and isinstance(value, CallUsage):
            value = msgspec.structs.replace(value, user_turns=value.user_turns + 1)
        elif words and isinstance(value, ask.Command):
            value = msgspec.structs.replace(value, reason=value.reason + "!")
        assert isinstance(value, Usage | ask.Command)
        self._take(value, options)

    # ── Inner parts ──

    def _of_usage(self, words: list[str], options: dict[str, str]) -> dict[str, Any]:
        """What every usage event says of itself."""
        return {
            "event_id": options.get("as") or self._next("u"),
            "tenant_id": TENANT,
            "project_id": options.get("on", PROJECT),
            "corrects": options.get("of"),
            "withdrawn": "withdrawn" in words,
        }

    def _event_of(self, kind: type[WalletEvent], name: str) -> str:
        """The event of that kind which an input caused; a made-up id if none did."""
        found = (e for e in self.events if isinstance(e, kind) and e.input_id == name)
        return next((event.event_id for event in found), "nothing")

    def _next(self, kind: str) -> str:
        self._count[kind] = self._count.get(kind, 0) + 1
        return f"{kind}{self._count[kind]}"

    def _ask(
        self,
        command: Callable[..., ask.Command],
        kind: str,
        options: dict[str, str] | None = None,
        **fields: object,
    ) -> None:
        options = options or {}
        named = {
            "command_id": options.get("as") or self._next(kind),
            "tenant_id": TENANT,
            "actor": f"operator:{options.get('by', 'ann')}",
            "reason": "because",
        }
        self._take(command(**(named | fields)), options)

    def _take(self, value: AnyUsage | ask.Command, options: dict[str, str] | None = None) -> None:
        options = options or {}
        item = self._input(value)
        if "asked" in options:
            item = msgspec.structs.replace(
                item, asked_at_ms=self.now_ms + _moment(options, "asked")
            )
        if "before" in options:
            not_after_ms = self.now_ms + _moment(options, "before")
            item = msgspec.structs.replace(item, not_after_ms=not_after_ms)
        self.last = item
        self._decide(item, self.now_ms)

    def _input(self, value: AnyUsage | ask.Command) -> Input:
        self._inputs += 1
        digest = sha256(repr(value).encode()).digest()[:16]
        return Input(f"input-0-{self._inputs}", self.now_ms, digest, value)

    def _decide(self, item: Input, usage_read_to_ms: int) -> None:
        self.decision = decide(
            self.state, [item], self.now_ms, usage_read_to_ms, RULES, self.events.__getitem__
        )
        self.decision.overlay.merge()
        self.events += self.decision.events
        self._check()

    def _check(self) -> None:
        own = [event for event in self.events if isinstance(event, WalletEvent)]
        invariants.check_figures(self.wallet)
        invariants.check_chats_count_as_held(self.wallet, self.state.cards)
        invariants.check_money_is_conserved(self.wallet, own)
        invariants.check_simulated_moves_nothing(own)
        invariants.check_sequence(self.wallet, own)


def _options(words: list[str]) -> tuple[list[str], dict[str, str]]:
    """Words that stand for themselves, and options: each a word and what follows it."""
    options = {name: value for name, value in pairwise(words) if name in OPTIONS}
    taken = {"ago", *options, *options.values()}
    if "ago" in words:
        options["ago"] = "yes"
    return [word for word in words if word not in taken], options


def _moment(options: dict[str, str], name: str) -> int:
    """A moment told from now on in milliseconds: `ended 5:00` is ahead, `ended 5:00 ago` behind."""
    ahead_ms = duration_ms(options.get(name, "0:00"))
    return -ahead_ms if "ago" in options else ahead_ms


_FIGURES: Final[dict[str, Callable[[Wallet], int]]] = {
    "funds": lambda wallet: wallet.funds_micros,
    "held": lambda wallet: wallet.counts_as_held_micros(),
    "arrears": lambda wallet: wallet.arrears_micros,
    "credit": lambda wallet: wallet.credit_used_micros,
    "available": lambda wallet: wallet.available_micros,
    "balance": lambda wallet: wallet.balance_micros,
    "net": lambda wallet: wallet.balance_micros - wallet.arrears_micros,
}

_LISTS: Final[dict[str, Callable[[Scenario], Iterable[str]]]] = {
    "drew": Scenario.drawn,
    "gave": Scenario.gave,
    "collected": Scenario.collected,
    "owed": Scenario.owed,
    "lots": Scenario.lots,
    "lines": Scenario.lines,
    "holds": Scenario.open_holds,
    "recorded": Scenario.recorded,
    "told": Scenario.told,
    "card": Scenario.card,
    "moved": Scenario.moved,
}

_VERBS: Final[dict[str, Callable[[Scenario, list[str], dict[str, str]], None]]] = {
    "top": Scenario.top_up,
    "grant": Scenario.grant,
    "adjust": Scenario.adjust,
    "terms": Scenario.terms,
    "hold": Scenario.hold,
    "void": Scenario.void,
    "call": Scenario.call,
    "go": Scenario.go,
    "open": Scenario.open,
    "wait": Scenario.wait,
    "tick": Scenario.tick,
    "again": Scenario.again,
    "crawl": Scenario.crawl,
    "chat": Scenario.chat,
    "may": Scenario.may,
    "review": Scenario.review,
    "now": Scenario.operate,
    "write": Scenario.write,
    "approve": Scenario.approve,
    "decline": Scenario.decline,
    "undo": Scenario.undo,
    "budget": Scenario.budget,
    "line": Scenario.line,
    "publish": Scenario.publish,
    "assign": Scenario.assign,
}
