"""A page against the plan that a model made of it."""

from __future__ import annotations

import pytest
from tests.measures.books import measures_of, own_edition
from tests.measures.test_measures import GERMAN, JAPANESE

from qdpi.measures.measures import Measures
from qdpi.measures.verdict import Planned, Subject
from qdpi.page_schema import Check, CheckWeight

PAGE = (
    "The keeper stood at the pump with her lantern. Nobody had opened the ledger since the flood. "
    + "Rain went over the roof. " * 20
    + "Then she walked down to the ferry."
)
KEPT = Planned(beats=("The keepers lift a lantern.", "The ledger stays shut."), edges=("She takes the ferry.",))
MISSED = Planned(beats=("Elephants cross the bridge.", "A trumpet sounds.", "The keeper waits."))


def check(planned: Planned | None, text: str = PAGE, locus: str = "", measures: Measures | None = None) -> Check:
    subject = Subject(text=text, voice=0, locus=locus, planned=planned)
    return {each.name: each for each in (measures or own_edition().measures).check(subject)}["plan"]


def test_page_keeps_its_plan_where_it_has_its_words() -> None:
    """Words are compared by their stems, and a third of a line's words are enough."""
    kept = check(KEPT)
    assert (kept.passed, kept.score) == (True, 1.0)
    assert kept.reason == "The page has 3 of the 3 things that were planned."


def test_page_that_misses_most_of_its_plan_is_told_what_it_lacks() -> None:
    missed = check(MISSED)
    assert (missed.passed, missed.score) == (False, 0.3333)
    assert "It lacks: “Elephants cross the bridge”; “A trumpet sounds”." in missed.reason
    assert missed.reasons[0].endswith("Let what was planned happen on the page.")


def test_missed_plan_advises_and_fails_no_page() -> None:
    subject = Subject(text=PAGE, voice=0, planned=MISSED)
    verdict, unplanned = (
        own_edition().measures.validate(each) for each in (subject, Subject(text=PAGE, voice=0, planned=None))
    )
    assert check(MISSED).weight is CheckWeight.ADVICE
    assert verdict.reasons == unplanned.reasons
    assert set(verdict.advice) - set(unplanned.advice) == set(check(MISSED).reasons)


def test_edge_is_looked_for_at_the_end() -> None:
    at_end = check(Planned(beats=("The ledger.",), edges=("the ferry",)))
    at_start = check(Planned(beats=("The ledger.",), edges=("the keeper's lantern",)))
    assert (at_end.score, at_start.score) == (1.0, 0.5)
    assert "It lacks: at its end “the keeper's lantern”." in at_start.reason


def test_question_is_looked_for() -> None:
    asked = check(Planned(beats=("The ledger.",), answers="Who rang the bell of the chapel?"))
    assert "It lacks: an answer to “Who rang the bell of the chapel?”." in asked.reason


@pytest.mark.parametrize(
    ("passage", "score"),
    [
        ("A lantern and a ferry in the orchard.", 1.0),
        ("An orchard of violet plums, and one ferry.", 0.5),
        ("A keeper at a pump.", None),
    ],
)
def test_passage_is_used_where_the_page_has_two_words_of_it_that_its_locus_lacks(
    passage: str, score: float | None
) -> None:
    """A passage without two such words cannot be looked for."""
    planned = Planned(beats=("The ledger.",), uses=(passage,))
    assert check(planned, locus="The keeper at the pump.").score == score


@pytest.mark.parametrize(
    ("planned", "says"),
    [
        (None, "No model made a plan"),
        (Planned(), "fewer than 2 things"),
        (Planned(beats=("As an AI, I cannot plan.",)), "fewer than 2 things"),
        (Planned(beats=("And so it was.", "She did.", "The ledger.")), "fewer than 2 things"),
    ],
)
def test_what_has_no_plan_is_unknown(planned: Planned | None, says: str) -> None:
    assert (check(planned).passed, check(planned).score) == (None, None)
    assert says in check(planned).reason


def test_words_of_a_script_without_spaces_are_not_counted() -> None:
    assert check(KEPT, text=JAPANESE).score is None


def test_words_everywhere_in_a_book_keep_no_plan() -> None:
    """Where the function words of a book are not known, they are those on many of its pages."""
    book = measures_of([f"{GERMAN} Nummer{number}." for number in range(12)], [0] * 12)
    planned = Planned(beats=("Und die Laterne brannte nicht.", "Und das Boot.", "Und der Mond."))
    assert check(planned, text="Die Laterne und das Feuer.", measures=book).score == 0.3333
    assert check(planned, text=GERMAN, measures=measures_of([GERMAN] * 3, [0] * 3)).score is None


def test_no_page_of_a_book_has_a_plan() -> None:
    assert own_edition().measures.calibration.passes["plan"] is None
