"""Sanitize text from outside for a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return a text without control sequences: only printable characters and line feeds are kept."""
    return "".join(
        character if character.isprintable() or character == "\n" else "\N{REPLACEMENT CHARACTER}" for character in text
    )
