"""What can go wrong with the stack of one machine; each message says what to do next.

DevstackError
├── FetchFailed    a part is missing from the cache and cannot be fetched as the lock names it
├── FolderInUse    another stack runs on this data folder
└── ProcessFailed  a process ended, or was not ready in time
"""


class DevstackError(Exception):
    """The stack cannot do what was asked."""


class FetchFailed(DevstackError):
    """A part is missing from the cache and cannot be fetched as the lock names it."""


class FolderInUse(DevstackError):
    """Another stack runs on this data folder."""


class ProcessFailed(DevstackError):
    """A process ended, or was not ready in time; the message shows its log's last lines."""
