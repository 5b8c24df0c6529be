"""Every error the ledger raises on purpose; its class decides what the loop does.

    LedgerError
    ├── UnreadableInput      set aside on ledger.dlq with its reason, go on
    ├── TryAgain             nothing happened; wait and repeat
    └── MustStop             this process may not go on; the next owner reads the truth in the log
        ├── BrokenLog        the log contradicts itself; a processor refuses that partition alone
        └── WrongSettings    the surroundings are not those the ledger is safe on

Refusals are not errors: they are values (`ledger.refusals`) and events.
"""


class LedgerError(Exception):
    """Base of all; the message is for people and says what to do next."""


class UnreadableInput(LedgerError):
    """An input that cannot be read or breaks its contract.

    `code` is one word for counters (`malformed`, `unknown_schema`, `wrong_partition` …).
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class TryAgain(LedgerError):
    """A passing fault outside; the same call may succeed later."""


class MustStop(LedgerError):
    """Going on could harm; the process ends and says why."""


class BrokenLog(MustStop):
    """A sequence, hash or position in the log does not fit what stands before it."""


class WrongSettings(MustStop):
    """A topic, database or configuration is not as RELIABILITY demands."""
