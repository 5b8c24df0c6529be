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
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        self.owner = urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
        self.projector = self._as(PROJECTOR)
        self.web = self._as(WEB)
        self.operator = self._as(OPERATOR)

    def _as(self, role: str) -> str:
        parts = urlsplit(self.owner)
        address = f"{role}:{PASSWORDS[role]}@{parts.hostname}:{parts.port}"
        return urlunsplit(parts._replace(netloc=address))
