"""What operators decide about usage that was held for review."""

from ledger import commands as ask
from ledger import events as done
from ledger.rates import CardBook
from ledger.refusals import Refusal
from ledger.usage import began_at
from ledger.wallet.charging import Charging
from ledger.wallet.state import Cause


class Reviewing(Charging):
    """Accepting and rejecting (DESIGN, the processor)."""

    def reject_review(self, command: ask.RejectReview, cause: Cause) -> None:
        """Never charge usage that was held for review."""
        if command.review_id not in self.reviews:
            return self.record_refusal(command, Refusal.unknown, cause)
        # From here on it must succeed.
        decided = (command.review_id, False, command.reason)
        return self.record(done.ReviewDecided(*self.envelope(cause), *decided), cause)

    def accept_review(self, command: ask.AcceptReview, cards: CardBook, cause: Cause) -> None:
        """Charge usage as it would have been charged, however late; or by the card's version named.

        The charge is the usage's own outcome: it bears the usage's id, hash and time.
        """
        review = self.reviews.get(command.review_id)
        if review is None:
            return self.record_refusal(command, Refusal.unknown, cause)
        usage = review.usage
        if usage.corrects is not None:
            return self.record_refusal(command, Refusal.not_acceptable, cause)
        version = command.card_version
        if version is None:
            card = self.card_in_force(began_at(usage), cards)
        else:
            card = cards.version(self.card_id_at(began_at(usage)), version)
        if card is None or card.price(usage) is None:
            return self.record_refusal(command, Refusal.no_price, cause)
        # From here on it must succeed.
        decided = (command.review_id, True, command.reason)
        self.record(done.ReviewDecided(*self.envelope(cause), *decided), cause)
        cause.input_id, cause.input_hash = review.input_id, review.input_hash
        cause.occurred_at_ms = review.occurred_at_ms
        return self.charge(usage, card, cause)
