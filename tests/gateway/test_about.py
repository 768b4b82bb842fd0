"""GET /about: version, book, writer and limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.gateway.test_pages import revise
from tests.support.gateway import GatewayFixture, gateway_in, until

from qdpi import __version__, policy
from qdpi.api.responses import MOST_PAGES, WriterKind
from qdpi.api.writers import kind_of, writer_of
from qdpi.events import INTENT_LIMIT
from qdpi.gateway.web_files import shipped_files
from qdpi.journey import FOLD_VERSION
from qdpi.language.offline import OfflineWriter

PATH = "/api/v1/about"


async def about(here: GatewayFixture) -> Any:
    answer = await here.client.get(PATH)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_limits_are_the_policys_own(tmp_path: Path):
    async with gateway_in(tmp_path, max_waiting=7) as here:
        result = await about(here)
        assert result["limits"] == {
            "branch_depth": policy.MAX_BRANCH_DEPTH,
            "open_branches": policy.MAX_OPEN_BRANCHES,
            "return_debt": policy.MAX_RETURN_DEBT,
            "departures": policy.MAX_DEPARTURES,
        }
        assert list(result["limits"].values()) == [3, 2, 2, 64]
        assert result["accepts"] == {
            "intent_characters": INTENT_LIMIT, "pages_at_once": MOST_PAGES, "waiting_presses": 7
        }  # fmt: skip
        assert (result["policy_version"], result["fold_version"]) == (policy.POLICY_VERSION, FOLD_VERSION)
        assert (result["version"], result["web_version"]) == (__version__, shipped_files().version)


async def test_book_is_the_current_revision(tmp_path: Path):
    async with gateway_in(tmp_path) as here:
        first = (await about(here))["book"]
        assert (first["title"], first["author"], first["revision"]) == ("A Book", "a test", 1)
        assert (first["pages"], first["sections"]) == (48, 16)
        await revise(here.system, 2, changed=None, dropped=2)
        second = (await about(here))["book"]
        assert (second["pages"], second["revision"]) == (47, 2)


async def test_without_a_book_there_is_none(tmp_path: Path):
    async with gateway_in(tmp_path, book=False) as here:
        assert (await about(here))["book"] is None


@pytest.mark.parametrize(("secret", "signed"), [(None, False), ("a secret of tests", True)])
async def test_signed_sessions_are_said(tmp_path: Path, secret: str | None, signed: bool):
    async with gateway_in(tmp_path, secret=secret) as here:
        answer = await here.client.get(PATH)
        assert answer.json()["signed"] is signed
        assert "a secret of tests" not in answer.text


async def test_writer_is_the_model_of_the_process(tmp_path: Path):
    async with gateway_in(tmp_path, app_options={"model_name": lambda: "local/smollm2-135m-instruct"}) as here:
        writer = (await about(here))["writer"]
        assert (writer["model"], writer["kind"]) == ("local/smollm2-135m-instruct", "local")


async def test_writer_elsewhere_is_known_by_its_pages(tmp_path: Path):
    """A gateway without workers knows the writer from the newest page that it has seen, whoever wrote it."""
    async with gateway_in(tmp_path) as here:
        unknown = (await about(here))["writer"]
        assert (unknown["model"], unknown["kind"]) == (None, None)
        assert "every page names" in unknown["label"]
        for model in ("offline", "openai/large"):
            await here.generator.answer("reader", await here.press(), model=model)
            await until(lambda: here.hub.last_model == model)  # noqa: B023
            assert (await about(here))["writer"]["model"] == model


async def test_answer_is_revalidated(tmp_path: Path):
    async with gateway_in(tmp_path) as here:
        first = await here.client.get(PATH)
        known = {"if-none-match": first.headers["etag"]}
        assert (await here.client.get(PATH, headers=known)).status_code == 304
        await revise(here.system, 2, changed=1)
        assert (await here.client.get(PATH, headers=known)).status_code == 200


@pytest.mark.parametrize(
    ("model", "kind", "said"),
    [
        (OfflineWriter().name, WriterKind.OFFLINE, "no language model"),
        ("local/smollm2-135m-instruct", WriterKind.LOCAL, "A small language model"),
        ("openai/gpt-4.1-mini", WriterKind.HOSTED, "openai/gpt-4.1-mini"),
        ("ollama_chat", WriterKind.HOSTED, "ollama_chat"),
        ("openai/offline", WriterKind.HOSTED, "openai/offline"),
    ],
)
def test_writers_are_labelled_honestly(model: str, kind: WriterKind, said: str):
    """The offline writer is not called a model, nor the small one anything but small."""
    assert kind_of(model) is kind
    assert said in writer_of(model).label
    assert writer_of(model).model == model
