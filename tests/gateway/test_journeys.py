"""GET /journey/{session_id} and its preview."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.gateway.test_presses import assert_problem
from tests.support import factories
from tests.support.gateway import GatewayFixture, gateway_in

from qdpi.api.previews import expanded
from qdpi.api.responses import LeanPreview
from qdpi.events import Fault
from qdpi.journey import JourneyState, fold_all
from qdpi.page_schema import Placement
from qdpi.policy import MAX_BRANCH_DEPTH
from qdpi.symbols import PROFILES, Trajectory

FAULT = Fault(code="model_failed", detail="Nothing came.", next_step="Press again.")


def departure(depth: int = 1, **placement: Any) -> dict[str, Any]:
    """Return the fields of a generated page that forks from the first page, or continues a branch."""
    place = {"locus": factories.canon_id(1), "anchor": factories.canon_id(1), "anchor_section": 1}
    return {"trajectory": Trajectory.FORK, "placement": Placement(depth=depth, **{**place, **placement})}


async def fork(gateway: GatewayFixture, journey: str = "reader") -> str:
    """Answer a press with a page that opens a branch; return the page's id."""
    from qdpi.ids import page_id, request_id

    press = await gateway.press(journey)
    page = page_id(request_id(press))
    await gateway.generator.answer(journey, press, **departure(branch_id=page))
    return page


