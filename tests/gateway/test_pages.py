"""Pages over HTTP: access, alternatives, past states, revisions and provenance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.gateway.test_journeys import FAULT, departure
from tests.gateway.test_presses import assert_problem
from tests.support import factories
from tests.support.gateway import GatewayFixture, gateway_in, put_book

from qdpi.errors import StoreUnavailable
from qdpi.ids import page_id, request_id
from qdpi.measures.checks import Thresholds
from qdpi.page_schema import Page, Placement
from qdpi.system import System

FIRST, SECOND = factories.canon_id(1), factories.canon_id(2)
PARTS = ["", "/receipt", "/alternatives", "/siblings", "/revisions"]


def at(locus: str, anchor: str = FIRST) -> dict[str, Any]:
    """Return the fields of a generated page that was pressed at a locus."""
    return {"placement": Placement(locus=locus, anchor=anchor, anchor_section=1, depth=1)}


async def written(here: GatewayFixture, journey: str = "reader", **page: Any) -> Page:
    outcome = await here.generator.answer(journey, await here.press(journey), **page)
    assert outcome.page is not None
    return outcome.page


async def get(here: GatewayFixture, path: str, **query: Any) -> dict[str, Any]:
    answer = await here.client.get(f"/api/v1/page/{path}", params=query)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


@pytest.mark.parametrize("part", PARTS)
async def test_page_of_another_journey_is_unknown(tmp_path: Path, part: str):
    async with gateway_in(tmp_path) as here:
        page = await written(here)
        assert (await get(here, page.page_id + part, session_id="reader"))["page_id"] == page.page_id
        other = await here.client.get(f"/api/v1/page/{page.page_id}{part}", params={"session_id": "another"})
        result = assert_problem(other, 404, "unknown_page")
        nothing = await here.client.get(f"/api/v1/page/{page_id('x')}{part}", params={"session_id": "another"})
        same = assert_problem(nothing, 404, "unknown_page")
        assert result["next_step"] == same["next_step"]


@pytest.mark.parametrize("part", PARTS)
async def test_malformed_id_is_unknown_while_store_is_unavailable(
    tmp_path: Path, part: str, monkeypatch: pytest.MonkeyPatch
):
    """An id that no page can have is refused without reading the store."""

    async def unavailable(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("The disk is full.")

    async with gateway_in(tmp_path) as here:
        for read in ("canon_number", "page", "last_outcome"):
            monkeypatch.setattr(here.system.store, read, unavailable)
        assert_problem(await here.client.get(f"/api/v1/page/no%20page{part}"), 404, "unknown_page")
        assert_problem(await here.client.get(f"/api/v1/page/S99-P9999{part}"), 503, "store_unavailable")


@pytest.mark.parametrize("part", PARTS)
async def test_signed_page_needs_session(tmp_path: Path, part: str):
    """Where sessions are signed, a journey's page needs its session."""
    async with gateway_in(tmp_path, secret="a secret of tests") as here:
        mine, yours = [(await here.client.post("/api/v1/session")).json()["session_id"] for _ in range(2)]
        outcome = await here.generator.answer(mine.partition(".")[0], await here.press(mine))
        assert outcome.page is not None
        path = f"/api/v1/page/{outcome.page.page_id}{part}"
        assert_problem(await here.client.get(path), 401, "unauthorized")
        assert_problem(await here.client.get(path, params={"session_id": mine[:-2] + "xx"}), 401, "unauthorized")
        assert_problem(await here.client.get(path, params={"session_id": yours}), 404, "unknown_page")
        answer = await here.client.get(path, params={"session_id": mine})
        assert answer.status_code == 200
        assert answer.headers["cache-control"] in {"no-store", "private, no-cache"}
        assert mine.partition(".")[0] not in answer.text.replace(outcome.page.page_id, "")


