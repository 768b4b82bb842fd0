"""GET /page/{id}/siblings: place, count and neighbours at a locus, without receipts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.gateway.test_journeys import FAULT
from tests.gateway.test_pages import FIRST, SECOND, at, get, written
from tests.gateway.test_presses import assert_problem
from tests.support.gateway import gateway_in

from qdpi.page_schema import PageStatus


async def test_a_page_has_its_place_among_its_siblings(tmp_path: Path):
    """The same pages as the alternatives, in the same order, in a few bytes each."""
    async with gateway_in(tmp_path) as here:
        pages = [await written(here, **at(FIRST), title=f"Sibling {n}", text="x" * 2_000) for n in range(3)]
        await written(here, **at(SECOND))
        await here.generator.answer("reader", await here.press(), fault=FAULT)
        await written(here, "another", **at(FIRST))
        pages.append(await written(here, **at(FIRST), status=PageStatus.STOPPED))
        found = [await get(here, f"{page.page_id}/siblings") for page in pages]
        for place, (page, result) in enumerate(zip(pages, found, strict=True), start=1):
            assert (result["page_id"], result["locus"], result["place"], result["count"]) == (
                page.page_id, FIRST, place, 4,
            )  # fmt: skip
            ids = [None, *(each.page_id for each in pages), None]
            assert [result[name] for name in ("first", "previous", "next", "last")] == [
                ids[1], ids[place - 1], ids[place + 1], ids[4],
            ]  # fmt: skip
        full = await get(here, f"{pages[0].page_id}/alternatives")
        shown = found[0]["siblings"]
        assert shown == [{name: each[name] for name in shown[0]} for each in full["alternatives"]]
        assert shown[3]["status"] == "stopped"
        answer = await here.client.get(f"/api/v1/page/{pages[0].page_id}/siblings")
        assert len(answer.content) < 1_500


async def test_a_page_alone_has_no_neighbours(tmp_path: Path):
    async with gateway_in(tmp_path) as here:
        page = await written(here, **at(FIRST))
        result = await get(here, f"{page.page_id}/siblings")
        assert (result["place"], result["count"], result["previous"], result["next"]) == (1, 1, None, None)
        assert result["first"] == result["last"] == page.page_id


async def test_siblings_under_a_page_of_the_journey(tmp_path: Path):
    """A locus may be a page of the journey itself."""
    async with gateway_in(tmp_path) as here:
        root = await written(here, **at(FIRST))
        children = [await written(here, **at(root.page_id)) for _ in range(2)]
        result = await get(here, f"{children[1].page_id}/siblings")
        assert (result["locus"], result["place"], result["count"]) == (root.page_id, 2, 2)
        assert result["previous"] == children[0].page_id


async def test_siblings_of_a_page_of_the_book(tmp_path: Path):
    """They are the pages that the journey wrote at it; it is none of them."""
    async with gateway_in(tmp_path) as here:
        empty = await get(here, f"{FIRST}/siblings", session_id="reader")
        assert (empty["place"], empty["count"], empty["first"], empty["siblings"]) == (None, 0, None, [])
        pages = [await written(here, **at(FIRST)) for _ in range(2)]
        result = await get(here, f"{FIRST}/siblings", session_id="reader")
        assert (result["place"], result["count"], result["previous"], result["next"]) == (None, 2, None, None)
        assert (result["first"], result["last"]) == (pages[0].page_id, pages[1].page_id)
        refused = await here.client.get(f"/api/v1/page/{FIRST}/siblings")
        assert "session_id" in assert_problem(refused, 422, "invalid_input")["next_step"]


async def test_siblings_in_parts(tmp_path: Path):
    async with gateway_in(tmp_path) as here:
        pages = [await written(here, **at(FIRST)) for _ in range(5)]
        seen, after = list[str](), 0
        while after is not None:
            result = await get(here, f"{FIRST}/siblings", session_id="reader", limit=2, after=after)
            assert (result["count"], result["last"]) == (5, pages[4].page_id)
            seen += [each["page_id"] for each in result["siblings"]]
            after = result["next_after"]
        assert seen == [page.page_id for page in pages]
        for query in ({"limit": 0}, {"limit": 1_001}, {"after": "x"}):
            refused = await here.client.get(f"/api/v1/page/{FIRST}/siblings", params={"session_id": "reader", **query})
            assert_problem(refused, 422, "invalid_input")


async def test_siblings_are_revalidated(tmp_path: Path):
    """An ETag holds until another sibling is written; the answer is private."""
    async with gateway_in(tmp_path) as here:
        page = await written(here, **at(FIRST))
        path = f"/api/v1/page/{page.page_id}/siblings"
        first = await here.client.get(path, params={"session_id": "reader"})
        assert first.headers["cache-control"] == "private, no-cache"
        known = {"if-none-match": first.headers["etag"]}
        await written(here, **at(SECOND))
        assert (await here.client.get(path, headers=known)).status_code == 304
        await written(here, **at(FIRST))
        second = await here.client.get(path, headers=known)
        assert (second.status_code, second.json()["count"]) == (200, 2)


@pytest.mark.parametrize("limit", [1, 1_000])
async def test_siblings_are_read_without_the_outcomes(tmp_path: Path, limit: int, monkeypatch: pytest.MonkeyPatch):
    """A page's place costs its journey's tree, which is kept, and no outcome with its texts."""

    async def refused(*_: Any, **__: Any) -> Any:
        raise AssertionError("an outcome was read")

    async with gateway_in(tmp_path) as here:
        pages = [await written(here, **at(FIRST)) for _ in range(3)]
        for read in ("outcome", "outcomes", "last_outcome"):
            monkeypatch.setattr(here.system.store, read, refused)
        result = await get(here, f"{pages[1].page_id}/siblings", limit=limit)
        assert (result["place"], result["count"], len(result["siblings"])) == (2, 3, min(limit, 3))
