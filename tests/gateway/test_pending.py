from tests.support.factories import press

from qdpi.gateway.streams.pending import PendingPresses


def test_press_counted_once():
    """A press counts once, however often it arrives."""
    waiting = PendingPresses(2)
    assert [waiting.add(press("j", p)) for p in ("a", "a", "b")] == [True, True, True]
    assert waiting.of("j") == {"a": press("j", "a"), "b": press("j", "b")}


def test_full_journey_has_no_room():
    waiting = PendingPresses(1)
    assert waiting.add(press("j", "a"))
    assert not waiting.add(press("j", "b"))
    assert waiting.add(press("k", "b"))


def test_answer_makes_room():
    """An answer makes room, and the answered press is not counted again."""
    waiting = PendingPresses(1)
    waiting.add(press("j", "a"))
    waiting.answer("j", "a")
    assert waiting.add(press("j", "a"))
    assert waiting.of("j") == {}
    assert waiting.add(press("j", "b"))


def test_discarded_press_may_be_sent_again():
    """A press that was not published makes room and may be sent again."""
    waiting = PendingPresses(1)
    waiting.add(press("j", "a"))
    waiting.discard("j", "a")
    assert waiting.of("j") == {}
    assert waiting.add(press("j", "a"))
    assert [*waiting.of("j")] == ["a"]


def test_least_recent_journeys_and_answers_are_dropped():
    waiting = PendingPresses(1, journeys=2, answered=2)
    for journey in "abc":
        waiting.add(press(journey, f"press of {journey}"))
    assert [len(waiting.of(journey)) for journey in "abc"] == [0, 1, 1]
    for name in ("x", "y", "z"):
        waiting.answer("d", name)
    assert [waiting.answered(name) for name in ("x", "y", "z")] == [False, True, True]


def test_earlier_presses_come_first():
    """Those from before the tap are before those that it brought, each once, without the answered ones."""
    waiting = PendingPresses(8)
    waiting.add(press("j", "c"))
    waiting.answer("j", "a")
    waiting.add_earlier("j", [press("j", "a"), press("j", "b"), press("j", "c")])
    assert [*waiting.of("j").items()] == [("b", press("j", "b")), ("c", press("j", "c"))]
    assert waiting.complete("j")
    assert not waiting.complete("k")


def test_press_seen_by_its_run_alone():
    """It waits without its fields until they are found; until then its journey is not complete."""
    waiting = PendingPresses(8)
    waiting.add_earlier("j", [])
    assert waiting.note("j", "a")
    assert not waiting.note("j", "a")
    assert waiting.of("j") == {"a": None}
    assert not waiting.complete("j")
    waiting.add_earlier("j", [press("j", "a")])
    assert waiting.of("j") == {"a": press("j", "a")}
    waiting.answer("j", "a")
    assert not waiting.note("j", "a")


def test_restart_completes_no_journey():
    waiting = PendingPresses(8)
    waiting.add_earlier("j", [press("j", "a")])
    waiting.restart()
    assert not waiting.complete("j")
    assert [*waiting.of("j")] == ["a"]


def test_complete_journeys_are_bounded():
    waiting = PendingPresses(8, journeys=2)
    for journey in "abc":
        waiting.add_earlier(journey, [])
    assert [waiting.complete(journey) for journey in "abc"] == [False, True, True]
