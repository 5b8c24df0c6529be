"""Double entry: what a wallet's event means in accounts; an entry's amounts add up to zero.

Debits are positive, credits negative. The tenants' accounts agree with their wallets: funds are a
liability, credit used and arrears are receivables.
"""

from typing import Final

from ledger import events as done
from ledger.events import ChatHour, Draw, WalletEvent
from ledger.usage import CallUsage, CrawlUsage, Word

Entry = dict["Account", int]
"""The accounts that an event moves, and by how much, in micro-dollars."""


class AccountKind(Word):
    """On which side of the books an account stands."""

    ASSET = "ASSET"
    LIABILITY = "LIABILITY"
    INCOME = "INCOME"
    EXPENSE = "EXPENSE"


class Account(Word):
    """The chart of accounts; each tenant has its own of every one."""

    PAYMENTS = "PAYMENTS"
    CREDIT_RECEIVABLE = "CREDIT_RECEIVABLE"
    ARREARS_RECEIVABLE = "ARREARS_RECEIVABLE"
    PAID_FUNDS = "PAID_FUNDS"
    UNPAID_FUNDS = "UNPAID_FUNDS"
    CALL_REVENUE = "CALL_REVENUE"
    CRAWL_REVENUE = "CRAWL_REVENUE"
    CHAT_REVENUE = "CHAT_REVENUE"
    GOODWILL = "GOODWILL"
    ADJUSTMENTS = "ADJUSTMENTS"
    WRITE_OFFS = "WRITE_OFFS"


CHART: Final[dict[Account, tuple[AccountKind, str]]] = {
    Account.PAYMENTS: (AccountKind.ASSET, "What tenants paid, at the payment provider"),
    Account.CREDIT_RECEIVABLE: (AccountKind.ASSET, "Credit that tenants used and owe by invoice"),
    Account.ARREARS_RECEIVABLE: (AccountKind.ASSET, "Usage that nothing covered, and is owed"),
    Account.PAID_FUNDS: (AccountKind.LIABILITY, "What is left of payments"),
    Account.UNPAID_FUNDS: (AccountKind.LIABILITY, "What is left of grants and adjustments"),
    Account.CALL_REVENUE: (AccountKind.INCOME, "Calls charged"),
    Account.CRAWL_REVENUE: (AccountKind.INCOME, "Crawls charged"),
    Account.CHAT_REVENUE: (AccountKind.INCOME, "Chats charged"),
    Account.GOODWILL: (AccountKind.EXPENSE, "Credit given away"),
    Account.ADJUSTMENTS: (AccountKind.EXPENSE, "Corrections of balances"),
    Account.WRITE_OFFS: (AccountKind.EXPENSE, "Arrears given up"),
}
"""Every account: its kind, and what it holds."""

_UNDONE: Final = {
    done.CreditGranted.__name__: Account.GOODWILL,
    done.BalanceAdjusted.__name__: Account.ADJUSTMENTS,
    done.ArrearsWrittenOff.__name__: Account.WRITE_OFFS,
}


def entry(event: WalletEvent) -> Entry:
    """What the event moves, account by account; nothing if it moves no money."""
    return {account: micros for account, micros in _balanced(event).items() if micros}


def _balanced(event: WalletEvent) -> Entry:
    match event:
        case done.CallCharged() | done.CrawlCharged() | done.ChatCharged():
            if event.is_simulated:
                return {}
            taken = _taken(event.draws, event.credit_micros)
            taken[Account.ARREARS_RECEIVABLE] = event.arrears_micros
            return taken | {revenue_of(event.charged): -event.amount_micros}
        case done.ChargeReversed():
            return {} if event.is_simulated else _reversed(event)
        case done.ArrearsCollected():
            taken = _taken(event.draws, event.credit_micros)
            return taken | {Account.ARREARS_RECEIVABLE: -done.portions_micros(event.portions)}
        case done.TopUpSettled():
            return _moved(Account.PAYMENTS, Account.PAID_FUNDS, event.amount_micros)
        case done.CreditGranted():
            return _moved(Account.GOODWILL, Account.UNPAID_FUNDS, event.amount_micros)
        case done.BalanceAdjusted() if event.amount_micros > 0:
            return _moved(Account.ADJUSTMENTS, Account.UNPAID_FUNDS, event.amount_micros)
        case done.BalanceAdjusted():
            taken = _taken(event.draws, event.credit_micros)
            return taken | {Account.ADJUSTMENTS: event.amount_micros}
        case done.ArrearsWrittenOff():
            return _moved(Account.WRITE_OFFS, Account.ARREARS_RECEIVABLE, event.amount_micros)
        case done.OperationUndone():
            return _undone(event)
        case _:
            return {}


def revenue_of(charged: CallUsage | CrawlUsage | ChatHour) -> Account:
    """Whose income a charge is."""
    if isinstance(charged, CallUsage):
        return Account.CALL_REVENUE
    return Account.CRAWL_REVENUE if isinstance(charged, CrawlUsage) else Account.CHAT_REVENUE


def _moved(debited: Account, credited: Account, micros: int) -> Entry:
    return {debited: micros, credited: -micros}


def _taken(draws: tuple[Draw, ...], credit_micros: int) -> Entry:
    """What was drawn is a debit: less is left of the funds, or more is owed by invoice."""
    paid_micros = done.drawn_from_payments_micros(draws)
    return {
        Account.PAID_FUNDS: paid_micros,
        Account.UNPAID_FUNDS: done.drawn_micros(draws) - paid_micros,
        Account.CREDIT_RECEIVABLE: credit_micros,
    }


def _reversed(event: done.ChargeReversed) -> Entry:
    """The opposite of the charge and of what collected its arrears; what was given up comes back.

    The part that was written off is no expense any more: what it was owed for did not happen.
    """
    given_back = {
        account: -micros for account, micros in _taken(event.draws, event.credit_micros).items()
    }
    given_up_micros = event.price_micros - event.amount_micros
    return given_back | {
        Account.ARREARS_RECEIVABLE: -event.arrears_micros,
        revenue_of(event.charged): event.price_micros,
        Account.WRITE_OFFS: -given_up_micros,
    }


def _undone(event: done.OperationUndone) -> Entry:
    returned = _taken(event.returned, event.credit_micros)
    entry = {account: -micros for account, micros in returned.items()}
    for account, micros in _taken(event.taken, 0).items():
        entry[account] += micros
    entry[Account.ARREARS_RECEIVABLE] = done.portions_micros(event.portions)
    return entry | {_UNDONE[event.undone_type]: -sum(entry.values())}