async def test_new_journey_is_empty(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        result = (await gateway.client.get("/api/v1/journey/reader")).json()
        assert (result["session_id"], result["seq"], result["head"], result["position"]) == ("reader", 0, 0, None)
        assert (result["ttl"], result["branches"], result["events"]) == (MAX_BRANCH_DEPTH, [], [])
        assert result["state"] == JourneyState().model_dump(mode="json")


async def test_journey_outcomes_and_state(tmp_path: Path):
    """A journey has its outcomes in order and the state folded from them."""
    async with gateway_in(tmp_path) as gateway:
        outcomes = [
            await gateway.generator.answer("reader", await gateway.press()),
            await gateway.generator.answer("reader", await gateway.press(), fault=FAULT),
            await gateway.generator.answer("reader", await gateway.press()),
        ]
        result = (await gateway.client.get("/api/v1/journey/reader")).json()
        assert [each["seq"] for each in result["events"]] == [1, 2, 3]
        assert result["events"] == [outcome.event.model_dump(mode="json") for outcome in outcomes]
        assert result["events"][1]["error"] == FAULT.model_dump()
        folded = fold_all(outcome.event for outcome in outcomes)
        assert result["state"] == folded.model_dump(mode="json")
        assert result["digest"] == folded.digest()
        assert (result["seq"], result["position"]) == (3, folded.position)
        assert result["next_after"] is None


async def test_journey_has_open_branches_and_ttl(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        page = await fork(gateway)
        result = (await gateway.client.get("/api/v1/journey/reader")).json()
        assert result["ttl"] == MAX_BRANCH_DEPTH - 1
        assert [(b["branch_id"], b["pages"], b["section"]) for b in result["branches"]] == [(page, 1, 1)]


async def test_events_are_paged(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        for _ in range(5):
            await gateway.generator.answer("reader", await gateway.press())
        seen, after = [], 0
        while after is not None:
            answer = await gateway.client.get(f"/api/v1/journey/reader?after={after}&limit=2")
            seen.append([each["seq"] for each in answer.json()["events"]])
            assert answer.json()["seq"] == 5
            after = answer.json()["next_after"]
        assert seen == [[1, 2], [3, 4], [5]]


async def test_past_state_and_events(tmp_path: Path):
    """A past moment shows the state and the events up to it."""
    async with gateway_in(tmp_path) as gateway:
        outcomes = [await gateway.generator.answer("reader", await gateway.press()) for _ in range(4)]
        for at in range(5):
            result = (await gateway.client.get(f"/api/v1/journey/reader?at={at}")).json()
            assert (result["seq"], result["head"]) == (at, 4)
            assert [each["seq"] for each in result["events"]] == list(range(1, at + 1))
            assert result["state"] == fold_all(o.event for o in outcomes[:at]).model_dump(mode="json")


async def test_past_moment_may_be_a_time(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        first, second = [
            (await gateway.generator.answer("reader", await gateway.press(), at=factories.at(n))).at for n in (1, 2)
        ]
        past = {first - timedelta(seconds=1): 0, first: 1, second: 2, second + timedelta(days=1): 2}
        for moment, seq in past.items():
            for at in (moment.isoformat(), quote(moment.isoformat()), f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"):
                result = (await gateway.client.get(f"/api/v1/journey/reader?at={at}")).json()
                assert (result["seq"], result["head"]) == (seq, 2)


@pytest.mark.parametrize(
    "query",
    ["at=x", "at=-1", "at=2", "at=1.0", "at=", "at=2026-13-22T00:00:00Z", "after=x", "after=-1",
     "limit=0", "limit=1001", "limit=x", "at=99999999999999999999999"],
)  # fmt: skip
async def test_malformed_moment_is_refused(tmp_path: Path, query: str):
    async with gateway_in(tmp_path) as gateway:
        await gateway.generator.answer("reader", await gateway.press())
        assert_problem(await gateway.client.get(f"/api/v1/journey/reader?{query}"), 422, "invalid_input")


@pytest.mark.parametrize(
    "path", ["/api/v1/journey/{}", "/api/v1/journey/{}/preview", "/api/v1/journey/{}/preview/lean"]
)
async def test_signed_journey_needs_its_session(tmp_path: Path, path: str):
    """With a secret, a journey is refused to every session but its own."""
    async with gateway_in(tmp_path, secret="a secret of tests") as gateway:
        signed = (await gateway.client.post("/api/v1/session")).json()["session_id"]
        assert (await gateway.client.get(path.format(signed))).status_code == 200
        unsigned = signed.partition(".")[0]
        assert_problem(await gateway.client.get(path.format(unsigned)), 401, "unauthorized")


async def preview(gateway: GatewayFixture, query: str = "") -> Any:
    """Return the full preview; the lean one stands for the same."""
    answer = await gateway.client.get(f"/api/v1/journey/reader/preview{query}")
    assert answer.status_code == 200, answer.text
    lean = await gateway.client.get(f"/api/v1/journey/reader/preview/lean{query}")
    assert expanded(LeanPreview.model_validate_json(lean.content)).model_dump(mode="json") == answer.json()
    assert len(lean.content) < len(answer.content) / 6
    return answer.json()


async def test_preview_at_a_canon_page(tmp_path: Path):
    """A preview lists what each behaviour would do at a canon page."""
    async with gateway_in(tmp_path) as gateway:
        result = await preview(gateway)
        assert (result["page_id"], result["locus"], result["section"]) == ("S01-P0001", "S01-P0001", 1)
        assert (result["ttl"], result["depth"], result["in_branch"]) == (MAX_BRANCH_DEPTH, 0, False)
        assert [each["behavior"] for each in result["behaviours"]] == list(range(16))
        given = {each["code"]: each["given"] for each in result["behaviours"]}
        assert (given["XC"], given["ZP"], given["ZS"]) == ("T0", "T2", "T3")
        for each, profile in zip(result["behaviours"], PROFILES, strict=True):
            assert each["open"] == [t.value for t in profile.open]
            assert {c["trajectory"] for c in each["closed"]} | set(each["open"]) == {"T0", "T1", "T2", "T3"}
            assert all(c["rule"] == "licence" and profile.code in c["why"] for c in each["closed"])


async def test_preview_names_the_closing_rule(tmp_path: Path):
    """A preview names the rule that closes a trajectory."""
    async with gateway_in(tmp_path) as gateway:
        for _ in range(2):
            await fork(gateway)
        result = await preview(gateway, "?page_id=S01-P0001")
        assert (result["open_branches"], result["return_debt"]) == (2, 2)
        parallel = next(each for each in result["behaviours"] if each["code"] == "ZP")
        assert parallel["given"] == "T0"
        assert parallel["rule"] == "return-debt"
        assert "return-debt" in {c["rule"] for c in parallel["closed"] if c["trajectory"] == "T2"}
        assert parallel["open"] == ["T0", "T1"]


async def test_preview_at_the_depth_limit_has_only_return(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        page = await fork(gateway)
        deep = departure(depth=MAX_BRANCH_DEPTH, branch_id=page)
        await gateway.generator.answer("reader", await gateway.press(), **deep)
        result = await preview(gateway)
        assert (result["ttl"], result["in_branch"]) == (0, True)
        assert {tuple(each["open"]) for each in result["behaviours"]} == {("T1",)}
        assert {each["given"] for each in result["behaviours"]} == {"T1"}


async def test_preview_at_an_unknown_locus_is_not_found(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        other = await fork(gateway, "another")
        for page in ("S01-P0099", other, "..%2f"):
            for form in ("preview", "preview/lean"):
                answer = await gateway.client.get(f"/api/v1/journey/reader/{form}?page_id={page}")
                assert_problem(answer, 404, "unknown_page")


async def test_seq_and_its_time_are_the_same_moment(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        for _ in range(2):
            await fork(gateway)
        outcomes = [await gateway.generator.answer("reader", await gateway.press()) for _ in range(3)]
        for outcome in outcomes:
            by_seq, by_time = [
                (await gateway.client.get("/api/v1/journey/reader", params={"at": at})).json()
                for at in (str(outcome.seq), outcome.at.isoformat())
            ]
            assert by_seq == by_time
            assert by_seq["at"] == outcome.event.model_dump(mode="json")["ts"]
            assert by_seq["open_branches"] == len(by_seq["branches"]) == len(by_seq["state"]["branches"])
            assert by_seq["return_debt"] == sum(branch["pages"] for branch in by_seq["branches"])


async def test_future_time_refused(tmp_path: Path):
    """A time in the future is refused."""
    async with gateway_in(tmp_path) as gateway:
        await gateway.generator.answer("reader", await gateway.press())
        soon, later = (gateway.system.now() + timedelta(seconds=seconds) for seconds in (20, 300))
        for path in ("journey/reader", "journey/reader/preview", "journey/reader/preview/lean", "vault/reader"):
            assert (await gateway.client.get(f"/api/v1/{path}", params={"at": soon.isoformat()})).status_code == 200
            refused = await gateway.client.get(f"/api/v1/{path}", params={"at": later.isoformat()})
            assert "in the future" in assert_problem(refused, 422, "invalid_input")["detail"]


async def test_preview_of_all_symbols_at_any_moment(tmp_path: Path):
    """A preview lists all 256 symbols, also at any past moment."""
    async with gateway_in(tmp_path) as gateway:
        for _ in range(2):
            await fork(gateway)
        now, then = await preview(gateway), await preview(gateway, "?at=0")
        for result in (now, then):
            assert [symbol["code"] for symbol in result["symbols"]] == list(range(256))
            for symbol in result["symbols"]:
                behaviour = result["behaviours"][symbol["behavior"]]
                assert (symbol["given"], symbol["open"]) == (behaviour["given"], behaviour["open"])
        fork_code = next(each["behavior"] for each in then["behaviours"] if each["given"] == "T2")
        assert "T2" in then["symbols"][fork_code]["open"]
        assert "T2" not in now["symbols"][fork_code]["open"]
