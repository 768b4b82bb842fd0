"""LiteLLM's proxy, in front of llama.cpp's server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from tests.witnesses.servers import MODEL, Server, llama_cpp
from tests.witnesses.suite import SHORT, ModelServerSuite, anthropic_at, ask, openai_at, opened
from tests.witnesses.test_llama_cpp import wait_until_slots_are_idle

from qdpi.errors import ModelBusy
from qdpi.language.dspy_loader import load_dspy
from qdpi.settings import Settings

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("witnesses")]


class TestLiteLLM(ModelServerSuite):
    """By OpenAI's protocol."""

    unknown_model = "Invalid model name passed in model=storytellr"
    wrong_key = "No connected db"  # it would look the key up in its database, and says so with 400
    too_long = "exceeds the available context size"

    @pytest.fixture(autouse=True)
    def _behind(self, llama_cpp_server: Server, litellm_server: Server, doomed_port: int) -> None:
        self.backend, self.proxy, self.doomed_port = llama_cpp_server, litellm_server, doomed_port

    @pytest.fixture
    def server(self, litellm_server: Server) -> Server:
        return litellm_server

    def settings(self, server: Server) -> Settings:
        return openai_at(f"{server.url}/v1")

    async def wait_until_idle(self, server: Server) -> None:
        await wait_until_slots_are_idle(self.backend)

    def kill_while_writing(self, folder: Path) -> tuple[Settings, Callable[[], None], Callable[[], None]]:
        stack = ExitStack()
        doomed = stack.enter_context(llama_cpp(folder, port=self.doomed_port))
        return self.doomed_settings(), doomed.kill, stack.close

    def doomed_settings(self) -> Settings:
        """Return the settings of the model behind the proxy whose server a test starts itself."""
        settings = self.settings(self.proxy)
        return replace(settings, model=(settings.model or "").replace(MODEL, "doomed"))

    async def test_model_that_is_loading_behind_it(self, tmp_path: Path) -> None:
        """It passes on that the server behind it loads its model: the call may be made again later."""
        await asyncio.to_thread(load_dspy)
        with llama_cpp(tmp_path, port=self.doomed_port, ready=False):
            async with opened(self.doomed_settings()) as model:
                with pytest.raises(ModelBusy, match="Loading model"):
                    await ask(model, SHORT, max_tokens=1)


class TestLiteLLMAsAnthropic(TestLiteLLM):
    """By Anthropic's protocol."""

    def settings(self, server: Server) -> Settings:
        return anthropic_at(server.url)
