"""One value of every type on every topic, and of every shape of it worth a golden file."""

from typing import Final

from ledger import commands as ask
from ledger import events as done
from ledger.events import ArrearsPortion, Draining, Draw, HoldMeans, InputPosition, ProjectMode
from ledger.rates import PricedLine, RateLine
from ledger.refusals import Refusal
from ledger.usage import CallOutcome, CallUsage, Channel, ChatUsage, CrawlUsage, Tier
from schemas.codec import DeadLetter, Header

PREV: Final = bytes(range(32))
"""The hash of the value before it, in every example of `wallet.events`."""

_NOON_MS: Final = 1_768_478_400_000

CALL: Final = CallUsage(
    event_id="call-1",
    tenant_id="tenant-1",
    project_id="project-1",
    corrects=None,
    withdrawn=False,
    call_id="platform-call-1",
    scenario_id="scenario-1",
    started_at=_NOON_MS,
    ended_at=_NOON_MS + 361_000,
    tier=Tier.STANDARD,
    goal_reached=True,
    flagged_spam=False,
    duration_ms=361_000,
    duration_cap_ms=600_000,
    user_turns=7,
    hold_id="hold-1",
)
_CORRECTION: Final = CallUsage(
    event_id="call-2 ✓",
    tenant_id="tenant-1",
    project_id="project-1",
    corrects="call-1",
    withdrawn=True,
    call_id="platform-call-1",
    scenario_id="scenario-1",
    started_at=0,
    ended_at=253_402_300_799_999,
    tier=Tier.PREMIUM,
    goal_reached=False,
    flagged_spam=True,
    duration_ms=0,
    duration_cap_ms=1,
    user_turns=2**31 - 1,
    hold_id=None,
)

CRAWL: Final = CrawlUsage(
    event_id="crawl-1",
    tenant_id="tenant-1",
    project_id="project-1",
    corrects=None,
    withdrawn=False,
    crawl_id="platform-crawl-1",
    started_at=_NOON_MS,
    ended_at=_NOON_MS + 450_000,
    pages_fetched=101,
    duration_ms=450_000,
    is_recrawl=True,
)
_CRAWL_CORRECTION: Final = CrawlUsage(
    event_id="crawl-2",
    tenant_id="tenant-1",
    project_id="project-1",
    corrects="crawl-1",
    withdrawn=False,
    crawl_id="platform-crawl-1",
    started_at=0,
    ended_at=0,
    pages_fetched=2**31 - 1,
    duration_ms=0,
    is_recrawl=False,
)
CHAT: Final = ChatUsage(
    event_id="chat-1",
    tenant_id="tenant-1",
    project_id="project-1",
    corrects=None,
    withdrawn=False,
    conversation_id="conversation-1",
    channel=Channel.SMS,
    occurred_at=_NOON_MS,
    input_tokens=1_234,
    output_tokens=567,
)
_CHAT_CORRECTION: Final = ChatUsage(
    event_id="chat-2",
    tenant_id="tenant-1",
    project_id="project-1",
    corrects="chat-1",
    withdrawn=True,
    conversation_id="conversation-1",
    channel=Channel.WEB_WIDGET,
    occurred_at=0,
    input_tokens=10**12,
    output_tokens=0,
)


def _command(kind: type[ask.Command], **fields: object) -> ask.Command:
    return kind(
        command_id="command-1",
        tenant_id="tenant-1",
        actor="operator:ann",
        reason="asked by mail",
        **fields,
    )


