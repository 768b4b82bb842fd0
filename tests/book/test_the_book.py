import json
import re
import zlib
from collections import Counter
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest

import qdpi.book

BOOK = files(qdpi.book)
CORPUS = BOOK / "corpus"

NAMES = {
    "an-author": "an author",
    "london-fox": "London Fox",
    "glyph-marrow": "Glyph Marrow",
    "phillip-bafflemint": "Phillip Bafflemint",
    "jacklyn-variance": "Jacklyn Variance",
    "oren-progresso": "Oren Progresso",
    "old-natalie-weissman": "Old Natalie Weissman",
    "princhetta": "Princhetta",
    "cop-e-right": "Cop-E-Right",
    "new-natalie-weissman": "New Natalie Weissman",
    "arieol-owlist": "Arieol Owlist",
    "jack-parlance": "Jack Parlance",
    "manny-valentinas": "Manny Valentinas",
    "shamrock-stillman": "Shamrock Stillman",
    "todd-fishbone": "Todd Fishbone",
    "the-author": "The Author",
}
SLUGS = list(NAMES)

LIGHT_GROUND = "#fbfaf7"
DARK_GROUND = "#14130f"

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
SENTENCE_END = re.compile(r"(?<=[.!?])[\"')]*\s+")
PROSE_MARKS = frozenset(".,;:!?'\"-()–—‘’“”…")
FUNCTION_WORDS = frozenset(
    WORD.findall("""
    a about above across after against all along although am among an and any anyone anything are around as at
    be because been before behind being below beneath beside between beyond both but by can can't cannot could
    couldn't did didn't do does doesn't doing don't down during each either every everyone everything for from
    had hadn't has hasn't have haven't having he he'd he's her hers herself him himself his how i i'd i'll i'm
    i've if in inside into is isn't it it's its itself me might mine must my myself near neither no nobody none
    nor not nothing of off on onto or our ours ourselves out outside over shall she she'd she's should
    shouldn't since so some someone something than that that's the their theirs them themselves then there
    there's these they they'd they're they've this those though through to toward towards under until up upon
    us was wasn't we we'd we'll we're we've were weren't what when where whether which while who whom whose why
    will with within without won't would wouldn't you you'd you'll you're you've your yours yourself
    """)
)


def read_json(*path):
    return json.loads(CORPUS.joinpath(*path).read_text(encoding="utf-8"))


ROWS = read_json("metadata", "pages.json")
TEXTS = {row["id"]: CORPUS.joinpath("pages", row["filename"]).read_text(encoding="utf-8") for row in ROWS}


def words(text):
    return WORD.findall(text.lower().replace("’", "'"))


def grams(text, size):
    found = words(text)
    return [tuple(found[at : at + size]) for at in range(len(found) - size + 1)]


def section(slug):
    return [row for row in ROWS if row["symbolId"] == slug]


def luminance(color):
    channels = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


every_page = pytest.mark.parametrize("text", [pytest.param(TEXTS[row["id"]], id=row["id"]) for row in ROWS])
every_slug = pytest.mark.parametrize("slug", SLUGS)


# The layout


def test_book_has_50_to_56_pages():
    """The book has between fifty and fifty-six pages."""
    assert 50 <= len(ROWS) <= 56


def test_pages_are_numbered_from_001_without_a_gap():
    """The pages are numbered from 001 without a gap."""
    assert [row["id"] for row in ROWS] == [f"{number:03d}" for number in range(1, len(ROWS) + 1)]


def test_sections_are_in_order():
    """The sixteen sections are in order."""
    assert list(dict.fromkeys((row["section"], row["symbolId"]) for row in ROWS)) == list(enumerate(SLUGS, 1))
    assert all(a["section"] <= b["section"] for a, b in pairwise(ROWS))


@every_slug
def test_section_has_three_pages_one_title_one_colour(slug):
    """A section has three pages or more, one title and one colour."""
    rows = section(slug)
    assert len(rows) >= 3
    assert [row["pageIndex"] for row in rows] == list(range(1, len(rows) + 1))
    assert len({row["title"] for row in rows}) == 1
    assert len({row["color"] for row in rows}) == 1


def test_section_titles_and_colours_are_distinct():
    """No two sections share a title or a colour."""
    assert len({row["title"] for row in ROWS}) == len(SLUGS)
    assert len({row["color"] for row in ROWS}) == len(SLUGS)


def test_row_has_exactly_the_layouts_fields():
    """A row has the fields of the layout and no others."""
    keys = {"id", "symbolId", "title", "color", "pageIndex", "section", "filename"}
    assert all(set(row) == keys for row in ROWS)


def test_file_name_is_number_and_title():
    """A file is named for its number and its title."""
    for row in ROWS:
        slug = re.sub(r"[^a-z0-9]+", "-", row["title"].lower().replace("'", "")).strip("-")
        assert row["filename"] == f"{row['id']}-{slug}.md"


def test_pages_folder_holds_exactly_the_listed_files():
    """The folder of pages holds the listed files and no others."""
    held = sorted(file.name for file in CORPUS.joinpath("pages").iterdir())
    assert held == sorted(row["filename"] for row in ROWS)


def test_index_agrees_with_the_rows():
    """The index names the book and agrees with the rows."""
    index = read_json("index.json")
    assert index["title"] == "The Spare Hour"
    assert index["author"] == "the Gibsey QDPI contributors"
    assert list(index["symbols"]) == SLUGS
    for number, (slug, entry) in enumerate(index["symbols"].items(), 1):
        assert entry == {
            "title": number,
            "color": section(slug)[0]["color"],
            "characterDir": f"characters/{slug}",
            "pages": [row["pageIndex"] for row in section(slug)],
        }


