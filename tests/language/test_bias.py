"""Biases of words as biases of tokens."""

from __future__ import annotations

from qdpi.language.bias import TokenBiases

BYTES = ["Ġsea", "ĠSea", "sea", "!", "ĉ", "ĊĊ", "Ġcaf", "Ã©", "âĢĶ"]


def test_word_is_its_tokens_within_a_line() -> None:
    """In both cases, and not as the end of another word."""
    assert TokenBiases(BYTES, "gpt2").of({"sea": 1.5}) == {"0": 1.5, "1": 1.5}


def test_mark_and_end_of_a_paragraph_are_as_they_are_written() -> None:
    assert TokenBiases(BYTES, "gpt2").of({"!": -1.0, "\n\n": 0.5, "—": 0.25}) == {"3": -1.0, "5": 0.5, "8": 0.25}


def test_word_of_several_tokens_has_none() -> None:
    """Its first piece begins other words too."""
    assert TokenBiases(BYTES, "gpt2").of({"café": 1.0}) == {}


def test_vocabulary_of_sentence_pieces_writes_spaces_otherwise() -> None:
    assert TokenBiases(["▁sea", "▁Sea", "sea", "\n\n"], "llama").of({"sea": 1.0, "\n\n": 2.0}) == {
        "0": 1.0,
        "1": 1.0,
        "3": 2.0,
    }
