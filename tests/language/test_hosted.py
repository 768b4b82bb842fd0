"""Models behind HTTP, on real loopback sockets."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import sys
import traceback
from typing import Any

import dspy
import pytest
from tests.support.model_server import EVENT_STREAM, LONG_PAGE, PAGE, ModelServer, model_server

from qdpi.errors import ModelBusy, ModelEmpty, ModelFailed, ModelRefused, ModelTimeout, ModelUnreachable
from qdpi.language.completion import Completion, complete
from qdpi.language.endpoint import Dialect, Endpoint
from qdpi.language.hosted import HostedModel
from qdpi.language.port import CallLimits

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
    return HostedModel(kind, endpoint, model=given.pop("model", None), timeout=5.0, **given)


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


@pytest.mark.parametrize(("kind", "dialect"), KINDS)
async def test_limits_are_sent(kind: str, dialect: Dialect) -> None:
    """Where they are set; where they are not, the model's own hold."""
    async with model_server() as server:
        for limits in (CallLimits(temperature=0.3, max_tokens=700), CallLimits()):
            model = hosted(server, kind, dialect, model="storyteller", limits=limits)
            await write(model)
            await model.close()
    limited, free = (request.body for request in server.requests)
    most = "max_completion_tokens" if dialect == "openai" else "max_tokens"
    assert (limited["temperature"], limited[most]) == (0.3, 700)
    assert "temperature" not in free
    assert (most in free) == (kind == "anthropic"), "its protocol demands one"


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
        ("unauthorised", ModelRefused, "Incorrect key"),
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
        with pytest.raises(ModelRefused) as refused:
            await write(model)
        await model.close()
    assert "\n" not in refused.value.detail
    assert "failed: HTTP 401 Unauthorized: Incorrect key" in refused.value.detail


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
    assert "no connection: Connect" in caught.value.detail
    assert model.health() == caught.value.detail
    async with model_server() as server:
        model._endpoint = Endpoint("ollama", f"{server.url}/v1")
        assert (await write(model)).text == "".join(PAGE)
        assert model.health() is None
        await model.close()


async def test_check_asks_for_one_token() -> None:
    """It finds out whether the model really writes, not only whether its server answers."""
    async with model_server() as server:
        model = hosted(server)
        assert await model.check() is None
        assert [request.path for request in server.requests] == ["/v1/models", "/v1/chat/completions"]
        assert server.requests[-1].body["max_tokens"] == 1
        server.refusals = [(404, {}, {"error": {"message": "no such model"}})]
        assert "no such model" in (await model.check() or "")
        assert "no such model" in (model.health() or "")
        assert await model.check() is None
        assert model.health() is None
        server.models = ("nomic-embed-text",)
        model = hosted(server)
        assert "no model that writes; it lists nomic-embed-text" in (await model.check() or "")
        await model.close()


async def test_check_of_a_server_that_demands_more_tokens_leaves_later_calls_their_limit() -> None:
    async with model_server() as server:
        server.refusals = [(400, {}, {"error": {"message": "max_tokens must be at least 16", "param": "max_tokens"}})]
        model = hosted(server, model="storyteller")
        assert await model.check() is None
        model.lm.kwargs["max_tokens"] = 70
        await write(model)
        assert server.requests[-1].body["max_tokens"] == 70
        await model.close()


async def test_check_accepts_a_model_that_only_thinks() -> None:
    """Its one token may be part of a thought."""
    async with model_server("empty") as server:
        model = hosted(server, model="thinker")
        assert await model.check() is None
        await model.close()


async def test_open_checks_the_model_in_the_background() -> None:
    async with model_server() as server:
        server.refusals = [(401, {}, {"error": "wrong key"})]
        model = hosted(server, model="storyteller")
        await model.open()
        async with asyncio.timeout(30):
            await server.started.wait()
            while model.health() is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert "wrong key" in (model.health() or "")
        await write(model)
        assert model.health() is None
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
        with pytest.raises(ModelRefused) as caught:
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


def event(body: Any) -> bytes:
    return f"data: {json.dumps(body)}\n\n".encode()