async def test_canon_pages_are_public(tmp_path: Path):
    async with gateway_in(tmp_path, secret="a secret of tests") as here:
        assert (await get(here, FIRST))["page_id"] == FIRST
        assert (await get(here, f"{FIRST}/revisions"))["count"] == 1


async def test_alternatives_list_siblings(tmp_path: Path):
    """Another press at the same locus writes a sibling, listed with its receipt."""
    async with gateway_in(tmp_path) as here:
        siblings = [
            await written(here, **at(FIRST)),
            await written(here, **at(SECOND)),
            await written(here, **at(FIRST)),
        ]
        await here.generator.answer("reader", await here.press(), fault=FAULT)
        siblings.append(await written(here, **at(FIRST), text="x" * 500))
        await written(here, "another", **at(FIRST))
        first, other, second, third = siblings
        result = await get(here, f"{second.page_id}/alternatives")
        assert (result["locus"], result["place"], result["count"], result["next_after"]) == (FIRST, 2, 3, None)
        assert [(a["page_id"], a["place"], a["seq"]) for a in result["alternatives"]] == [
            (first.page_id, 1, 1), (second.page_id, 2, 3), (third.page_id, 3, 5),
        ]  # fmt: skip
        for each in result["alternatives"]:
            receipt = await get(here, f"{each['page_id']}/receipt")
            assert each["receipt"] == receipt
            assert len(each["excerpt"]) <= 240
        alone = await get(here, f"{other.page_id}/alternatives")
        assert (alone["locus"], alone["place"], alone["count"]) == (SECOND, 1, 1)


async def test_alternatives_of_canon_page(tmp_path: Path):
    """For a page of the book, the alternatives are the pages this journey pressed there."""
    async with gateway_in(tmp_path) as here:
        mine = await written(here, **at(FIRST))
        await written(here, "another", **at(FIRST))
        result = await get(here, f"{FIRST}/alternatives", session_id="reader")
        assert (result["place"], [a["page_id"] for a in result["alternatives"]]) == (None, [mine.page_id])
        assert (await get(here, f"{SECOND}/alternatives", session_id="reader"))["count"] == 0
        refused = await here.client.get(f"/api/v1/page/{FIRST}/alternatives")
        assert "session_id" in assert_problem(refused, 422, "invalid_input")["next_step"]


async def test_alternatives_paging(tmp_path: Path):
    """Alternatives are paged, and a new one is listed at once."""
    async with gateway_in(tmp_path) as here:
        pages = [await written(here, **at(FIRST)) for _ in range(5)]
        seen, after = list[str](), 0
        while after is not None:
            result = await get(here, f"{FIRST}/alternatives", session_id="reader", limit=2, after=after)
            assert result["count"] == 5
            seen += [a["page_id"] for a in result["alternatives"]]
            after = result["next_after"]
        assert seen == [page.page_id for page in pages]
        sixth = await written(here, **at(FIRST))
        assert (await get(here, f"{sixth.page_id}/alternatives"))["place"] == 6


