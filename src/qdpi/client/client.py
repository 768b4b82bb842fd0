"""The client: one method for each path of the gateway, with that path's parameters."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Final, Self

import httpx
from pydantic import RootModel

from qdpi.api import API_PREFIX
from qdpi.api.requests import (
    Accepted,
    AskBody,
    BranchBody,
    PlaceBody,
    PressBody,
    RunBody,
    SessionBody,
    SessionIssued,
    StopBody,
    VaultBody,
)
from qdpi.api.responses import (
    About,
    Alive,
    Alternatives,
    CanonShape,
    ImportedJourney,
    JourneyTree,
    JourneyView,
    LeanPreview,
    PageBatch,
    PageView,
    PlaceView,
    Preview,
    Ready,
    ReceiptView,
    Revisions,
    RunStatistics,
    RunsUnderWay,
    SearchAnswer,
    SectionFacts,
    Siblings,
    SymbolEntry,
    VaultChanges,
    VaultUpdate,
    VaultView,
    VoiceEntry,
    WrittenPage,
)
from qdpi.client.http import QUIET_SECONDS, Calls, ExportedFile, exported_file, parse, segment, without_none
from qdpi.client.stream import Frame, follow
from qdpi.errors import QdpiError
from qdpi.page_schema import Scope
from qdpi.retry import Backoff
from qdpi.symbols import Trajectory

RUN_SECONDS: Final = 300.0
"""Timeout of a direct run; the gateway itself gives up earlier, with 504."""


class _Symbols(RootModel[tuple[SymbolEntry, ...]]):
    """The symbols, as one answer."""


class _Voices(RootModel[tuple[VoiceEntry, ...]]):
    """The voices, as one answer."""


class Client:
    """A client of one gateway: `async with Client(url) as client`. Share it between tasks.

    Methods raise `Refused` for the gateway's problem details, `GatewayUnreachable` when no gateway answers, and
    `UnreadableAnswer` for any other response. A symbol is a code, `0x1F` or a name.
    """

    def __init__(
        self, url: str, *, transport: httpx.AsyncBaseTransport | None = None, backoff: Backoff | None = None
    ) -> None:
        self._backoff = backoff or Backoff()
        self._calls = Calls(url, transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections. Idempotent."""
        await self._calls.http.aclose()

    @property
    def url(self) -> str:
        """The gateway's address."""
        return self._calls.url

    async def session(self, *, session_id: str | None = None) -> SessionIssued:
        """Begin a session, or exchange a valid session id for a new one of the same journey."""
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
        """Press a symbol; its page arrives on the stream. Repeats with one `client_request_id` are one press."""
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
        """Ask in words; the page arrives on the stream."""
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
        """Follow a journey without end: after a seq, 0 for all outcomes, None from now on.

        Yields each outcome once and in order, and each piece of text once. A broken stream is resumed after the
        last outcome; `on_wait` is called with the reason each time. An error of the first connection is raised.
        Close the generator (`contextlib.aclosing`) if you stop before its end.
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
        """Press a symbol and wait for its page; without a session a new journey begins."""
        body = RunBody.model_construct(
            session_id=session_id,
            page_id=page_id,
            user_intent=user_intent,
            client_request_id=client_request_id,
        )
        return await self._calls.post(
            WrittenPage, f"{API_PREFIX}/pipeline/run/symbol/{segment(code)}", body, RUN_SECONDS
        )

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
        """Press with the wish for a fork at a locus, and wait for the page."""
        body = BranchBody.model_construct(
            session_id=session_id,
            symbol_code=symbol_code,
            page_id=page_id,
            user_intent=user_intent,
            client_request_id=client_request_id,
        )
        return await self._calls.post(WrittenPage, f"{API_PREFIX}/branch/{segment(id)}", body, RUN_SECONDS)

    async def page(self, id: str, *, session_id: str | None = None) -> PageView:  # noqa: A002 (the path's word)
        """Return a page with its edges, signals and validation; a journey's page needs the journey's session.

        An unchanged page of the book is not sent again.
        """
        return await self._calls.get_kept(PageView, f"{API_PREFIX}/page/{segment(id)}", {"session_id": session_id})

    async def pages(self, ids: Collection[str], *, session_id: str | None = None) -> PageBatch:
        """Return up to 50 pages in the order of their ids, and the ids that name no page."""
        query = {"ids": ",".join(ids), "session_id": session_id}
        return await self._calls.get_kept(PageBatch, f"{API_PREFIX}/pages", query)

    async def receipt(self, id: str, *, session_id: str | None = None) -> ReceiptView:  # noqa: A002
        """Return the receipt of a generated page."""
        return await self._calls.get(
            ReceiptView, f"{API_PREFIX}/page/{segment(id)}/receipt", {"session_id": session_id}
        )

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
        return await self._calls.get(Alternatives, f"{API_PREFIX}/page/{segment(id)}/alternatives", query)

    async def siblings(
        self,
        id: str,  # noqa: A002
        *,
        session_id: str | None = None,
        after: int = 0,
        limit: int = 200,
    ) -> Siblings:
        """Return a page's place among the pages of its journey at the same locus, and these pages in short."""
        query = {"session_id": session_id, "after": after, "limit": limit}
        return await self._calls.get_kept(Siblings, f"{API_PREFIX}/page/{segment(id)}/siblings", query)

    async def revisions(self, id: str, *, session_id: str | None = None) -> Revisions:  # noqa: A002
        """Return every revision of a page, oldest first."""
        return await self._calls.get(
            Revisions, f"{API_PREFIX}/page/{segment(id)}/revisions", {"session_id": session_id}
        )

    async def vault(
        self, session_id: str, *, at: int | str | None = None, after: str | None = None, limit: int = 200
    ) -> VaultView:
        """Return a vault's entries as of now, a seq or a time; `after` is the `next` of the previous response."""
        query = {"at": at, "after": after, "limit": limit}
        return await self._calls.get(VaultView, f"{API_PREFIX}/vault/{segment(session_id)}", query)

    async def vault_changes(self, session_id: str, *, after: str | None = None, limit: int = 1_000) -> VaultChanges:
        """Return a vault's changes with their times, oldest first; `after` is the `next` of the previous response."""
        query = {"after": after, "limit": limit}
        return await self._calls.get(VaultChanges, f"{API_PREFIX}/vault/{segment(session_id)}/changes", query)

    async def save(
        self,
        session_id: str,
        page_id: str,
        *,
        label: str | None = None,
        notes: str | None = None,
        client_request_id: str | None = None,
    ) -> VaultUpdate:
        """Save a page in the vault, or change its label and notes; None leaves them unchanged."""
        body = VaultBody.model_construct(page_id=page_id, label=label, notes=notes, client_request_id=client_request_id)
        return await self._calls.post(VaultUpdate, f"{API_PREFIX}/vault/{segment(session_id)}", body)

    async def unsave(self, session_id: str, page_id: str, *, client_request_id: str | None = None) -> VaultUpdate:
        """Remove a page from the vault."""
        path = f"{API_PREFIX}/vault/{segment(session_id)}/{segment(page_id)}"
        query = {"client_request_id": client_request_id} if client_request_id else {}
        return parse(await self._calls.request("DELETE", path, params=query), VaultUpdate.model_validate_json)

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
        """Return the pages that contain every word and phrase; `cursor` is the `next` of the previous response."""
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

    async def run_statistics(self) -> RunStatistics:
        """Return the median time and tokens of the newest runs at the gateway, by model and behaviour."""
        return await self._calls.get(RunStatistics, f"{API_PREFIX}/pipeline/stats/runs")

    async def section(self, id: int) -> SectionFacts:  # noqa: A002 (the path's word)
        """Return a section, 1..16, with its open branches and return debt summed over all journeys."""
        return await self._calls.get(SectionFacts, f"{API_PREFIX}/pipeline/stats/section/{segment(id)}")

    async def symbols(self) -> tuple[SymbolEntry, ...]:
        """Return all 256 symbols; unchanged ones are not sent again."""
        return (await self._calls.get_kept(_Symbols, f"{API_PREFIX}/symbols")).root

    async def voices(self) -> tuple[VoiceEntry, ...]:
        """Return who speaks in the current book, by section; unchanged ones are not sent again."""
        return (await self._calls.get_kept(_Voices, f"{API_PREFIX}/voices")).root

    async def drawing(self, character: int | str) -> str:
        """Return the book's own drawing of a character as SVG. Raises `Refused` where it has none."""
        return (await self._calls.request("GET", f"{API_PREFIX}/voices/{segment(character)}/drawing.svg")).text

    async def glyph(self, code: int | str) -> str:
        """Return a symbol's glyph as SVG."""
        return (await self._calls.request("GET", f"{API_PREFIX}/symbols/{segment(code)}/glyph.svg")).text

    async def canon(self) -> CanonShape:
        """Return the current book; an unchanged revision is not sent again."""
        return await self._calls.get_kept(CanonShape, f"{API_PREFIX}/canon")

    async def journey(
        self, session_id: str, *, after: int = 0, limit: int = 200, at: int | str | None = None
    ) -> JourneyView:
        """Return a journey's state and its events after a seq, as of now, a seq or a time."""
        params = {"after": after, "limit": limit, "at": at}
        return await self._calls.get(JourneyView, f"{API_PREFIX}/journey/{segment(session_id)}", params)

    async def runs_under_way(self, session_id: str) -> RunsUnderWay:
        """Return the presses of a journey that have no outcome yet, in the order in which they are answered."""
        return await self._calls.get(RunsUnderWay, f"{API_PREFIX}/journey/{segment(session_id)}/runs")

    async def place(self, session_id: str) -> PlaceView:
        """Return the page on which the reader goes on, and which pages were read."""
        return await self._calls.get(PlaceView, f"{API_PREFIX}/journey/{segment(session_id)}/place")

    async def set_place(self, session_id: str, page_id: str) -> PlaceView:
        """Move the reader to a page, which is then read."""
        body = PlaceBody.model_construct(page_id=page_id)
        return await self._calls.post(PlaceView, f"{API_PREFIX}/journey/{segment(session_id)}/place", body)

    async def tree(self, session_id: str, *, after: int = 0, limit: int = 10_000) -> JourneyTree:
        """Return what a map shows of a journey's outcomes after a seq, by columns."""
        query = {"after": after, "limit": limit}
        return await self._calls.get(JourneyTree, f"{API_PREFIX}/journey/{segment(session_id)}/tree", query)

    async def preview(self, session_id: str, *, page_id: str | None = None, at: int | str | None = None) -> Preview:
        """Preview every symbol at a locus, by default the reader's position, as of now, a seq or a time."""
        query = {"page_id": page_id, "at": at}
        return await self._calls.get(Preview, f"{API_PREFIX}/journey/{segment(session_id)}/preview", query)

    async def preview_lean(
        self, session_id: str, *, page_id: str | None = None, at: int | str | None = None
    ) -> LeanPreview:
        """Preview the sixteen behaviours; `qdpi.api.previews.expanded` makes the full preview of it."""
        query = {"page_id": page_id, "at": at}
        return await self._calls.get(LeanPreview, f"{API_PREFIX}/journey/{segment(session_id)}/preview/lean", query)

    @asynccontextmanager
    async def export(self, session_id: str, *, format: str = "log") -> AsyncIterator[ExportedFile]:  # noqa: A002
        """Open a journey as a file: the lossless `log`, or `markdown`, `twee`, `epub` for reading."""
        path = f"{API_PREFIX}/export/{segment(session_id)}"
        async with self._calls.open(path, {"format": format}, {}, RUN_SECONDS) as response:
            yield exported_file(response)

    async def import_journey(
        self, archive: bytes | AsyncIterable[bytes], *, session_id: str | None = None
    ) -> ImportedJourney:
        """Import a journey from the archive that `export` gives; a journey that is here already is continued.

        `session_id` is one of that journey, where the gateway signs them.
        """
        path = f"{API_PREFIX}/import"
        params, headers = without_none({"session_id": session_id}), {"content-type": "application/zip"}
        response = await self._calls.request(
            "POST", path, content=archive, params=params, headers=headers, timeout=RUN_SECONDS
        )
        return parse(response, ImportedJourney.model_validate_json)

    async def about(self) -> About:
        """Return the server's version, its book, who writes the pages, and its limits."""
        return await self._calls.get_kept(About, f"{API_PREFIX}/about")

    async def alive(self) -> Alive:
        """Check that the process is alive."""
        return await self._calls.get(Alive, "/healthz")

    async def ready(self) -> Ready:
        """Check that the store and the bus answer. Raises `Refused`, whose problem has `parts`, if they do not."""
        return await self._calls.get(Ready, "/readyz")
