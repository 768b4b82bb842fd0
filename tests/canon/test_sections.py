"""A voice in a sentence, and a section's own title."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import factories

from qdpi.canon import own_book
from qdpi.canon.revision import edition_of
from qdpi.canon.sections import MOST_CHARACTERS, SectionTitle, common_title, section_titles, voice_sentence
from qdpi.page_schema import Voice

TITLES = st.lists(st.lists(st.sampled_from(["The", "Kettle", "Part", "1", "2", "(", "–"]), max_size=5), max_size=12)


def voice(profile: str, source: str = "profile") -> Voice:
    return Voice(0, "an-author", "an author", profile, "#000000", source=source)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("titles", "title", "pages"),
    [
        (["The Door"] * 3, "The Door", 3),
        (["Lamps"], "Lamps", 1),
        (["The Door", "The Door", "The Lamp"], "The Door", 2),
        (["The Kettle - Chapter 1: Steam", "The Kettle - Chapter 2: Rust"], "The Kettle", 2),
        (["The Kettle, Part One", "The Kettle, Part Two", "The Kettle, Part Two"], "The Kettle", 3),
        (["The Kettle (1)", "The Kettle (2)"], "The Kettle", 2),
        (["The Kettle", "The Kettle II", "Rust"], "The Kettle", 2),
        (["A Kettle Noir- Chapter 4- The Slip", "A Kettle Noir- Chapter 5- Stations"], "A Kettle Noir", 2),
        (["The  Kettle\tCold", "The Kettle Cold"], "The Kettle Cold", 2),
        (["حكاية الإبريق 1", "حكاية الإبريق 2"], "حكاية الإبريق", 2),
    ],
)
def test_titles_have_a_title_in_common(titles: list[str], title: str, pages: int):
    assert common_title(titles) == SectionTitle(title, pages)
    assert common_title(reversed(titles)) == SectionTitle(title, pages)


@pytest.mark.parametrize(
    "titles",
    [
        ["Page 4", "Page 5", "Page 6"],
        ["The Door", "A Lamp"],
        ["The Door", "The Door", "A Lamp", "A Lamp"],
        ["Chapter 1", "Chapter 1", "Chapter 2"],
        ["7", "7"],
        ["Kettles", "Kettlesmith"],
        [""],
    ],
)
def test_titles_with_nothing_in_common(titles: list[str]):
    """One word at the beginning, a number, or half of the pages are not enough."""
    assert common_title(titles) is None


@given(TITLES.filter(bool))
def test_a_common_title_begins_over_half_of_the_titles(words: list[list[str]]):
    """Whatever the titles are, what is found is what it is said to be."""
    titles = [" ".join(each) for each in words]
    found = common_title(titles)
    if found is not None:
        bearers = [title for title in titles if title.startswith(found.title)]
        assert len(titles) / 2 < found.pages <= len(bearers)


def test_a_name_is_no_title():
    """Pages without a title bear their character's name: their section has no title of its own."""
    pages = [factories.canon_page(n, section=2, title="london fox") for n in (4, 5)]
    assert section_titles([*pages, factories.canon_page(7, section=3, title="The Lamp")]) == {
        3: SectionTitle("The Lamp", 1)
    }


def test_the_book_s_title_of_a_section_comes_first():
    pages = [factories.canon_page(n, section=2, title="The Door") for n in (4, 5)]
    voices = [replace(own_book().voices[n], section_title=title) for n, title in ((1, "Part Two"), (2, "Part Three"))]
    assert section_titles(pages, voices) == {2: SectionTitle("Part Two"), 3: SectionTitle("Part Three")}
    assert section_titles(pages, own_book().voices) == {2: SectionTitle("The Door", 2)}


def test_every_section_of_the_own_book_has_its_title():
    edition = edition_of(own_book())
    assert len(edition.section_titles) == 16
    assert edition.section_titles[1].title == "A Pamphlet on the Patience"


@pytest.mark.parametrize(
    ("given_voice", "sentence"),
    [
        (voice("Speaks of tea. Traits: patience."), "Speaks of tea."),
        (voice("Dr. Fox, of the M.Y.S.T. to be. And more."), "Dr. Fox, of the M.Y.S.T. to be."),
        (voice("no end"), "No end"),
        (voice(""), ""),
        (
            voice("Measured on the section's 3 pages: told in the first person. Words: tea.", "section"),
            "Told in the first person.",
        ),
    ],
)
def test_voice_in_a_sentence(given_voice: Voice, sentence: str):
    assert voice_sentence(given_voice) == sentence


def test_a_long_sentence_is_cut_at_a_word():
    sentence = voice_sentence(voice("word, " * 100))
    assert len(sentence) <= MOST_CHARACTERS
    assert sentence.endswith("word…")


def test_every_voice_of_the_own_book_has_its_sentence():
    sentences = [voice_sentence(each) for each in own_book().voices]
    assert len(set(sentences)) == 16
    assert all(40 < len(each) <= MOST_CHARACTERS and each.endswith(".") for each in sentences)
