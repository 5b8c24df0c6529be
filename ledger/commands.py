"""Everything that can be asked of a wallet: the values of `wallet.commands`, in the imperative."""

from typing import Final

import msgspec

from ledger.rates import MS_PER_HOUR, RateLine, fault_in_card
from ledger.refusals import Refusal
from ledger.usage import DURATION_CAP_MS_MAX, TIME_MS_MAX, Activity, Tier, is_id

AMOUNT_MICROS_MAX: Final = 10**14
REASON_LENGTH_MAX: Final = 500
OPERATOR_PREFIX: Final = "operator:"
"""How the ids begin under which people act; services have others."""
EVENT_ID_LENGTH_MAX: Final = 200
"""Of our own events: topic, partition, offset and index."""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What every command says of itself.

    `command_id` is the asker's idempotency key: the same id with the same content gets the first
    answer again. `actor` is who asks, `reason` why. When it was asked, and until when an answer is
    wanted, are not content (a repeat may ask later): they travel beside it.
    """

    command_id: str
    tenant_id: str
    actor: str
    reason: str = ""


class OpenProject(Command, frozen=True, kw_only=True):
    """Make a project known, in sandbox, or live from a stated moment; opens the wallet too."""

    project_id: str
    live_from_ms: int | None = None


class GoLive(Command, frozen=True, kw_only=True):
    """End a project's sandbox: what begins from now on moves money."""

    project_id: str


class ReturnToSandbox(Command, frozen=True, kw_only=True):
    """Put a live project back into sandbox (an operator's)."""

    project_id: str


class SettleTopUp(Command, frozen=True, kw_only=True):
    """Credit a payment that succeeded; `payment_id` names the lot it becomes.

    From a service it is a fact; from an operator it is what a person typed.
    """

    payment_id: str
    amount_micros: int


class GrantCredit(Command, frozen=True, kw_only=True):
    """Give credit that was never paid: spent first, never refunded, never expiring."""

    amount_micros: int


class AdjustBalance(Command, frozen=True, kw_only=True):
    """Correct the balance up or down; down takes at most what is available."""

    amount_micros: int


class SetTerms(Command, frozen=True, kw_only=True):
    """Prepaid (no credit) or postpay with a credit limit."""

    is_postpay: bool
    credit_limit_micros: int


class PlaceHold(Command, frozen=True, kw_only=True):
    """Ask whether a call may start; the command's id is the hold's id."""

    project_id: str
    tier: Tier
    duration_cap_ms: int


class VoidHold(Command, frozen=True, kw_only=True):
    """Give a hold back: its call never connected, or was aborted."""

    hold_id: str


class AskToSpend(Command, frozen=True, kw_only=True):
    """Ask whether a chat or a crawl may begin, which have no known most they could cost."""

    project_id: str
    activity: Activity


class AcceptReview(Command, frozen=True, kw_only=True):
    """Charge usage that was held for review, which its event's id names.

    `card_version` prices it; None: the one in force when it began.
    """

    review_id: str
    card_version: int | None = None


class RejectReview(Command, frozen=True, kw_only=True):
    """Never charge usage that was held for review."""

    review_id: str


class FreezeWallet(Command, frozen=True, kw_only=True):
    """Refuse all holds until it is unfrozen."""


class UnfreezeWallet(Command, frozen=True, kw_only=True):
    """Allow holds again."""


class WriteOffArrears(Command, frozen=True, kw_only=True):
    """Give up what is owed, oldest charge first; at most what is owed."""

    amount_micros: int


class Approve(Command, frozen=True, kw_only=True):
    """Let another operator's command, which its event's id names, be done."""

    approval_id: str


class Decline(Command, frozen=True, kw_only=True):
    """Let it not be done."""

    approval_id: str


class Undo(Command, frozen=True, kw_only=True):
    """Do the opposite of an adjustment, a grant or a write-off, which its event's id names."""

    event_id: str