def said(text: str) -> bytes:
    return event({"choices": [{"delta": {"content": text}}]})


STOP = event({"choices": [{"delta": {}, "finish_reason": "stop"}]})
USAGE = event({"choices": [], "usage": {"prompt_tokens": 21, "completion_tokens": 9}})
DONE = b"data: [DONE]\n\n"
WHOLE = [said("The lamp "), said("went out: \U0001f514 d\u00e4mp.")]
TEXT = "The lamp went out: \U0001f514 d\u00e4mp."
JSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
ANSWER = json.dumps({"choices": [{"message": {"content": TEXT}, "finish_reason": "stop"}]}).encode()
WHOLE_EVENTS = b"".join([*WHOLE, DONE])


def one_by_one(text: str) -> list[bytes]:
    return [bytes([byte]) for byte in text.encode()]


PINGS: list[bytes | float] = [0.3, b": ping\n\n"] * 200
LAMP_BY_BYTE = one_by_one('data: {"choices":[{"delta":{"content":"went out: \U0001f514 d\u00e4mp."}}]}')
STREAMS: dict[str, list[bytes | float]] = {
    "open after [DONE]": [EVENT_STREAM, *WHOLE, STOP, DONE, 60.0],
    "pings after the finish reason": [EVENT_STREAM, *WHOLE, STOP, *PINGS],
    "open after the finish reason": [EVENT_STREAM, *WHOLE, STOP, 60.0],
    "one byte at a time": [EVENT_STREAM, *one_by_one(WHOLE_EVENTS.decode())],
    "CR for LF": [EVENT_STREAM, WHOLE_EVENTS.replace(b"\n", b"\r")],
    "CRLF": [EVENT_STREAM, WHOLE_EVENTS.replace(b"\n", b"\r\n")],
    "a byte order mark": [EVENT_STREAM, b"\xef\xbb\xbf", *WHOLE, DONE],
    "a long line": [EVENT_STREAM, event({"choices": [], "noise": "x" * 300_000}), *WHOLE, DONE],
    "no blank line at the end": [EVENT_STREAM, *WHOLE, b"data: [DONE]"],
    "plain text by its type": [EVENT_STREAM.replace(b"text/event-stream", b"text/plain"), *WHOLE, DONE],
    "open after a [DONE] that no blank line ends": [EVENT_STREAM, *WHOLE, b"data: [DO", b"NE]\n", 60.0],
    "whole, as JSON, on a connection that stays open": [
        JSON_HEAD.replace(b"connection: close", b"content-length: 90000"), ANSWER[:20], ANSWER[20:], 60.0,
    ],
    "whole, as JSON": [JSON_HEAD, ANSWER[:20], ANSWER[20:]],
    "whole, as JSON in an event stream by its type": [EVENT_STREAM, b"\n ", ANSWER],
    "characters of several bytes cut in two": [
        EVENT_STREAM, *WHOLE[:1], *LAMP_BY_BYTE, b"\n\n", DONE,
    ],
    "a connection that breaks after the finish reason": [
        EVENT_STREAM.replace(b"connection: close", b"content-length: 90000"), *WHOLE, STOP,
    ],
}  # fmt: skip


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
async def test_whole_answers_of_any_form_are_pages(stream: list[bytes | float]) -> None:
    async with asyncio.timeout(30), model_server() as server:
        server.raw = stream
        model = hosted(server, model="storyteller")
        completion = await write(model, timeout=20)
        await model.close()
    assert (completion.text, completion.finish_reason) == (TEXT, "stop")


async def test_usage_after_the_finish_reason_is_counted() -> None:
    async with model_server() as server:
        server.raw = [EVENT_STREAM, *WHOLE, STOP, 0.05, USAGE]
        model = hosted(server, model="storyteller")
        completion = await write(model)
        await model.close()
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (21, 9)


