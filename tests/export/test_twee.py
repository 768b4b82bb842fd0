from __future__ import annotations

import html
import json
import re
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from tests.export.journeys import READER, add_outcomes, exported, whole_journey
from tests.export.pages import AWKWARD, texts
from tests.export.twee_parser import Passage, parse
from tests.support import factories
from tests.support.gateway import system_in

from qdpi.export.reading_copy import PageRef
from qdpi.export.twee import DATA_PASSAGE, escape_header, escape_text, label_of, name_of, passage_of
from qdpi.store.ports import PageStore


async def story(store: PageStore, journey: str = READER) -> dict[str, Passage]:
    return parse((await exported(store, "twee", journey)).decode())


async def test_story_has_title_ifid_and_start(tmp_path: Path):
    """A story has a title, an IFID, and a start passage that exists."""
    async with system_in(tmp_path) as system:
        await add_outcomes(system.store, 2)
        passages = await story(system.store)
        data = json.loads(passages["StoryData"].text)
        assert passages["StoryTitle"].text == "A Book: a journey"
        assert data["ifid"] == str(UUID(data["ifid"])).upper()
        assert data["start"] == "Page 1 · S01-P0001"
        assert data["start"] in passages


async def test_ifid_is_unique_and_hides_session_id(tmp_path: Path):
    """Two journeys have two IFIDs, and neither file contains a session id."""
    async with system_in(tmp_path) as system:
        for journey in ("capability-one", "capability-two"):
            await add_outcomes(system.store, 1, journey)
        one, two = [await exported(system.store, "twee", j) for j in ("capability-one", "capability-two")]
        assert json.loads(parse(one.decode())["StoryData"].text)["ifid"] not in two.decode()
        assert b"capability" not in one + two


async def test_passages_are_in_reading_order(tmp_path: Path):
    """Generated pages and the canon pages around them are passages in reading order."""
    async with system_in(tmp_path) as system:
        await add_outcomes(system.store, 2)
        assert list(await story(system.store)) == [
            "StoryTitle",
            "StoryData",
            "Page 1 · S01-P0001",
            "An answer 1 · 1",
            "An answer 2 · 2",
            "Page 2 · S01-P0002",
            DATA_PASSAGE,
        ]


async def test_edges_and_children_are_links(tmp_path: Path):
    """Edges are links, and so are the pages that were generated on a page."""
    async with system_in(tmp_path) as system:
        await whole_journey(system.store)
        passages = await story(system.store)
        assert passages["Page 1 · S01-P0001"].links() == [
            "Page 2 · S01-P0002",
            *(f"An answer {n} · {n}" for n in (1, 3, 4, 5, 6, 7, 8)),
        ]
        assert passages["An answer 1 · 1"].links() == ["Page 2 · S01-P0002"]
        targets = {link for passage in passages.values() for link in passage.links()}
        assert targets <= passages.keys()


async def test_tags_and_positions_are_set(tmp_path: Path):
    """Tags give a page's trajectory and character; no two passages have the same position."""
    async with system_in(tmp_path) as system:
        await whole_journey(system.store)
        passages = await story(system.store)
        assert passages["Page 1 · S01-P0001"].tags == ("canon", "an-author")
        assert passages["An answer 1 · 1"].tags == ("T0", "an-author")
        assert passages["An answer 5 · 5"].tags == ("T2", "an-author")
        places = [passage.metadata["position"] for passage in passages.values() if passage.metadata]
        assert len(set(places)) == len(places)
        assert all(re.fullmatch(r"\d+,\d+", place) for place in places)


async def test_data_passage_describes_pages(tmp_path: Path):
    """A passage has the data of each page as JSON."""
    async with system_in(tmp_path) as system:
        outcomes = await add_outcomes(system.store, 1)
        data = json.loads((await story(system.store))[DATA_PASSAGE].text)
        page = outcomes[0].page
        assert page is not None
        assert data["An answer 1 · 1"]["page_id"] == page.page_id
        assert data["An answer 1 · 1"]["edges"]["next_within"] == "S01-P0002"
        assert data["Page 1 · S01-P0001"]["symbol_code"] == 0


async def test_empty_journey_is_first_page(tmp_path: Path):
    """A journey without outcomes gives the book's first page."""
    async with system_in(tmp_path) as system:
        passages = await story(system.store, "nobody")
        assert list(passages) == ["StoryTitle", "StoryData", "Page 1 · S01-P0001", DATA_PASSAGE]
        assert passages["Page 1 · S01-P0001"].links() == []


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("An overgrown path", "An overgrown path"),
        ("foo\\bar", "foo\\\\bar"),
        ("[a]{b}", "\\[a\\]\\{b\\}"),
    ],
)
def test_header_names_are_escaped(name: str, escaped: str):
    """Names in headers are escaped as the specification demands."""
    assert escape_header(name) == escaped


@given(texts)
@settings(max_examples=200)
def test_any_text_is_one_passage(text: str):
    """Any text is one passage without links, and reads back the same."""
    page = factories.generated_page(text=text)
    (passage,) = parse(passage_of(page, (), "1,1")).values()

    assert passage.links() == []
    read_back = html.unescape(passage.text)
    wanted = re.sub("[\x00-\x08\x0b-\x1f\x7f-\x9f]", "\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))
    assert read_back.split() == wanted.split()


@pytest.mark.parametrize(
    "markup", ["[[a]]", "<<set $a>>", "(set: $a to 1)", "<b>", "&amp;", "//x//", ":: Start", "{a}"]
)
def test_markup_is_escaped(markup: str):
    """No story format reads a text as markup."""
    escaped = escape_text(markup)

    assert html.unescape(escaped) == markup
    assert not re.search(r"\[\[|<|\(set:|\$|//|^::|\{|&amp;", escaped)


@given(texts)
@settings(max_examples=200)
def test_any_title_makes_a_linkable_name(title: str):
    """Any title makes a passage name that works in a header and in a link."""
    stop = PageRef("S01-P0007", title, 7)
    source = f":: {escape_header(name_of(stop))} [a] {{}}\n[[{label_of(stop)}->{name_of(stop)}]]\n"
    (passage,) = parse(source).values()

    assert passage.links() == [passage.name] == [name_of(stop)]


@pytest.mark.parametrize("title", AWKWARD, ids=ascii)
def test_passage_names_are_unique(title: str):
    """Pages of the same title have different passage names."""
    stops = [
        PageRef("S01-P0001", title, None),
        PageRef("S01-P0002", title, None),
        PageRef("x", title, 1),
        PageRef("y", title, 2),
    ]

    assert len({name_of(stop) for stop in stops}) == 4
