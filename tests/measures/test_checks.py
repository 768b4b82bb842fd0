"""The checks of form and of copying: verdicts, reasons and calibration."""

from __future__ import annotations

import json
import random
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.search.own_pages import LEDGER, LIGHTHOUSE, ORCHARD, OWN_PAGES

from qdpi.errors import InvalidInput
from qdpi.measures.checks import Thresholds, calibrate, check_copy, check_form, check_marks, foreign_marks
from qdpi.page_schema import Check
from qdpi.search.ngrams import CanonGrams

GRAMS = CanonGrams.build(OWN_PAGES)
RNG = random.Random(7)
WORDS = LIGHTHOUSE.split()
DEGENERATE = {
    "empty": "",
    "white space": " \n\t ",
    "too short": "The keeper climbed the stairs.",
    "too long": "\n\n".join(OWN_PAGES * 2),
    "one word repeated": "lamp " * 150,
    "a loop": "He read the letter aloud to the glass. " * 15,
    "a loop of a paragraph": (ORCHARD.split("\n\n")[0] + "\n\n") * 3,
    "noise": " ".join("".join(RNG.choices("abcdefghijklmnopqrstuvwxyz", k=RNG.randint(2, 9))) for _ in range(150)),
    "shuffled words": " ".join(RNG.sample(LEDGER.split(), len(LEDGER.split()))),
    "a list": "\n".join(f"- {word}" for word in dict.fromkeys(WORDS)),
    "a table": "\n".join(f"| {a} | {b} |" for a, b in pairwise(WORDS)),
    "capitals": LIGHTHOUSE.upper(),
    "another script": "光はどこへ行くのか。" * 60,
    "emoji": " ".join(f"{word} 🙂" for word in WORDS),
    "control characters": " ".join(f"{word}\x00" for word in WORDS),
}
BOILERPLATE = [
    "As an AI language model, I have no harbour.",
    "I’m sorry, but I can’t write that.",
    "I cannot fulfill this request.",
    "I am unable to comply with your wish.",
    "I hope this helps!",
    "Let me know if you'd like another version.",
]
FOREIGN = [
    "<|some_token|>",
    "<|end",
    "<｜未来▁token｜>",
    "<|x>",
    "<x|>",
    "<one|muse>",
    "<0x0A>",
    "[|next|]",
    "◁muse▷",
    "◁/muse▷",
    "<<SYS>>",
    "<muse>",
    "</muse>",
    "< muse >",
    "<MUSE mode='deep'>",
    "<muse/>",
    "<ns:muse>",
    "<end_of_everything>",
    "</s>",
    "[/MUSE]",
    "[TOOL_PLANS]",
    "[/INST]",
    "[[ ## page_text ## ]]",
    "{{ user_input }}",
    "{% if x %}",
    "&lt;muse&gt;",
    "＜muse＞",
    "<!-- a thought -->",
    "【4†source】",
    "\n### Response:",
]
HONEST = [
    "a < b, b > c, and 1 < 2 > 0",
    "I <3 you, he wrote. </3",
    "[sic] [THE END] [S]he [The page is torn here.] [[twice]]",
    "<i>A line</i> in <em class='x'>tags</em>,<br/> as typesetters have them.",
    "<< Non, >> she said, << pas encore. >>",
    "It was half past || something | else.",
    "- - -> that way --> and this way <--",
    "# A Chapter\n\n*** \n\n## Another",
    "The user of the well wants a rope, and the prompt answer was no.",
    "{a brace} and a {{ }} pair",
]


def form(text: str, thresholds: Thresholds | None = None) -> Check:
    return check_form(text, thresholds or Thresholds(), GRAMS)


@pytest.mark.parametrize("page", OWN_PAGES, ids=["lighthouse", "orchard", "ledger"])
def test_form_of_own_pages_passes(page: str) -> None:
    """A page of the book passes the check of form."""
    result = form(page)
    assert (result.name, result.passed, result.score, result.reasons) == ("form", True, 1, ())


@pytest.mark.parametrize("name", DEGENERATE)
def test_form_of_degenerate_text_fails_with_value_and_bound(name: str) -> None:
    """Degenerate text fails the check of form, and the reason has the value and the bound."""
    result = form(DEGENERATE[name])
    assert not result.passed
    assert result.reasons
    assert all("bound" in reason and any(c.isdigit() for c in reason) for reason in result.reasons)


@pytest.mark.parametrize(
    ("name", "measure"),
    [
        ("too short", "number of words"),
        ("too long", "number of words"),
        ("a loop", "runs of four words"),
        ("a loop", "one sentence occurs"),
        ("one word repeated", "compression"),
        ("noise", "pairs of words"),
        ("noise", "function words"),
        ("shuffled words", "pairs of words"),
        ("a list", "do not belong in prose"),
        ("a table", "do not belong in prose"),
        ("emoji", "do not belong in prose"),
        ("capitals", "words in capitals"),
    ],
)
def test_each_bound_catches_its_case(name: str, measure: str) -> None:
    """Each bound catches its own case."""
    assert any(measure in reason for reason in form(DEGENERATE[name]).reasons)


