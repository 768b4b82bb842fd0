"""GET /pages?ids=, and the ETag of a page of the book."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.gateway.test_pages import FIRST, SECOND, at, get, revise, written
from tests.gateway.test_presses import assert_problem
from tests.support import factories
from tests.support.gateway import GatewayFixture, gateway_in

from qdpi.api.responses import MOST_PAGES
from qdpi.ids import page_id

PATH = "/api/v1/pages"


async def asked(here: GatewayFixture, *ids: str, **query: Any) -> dict[str, Any]:
    answer = await here.client.get(PATH, params={"ids": ",".join(ids), **query})
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def test_pages_are_as_each_alone_and_in_the_order_asked(tmp_path: Path):
    async with gateway_in(tmp_path) as here:
        mine = await written(here, **at(FIRST))
        ids = [SECOND, mine.page_id, FIRST, SECOND, "nothing", " " + factories.canon_id(9, 3)]
        result = await asked(here, *ids, session_id="reader")
        assert [page["page_id"] for page in result["pages"]] == [SECOND, mine.page_id, FIRST, factories.canon_id(9, 3)]
        assert result["missing"] == ["nothing"]
        for page in result["pages"]:
            assert page == await get(here, page["page_id"], session_id="reader")
        assert "session_id" not in str(result)


async def test_pages_of_another_journey_are_missing(tmp_path: Path):
    async with gateway_in(tmp_path) as here:
        mine = await written(here, **at(FIRST))
        odd = [page_id("x"), "a b", "..", "x" * 65]
        result = await asked(here, mine.page_id, FIRST, *odd, session_id="another")
        assert [page["page_id"] for page in result["pages"]] == [FIRST]
        assert result["missing"] == [mine.page_id, *odd]


async def test_signed_pages_need_their_session(tmp_path: Path):
    async with gateway_in(tmp_path, secret="a secret of tests") as here:
        mine = (await here.client.post("/api/v1/session")).json()["session_id"]
        outcome = await here.generator.answer(mine.partition(".")[0], await here.press(mine))
        assert outcome.page is not None
        ids = f"{FIRST},{outcome.page.page_id}"
        assert_problem(await here.client.get(PATH, params={"ids": ids}), 401, "unauthorized")
        assert_problem(await here.client.get(PATH, params={"ids": ids, "session_id": "x"}), 401, "unauthorized")
        answer = await here.client.get(PATH, params={"ids": ids, "session_id": mine})
        assert len(answer.json()["pages"]) == 2
        assert answer.headers["cache-control"] == "no-store"
        assert "etag" not in answer.headers


@pytest.mark.parametrize(
    "ids", ["", ",", " , ", ",".join(factories.canon_id(n) for n in range(1, MOST_PAGES + 2))], ids=len
)
async def test_no_ids_and_too_many_are_refused(tmp_path: Path, ids: str):
    async with gateway_in(tmp_path) as here:
        result = assert_problem(await here.client.get(PATH, params={"ids": ids}), 422, "invalid_input")
        assert str(MOST_PAGES) in result["detail"]


async def test_as_many_as_the_bound_are_answered(tmp_path: Path):
    async with gateway_in(tmp_path) as here:
        ids = [factories.canon_id(n, 1 + (n - 1) // 3) for n in range(1, MOST_PAGES + 1)]
        result = await asked(here, *ids)
        assert len(result["pages"]) == 48
        assert result["missing"] == ids[48:]


async def test_missing_ids_are_refused(tmp_path: Path):
    async with gateway_in(tmp_path) as here:
        assert "ids" in assert_problem(await here.client.get(PATH), 422, "invalid_input")["detail"]


@pytest.mark.parametrize("path", [f"/api/v1/page/{FIRST}", f"{PATH}?ids={SECOND},{FIRST}"])
async def test_page_of_the_book_has_an_etag(tmp_path: Path, path: str):
    """It is sent again when its text has changed, and when another page follows it."""
    async with gateway_in(tmp_path) as here:
        seen = set[str]()
        for revision, changes in ((2, {"changed": 1}), (3, {"changed": None, "dropped": 2})):
            first = await here.client.get(path)
            assert first.headers["cache-control"] == "no-cache"
            known = {"if-none-match": first.headers["etag"]}
            same = await here.client.get(path, headers=known)
            assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", first.headers["etag"])
            await revise(here.system, revision, **changes)
            assert (await here.client.get(path, headers=known)).status_code == 200
            seen.add(first.headers["etag"])
        assert len(seen) == 2


async def test_page_of_a_journey_is_not_kept(tmp_path: Path):
    async with gateway_in(tmp_path) as here:
        page = await written(here)
        answer = await here.client.get(f"/api/v1/page/{page.page_id}")
        assert answer.headers["cache-control"] == "no-store"
        assert "etag" not in answer.headers
