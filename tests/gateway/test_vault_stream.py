"""Changes of the vault on the stream, and as a list with their times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
from tests.gateway.test_presses import assert_problem
from tests.support import factories
from tests.support.gateway import Listener, ScriptedGenerator, gateway_in, listening, served, system_in

from qdpi.events import VaultChange
from qdpi.services.recorder import record_event

VAULT = "/api/v1/vault/reader"


async def save(client: httpx.AsyncClient, page_id: str, **body: Any) -> str:
    answer = await client.post(VAULT, json={"page_id": page_id, **body})
    assert answer.status_code == 200, answer.text
    event_id: str = answer.json()["event_id"]
    return event_id


async def changes(client: Listener, count: int) -> list[dict[str, Any]]:
    return [(await client.until("vault")).data for _ in range(count)]


async def test_changes_reach_every_follower(tmp_path: Path):
    """Saved, labelled and taken out in one tab, seen in another: with the label, and without an id."""
    async with (
        system_in(tmp_path) as system,
        served(system) as (address, _, _),
        listening(address, "reader") as one,
        listening(address, "reader") as two,
        listening(address, "other") as other,
        httpx.AsyncClient(base_url=f"http://{address}") as client,
    ):
        for follower in (one, two, other):
            await follower.next()
        saved = await save(client, "S01-P0001", label="mine")
        labelled = await save(client, "S01-P0001", label="ours", notes="read again")
        await client.delete(f"{VAULT}/S01-P0001")
        for follower in (one, two):
            frames = [await follower.until("vault") for _ in range(3)]
            assert [frame.id for frame in frames] == [None] * 3
            assert [(f.data["action"], f.data["label"]) for f in frames] == [
                ("saved", "mine"),
                ("labelled", "ours"),
                ("unsaved", ""),
            ]
            assert [frame.data["event_id"] for frame in frames[:2]] == [saved, labelled]
            assert frames[1].data["notes"] == "read again"
        await ScriptedGenerator(system).answer("other", "p")
        assert (await other.next()).event == "generate.page.done"


async def test_resuming_follower_gets_the_changes_it_missed(tmp_path: Path):
    """Those since its last outcome, in their order, each once; after 0 all of them; from now on none."""
    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        generator = ScriptedGenerator(system)
        old = VaultChange(
            event_id="old", ts=factories.at(-90_000), session_id="reader", action="saved", page_id="S01-P0003"
        )
        await record_event(old, system.store)
        async with httpx.AsyncClient(base_url=f"http://{address}") as client:
            await generator.answer("reader", "p")
            await save(client, "S01-P0001")
            await save(client, "S01-P0002", label="a door")
            for after, pages in ((1, [1, 2]), (0, [3, 1, 2])):
                async with listening(address, "reader", after) as late:
                    missed = [change["page_id"] for change in await changes(late, len(pages))]
                    assert missed == [factories.canon_id(number) for number in pages]
            async with listening(address, "reader", 1) as late:
                await changes(late, 2)
                await save(client, "S01-P0001", label="live")
                (live,) = await changes(late, 1)
                assert live["label"] == "live"
            async with listening(address, "reader") as fresh:
                await fresh.next()
                now = await save(client, "S02-P0004")
                assert (await fresh.next()).data["event_id"] == now


async def test_resync_repeats_no_change(tmp_path: Path):
    """When the tap was lost, the follower reads the changes since, and drops those that it has sent."""
    async with (
        system_in(tmp_path) as system,
        served(system) as (address, app, _),
        listening(address, "reader", 0) as client,
        httpx.AsyncClient(base_url=f"http://{address}") as poster,
    ):
        await client.next()
        first = await save(poster, "S01-P0001")
        assert [change["event_id"] for change in await changes(client, 1)] == [first]
        missed = VaultChange(
            event_id="missed",
            ts=system.now(),
            session_id="reader",
            action="unsaved",
            page_id="S01-P0001",
        )
        await record_event(missed, system.store)
        for follower in app.state.gateway.hub._all():
            follower.resync()
        assert [change["event_id"] for change in await changes(client, 1)] == ["missed"]


async def test_list_of_changes(tmp_path: Path):
    """Every change with its time, in order and in parts; folded they are the vault."""
    async with gateway_in(tmp_path) as gateway:
        assert (await gateway.client.get(f"{VAULT}/changes")).json()["changes"] == []
        await save(gateway.client, "S01-P0001", label="mine")
        await save(gateway.client, "S01-P0002")
        await save(gateway.client, "S01-P0001", label="ours")
        await gateway.client.delete(f"{VAULT}/S01-P0002")
        whole = (await gateway.client.get(f"{VAULT}/changes")).json()
        assert [(each["action"], each["page_id"], each["label"]) for each in whole["changes"]] == [
            ("saved", "S01-P0001", "mine"),
            ("saved", "S01-P0002", ""),
            ("labelled", "S01-P0001", "ours"),
            ("unsaved", "S01-P0002", ""),
        ]
        times = [each["saved_at"] for each in whole["changes"]]
        assert times == sorted(times)
        assert (whole["count"], whole["next"]) == (4, None)
        part = (await gateway.client.get(f"{VAULT}/changes", params={"limit": 3})).json()
        rest = (await gateway.client.get(f"{VAULT}/changes", params={"after": part["next"]})).json()
        assert part["changes"] + rest["changes"] == whole["changes"]
        (entry,) = (await gateway.client.get(VAULT)).json()["entries"]
        assert (entry["label"], entry["saved_at"]) == ("ours", times[2])
        assert_problem(await gateway.client.get(f"{VAULT}/changes", params={"after": "x"}), 422, "invalid_input")
