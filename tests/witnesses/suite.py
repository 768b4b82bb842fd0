"""What must hold with every model server that other people wrote, asked by its own protocol.

The tests of a server are a class that inherits `ModelServerSuite`, overrides the fixture `server`, and says what the
server's own words are.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import dspy
import pytest
from tests.witnesses.servers import KEY, MODEL, PATIENCE, Server

from qdpi.bootstrap import build_model
from qdpi.errors import ModelFailed
from qdpi.language.completion import Completion, complete
from qdpi.language.port import LanguageModel
from qdpi.settings import Settings

OnText = Callable[[str], Awaitable[None]]


class Answer(dspy.Signature):  # type: ignore[misc]
    """Answer in one short sentence."""

    question: str = dspy.InputField()
    text: str = dspy.OutputField()


SHORT = "What is a lamp?"
"""The model answers it with a dozen tokens."""
LONG = "Tell me everything that a keeper of a lighthouse does in a day, from morning to night, in a hundred paragraphs."
TOO_LONG = "lamp " * 10_000


def openai_at(url: str, *, model: str = MODEL, key: str = KEY) -> Settings:
    """Return the settings of a server with OpenAI's protocol."""
    return Settings(model=f"openai/{model}", openai_base_url=url, openai_api_key=key, model_timeout=PATIENCE)


def anthropic_at(url: str, *, model: str = MODEL, key: str = KEY) -> Settings:
    """Return the settings of a server with Anthropic's protocol."""
    return Settings(model=f"anthropic/{model}", anthropic_base_url=url, anthropic_api_key=key, model_timeout=PATIENCE)


async def ask(
    model: LanguageModel, question: str, *, max_tokens: int | None = None, on_text: OnText | None = None
) -> Completion:
    """Ask a model, with the likeliest words."""
    predict = dspy.Predict(Answer, temperature=0.0, **({"max_tokens": max_tokens} if max_tokens else {}))
    return await complete(model, predict, {"question": question}, on_text=on_text, timeout=PATIENCE)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[LanguageModel]:
    """Open the model of some settings for a block."""
    model = await build_model(settings)
    try:
        yield model
    finally:
        await model.close()


async def refusal_of(settings: Settings, question: str = SHORT) -> ModelFailed:
    """Return the error with which a model answers; fails where it writes."""
    async with opened(settings) as model:
        with pytest.raises(ModelFailed) as caught:
            await ask(model, question)
    return caught.value


async def check_of(settings: Settings) -> str | None:
    """Return what `check`, as `qdpi doctor` asks it, says of a model."""
    async with opened(settings) as model:
        return await model.check()


def first_pieces(pieces: list[str], count: int, reached: Callable[[], None]) -> OnText:
    """Return a receiver that keeps pieces, and calls `reached` at the one of a number."""

    async def keep(piece: str) -> None:
        pieces.append(piece)
        if len(pieces) == count:
            reached()

    return keep


async def broken_off_by(settings: Settings, kill: Callable[[], None]) -> tuple[ModelFailed, list[str]]:
    """Have `kill` called after the third piece of a long answer; return the error and the pieces before it."""
    pieces: list[str] = []
    async with opened(settings) as model:
        with pytest.raises(ModelFailed) as caught:
            await ask(model, LONG, on_text=first_pieces(pieces, 3, kill))
    return caught.value, pieces


