"""Models behind HTTP, on real loopback sockets."""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from typing import Any

import dspy
import pytest
from tests.support.model_server import LONG_PAGE, PAGE, ModelServer, model_server

from qdpi.errors import ModelEmpty, ModelFailed, ModelTimeout, ModelUnreachable
from qdpi.language.completion import Completion, complete
from qdpi.language.endpoint import Dialect, Endpoint
from qdpi.language.hosted import HostedModel

KEY = "sk-very-secret-0123456789"
KINDS: list[tuple[str, Dialect]] = [
    ("openai", "vllm"),
    ("openai", "openai"),
    ("ollama_chat", "ollama"),
    ("anthropic", "anthropic"),
]


class Page(dspy.Signature):  # type: ignore[misc]
    """Continue the page."""

    locus: str = dspy.InputField(desc="the page the reader stands on")
    text: str = dspy.OutputField(desc="the next page")


def hosted(server: ModelServer, kind: str = "openai", dialect: Dialect = "vllm", **given: Any) -> HostedModel:
    endpoint = Endpoint(dialect, f"{server.url}/v1", given.pop("api_key", KEY))
    return HostedModel(kind, endpoint, model=given.pop("model", None), timeout=5.0)


async def write(model: HostedModel, *, timeout: float = 5.0, on_text: Any = None) -> Completion:
    inputs = {"locus": "The lamp was lit."}
    return await complete(model, dspy.Predict(Page), inputs, on_text=on_text, timeout=timeout)


@pytest.mark.parametrize(("kind", "dialect"), KINDS)
async def test_every_kind_streams_and_counts_tokens(kind: str, dialect: Dialect) -> None:
    pieces: list[str] = []

    async def keep(piece: str) -> None:
        pieces.append(piece)

    async with model_server("long") as server:
        model = hosted(server, kind, dialect)
        completion = await write(model, on_text=keep)
        await model.close()
    assert completion.text == "".join(LONG_PAGE) == "".join(pieces)
    assert len(pieces) > len(LONG_PAGE) / 2
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (21, 9)
    assert completion.finish_reason == "stop"
    assert "litellm" not in sys.modules


@pytest.mark.parametrize(("kind", "dialect"), KINDS)
async def test_first_model_is_found_at_the_first_call(kind: str, dialect: Dialect) -> None:
    """Models for embeddings are passed over."""
    async with model_server() as server:
        model = hosted(server, kind, dialect)
        assert (model.name, server.requests) == (kind, [])
        await write(model)
        await write(model)
        await model.close()
    assert model.name == f"{kind}/storyteller"
    assert [request.body.get("model") for request in server.requests] == [None, "storyteller", "storyteller"]


async def test_named_model_request() -> None:
    """The request has the model's name and the prompt as turns."""
    async with model_server() as server:
        model = hosted(server, model="qwen3:4b")
        await write(model)
        await model.close()
    (asked,) = server.requests
    assert asked.body["model"] == "qwen3:4b"
    assert asked.body["messages"] == [
        {"role": "system", "content": "Continue the page."},
        {"role": "user", "content": "The lamp was lit."},
    ]
    assert asked.headers["authorization"] == f"Bearer {KEY}"


async def test_server_without_a_key() -> None:
    async with model_server() as server:
        model = hosted(server, api_key=None)
        assert (await write(model)).text == "".join(PAGE)
        await model.close()


@pytest.mark.parametrize(
    ("mode", "error", "says"),
    [
        ("error_500", ModelUnreachable, "the kettle is broken"),
        ("unauthorised", ModelUnreachable, "Incorrect key"),
        ("dies", ModelUnreachable, r"storyteller|The call to \S+ failed"),
        ("garbage", ModelUnreachable, r"The call to \S+ failed"),
        ("empty", ModelEmpty, "without any prose"),
    ],
)
@pytest.mark.parametrize(("kind", "dialect"), [KINDS[0], KINDS[2]])
async def test_server_failures_name_their_cause(
    kind: str, dialect: Dialect, mode: str, error: type[ModelFailed], says: str
) -> None:
    async with model_server(mode) as server:
        model = hosted(server, kind, dialect)
        with pytest.raises(error, match=says):
            await write(model)
        await model.close()


async def test_server_that_never_answers_times_out() -> None:
    async with model_server("never") as server:
        model = hosted(server, model="storyteller")
        with pytest.raises(ModelTimeout, match=r"within 0\.2 seconds"):
            await write(model, timeout=0.2)
        await model.close()


async def test_health_after_a_silent_call() -> None:
    """A silent server is unhealthy until it answers."""
    async with model_server("never") as server:
        endpoint = Endpoint("vllm", f"{server.url}/v1")
        model = HostedModel("openai", endpoint, model="storyteller", timeout=0.2)
        with pytest.raises(ModelTimeout):
            await write(model, timeout=0.2)
        assert "was silent" in (model.health() or "")
        server.mode = "ok"
        await write(model)
        assert model.health() is None
        await model.close()


