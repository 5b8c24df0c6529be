"""Usage events as upstream publishes them, and what the facts of a call mean."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

REAL_CONVERSATION_MS_MIN: Final = 30_000
REAL_CONVERSATION_TURNS_MIN: Final = 3
INCLUDED_MS: Final = 300_000
MINUTE_MS: Final = 60_000
ID_LENGTH_MAX: Final = 64
DURATION_CAP_MS_MAX: Final = 24 * 60 * MINUTE_MS
DURATION_MS_MAX: Final = 366 * 24 * 60 * MINUTE_MS
TOKENS_MAX: Final = 10**12
"""Of one event: an amount must stay far within 64 bits."""
FREE_PAGES_MAX: Final = 100
TIME_MS_MAX: Final = 253_402_300_799_999
"""The last millisecond of the year 9999: common readers of Avro cannot show a later time."""


class Word(StrEnum):
    """An enumeration whose members are their own names, and hash as fast as strings."""

    __hash__ = str.__hash__


class Tier(Word):
    """The tier chosen for a scenario; each has its own prices."""

    ECONOMY = "ECONOMY"
    STANDARD = "STANDARD"
    PREMIUM = "PREMIUM"


class CallOutcome(Word):
    """How a completed call ended, as far as its price goes."""

    SUCCESS = "SUCCESS"
    REAL_CONVERSATION = "REAL_CONVERSATION"
    SPAM_OR_SILENT = "SPAM_OR_SILENT"


class Activity(Word):
    """What begins without a known most it could cost."""

    CHAT = "CHAT"
    CRAWL = "CRAWL"


class Usage(msgspec.Struct, frozen=True, gc=False):
    """What every usage event says of itself: one record of a usage topic.

    Times are UTC milliseconds. `corrects` names the event that this one replaces; with `withdrawn`
    that event did not happen.
    """

    event_id: str
    tenant_id: str
    project_id: str
    corrects: str | None
    withdrawn: bool


class CallUsage(Usage, frozen=True, gc=False):
    """A completed call: one record of `usage.calls`."""

    call_id: str
    scenario_id: str
    started_at: int
    ended_at: int
    tier: Tier
    goal_reached: bool
    flagged_spam: bool
    duration_ms: int
    duration_cap_ms: int
    user_turns: int
    hold_id: str | None


class CrawlUsage(Usage, frozen=True, gc=False):
    """A finished run of the knowledge crawler: one record of `usage.crawls`."""

    crawl_id: str
    started_at: int
    ended_at: int
    pages_fetched: int
    duration_ms: int
    is_recrawl: bool


class Channel(Word):
    """Where a text conversation was held."""

    WEB_WIDGET = "WEB_WIDGET"
    SMS = "SMS"


class ChatUsage(Usage, frozen=True, gc=False):
    """Tokens of a text conversation: one record of `usage.chat`."""

    conversation_id: str
    channel: Channel
    occurred_at: int
    input_tokens: int
    output_tokens: int


AnyUsage = CallUsage | CrawlUsage | ChatUsage
CHAT_HOUR_MS: Final = 3_600_000


def began_at(usage: AnyUsage) -> int:
    """When what decides about mode and card began: the call, the crawl, the chat's hour (UTC)."""
    if isinstance(usage, ChatUsage):
        return usage.occurred_at - usage.occurred_at % CHAT_HOUR_MS
    return usage.started_at


def happened_at(usage: AnyUsage) -> int:
    """When it was over, by its own word (UTC milliseconds)."""
    return usage.occurred_at if isinstance(usage, ChatUsage) else usage.ended_at


def call_outcome(usage: CallUsage) -> CallOutcome:
    """The outcome read from the facts, in order of precedence: a goal is a fact, a flag a guess."""
    if usage.goal_reached:
        return CallOutcome.SUCCESS
    if usage.flagged_spam:
        return CallOutcome.SPAM_OR_SILENT
    if (
        usage.duration_ms >= REAL_CONVERSATION_MS_MIN
        and usage.user_turns >= REAL_CONVERSATION_TURNS_MIN
    ):
        return CallOutcome.REAL_CONVERSATION
    return CallOutcome.SPAM_OR_SILENT


