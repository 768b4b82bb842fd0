"""The sixteen voices of a book: described by its author, or measured on the section's pages.

Every measure is a plain count, so that the same pages always give the same words.
"""

from __future__ import annotations

import colorsys
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from qdpi.canon.book import CanonPage
from qdpi.canon.metadata import About
from qdpi.canon.voice_cards import card_of
from qdpi.page_schema import Voice
from qdpi.symbols import CHARACTER_MAP, CHARACTER_NAMES

MAX_PROFILE: Final = 1_200
"""The most characters of a profile, since it is part of every prompt in that voice."""
_MOST: Final = 6
"""The most items taken from a list; the first are the most important."""

_PRINCIPLE: Final = re.compile(r"^(?:#+ *)?[0-9]{1,2}\. +([^\n*]{4,80}?)[ \t]*$", re.MULTILINE)
_SUMMARIES: Final = ("narrative_function", "brief_summary", "role")
_PATTERNS: Final = (("tone", "Tone"), ("narrative_style", "Manner"), ("linguistic_markers", "Language"))

_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_FEWEST: Final = 2
"""The least number of occurrences of a word that counts as a habit."""


def voices_of(pages: Sequence[CanonPage], about: About) -> tuple[Voice, ...]:
    """Return the voices of all sixteen characters, from 0 to 15."""
    profiles = {character: profile_text(entry) for character, entry in about.profiles.items()}
    lacking = [character for character in CHARACTER_MAP if not profiles.get(character)]
    measured = _measured(pages, about, lacking) if lacking else {}
    return tuple(
        Voice(
            character=character,
            slug=slug,
            name=CHARACTER_NAMES[character],
            profile=measured.get(character) or profiles[character],
            color=about.colors.get(character) or _own_color(character),
            symbol_svg=about.drawings.get(character),
            source="section" if character in measured else "profile",
            section_title=about.section_titles.get(character),
        )
        for character, slug in CHARACTER_MAP.items()
    )


def profile_text(entry: Mapping[str, object]) -> str:
    """Return a profile's entry as a few sentences; "" if it has nothing on the voice.

    Uses the fields on how the character speaks (`voice`, tone, manner, dialogue, traits, motifs), and not plot
    or quotations, since models copy quotations from a prompt onto the page.
    """
    patterns = entry.get("voice_patterns")
    patterns = patterns if isinstance(patterns, dict) else {}
    summary = next((entry[name] for name in _SUMMARIES if entry.get(name)), None)
    parts = [
        ("", entry.get("voice")),
        ("", summary),
        *((label, patterns.get(name)) for name, label in _PATTERNS),
        ("Speech", entry.get("dialogue_patterns")),
        ("Traits", entry.get("personality_traits")),
        ("Motifs", entry.get("motifs")),
    ]
    sentences = [_sentence(label, "; ".join(_items(value))) for label, value in parts]
    return _bounded(" ".join(sentence for sentence in sentences if sentence))


def _measured(pages: Sequence[CanonPage], about: About, lacking: Iterable[int]) -> dict[int, str]:
    texts = {c: [page.text for page in pages if page.character == c] for c in CHARACTER_MAP}
    counts = {c: Counter(word for text in own for word in words_of(text)) for c, own in texts.items()}
    spread = sections_with(counts)
    return {
        c: _bounded(" ".join(filter(None, (described, _principles(about.principles.get(c, ""))))))
        for c in lacking
        for described in (describe(texts[c], counts[c], spread, len(counts)),)
    }


def _principles(text: str) -> str:
    """Return the headings of a character's first principles, where they are numbered headings."""
    headings = _PRINCIPLE.findall(text)
    return _sentence("Principles", "; ".join(headings[:_MOST])) if len(headings) >= 3 else ""


def _items(value: object) -> list[str]:
    """Flatten a profile's value to its first texts: a text, a list of texts, or an object of either."""
    if isinstance(value, str):
        return [" ".join(value.split())] if value.strip() else []
    if isinstance(value, dict):
        first = [item for item in value.values() if isinstance(item, str)]
        nested = [item for item in value.values() if isinstance(item, list)]
        return _items(first or (nested[0] if nested else []))
    if isinstance(value, list):
        return [" ".join(item.split()) for item in value if isinstance(item, str) and item.strip()][:_MOST]
    return []


def _sentence(label: str, words: str) -> str:
    if not words:
        return ""
    ended = words if words[-1] in ".!?" else f"{words}."
    return f"{label}: {ended}" if label else ended


def _bounded(text: str) -> str:
    """Return a text cut at the last whole word that fits."""
    if len(text) <= MAX_PROFILE:
        return text
    return f"{text[: MAX_PROFILE - 1].rsplit(' ', 1)[0]}…"


def _own_color(character: int) -> str:
    """Return the default colour of a character: one of sixteen hues round the circle."""
    channels = colorsys.hls_to_rgb(character / 16, 0.62, 0.75)
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in channels)


def words_of(text: str) -> list[str]:
    """Return a text's words in lower case, with straight apostrophes."""
    return [word.lower().replace("’", "'") for word in _WORD.findall(text)]


def sections_with(counts: Mapping[int, Counter[str]]) -> Counter[str]:
    """Return, for each word, in how many sections it occurs."""
    return Counter(word for section in counts.values() for word in section)


def describe(texts: Sequence[str], counts: Counter[str], spread: Counter[str], sections: int) -> str:
    """Describe a section's voice from its pages: person, tense, sentences, talk, questions, own words.

    `counts` are the section's words, `spread` gives each word's number of sections out of `sections`.
    """
    number, card = "one page" if len(texts) == 1 else f"{len(texts)} pages", card_of(texts)
    person = f"told in the {card.person} person" if card.person else "told without persons"
    tense = f", in the {card.tense} tense" if card.tense else ""
    measured = ", ".join((person + tense, f"in sentences of about {card.sentence_words} words", *card.habits))
    habits = ", ".join(distinctive(counts, spread, sections))
    described = f"Measured on the section's {number}: {measured}."
    return f"{described} Words this voice returns to: {habits}." if habits else described


def distinctive(counts: Counter[str], spread: Counter[str], sections: int, *, most: int = 8) -> tuple[str, ...]:
    """Return the words that a section uses often and other sections seldom, best first (tf-idf)."""
    scored = [
        (-count * math.log((1 + sections) / spread[word]), word)
        for word, count in counts.items()
        if count >= _FEWEST and len(word) >= 4 and "'" not in word
    ]
    return tuple(word for _, word in sorted(scored)[:most])
