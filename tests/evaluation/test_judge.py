"""The judge of voices."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tests.evaluation.books import book_of

from qdpi.canon import own_book, read_book
from qdpi.evaluation.judge import NAME, VoiceJudge, beginning, masked, names_in, ngram_counts, told_apart
from qdpi.evaluation.split import split_book


def test_names_are_masked():
    """Names that a book has, words in capitals and capitals within a sentence say nothing to the judge."""
    text = "Marrow came. I saw London Fox in PARIS, and Rita’s hat. The end."
    assert (
        masked(text, frozenset({"Marrow"})) == f"{NAME} came. i saw {NAME} {NAME} in {NAME}, and {NAME} hat. the end."
    )


def test_names_of_texts_are_found():
    names = names_in(["We met Old Tom there, and later we met Tom."])
    assert "Tom" in names
    assert "We" not in names


def test_voices_are_told_by_wording():
    """Trained on half B, the judge hears the voices of held-out pages."""
    book = book_of(26)
    split = split_book(book)
    judge = VoiceJudge.train([(page.text, page.character) for page in split.judge], frozenset({"Tom"}))
    assert judge is not None
    assert judge.voices == tuple(range(16))
    rankings = judge.ranking([page.text for page in split.loci])
    assert [ranking[0] for ranking in rankings] == [page.character for page in split.loci]


def test_a_name_alone_is_no_voice():
    """Two voices that differ in a masked name alone are not told apart by it."""
    pages = [(f"It was {name} who came, and it was late again.", voice) for voice, name in ((0, "Rita"), (1, "Otto"))]
    judge = VoiceJudge.train(pages, frozenset({"Rita", "Otto"}))
    assert judge is not None
    rita, otto = judge.classifier.scores([masked(text, judge.names) for text, _ in pages])
    assert list(rita) == list(otto)


def test_fewer_than_two_voices_are_no_judge():
    assert VoiceJudge.train([], frozenset()) is None
    assert VoiceJudge.train([("One voice.", 3), ("The same.", 3)], frozenset()) is None


def test_only_the_beginning_is_judged():
    assert beginning("one  two\n\nthree four", 3) == "one  two\n\nthree"
    assert beginning("one two", 3) == "one two"


def test_empty_and_odd_texts_have_a_ranking():
    judge = VoiceJudge.train([(page.text, page.character) for page in own_book().pages], frozenset())
    assert judge is not None
    for ranking in judge.ranking(["", "x", "\ud800\U0001f469", "?" * 10_000]):
        assert sorted(ranking) == list(range(16))
    assert ngram_counts("").sum() == 0


def test_told_apart_finds_what_is_there_and_nothing_else():
    """Labels that the texts have are found in other folds; labels of chance are found about as often as chance."""
    book = book_of(8)
    texts = [page.text for page in book.pages]
    order = random.Random(1).sample(range(len(texts)), len(texts))
    mixed = [texts[place] for place in order]
    true = [book.pages[place].character for place in order]
    chance = random.Random(2).choices(range(4), k=len(texts))
    found = told_apart(mixed, {"voices": true, "chance": chance})
    assert sum(found["voices"]) / len(texts) > 0.9
    assert sum(found["chance"]) / len(texts) < 0.45


def test_nothing_is_told_apart_in_fewer_than_two_texts():
    assert told_apart(["one"], {"voices": [1]}) == {"voices": []}


@pytest.mark.canon
@pytest.mark.slow
def test_a_novels_held_out_pages_are_heard(canon: Path):
    """Of 64 held-out pages of the author's canon at most, voices alike, a third are heard, and over half of three.

    A page in no voice at all would be heard in one of sixteen.
    """
    book = read_book(canon)
    split = split_book(book)
    names = names_in(page.text for page in book.pages)
    held = [page for voice in range(16) for page in [p for p in split.loci if p.character == voice][:4]]
    shares = {}
    for name, pages in (("B", split.judge), ("A+B", (*split.learn, *split.judge))):
        judge = VoiceJudge.train([(page.text, page.character) for page in pages], names)
        assert judge is not None
        rankings = judge.ranking([page.text for page in held])
        pairs = list(zip(rankings, held, strict=True))
        shares[name] = [sum(page.character in ranking[:most] for ranking, page in pairs) / len(held) for most in (1, 3)]
    (b_1, b_3), (ab_1, ab_3) = shares["B"], shares["A+B"]
    assert 0.28 < b_1 < 0.55
    assert 0.5 < b_3 < 0.8
    assert ab_1 > b_1
    assert ab_3 > b_3