@pytest.mark.parametrize("phrase", BOILERPLATE)
def test_boilerplate_is_caught_anywhere(phrase: str) -> None:
    """An assistant's phrase is caught anywhere on the page."""
    for text in (f"{phrase} {LIGHTHOUSE}", f"{LIGHTHOUSE}\n\n{phrase}"):
        result = form(text)
        assert not result.passed
        assert any("speaks as an assistant" in reason for reason in result.reasons)


@pytest.mark.parametrize("mark", FOREIGN)
def test_mark_of_an_unknown_family_is_quoted(mark: str) -> None:
    """What has the shape of a control token is refused anywhere on a page, and the reason quotes it."""
    for text in (f"{mark} {LIGHTHOUSE}", f"{LIGHTHOUSE[:80]}{mark}{LIGHTHOUSE[80:]}", f"{LIGHTHOUSE}{mark}"):
        result = check_marks(text)
        assert not result.passed
        assert mark.split()[0] in result.reasons[0]
        assert result.measures["control_tokens"] >= 1


@pytest.mark.parametrize("prose", HONEST)
def test_mark_like_prose_passes(prose: str) -> None:
    result = check_marks(prose)
    assert (result.passed, result.reasons, result.measures) == (True, (), {"control_tokens": 0.0})


@pytest.mark.parametrize(
    "opening",
    ["Okay, so the user wants a page.", "The user's request is a page", "We see that the prompt asks for salt."],
)
def test_page_that_begins_as_a_thought_is_refused(opening: str) -> None:
    (reason,) = check_marks(f"{opening} {LIGHTHOUSE}").reasons
    assert "begins as a thought" in reason
    assert check_marks(f"{LIGHTHOUSE} {opening}").passed


@given(st.text(max_size=200))
def test_marks_of_any_text_are_found_in_it(text: str) -> None:
    assert all(mark in text for mark in foreign_marks(text))


@pytest.mark.parametrize("piece", ["<", "<|", "[|", "<a =", "< ", "{{", "◁", "[_", "&lt;", "the user ", "\n#"])
def test_marks_are_found_in_linear_time(piece: str) -> None:
    """The longest answer that is accepted, made of the beginnings of marks."""
    text = (piece * 100_000)[:100_000]
    began = time.process_time()
    check_marks(text)
    assert time.process_time() - began < 5


@pytest.mark.parametrize("opening", ["Sure! Here's a page:", "Here is the next page of the story:"])
def test_boilerplate_opening_is_caught_at_the_start_only(opening: str) -> None:
    """An assistant's opening is caught at the start only."""
    assert form(f"{opening} {LIGHTHOUSE}").measures["boilerplate"] == 1
    assert form(f"{LIGHTHOUSE} {opening}").measures["boilerplate"] == 0


@pytest.mark.parametrize("line", ["I cannot help it.", "As an author I lied.", "I am afraid I shall be late."])
def test_boilerplate_excludes_characters_speech(line: str) -> None:
    """A character's own words are not boilerplate."""
    assert form(f"{LIGHTHOUSE} {line}").passed


def test_value_at_the_bound_passes() -> None:
    """A value equal to the bound passes."""
    measured = form(LIGHTHOUSE).measures
    at = Thresholds(min_words=int(measured["words"]), max_function_words=measured["function_words"])
    assert form(LIGHTHOUSE, at).passed
    assert not form(LIGHTHOUSE, Thresholds(min_words=int(measured["words"]) + 1)).passed


def test_copied_page_is_caught_with_amounts() -> None:
    """A copied page is caught, and the reasons have the amounts."""
    result = check_copy(LEDGER, Thresholds(), GRAMS)
    assert not result.passed
    assert result.measures["shared_8grams"] == 1
    assert result.measures["copied_run"] > 140
    assert any("0.2" in reason for reason in result.reasons)
    assert any("40" in reason for reason in result.reasons)


def test_copy_is_caught_despite_case_and_punctuation() -> None:
    """A copy is caught with other capitals, apostrophes and punctuation."""
    assert not check_copy(LEDGER.upper().replace(",", " —").replace("'", "’"), Thresholds(), GRAMS).passed


def test_held_out_page_is_not_a_copy() -> None:
    """A page of the book is not a copy of the rest of the book."""
    for page in OWN_PAGES:
        assert check_copy(page, Thresholds(), GRAMS, held_out=True).measures == {"shared_8grams": 0, "copied_run": 0}
        assert check_form(page, Thresholds(), GRAMS, held_out=True).measures["known_bigrams"] < 0.4


