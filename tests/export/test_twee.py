from __future__ import annotations

import html
import json
import re
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from tests.export.journeys import READER, exported, read, whole_journey
from tests.export.pages import AWKWARD, texts
from tests.export.twee_parser import Passage, parse
from tests.support import factories
from tests.support.gateway import system_in

from qdpi.export.reading_copy import PageRef
from qdpi.export.twee import DATA_PASSAGE, escape_header, escape_text, label_of, name_of, passage_of
from qdpi.store.ports import PageStore


async def story(store: PageStore, journey: str = READER) -> dict[str, Passage]:
    return parse((await exported(store, "twee", journey)).decode())


async def test_a_story_has_its_title_its_ifid_and_a_start_that_is_there(tmp_path: Path):
    async with system_in(tmp_path) as system:
        await read(system.store, 2)
        passages = await story(system.store)
        data = json.loads(passages["StoryData"].text)
        assert passages["StoryTitle"].text == "A Book: a journey"
        assert data["ifid"] == str(UUID(data["ifid"])).upper()
        assert data["start"] == "Page 1 · S01-P0001"
        assert data["start"] in passages


async def test_two_journeys_are_two_stories_and_neither_tells_the_id_that_opens_it(tmp_path: Path):
    async with system_in(tmp_path) as system:
        for journey in ("capability-one", "capability-two"):
            await read(system.store, 1, journey)
        one, two = [await exported(system.store, "twee", j) for j in ("capability-one", "capability-two")]
        assert json.loads(parse(one.decode())["StoryData"].text)["ifid"] not in two.decode()
        assert b"capability" not in one + two


async def test_every_page_and_the_canon_pages_it_touches_are_passages_in_reading_order(tmp_path: Path):
    async with system_in(tmp_path) as system:
        await read(system.store, 2)
        assert list(await story(system.store)) == [
            "StoryTitle",
            "StoryData",
            "Page 1 · S01-P0001",
            "An answer 1 · 1",
            "An answer 2 · 2",
            "Page 2 · S01-P0002",
            DATA_PASSAGE,
        ]


async def test_a_link_for_each_edge_and_for_each_page_that_was_written_from_there(tmp_path: Path):
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


async def test_tags_say_what_a_page_is_and_no_two_lie_on_each_other(tmp_path: Path):
    async with system_in(tmp_path) as system:
        await whole_journey(system.store)
        passages = await story(system.store)
        assert passages["Page 1 · S01-P0001"].tags == ("canon", "an-author")
        assert passages["An answer 1 · 1"].tags == ("T0", "an-author")
        assert passages["An answer 5 · 5"].tags == ("T2", "an-author")
        places = [passage.metadata["position"] for passage in passages.values() if passage.metadata]
        assert len(set(places)) == len(places)
        assert all(re.fullmatch(r"\d+,\d+", place) for place in places)


async def test_what_each_page_is_stands_in_a_passage_of_json(tmp_path: Path):
    async with system_in(tmp_path) as system:
        outcomes = await read(system.store, 1)
        data = json.loads((await story(system.store))[DATA_PASSAGE].text)
        page = outcomes[0].page
        assert page is not None
        assert data["An answer 1 · 1"]["page_id"] == page.page_id
        assert data["An answer 1 · 1"]["edges"]["next_within"] == "S01-P0002"
        assert data["Page 1 · S01-P0001"]["symbol_code"] == 0


async def test_a_journey_that_nobody_has_begun_is_the_books_first_page(tmp_path: Path):
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
def test_names_are_escaped_as_the_specification_says(name: str, escaped: str):
    assert escape_header(name) == escaped


@given(texts)
@settings(max_examples=200)
def test_any_text_is_one_passage_without_links_and_reads_as_it_was(text: str):
    page = factories.generated_page(text=text)
    (passage,) = parse(passage_of(page, (), "1,1")).values()

    assert passage.links() == []
    read_back = html.unescape(passage.text)
    wanted = re.sub("[\x00-\x08\x0b-\x1f\x7f-\x9f]", "\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))
    assert read_back.split() == wanted.split()


@pytest.mark.parametrize(
    "markup", ["[[a]]", "<<set $a>>", "(set: $a to 1)", "<b>", "&amp;", "//x//", ":: Start", "{a}"]
)
def test_no_story_format_takes_a_text_for_markup(markup: str):
    escaped = escape_text(markup)

    assert html.unescape(escaped) == markup
    assert not re.search(r"\[\[|<|\(set:|\$|//|^::|\{|&amp;", escaped)


@given(texts)
@settings(max_examples=200)
def test_any_title_makes_a_name_that_a_header_and_a_link_carry(title: str):
    stop = PageRef("S01-P0007", title, 7)
    source = f":: {escape_header(name_of(stop))} [a] {{}}\n[[{label_of(stop)}->{name_of(stop)}]]\n"
    (passage,) = parse(source).values()

    assert passage.links() == [passage.name] == [name_of(stop)]


@pytest.mark.parametrize("title", AWKWARD, ids=ascii)
def test_pages_of_one_title_have_names_of_their_own(title: str):
    stops = [
        PageRef("S01-P0001", title, None),
        PageRef("S01-P0002", title, None),
        PageRef("x", title, 1),
        PageRef("y", title, 2),
    ]

    assert len({name_of(stop) for stop in stops}) == 4
