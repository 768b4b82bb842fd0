from tests.support.gateway import delta

from qdpi.events import Phase
from qdpi.gateway.streams.texts_in_flight import PAGE_ITSELF, TextsInFlight
from qdpi.ids import request_id


def texts(running: TextsInFlight, presses: str = "p") -> list[tuple[int, int, str]]:
    found = [running.text(request_id(press)) for press in presses]
    return [(d.attempt, d.offset, d.text) for d in found if d]


def test_deltas_join_into_one_text_at_offset_0():
    running = TextsInFlight()
    assert running.take(delta("j", "p", "The ", 0))
    assert running.take(delta("j", "p", "door", 4))
    assert texts(running) == [(1, 0, "The door")]
    assert texts(running, "q") == []


def test_repeated_delta_is_dropped():
    running = TextsInFlight()
    running.take(delta("j", "p", "The ", 0))
    running.take(delta("j", "p", "door", 4))
    assert not running.take(delta("j", "p", "The ", 0))
    assert not running.take(delta("j", "p", "door", 4))
    assert texts(running) == [(1, 0, "The door")]


def test_delta_after_a_gap_is_not_joined():
    """A delta after a lost one is passed on but not added to the text."""
    running = TextsInFlight()
    running.take(delta("j", "p", "The ", 0))
    assert running.take(delta("j", "p", " stood", 8))
    assert texts(running) == [(1, 0, "The ")]


def test_newer_attempt_replaces_the_text():
    """A newer attempt starts the text over, and an older one is dropped."""
    running = TextsInFlight()
    running.take(delta("j", "p", "The ", 0, attempt=1))
    assert running.take(delta("j", "p", "A", 0, attempt=2))
    assert not running.take(delta("j", "p", "door", 4, attempt=1))
    assert not running.take(delta("j", "p", "", attempt=1, phase=Phase.CHECKING))
    assert texts(running) == [(2, 0, "A")]


def test_newest_phase():
    """A run's newest phase is kept beside its text."""
    running = TextsInFlight()
    running.take(delta("j", "p", "", phase=Phase.READING))
    running.take(delta("j", "p", "", phase=Phase.WRITING))
    running.take(delta("j", "p", "The ", 0))
    newest = running.newest(request_id("p"))
    assert newest is not None
    assert (newest.phase, newest.attempt) == (Phase.WRITING, 1)
    assert running.newest(request_id("q")) is None


def test_phase_of_a_text_without_one():
    """A run whose phase was lost has that of its text."""
    running = TextsInFlight()
    running.take(delta("j", "p", "The ", 0))
    newest = running.newest(request_id("p"))
    assert newest is not None
    assert newest.phase is Phase.WRITING


def test_forget_removes_the_text():
    running = TextsInFlight()
    piece = delta("j", "p", "The ", 0)
    running.take(piece)
    running.forget(piece.request_id)
    assert texts(running) == []


def test_restart_keeps_attempts_only():
    """After a restart the attempts are still known, the texts are not."""
    running = TextsInFlight()
    running.take(delta("j", "p", "The ", 0, attempt=2))
    running.restart()
    assert texts(running) == []
    assert not running.take(delta("j", "p", "The ", 0, attempt=1))


def test_long_text_is_bounded():
    """A page that grows too long keeps the text that it had."""
    running = TextsInFlight(characters=5)
    running.take(delta("j", "p", "The ", 0))
    assert running.take(delta("j", "p", "door", 4))
    assert texts(running) == [(1, 0, "The ")]


def test_17_000_pages_in_flight():
    """17,000 pages in flight all have their text."""
    running = TextsInFlight()
    written = "x" * 1_100
    for number in range(17_000):
        running.take(delta(f"j-{number}", f"p-{number}", written, 0))
    kept = [running.text(request_id(f"p-{number}")) for number in (0, 8_500, 16_999)]
    assert [delta.text for delta in kept if delta] == [written] * 3


def pages_with_room_for(pages: int, characters: int) -> TextsInFlight:
    return TextsInFlight(in_all=pages * PAGE_ITSELF + characters)


def test_least_recent_text_makes_room():
    running = pages_with_room_for(3, 12)
    for press in "abc":
        running.take(delta("j", press, press * 4, 0))
    running.take(delta("j", "a", "a", 4))
    assert [text for _, _, text in texts(running, "abc")] == ["aaaaa", "cccc"]


def test_pages_without_text_are_bounded():
    running = pages_with_room_for(2, 0)
    for press in "abc":
        running.take(delta("j", press, "", phase=Phase.READING))
    assert [running.newest(request_id(press)) is None for press in "abc"] == [True, False, False]


def test_removed_texts_make_room():
    """A text that is forgotten, replaced by a newer attempt or restarted makes room."""
    running = pages_with_room_for(2, 4)
    first = delta("j", "a", "aaaa", 0)
    for _ in range(3):
        running.take(first)
        running.forget(first.request_id)
    running.take(first)
    running.take(delta("j", "a", "AAAA", 0, attempt=2))
    running.restart()
    running.take(delta("j", "a", "aa", 0, attempt=2))
    running.take(delta("j", "b", "bb", 0))
    assert [text for _, _, text in texts(running, "ab")] == ["aa", "bb"]
