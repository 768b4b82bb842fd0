"""llama-cpp-python's server, which `make llama-cpp-python` compiles."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from tests.witnesses.servers import KEY, MODEL, PATIENCE, Server, llama_cpp_python
from tests.witnesses.suite import LONG, SHORT, ModelServerSuite, ask, first_pieces, openai_at, opened

from qdpi.errors import ModelFailed
from qdpi.settings import Settings

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("witnesses")]


class TestLlamaCppPython(ModelServerSuite):
    """By OpenAI's protocol."""

    counts_streamed = False
    wrong_key = "Invalid API key"
    too_long = "maximum context length"  # its stream is empty: it has words for it only where nothing is streamed
    without_path = "Not Found"

    @pytest.fixture
    def server(self, llama_cpp_python_server: Server) -> Server:
        return llama_cpp_python_server

    def settings(self, server: Server) -> Settings:
        return openai_at(f"{server.url}/v1")

    async def wait_until_idle(self, server: Server) -> None:
        """It writes one answer at a time: a call of one token is answered when there is no other."""
        body = {"model": MODEL, "max_tokens": 1, "messages": [{"role": "user", "content": "Say yes."}]}
        headers = {"authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(base_url=server.url, headers=headers, trust_env=False, timeout=PATIENCE) as client:
            (await client.post("/v1/chat/completions", json=body)).raise_for_status()

    def kill_while_writing(self, folder: Path) -> tuple[Settings, Callable[[], None], Callable[[], None]]:
        stack = ExitStack()
        doomed = stack.enter_context(llama_cpp_python(folder))
        return self.settings(doomed), doomed.kill, stack.close

    async def test_interrupted_by_another_call(self, server: Server) -> None:
        """It breaks off an answer when another call comes; what it had written is not a page."""
        begun = asyncio.Event()
        async with opened(self.settings(server)) as model:
            first = asyncio.ensure_future(ask(model, LONG, on_text=first_pieces([], 3, begun.set)))
            await asyncio.wait_for(begun.wait(), PATIENCE)
            await ask(model, SHORT, max_tokens=1)
            with pytest.raises(ModelFailed):
                await first
