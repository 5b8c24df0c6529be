"""How answers and outcomes are told in the words of the tables."""

from ledger import events as done
from ledger.commands import Reply
from ledger.events import WalletEvent
from ledger.money import format_usd


def answer_of(reply: Reply) -> str:
    if reply.refusal is not None:
        return f"refused {reply.refusal}"
    if reply.awaits_approval:
        return "awaits approval"
    if reply.amount_micros is not None:
        return f"allowed {dollars(reply.amount_micros)}"
    return "accepted"


def outcome_of(event: WalletEvent) -> str:
    match event:
        case done.CallCharged():
            return f"{'simulated' if event.is_simulated else 'charged'} {price_of(event)}"
        case done.CrawlCharged():
            return f"{'simulated' if event.is_simulated else 'charged'} {price_of(event)}"
        case done.ChatCounted():
            return "counted"
        case done.UsageWithdrawn():
            return "withdrawn"
        case done.CorrectionWaits():
            return "waits"
        case done.InputHeldForReview():
            return f"review {event.reason}"
        case done.InputRefused():
            return f"refused {event.refusal}"
        case _:
            raise AssertionError(f"{type(event).__name__} is no outcome of usage")


def price_of(event: done.Charge) -> str:
    return dollars(sum(line.amount_micros for line in event.lines))


def dollars(micros: int) -> str:
    return format_usd(micros).replace("$", "")