def overage_minutes(duration_ms: int, duration_cap_ms: int) -> int:
    """Started minutes beyond 5:00, up to the cap: `ceil((min(duration, cap) - 5:00) / 1:00)`."""
    charged_ms = min(duration_cap_ms, duration_ms)
    return -((INCLUDED_MS - charged_ms) // MINUTE_MS) if charged_ms > INCLUDED_MS else 0


def is_id(text: str) -> bool:
    """Whether the text can name something: 1 to 64 printable characters."""
    return 0 < len(text) <= ID_LENGTH_MAX and text.isprintable()


PLAIN_CALL: Final[Mapping[str, tuple[int, int]]] = {
    "event_id": (1, ID_LENGTH_MAX),
    "tenant_id": (1, ID_LENGTH_MAX),
    "project_id": (1, ID_LENGTH_MAX),
    "corrects": (1, ID_LENGTH_MAX),
    "withdrawn": (False, False),
    "call_id": (1, ID_LENGTH_MAX),
    "scenario_id": (1, ID_LENGTH_MAX),
    "started_at": (0, TIME_MS_MAX),
    "ended_at": (0, TIME_MS_MAX),
    "duration_ms": (0, DURATION_MS_MAX),
    "duration_cap_ms": (1, DURATION_CAP_MS_MAX),
    "user_turns": (0, 2**31 - 1),
    "hold_id": (1, ID_LENGTH_MAX),
}
"""Within which every value of a call is plainly what the contract of `usage.calls` wants: a number
or, of printable ASCII, a text's length. Of others `fault_in_call` tells; of plain ones it would
only see whether the call ended before it started.
"""


def fault_in_call(usage: CallUsage) -> str | None:
    """What is outside the contract of `usage.calls`, as a sentence; None if nothing is."""
    ids = (usage.event_id, usage.tenant_id, usage.project_id, usage.call_id, usage.scenario_id)
    if not all(map(is_id, ids)):
        return _fault_in_ids(usage)
    if usage.hold_id is not None and not is_id(usage.hold_id):
        return f"hold_id, if given, must be 1 to {ID_LENGTH_MAX} printable characters"
    fault = _fault_in_correction(usage)
    if fault is not None:
        return fault
    if not 0 <= usage.started_at <= usage.ended_at <= TIME_MS_MAX:
        return _OUT_OF_ORDER
    if usage.duration_ms < 0 or usage.user_turns < 0:
        return "duration_ms and user_turns must not be negative"
    if not 0 < usage.duration_cap_ms <= DURATION_CAP_MS_MAX:
        return f"duration_cap_ms must lie between 1 and {DURATION_CAP_MS_MAX}"
    return None


def fault_in_usage(usage: AnyUsage) -> str | None:
    """What is outside its topic's contract, as a sentence; None if nothing is."""
    if isinstance(usage, CallUsage):
        return fault_in_call(usage)
    return fault_in_crawl(usage) if isinstance(usage, CrawlUsage) else fault_in_chat(usage)


def fault_in_crawl(usage: CrawlUsage) -> str | None:
    """What is outside the contract of `usage.crawls`, as a sentence; None if nothing is."""
    if not all(map(is_id, (usage.event_id, usage.tenant_id, usage.project_id, usage.crawl_id))):
        return _fault_in_ids(usage)
    if not 0 <= usage.started_at <= usage.ended_at <= TIME_MS_MAX:
        return _OUT_OF_ORDER
    if usage.pages_fetched < 0 or not 0 <= usage.duration_ms <= DURATION_MS_MAX:
        return f"pages_fetched must not be negative, duration_ms at most {DURATION_MS_MAX}"
    return _fault_in_correction(usage)


def fault_in_chat(usage: ChatUsage) -> str | None:
    """What is outside the contract of `usage.chat`, as a sentence; None if nothing is."""
    ids = (usage.event_id, usage.tenant_id, usage.project_id, usage.conversation_id)
    if not all(map(is_id, ids)):
        return _fault_in_ids(usage)
    if not 0 <= usage.occurred_at <= TIME_MS_MAX:
        return "occurred_at must lie between the years 1970 and 9999"
    if not (0 <= usage.input_tokens <= TOKENS_MAX and 0 <= usage.output_tokens <= TOKENS_MAX):
        return f"input_tokens and output_tokens must lie between 0 and {TOKENS_MAX}"
    return _fault_in_correction(usage)


def _fault_in_correction(usage: Usage) -> str | None:
    if usage.corrects is not None and not is_id(usage.corrects):
        return f"corrects, if given, must be 1 to {ID_LENGTH_MAX} printable characters"
    if usage.withdrawn and usage.corrects is None:
        return "withdrawn needs corrects, the id of the event that did not happen"
    return None


def _fault_in_ids(usage: Usage) -> str:
    names = ("event_id", "tenant_id", "project_id", *_OWN_IDS[type(usage)])
    broken = [name for name in names if not is_id(getattr(usage, name))]
    return f"{' and '.join(broken)} must be 1 to {ID_LENGTH_MAX} printable characters"


_OWN_IDS: Final[Mapping[type[Usage], tuple[str, ...]]] = {
    CallUsage: ("call_id", "scenario_id"),
    CrawlUsage: ("crawl_id",),
    ChatUsage: ("conversation_id",),
}
_OUT_OF_ORDER: Final = (
    "started_at must not be negative or after ended_at, nor that after the year 9999"
)