BROKEN: dict[str, tuple[list[bytes | float], str]] = {
    "nothing": ([EVENT_STREAM], "ended without an answer"),
    "no end": ([EVENT_STREAM, *WHOLE], "broke off"),
    "a cut connection": ([EVENT_STREAM.replace(b"connection: close", b"content-length: 90000"), *WHOLE], "broke off"),
    "HTML": ([JSON_HEAD.replace(b"application/json", b"text/html"), b"<!DOCTYPE html><title>Just a moment</title>"],
             "text/html and no answer: HTML, Just a moment"),
    "plain words": ([EVENT_STREAM, b"upstream went away"], "upstream went away"),
    "another JSON": ([JSON_HEAD, b'{"error": "Unexpected endpoint or method."}'], "Unexpected endpoint"),
    "JSON that breaks off": ([JSON_HEAD, ANSWER[:60]], "no valid JSON"),
    "bytes that are no text": ([EVENT_STREAM, b"data: \xff\xfe\n\n"], "not UTF-8"),
    "a line without an end": ([EVENT_STREAM, *(b"x" * (1 << 20) for _ in range(10))], "longer than"),
    "an answer that another call interrupted": (
        [EVENT_STREAM.replace(b"connection: close", b"transfer-encoding: chunked"),
         b"".join(f"{len(each):x}\r\n".encode() + each + b"\r\n" for each in [*WHOLE, DONE])], "broke off",
    ),
    "no HTTP": ([b"SSH-2.0-lamp\r\n\r\n"], "broke off"),
}  # fmt: skip


@pytest.mark.parametrize(("stream", "says"), BROKEN.values(), ids=BROKEN)
async def test_broken_answers_are_failed_calls(stream: list[bytes | float], says: str) -> None:
    async with model_server() as server:
        server.raw = stream
        model = hosted(server, model="storyteller")
        with pytest.raises(ModelFailed, match=says):
            await write(model)
        await model.close()


async def test_answer_without_a_byte_is_asked_for_without_a_stream() -> None:
    """Its server says only then what is wrong, or writes after all."""
    async with model_server() as server:
        model = hosted(server, model="storyteller")
        server.raw = [EVENT_STREAM]
        with pytest.raises(ModelUnreachable, match="without an answer"):
            await write(model)
        assert ["stream" in request.body for request in server.requests] == [True, False]
        await model.close()


@pytest.mark.parametrize(
    ("listed", "name"),
    [
        ("/srv/models/lamp-1b.gguf", "lamp-1b.gguf"),
        (r"C:\models\lamp.gguf", "lamp.gguf"),
        ("./models/lamp.gguf", "lamp.gguf"),
        ("meta-llama/Lamp-1B", "meta-llama/Lamp-1B"),
    ],
)
async def test_name_of_a_model_has_no_folders_of_its_server(listed: str, name: str) -> None:
    async with model_server() as server:
        server.models = (listed,)
        model = hosted(server)
        await write(model)
        assert model.name == f"openai/{name}"
        assert server.requests[-1].body["model"] == listed
        await model.close()


async def test_refused_parameters_are_left_out_and_remembered() -> None:
    async with model_server() as server:
        server.refusals = [
            (422, {}, {"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}),
            (400, {}, {"error": "Conversation roles must alternate user/assistant/user/assistant/..."}),
        ]
        model = hosted(server, model="storyteller")
        assert (await write(model)).text == (await write(model)).text == "".join(PAGE)
        await model.close()
    assert len(server.requests) == 4
    for request in server.requests[2:]:
        assert "stream_options" not in request.body
        assert request.body["messages"] == [{"role": "user", "content": "Continue the page.\n\nThe lamp was lit."}]


async def test_listed_model_that_does_not_chat_is_passed_over() -> None:
    async with model_server() as server:
        server.models = ("mystery", "storyteller")
        server.refusals = [(400, {}, {"error": '"mystery" does not support chat'})]
        model = hosted(server)
        assert (await write(model)).text == "".join(PAGE)
        assert model.name == "openai/storyteller"
        await model.close()


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422])
async def test_refusals_are_asked_once(status: int) -> None:
    async with model_server() as server:
        server.refusals = [(status, {}, {"error": "no"})] * 3
        model = hosted(server, model="storyteller")
        with pytest.raises(ModelRefused, match=f"HTTP {status}"):
            await write(model)
        await model.close()
    assert len(server.requests) == 1


