"""Text of others as a terminal may be given it."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return a text that cannot steer a terminal: other characters than printable ones and line feeds go."""
    return "".join(
        character if character.isprintable() or character == "\n" else "\N{REPLACEMENT CHARACTER}" for character in text
    )
