"""The author's canon in both of its layouts. No sentence of it is quoted here."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from qdpi.canon import Book, read_book
from qdpi.symbols import CHARACTER_MAP

CANON = Path(os.environ.get("QDPI_CANON") or Path(__file__).parents[3] / "shared" / "canon")
TEXTS = CANON / "src" / "assets" / "texts.json"
CORPUS = CANON / "gibsey-canon" / "corpus"

pytestmark = [
    pytest.mark.canon,
    pytest.mark.skipif(
        not (CORPUS.is_dir() and TEXTS.is_file()),
        reason="the author's canon is not here: set QDPI_CANON to its folder",
    ),
]


@pytest.fixture(scope="module")
def corpus() -> Book:
    return read_book(CANON)


@pytest.fixture(scope="module")
def texts() -> Book:
    return read_book(TEXTS)


@pytest.mark.parametrize("layout", ["corpus", "texts"])
def test_ring_has_710_pages_in_16_sections(layout: str, request: pytest.FixtureRequest) -> None:
    """The ring has 710 pages in sixteen ascending sections."""
    pages = request.getfixturevalue(layout).pages
    sizes = Counter(page.section for page in pages)

    assert [sizes[s] for s in range(1, 17)] == [8, 16, 179, 32, 72, 47, 26, 5, 26, 21, 55, 13, 64, 77, 36, 33]
    assert [p.page_num for p in pages] == list(range(1, 711))
    assert all(p.section == p.character + 1 for p in pages)
    assert next(p.page_id for p in pages if CHARACTER_MAP[p.character] == "princhetta") == "S08-P0381"
    assert len({p.page_id for p in pages}) == 710


def test_both_layouts_have_identical_pages(corpus: Book, texts: Book) -> None:
    # They differ in nothing: not in ids, sections, titles, nor in one character of a text.
    """Both layouts have the same pages to the letter."""
    assert corpus.pages == texts.pages
    assert corpus.book_id == texts.book_id == "the-entrance-way"


def test_texts_are_read_unchanged(texts: Book) -> None:
    """No text is changed by reading it."""
    given = [row["text"] for row in json.loads(TEXTS.read_text(encoding="utf-8"))]

    assert [page.text for page in texts.pages] == given


def test_part_one_belongs_to_glyph_marrow(corpus: Book) -> None:
    """The pages of part one are Glyph Marrow's."""
    rows = json.loads((CORPUS / "metadata" / "pages.json").read_text(encoding="utf-8"))
    named = [int(row["id"]) for row in rows if isinstance(row["section"], str)]

    assert len(named) == 42
    assert {corpus.pages[number - 1].section for number in named} == {3}


def test_colours_are_those_of_the_index(corpus: Book, texts: Book) -> None:
    """Both layouts have the colours of the index and not those of the parts."""
    index = json.loads((CORPUS / "index.json").read_text(encoding="utf-8"))["symbols"]
    given = [entry["color"].lower() for entry in index.values()]

    assert [v.color for v in corpus.voices] == [v.color for v in texts.voices] == given
    assert corpus.voices[2].color == "#00a2ff"


def test_fifteen_voices_are_described_and_one_is_measured(corpus: Book) -> None:
    """Fifteen voices are the author's and the sixteenth is measured."""
    measured = [v.slug for v in corpus.voices if v.source == "section"]
    todd = corpus.voices[14].profile

    assert measured == ["todd-fishbone"]
    assert "36 pages: told in the third person, in the present tense" in todd
    assert "Principles: " in todd
    assert all(60 < len(v.profile) <= 1_200 for v in corpus.voices)
    assert corpus.voices[6].profile != corpus.voices[9].profile


def test_texts_json_voices_are_measured(texts: Book) -> None:
    """A texts file has no profiles, so every voice is measured."""
    assert {v.source for v in texts.voices} == {"section"}
    assert len({v.profile for v in texts.voices}) == 16


def test_characters_have_distinct_drawings(corpus: Book, texts: Book) -> None:
    """Every character of the corpus has its own drawing."""
    assert all((v.symbol_svg or "").startswith("<svg") for v in corpus.voices)
    assert all(v.symbol_svg is None for v in texts.voices)


def test_seventeenth_profile_is_a_note(corpus: Book) -> None:
    """The seventeenth profile is a note and not a fault."""
    assert corpus.notes[0].startswith("metadata/character_profiles.json: judy-s-cargot: ")


def test_files_that_are_not_read_are_named(corpus: Book) -> None:
    """The other files of the canon are named, those beside its folder included."""
    _, inside, beside = corpus.notes

    assert "characters/an-author/info.json" in inside
    assert "metadata/world_lore.md" in inside
    assert "src/assets/texts.json" in beside


def test_content_hash_is_stable(corpus: Book, texts: Book) -> None:
    """Reading it again gives the same hash."""
    assert read_book(CANON).content_hash == corpus.content_hash != texts.content_hash
