"""The watermark: what is known about usage that may still come."""

from eventlog.progress import Progress


def test_nothing_is_known_at_first() -> None:
    assert Progress(7).read_to_ms == 0


def test_a_decided_record_is_a_proof_up_to_its_own_time() -> None:
    progress = Progress(0)
    progress.arrive(3)
    assert progress.read_to_ms == 0
    progress.decide(3, append_ms=100)
    assert progress.read_to_ms == 100


def test_an_end_that_was_reached_is_a_proof_up_to_the_command_before_it_was_asked() -> None:
    progress = Progress(5)
    progress.ask_end(5, command_ms=200)
    assert progress.read_to_ms == 200


def test_an_end_not_reached_yet_proves_nothing() -> None:
    progress = Progress(5)
    progress.arrive(6)
    progress.ask_end(6, command_ms=200)
    assert progress.read_to_ms == 0
    progress.decide(6, append_ms=150)
    assert progress.read_to_ms == 200


def test_commit_markers_at_the_end_do_not_hold_the_watermark_back() -> None:
    progress = Progress(0)
    progress.arrive(3)
    progress.see_end(5)
    progress.decide(3, append_ms=100)
    progress.ask_end(5, command_ms=200)
    assert progress.read_to_ms == 200


def test_a_record_of_an_unfinished_transaction_holds_the_watermark_back() -> None:
    progress = Progress(0)
    progress.see_end(0)
    progress.ask_end(1, command_ms=200)
    assert progress.read_to_ms == 0


def test_an_end_seen_counts_only_once_what_came_before_it_is_decided() -> None:
    progress = Progress(0)
    progress.arrive(3)
    progress.see_end(5)
    progress.ask_end(5, command_ms=200)
    assert progress.read_to_ms == 0


def test_records_behind_an_end_do_not_undo_it() -> None:
    progress = Progress(0)
    progress.arrive(3)
    progress.see_end(5)
    progress.ask_end(5, command_ms=200)
    progress.arrive(9)
    progress.decide(3, append_ms=100)
    assert progress.read_to_ms == 200


def test_the_end_that_is_known_is_the_one_that_was_asked_until_more_is_decided() -> None:
    progress = Progress(5)
    assert progress.known_end == 5
    progress.ask_end(9, command_ms=200)
    assert progress.known_end == 9
    progress.decide(12, append_ms=300)
    assert progress.known_end == 12


def test_what_ends_a_transaction_is_no_input_that_waits() -> None:
    progress = Progress(5)
    progress.arrive(6)
    progress.see_end(7)
    assert progress.position == 5
    progress.decide(6, append_ms=300)
    assert (progress.position, progress.known_end) == (7, 7)