class CloseWallet(Command, frozen=True, kw_only=True):
    """End a wallet with nothing held, owed or refundable; the rest is adjusted away."""


class ReopenWallet(Command, frozen=True, kw_only=True):
    """The opposite of closing."""


class AssignCard(Command, frozen=True, kw_only=True):
    """Price what begins from a full hour on by a card of the tenant's own, or the default one."""

    card_id: str
    from_ms: int


class SetBudget(Command, frozen=True, kw_only=True):
    """Limit a month's live charges, of a project or (None) of all; None as a limit: no more."""

    project_id: str | None
    limit_micros: int | None
    is_refusing: bool


class SetLowBalanceLine(Command, frozen=True, kw_only=True):
    """Ask to be told when the balance less arrears falls under a line; None: no more."""

    line_micros: int | None


class PartitionCommand(Command, frozen=True, kw_only=True):
    """Asked of a partition as a whole: no tenant, no key, one record to each that is meant."""


class AdoptCard(PartitionCommand, frozen=True, kw_only=True):
    """A published version of a rate card."""

    card_id: str
    card_version: int
    effective_from_ms: int
    lines: tuple[RateLine, ...]


class PauseIntake(PartitionCommand, frozen=True, kw_only=True):
    """Decide no more usage of the partition until its intake is resumed; commands go on."""


class ResumeIntake(PartitionCommand, frozen=True, kw_only=True):
    """Decide usage of the partition again."""


class Tick(PartitionCommand, frozen=True, kw_only=True):
    """Move logical time; what has come due is decided."""


def fault_in_command(command: Command) -> str | None:
    """What is outside a command's contract, as a sentence; None if nothing is."""
    if not is_id(command.command_id) or not is_id(command.actor):
        return "command_id and actor must be 1 to 64 printable characters"
    if len(command.reason) > REASON_LENGTH_MAX or not command.reason.isprintable():
        return f"reason must be at most {REASON_LENGTH_MAX} printable characters"
    if isinstance(command, PartitionCommand):
        if command.tenant_id != "":
            return "what is for a whole partition has no tenant_id"
    elif not is_id(command.tenant_id):
        return "tenant_id must be 1 to 64 printable characters"
    by_operator = command.actor.startswith(OPERATOR_PREFIX)
    if command.actor == OPERATOR_PREFIX:
        return f"actor must name the operator after {OPERATOR_PREFIX}"
    if _is_for_operators(command, by_operator=by_operator):
        if not by_operator:
            return f"only operators do this: actor must begin with {OPERATOR_PREFIX}"
        if not command.reason.strip():
            return "reason must say why: what an operator does is recorded with it"
    match command:
        case OpenProject():
            if not 0 <= (command.live_from_ms or 0) <= TIME_MS_MAX:
                return "live_from_ms must lie between the years 1970 and 9999"
            return _fault_in_id("project_id", command.project_id)
        case GoLive() | ReturnToSandbox():
            return _fault_in_id("project_id", command.project_id)
        case SettleTopUp():
            return _fault_in_id("payment_id", command.payment_id) or _fault_in_amount(
                command.amount_micros
            )
        case GrantCredit():
            return _fault_in_amount(command.amount_micros)
        case AdjustBalance():
            return _fault_in_amount(abs(command.amount_micros))
        case SetTerms():
            return _fault_in_terms(command)
        case PlaceHold():
            if not 0 < command.duration_cap_ms <= DURATION_CAP_MS_MAX:
                return f"duration_cap_ms must lie between 1 and {DURATION_CAP_MS_MAX}"
            return _fault_in_id("project_id", command.project_id)
        case VoidHold():
            return _fault_in_id("hold_id", command.hold_id)
        case AskToSpend():
            return _fault_in_id("project_id", command.project_id)
        case AcceptReview() | RejectReview():
            return _fault_in_event_id("review_id", command.review_id)
        case FreezeWallet() | UnfreezeWallet():
            return None
        case WriteOffArrears():
            return _fault_in_amount(command.amount_micros)
        case Approve() | Decline():
            return _fault_in_event_id("approval_id", command.approval_id)
        case Undo():
            return _fault_in_event_id("event_id", command.event_id)
        case CloseWallet() | ReopenWallet():
            return None
        case AssignCard():
            return _fault_in_id("card_id", command.card_id) or _fault_in_hour(command.from_ms)
        case SetBudget():
            return (
                command.project_id and _fault_in_id("project_id", command.project_id)
            ) or _fault_in_line("limit_micros", command.limit_micros)
        case SetLowBalanceLine():
            return _fault_in_line("line_micros", command.line_micros)
        case PauseIntake() | ResumeIntake() | Tick():
            return None
        case AdoptCard():
            version = command.card_id, command.card_version, command.effective_from_ms
            return fault_in_card(*version, command.lines)
        case _:
            raise AssertionError(f"no rule for {type(command).__name__}")


