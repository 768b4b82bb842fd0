"""A DSPy engine over a model's server. Imports DSPy; import it late.

The official clients of OpenAI and Anthropic are not used: they take an answer that broke off for a whole one, stop at
the first unusual event, and cannot say how long a busy server asks to wait (docs/models.md has the count).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

import httpx
from dspy import lm15

from qdpi.concurrency import PerLoop
from qdpi.errors import ModelBusy, ModelEmpty, ModelFailed, ModelRefused
from qdpi.language.endpoint import Endpoint
from qdpi.language.engines import carrying, system_of
from qdpi.language.servers.connection import NoAnswer, list_models, open_client, pieces, refusal, unforeseen
from qdpi.language.servers.failures import CallFailed
from qdpi.language.servers.gate import Gate
from qdpi.language.servers.listing import all_models, cannot_chat, listed_models
from qdpi.language.servers.parameters import refused_parameter, without
from qdpi.language.servers.protocols import Answer, Turns, protocol_of

_MOST_ATTEMPTS: Final = 12
"""The most requests of one call: each after the first is without a parameter or a model that was refused."""
_ONE_TOKEN: Final = lm15.Config(max_tokens=1)
_LISTED: Final = 10
"""How many listed models an error names."""


class ServerEngine:
    """An engine that calls the model at an endpoint; without a model's name it takes the first listed that chats.

    `locate` is awaited before every call: a local server may be restarted on another port. `longest_pause` is the
    most seconds that a busy server may keep its callers away. After a call `last_error` is its error as a sentence,
    None after a success.
    """

    def __init__(
        self,
        locate: Callable[[], Awaitable[Endpoint]],
        *,
        model: str | None,
        timeout: float,
        longest_pause: float,
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        self._locate = locate
        self._given = model
        self._found: str | None = None
        self._mute: set[str] = set()  # listed models that turned out not to chat
        self._refused: dict[tuple[Endpoint, str], tuple[str, ...]] = {}
        self._timeout = timeout
        self._extensions = dict(extensions or {})
        self._clients: PerLoop[dict[Endpoint, httpx.AsyncClient]] = PerLoop(dict)
        self._gates = PerLoop(lambda: Gate(asyncio.get_running_loop().time, longest=longest_pause))
        self.last_error: str | None = None
        self.called = False
        """Whether it was called to write a page."""

    @property
    def model(self) -> str | None:
        """The model's name at its server; None until it is known."""
        return self._given or self._found

    async def complete(self, request: lm15.Request) -> lm15.Response:
        """Return the whole answer."""
        return await lm15.amaterialize_response(self.stream(request), request)

    @carrying
    async def stream(self, request: lm15.Request) -> AsyncIterator[Any]:
        """Yield the answer as lm15's events. Raises ModelFailed."""
        self.called = True
        async with aclosing(self._answered(request)) as events:
            async for event in events:
                yield event

    async def probe(self) -> None:
        """Ask for one token, to find out whether the model writes. Raises ModelFailed where it does not."""
        request = lm15.Request(model=self.model or "?", messages=(lm15.Message.user("Say yes."),), config=_ONE_TOKEN)
        try:
            async with aclosing(self._answered(request)) as events:
                async for event in events:
                    if event.type == "delta":
                        break
        except ModelEmpty:
            pass  # one token may be one of a thought
        self.last_error = None

    async def aclose(self) -> None:
        """Close the running loop's connections."""
        for client in (self._clients.pop() or {}).values():
            await client.aclose()

    async def _answered(self, request: lm15.Request) -> AsyncGenerator[Any, None]:
        """Yield the answer's events, and keep how the call ended."""
        endpoint = await self._locate()
        clock = asyncio.get_running_loop().time
        received = clock()
        failure: ModelFailed
        try:
            async with self._gates.get().admission(), aclosing(self._events(endpoint, request)) as events:
                async for event in events:
                    yield event
                    received = clock()
        except asyncio.CancelledError:
            self._note_cancelled(endpoint, clock() - received)
            raise
        except ModelFailed as known:
            failure = known
        except Exception as error:  # an unexpected answer may raise any error in a library
            failure = self._told(endpoint, unforeseen(error, self._timeout))
        else:
            self.last_error = None
            return
        # Raised outside the handlers: a chained error of a library may quote a key.
        self._found = None  # the server may be restarted with another model
        self.last_error = failure.detail
        raise failure

    async def _events(self, endpoint: Endpoint, request: lm15.Request) -> AsyncGenerator[Any, None]:
        failure: CallFailed
        yield lm15.StreamStartEvent(model=self.model or "?")
        try:
            try:
                async for event in self._read(endpoint, request, self._client(endpoint)):
                    yield event
            except NoAnswer:
                # Its server may have closed the connection that it was given back to: not one of the pool.
                async with open_client(endpoint, self._timeout) as fresh:
                    async for event in self._read(endpoint, request, fresh, ("stream",)):
                        yield event
        except CallFailed as failed:
            failure = failed
        else:
            return
        raise self._told(endpoint, failure)

    async def _read(
        self, endpoint: Endpoint, request: lm15.Request, client: httpx.AsyncClient, unwanted: tuple[str, ...] = ()
    ) -> AsyncGenerator[Any, None]:
        """Post a request, without the parameters that are unwanted, and yield what is read of its answer."""
        response, answer = await self._post(endpoint, request, client, unwanted)
        self._gates.get().open()
        try:
            async with aclosing(pieces(response, answer)) as text:
                async for piece in text:
                    yield lm15.StreamDeltaEvent(lm15.TextDelta(piece))
        finally:
            await response.aclose()
        finish = answer.finished()
        self._gates.get().reset()
        usage = lm15.Usage(input_tokens=answer.counted.prompt, output_tokens=answer.counted.completion)
        yield lm15.StreamEndEvent(finish_reason=finish, usage=usage)

    async def _post(
        self, endpoint: Endpoint, request: lm15.Request, client: httpx.AsyncClient, unwanted: tuple[str, ...]
    ) -> tuple[httpx.Response, Answer]:
        """Send a request, without the parameters that the server has refused. Raises CallFailed for a refusal."""
        protocol = protocol_of(endpoint)
        config = replace(request.config, extensions={**self._extensions, **(request.config.extensions or {})})
        left_out: tuple[str, ...] | None = None
        for _ in range(_MOST_ATTEMPTS):
            model = await self._model_at(endpoint, client)
            left_out = self._refused.get((endpoint, model), ()) if left_out is None else left_out
            whole = protocol.body(endpoint, model, system_of(request), _turns(request), config)
            body = without(whole, (*left_out, *unwanted))
            asked = client.build_request("POST", endpoint.url(protocol.path), json=body)
            response = await client.send(asked, stream=True)
            if response.status_code == HTTPStatus.OK:
                if request.config is not _ONE_TOKEN:  # a limit that is too small is no parameter that is not known
                    self._refused[endpoint, model] = left_out
                return response, protocol.answer()
            failure = await refusal(response)
            if (named := refused_parameter(failure, body)) and named not in left_out:
                left_out = (*left_out, named)
            elif not self._given and failure.kind is ModelRefused and cannot_chat(failure.cause):
                self._mute.add(model)
                self._found = left_out = None
            else:
                raise failure
        raise CallFailed("the server refuses one parameter after another", ModelRefused)

    async def _model_at(self, endpoint: Endpoint, client: httpx.AsyncClient) -> str:
        """Return the name that was given, or that of the first listed model that chats."""
        if name := self.model:
            return name
        answer = await list_models(client, endpoint)
        chatting = [name for name in listed_models(answer) if name not in self._mute]
        if not chatting:
            names = ", ".join(all_models(answer)[:_LISTED]) or "none"
            raise CallFailed(f"the server has no model that writes; it lists {names}", ModelRefused)
        self._found = chatting[0]
        return self._found

    def _client(self, endpoint: Endpoint) -> httpx.AsyncClient:
        known = self._clients.get()
        if endpoint not in known:
            known[endpoint] = open_client(endpoint, self._timeout)
        return known[endpoint]

    def _note_cancelled(self, endpoint: Endpoint, silence: float) -> None:
        """Keep a cancelled call as an error where the server was silent for most of its timeout.

        Otherwise a reader stopped it, which is not an error.
        """
        if silence > self._timeout / 2:
            self.last_error = f"{endpoint.shown} was silent for {silence:.1f} s, and the call was cancelled."

    def _told(self, endpoint: Endpoint, failure: CallFailed) -> ModelFailed:
        """Return the error of a failed call, without secrets. Closes the gate where the server is busy."""
        cause = endpoint.scrub(failure.cause).rstrip(".")
        detail = f"The call to {endpoint.shown} failed: {cause}.{_hint(endpoint, failure)}"
        if failure.kind is ModelBusy:
            return ModelBusy(detail, retry_after=self._gates.get().close(detail, failure.retry_after))
        return failure.kind(detail)


def _turns(request: lm15.Request) -> Turns:
    return [{"role": message.role, "content": message.text or ""} for message in request.messages]


def _hint(endpoint: Endpoint, failure: CallFailed) -> str:
    nowhere = failure.status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED} or "endpoint" in failure.cause
    if nowhere and not endpoint.has_path:
        return " The address has no path; that of most servers ends with /v1."
    return ""
