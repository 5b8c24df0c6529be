"""What can go wrong for those who publish or ask; none of it means that usage was lost.

ClientError
├── OutsideContract  a field is outside its contract: correct it, nothing was sent
├── OutboxFull       no room in time: nothing of this call was taken, put it again later
├── OutboxClosed     closed, or its end has begun: nothing was taken
├── OutboxFailed     it can go on no more, and why: open it again
├── SpoolUnwritable  the disk did not take it (full?): nothing of this call was taken
├── SpoolInUse       another process, or another outbox of this one, has the folder
└── SpoolDamaged     the folder does not hold what was written: a person has to look

A question without an answer is `NoAnswer`, records that were not acknowledged are `Undelivered`:
those are the log's own.
"""


class ClientError(Exception):
    """Anything the client raises on purpose."""


class OutsideContract(ClientError, ValueError):
    """A field is outside its contract; the message says which. Nothing was sent."""


class OutboxFull(ClientError):
    """As much waits as may wait; nothing of what was put was taken."""


class OutboxClosed(ClientError):
    """It takes nothing any more."""


class OutboxFailed(ClientError):
    """It stopped by itself; what it held is in its spool, if it has one."""


class SpoolUnwritable(ClientError):
    """The spool's disk took nothing; the cause says why."""


class SpoolInUse(ClientError):
    """The folder belongs to another outbox that is open."""


class SpoolDamaged(ClientError):
    """A file of the spool is not as it was written; the message says which, and where."""


class SpoolTorn(UserWarning):
    """A file of the spool ended amid a write: what nobody was told of was set aside, and where."""
