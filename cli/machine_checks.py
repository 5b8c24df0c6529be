"""The doctor's checks of this machine: what the program runs on, and what `ledger up` needs."""

import http.client
import os
import platform
import shutil
import socket
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Final

from cli import settings
from cli.findings import Finding, failed, fine, noted

FREE_BYTES_MIN: Final = 2_000_000_000
ANSWER_S: Final = 2.0


def machine(data: Path) -> Iterator[Finding]:
    """Check after check; `data` is where `ledger up` would work."""
    yield _python()
    yield _variables()
    yield from _own_stack(data)
    yield _schemas()


def _python() -> Finding:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if (3, 11) <= sys.version_info < (3, 14):
        return fine("Python", found)
    return failed("Python", found, "use 3.11 to 3.13")


def _variables() -> Finding:
    unknown = settings.unknown(os.environ)
    if unknown:
        remedy = "if one is misspelt, `docs/reference/settings.md` has them all"
        return noted("settings", f"no settings of ours: {', '.join(unknown)}", remedy)
    ours = sum(name.startswith(settings.PREFIX) for name in os.environ)
    return fine("settings", f"{ours} given by the environment, each known and well")


def _own_stack(data: Path) -> Iterator[Finding]:
    """What `ledger up` needs; production's services have no use for it."""
    try:
        from devstack.jars import locked_jars, user_cache
        from devstack.java import find_java
        from devstack.postgresql import find_postgresql
    except ImportError as error:
        remedy = "only `ledger up` and `ledger demo` need it: install the extra `devstack`"
        yield noted("own stack", f"{error.name} is not installed", remedy)
        return
    yield fine("Java", str(find_java()))
    yield fine("Postgres", str(find_postgresql().bin))
    jars = locked_jars()
    missing = [jar for jar in jars if not jar.is_intact(user_cache() / "jars" / jar.file_name)]
    if missing:
        megabytes = sum(jar.size_bytes for jar in missing) / 1e6
        remedy = f"`ledger up` fetches them, {megabytes:.0f} MB, once"
        yield noted("broker", f"{len(missing)} jars are not in the cache", remedy)
    else:
        yield fine("broker", f"{len(jars)} jars in {user_cache()}")
    yield _folder(data)
    yield _loopback()


def _folder(data: Path) -> Finding:
    nearest = next(folder for folder in (data, *data.parents) if folder.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        remedy = f"make {nearest} yours, or set LEDGER_DATA"
        return failed("data folder", f"{nearest} cannot be written to", remedy)
    if data.exists() and data.stat().st_mode & 0o077:
        return failed("data folder", f"{data} is open to others", f"chmod 700 {data}")
    free_bytes = shutil.disk_usage(nearest).free
    found = f"{data}, {free_bytes / 1e9:.0f} GB free"
    if free_bytes < FREE_BYTES_MIN:
        return failed("data folder", found, "make room: a full disk stops the broker")
    return fine("data folder", found)


def _loopback() -> Finding:
    try:
        with socket.create_server(("127.0.0.1", 0)):
            return fine("ports", "loopback gives free ones")
    except OSError as error:
        return failed("ports", str(error), "bring loopback up: `ip link set lo up`")


def schemas_endpoint(port: int) -> Finding:
    """Whether the endpoint on this machine has each version that the topics are written in."""
    from schemas.catalogue import catalogue

    try:
        served = {schema.schema_id: _served(port, schema.schema_id) for schema in catalogue()}
    except (OSError, http.client.HTTPException) as error:
        remedy = "only tools need it: `ledger run schemas-endpoint`, on LEDGER_SCHEMAS_PORT"
        return noted("registry", f"no schema endpoint at 127.0.0.1:{port} ({error})", remedy)
    missing = [str(number) for number, status in served.items() if status != HTTPStatus.OK]
    if missing:
        remedy = "restart `ledger run schemas-endpoint`: it is older, or another program's port"
        return failed("registry", f"127.0.0.1:{port} lacks ids {', '.join(missing)}", remedy)
    return fine("registry", f"127.0.0.1:{port} has all {len(served)} schemas")


def _served(port: int, schema_id: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
    try:
        connection.request("GET", f"/schemas/ids/{schema_id}")
        return connection.getresponse().status
    finally:
        connection.close()


def _schemas() -> Finding:
    from ledger.errors import WrongSettings
    from schemas.catalogue import catalogue

    try:
        return fine("schemas", f"{len(catalogue())} versions as published, no id used twice")
    except WrongSettings as error:
        return failed("schemas", str(error), "install the program anew")
