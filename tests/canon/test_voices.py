"""Voices: from a profile, or measured where there is none, with default colours."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from tests.canon import written_books

from qdpi.canon import read_book
from qdpi.canon.voices import MAX_PROFILE, describe, distinctive, profile_text, sections_with, words_of


def measured(*texts: str) -> str:
    counts = Counter(word for text in texts for word in words_of(text))
    return describe(texts, counts, sections_with({0: counts, 1: Counter()}), 2)


def test_profile_has_voice_and_no_quotations() -> None:
    """A profile describes the voice and has no quotations."""
    entry = {
        "name": "London Fox",
        "voice": "Speaks in short commands",
        "brief_summary": "A sceptic.",
        "voice_patterns": {"tone": "Dry", "key_phrases": ["Never copied"], "narrative_style": "Reports"},
        "dialogue_patterns": {"early": "Calm", "late": "Breathless", "signature_phrases": ["Nor this"]},
        "personality_traits": {"core_traits": ["orderly", "doubting"]},
        "motifs": ["glass", "wires"],
        "key_quotes": ["And not this"],
    }

    assert profile_text(entry) == (
        "Speaks in short commands. A sceptic. Tone: Dry. Manner: Reports. Speech: Calm; Breathless. "
        "Traits: orderly; doubting. Motifs: glass; wires."
    )


@pytest.mark.parametrize("entry", [{}, {"name": "London Fox"}, {"voice": 3, "motifs": [1]}, {"voice": " "}])
def test_profile_without_voice_is_empty(entry: dict[str, object]) -> None:
    """A profile without words on the voice is empty."""
    assert profile_text(entry) == ""


def test_long_profile_ends_at_a_whole_word() -> None:
    """A long profile ends at a whole word."""
    profile = profile_text({"voice": "wording " * 400})

    assert len(profile) <= MAX_PROFILE
    assert profile.endswith("wording…")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I was here. We had a door of our own.", "in the first person, in the past tense, in sentences of about 5"),
        ("She is here. He has her key, and they are.", "third person, in the present tense"),
        ("You are late. Your door is shut.", "second person, in the present tense"),
        ("Rain. Stone.", "told without persons"),
        ("He is here? Is she? They are.", ", often asking"),
        ("“All of this is talk,” he said. “I know,” she said.", "third person, in the past tense"),
        ("“All of this is talk,” he said. “I know,” she said.", ", much of it talk"),
    ],
)
def test_section_is_described_by_counts(text: str, expected: str) -> None:
    """A section is described by counts."""
    assert expected in measured(text)


def test_distinctive_words_are_rare_elsewhere() -> None:
    """Words of one's own are those that other sections lack."""
    own = Counter({"lantern": 3, "door": 9, "once": 1, "sea": 9, "door's": 9})
    spread = sections_with({0: own, **{s: Counter({"door": 1}) for s in range(1, 16)}})

    assert distinctive(own, spread, 16) == ("lantern", "door")


def test_measured_voice_keeps_principles(tmp_path: Path) -> None:
    """A character without a profile is measured and keeps its principles."""
    made = written_books.corpus(tmp_path)
    profiles = {"characters": {"london-fox": {"voice": "Dry."}, "judy-s-cargot": {"voice": "Jovial."}}}
    made.put("metadata/character_profiles.json", json.dumps(profiles))
    made.put("characters/old-natalie/first_principles.md", "# P\n\n1. Doors open\n2. Doors shut\n## 3. Doors wait\n")

    book = read_book(tmp_path)

    assert (book.voices[1].profile, book.voices[1].source) == ("Dry.", "profile")
    assert book.voices[6].source == "section"
    assert book.voices[6].profile.endswith("Principles: Doors open; Doors shut; Doors wait.")
    note = "this profile has no section and was left aside"
    assert book.notes == (f"metadata/character_profiles.json: judy-s-cargot: {note}",)


def test_markdown_book_with_profiles(tmp_path: Path) -> None:
    """A Markdown book may describe its voices beside its pages."""
    root = written_books.markdown(tmp_path / "book")
    (root / "index.json").write_text(json.dumps({"title": "T", "symbols": {"princhetta": {"color": "#010203"}}}))
    (root / "character_profiles.json").write_text(json.dumps({"characters": {"princhetta": {"voice": "Rides."}}}))

    voice = read_book(root).voices[7]

    assert (voice.profile, voice.source, voice.color) == ("Rides.", "profile", "#010203")


def test_default_colours_are_sixteen(tmp_path: Path) -> None:
    """A book without colours has sixteen of its own."""
    colors = [voice.color for voice in read_book(written_books.markdown(tmp_path / "book")).voices]

    assert len(set(colors)) == 16
    assert all(re.fullmatch("#[0-9a-f]{6}", color) for color in colors)


@pytest.mark.parametrize("color", ["#fff", "#ffffff80", "white", "rgb(1, 2, 3)", "red;} body {display: none", 7])
def test_a_page_s_colour_that_is_none_is_left_aside_with_a_note(tmp_path: Path, color: object) -> None:
    """The voice has one of its own; upper case and spaces around are no fault, and null is no value."""
    rows = written_books.rows()
    for row, given in zip(rows, [color, color, " #ABCDEF ", None, "", None], strict=False):
        row["color"] = given
    book = read_book(written_books.texts_json(tmp_path / "texts.json", rows))
    assert re.fullmatch("#[0-9a-f]{6}", book.voices[0].color)
    assert book.voices[1].color == "#abcdef"
    (note,) = book.notes
    assert note.startswith("texts.json: the color of 2 pages is not like #34ff78 and was left aside, such as ")


def test_majority_colour_is_the_characters(tmp_path: Path) -> None:
    """The colour of most of a section's pages is the character's."""
    rows = written_books.rows()
    rows[1]["section"] = rows[2]["section"] = 1
    rows[2]["symbolId"] = "an-author"
    rows[1]["color"] = "#FFB6C1"

    assert read_book(written_books.texts_json(tmp_path / "texts.json", rows)).voices[0].color == "#0a0b0c"