class ModelServerSuite(ABC):
    """The behaviour of the whole way from our port to a real server and back."""

    counts_streamed: ClassVar[bool] = True
    """Whether the server tells the tokens of a streamed answer."""
    unknown_model: ClassVar[str | None] = None
    """Its words for a model that it does not have; None where it takes any name for the one that it has."""
    wrong_key: ClassVar[str]
    """Its words for a wrong key."""
    too_long: ClassVar[str]
    """Its words for a prompt longer than the model's context."""
    without_path: ClassVar[str | None] = None
    """Its words where its address is given without `/v1`; None where it answers there too."""

    @abstractmethod
    def settings(self, server: Server) -> Settings:
        """Return the settings with which the server is asked."""

    @abstractmethod
    async def wait_until_idle(self, server: Server) -> None:
        """Return once the server writes no answer."""

    @abstractmethod
    def kill_while_writing(self, folder: Path) -> tuple[Settings, Callable[[], None], Callable[[], None]]:
        """Start a server for one test alone; return its settings, how to kill it, and how to clear up."""

    async def test_whole_answer(self, server: Server) -> None:
        """An answer is its pieces, ends by itself, and says its tokens."""
        pieces: list[str] = []

        async def keep(piece: str) -> None:
            pieces.append(piece)

        async with opened(self.settings(server)) as model:
            completion = await ask(model, SHORT, on_text=keep)
            assert model.health() is None

        assert completion.finish_reason == "stop"
        assert completion.text == "".join(pieces)
        assert len(pieces) > 3
        counted = (completion.usage.prompt_tokens or 0, completion.usage.completion_tokens or 0)
        assert (min(counted) > 0) is self.counts_streamed

    async def test_answer_cut_off_at_the_limit(self, server: Server) -> None:
        """An answer that reaches the limit of its tokens says so."""
        async with opened(self.settings(server)) as model:
            completion = await ask(model, LONG, max_tokens=4)

        assert completion.finish_reason == "length"
        assert completion.usage.completion_tokens == (4 if self.counts_streamed else None)

    async def test_check_finds_no_fault(self, server: Server) -> None:
        assert await check_of(self.settings(server)) is None

    async def test_model_found_by_asking(self, server: Server) -> None:
        """Without a name the server's own list names the model."""
        async with opened(replace(self.settings(server), model=None)) as model:
            await ask(model, SHORT, max_tokens=1)
            assert model.name == f"{(self.settings(server).model or '').partition('/')[0]}/{MODEL}"

    async def test_unknown_model(self, server: Server) -> None:
        """A name that the server does not have is told in its words, by the check too."""
        settings = self.settings(server)
        wrong = replace(settings, model=(settings.model or "").replace(MODEL, "storytellr"))
        if self.unknown_model is None:
            assert await check_of(wrong) is None
            return
        assert self.unknown_model in (await refusal_of(wrong)).detail
        assert self.unknown_model in (await check_of(wrong) or "")

    async def test_wrong_key(self, server: Server) -> None:
        """A wrong key is told in the server's words, by the check too, and is not shown."""
        settings = self.settings(server)
        key = "sk-the-wrong-key-0123456789"
        wrong = replace(settings, openai_api_key=key, anthropic_api_key=key)
        told = (await refusal_of(wrong)).detail
        assert self.wrong_key in told
        assert key not in told
        assert self.wrong_key in (await check_of(wrong) or "")

    async def test_prompt_longer_than_the_context(self, server: Server) -> None:
        """A prompt of 10,000 words is refused in the server's words."""
        assert self.too_long in (await refusal_of(self.settings(server), TOO_LONG)).detail

    async def test_address_without_path(self, server: Server) -> None:
        """An address without `/v1` works, or the error says what the server answered there."""
        settings = self.settings(server)
        if settings.openai_base_url:
            settings = replace(settings, openai_base_url=server.url)
        if self.without_path is None:
            assert await check_of(settings) is None
            return
        assert self.without_path in (await refusal_of(settings)).detail
        assert self.without_path in (await check_of(settings) or "")

    async def test_cancelled_call(self, server: Server) -> None:
        """A call that is cancelled leaves the server, which stops writing."""
        begun = asyncio.Event()
        async with opened(self.settings(server)) as model:
            call = asyncio.ensure_future(ask(model, LONG, on_text=first_pieces([], 3, begun.set)))
            waiting = asyncio.ensure_future(begun.wait())
            await asyncio.wait({call, waiting}, return_when=asyncio.FIRST_COMPLETED)
            assert not call.done()
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            assert call.cancelled()
            await asyncio.wait_for(self.wait_until_idle(server), PATIENCE)

    async def test_killed_while_writing(self, tmp_path: Path, server: Server) -> None:
        """What a server wrote before its death is not an answer."""
        settings, kill, clear = self.kill_while_writing(tmp_path)
        try:
            error, pieces = await broken_off_by(settings, kill)
        finally:
            clear()
        assert len(pieces) >= 3
        assert error.detail
