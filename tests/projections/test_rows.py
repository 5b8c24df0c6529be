"""Rows arrive in Postgres as they were, whatever their texts hold, and are counted."""

from collections.abc import Generator
from datetime import date

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from ledger.usage import Tier
from projections import usage_daily
from projections.database import Database, connected
from projections.rows import PART_ROWS, Stage, listed
from projections.usage_daily import UsageDay, UsageKind
from tests.projections.urls import Urls

pytestmark = pytest.mark.stack


class Row(msgspec.Struct, frozen=True, array_like=True):
    """Something of every kind that a column can be."""

    number: int
    text: str | None
    day: date | None
    tier: Tier | None
    flag: bool


STAGE = Stage(
    "staged_examples",
    Row,
    sql.SQL(
        "SELECT 0::bigint AS number, ''::text AS text, '2026-01-01'::date AS day,"
        " ''::text AS tier, false AS flag"
    ).format(),
    sql.SQL("INSERT INTO examples ({0}) SELECT {0} FROM staged_examples").format(
        listed(Row.__struct_fields__)
    ),
)

# Postgres has no text with a zero character in it, and UTF-8 no lone surrogates.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
ROWS = st.builds(
    Row,
    number=st.integers(-(2**63), 2**63 - 1),
    text=st.none() | TEXTS,
    day=st.none() | st.dates(),
    tier=st.none() | st.sampled_from(Tier),
    flag=st.booleans(),
)


@pytest.fixture(scope="module")
def database(urls_of_module: Urls) -> Generator[Database]:
    with connected(urls_of_module.owner) as found:
        STAGE.prepare(found)
        found.execute("CREATE TEMPORARY TABLE examples (LIKE staged_examples)")
        yield found


def written(database: Database, rows: list[Row]) -> list[Row]:
    """The rows as they came back."""
    database.execute("TRUNCATE examples")
    with database.transaction():
        STAGE.write_rows(database, rows)
    found = database.execute("SELECT * FROM examples").fetchall()
    return [msgspec.convert(row, Row) for row in found]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROWS, max_size=8))
def test_rows_come_back_as_they_went(database: Database, rows: list[Row]) -> None:
    assert written(database, rows) == rows


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        '"',
        "\\",
        '\\"',
        "\\n",
        "\n",
        "\r\n",
        "]\n[",
        "],[",
        "\\\\n",
        "\\.",
        "\n\\.\n",
        "a,b\tc",
        "\x01\x1f\x7f\x85\u2028",
        "é \U0001f600",
    ],
)
def test_a_text_that_means_something_to_a_format_is_only_a_text(
    database: Database, text: str
) -> None:
    rows = [Row(1, text, None, None, True), Row(2, None, date(2026, 1, 1), Tier.PREMIUM, False)]
    assert written(database, rows) == rows


def test_more_rows_than_are_encoded_at_once_arrive_in_order(database: Database) -> None:
    rows = [Row(number, str(number), None, None, True) for number in range(2 * PART_ROWS + 1)]
    assert written(database, rows) == rows


def test_a_merge_that_leaves_rows_out_is_not_taken_for_done(database: Database) -> None:
    only_some = Stage(
        "staged_examples",
        Row,
        sql.SQL("").format(),
        sql.SQL("INSERT INTO examples SELECT * FROM staged_examples WHERE flag"),
    )
    rows = [Row(1, None, None, None, True), Row(2, None, None, None, False)]
    with pytest.raises(AssertionError, match="1 rows merged of 2"), database.transaction():
        only_some.write_rows(database, rows)


def test_sums_are_added_to_the_row_of_the_same_key(urls: Urls) -> None:
    def day(outcome: None, charges: int) -> UsageDay:
        return UsageDay(
            "tenant", date(2026, 1, 1), "shop", UsageKind.CALL, outcome, None, False, charges, 1, 5
        )

    with connected(urls.projector) as projector:
        usage_daily.STAGE.prepare(projector)
        for charges in (2, 3):
            with projector.transaction():
                usage_daily.STAGE.write_rows(projector, [day(None, charges)])
        [found] = usage_daily.TABLE.select(projector, "", [])
    assert (found.charges, found.overage_minutes, found.amount_micros) == (5, 2, 10)
