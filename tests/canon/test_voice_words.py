"""The words that a voice uses more, or less, than the others."""

from __future__ import annotations

from qdpi.canon import own_book
from qdpi.canon.revision import edition_of
from qdpi.canon.voice_words import CLIPPED, MOST_WORDS, log_odds, names_of


def test_words_of_one_s_own_are_likelier_and_those_of_others_less() -> None:
    """Names count for nothing: a voice is not the people it tells of."""
    texts = {0: ["The sea, the sea! Anna sees the sea."] * 9, 1: ["A door. A key. Anna has the key?"] * 9}
    odds = log_odds(texts, names_of([["Anna"]]))
    assert odds[0]["sea"] > 0 > odds[0]["key"]
    assert odds[1]["key"] > 0 > odds[1]["sea"]
    assert odds[0]["!"] > 0 > odds[1]["!"]
    assert "anna" not in odds[0]


def test_voice_without_a_page_has_no_words() -> None:
    assert 1 not in log_odds({0: ["The sea."], 1: []}, frozenset())


def test_single_voice_is_like_itself() -> None:
    assert set(log_odds({3: ["The sea, the sea."]}, frozenset())[3].values()) == {0.0}


def test_words_of_the_own_book_are_bounded() -> None:
    edition = edition_of(own_book())
    for character in range(16):
        words = edition.voice_words[character]
        assert 0 < len(words) <= MOST_WORDS
        assert max(map(abs, words.values())) <= CLIPPED
    assert "natalie" not in edition.voice_words[6]
