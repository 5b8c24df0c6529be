"""How far a wallet's money reaches: for tokens that are not charged yet, and after a reversal."""

from typing import Final, NamedTuple

from ledger import events as done


class OpenChat(NamedTuple):
    """The tokens of an hour that is not charged yet, what is held for it, and what they cost."""

    input_tokens: int
    output_tokens: int
    held_micros: int
    price_micros: int

    @property
    def unheld_micros(self) -> int:
        """What its holds leave uncovered: it counts as held as far as there is something."""
        return max(0, self.price_micros - self.held_micros)


NOTHING_COUNTED: Final = OpenChat(0, 0, 0, 0)


class Restored(NamedTuple):
    """What the reversal of a charge leaves to the charge that is made instead.

    What it gave back to lots and to credit; of that, what is not there as a limit fell since
    (`beyond_limit_micros`), and what tokens count as held by now; what was written off of it.
    """

    lots_micros: int
    credit_micros: int
    beyond_limit_micros: int
    under_tokens_micros: int
    given_up_micros: int


NOTHING_RESTORED: Final = Restored(0, 0, 0, 0, 0)


class Reach(NamedTuple):
    """What there was at a moment: beside the holds, and available; 0 where it was below."""

    beside_micros: int
    available_micros: int


def restored_by(reversed_: done.ChargeReversed, before: Reach, after: Reach) -> Restored:
    """What a reversal leaves, by what there was before and after it."""
    lots_micros = done.drawn_micros(reversed_.draws)
    more_micros = after.beside_micros - before.beside_micros
    price_micros = 0 if reversed_.is_simulated else reversed_.price_micros
    return Restored(
        lots_micros,
        reversed_.credit_micros,
        lots_micros + reversed_.credit_micros - more_micros,
        more_micros - (after.available_micros - before.available_micros),
        max(0, price_micros - reversed_.amount_micros),
    )
