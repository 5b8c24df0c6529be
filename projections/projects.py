"""The `projects` table: each project's mode, and since when."""

from typing import Final

import msgspec

from ledger.events import ProjectMode, ProjectModeChanged, ProjectOpened
from projections.database import Database
from projections.keyed import Key, Keyed
from projections.logged import Batch
from projections.rows import Table


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
MODEL: Final = Keyed(
    TABLE,
    {"tenant_id": "text", "project_id": "text"},
    lambda event: (
        (event.originator_id, event.project_id) if type(event) is ProjectModeChanged else None
    ),
)


# ── Queries ──


def of_tenant(database: Database, tenant_id: str) -> list[Project]:
    """The tenant's projects, in the order of their ids."""
    return TABLE.select(database, "WHERE tenant_id = %s ORDER BY project_id", [tenant_id])


# ── Fold ──


def fold(batch: Batch, projects: dict[Key, Project]) -> None:
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
