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


def test_the_book_has_between_fifty_and_fifty_six_pages():
    assert 50 <= len(ROWS) <= 56


def test_the_pages_are_numbered_from_001_without_a_gap():
    assert [row["id"] for row in ROWS] == [f"{number:03d}" for number in range(1, len(ROWS) + 1)]


def test_the_sixteen_sections_stand_in_their_order():
    assert list(dict.fromkeys((row["section"], row["symbolId"]) for row in ROWS)) == list(enumerate(SLUGS, 1))
    assert all(a["section"] <= b["section"] for a, b in pairwise(ROWS))


@every_slug
def test_a_section_has_three_pages_or_more_one_title_and_one_colour(slug):
    rows = section(slug)
    assert len(rows) >= 3
    assert [row["pageIndex"] for row in rows] == list(range(1, len(rows) + 1))
    assert len({row["title"] for row in rows}) == 1
    assert len({row["color"] for row in rows}) == 1


def test_no_two_sections_share_a_title_or_a_colour():
    assert len({row["title"] for row in ROWS}) == len(SLUGS)
    assert len({row["color"] for row in ROWS}) == len(SLUGS)


def test_a_row_says_what_the_layout_asks_and_nothing_else():
    keys = {"id", "symbolId", "title", "color", "pageIndex", "section", "filename"}
    assert all(set(row) == keys for row in ROWS)


def test_a_file_is_named_for_its_number_and_its_title():
    for row in ROWS:
        slug = re.sub(r"[^a-z0-9]+", "-", row["title"].lower().replace("'", "")).strip("-")
        assert row["filename"] == f"{row['id']}-{slug}.md"


def test_the_folder_of_pages_holds_the_listed_files_and_no_others():
    held = sorted(file.name for file in CORPUS.joinpath("pages").iterdir())
    assert held == sorted(row["filename"] for row in ROWS)


def test_the_index_names_the_book_and_agrees_with_the_rows():
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
def test_a_characters_folder_agrees_with_the_rows(slug):
    assert read_json("characters", slug, "info.json") == {
        "symbolId": slug,
        "name": NAMES[slug],
        "color": section(slug)[0]["color"],
        "pages": len(section(slug)),
        "hasFirstPrinciples": False,
    }


def test_the_profiles_describe_all_sixteen_voices():
    profiles = read_json("metadata", "character_profiles.json")["characters"]
    assert list(profiles) == SLUGS
    for number, (slug, profile) in enumerate(profiles.items(), 1):
        assert set(profile) == {"name", "section", "voice", "motifs"}
        assert (profile["name"], profile["section"]) == (NAMES[slug], number)
        assert len(profile["voice"]) > 40
        assert len(profile["motifs"]) >= 2
    assert len({profile["voice"] for profile in profiles.values()}) == len(SLUGS)


@every_slug
def test_a_colour_can_be_read_on_a_light_and_on_a_dark_ground(slug):
    color = section(slug)[0]["color"]
    assert re.fullmatch(r"#[0-9a-f]{6}", color)
    assert contrast(color, LIGHT_GROUND) >= 3
    assert contrast(color, DARK_GROUND) >= 3


def test_the_book_comes_with_its_licence():
    licence = BOOK.joinpath("LICENSE").read_text(encoding="utf-8")
    assert licence.startswith("MIT License")
    assert "Copyright (c) 2026 the Gibsey QDPI contributors" in licence


# The prose


@every_page
def test_a_page_is_plain_paragraphs_and_ends_in_one_newline(text):
    assert text.endswith("\n")
    assert text == text.strip() + "\n"
    paragraphs = text.strip().split("\n\n")
    assert len(paragraphs) >= 2
    assert all(p == p.strip() and "\n" not in p and "  " not in p for p in paragraphs)
    assert not any(p.startswith(("#", "---", "*", ">", "- ")) for p in paragraphs)
    assert "--" not in text
    assert not set(text) & set("‘’“”")


@every_page
def test_a_page_is_between_120_and_200_words_long(text):
    assert 120 <= len(text.split()) <= 200


@every_page
def test_a_page_seldom_repeats_four_words(text):
    counts = Counter(grams(text, 4))
    assert sum(n for n in counts.values() if n > 1) <= 0.10 * counts.total()


@every_page
def test_a_page_is_not_squeezed_far_by_zlib(text):
    raw = text.encode()
    assert len(zlib.compress(raw)) / len(raw) >= 0.34


@every_page
def test_a_page_says_no_sentence_more_than_twice(text):
    said = Counter(" ".join(words(s)) for p in text.split("\n\n") for s in SENTENCE_END.split(p) if words(s))
    assert max(said.values()) <= 2


@every_page
def test_a_page_is_made_of_letters_and_common_marks(text):
    odd = [c for c in text if not (c.isalnum() or c.isspace() or c in PROSE_MARKS)]
    assert len(odd) / len(text) <= 0.015


@every_page
def test_a_page_has_few_capitals(text):
    letters = [c for c in text if c.isalpha()]
    assert sum(c.isupper() for c in letters) / len(letters) <= 0.03


@every_page
def test_a_page_has_the_grammar_of_english(text):
    found = words(text)
    assert 0.34 <= sum(w in FUNCTION_WORDS for w in found) / len(found) <= 0.64


# The book as a whole


@every_slug
def test_a_section_asks_a_question(slug):
    assert any("?" in TEXTS[row["id"]] for row in section(slug))


@pytest.mark.parametrize("name", ["Dunnage", "Sallow", "Patience", "Glasshouse", "Lamp Side", "Cold Side", "Arthur"])
def test_a_named_thing_recurs_in_several_sections(name):
    assert len({row["section"] for row in ROWS if name in TEXTS[row["id"]]}) >= 5


def test_no_run_of_eight_words_stands_on_two_pages():
    seen = Counter(gram for text in TEXTS.values() for gram in set(grams(text, 8)))
    assert [" ".join(gram) for gram, pages in seen.items() if pages > 1] == []


def test_the_last_page_leads_back_to_the_first():
    first, last = TEXTS[ROWS[0]["id"]], TEXTS[ROWS[-1]["id"]]
    for thing in ("ladder", "cobweb", "elbow", "lemon", "notebook", "good evening", "under a lamp"):
        assert thing in first
        assert thing in last
    assert last.rstrip().endswith("?")


@pytest.mark.canon
def test_no_run_of_eight_words_stands_in_the_authors_canon(canon: Path):
    sources = [file for file in sorted(canon.rglob("*")) if file.suffix in {".md", ".json", ".txt"}]
    assert sources, "the canon's folder holds no text"
    theirs = {gram for file in sources for gram in grams(file.read_text(encoding="utf-8"), 8)}
    shared = {gram for text in TEXTS.values() for gram in grams(text, 8)} & theirs
    assert sorted(" ".join(gram) for gram in shared) == []
