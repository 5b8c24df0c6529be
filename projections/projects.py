"""The `projects` table: each project's mode, and since when."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from ledger.events import ProjectMode, ProjectModeChanged, ProjectOpened
from projections.database import Database
from projections.logged import Logged
from projections.rows import Table

Name = tuple[str, str]
"""A tenant and the id of a project."""


class Project(msgspec.Struct, frozen=True, gc=False):
    """A project; what began before `mode_from_ms` belongs to another mode.

    `seen_in_passing` marks one that nobody opened: it came with usage or a hold.
    """

    tenant_id: str
    project_id: str
    opened_at_ms: int
    seen_in_passing: bool
    mode: ProjectMode
    mode_from_ms: int


TABLE: Final = Table("projects", Project, key=["tenant_id", "project_id"])


# ── Queries ──


def of_tenant(database: Database, tenant_id: str) -> list[Project]:
    """The tenant's projects, in the order of their ids."""
    return TABLE.select(database, "WHERE tenant_id = %s ORDER BY project_id", [tenant_id])


# ── Fold ──


def load(database: Database, batch: Iterable[Logged]) -> dict[Name, Project]:
    """The projects whose mode the batch changes, as far as they were opened before it."""
    changes = [item.event for item in batch if isinstance(item.event, ProjectModeChanged)]
    if not changes:
        return {}
    found = TABLE.select(
        database,
        "JOIN unnest(%s::text[], %s::text[]) AS changed (tenant, id)"
        " ON tenant_id = tenant AND project_id = id",
        [[event.originator_id for event in changes], [event.project_id for event in changes]],
    )
    return {(project.tenant_id, project.project_id): project for project in found}


def fold(batch: Iterable[Logged], before: Mapping[Name, Project]) -> list[Project]:
    """The projects that the batch opens or switches, as they stand after it."""
    after: dict[Name, Project] = {}
    for _, event in batch:
        if isinstance(event, ProjectOpened):
            name = event.originator_id, event.project_id
            after[name] = _opened(event)
        elif isinstance(event, ProjectModeChanged):
            name = event.originator_id, event.project_id
            project = after.get(name) or before[name]
            after[name] = msgspec.structs.replace(
                project, mode=event.mode, mode_from_ms=event.from_ms
            )
    return list(after.values())


def _opened(event: ProjectOpened) -> Project:
    in_sandbox = event.live_from_ms is None
    return Project(
        tenant_id=event.originator_id,
        project_id=event.project_id,
        opened_at_ms=event.recorded_at_ms,
        seen_in_passing=event.seen_in_passing,
        mode=ProjectMode.SANDBOX if in_sandbox else ProjectMode.LIVE,
        mode_from_ms=event.recorded_at_ms if event.live_from_ms is None else event.live_from_ms,
    )