async def test_provider_error_is_one_line() -> None:
    async with model_server("unauthorised") as server:
        model = hosted(server)
        with pytest.raises(ModelUnreachable) as refused:
            await write(model)
        await model.close()
    assert "\n" not in refused.value.detail
    assert refused.value.detail.endswith("HTTP 401)")


async def test_server_silent_in_mid_sentence_times_out() -> None:
    async with model_server("slow") as server:
        model = hosted(server)
        with pytest.raises(ModelTimeout):
            await write(model, timeout=0.3)
        await model.close()


async def test_unreachable_server_fails_until_it_is_back() -> None:
    async with model_server() as server:
        address = server.url
    model = HostedModel("ollama_chat", Endpoint("ollama", f"{address}/v1"), model=None, timeout=5.0)
    with pytest.raises(ModelUnreachable) as caught:
        await write(model)
    assert address in caught.value.detail
    assert model.health() == caught.value.detail
    async with model_server() as server:
        model._endpoint = Endpoint("ollama", f"{server.url}/v1")
        assert (await write(model)).text == "".join(PAGE)
        assert model.health() is None
        await model.close()


async def test_check_requests_no_completion() -> None:
    async with model_server() as server:
        model = hosted(server)
        assert await model.check() is None
        assert [request.path for request in server.requests] == ["/v1/models"]
        server.models = ()
        assert "no model that writes" in (await model.check() or "")
        await model.close()


async def test_cancel_closes_the_connection() -> None:
    async with model_server("drip") as server:
        model = hosted(server)
        writing = asyncio.ensure_future(write(model, timeout=30))
        await server.started.wait()
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        await asyncio.wait_for(server.disconnected.wait(), 60)
        await model.close()


async def test_receiver_error_closes_the_connection() -> None:
    async def refuse(piece: str) -> None:
        raise LookupError(piece)

    async with model_server("drip") as server:
        model = hosted(server)
        with pytest.raises(LookupError, match="The lamp"):
            await write(model, on_text=refuse)
        await asyncio.wait_for(server.disconnected.wait(), 60)
        await model.close()


async def test_receiver_applies_backpressure() -> None:
    """A receiver that waits stops the reading of the connection."""
    gate, first, given = asyncio.Event(), asyncio.Event(), []

    async def wait(piece: str) -> None:
        given.append(piece)
        first.set()
        await gate.wait()

    async with model_server() as server:
        model = hosted(server)
        writing = asyncio.ensure_future(write(model, on_text=wait))
        await first.wait()
        await server.finished.wait()
        assert len(given) == 1
        gate.set()
        assert (await writing).text == "".join(PAGE)
        assert "".join(given) == "".join(PAGE)
        await model.close()


async def test_concurrent_streams_are_separate() -> None:
    async with model_server() as server:
        model = hosted(server)
        kept: list[list[str]] = [[] for _ in range(8)]

        async def one(mine: list[str]) -> str:
            async def keep(piece: str) -> None:
                mine.append(piece)

            return (await write(model, on_text=keep)).text

        texts = await asyncio.gather(*map(one, kept))
        await model.close()
    assert set(texts) == {"".join(PAGE)}
    assert all("".join(mine) == "".join(PAGE) for mine in kept)


async def test_thoughts_are_removed() -> None:
    async with model_server("think") as server:
        model = hosted(server)
        assert (await write(model)).text == "".join(PAGE)
        await model.close()


@pytest.mark.parametrize("dialect", ["vllm", "anthropic"])
async def test_key_is_not_shown(dialect: Dialect, caplog: pytest.LogCaptureFixture) -> None:
    """A key is in no repr, error or log."""
    caplog.set_level(logging.DEBUG)
    async with model_server("unauthorised") as server:
        address = server.url.replace("http://", "http://reader:pass-word-9@")
        endpoint = Endpoint(dialect, f"{address}/v1", KEY)
        model = HostedModel("openai", endpoint, model="storyteller", timeout=5.0)
        with pytest.raises(ModelUnreachable) as caught:
            await write(model)
        await model.close()
    raised = caught.value
    everything = [
        *(repr(thing) + str(thing) for thing in (model, endpoint, raised, model.lm, model._engine)),
        "".join(traceback.format_exception(raised)),
        repr(raised.__cause__) + repr(raised.__context__),
        str(model.health()),
        str(model.lm.kwargs),
        caplog.text,
    ]
    assert not [text for text in everything if KEY in text or "pass-word-9" in text]


async def test_no_proxy_for_loopback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with model_server() as server:
        model = hosted(server)
        assert (await write(model)).text == "".join(PAGE)
        await model.close()


def test_calls_from_several_event_loops() -> None:
    async def scenario(model: HostedModel | None) -> tuple[HostedModel, str]:
        async with model_server() as server:
            model = model or hosted(server)
            model._endpoint = Endpoint("vllm", f"{server.url}/v1", KEY)
            text = (await write(model)).text
            await model.close()
            return model, text

    model, first = asyncio.run(scenario(None))
    _, second = asyncio.run(scenario(model))
    assert first == second == "".join(PAGE)
