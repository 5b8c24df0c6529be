"""Why a command can be refused: one closed list, in order of precedence (PRODUCT decision 19)."""

from enum import StrEnum


class Refusal(StrEnum):
    """A named reason; the order of the members is the order in which they are tested."""

    invalid = "invalid"
    conflict = "conflict"
    too_old = "too_old"
    in_the_future = "in_the_future"
    too_late = "too_late"
    unknown = "unknown"
    closed = "closed"
    frozen = "frozen"
    hold_ended = "hold_ended"
    no_price = "no_price"
    arrears = "arrears"
    overdue = "overdue"
    budget = "budget"
    insufficient_funds = "insufficient_funds"
    credit_limit = "credit_limit"
    below_minimum = "below_minimum"
    refund_window_over = "refund_window_over"
    not_refundable = "not_refundable"
    no_change = "no_change"
    project_in_use = "project_in_use"
    too_many_lots = "too_many_lots"
    not_acceptable = "not_acceptable"
    not_owed = "not_owed"
    spent = "spent"
    same_operator = "same_operator"
    in_flight = "in_flight"
    refundable = "refundable"
    credit_in_use = "credit_in_use"

    @property
    def sentence(self) -> str:
        """What to tell the person who asked, and what they can do about it."""
        return _SENTENCES[self]


_SENTENCES = {
    Refusal.invalid: "A field of the command is outside its range.",
    Refusal.conflict: (
        "This id, or the payment it names, was used before for something else; nothing was applied."
        " Look that up before sending it anew."
    ),
    Refusal.too_old: "It is older than the deduplication window.",
    Refusal.in_the_future: "Its time lies more than 5 minutes ahead; check the sender's clock.",
    Refusal.too_late: "It reached the ledger after its own `not_after`; ask again.",
    Refusal.unknown: (
        "The ledger does not know this tenant, project, hold, payment, review or approval: check"
        " the id. A new tenant begins with a project: `ledger project open`."
    ),
    Refusal.closed: "The wallet is closed.",
    Refusal.frozen: "The wallet is frozen by an operator.",
    Refusal.hold_ended: "The hold was captured, voided or has expired.",
    Refusal.no_price: "The rate card has no price for it.",
    Refusal.arrears: "Usage that was not covered is owed; top up first.",
    Refusal.overdue: "An invoice is overdue.",
    Refusal.budget: "A budget would be passed.",
    Refusal.insufficient_funds: "More than the available balance; top up first.",
    Refusal.credit_limit: "The credit limit would be passed.",
    Refusal.below_minimum: "Less than the smallest amount allowed; a top-up is from $20.00.",
    Refusal.refund_window_over: "The last activity is more than 12 months ago.",
    Refusal.not_refundable: "Nothing of it can be refunded.",
    Refusal.no_change: "It is so already.",
    Refusal.too_many_lots: "So many lots are unspent that no more are added; grant it in one sum.",
    Refusal.not_acceptable: (
        "A correction is not charged by itself: reject it, and adjust the balance if it was right."
    ),
    Refusal.not_owed: (
        "More than is owed, or than 1,000 charges of it: look at the balance, and write off less."
    ),
    Refusal.spent: "A part of it is spent already; adjust the balance by what is left instead.",
    Refusal.same_operator: "Another operator than the one who asked has to approve it.",
    Refusal.in_flight: (
        "A hold, a chat's hour, a waiting correction, a review or an approval is still open;"
        " end that first."
    ),
    Refusal.refundable: "Paid funds are left; refund them first.",
    Refusal.credit_in_use: "Credit was used and is not paid back yet.",
    Refusal.project_in_use: "The project has usage; it can only go live from now on.",
}