_COMMANDS: Final[dict[str, ask.Command]] = {
    "OpenProject": _command(ask.OpenProject, project_id="project-1"),
    "OpenProject live": _command(
        ask.OpenProject, project_id="project-1", live_from_ms=_NOON_MS - 1
    ),
    "GoLive": _command(ask.GoLive, project_id="project-1"),
    "ReturnToSandbox": _command(ask.ReturnToSandbox, project_id="project-1"),
    "SettleTopUp": _command(ask.SettleTopUp, payment_id="payment-1", amount_micros=20_000_000),
    "GrantCredit": _command(ask.GrantCredit, amount_micros=1),
    "AdjustBalance": _command(ask.AdjustBalance, amount_micros=-1_000_001),
    "SetTerms": _command(ask.SetTerms, is_postpay=True, credit_limit_micros=10**15),
    "PlaceHold": _command(
        ask.PlaceHold, project_id="project-1", tier=Tier.ECONOMY, duration_cap_ms=300_000
    ),
    "VoidHold": _command(ask.VoidHold, hold_id="hold-1"),
    "Tick": ask.Tick(command_id="tick-1", tenant_id="", actor="service:ticker"),
}

_ENVELOPE: Final = (
    "tenant-1",
    42,
    "g1.usage.calls:3:1000:0",
    _NOON_MS,
    _NOON_MS + 5,
    "call-1",
    bytes(range(16)),
    "upstream",
)
_PARTITION_ENVELOPE: Final = (
    "",
    7,
    "g1.wallet.events:3:7",
    _NOON_MS,
    _NOON_MS,
    "",
    bytes(16),
    "ledger",
)
_DRAWS: Final = (Draw("g1.wallet.commands:3:9:0", 500_000), Draw("payment/payment-1", 400_000))
_LINES: Final = (
    PricedLine("calls.standard.success", 1, 900_000),
    PricedLine("calls.standard.overage_minute", 2, 240_000),
)

_EVENTS: Final[dict[str, done.Event]] = {
    "WalletOpened": done.WalletOpened(*_ENVELOPE),
    "ProjectOpened": done.ProjectOpened(
        *_ENVELOPE, "project-1", None, seen_in_passing=True, reason=""
    ),
    "ProjectOpened live": done.ProjectOpened(
        *_ENVELOPE, "project-1", _NOON_MS, seen_in_passing=False, reason="why"
    ),
    "ProjectModeChanged": done.ProjectModeChanged(
        *_ENVELOPE, "project-1", ProjectMode.LIVE, _NOON_MS, "why"
    ),
    "TermsSet": done.TermsSet(*_ENVELOPE, is_postpay=True, credit_limit_micros=1, reason="why"),
    "TopUpSettled": done.TopUpSettled(*_ENVELOPE, "payment-1", 20_000_000, "why"),
    "CreditGranted": done.CreditGranted(*_ENVELOPE, 1_000_000, ""),
    "BalanceAdjusted up": done.BalanceAdjusted(*_ENVELOPE, 500_000, (), 0, "why"),
    "BalanceAdjusted": done.BalanceAdjusted(*_ENVELOPE, -1_000_000, _DRAWS, 100_000, "why"),
    "HoldPlaced": done.HoldPlaced(
        *_ENVELOPE,
        "hold-1",
        "project-1",
        Tier.STANDARD,
        600_000,
        1_500_000,
        _NOON_MS + 1_500_000,
        HoldMeans.SET_ASIDE,
    ),
    "HoldRefused": done.HoldRefused(
        *_ENVELOPE, "hold-1", "project-1", Tier.PREMIUM, 1, 1_500_000, Refusal.insufficient_funds
    ),
    "HoldRefused without a price": done.HoldRefused(
        *_ENVELOPE, "hold-1", "project-1", Tier.PREMIUM, 1, None, Refusal.no_price
    ),
    "HoldVoided": done.HoldVoided(*_ENVELOPE, "hold-1", "why"),
    "HoldExpired": done.HoldExpired(*_ENVELOPE, "hold-1"),
    "CallCharged": done.CallCharged(
        *_ENVELOPE,
        CALL,
        ends_hold=True,
        card_id="default",
        card_version=1,
        outcome=CallOutcome.SUCCESS,
        lines=_LINES,
        is_simulated=False,
        draws=_DRAWS,
        credit_micros=100_000,
    ),
    "CallCharged simulated": done.CallCharged(
        *_ENVELOPE,
        _CORRECTION,
        ends_hold=False,
        card_id="default",
        card_version=1,
        outcome=CallOutcome.SPAM_OR_SILENT,
        lines=_LINES[:1],
        is_simulated=True,
        draws=(),
        credit_micros=0,
    ),
    "ArrearsCollected": done.ArrearsCollected(
        *_ENVELOPE, (ArrearsPortion("call-1", 1), ArrearsPortion("call-2", 899_999)), _DRAWS, 0
    ),
    "InputRefused": done.InputRefused(*_ENVELOPE, "CallUsage", Refusal.conflict, ""),
    "InputHeldForReview": done.InputHeldForReview(
        *_ENVELOPE, _CORRECTION, ends_hold=False, reason=done.ReviewReason.CORRECTION
    ),
    "CardAdopted": done.CardAdopted(
        *_PARTITION_ENVELOPE,
        "default",
        1,
        0,
        (
            RateLine("calls.standard.success", "call", 900_000),
            RateLine("calls.premium.success", "call", 1_500_000, is_example=True),
        ),
    ),
    "BatchCommitted": done.BatchCommitted(
        *_PARTITION_ENVELOPE,
        positions=(
            InputPosition("usage.calls", "x3oM2oIjQu2Ykb1dMBxMBw", 1_001),
            InputPosition("wallet.commands", "u1Vh0d5JTDKzq7gVgU4l6A", 9),
        ),
        partitions=12,
        usage_read_to_ms=_NOON_MS,
        events=2,
        dead_letters=1,
        repeats=3,
        ticks=1,
        draining=None,
        batch_hash=PREV,
        code_version="0.1.0",
        configuration_version="c0ffee",
    ),
    "BatchCommitted in a tick": done.BatchCommitted(
        *_PARTITION_ENVELOPE,
        positions=(),
        partitions=12,
        usage_read_to_ms=0,
        events=0,
        dead_letters=0,
        repeats=0,
        ticks=0,
        draining=Draining("g1.wallet.commands:3:9", "tick-1", bytes(16), "ticker", 4_992, _NOON_MS),
        batch_hash=bytes(32),
        code_version="0.1.0",
        configuration_version="c0ffee",
    ),
}