def test_held_out_equals_a_book_without_the_page() -> None:
    """Holding out a page is the same as a book without it."""
    pages = [*OWN_PAGES, LEDGER[:300] + ORCHARD[-300:]]
    grams = CanonGrams.build(pages)
    for at, page in enumerate(pages):
        rest = CanonGrams.build(pages[:at] + pages[at + 1 :])
        assert check_copy(page, Thresholds(), grams, held_out=True) == check_copy(page, Thresholds(), rest)
        assert check_form(page, Thresholds(), grams, held_out=True) == check_form(page, Thresholds(), rest)


@pytest.mark.parametrize(("length", "passed"), [(40, True), (41, False)])
def test_copied_run_limit_is_40_words(length: int, passed: bool) -> None:
    """At most forty words in a row may be copied."""
    own = " ".join(f"own{n}" for n in range(400))
    result = check_copy(f"{own} {' '.join(LEDGER.split()[:length])} {own}", Thresholds(), GRAMS)
    assert result.measures["copied_run"] == length
    assert result.passed is passed


def test_extra_texts_count_as_copied() -> None:
    """Text shown to the model besides the canon counts as copied."""
    shown = " ".join(f"shown{n}" for n in range(100))
    assert check_copy(shown, Thresholds(), GRAMS).passed
    assert not check_copy(shown, Thresholds(), GRAMS, ["something else", shown]).passed


def test_empty_book_has_no_copies_and_no_known_bigrams() -> None:
    """Without a book nothing is copied and no pair of words is known."""
    grams = CanonGrams.build([])
    assert check_copy(LEDGER, Thresholds(), grams).passed
    assert check_form(LEDGER, Thresholds(), grams).measures["known_bigrams"] == 0


@given(st.one_of(st.text(max_size=300), st.lists(st.sampled_from([*WORDS, "\ud800", "é", "🙂"])).map(" ".join)))
@settings(deadline=None)
def test_measures_of_any_text_are_deterministic_and_bounded(text: str) -> None:
    """Measures of any text are deterministic and within range."""
    for result in (form(text), check_copy(text, Thresholds(), GRAMS, [text[:50]])):
        assert all(value >= 0 for value in result.measures.values())
        shares = result.measures.keys() - {"words", "sentence_repeats", "zlib_ratio", "copied_run", "boilerplate"}
        assert all(result.measures[name] <= 1 for name in shares)
        assert result.passed is not bool(result.reasons)
    assert form(text) == form(text)


@pytest.mark.parametrize("text", ["?" * 100_000, "\n" * 100_000, "a " * 50_000, '"' * 50_000 + "." * 50_000])
def test_checks_of_100_000_characters(text: str) -> None:
    """A hundred thousand characters are checked."""
    assert not form(text).passed
    assert check_copy(text, Thresholds(), GRAMS).measures["shared_8grams"] == 0


def test_thresholds_survive_json() -> None:
    """Thresholds are unchanged after a round trip through JSON."""
    kept = Thresholds(min_words=20, min_known_bigrams=0.1)
    assert Thresholds.from_dict(json.loads(json.dumps(kept.as_dict()))) == kept


@pytest.mark.parametrize("change", [{"min_words": "60"}, {"min_words": 60.5}, {"max_capitals": True}, {"other": 1}])
def test_stored_thresholds_of_wrong_shape_are_refused(change: dict[str, object]) -> None:
    """Stored thresholds of another shape are refused."""
    with pytest.raises(InvalidInput, match=next(iter(change))):
        Thresholds.from_dict(Thresholds().as_dict() | change)


def test_calibration_keeps_bounds_that_the_book_keeps() -> None:
    """A book within the bounds does not change them."""
    assert calibrate([ORCHARD] * 3) == Thresholds()


def test_calibration_loosens_only_broken_bounds() -> None:
    """A bound is loosened only where the book's own pages need it."""
    fitted = calibrate(OWN_PAGES)
    assert fitted.min_known_bigrams < 0.4
    assert fitted == Thresholds(min_known_bigrams=fitted.min_known_bigrams)
    assert all(check_form(page, fitted, GRAMS, held_out=True).passed for page in OWN_PAGES)


def test_calibration_on_short_pages_keeps_copy_bounds() -> None:
    """A book of short pages may have short pages and still not copy."""
    fitted = calibrate([text[:120] for text in OWN_PAGES])
    assert fitted.min_words < 30
    assert isinstance(fitted.min_words, int)
    assert (fitted.max_shared_8grams, fitted.max_copied_run) == (0.20, 40)


def test_calibration_ignores_one_odd_page_in_100() -> None:
    """One odd page in a hundred loosens nothing."""
    pages = [f"{page} {n}" for n in range(34) for page in OWN_PAGES]
    assert calibrate([*pages, "Short."]).min_words == 60


def test_calibration_of_an_empty_book_is_refused() -> None:
    """A book without pages cannot be calibrated."""
    with pytest.raises(InvalidInput, match="without pages"):
        calibrate([])
