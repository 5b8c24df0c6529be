"""One value of every type on every topic, and of every shape of it worth a golden file."""

from typing import Final

from ledger import commands as ask
from ledger import events as done
from ledger.events import (
    ArrearsPortion,
    ChatHour,
    Draining,
    Draw,
    HoldMeans,
    InputPosition,
    IntakePause,
    ProjectMode,
)
from ledger.rates import PricedLine, PublishedCard, RateLine
from ledger.refusals import Refusal
from ledger.usage import Activity, CallOutcome, CallUsage, Channel, ChatUsage, CrawlUsage, Tier
from schemas.codec import DeadLetter, Header, Resolution, ResolutionKind

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
_OTHER_EVENT: Final = "g1.wallet.commands:3:12:0"
"""An event's id, where one names another."""
_CARD_LINES: Final = (
    RateLine("calls.standard.success", "call", 900_000),
    RateLine("calls.premium.success", "call", 1_500_000, is_example=True),
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
    "AskToSpend": _command(ask.AskToSpend, project_id="project-1", activity=Activity.CRAWL),
    "AcceptReview": _command(ask.AcceptReview, review_id=_OTHER_EVENT),
    "AcceptReview at a price": _command(ask.AcceptReview, review_id=_OTHER_EVENT, card_version=2),
    "RejectReview": _command(ask.RejectReview, review_id=_OTHER_EVENT),
    "FreezeWallet": _command(ask.FreezeWallet),
    "UnfreezeWallet": _command(ask.UnfreezeWallet),
    "WriteOffArrears": _command(ask.WriteOffArrears, amount_micros=899_999),
    "Approve": _command(ask.Approve, approval_id=_OTHER_EVENT),
    "Decline": _command(ask.Decline, approval_id=_OTHER_EVENT),
    "Undo": _command(ask.Undo, event_id=_OTHER_EVENT),
    "CloseWallet": _command(ask.CloseWallet),
    "ReopenWallet": _command(ask.ReopenWallet),
    "AssignCard": _command(ask.AssignCard, card_id="agency", from_ms=_NOON_MS),
    "SetBudget": _command(
        ask.SetBudget, project_id="project-1", limit_micros=50_000_000, is_refusing=True
    ),
    "SetBudget no more": _command(
        ask.SetBudget, project_id=None, limit_micros=None, is_refusing=False
    ),
    "SetLowBalanceLine": _command(ask.SetLowBalanceLine, line_micros=10_000_000),
    "SetLowBalanceLine no more": _command(ask.SetLowBalanceLine, line_micros=None),
    "AdoptCard": ask.AdoptCard(
        command_id="card-1",
        tenant_id="",
        actor="operator:ann",
        reason="new prices",
        card_id="default",
        card_version=2,
        effective_from_ms=_NOON_MS,
        lines=_CARD_LINES,
    ),
    "Tick": ask.Tick(command_id="tick-1", tenant_id="", actor="service:ticker"),
    "PauseIntake": ask.PauseIntake(
        command_id="command-1", tenant_id="", actor="operator:ann", reason="why"
    ),
    "ResumeIntake": ask.ResumeIntake(
        command_id="command-2", tenant_id="", actor="operator:ann", reason="why"
    ),
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
_CRAWL_LINES: Final = (PricedLine("crawls.hour", 450_000, 125_000),)
_CHAT_LINES: Final = (
    PricedLine("chat.input_tokens", 1_234, 617),
    PricedLine("chat.output_tokens", 567, 850),
)
_HOUR: Final = ChatHour(
    project_id="project-1",
    started_at_ms=_NOON_MS,
    is_simulated=False,
    card_id="default",
    card_version=1,
    closes_at_ms=_NOON_MS + 3_900_000,
)
_PORTIONS: Final = (ArrearsPortion("call-1", 1), ArrearsPortion("call-2", 899_999))

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
    "ArrearsCollected": done.ArrearsCollected(*_ENVELOPE, _PORTIONS, _DRAWS, 0),
    "InputRefused": done.InputRefused(*_ENVELOPE, "CallUsage", Refusal.conflict, ""),
    "InputHeldForReview": done.InputHeldForReview(
        *_ENVELOPE, _CORRECTION, ends_hold=False, reason=done.ReviewReason.CORRECTION
    ),
    "InputHeldForReview of a crawl": done.InputHeldForReview(
        *_ENVELOPE, CRAWL, ends_hold=False, reason=done.ReviewReason.NO_PRICE
    ),
    "CrawlCharged": done.CrawlCharged(
        *_ENVELOPE,
        CRAWL,
        card_id="default",
        card_version=1,
        lines=_CRAWL_LINES,
        is_simulated=False,
        draws=_DRAWS[:1],
        credit_micros=0,
    ),
    "ChatCounted": done.ChatCounted(*_ENVELOPE, CHAT, _HOUR, 1_467),
    "ChatCounted that tells the price": done.ChatCounted(*_ENVELOPE, CHAT, _HOUR, 1_467, 1_933),
    "ChatUncounted": done.ChatUncounted(*_ENVELOPE, _HOUR, _OTHER_EVENT, 1_234, 567, -1_467),
    "ChatCharged": done.ChatCharged(*_ENVELOPE, _HOUR, _CHAT_LINES, _DRAWS[:1], 967),
    "ChargeReversed": done.ChargeReversed(
        *_ENVELOPE,
        _OTHER_EVENT,
        _NOON_MS,
        CALL,
        "default",
        1,
        _LINES,
        is_simulated=False,
        draws=_DRAWS,
        credit_micros=100_000,
        arrears_micros=140_000,
    ),
    "ChargeReversed of a crawl": done.ChargeReversed(
        *_ENVELOPE,
        _OTHER_EVENT,
        _NOON_MS,
        CRAWL,
        "agency",
        2,
        _CRAWL_LINES,
        is_simulated=True,
        draws=(),
        credit_micros=0,
        arrears_micros=0,
    ),
    "ChargeReversed of chats": done.ChargeReversed(
        *_ENVELOPE,
        _OTHER_EVENT,
        _NOON_MS,
        _HOUR,
        "default",
        1,
        _CHAT_LINES,
        is_simulated=False,
        draws=(),
        credit_micros=1_467,
        arrears_micros=0,
    ),
    "UsageWithdrawn": done.UsageWithdrawn(*_ENVELOPE, _CHAT_CORRECTION),
    "UsageWithdrawn with its hold": done.UsageWithdrawn(*_ENVELOPE, _CORRECTION, ends_hold=True),
    "CorrectionWaits": done.CorrectionWaits(
        *_ENVELOPE, _CRAWL_CORRECTION, ends_hold=True, waits_until_ms=_NOON_MS
    ),
    "ReviewDecided": done.ReviewDecided(*_ENVELOPE, _OTHER_EVENT, is_accepted=True, reason="why"),
    "SpendAllowed": done.SpendAllowed(*_ENVELOPE, "project-1", Activity.CHAT),
    "SpendRefused": done.SpendRefused(*_ENVELOPE, "project-1", Activity.CRAWL, Refusal.arrears),
    "CardAssigned": done.CardAssigned(*_ENVELOPE, "agency", _NOON_MS, "why"),
    "WalletFrozen": done.WalletFrozen(*_ENVELOPE, "why"),
    "WalletUnfrozen": done.WalletUnfrozen(*_ENVELOPE, "why"),
    "WalletClosed": done.WalletClosed(*_ENVELOPE, "why"),
    "WalletReopened": done.WalletReopened(*_ENVELOPE, "why"),
    "ArrearsWrittenOff": done.ArrearsWrittenOff(*_ENVELOPE, _PORTIONS, "why"),
    "ApprovalAsked": done.ApprovalAsked(*_ENVELOPE, "AdjustBalance", -(10**10), "why"),
    "ApprovalGiven": done.ApprovalGiven(*_ENVELOPE, _OTHER_EVENT, "why"),
    "ApprovalDeclined": done.ApprovalDeclined(*_ENVELOPE, _OTHER_EVENT, "why"),
    "OperationUndone": done.OperationUndone(
        *_ENVELOPE,
        _OTHER_EVENT,
        "BalanceAdjusted",
        _DRAWS[:1],
        _DRAWS[1:],
        100_000,
        _PORTIONS,
        "why",
    ),
    "BudgetSet": done.BudgetSet(*_ENVELOPE, None, 50_000_000, is_refusing=True),
    "BudgetSet no more": done.BudgetSet(*_ENVELOPE, "project-1", None, is_refusing=False),
    "BudgetLinePassed": done.BudgetLinePassed(*_ENVELOPE, None, 80, 50_000_000, 41_000_000),
    "LowBalanceLineSet": done.LowBalanceLineSet(*_ENVELOPE, 10_000_000),
    "LowBalanceLineSet no more": done.LowBalanceLineSet(*_ENVELOPE, None),
    "BalanceRanLow": done.BalanceRanLow(*_ENVELOPE, 10_000_000, -1),
    "BalanceRecovered": done.BalanceRecovered(*_ENVELOPE, 10_000_000, 10_000_000),
    "CardAdopted": done.CardAdopted(
        *_PARTITION_ENVELOPE,
        "default",
        1,
        0,
        _CARD_LINES,
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
    "IntakePaused": done.IntakePaused(*_PARTITION_ENVELOPE, "why"),
    "IntakeResumed": done.IntakeResumed(*_PARTITION_ENVELOPE, "why"),
    "BatchCommitted while paused": done.BatchCommitted(
        *_PARTITION_ENVELOPE,
        positions=(),
        partitions=12,
        usage_read_to_ms=0,
        events=0,
        dead_letters=0,
        repeats=0,
        ticks=1,
        draining=None,
        batch_hash=bytes(32),
        code_version="0.1.0",
        configuration_version="c0ffee",
        intake_pause=IntakePause(_OTHER_EVENT, _NOON_MS, "operator:ann", "why"),
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
        "Reply that waits for another operator": ask.Reply(
            command_id="command-1",
            tenant_id="tenant-1",
            event_id="g1.wallet.commands:3:9:0",
            recorded_at_ms=_NOON_MS,
            awaits_approval=True,
        ),
    },
    "rate.cards": {
        "PublishedCard": PublishedCard("default", 2, _NOON_MS, _CARD_LINES, "operator:ann", "why")
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
    "ledger.resolutions": {
        "Resolution": Resolution(
            letter_partition=3,
            letter_offset=2**40,
            source_topic="usage.calls",
            source_partition=3,
            source_offset=17,
            kind=ResolutionKind.RESENT,
            target_partition=1,
            is_again=True,
            actor="operator:ann",
            reason="the partitioner is mended",
        ),
        "Resolution dropped": Resolution(
            letter_partition=0,
            letter_offset=0,
            source_topic="wallet.commands",
            source_partition=0,
            source_offset=0,
            kind=ResolutionKind.DROPPED,
            target_partition=None,
            is_again=False,
            actor="operator:bea",
            reason="a test",
        ),
    },
}
