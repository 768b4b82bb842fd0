"""The client: a method for each path of the gateway, with the parameters that the path has."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

import httpx
from pydantic import TypeAdapter

from qdpi.api import API_PREFIX
from qdpi.api.requests import (
    Accepted,
    AskBody,
    BranchBody,
    PressBody,
    RunBody,
    SessionBody,
    SessionIssued,
    StopBody,
    VaultBody,
)
from qdpi.api.responses import (
    Alive,
    Alternatives,
    CanonShape,
    JourneyView,
    PageView,
    Preview,
    Ready,
    ReceiptView,
    Revisions,
    SearchAnswer,
    SectionFacts,
    SymbolEntry,
    VaultUpdate,
    VaultView,
    WrittenPage,
)
from qdpi.client.http import QUIET_SECONDS, Calls, Exported, exported, part, read
from qdpi.client.stream import Frame, follow
from qdpi.errors import QdpiError
from qdpi.retry import Backoff
from qdpi.search.query import Scope
from qdpi.symbols import Trajectory

RUN_SECONDS: Final = 300.0
"""How long a direct run is waited for; the gateway itself gives up earlier, with 504."""


class Client:
    """A client of one gateway, for a whole program: `async with Client(url) as client`.

    Its methods raise `Refused` for the gateway's problems, `GatewayUnreachable` where none answers, and
    `UnreadableAnswer` where something else does. A symbol is a code, `0x1F` or a name.
    """

    def __init__(
        self, url: str, *, transport: httpx.AsyncBaseTransport | None = None, backoff: Backoff | None = None
    ) -> None:
        self._backoff = backoff or Backoff()
        self._canon: tuple[str, CanonShape] | None = None
        self._calls = Calls(url, transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the connections. Idempotent."""
        await self._calls.http.aclose()

    @property
    def url(self) -> str:
        """The gateway's address."""
        return self._calls.url

    async def session(self, *, session_id: str | None = None) -> SessionIssued:
        """Begin a session, or change a session id that is still good for a new one of the same journey."""
        return await self._calls.post(SessionIssued, f"{API_PREFIX}/session", SessionBody(session_id=session_id))

    async def press(
        self,
        session_id: str,
        symbol_code: int | str,
        *,
        page_id: str | None = None,
        user_intent: str | None = None,
        trajectory: Trajectory | None = None,
        client_request_id: str | None = None,
    ) -> Accepted:
        """Press a symbol; its page comes on the stream. With the same `client_request_id` it is the same press."""
        body = PressBody.model_construct(
            session_id=session_id,
            symbol_code=symbol_code,
            page_id=page_id,
            user_intent=user_intent,
            trajectory=trajectory,
            client_request_id=client_request_id,
        )
        return await self._calls.post(Accepted, f"{API_PREFIX}/event/ui/symbol", body)

    async def ask(
        self, session_id: str, user_intent: str, *, page_id: str | None = None, client_request_id: str | None = None
    ) -> Accepted:
        """Ask in words; the page comes on the stream."""
        body = AskBody.model_construct(
            session_id=session_id,
            user_intent=user_intent,
            page_id=page_id,
            client_request_id=client_request_id,
        )
        return await self._calls.post(Accepted, f"{API_PREFIX}/event/ask", body)

    async def stop(self, session_id: str, event_id: str) -> Accepted:
        """Stop the run of the press `event_id`."""
        body = StopBody.model_construct(session_id=session_id, event_id=event_id)
        return await self._calls.post(Accepted, f"{API_PREFIX}/event/stop", body)

    def stream(
        self,
        session_id: str,
        *,
        after: int | None = None,
        on_wait: Callable[[QdpiError], None] = lambda error: None,
    ) -> AsyncGenerator[Frame]:
        """Follow a journey without end: after a seq, 0 for all, None from now on.

        Each outcome comes once and in order, each piece of text once. A stream that breaks is taken up again
        after the last outcome; `on_wait` hears why, each time. What the first connection is refused with is
        raised. Close it (`contextlib.aclosing`) where you leave it before its end.
        """

        def connect(last_event_id: str | None) -> AbstractAsyncContextManager[httpx.Response]:
            headers = {"last-event-id": last_event_id} if last_event_id else {}
            query = {"session_id": session_id, "after": after}
            return self._calls.open(f"{API_PREFIX}/event/stream", query, headers, QUIET_SECONDS)

        return follow(connect, self._backoff, on_wait)

    async def run(
        self,
        code: int | str,
        *,
        session_id: str | None = None,
        page_id: str | None = None,
        user_intent: str | None = None,
        client_request_id: str | None = None,
    ) -> WrittenPage:
        """Run a symbol and wait for its page; without a session it gets a journey of its own."""
        body = RunBody.model_construct(
            session_id=session_id,
            page_id=page_id,
            user_intent=user_intent,
            client_request_id=client_request_id,
        )
        return await self._calls.post(WrittenPage, f"{API_PREFIX}/pipeline/run/symbol/{part(code)}", body, RUN_SECONDS)

    async def branch(
        self,
        id: str,  # noqa: A002 (the path's word)
        *,
        session_id: str | None = None,
        symbol_code: int | str | None = None,
        page_id: str | None = None,
        user_intent: str | None = None,
        client_request_id: str | None = None,
    ) -> WrittenPage:
        """Wish for a fork at a locus and wait for its page."""
        body = BranchBody.model_construct(
            session_id=session_id,
            symbol_code=symbol_code,
            page_id=page_id,
            user_intent=user_intent,
            client_request_id=client_request_id,
        )
        return await self._calls.post(WrittenPage, f"{API_PREFIX}/branch/{part(id)}", body, RUN_SECONDS)

    async def page(self, id: str, *, session_id: str | None = None) -> PageView:  # noqa: A002 (the path's word)
        """Return a page with its edges, signals and validation; a journey's page is given to its own session."""
        return await self._calls.get(PageView, f"{API_PREFIX}/page/{part(id)}", {"session_id": session_id})

    async def receipt(self, id: str, *, session_id: str | None = None) -> ReceiptView:  # noqa: A002
        """Return why a generated page is what it is."""
        return await self._calls.get(ReceiptView, f"{API_PREFIX}/page/{part(id)}/receipt", {"session_id": session_id})

    async def alternatives(
        self,
        id: str,  # noqa: A002
        *,
        session_id: str | None = None,
        after: int = 0,
        limit: int = 50,
    ) -> Alternatives:
        """Return the pages of a journey that were written at the same locus, each with its receipt."""
        query = {"session_id": session_id, "after": after, "limit": limit}
        return await self._calls.get(Alternatives, f"{API_PREFIX}/page/{part(id)}/alternatives", query)

    async def revisions(self, id: str, *, session_id: str | None = None) -> Revisions:  # noqa: A002
        """Return every revision of a page, the oldest first."""
        return await self._calls.get(Revisions, f"{API_PREFIX}/page/{part(id)}/revisions", {"session_id": session_id})

    async def vault(
        self, session_id: str, *, at: int | str | None = None, after: str | None = None, limit: int = 200
    ) -> VaultView:
        """Return what is in a vault, now or at a seq or a time; `after` is the `next` of the entries before."""
        query = {"at": at, "after": after, "limit": limit}
        return await self._calls.get(VaultView, f"{API_PREFIX}/vault/{part(session_id)}", query)

    async def save(
        self,
        session_id: str,
        page_id: str,
        *,
        label: str | None = None,
        notes: str | None = None,
        client_request_id: str | None = None,
    ) -> VaultUpdate:
        """Save a page in the vault, or change its label and notes: what is None stays as it is."""
        body = VaultBody.model_construct(page_id=page_id, label=label, notes=notes, client_request_id=client_request_id)
        return await self._calls.post(VaultUpdate, f"{API_PREFIX}/vault/{part(session_id)}", body)

    async def unsave(self, session_id: str, page_id: str, *, client_request_id: str | None = None) -> VaultUpdate:
        """Take a page out of the vault."""
        path = f"{API_PREFIX}/vault/{part(session_id)}/{part(page_id)}"
        query = {"client_request_id": client_request_id} if client_request_id else {}
        return read(await self._calls.answer("DELETE", path, params=query), VaultUpdate.model_validate_json)

    async def search(
        self,
        q: str = "",
        *,
        session_id: str | None = None,
        scope: Scope = Scope.ALL,
        character: int | str | None = None,
        section: int | None = None,
        behavior: int | str | None = None,
        trajectory: Trajectory | None = None,
        edge: str | None = None,
        limit: int = 20,
        cursor: str | None = None,
    ) -> SearchAnswer:
        """Return the pages that hold every word and phrase; `cursor` is the `next` of the hits before."""
        query = {
            "q": q,
            "session_id": session_id,
            "scope": scope,
            "character": character,
            "section": section,
            "behavior": behavior,
            "trajectory": trajectory,
            "edge": edge,
            "limit": limit,
            "cursor": cursor,
        }
        return await self._calls.get(SearchAnswer, f"{API_PREFIX}/search", query)

    async def section(self, id: int) -> SectionFacts:  # noqa: A002 (the path's word)
        """Return a section, 1..16, with its open branches and return debt summed over all journeys."""
        return await self._calls.get(SectionFacts, f"{API_PREFIX}/pipeline/stats/section/{part(id)}")

    async def symbols(self) -> tuple[SymbolEntry, ...]:
        """Return all 256 symbols."""
        entries: TypeAdapter[tuple[SymbolEntry, ...]] = TypeAdapter(tuple[SymbolEntry, ...])
        response = await self._calls.answer("GET", f"{API_PREFIX}/symbols")
        return read(response, entries.validate_json)

    async def glyph(self, code: int | str) -> str:
        """Return a symbol's glyph as SVG."""
        return (await self._calls.answer("GET", f"{API_PREFIX}/symbols/{part(code)}/glyph.svg")).text

    async def canon(self) -> CanonShape:
        """Return the book as it is now. A revision that was read already is not sent again."""
        headers = {"if-none-match": self._canon[0]} if self._canon else {}
        response = await self._calls.answer("GET", f"{API_PREFIX}/canon", headers=headers)
        if response.status_code != HTTPStatus.NOT_MODIFIED or self._canon is None:
            shape = read(response, CanonShape.model_validate_json)
            self._canon = (response.headers.get("etag", ""), shape)
        return self._canon[1]

    async def journey(
        self, session_id: str, *, after: int = 0, limit: int = 200, at: int | str | None = None
    ) -> JourneyView:
        """Return a journey's state and its events after a seq, now or as it stood at a seq or a time."""
        params = {"after": after, "limit": limit, "at": at}
        return await self._calls.get(JourneyView, f"{API_PREFIX}/journey/{part(session_id)}", params)

    async def preview(self, session_id: str, *, page_id: str | None = None, at: int | str | None = None) -> Preview:
        """Return what each symbol would do at a locus: by default where the reader is, or was at a moment."""
        query = {"page_id": page_id, "at": at}
        return await self._calls.get(Preview, f"{API_PREFIX}/journey/{part(session_id)}/preview", query)

    @asynccontextmanager
    async def export(self, session_id: str, *, format: str = "log") -> AsyncIterator[Exported]:  # noqa: A002
        """Open a journey as a file: its `log`, which alone is lossless, or `markdown`, `twee`, `epub` to read."""
        path = f"{API_PREFIX}/export/{part(session_id)}"
        async with self._calls.open(path, {"format": format}, {}, RUN_SECONDS) as response:
            yield exported(response)

    async def alive(self) -> Alive:
        """Ask whether the process answers."""
        return await self._calls.get(Alive, "/healthz")

    async def ready(self) -> Ready:
        """Ask whether the store and the bus answer. Raises `Refused` whose problem has `parts` where not."""
        return await self._calls.get(Ready, "/readyz")
