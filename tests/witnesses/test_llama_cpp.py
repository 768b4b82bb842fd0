"""llama.cpp's own server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.witnesses.servers import KEY, PATIENCE, Server, llama_cpp
from tests.witnesses.suite import SHORT, ModelServerSuite, anthropic_at, ask, check_of, openai_at, opened

from qdpi.errors import ModelBusy
from qdpi.language.dspy_loader import load_dspy
from qdpi.settings import Settings

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("witnesses")]


async def wait_until_slots_are_idle(server: Server) -> None:
    """Return once no slot of a llama.cpp server writes."""
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=PATIENCE) as client:
        while any(slot["is_processing"] for slot in await slots(client)):  # noqa: ASYNC110 (another process has them)
            await asyncio.sleep(0.05)


async def slots(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """Return what each slot of a llama.cpp server does."""
    answer = await client.get("/slots", headers={"authorization": f"Bearer {KEY}"})
    told: list[dict[str, Any]] = answer.raise_for_status().json()
    return told


class TestLlamaCpp(ModelServerSuite):
    """By OpenAI's protocol."""

    wrong_key = "Invalid API Key"
    too_long = "exceeds the available context size"

    @pytest.fixture
    def server(self, llama_cpp_server: Server) -> Server:
        return llama_cpp_server

    def settings(self, server: Server) -> Settings:
        return openai_at(f"{server.url}/v1")

    async def wait_until_idle(self, server: Server) -> None:
        await wait_until_slots_are_idle(server)

    def kill_while_writing(self, folder: Path) -> tuple[Settings, Callable[[], None], Callable[[], None]]:
        stack = ExitStack()
        doomed = stack.enter_context(llama_cpp(folder))
        return self.settings(doomed), doomed.kill, stack.close


class TestLlamaCppAsAnthropic(TestLlamaCpp):
    """By Anthropic's protocol, which it speaks too."""

    def settings(self, server: Server) -> Settings:
        return anthropic_at(server.url)


async def test_model_that_is_loading(tmp_path: Path) -> None:
    """A server that loads its model is busy, in the call and in the check, and writes once it has loaded."""
    await asyncio.to_thread(load_dspy)
    with llama_cpp(tmp_path, ready=False) as server:
        settings = openai_at(f"{server.url}/v1")
        async with opened(settings) as model:
            with pytest.raises(ModelBusy, match="Loading model"):
                await ask(model, SHORT, max_tokens=1)
        while (told := await check_of(settings)) is not None:
            assert "Loading model" in told
        async with opened(settings) as model:
            assert (await ask(model, SHORT)).finish_reason == "stop"
