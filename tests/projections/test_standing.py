"""What stands open over all tenants is what the lists show and the wallets owe."""

import pytest

from projections import approvals, reviews
from projections.database import connected
from projections.standing import Standing, standing
from tests.projections.decided_log import DecidedLog
from tests.projections.tables import fold
from tests.projections.urls import Urls

pytestmark = pytest.mark.stack

ALL = 100_000


def test_what_stands_open_is_counted_over_all_tenants(urls: Urls) -> None:
    log = DecidedLog(seed=3, tenants=8, inputs=2_000)
    fold(urls.projector, log.events, batch_size=500)
    owed = [one.arrears_micros for one in log.wallets.values() if one.arrears_micros]
    with connected(urls.projector) as database:
        to_review = len(reviews.page(database, limit=ALL))
        to_approve = len(approvals.page(database, limit=ALL))
        found = standing(database)
    assert found == Standing(to_review, to_approve, len(owed), sum(owed))
    assert min(found) > 0, "a log in which nothing stands open shows nothing"


def test_nothing_stands_open_in_empty_tables(urls: Urls) -> None:
    with connected(urls.projector) as database:
        assert standing(database) == Standing(0, 0, 0, 0)
