"""POST /pipeline/run/symbol/{code} and /branch/{id}."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.test_presses import assert_problem
from tests.support.gateway import gateway_in

from qdpi.events import Fault, Press
from qdpi.ids import press_id, request_id
from qdpi.symbols import Trajectory

RUN = "/api/v1/pipeline/run/symbol"
BRANCH = "/api/v1/branch"


async def test_run_returns_page_policy_and_receipt(tmp_path: Path):
    async with gateway_in(tmp_path, answers=True) as gateway:
        answer = await gateway.client.post(
            f"{RUN}/0x00", json={"session_id": "reader", "page_id": "S01-P0002", "user_intent": "on"}
        )
        assert answer.status_code == 200, answer.text
        result = answer.json()
        outcome = await gateway.system.store.outcome("reader", result["request_id"])
        assert outcome is not None
        assert result == outcome.public()
        assert {"page_id", "text", "edges", "signals", "validation", "status", "revision"} <= result.keys()
        assert {"policy", "receipt", "seq", "event_id", "locus", "attempt"} <= result.keys()
        assert (result["session_id"], result["seq"]) == ("reader", 1)
        assert result["request_id"] == request_id(result["event_id"])


@pytest.mark.parametrize("body", [None, {}, {"user_intent": "on"}])
async def test_run_without_a_session_has_a_new_journey(tmp_path: Path, body: Any):
    async with gateway_in(tmp_path, answers=True) as gateway:
        first = (await gateway.client.post(f"{RUN}/an-author:XC", json=body)).json()
        second = (await gateway.client.post(f"{RUN}/0", json=body)).json()
        assert first["session_id"] != second["session_id"]
        assert (first["seq"], second["seq"]) == (1, 1)


async def test_new_journey_session_usable(tmp_path: Path):
    """The session of a new journey gives access to its pages."""
    async with gateway_in(tmp_path, answers=True, secret="a secret of tests") as gateway:
        result = (await gateway.client.post(f"{RUN}/0")).json()
        journey = await gateway.client.get(f"/api/v1/journey/{result['session_id']}")
        assert journey.json()["position"] == result["page_id"]
        assert "." in result["session_id"]


@pytest.mark.parametrize("code", ["256", "nobody:XC", "-1", "0x100", "1.5"])
async def test_run_of_an_unknown_symbol_is_refused(tmp_path: Path, code: str):
    async with gateway_in(tmp_path) as gateway:
        assert_problem(await gateway.client.post(f"{RUN}/{code}"), 422, "invalid_symbol")


async def test_repeated_run_is_answered_from_the_store(tmp_path: Path):
    """A run that was answered is answered at once from the store."""
    async with gateway_in(tmp_path) as gateway:
        body = {"session_id": "reader", "client_request_id": "once"}
        press = press_id("reader", "run", "once")
        outcome = await gateway.generator.commit("reader", press)
        answer = await gateway.client.post(f"{RUN}/0", json=body)
        assert answer.json() == outcome.public()
        assert gateway.generator.presses.empty()


async def test_concurrent_runs_have_their_own_pages(tmp_path: Path):
    """Runs of one journey are each answered with their own page."""
    async with gateway_in(tmp_path, answers=True) as gateway:
        posts = [gateway.client.post(f"{RUN}/{code}", json={"session_id": "reader"}) for code in range(5)]
        result = [answer.json() for answer in await asyncio.gather(*posts)]
        assert sorted(each["seq"] for each in result) == [1, 2, 3, 4, 5]
        assert len({each["page_id"] for each in result}) == 5


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("stopped", 409),
        ("unknown_page", 404),
        ("model_failed", 502),
        ("model_timeout", 502),
        ("something_new", 502),
    ],
)
async def test_failed_run_has_error_event_and_seq(tmp_path: Path, code: str, status: int):
    async with gateway_in(tmp_path) as gateway:
        posting = asyncio.create_task(gateway.client.post(f"{RUN}/0", json={"session_id": "reader"}))
        press = await gateway.generator.presses.get()
        fault = Fault(code=code, detail="It went wrong.", next_step="Press again.")
        await gateway.generator.answer("reader", press.event_id, fault=fault)
        result = assert_problem(await posting, status, code)
        assert (result["detail"], result["next_step"]) == ("It went wrong.", "Press again.")
        assert (result["event_id"], result["seq"]) == (press.event_id, 1)


async def test_run_timeout_504(tmp_path: Path):
    """A run that exceeds the timeout answers 504, and its press continues."""
    async with gateway_in(tmp_path, run_timeout=0.1) as gateway:
        body = {"session_id": "reader", "client_request_id": "slow"}
        result = assert_problem(await gateway.client.post(f"{RUN}/0", json=body), 504, "outcome_pending")
        press = await gateway.generator.presses.get()
        assert result["event_id"] == press.event_id
        await gateway.generator.answer("reader", press.event_id)
        again = await gateway.client.post(f"{RUN}/0", json=body)
        assert (again.status_code, again.json()["event_id"]) == (200, press.event_id)


async def test_run_counts_as_a_pending_press(tmp_path: Path):
    async with gateway_in(tmp_path, max_waiting=1, run_timeout=0.1) as gateway:
        assert (await gateway.client.post(f"{RUN}/0", json={"session_id": "reader"})).status_code == 504
        refused = await gateway.client.post(f"{RUN}/0", json={"session_id": "reader"})
        assert_problem(refused, 429, "too_many_waiting")


async def branch_press(gateway: Any, path: str, body: Any) -> Press:
    posting = asyncio.create_task(gateway.client.post(f"{BRANCH}/{path}", json=body))
    press = await gateway.generator.presses.get()
    await gateway.generator.answer(press.session_id, press.event_id)
    answer = await posting
    assert answer.status_code == 200, answer.text
    assert isinstance(press, Press)
    return press


async def test_branch_default_symbol(tmp_path: Path):
    """A branch without a symbol uses the locus's character with Receive, Parallel."""
    async with gateway_in(tmp_path) as gateway:
        press = await branch_press(gateway, "S08-P0022", None)
        assert (press.symbol_code, press.page_id) == (0x7D, "S08-P0022")
        assert press.trajectory is Trajectory.FORK


async def test_branch_with_a_symbol(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        press = await branch_press(gateway, "S08-P0022", {"symbol_code": "london-fox:XP", "user_intent": "away"})
        assert (press.symbol_code, press.user_intent) == (0x11, "away")


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("S01-P0099", {}, 404, "unknown_page"),
        ("..%2F..%2Fetc", {}, 404, "not_found"),
        ("S01-P0001", {"page_id": "S01-P0002"}, 422, "invalid_input"),
        ("S01-P0001", {"symbol_code": 300}, 422, "invalid_symbol"),
        ("S01-P0001", {"session_id": "a b"}, 422, "invalid_session"),
    ],
)
async def test_impossible_branch_is_refused(tmp_path: Path, path: str, body: dict[str, Any], status: int, code: str):
    async with gateway_in(tmp_path) as gateway:
        assert_problem(await gateway.client.post(f"{BRANCH}/{path}", json=body), status, code)


async def test_branch_from_a_foreign_page_is_refused(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        page = (await gateway.generator.answer("reader", await gateway.press())).page
        assert page is not None
        answer = await gateway.client.post(f"{BRANCH}/{page.page_id}", json={"session_id": "other"})
        assert_problem(answer, 404, "unknown_page")
