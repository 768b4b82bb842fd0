"""The vault: changes, reads at once and at past moments, access and paging."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.test_presses import assert_problem
from tests.support import factories
from tests.support.gateway import GatewayFixture, gateway_in

from qdpi.bus.port import Start
from qdpi.events import ABOUT_HEADERS, VaultChange, decode
from qdpi.gateway.as_of import vault_at
from qdpi.ids import press_id
from qdpi.outcome import log_entry
from qdpi.services.recorder import Recorder, record_event
from qdpi.store.rows import VaultEntry

FIRST, SECOND, THIRD = (factories.canon_id(n) for n in (1, 2, 3))


async def save(here: GatewayFixture, page: str, journey: str = "reader", **body: Any) -> dict[str, Any]:
    answer = await here.client.post(f"/api/v1/vault/{journey}", json={"page_id": page, **body})
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    assert result["ok"]
    return result


async def unsave(here: GatewayFixture, page: str, journey: str = "reader", **query: str) -> dict[str, Any]:
    answer = await here.client.delete(f"/api/v1/vault/{journey}/{page}", params=query)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def vault(here: GatewayFixture, journey: str = "reader", **query: Any) -> dict[str, Any]:
    answer = await here.client.get(f"/api/v1/vault/{journey}", params=query)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def pages(here: GatewayFixture, journey: str = "reader", **query: Any) -> list[str]:
    return [entry["page_id"] for entry in (await vault(here, journey, **query))["entries"]]


async def test_saved_page_visible_at_once(tmp_path: Path):
    """A saved page is in the vault as soon as the save is answered."""
    async with gateway_in(tmp_path) as here:
        result = await save(here, FIRST, label="The beginning", notes="Read\nagain.")
        assert (result["page_id"], result["saved"], result["recorded"]) == (FIRST, True, True)
        (entry,) = (await vault(here))["entries"]
        assert result["entry"] == entry
        assert (entry["label"], entry["notes"], entry["event_id"]) == (
            "The beginning",
            "Read\nagain.",
            result["event_id"],
        )
        assert (entry["section"], entry["symbol_code"]) == (1, 0)
        assert entry["title"]
        (shown,) = (await here.client.get("/api/v1/journey/reader")).json()["vault"]
        assert shown == {name: entry[name] for name in ("page_id", "label", "notes", "saved_at", "event_id")}


async def test_change_is_published_with_the_journeys_key(tmp_path: Path):
    async with (
        gateway_in(tmp_path) as here,
        here.system.bus.tap([VaultChange.topic], Start.LATEST) as records,
    ):
        received = aiter(records)
        await save(here, FIRST, label="one")
        await save(here, FIRST, notes="two")
        await unsave(here, FIRST)
        changes = []
        for _ in range(3):
            record = await anext(received)
            assert record.key == b"reader"
            assert [name for name in ABOUT_HEADERS if record.header(name) is None] == []
            changes.append(decode(VaultChange, record.value))
        assert [(c.action, c.label, c.notes) for c in changes] == [
            ("saved", "one", ""),
            ("labelled", "one", "two"),
            ("unsaved", "", ""),
        ]
        logged = await here.system.store.log("reader", topic=VaultChange.topic)
        assert logged == [log_entry(change) for change in changes]


async def test_recorder_changes_nothing_more(tmp_path: Path):
    """The recorder writes the same rows once more."""
    async with (
        gateway_in(tmp_path) as here,
        here.system.bus.tap([VaultChange.topic], Start.LATEST) as records,
    ):
        received = aiter(records)
        for page in (FIRST, SECOND):
            await save(here, page)
        await unsave(here, FIRST)
        before = await vault(here)
        recorder = Recorder(here.system.store, here.system.publisher)
        for _ in range(3):
            await recorder(await anext(received))
        assert await vault(here) == before
        assert len(await here.system.store.log("reader", topic=VaultChange.topic)) == 3


async def test_omitted_label_stays_and_empty_one_is_removed(tmp_path: Path):
    async with gateway_in(tmp_path) as here:
        await save(here, FIRST, label="mine", notes="n")
        assert (await save(here, FIRST))["entry"]["label"] == "mine"
        result = await save(here, FIRST, label="")
        assert (result["entry"]["label"], result["entry"]["notes"]) == ("", "n")


async def test_repeated_change_is_one_change(
    tmp_path: Path,
):
    """A repeat with the same client_request_id is one change, also with another body and after other changes."""
    async with gateway_in(tmp_path) as here:
        first = await save(here, FIRST, label="one", client_request_id="c")
        assert first["event_id"] == press_id("reader", "vault", "c")
        again = await save(here, SECOND, label="two", client_request_id="c")
        assert (again["event_id"], again["page_id"], again["entry"]) == (first["event_id"], FIRST, first["entry"])
        assert await pages(here) == [FIRST]
        await unsave(here, FIRST, client_request_id="d")
        assert (await save(here, FIRST, client_request_id="c"))["saved"] is False
        assert await pages(here) == []
        await save(here, FIRST, client_request_id="e")
        assert (await unsave(here, FIRST, client_request_id="d"))["saved"] is True
        assert await pages(here) == [FIRST]


async def test_duplicate_change_first_body_wins(tmp_path: Path):
    """Two bodies with one client_request_id that both reach the log count as the first."""
    async with gateway_in(tmp_path) as here:
        first = change(1, FIRST, "saved", label="first")
        second = first.model_copy(update={"ts": factories.at(9), "label": "second", "page_id": SECOND})
        for each in (first, second, first):
            assert await record_event(each, here.system.store) == first
        assert [(e.page_id, e.label) for e in await here.system.store.vault("reader")] == [(FIRST, "first")]


async def test_removal_of_an_unsaved_page(tmp_path: Path):
    async with gateway_in(tmp_path) as here:
        assert (await unsave(here, FIRST))["saved"] is False
        assert await pages(here) == []


async def test_saved_page_is_a_locus(tmp_path: Path):
    async with gateway_in(tmp_path) as here:
        page = (await here.generator.answer("reader", await here.press())).page
        assert page is not None
        result = await save(here, page.page_id, label="here")
        assert result["entry"]["title"] == page.title
        await here.press(page_id=(await pages(here))[0])


async def test_foreign_page_and_foreign_vault_are_refused(tmp_path: Path):
    """A reader can save neither another's page nor into another's vault."""
    async with gateway_in(tmp_path) as here:
        page = (await here.generator.answer("reader", await here.press())).page
        assert page is not None
        other = await here.client.post("/api/v1/vault/another", json={"page_id": page.page_id})
        assert_problem(other, 404, "unknown_page")
        assert_problem(await here.client.delete(f"/api/v1/vault/another/{page.page_id}"), 404, "unknown_page")
        await save(here, page.page_id)
        assert await pages(here, "another") == []
    async with gateway_in(tmp_path / "signed", secret="a secret of tests") as here:
        mine = (await here.client.post("/api/v1/session")).json()["session_id"]
        await save(here, FIRST, mine)
        for stranger in (mine.partition(".")[0], mine[:-3] + "abc", "x.0.y"):
            for answer in (
                await here.client.post(f"/api/v1/vault/{stranger}", json={"page_id": FIRST}),
                await here.client.delete(f"/api/v1/vault/{stranger}/{FIRST}"),
                await here.client.get(f"/api/v1/vault/{stranger}"),
            ):
                assert_problem(answer, 401, "unauthorized")
        assert await pages(here, mine) == [FIRST]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid_input"),
        ({"page_id": "S99-P9999"}, 404, "unknown_page"),
        ({"page_id": "../x"}, 404, "unknown_page"),
        ({"page_id": FIRST, "label": "x" * 201}, 422, "invalid_input"),
        ({"page_id": FIRST, "label": "\x00"}, 422, "invalid_input"),
        ({"page_id": FIRST, "notes": "x" * 4_001}, 422, "invalid_input"),
        ({"page_id": FIRST, "notes": 3}, 422, "invalid_input"),
        ({"page_id": FIRST, "client_request_id": ""}, 422, "invalid_input"),
        ([], 422, "invalid_input"),
    ],
)
async def test_unsavable_page_refused(tmp_path: Path, body: Any, status: int, code: str):
    """A page or entry that cannot be saved is refused, and nothing changes."""
    async with gateway_in(tmp_path) as here:
        assert_problem(await here.client.post("/api/v1/vault/reader", json=body), status, code)
        assert await pages(here) == []


@pytest.mark.parametrize("query", ["after=x", "after=1", "limit=0", "limit=1001", "at=x", "at=1", "at=2099-01-01"])
async def test_malformed_query_is_refused(tmp_path: Path, query: str):
    async with gateway_in(tmp_path) as here:
        assert_problem(await here.client.get(f"/api/v1/vault/reader?{query}"), 422, "invalid_input")


def change(seconds: float, page: str, action: Any, **more: Any) -> VaultChange:
    event = {"event_id": f"e-{seconds}-{page}", "ts": factories.at(seconds), "session_id": "reader"}
    return VaultChange(**{**event, "action": action, "page_id": page, **more})


async def test_past_vault_by_seq_and_by_time(tmp_path: Path):
    """A past moment, as a seq or a time, shows the vault of that time."""
    async with gateway_in(tmp_path) as here:
        done = [
            await here.generator.answer("reader", await here.press(), created_at=factories.at(n * 10))
            for n in (1, 2, 3)
        ]
        store = here.system.store
        for each in (
            change(5, FIRST, "saved", label="early"),
            change(15, SECOND, "saved"),
            change(16, FIRST, "labelled", label="later"),
            change(25, FIRST, "unsaved"),
        ):
            await record_event(each, store)

        async def then(at: object) -> list[tuple[str, str]]:
            entries = (await vault(here, at=at))["entries"]
            journey = (await here.client.get("/api/v1/journey/reader", params={"at": str(at)})).json()
            assert [e["event_id"] for e in journey["vault"]] == [e["event_id"] for e in entries]
            assert (journey["vault_count"], journey["vault_digest"]) == (
                len(entries),
                (await vault(here, at=at))["digest"],
            )
            return [(entry["page_id"], entry["label"]) for entry in entries]

        assert await then(0) == []
        assert await then(1) == await then(done[0].at.isoformat()) == [(FIRST, "early")]
        assert await then(2) == await then(done[1].at.isoformat()) == [(SECOND, ""), (FIRST, "later")]
        assert await then(3) == [(SECOND, "")]
        assert await then(factories.at(4).isoformat()) == []
        assert await then(factories.at(15.5).isoformat()) == [(FIRST, "early"), (SECOND, "")]
        now = await vault(here)
        assert (now["at"], [e["page_id"] for e in now["entries"]]) == (None, [SECOND])
        assert now["digest"] == (await vault(here, at=factories.at(99).isoformat()))["digest"]


CHANGES = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from("pqr"), st.sampled_from(["saved", "unsaved", "labelled"])),
    max_size=30,
)


@given(CHANGES, st.randoms(use_true_random=False))
@pytest.mark.slow
def test_fold_of_the_log_equals_the_stored_vault(
    tmp_path_factory: pytest.TempPathFactory, made: list[tuple[int, str, str]], chance: Any
):
    """The fold of the log equals the stored vault, in any order of arrival."""
    changes = [change(at, page, action, label=f"{number}", event_id=f"e-{number}")
               for number, (at, page, action) in enumerate(made)]  # fmt: skip

    async def compare() -> None:
        async with gateway_in(tmp_path_factory.mktemp("fold"), book=False) as here:
            store = here.system.store
            for each in chance.sample(changes, len(changes)):
                await record_event(each, store)
            assert await vault_at(store, "reader", factories.at(1_000)) == await store.vault("reader")
            for moment in (5, 17):
                newest: dict[str, VaultChange] = {}
                for each in sorted(changes, key=lambda c: (c.ts, c.event_id)):
                    if each.ts <= factories.at(moment):
                        newest[each.page_id] = each
                held = {page: c.event_id for page, c in newest.items() if c.action != "unsaved"}
                result = await vault_at(store, "reader", factories.at(moment))
                assert {entry.page_id: entry.event_id for entry in result} == held

    asyncio.run(compare())


@pytest.mark.slow
async def test_vault_of_10_000_pages_is_paged(tmp_path: Path):
    """A vault of 10,000 pages is read page by page, each entry once."""
    async with gateway_in(tmp_path) as here:
        entries = [
            VaultEntry(session_id="reader", page_id=f"p-{n:05d}", saved_at=moment(n), event_id=f"e-{n:05d}")
            for n in range(10_000)
        ]
        await asyncio.gather(*(here.system.store.save(entry) for entry in entries))
        seen, after = list[str](), None
        while True:
            result = await vault(here, limit=1_000, **({"after": after} if after else {}))
            assert result["count"] == 10_000
            seen += [entry["page_id"] for entry in result["entries"]]
            after = result["next"]
            if after is None:
                break
        assert seen == [entry.page_id for entry in entries]
        journey = (await here.client.get("/api/v1/journey/reader")).json()
        assert (len(journey["vault"]), journey["vault_count"]) == (1_000, 10_000)
        assert journey["vault_digest"] == result["digest"]


def moment(number: int) -> datetime:
    """Return a time that ten entries share, so that some pages end between equal times."""
    return factories.at(0) + timedelta(seconds=number // 10)


async def test_paging_stable_under_changes(tmp_path: Path):
    """Paging continues correctly while entries are added and removed."""
    async with gateway_in(tmp_path) as here:
        for page in (FIRST, SECOND, THIRD):
            await save(here, page)
        result = await vault(here, limit=2)
        await unsave(here, SECOND)
        await save(here, FIRST, label="moved to the end")
        assert await pages(here, after=result["next"]) == [THIRD, FIRST]
