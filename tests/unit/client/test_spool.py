"""The spool gives back what was not done, whatever the end was like, and says what it cannot."""

import errno
import os
import warnings
from pathlib import Path

import pytest

from client import spool
from client.errors import SpoolDamaged, SpoolInUse, SpoolTorn
from client.spool import Entry, Spool

ONE, TWO, THREE = (Entry("usage.calls", word) for word in (b"one", b"two", b"three"))
CHAT = Entry("usage.chat", b"")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "a" / "spool"


def recovered(folder: Path) -> list[Entry]:
    """What the next owner finds."""
    found = Spool(folder)
    found.close()
    return list(found.recovered)


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.spool"))


def filled(folder: Path) -> Path:
    """A folder with a frame of one entry and one of two; the segment that holds them."""
    held = Spool(folder)
    held.append([ONE])
    held.append([TWO, CHAT])
    held.close()
    return segments(folder)[-1]


def test_what_is_not_done_comes_back_in_its_order(folder: Path) -> None:
    filled(folder)
    assert recovered(folder) == [ONE, TWO, CHAT]
    assert recovered(folder) == [ONE, TWO, CHAT]


def test_what_is_done_does_not(folder: Path) -> None:
    held = Spool(folder)
    held.append([ONE])
    held.append([TWO])
    held.done(1)
    held.close()
    assert recovered(folder) == [TWO]


def test_a_frame_that_is_partly_done_comes_back_whole(folder: Path) -> None:
    held = Spool(folder)
    held.append([ONE, TWO])
    held.done(1)
    held.close()
    assert recovered(folder) == [ONE, TWO]


def test_what_came_back_can_be_done(folder: Path) -> None:
    filled(folder)
    held = Spool(folder)
    held.append([THREE])
    held.done(3)
    held.close()
    assert recovered(folder) == [THREE]


def test_segments_that_are_done_are_deleted_and_their_numbers_not_used_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "SEGMENT_BYTES", 10)
    held = Spool(folder)
    for entry in (ONE, TWO, THREE):
        held.append([entry])
    names = [path.name for path in segments(folder)]
    assert len(names) == 3
    held.done(3)
    assert [path.name for path in segments(folder)] == names[2:]
    held.close()
    segments(folder)[0].unlink()
    again = Spool(folder)
    assert list(again.recovered) == []
    again.append([ONE])
    assert segments(folder)[0].name > names[2]
    again.close()


def test_many_entries_are_several_frames(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "FRAME_BYTES", 5)
    held = Spool(folder)
    held.append([ONE, TWO, THREE])
    held.done(2)
    held.close()
    assert recovered(folder) == [THREE]


@pytest.mark.parametrize("kept", range(12 + 5 + 3 + 5))
def test_a_frame_that_was_not_written_whole_was_never_taken(folder: Path, kept: int) -> None:
    segment = filled(folder)
    whole = segment.read_bytes()
    first = len(spool.MAGIC) + spool.FRAME.size + spool.ENTRY.size + len(b"one")
    segment.write_bytes(whole[: first + kept])
    with warnings.catch_warnings(record=True, action="always") as said:
        assert recovered(folder) == [ONE]
        assert recovered(folder) == [ONE]
    torn = segment.with_suffix(".torn")
    assert (torn.read_bytes() if torn.exists() else b"") == whole[first : first + kept]
    assert [f" in {kept} bytes" in str(one.message) for one in said] == [True] * bool(kept)


def test_a_disk_that_is_full_keeps_no_frame_from_going_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a frame that was not written whole, and no room to copy what there is of it
    segment = filled(folder)
    torn = segment.read_bytes()[:-1]
    segment.write_bytes(torn)

    def full(_file: int, _data: bytes, _at: int) -> int:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        # When the folder is opened
        with pytest.warns(SpoolTorn, match=r"the disk takes no copy .*full"):
            held = Spool(folder)
        # Then what was taken comes back, and nothing is written behind what was not
        assert list(held.recovered) == [ONE]
        with pytest.raises(OSError, match="full"):
            held.append([THREE])
    assert segment.read_bytes() == torn
    # And once there is room again, it goes on
    held.append([THREE])
    held.close()
    assert torn.endswith(segment.with_suffix(".torn").read_bytes())
    assert recovered(folder) == [ONE, THREE]


def test_a_segment_that_was_only_begun_is_forgotten(folder: Path) -> None:
    segment = filled(folder)
    begun = segment.with_stem("000000000009")
    begun.write_bytes(spool.MAGIC[:3])
    assert recovered(folder) == [ONE, TWO, CHAT]
    assert not begun.exists()


FIRST = len(spool.MAGIC)


