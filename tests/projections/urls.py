"""The addresses of one test's database, as each role connects to it."""

import secrets
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from projections.migrate import OPERATOR, PROJECTOR, ROLES, WEB

PASSWORDS = {role: secrets.token_hex(8) for role in ROLES}


class Urls:
    """A database that was just created, empty."""

    def __init__(self, server_url: str) -> None:
        name = f"test_{secrets.token_hex(4)}"
        self._server_url = server_url
        self._name = sql.Identifier(name)
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(self._name))
        self.owner = urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
        self.projector = self._as(PROJECTOR)
        self.web = self._as(WEB)
        self.operator = self._as(OPERATOR)

    def drop(self) -> None:
        """Let go of it: a server that is killed looks at every file it has before it is back."""
        with psycopg.connect(self._server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(self._name))

    def _as(self, role: str) -> str:
        parts = urlsplit(self.owner)
        address = f"{role}:{PASSWORDS[role]}@{parts.hostname}:{parts.port}"
        return urlunsplit(parts._replace(netloc=address))
