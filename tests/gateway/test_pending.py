from qdpi.gateway.streams.pending import PendingPresses


def test_press_counted_once():
    """A press counts once, however often it arrives."""
    waiting = PendingPresses(2)
    assert [waiting.add("j", p) for p in ("a", "a", "b")] == [True, True, True]
    assert waiting.of("j") == {"a", "b"}


def test_full_journey_has_no_room():
    waiting = PendingPresses(1)
    assert waiting.add("j", "a")
    assert not waiting.add("j", "b")
    assert waiting.add("k", "b")


def test_answer_makes_room():
    """An answer makes room, and the answered press is not counted again."""
    waiting = PendingPresses(1)
    waiting.add("j", "a")
    waiting.answer("j", "a")
    assert waiting.add("j", "a")
    assert waiting.of("j") == set()
    assert waiting.add("j", "b")


def test_discarded_press_may_be_sent_again():
    """A press that was not published makes room and may be sent again."""
    waiting = PendingPresses(1)
    waiting.add("j", "a")
    waiting.discard("j", "a")
    assert waiting.of("j") == set()
    assert waiting.add("j", "a")
    assert waiting.of("j") == {"a"}


def test_least_recent_journeys_and_answers_are_dropped():
    waiting = PendingPresses(1, journeys=2, answered=2)
    for journey in "abc":
        waiting.add(journey, f"press of {journey}")
    assert [len(waiting.of(journey)) for journey in "abc"] == [0, 1, 1]
    for press in ("x", "y", "z"):
        waiting.answer("d", press)
    assert [waiting.answered(press) for press in ("x", "y", "z")] == [False, True, True]