async def revise(system: System, revision: int, changed: int | None, *, dropped: int | None = None) -> None:
    """Publish a canon revision in which one page is changed and another dropped."""
    numbers = [n for n in range(1, 49) if n != dropped]
    pages = [
        factories.canon_page(
            n,
            section=1 + (n - 1) // 3,
            next_id=factories.canon_id(after, 1 + (after - 1) // 3),
            revision=revision if n == changed else 1,
            canon_revision=revision,
            **({"text": f"Said otherwise, for the time number {revision}."} if n == changed else {}),
        )
        for n, after in zip(numbers, [*numbers[1:], numbers[0]], strict=True)
    ]
    await system.store.put_canon(revision, 0, pages)
    voices = (await system.editions.current()).revision.voices
    await system.store.switch_canon(
        factories.canon_revision(revision, len(pages), voices=voices, thresholds=Thresholds().as_dict())
    )


async def test_revisions_mark_current(tmp_path: Path):
    """Every revision of a canon page is kept, and the current one is marked."""
    async with gateway_in(tmp_path) as here:
        before = (await get(here, FIRST))["text"]
        await revise(here.system, 2, changed=1)
        result = await get(here, f"{FIRST}/revisions")
        assert [(r["revision"], r["canon_revision"], r["current"]) for r in result["revisions"]] == [
            (1, 1, False), (2, 2, True),
        ]  # fmt: skip
        assert [r["text"] for r in result["revisions"]] == [before, "Said otherwise, for the time number 2."]
        assert (await get(here, f"{SECOND}/revisions"))["count"] == 1


async def test_dropped_page_has_no_current_revision(tmp_path: Path):
    async with gateway_in(tmp_path) as here:
        await revise(here.system, 2, changed=None, dropped=2)
        result = await get(here, f"{SECOND}/revisions")
        assert [r["current"] for r in result["revisions"]] == [False]


async def test_generated_page_has_one_revision(tmp_path: Path):
    async with gateway_in(tmp_path) as here:
        page = await written(here)
        result = await get(here, f"{page.page_id}/revisions")
        assert [(r["text"], r["current"]) for r in result["revisions"]] == [(page.text, True)]


async def test_older_canon_flagged(tmp_path: Path):
    """Pages from an older canon are flagged in page, branch, journey and alternatives."""
    async with gateway_in(tmp_path) as here:
        press = await here.press()
        branch = page_id(request_id(press))
        await here.generator.answer("reader", press, **departure(branch_id=branch))
        on_second = await written(here, **at(SECOND, anchor=SECOND))
        assert (await get(here, branch))["grown_from"]["older"] is False
        await revise(here.system, 2, changed=1)
        newer = await written(here, **at(FIRST), canon_revision=2)

        flags = {page: (await get(here, page))["grown_from"] for page in (branch, on_second.page_id, newer.page_id)}
        assert flags[branch] == {"canon_revision": 1, "current_revision": 2, "older": True, "anchor": "changed"}
        assert (flags[on_second.page_id]["older"], flags[on_second.page_id]["anchor"]) == (True, "same")
        assert (flags[newer.page_id]["older"], flags[newer.page_id]["anchor"]) == (False, "same")
        assert (await get(here, FIRST))["grown_from"] is None

        journey = (await here.client.get("/api/v1/journey/reader")).json()
        assert journey["older"] == [branch, on_second.page_id]
        assert [(b["branch_id"], b["grown_from"]) for b in journey["branches"]] == [(branch, flags[branch])]
        result = await get(here, f"{newer.page_id}/alternatives")
        assert [a["grown_from"]["older"] for a in result["alternatives"]] == [True, False]

        await revise(here.system, 3, changed=None, dropped=2)
        assert (await get(here, on_second.page_id))["grown_from"]["anchor"] == "dropped"


async def test_past_ring_position(tmp_path: Path):
    """A past moment has the ring and the position of that time."""
    async with gateway_in(tmp_path) as here:
        await written(here, **at(SECOND, anchor=SECOND))
        await revise(here.system, 2, changed=None, dropped=1)
        path = "/api/v1/journey/reader"
        now, then, before = [(await here.client.get(path + q)).json()["ring"] for q in ("", "?at=1", "?at=0")]
        assert (then["page_id"], then["place"], then["pages"], then["canon_revision"]) == (SECOND, 2, 48, 1)
        assert (now["page_id"], now["place"], now["pages"], now["canon_revision"]) == (SECOND, 1, 47, 2)
        assert (before["page_id"], before["place"]) == (SECOND, 1)


async def test_journey_without_a_book_has_no_ring(tmp_path: Path):
    async with gateway_in(tmp_path, book=False) as here:
        assert (await here.client.get("/api/v1/journey/reader")).json()["ring"] is None
        await put_book(here.system)
        result = (await here.client.get("/api/v1/journey/reader")).json()
        assert (result["ring"]["page_id"], result["ring"]["place"], result["ring"]["pages"]) == (FIRST, 1, 48)
