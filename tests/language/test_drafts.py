"""How a page is written paragraph by paragraph: what is asked for next, and when the page is whole."""

from __future__ import annotations

import re

import pytest

from qdpi.language.drafts import SHORTEST_PAGE, PageSoFar, opening_step, paragraph_step, rest_step
from qdpi.language.port import Appeal, Guide

SENTENCE = "The lamp was lit at the end of the pier, and nobody came down the stair."


def guide(*, paragraph: int = 40, page: int = 160) -> Guide:
    return Guide(words={}, paragraph_words=paragraph, page_words=page, appeal=lambda text: Appeal(0.0, False))


def page_of(paragraphs: int, *, sentences: int = 3) -> PageSoFar:
    return PageSoFar("\n\n".join([" ".join([SENTENCE] * sentences)] * paragraphs))


_PARTS = re.compile(r'"(?P<literal>(?:[^"\\]|\\.)*)"|(?P<other>\[(?:[^\]\\]|\\.)*\]|\S)')


def fits(grammar: str, text: str) -> bool:
    """Whether a text fits a grammar of ours, read as the regular expression that it is: it has one rule."""
    rule = grammar.removeprefix("root ::= ")
    pattern = "".join(f"(?:{part['literal']})" if part["literal"] else part["other"] for part in _PARTS.finditer(rule))
    return re.fullmatch(pattern, text) is not None


def test_page_begins_with_one_sentence() -> None:
    page = PageSoFar().plus(SENTENCE, cut=False, is_opening=True)
    assert page == PageSoFar(SENTENCE, is_at_paragraph=False)


def test_draft_that_ends_its_paragraph_leaves_the_white_space_to_what_follows() -> None:
    page = PageSoFar("One.", is_at_paragraph=False).plus(" Two.\n\n", cut=False)
    assert page == PageSoFar("One. Two.", is_at_paragraph=True)


def test_draft_without_an_end_of_its_paragraph_ends_the_page() -> None:
    page = page_of(1).plus("\n\nAnd that was all.", cut=False)
    assert page.is_ended
    assert page.is_whole(guide())


@pytest.mark.parametrize(
    ("draft", "kept"),
    [
        (" He went down to the pier. He saw the la", " He went down to the pier."),
        ("\n\nHe went down to the pier. He saw the la", "\n\nHe went down to the pier."),
        (" and went on and on without an e", " and went on and on without an"),
        (" He went.", " He went."),
    ],
)
def test_draft_that_was_cut_loses_its_half_sentence_or_its_half_word(draft: str, kept: str) -> None:
    page = PageSoFar("He stood", is_at_paragraph=False).plus(draft, cut=True)
    assert page == PageSoFar(f"He stood{kept}", is_at_paragraph=False)


def test_page_is_whole_at_the_end_of_a_sentence_near_the_voices_usual_length() -> None:
    assert not page_of(2).is_whole(guide(page=160))
    assert page_of(4).is_whole(guide(page=160))


def test_page_does_not_end_within_a_sentence_unless_it_is_far_too_long() -> None:
    assert not PageSoFar(page_of(4).text + " and").is_whole(guide(page=160))
    assert PageSoFar(page_of(6).text + " and").is_whole(guide(page=160))


def test_no_paragraph_begins_as_a_list() -> None:
    paragraph = f"{SENTENCE} {SENTENCE}"
    grammar = paragraph_step(PageSoFar(), guide()).grammar
    assert fits(grammar, f"{paragraph}\n\n")
    assert not any(fits(grammar, f"{mark}{paragraph}\n\n") for mark in ("1. ", "* ", "# "))


@pytest.mark.parametrize("sign", ["**dark**", "<i>dark</i>", "{dark}", "dark|light", "# dark"])
def test_no_word_sets_type(sign: str) -> None:
    for grammar in (paragraph_step(PageSoFar(), guide()).grammar, rest_step(PageSoFar(), guide()).grammar):
        assert not fits(grammar, f"{SENTENCE} {sign} {SENTENCE} {SENTENCE} {SENTENCE} {SENTENCE}\n\n")
    assert not fits(opening_step().grammar, f"The lamp at the end was {sign}.")


def test_paragraph_has_most_of_the_voices_usual_words_at_least() -> None:
    grammar = paragraph_step(PageSoFar(), guide(paragraph=40)).grammar
    assert not fits(grammar, " ".join(["word"] * 23) + "\n\n")
    assert fits(grammar, " ".join(["word"] * 24) + "\n\n")


def test_paragraph_that_has_begun_needs_only_what_is_missing() -> None:
    begun = PageSoFar(" ".join(["word"] * 20), is_at_paragraph=False)
    grammar = paragraph_step(begun, guide(paragraph=40)).grammar
    assert not fits(grammar, " " + " ".join(["word"] * 3) + "\n\n")
    assert fits(grammar, " " + " ".join(["word"] * 4) + "\n\n")


def test_page_may_end_with_a_paragraph_only_when_it_is_long_enough() -> None:
    last = "\n\n" + " ".join(["word"] * 40)
    assert not fits(paragraph_step(page_of(1, sentences=1), guide(page=200)).grammar, last)
    assert fits(paragraph_step(page_of(3), guide(page=200)).grammar, last)


def test_rest_has_as_many_paragraphs_as_a_page_needs() -> None:
    grammar = rest_step(PageSoFar(), guide(paragraph=40)).grammar
    paragraph = " ".join(["word"] * 30)
    assert not fits(grammar, "\n\n".join([paragraph] * 2))
    assert fits(grammar, "\n\n".join([paragraph] * 3))
    assert SHORTEST_PAGE <= 24 * 3


def test_white_space_before_a_draft_is_the_models_to_write() -> None:
    assert fits(paragraph_step(page_of(1), guide()).grammar, "\n\n" + " ".join(["word"] * 30) + "\n\n")
    begun = PageSoFar("He stood", is_at_paragraph=False)
    assert fits(paragraph_step(begun, guide()).grammar, " " + " ".join(["word"] * 30) + "\n\n")
    assert not fits(paragraph_step(begun, guide()).grammar, " ".join(["word"] * 30) + "\n\n")


def test_opening_is_one_sentence_of_some_words() -> None:
    grammar = opening_step().grammar
    assert fits(grammar, SENTENCE)
    assert not fits(grammar, "He went.")
    assert not fits(grammar, f"{SENTENCE} {SENTENCE}")


@pytest.mark.parametrize(("words", "tokens"), [(5, 48), (40, 87), (400, 150)])
def test_paragraphs_tokens_follow_the_voice_within_bounds(words: int, tokens: int) -> None:
    assert paragraph_step(PageSoFar(), guide(paragraph=words)).max_tokens == tokens
