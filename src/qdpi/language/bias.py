"""Biases of words as biases of tokens, by the vocabulary in a model's file. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Final

_SENTENCE_PIECE: Final = frozenset({"llama", "t5", "plamo2"})
"""Tokenizers whose vocabulary writes a space as `▁`, and other characters as they are."""


class TokenBiases:
    """Finds the tokens that are a whole word each; a word of several tokens has none."""

    def __init__(self, tokens: Sequence[str], tokenizer: str | None) -> None:
        self._ids = {token: number for number, token in enumerate(tokens)}
        self._is_sentence_piece = tokenizer in _SENTENCE_PIECE

    def of(self, words: Mapping[str, float]) -> dict[str, float]:
        """Return the biases of words, given in lower case, by the ids of their tokens, as a server's `logit_bias`."""
        found: dict[str, float] = {}
        for word, bias in words.items():
            for token in self._spellings(word):
                if token in self._ids:
                    found[str(self._ids[token])] = bias
        return found

    def _spellings(self, word: str) -> Iterator[str]:
        """Yield a word's tokens: within a line, and with a capital; a mark's, which follow a word."""
        if not word[:1].isalpha():
            yield self._token(word)
            return
        yield self._token(f" {word}")
        yield self._token(f" {word[0].upper()}{word[1:]}")

    def _token(self, text: str) -> str:
        if self._is_sentence_piece:
            return text.replace(" ", "▁")
        return "".join(_byte_letters()[byte] for byte in text.encode())


@cache
def _byte_letters() -> Mapping[int, str]:
    """Return the letter that byte-level vocabularies write for each byte.

    Source: `bytes_to_unicode` in https://github.com/openai/gpt-2/blob/master/src/encoder.py: printable bytes stand for
    themselves, and the others, in their order, for the characters from 256 on.
    """
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + n) for n, byte in enumerate(others)}
