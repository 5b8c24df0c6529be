"""What people are shown of a wallet, and what programs are."""

import pytest

from cli.reads import shown_row, wallet_row
from projections.wallets import Wallet

OVERDRAWN = Wallet("acme", is_postpay=True, credit_limit_micros=0, credit_used_micros=900_000)
HONOURED = Wallet("acme", held_micros=900_000)


@pytest.mark.rule("2.shown")
def test_people_are_shown_no_less_than_nothing_available() -> None:
    """A limit may fall below its use, and open holds are honoured past it."""
    assert shown_row(wallet_row(HONOURED), HONOURED)["available_micros"] == 0
    assert shown_row(wallet_row(OVERDRAWN), OVERDRAWN)["balance_micros"] == -900_000


def test_programs_are_told_the_figure_itself() -> None:
    assert wallet_row(HONOURED)["available_micros"] == -900_000