def _is_for_operators(command: Command, *, by_operator: bool) -> bool:
    """Whether it is done under an operator's own id, with a reason (PRODUCT decision 20).

    A payment that a service reports is a fact; the same, typed by a person, is that person's word.
    """
    match command:
        case (
            AdjustBalance()
            | GrantCredit()
            | SetTerms()
            | ReturnToSandbox()
            | AcceptReview()
            | RejectReview()
            | FreezeWallet()
            | UnfreezeWallet()
            | WriteOffArrears()
            | Approve()
            | Decline()
            | Undo()
            | CloseWallet()
            | ReopenWallet()
            | AssignCard()
            | AdoptCard()
            | PauseIntake()
            | ResumeIntake()
        ):
            return True
        case OpenProject():
            return command.live_from_ms is not None
        case SettleTopUp():
            return by_operator
        case _:
            return False


def _fault_in_id(name: str, value: str) -> str | None:
    return None if is_id(value) else f"{name} must be 1 to 64 printable characters"


def _fault_in_event_id(name: str, value: str) -> str | None:
    if 0 < len(value) <= EVENT_ID_LENGTH_MAX and value.isprintable():
        return None
    return f"{name} must be an event's id: 1 to {EVENT_ID_LENGTH_MAX} printable characters"


def _fault_in_amount(amount_micros: int) -> str | None:
    if 0 < amount_micros <= AMOUNT_MICROS_MAX:
        return None
    return f"amount_micros must lie between 1 and {AMOUNT_MICROS_MAX}"


def _fault_in_line(name: str, limit_micros: int | None) -> str | None:
    if limit_micros is None or 0 < limit_micros <= AMOUNT_MICROS_MAX:
        return None
    return f"{name}, if given, must lie between 1 and {AMOUNT_MICROS_MAX}"


def _fault_in_hour(from_ms: int) -> str | None:
    if 0 <= from_ms <= TIME_MS_MAX and from_ms % MS_PER_HOUR == 0:
        return None
    return "from_ms must be a full hour (UTC)"


def _fault_in_terms(command: SetTerms) -> str | None:
    if not 0 <= command.credit_limit_micros <= AMOUNT_MICROS_MAX:
        return f"credit_limit_micros must lie between 0 and {AMOUNT_MICROS_MAX}"
    if command.credit_limit_micros and not command.is_postpay:
        return "a prepaid wallet has no credit limit"
    return None


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a command: accepted, or refused with a reason.

    `event_id` names the wallet event that records the decision. For an allowed hold,
    `amount_micros` is what it sets aside (0 in sandbox) and `expires_at_ms` when it ends by itself.
    What `awaits_approval` is not done until another operator approves that event.
    """

    command_id: str
    tenant_id: str
    event_id: str
    recorded_at_ms: int
    refusal: Refusal | None = None
    amount_micros: int | None = None
    expires_at_ms: int | None = None
    awaits_approval: bool = False
