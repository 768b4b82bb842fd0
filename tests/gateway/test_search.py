"""GET /search: hits, access, order, paging and invalid queries."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.gateway.test_pages import revise, written
from tests.gateway.test_presses import assert_problem
from tests.gateway.test_vault import save
from tests.support import factories
from tests.support.gateway import GatewayFixture, gateway_in

FIRST = factories.canon_id(1)


async def ask(here: GatewayFixture, q: str, **query: Any) -> httpx.Response:
    return await here.client.get("/api/v1/search", params={"q": q, **query})


async def search(here: GatewayFixture, q: str, **query: Any) -> dict[str, Any]:
    answer = await ask(here, q, **query)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def found(here: GatewayFixture, q: str, **query: Any) -> list[str]:
    return [hit["page_id"] for hit in (await search(here, q, **query))["hits"]]


async def test_canon_page_is_found_with_marks(tmp_path: Path):
    async with gateway_in(tmp_path) as here:
        text = (await here.client.get(f"/api/v1/page/{FIRST}")).json()["text"]
        word = max(text.split(), key=len).strip(".,“”")
        result = await search(here, word.upper())
        hit = next(hit for hit in result["hits"] if hit["page_id"] == FIRST)
        assert (hit["kind"], hit["found_in"], hit["saved"], hit["seq"]) == ("canon", "text", False, None)
        assert word in [hit["passage"][start:end] for start, end in hit["marks"]]
        assert f"<mark>{word}</mark>" in hit["snippet"]
        assert result["total"] >= 1


async def test_own_pages_found_by_own_session(tmp_path: Path):
    """Own pages are found as soon as they are written, and only with their session."""
    async with gateway_in(tmp_path) as here:
        assert await found(here, "zebra", session_id="reader") == []
        mine = await written(here, text="A zebra crossed <b>the</b> bridge.")
        await written(here, "another", text="The zebra of another.")
        result = await search(here, "zebra", session_id="reader")
        assert [(hit["page_id"], hit["kind"], hit["seq"]) for hit in result["hits"]] == [(mine.page_id, "journey", 1)]
        assert result["hits"][0]["snippet"] == "A <mark>zebra</mark> crossed &lt;b&gt;the&lt;/b&gt; bridge."
        assert await found(here, "zebra") == []
        assert await found(here, "zebra", session_id="third") == []
        assert (await search(here, mine.page_id))["goto"] == []
        assert (await search(here, mine.page_id, session_id="another"))["goto"] == []
        assert [way["page_id"] for way in (await search(here, mine.page_id, session_id="reader"))["goto"]] == [
            mine.page_id
        ]
        later = await written(here, text="Two zebras, and a zebra.")
        assert await found(here, "zebra", session_id="reader") == [later.page_id, mine.page_id]


async def test_signed_search_needs_its_session(tmp_path: Path):
    """With a secret, a journey is searched only with its own session."""
    async with gateway_in(tmp_path, secret="a secret of tests") as here:
        mine = (await here.client.post("/api/v1/session")).json()["session_id"]
        await here.generator.answer(mine.partition(".")[0], await here.press(mine), text="A zebra.")
        assert len(await found(here, "zebra", session_id=mine)) == 1
        assert await found(here, "zebra") == []
        for stranger in (mine.partition(".")[0], mine + "x"):
            assert_problem(await ask(here, "zebra", session_id=stranger), 401, "unauthorized")


async def test_vault_is_searched_by_text_label_and_notes(tmp_path: Path):
    async with gateway_in(tmp_path) as here:
        page = await written(here, text="A zebra.")
        await save(here, page.page_id, label="Stripes at dawn", notes="Ask the keeper.")
        await save(here, FIRST, label="The gate")
        (by_label,) = (await search(here, "stripes", session_id="reader"))["hits"]
        assert (by_label["page_id"], by_label["found_in"], by_label["saved"]) == (page.page_id, "notes", True)
        assert by_label["label"] == "Stripes at dawn"
        assert "<mark>Stripes</mark>" in by_label["snippet"]
        assert await found(here, "keeper", session_id="reader", scope="vault") == [page.page_id]
        assert await found(here, "zebra", session_id="reader", scope="vault") == [page.page_id]
        assert await found(here, "*", session_id="reader", scope="vault") == [FIRST, page.page_id]
        assert await found(here, "stripes", session_id="another") == []
        await here.client.delete(f"/api/v1/vault/reader/{page.page_id}")
        assert await found(here, "stripes", session_id="reader") == []
        assert await found(here, "zebra", session_id="reader", scope="vault") == []


async def test_journey_scopes_need_a_session(tmp_path: Path):
    async with gateway_in(tmp_path) as here:
        for scope in ("journey", "vault"):
            refused = assert_problem(await ask(here, "door", scope=scope), 422, "invalid_input")
            assert "session_id" in refused["next_step"]


async def test_hits_are_paged_in_ring_order(tmp_path: Path):
    """All hits are found page by page, in the order of the ring."""
    async with gateway_in(tmp_path) as here:
        ring = [page["page_id"] for page in (await here.client.get("/api/v1/canon")).json()["ring"]]
        seen, cursor = list[str](), None
        while True:
            result = await search(here, "*", limit=7, **({"cursor": cursor} if cursor else {}))
            assert result["total"] == len(ring)
            seen += [hit["page_id"] for hit in result["hits"]]
            cursor = result["next"]
            if cursor is None:
                break
            await written(here)
        assert seen == ring


async def test_search_paging_stable(tmp_path: Path):
    """Pages written meanwhile neither repeat nor hide a hit."""
    async with gateway_in(tmp_path) as here:
        pages = [(await written(here, text="zebra " * (1 + n % 3) + "and words")).page_id for n in range(9)]
        result = await search(here, "zebra", session_id="reader", limit=4)
        seen = [hit["page_id"] for hit in result["hits"]]
        while result["next"]:
            await written(here, text="zebra zebra zebra zebra")
            result = await search(here, "zebra", session_id="reader", limit=4, cursor=result["next"])
            seen += [hit["page_id"] for hit in result["hits"]]
        assert len(seen) == len(set(seen))
        assert set(pages) <= set(seen)


async def test_filters(tmp_path: Path):
    """Filters select pages by section, character, behaviour, trajectory and edge."""
    async with gateway_in(tmp_path) as here:
        assert await found(here, "*", section="2") == [factories.canon_id(n, 2) for n in (4, 5, 6)]
        (before,) = await found(here, "*", edge=factories.canon_id(5, 2))
        assert before == factories.canon_id(4, 2)
        everything = await search(here, "*")
        for query in ({"character": "an-author"}, {"behavior": "XC"}, {"behaviour": "0"}, {"trajectory": "T0"}):
            result = await search(here, "*", **query)
            assert 0 < result["total"] <= everything["total"]
        assert (await search(here, "*", behaviour="15"))["total"] == 0
        assert (await search(here, "*", trajectory="T2"))["total"] == 0


REGEX = "(?:.*[a-z]+)+$|^(a+)+b{2,}\\1?(?<=x)[^\\]]*"


@pytest.mark.parametrize(
    ("q", "status"),
    [("", 422), ("   ", 422), (".*", 422), ("()[]{}?+", 422), ("a" * 4_001, 422), ("*", 200), (REGEX, 200),
     ((REGEX * 100)[:4_000], 200), ('"' * 4_000, 422), ("a " * 2_000, 200), ("%_", 422), ("' OR 1=1 --", 200),
     ("a\x00b", 200), ("\u202edoor", 200), ('"a" ' * 1_000, 200)],
)  # fmt: skip
async def test_odd_queries_answered(tmp_path: Path, q: str, status: int):
    """An empty query, `*` and regular expressions have clear answers."""
    async with gateway_in(tmp_path) as here:
        await written(here)
        answer = await ask(here, q, session_id="reader")
        if status == 422:
            assert assert_problem(answer, 422, "invalid_input")["next_step"]
        else:
            assert answer.status_code == 200
            assert answer.json()["total"] >= 0


@pytest.mark.parametrize(
    "query",
    [{"limit": "0"}, {"limit": "101"}, {"cursor": "x"}, {"cursor": ""}, {"section": "17"}, {"character": "nobody"},
     {"scope": "elsewhere"}, {"behaviour": "QQ"}, {"trajectory": "T9"}],
)  # fmt: skip
async def test_malformed_search_is_refused(tmp_path: Path, query: dict[str, str]):
    async with gateway_in(tmp_path) as here:
        assert_problem(await ask(here, "door", **query), 422, "invalid_input")


async def test_cursor_of_another_search_is_refused(tmp_path: Path):
    """A cursor is valid only in its own search and journey."""
    async with gateway_in(tmp_path) as here:
        cursor = (await search(here, "*", limit=1))["next"]
        for other in ({"q": "door"}, {"q": "*", "section": "1"}, {"q": "*", "session_id": "reader"}):
            assert_problem(await ask(here, **other, cursor=cursor), 422, "invalid_input")


def cursor_of(content: Any) -> str:
    """Return a cursor with this content, as a client might forge it."""
    return (
        base64.urlsafe_b64encode((content if isinstance(content, str) else json.dumps(content)).encode())
        .decode()
        .rstrip("=")
    )


@pytest.mark.parametrize(
    "content",
    ["[" * 1_000, "[" * 990 + "]" * 990, "{}", [0, 0, 0], [0, 2, 0, "x"], [0, -1, 0, "x"], [0, 0, -1, "x"],
     [0, 0, 10**400, "x"], [0, 10**400, 0, "x"], [float("nan"), 0, 0, "x"], [float("inf"), 0, 0, "x"],
     ["x", 0, 0, "x"]],
    ids=range(12),
)  # fmt: skip
async def test_malformed_cursor_is_refused(tmp_path: Path, content: Any):
    async with gateway_in(tmp_path) as here:
        assert_problem(await ask(here, "*", cursor=cursor_of(content)), 422, "invalid_input")


@pytest.mark.parametrize("place", [(1, 10**400), (1, -1), (2, 2**53), (0, float("nan"))])
async def test_changed_cursor_is_refused(tmp_path: Path, place: tuple[int, Any]):
    async with gateway_in(tmp_path) as here:
        given = (await search(here, "*", limit=1))["next"]
        result = json.loads(base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)))
        result[place[0]] = place[1]
        assert_problem(await ask(here, "*", cursor=cursor_of(result)), 422, "invalid_input")


async def test_dropped_saved_page_found_in_vault(tmp_path: Path):
    """A saved page that a revision dropped is found in its vault only."""
    async with gateway_in(tmp_path) as here:
        dropped = factories.canon_id(2)
        title = (await here.client.get(f"/api/v1/page/{dropped}")).json()["title"]
        await save(here, FIRST)
        await save(here, dropped, label="Zanzibar")
        await revise(here.system, 2, changed=None, dropped=2)
        everything = await found(here, "*", session_id="reader", scope="vault")
        assert everything == [FIRST, dropped]
        assert await found(here, "zanzibar", session_id="reader", scope="vault") == [dropped]
        assert dropped in await found(here, "*", session_id="reader", limit=100)
        assert dropped not in await found(here, "*", limit=100)
        assert dropped not in await found(here, "*", session_id="another", limit=100)
        assert dropped not in await found(here, "*", session_id="reader", scope="canon", limit=100)
        first = await search(here, "*", session_id="reader", scope="vault", limit=1)
        rest = await search(here, "*", session_id="reader", scope="vault", limit=1, cursor=first["next"])
        assert [hit["page_id"] for hit in rest["hits"]] == [dropped]
        assert (rest["hits"][0]["title"], rest["next"]) == (title, None)
        await here.client.delete(f"/api/v1/vault/reader/{dropped}")
        assert await found(here, "zanzibar", session_id="reader") == []


async def test_goto_by_number_and_new_revision(tmp_path: Path):
    """A page is found by its number, and a new revision is searched as soon as it is published."""
    async with gateway_in(tmp_path) as here:
        result = await search(here, "s1p1")
        assert (result["goto"][0]["page_id"], result["goto"][0]["alike"]) == (FIRST, 100)
        assert await found(here, "otherwise") == []
        await revise(here.system, 2, changed=1)
        assert await found(here, "said otherwise") == [FIRST]


async def test_search_without_a_book_is_refused(tmp_path: Path):
    async with gateway_in(tmp_path, book=False) as here:
        assert_problem(await ask(here, "door"), 503, "no_book")
