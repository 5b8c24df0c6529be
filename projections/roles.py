"""What the role of a connection may: services must be held back by row-level security."""

from typing import NamedTuple

from projections.database import SCHEMA, Database


class Role(NamedTuple):
    """Who a connection is."""

    name: str
    bypasses_security: bool
    owns_tables: bool


def role_of(database: Database) -> Role:
    """The role that the connection's statements run as."""
    [found] = database.execute(
        "SELECT rolname, rolsuper OR rolbypassrls,"
        " EXISTS (SELECT FROM pg_tables WHERE schemaname = %s AND tableowner = rolname)"
        " FROM pg_roles WHERE rolname = current_user",
        [SCHEMA],
    ).fetchall()
    return Role(*found)