@every_slug
def test_character_folders_agree_with_the_rows(slug):
    """A character's folder agrees with the rows."""
    assert read_json("characters", slug, "info.json") == {
        "symbolId": slug,
        "name": NAMES[slug],
        "color": section(slug)[0]["color"],
        "pages": len(section(slug)),
        "hasFirstPrinciples": False,
    }


def test_profiles_describe_all_sixteen_voices():
    """The profiles describe all sixteen voices."""
    profiles = read_json("metadata", "character_profiles.json")["characters"]
    assert list(profiles) == SLUGS
    for number, (slug, profile) in enumerate(profiles.items(), 1):
        assert set(profile) == {"name", "section", "voice", "motifs"}
        assert (profile["name"], profile["section"]) == (NAMES[slug], number)
        assert len(profile["voice"]) > 40
        assert len(profile["motifs"]) >= 2
    assert len({profile["voice"] for profile in profiles.values()}) == len(SLUGS)


@every_slug
def test_colour_is_readable_on_light_and_dark(slug):
    """A colour can be read on a light and on a dark ground."""
    color = section(slug)[0]["color"]
    assert re.fullmatch(r"#[0-9a-f]{6}", color)
    assert contrast(color, LIGHT_GROUND) >= 3
    assert contrast(color, DARK_GROUND) >= 3


def test_book_has_a_licence():
    """The book comes with its licence."""
    licence = BOOK.joinpath("LICENSE").read_text(encoding="utf-8")
    assert licence.startswith("MIT License")
    assert "Copyright (c) 2026 the Gibsey QDPI contributors" in licence


# The prose


@every_page
def test_page_is_plain_paragraphs(text):
    """A page is plain paragraphs and ends in one newline."""
    assert text.endswith("\n")
    assert text == text.strip() + "\n"
    paragraphs = text.strip().split("\n\n")
    assert len(paragraphs) >= 2
    assert all(p == p.strip() and "\n" not in p and "  " not in p for p in paragraphs)
    assert not any(p.startswith(("#", "---", "*", ">", "- ")) for p in paragraphs)
    assert "--" not in text
    assert not set(text) & set("‘’“”")


@every_page
def test_page_has_120_to_200_words(text):
    """A page is between 120 and 200 words long."""
    assert 120 <= len(text.split()) <= 200


@every_page
def test_page_seldom_repeats_four_words(text):
    """A page seldom repeats four words."""
    counts = Counter(grams(text, 4))
    assert sum(n for n in counts.values() if n > 1) <= 0.10 * counts.total()


@every_page
def test_page_is_not_compressed_far_by_zlib(text):
    """A page is not compressed far by zlib."""
    raw = text.encode()
    assert len(zlib.compress(raw)) / len(raw) >= 0.34


@every_page
def test_page_has_no_sentence_more_than_twice(text):
    """A page has no sentence more than twice."""
    said = Counter(" ".join(words(s)) for p in text.split("\n\n") for s in SENTENCE_END.split(p) if words(s))
    assert max(said.values()) <= 2


@every_page
def test_page_has_letters_and_common_marks_only(text):
    """A page is made of letters and common marks."""
    odd = [c for c in text if not (c.isalnum() or c.isspace() or c in PROSE_MARKS)]
    assert len(odd) / len(text) <= 0.015


@every_page
def test_page_has_few_capitals(text):
    """A page has few capitals."""
    letters = [c for c in text if c.isalpha()]
    assert sum(c.isupper() for c in letters) / len(letters) <= 0.03


@every_page
def test_page_has_the_function_words_of_english(text):
    """A page has the grammar of English."""
    found = words(text)
    assert 0.34 <= sum(w in FUNCTION_WORDS for w in found) / len(found) <= 0.64


# The book as a whole


@every_slug
def test_section_asks_a_question(slug):
    """A section asks a question."""
    assert any("?" in TEXTS[row["id"]] for row in section(slug))


@pytest.mark.parametrize("name", ["Dunnage", "Sallow", "Patience", "Glasshouse", "Lamp Side", "Cold Side", "Arthur"])
def test_named_thing_recurs_in_several_sections(name):
    """A named thing recurs in several sections."""
    assert len({row["section"] for row in ROWS if name in TEXTS[row["id"]]}) >= 5


def test_no_run_of_eight_words_is_on_two_pages():
    """No run of eight words is on two pages."""
    seen = Counter(gram for text in TEXTS.values() for gram in set(grams(text, 8)))
    assert [" ".join(gram) for gram, pages in seen.items() if pages > 1] == []


def test_last_page_leads_back_to_the_first():
    """The last page leads back to the first."""
    first, last = TEXTS[ROWS[0]["id"]], TEXTS[ROWS[-1]["id"]]
    for thing in ("ladder", "cobweb", "elbow", "lemon", "notebook", "good evening", "under a lamp"):
        assert thing in first
        assert thing in last
    assert last.rstrip().endswith("?")


@pytest.mark.canon
def test_no_run_of_eight_words_is_in_the_real_canon(canon: Path):
    """No run of eight words is in the author's canon."""
    sources = [file for file in sorted(canon.rglob("*")) if file.suffix in {".md", ".json", ".txt"}]
    assert sources, "the canon's folder holds no text"
    theirs = {gram for file in sources for gram in grams(file.read_text(encoding="utf-8"), 8)}
    shared = {gram for text in TEXTS.values() for gram in grams(text, 8)} & theirs
    assert sorted(" ".join(gram) for gram in shared) == []
