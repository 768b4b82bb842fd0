"""What is measured of a page: planted faults are found, and what cannot be known is not guessed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.measures.books import measures_of, own_edition

from qdpi.errors import InvalidInput
from qdpi.measures.calibration import MEASURES_VERSION, NAMES, Calibration, subjects_of
from qdpi.measures.measures import Measures
from qdpi.measures.verdict import Subject
from qdpi.page_schema import Check, CheckWeight, Validation

LECTURE = (
    "You're right, and this passage is a great example of how the author uses light. It suggests that we must all "
    "look within. In conclusion, the text shows that the power of memory is more than just a feeling, and it is "
    "important to remember that those who wait are the ones who see what it means to live in this world. Moreover, "
    "the reader can be seen as a traveller, and the story reflects the journey that people who have lost something "
    "must make before they come home again, which serves as a reminder of the complexity of life in today's society."
)
GERMAN = "Die alte Frau stand am Fenster und sah hinaus. Der Hund schlief unter dem Tisch, und das Feuer brannte. " * 4
JAPANESE = "光はどこへ行くのか。古い灯台の下で、彼女は手紙を読んだ。海は静かだった。" * 8


def subjects() -> list[Subject]:
    """Return the own book's pages that have a page of their voice before and after them."""
    edition = own_edition()
    return [
        each for each in subjects_of(list(edition.pages.values()), edition.readings) if each.locus and each.leads_to
    ]


def checked(subject: Subject, measures: Measures | None = None) -> dict[str, Check]:
    return {check.name: check for check in (measures or own_edition().measures).check(subject)}


def written(subject: Subject, **changes: object) -> Subject:
    """Return a subject as a page that was written, and is none of the book's."""
    return replace(subject, own_id=None, **changes)  # type: ignore[arg-type]


def share(name: str, tried: list[Subject]) -> float:
    verdicts = [checked(subject)[name].passed for subject in tried]
    return sum(verdict is False for verdict in verdicts) / len(verdicts)


def test_every_check_has_a_score_a_threshold_and_a_sentence() -> None:
    checks = own_edition().measures.check(subjects()[0])
    assert tuple(check.name for check in checks) == NAMES
    for check in checks:
        assert (check.score is None) == (check.passed is None)
        assert check.threshold is not None
        assert check.reason.endswith(".")
        assert check.passed is None or check.passed == (check.score is not None and check.score >= check.threshold)


def test_reasons_are_those_of_checks_that_fail() -> None:
    for subject in subjects()[:8]:
        assert all(bool(check.reasons) == (check.passed is False) for check in checked(subject).values())


def test_planted_lectures_are_found() -> None:
    assert checked(written(subjects()[0], text=LECTURE))["lecture"].passed is False


def test_planted_copies_are_found() -> None:
    assert share("copy", [written(each, text=each.locus) for each in subjects()]) == 1


def test_planted_loops_are_found() -> None:
    looped = [written(each, text=" ".join(each.text.split()[:12] * 12)) for each in subjects()]
    assert share("form", looped) == 1


