"""How a command can end otherwise than well; the class decides the exit code.

click.ClickException
├── Refused       1  the ledger said no, or a check found something wrong
├── WrongSetting  2  a `LEDGER_*` variable is missing or wrong (click's usage errors: 2 too)
└── Unavailable   3  something did not answer: whether it happened is not known
    └── Stalled   3  Kafka answers, and nothing moves
"""

import click


class Refused(click.ClickException):
    """The answer is no; the message is the reason and what can be done about it."""

    exit_code = 1


class WrongSetting(click.ClickException):
    """The configuration does not say what is needed, or says what cannot be."""

    exit_code = 2


class Unavailable(click.ClickException):
    """Kafka, Postgres or a service did not answer."""

    exit_code = 3


class Stalled(Unavailable):
    """What is waited for does not come nearer; what is in the log can still be read."""