@pytest.mark.parametrize("at", range(FIRST, FIRST + spool.FRAME.size + spool.ENTRY.size + 3))
def test_damage_with_more_behind_it_is_said_not_skipped(folder: Path, at: int) -> None:
    """Wherever it is: where the frame ends cannot be known from a header that is broken."""
    segment = filled(folder)
    data = bytearray(segment.read_bytes())
    data[at] ^= 1
    segment.write_bytes(data)
    try:
        # How many there are is counted anyway
        assert recovered(folder) == [ONE, TWO, CHAT]
    except SpoolDamaged as damaged:
        assert f"{segment.name} is damaged at byte 8" in str(damaged)  # noqa: PT017
    else:
        assert at in range(FIRST + 8, FIRST + 12)
    assert segment.read_bytes() == data
    # And the folder is let go of, for whoever looks into it
    segment.unlink()
    assert recovered(folder) == []


@pytest.mark.parametrize("left", [3, 20])
def test_a_segment_that_is_shorter_than_what_was_done_of_it_is_said(
    folder: Path, left: int
) -> None:
    held = Spool(folder)
    held.append([ONE])
    held.append([ONE])
    held.done(1)
    held.close()
    [segment] = segments(folder)
    os.truncate(segment, left)
    with pytest.raises(SpoolDamaged):
        Spool(folder)


def test_damage_in_an_older_segment_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "SEGMENT_BYTES", 10)
    filled(folder)
    older = segments(folder)[0]
    older.write_bytes(older.read_bytes()[:-1])
    with pytest.raises(SpoolDamaged):
        Spool(folder)


def test_what_is_no_segment_is_said(folder: Path) -> None:
    filled(folder).write_bytes(b"usage-2\n")
    with pytest.raises(SpoolDamaged, match="newer program"):
        Spool(folder)


@pytest.mark.parametrize("position", [b"", b"\0" * 20, b"\xff" * 7])
def test_a_position_that_is_none_has_all_sent_again(folder: Path, position: bytes) -> None:
    held = Spool(folder)
    held.append([ONE])
    held.append([TWO])
    held.done(1)
    held.close()
    (folder / "position").write_bytes(position)
    assert recovered(folder) == [ONE, TWO]


def test_a_folder_has_one_owner(folder: Path) -> None:
    held = Spool(folder)
    with pytest.raises(SpoolInUse):
        Spool(folder)
    held.close()
    assert recovered(folder) == []


def test_a_folder_that_cannot_be_used_is_let_go_of(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_ = os.open

    def full(path: Path, *how: int) -> int:
        if path.name == "position":
            raise OSError(errno.ENOSPC, "full")
        return open_(path, *how)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", full)
        with pytest.raises(OSError, match="full"):
            Spool(folder)
    assert recovered(folder) == []


def test_a_folder_that_is_made_is_on_the_disk_as_those_above_it_are(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[int] = set()

    def sync(file: int) -> None:
        synced.add(os.fstat(file).st_ino)

    monkeypatch.setattr(os, "fsync", sync)
    Spool(folder).close()
    assert synced == {folder.parent.stat().st_ino, folder.parent.parent.stat().st_ino}
    synced.clear()
    Spool(folder).close()
    assert synced == set()


def test_a_segment_that_cannot_be_deleted_is_deleted_by_the_next_owner(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "SEGMENT_BYTES", 10)
    held = Spool(folder)
    for entry in (ONE, TWO, THREE):
        held.append([entry])

    def broken(_path: Path, *, missing_ok: bool) -> None:
        raise OSError(errno.EIO, "broken")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", broken)
        held.done(1)
    held.done(1)
    held.close()
    assert len(segments(folder)) == 2
    assert recovered(folder) == [THREE]
    assert len(segments(folder)) == 1


def test_a_disk_that_takes_only_a_part_has_taken_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Spool(folder)
    held.append([ONE])
    write, room = os.pwrite, [9]

    def full(file: int, data: bytes, at: int) -> int:
        if not room:
            raise OSError(errno.ENOSPC, "full")
        return write(file, data[: room.pop()], at)

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="full"):
            held.append([TWO])
    # Once there is room again, it goes on
    held.append([THREE])
    held.done(1)
    held.close()
    assert recovered(folder) == [THREE]


def test_a_sync_that_failed_is_no_promise(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "FRAME_BYTES", 1)
    held = Spool(folder)
    sync, failing = os.fsync, [None, OSError(errno.EIO, "broken")]

    def flaky(file: int) -> None:
        failure = failing.pop(0) if failing else None
        if failure:
            raise failure
        sync(file)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", flaky)
        with pytest.raises(OSError, match="broken"):
            held.append([ONE, TWO])
    held.append([THREE])
    held.done(1)
    held.close()
    # What is done is counted by what was taken: nothing is owed any more
    assert recovered(folder) == []