async def test_busy_server_is_left_alone_by_all_its_callers() -> None:
    async with model_server() as server:
        server.refusals = [(503, {"retry-after": "1"}, {"error": {"message": "Loading model"}})]
        model = hosted(server, model="storyteller")
        for _ in range(5):
            with pytest.raises(ModelBusy, match="HTTP 503 Service Unavailable: Loading model") as busy:
                await write(model)
            assert 0 < busy.value.retry_after <= 1
        assert len(server.requests) == 1
        await asyncio.sleep(1)
        texts = await asyncio.gather(*(write(model) for _ in range(5)))
        assert {each.text for each in texts} == {"".join(PAGE)}
        await model.close()


async def test_server_that_is_busy_after_its_first_words_is_asked_ever_more_rarely() -> None:
    async with model_server() as server:
        server.raw = [EVENT_STREAM, WHOLE[0], event({"error": {"code": 429, "message": "slow down"}}), DONE]
        model = hosted(server, model="storyteller")
        pauses = []
        for _ in range(2):
            with pytest.raises(ModelBusy, match="slow down") as busy:
                await write(model)
            pauses.append(busy.value.retry_after)
            await asyncio.sleep(pauses[-1])
        await model.close()
    assert 0.5 <= pauses[0] <= 1.0
    assert 0.75 <= pauses[1] <= 1.5


async def test_wait_that_a_server_asks_for_is_bounded() -> None:
    async with model_server() as server:
        server.refusals = [(429, {"retry-after": "86400"}, {})]
        model = HostedModel("openai", Endpoint("vllm", server.url), model="m", timeout=5.0, wait=2.0)
        with pytest.raises(ModelBusy) as busy:
            await write(model)
        assert busy.value.retry_after <= 2.0
        await model.close()


async def test_address_without_a_path_is_hinted_at() -> None:
    async with model_server() as server:
        server.refusals = [(404, {}, {"detail": "Not Found"})]
        model = HostedModel("openai", Endpoint("vllm", server.url), model="m", timeout=5.0)
        with pytest.raises(ModelRefused, match="ends with /v1"):
            await write(model)
        await model.close()


async def test_credentials_of_an_address_are_sent() -> None:
    async with model_server() as server:
        url = server.url.replace("http://", "http://reader:p%40ss@")
        model = HostedModel("openai", Endpoint("vllm", f"{url}/v1?api-version=7", KEY), model="m", timeout=5.0)
        await write(model)
        await model.close()
    (asked,) = server.requests
    assert asked.headers["authorization"] == "Basic " + base64.b64encode(b"reader:p@ss").decode()
    assert asked.path == "/v1/chat/completions?api-version=7"


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "nonsense://x:secret-pw@h:1"])
async def test_proxy_that_cannot_be_used_is_refused_with_a_sentence(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    model = HostedModel("openai", Endpoint("vllm", "http://192.0.2.1/v1"), model="m", timeout=1.0)
    with pytest.raises(ModelRefused, match="the proxy in HTTP_PROXY, HTTPS_PROXY or ALL_PROXY") as caught:
        await write(model)
    assert "secret-pw" not in str(caught.value)


async def test_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with model_server() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        model = HostedModel("openai", Endpoint("vllm", "http://models.example/v1"), model="m", timeout=5.0)
        assert (await write(model)).text == "".join(PAGE)
        await model.close()
    assert proxy.requests[0].path == "http://models.example/v1/chat/completions"


@pytest.mark.parametrize(("kind", "dialect"), KINDS)
async def test_plain_calls_from_other_threads_close_their_connections(kind: str, dialect: Dialect) -> None:
    """As an optimiser makes them; each has an event loop of its own."""
    async with model_server() as server:
        model = hosted(server, kind, dialect)
        answers = [await asyncio.to_thread(model.lm, "Continue the page.") for _ in range(2)]
        assert [answer[0] for answer in answers] == ["".join(PAGE)] * 2
