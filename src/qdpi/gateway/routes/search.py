"""GET /search: words, phrases and filters over the canon, and over a journey's own pages and vault."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final, Literal, NamedTuple

from fastapi import APIRouter, Query

from qdpi.api import API_PREFIX
from qdpi.api.responses import Destination, SearchAnswer, SearchHit
from qdpi.errors import InvalidInput
from qdpi.gateway.context import ExchangeDep, Gateway, GatewayDep, journey_of
from qdpi.gateway.problems import problem_responses
from qdpi.page_schema import Scope
from qdpi.search import query as asking
from qdpi.search.find import Library, decode_cursor, encode_cursor, find
from qdpi.search.lookup import PageLookup
from qdpi.search.query import read_filters, read_query
from qdpi.search.ranking import Hit
from qdpi.search.snippets import Snippet, snippet
from qdpi.store.rows import VaultEntry
from qdpi.symbols import CHARACTER_MAP

MOST_HITS: Final = 100
_OWN: Final = frozenset({Scope.JOURNEY, Scope.VAULT})

router = APIRouter(prefix=API_PREFIX, tags=["search"])


class _Searched(NamedTuple):
    """What is searched, the lookup of the canon's pages, and the entries of the vault by page id."""

    library: Library
    lookup: PageLookup
    saved: dict[str, VaultEntry]


@router.get("/search", summary="Search pages, and go to one", responses=problem_responses(401, 422, 429, 503))
async def search(
    gateway: GatewayDep,
    exchange: ExchangeDep,
    q: Annotated[
        str, Query(description='Words and "phrases in quotes", all of which a page must contain; * matches every page.')
    ],
    session_id: Annotated[
        str | None, Query(description="The session whose journey and vault are searched too.")
    ] = None,
    scope: Annotated[Scope, Query(description="Where to search.")] = Scope.ALL,
    character: Annotated[str | None, Query(description="0..15, a slug or a name; several separated by commas.")] = None,
    section: Annotated[str | None, Query(description="1..16.")] = None,
    behavior: Annotated[str | None, Query(description="0..15, or a code such as XC.")] = None,
    behaviour: Annotated[str | None, Query(include_in_schema=False)] = None,
    trajectory: Annotated[str | None, Query(description="T0..T3.")] = None,
    edge: Annotated[
        str | None,
        Query(description="The type of an edge of the page: NEXT, LOOP, FORK or MIRROR; or the page it leads to."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_HITS, description="How many hits at most.")] = 20,
    cursor: Annotated[str | None, Query(description="The `next` of the previous response.")] = None,
) -> SearchAnswer:
    """Return the pages that contain every word and phrase, best first. New pages do not shift later pages of hits.

    Words match in any case, with or without accents, in singular and plural; phrases match word for word. A search
    never returns pages of other journeys.
    """
    query = read_query(q)
    filters = read_filters(character, section, behavior or behaviour, trajectory, edge)
    journey = None if session_id is None else journey_of(gateway, exchange, session_id)
    if journey is None and scope in _OWN:
        raise InvalidInput(f"scope is {scope.value}, which needs a session.", next_step="Add &session_id=.")
    edition = await gateway.system.editions.current()
    searched = await _searched(gateway, journey, await gateway.canon_indexes.of(edition))
    about = repr((q, scope, filters, journey, edition.revision.revision))
    after = decode_cursor(cursor, about) if cursor is not None else None
    found = await asyncio.to_thread(find, searched.library, query, filters, scope=scope, after=after, limit=limit)
    return SearchAnswer(
        q=q,
        total=found.total,
        hits=tuple(await asyncio.to_thread(lambda: [_told(hit, query, searched.saved) for hit in found.hits])),
        next=encode_cursor(found.hits[-1].sort_key, about) if found.more else None,
        goto=await asyncio.to_thread(_go, searched, q, scope) if after is None else (),
    )


async def _searched(gateway: Gateway, journey: str | None, lookup: PageLookup) -> _Searched:
    if journey is None:
        return _Searched(Library(lookup.index), lookup, {})
    entries = await gateway.system.store.vault(journey)
    own = await gateway.journeys.of(journey)
    library = Library(
        canon=lookup.index,
        journey=own.indexes,
        saved=frozenset(entry.page_id for entry in entries),
        dropped=await gateway.journeys.dropped(own, entries, lookup.index),
        notes=await gateway.journeys.notes(own, entries),
    )
    return _Searched(library, lookup, {entry.page_id: entry for entry in entries})


def _go(searched: _Searched, q: str, scope: Scope) -> tuple[Destination, ...]:
    matches = searched.lookup.match(q, searched.library.journey)
    return tuple(
        Destination(page_id=document.page_id, title=document.title, section=document.section, alike=alike)
        for document, alike in matches
        if scope is Scope.ALL
        or (scope is Scope.VAULT and document.page_id in searched.library.saved)
        or scope.value == document.kind
    )


def _told(hit: Hit, query: asking.Query, saved: dict[str, VaultEntry]) -> SearchHit:
    document, entry = hit.document, saved.get(hit.document.page_id)
    titled = snippet(document.title, query)
    found_in, passage = _passage(hit, query, entry, titled)
    return SearchHit(
        page_id=document.page_id,
        kind=document.kind,
        title=document.title,
        title_marks=titled.marks if titled.text == document.title else (),
        section=document.section,
        character=document.character,
        character_id=CHARACTER_MAP[document.character],
        symbol_code=document.symbol_code,
        behavior=document.behavior,
        trajectory=document.trajectory,
        page_num=document.page_num,
        seq=document.order if document.kind == "journey" else None,
        saved=entry is not None,
        label=entry.label if entry else None,
        score=hit.score,
        found_in=found_in,
        passage=passage.text,
        marks=passage.marks,
        snippet=passage.html,
    )


def _passage(
    hit: Hit, query: asking.Query, entry: VaultEntry | None, titled: Snippet
) -> tuple[Literal["text", "title", "notes"], Snippet]:
    """Return what was found, and the passage that shows it."""
    if hit.noted and entry is not None:
        return "notes", snippet(f"{entry.label}\n{entry.notes}".strip(), query)
    text = snippet(hit.document.text, query)
    if text.marks or query.everything or not titled.marks:
        return "text", text
    return "title", titled