EXAMPLES: Final[dict[str, dict[str, object]]] = {
    "usage.calls": {"CallUsage": CALL, "CallUsage withdrawn": _CORRECTION},
    "usage.crawls": {"CrawlUsage": CRAWL, "CrawlUsage correcting": _CRAWL_CORRECTION},
    "usage.chat": {"ChatUsage": CHAT, "ChatUsage withdrawn": _CHAT_CORRECTION},
    "wallet.commands": dict(_COMMANDS),
    "wallet.events": dict(_EVENTS),
    "wallet.replies": {
        "Reply": ask.Reply(
            command_id="command-1",
            tenant_id="tenant-1",
            event_id="g1.wallet.commands:3:9:0",
            recorded_at_ms=_NOON_MS,
            amount_micros=1_500_000,
            expires_at_ms=_NOON_MS + 1_500_000,
        ),
        "Reply refused": ask.Reply(
            command_id="command-1",
            tenant_id="tenant-1",
            event_id="",
            recorded_at_ms=_NOON_MS,
            refusal=Refusal.project_in_use,
        ),
    },
    "ledger.dlq": {
        "DeadLetter": DeadLetter(
            source_topic="usage.calls",
            source_partition=3,
            source_offset=2**40,
            source_appended_at_ms=_NOON_MS,
            code="malformed",
            message="the value ends too early",
            key=b"tenant-1",
            value=b"\0\0\0\x03\xe9\xff",
            headers=(Header("correlation_id", b"\xff\x00"), Header("empty", None)),
        ),
        "DeadLetter of nothing": DeadLetter(
            source_topic="wallet.commands",
            source_partition=0,
            source_offset=0,
            source_appended_at_ms=0,
            code="malformed",
            message="",
            key=None,
            value=None,
            headers=(),
        ),
    },
}
