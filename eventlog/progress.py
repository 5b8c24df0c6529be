"""How far one input topic of a partition was read and decided, in offsets and in append time.

A hold may expire only once usage that was appended before its end is decided. What a partition
knows about that is either the append time of a record it decided, or that it had decided
everything up to an end which was read after a command of a known append time had arrived.
When unsure, lower.
"""


class Progress:
    """Offsets are next offsets: everything below them is meant."""

    def __init__(self, next_offset: int) -> None:
        """Begin at a position; nothing is known about times yet."""
        self.arrived = next_offset
        self.decided = next_offset
        self._decided_ms = 0
        self._end_seen = next_offset
        self._arrived_at_end = next_offset
        self._asked_end = -1
        self._asked_at_ms = 0

    def arrive(self, next_offset: int) -> None:
        """Records up to here wait to be decided."""
        self.arrived = next_offset

    def see_end(self, offset: int) -> None:
        """Nothing lies between the last record that arrived and `offset` but commit markers."""
        self._end_seen, self._arrived_at_end = offset, self.arrived

    def decide(self, next_offset: int, append_ms: int) -> None:
        """Records up to here are decided; the last of them was appended then."""
        self.decided, self._decided_ms = next_offset, append_ms

    def ask_end(self, end: int, command_ms: int) -> None:
        """The topic ended at `end`, asked after a command appended at `command_ms` had arrived.

        `end` counts records of unfinished transactions: they were appended before, too.
        """
        self._asked_end, self._asked_at_ms = end, command_ms

    @property
    def known_end(self) -> int:
        """What the topic held at least, when last asked."""
        return max(self.position, self._asked_end)

    @property
    def read_to_ms(self) -> int:
        """All usage appended up to this time is decided; 0 if nothing is known."""
        if self.position >= self._asked_end >= 0:
            return max(self._decided_ms, self._asked_at_ms)
        return self._decided_ms

    @property
    def position(self) -> int:
        """Everything below is decided, or is no input: commit markers and what was aborted."""
        if self.decided >= self._arrived_at_end:
            return max(self.decided, self._end_seen)
        return self.decided
