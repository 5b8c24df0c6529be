"""The `projects` table: each project's mode, and since when."""

from collections.abc import Mapping
from typing import Final

import msgspec

from ledger.events import ProjectMode, ProjectModeChanged, ProjectOpened
from projections.database import Database
from projections.logged import Batch
from projections.rows import Table, replacing

Name = tuple[str, str]
"""A tenant and the id of a project."""


class Project(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A project; what began before `mode_from_ms` belongs to another mode.

    `seen_in_passing` marks one that nobody opened: it came with usage or a hold.
    """

    tenant_id: str
    project_id: str
    opened_at_ms: int
    seen_in_passing: bool
    mode: ProjectMode
    mode_from_ms: int


TABLE: Final = Table("projects", Project)
STAGE: Final = replacing(TABLE, key=["tenant_id", "project_id"])


# ── Queries ──


def of_tenant(database: Database, tenant_id: str) -> list[Project]:
    """The tenant's projects, in the order of their ids."""
    return TABLE.select(database, "WHERE tenant_id = %s ORDER BY project_id", [tenant_id])


# ── Fold ──


def load(
    database: Database,
    batch: Batch,
    projects: dict[Name, Project],
    uncommitted: Mapping[Name, Project],
) -> None:
    """Add the projects whose mode the batch changes, as far as they were opened before it."""
    asked: set[Name] = set()
    for _, event in batch:
        if type(event) is ProjectModeChanged:
            name = event.originator_id, event.project_id
            if name in uncommitted:
                projects.setdefault(name, uncommitted[name])
            elif name not in projects:
                asked.add(name)
    if asked:
        tenant_ids, project_ids = zip(*asked, strict=True)
        found = TABLE.select(
            database,
            "JOIN unnest(%s::text[], %s::text[]) AS changed (tenant, id)"
            " ON tenant_id = tenant AND project_id = id",
            [list(tenant_ids), list(project_ids)],
        )
        projects |= {(project.tenant_id, project.project_id): project for project in found}


def fold(batch: Batch, projects: dict[Name, Project]) -> None:
    """Open projects, and switch those that are there."""
    for _, event in batch:
        if type(event) is ProjectOpened:
            projects[event.originator_id, event.project_id] = _opened(event)
        elif type(event) is ProjectModeChanged:
            name = event.originator_id, event.project_id
            projects[name] = msgspec.structs.replace(
                projects[name], mode=event.mode, mode_from_ms=event.from_ms
            )


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
