"""What must hold of a wallet after every step, whatever was asked of it (RELIABILITY)."""

from collections.abc import Iterable
from fractions import Fraction

from ledger.events import (
    ArrearsWrittenOff,
    BalanceAdjusted,
    CallCharged,
    Charge,
    ChargeReversed,
    ChatCharged,
    CrawlCharged,
    CreditGranted,
    Event,
    OperationUndone,
    TopUpSettled,
    WalletEvent,
    portions_micros,
)
from ledger.rates import CardBook
from ledger.wallet import Wallet


def check_figures(wallet: Wallet) -> None:
    """Invariant 1, and that each figure is the sum of what it stands for."""
    assert wallet.funds_micros >= 0
    assert wallet.held_micros >= 0
    assert wallet.arrears_micros >= 0
    assert wallet.credit_used_micros >= 0
    assert wallet.arrears_micros == 0 or wallet.available_micros <= 0
    assert wallet.funds_micros == sum(wallet.unspent.values())
    held_micros = sum(hold.amount_micros for hold in wallet.holds.values())
    assert wallet.held_micros == held_micros + sum(c.held_micros for c in wallet.chats.values())
    assert wallet.held_micros == sum(wallet.held_by_project.values())
    assert all(min(chat) >= 0 for chat in wallet.chats.values())
    assert wallet.arrears_micros == sum(wallet.arrears.values())
    ages = [wallet.owed_since[charge] for charge in wallet.arrears]
    assert ages == sorted(wallet.owed_since.values())
    assert all(micros > 0 for micros in (*wallet.unspent.values(), *wallet.arrears.values()))


def check_chats_count_as_held(wallet: Wallet, cards: CardBook) -> None:
    """Decision 2's sum, with the tokens of live hours held as far as it reaches: priced plainly."""
    beside_micros = wallet.funds_micros - wallet.held_micros
    beside_micros += max(0, wallet.credit_limit_micros - wallet.credit_used_micros)
    unheld_micros = 0
    for hour, chat in wallet.chats.items():
        card = cards.version(hour.card_id, hour.card_version)
        assert card is not None
        per_million = {line.line: line.price_micros for line in card.lines}
        exact = chat.input_tokens * per_million["chat.input_tokens"]
        exact += chat.output_tokens * per_million["chat.output_tokens"]
        price_micros = 0 if hour.is_simulated else round(Fraction(exact, 1_000_000))
        assert chat.held_micros <= price_micros
        unheld_micros += price_micros - chat.held_micros
    reached_micros = min(unheld_micros, max(0, beside_micros))
    assert wallet.counts_as_held_micros() == wallet.held_micros + reached_micros
    assert wallet.available_micros == beside_micros - reached_micros


def check_spend_is_covered(wallet: Wallet, available_before_micros: int) -> None:
    """No accepted spend takes `available` below 0; it may stay below where a limit was lowered."""
    assert wallet.available_micros >= min(0, available_before_micros)


def check_money_is_conserved(wallet: Wallet, events: Iterable[Event]) -> None:
    """Invariant 2: what came in less what was charged is what is there.

    `events` are all of this wallet's.
    """
    assert sum(map(net_change_micros, events)) == wallet.balance_micros - wallet.arrears_micros


def net_change_micros(event: Event) -> int:
    """What an event does to the balance less arrears."""
    match event:
        case TopUpSettled() | CreditGranted() | BalanceAdjusted() | ArrearsWrittenOff():
            return event.amount_micros
        case OperationUndone():
            return event.amount_micros - portions_micros(event.portions)
        case CallCharged() | CrawlCharged() | ChatCharged():
            return 0 if event.is_simulated else -event.amount_micros
        case ChargeReversed():
            return event.amount_micros
        case _:
            return 0


def check_simulated_moves_nothing(events: Iterable[Event]) -> None:
    """Invariant 6, by what the event itself says was drawn."""
    events = list(events)
    simulated = [e for e in events if isinstance(e, Charge) and e.is_simulated]
    assert all(e.paid_micros == 0 and e.arrears_micros == 0 for e in simulated)
    undone = [e for e in events if isinstance(e, ChargeReversed) and e.is_simulated]
    assert all(e.amount_micros == 0 for e in undone)


def check_sequence(wallet: Wallet, events: Iterable[WalletEvent]) -> None:
    """Invariant 4: no gap and no repeat, and the wallet stands where its last event does."""
    places = [event.originator_version for event in events]
    assert places == list(range(1, len(places) + 1))
    assert wallet.version == len(places)


def check_payments_credited_once(events: Iterable[Event]) -> None:
    """Invariant 8, as far as payments exist."""
    payments = [event.payment_id for event in events if isinstance(event, TopUpSettled)]
    assert len(payments) == len(set(payments))