def test_voices_are_told_apart() -> None:
    """Of pages with another voice's text most are found, of the voices' own few."""
    tried, wrong = subjects(), []
    for each, other in zip(tried, tried[len(tried) // 2 :] + tried[: len(tried) // 2], strict=True):
        wrong.append(written(each, text=other.text))
    assert share("voice", wrong) > 0.8
    assert share("voice", tried) < 0.3


def test_pages_about_something_else_are_found() -> None:
    """Such a page takes up less of what it goes on from than a page of the book does."""
    tried = subjects()
    others = tried[len(tried) // 2 :] + tried[: len(tried) // 2]
    away = [checked(written(a, text=b.text))["continuity"].score or 0 for a, b in zip(tried, others, strict=True)]
    own = [checked(each)["continuity"].score or 0 for each in tried]
    assert sum(away) / len(away) < sum(own) / len(own) - 0.2


def test_a_page_may_go_on_from_where_a_departure_goes() -> None:
    here, *others = subjects()
    away = [(checked(written(here, text=other.text))["continuity"].score or 0, other) for other in others]
    score, there = min(away, key=lambda each: each[0])
    departed = written(here, text=there.text, matter=(there.locus,))
    assert (checked(departed)["continuity"].score or 0) > score


def test_a_page_answers_where_it_has_a_word_that_was_asked() -> None:
    page = written(subjects()[0], text="Nobody had seen the glass boats since.")
    verdicts = [
        checked(replace(page, asked=asked))["answers"].passed
        for asked in ("Where is the boat of glass?", "And the elephants?", "What is it?", "")
    ]
    assert verdicts == [True, False, None, None]


def test_shape_is_held_against_the_voice() -> None:
    page = subjects()[0]
    one_block = written(page, text=" ".join(page.text.split()) * 3)
    shape = checked(one_block)["shape"]
    assert (shape.passed, shape.weight) == (False, CheckWeight.ADVICE)
    assert "shorter" in shape.reasons[0]


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("She said, “Come.”", True),
        ("She said, “Come", False),
        ("She said, “Come.", False),
        ("“One paragraph.\n\n“And the next.”", True),
        ("“Roses are red,\nand the sea is blue.”", True),
        ("“Roses are red,\nand the sea is blue.\n\nHe left.", False),
        ("„Komm“, sagte sie.", True),
        ("„Komm, sagte sie.", False),
        ("«Viens», dit-elle.", True),
        ("»Kom!« sagde hun.", True),
        ("”Kom”, sa hon.", True),
        ("「来て」と言った。", True),
        ('"Come," she said. "Now', False),
        ("It ended there", False),
        ("It ended there…", True),
        ("Il est parti !", True),
    ],
)
def test_a_whole_page_ends_and_closes_its_quotations(text: str, passed: bool) -> None:
    assert checked(written(subjects()[0], text=text))["wholeness"].passed is passed


def test_form_copy_lecture_and_continuity_refuse_and_style_only_advises() -> None:
    page = written(subjects()[0], text=LECTURE)
    verdict = own_edition().measures.validate(page)
    weights = {check.name: check.weight for check in verdict.checks}
    refusing = {name for name, weight in weights.items() if weight is CheckWeight.REWORK}
    assert refusing == {"form", "copy", "marks", "lecture", "continuity"}
    assert not verdict.passed
    assert any("lecture" in reason for reason in verdict.reasons)
    assert verdict.style_ok is False
    assert verdict.advice
    assert not set(verdict.advice) & set(verdict.reasons)


def test_a_page_is_not_failed_for_style() -> None:
    """A page in another voice's words passes where nothing else is against it."""
    tried = [replace(each, voice=(each.voice + 5) % 16) for each in subjects()]
    verdicts = [own_edition().measures.validate(each) for each in tried]
    assert any(verdict.passed and verdict.style_ok is False for verdict in verdicts)


def test_fields_of_the_verdict_are_filled() -> None:
    verdict = own_edition().measures.validate(subjects()[0])
    assert isinstance(verdict.style_ok, bool)
    assert verdict.continuity_score == {check.name: check.score for check in verdict.checks}["continuity"]
    assert verdict.thresholds_version == MEASURES_VERSION


# what cannot be known


def test_what_a_small_book_cannot_teach_is_unknown() -> None:
    """Three pages of two voices: a measure that cannot know says so."""
    texts = [subject.text for subject in subjects()[:3]]
    verdict = measures_of(texts, [0, 0, 1]).validate(Subject(text=texts[0], voice=0, locus=texts[1], motifs=("lamp",)))
    unknown = {check.name: check.reason for check in verdict.checks if check.passed is None}
    assert unknown.keys() == {"voice", "shape", "continuity", "plan", "anchored", "answers", "bridges"}
    assert "2 pages" in unknown["voice"]
    assert (verdict.style_ok, verdict.continuity_score) == (None, None)


def test_a_voice_without_pages_is_unknown() -> None:
    texts = [subject.text for subject in subjects()[:6]]
    checks = checked(Subject(text=texts[0], voice=9), measures_of(texts, [0, 0, 0, 1, 1, 1]))
    assert (checks["voice"].passed, checks["voice"].score) == (None, None)
    assert "no page of this voice" in checks["voice"].reason


@pytest.mark.parametrize("text", [GERMAN, JAPANESE, "", " \n", "…", "🙂 🙂"])
def test_a_lecture_is_known_in_english_alone(text: str) -> None:
    assert checked(written(subjects()[0], text=text))["lecture"].passed is None


@pytest.mark.parametrize("text", ["", " \n", "…", JAPANESE, "\ud800 a", "a\x00b", "word " * 3000])
def test_any_text_can_be_measured(text: str) -> None:
    for changes in ({"text": text}, {"locus": text}, {"asked": text}, {"matter": (text,)}, {"shown": (text,)}):
        assert isinstance(own_edition().measures.validate(written(subjects()[0], **changes)), Validation)


def test_words_of_a_script_without_spaces_are_not_counted() -> None:
    book = measures_of([f"{JAPANESE}{number}。" for number in range(24)], [0, 1] * 12)
    checks = checked(Subject(text=JAPANESE, voice=0, locus=JAPANESE, motifs=("灯", "海"), asked="光は？"), book)
    assert {checks[name].passed for name in ("voice", "shape", "lecture", "continuity", "anchored", "answers")} == {
        None
    }


def test_words_everywhere_in_a_book_say_nothing_of_what_was_asked() -> None:
    """Where the function words of a book are not known, they are those on many of its pages."""
    pages = [f"Die Katze und der Hund sind hier. Nummer{number} liegt auf dem Wort{number}." for number in range(12)]
    asked = Subject(text="Die Maus und der Vogel.", voice=0, asked="Und die Wort3?")
    assert checked(asked, measures_of(pages, [0] * 12))["answers"].passed is False


# calibration


def test_a_calibration_survives_its_store() -> None:
    calibration = own_edition().measures.calibration
    assert Calibration.from_dict(calibration.as_dict()) == calibration
    assert own_edition().revision.thresholds == calibration.as_dict()
    assert own_edition().revision.thresholds_version == MEASURES_VERSION


@pytest.mark.parametrize(
    "broken",
    [{"passes": {}}, {"thresholds": {"voice": 1.0}}, {"pages": "12"}, {"form": 3}, {"extra": 1}, {"passes": None}],
)
def test_a_broken_calibration_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        Calibration.from_dict(own_edition().measures.calibration.as_dict() | broken)


def test_a_calibration_of_another_version_is_taken_anew() -> None:
    edition = own_edition()
    pages = list(edition.pages.values())
    earlier = Measures(pages, edition.readings, {"version": "checks/1", "min_words": 60})
    assert earlier.calibration == edition.measures.calibration


def test_thresholds_are_loosened_for_a_book_that_does_not_keep_them() -> None:
    """A book of essays: nine in ten of its pages pass the check of lectures all the same."""
    texts = [f"{LECTURE} Number {number} of them." for number in range(10)]
    calibration = measures_of(texts, [0] * 10).calibration
    assert calibration.thresholds["lecture"] < own_edition().measures.calibration.thresholds["lecture"]
    assert calibration.passes["lecture"] == 1


def test_shares_of_the_own_book() -> None:
    passes = own_edition().measures.calibration.passes
    assert passes["answers"] is None
    assert {name for name, passed in passes.items() if passed is not None and passed < 0.8} == {"anchored", "bridges"}


def test_a_check_says_what_share_of_the_book_passes() -> None:
    passes = own_edition().measures.calibration.passes
    assert {check.name: check.canon_passes for check in checked(subjects()[0]).values()} == passes


def test_a_verdict_of_an_earlier_version_is_read() -> None:
    stored = {"passed": True, "checks": [{"name": "form", "passed": True, "reasons": [], "measures": {"words": 90.0}}]}
    verdict = Validation.model_validate(stored)
    assert (verdict.checks[0].score, verdict.checks[0].weight, verdict.advice) == (None, CheckWeight.REWORK, ())
