"""The symbols, the canon, and the sections of the book."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Header, Path, Response
from pydantic import TypeAdapter

from qdpi.api import API_PREFIX
from qdpi.api.requests import SYMBOL_FORMS
from qdpi.api.responses import CanonPageEntry, CanonShape, SectionEntry, SectionFacts, SymbolEntry
from qdpi.canon.edition import Edition
from qdpi.errors import NoBook, UnknownSection
from qdpi.gateway.context import GatewayDep
from qdpi.gateway.negotiation import NOT_MODIFIED, conditional, conditional_model, not_modified, shape_of
from qdpi.gateway.problems import problem_responses
from qdpi.glyphs import glyph_svg
from qdpi.symbols import (
    CHARACTER_MAP,
    CHARACTER_NAMES,
    decode_symbol,
    parse_symbol,
    profile_of,
    symbol_name,
)

SVG_MEDIA_TYPE: Final = "image/svg+xml; charset=utf-8"
SVG_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
_SYMBOLS: Final = TypeAdapter(tuple[SymbolEntry, ...])

router = APIRouter(prefix=API_PREFIX)


@router.get(
    "/symbols",
    tags=["symbols"],
    summary="All 256 symbols",
    response_model=tuple[SymbolEntry, ...],
    responses={**NOT_MODIFIED, **problem_responses(422, 503)},
)
async def symbols(gateway: GatewayDep, if_none_match: Annotated[str | None, Header()] = None) -> Response:
    """Return every symbol with its character, its behaviour, and how the behaviour shapes a run."""
    try:
        voices = (await gateway.system.editions.current()).voices
    except NoBook:
        voices = {}
    colors = {character: voice.color for character, voice in voices.items()}
    root_path = gateway.system.settings.root_path
    entries = tuple(symbol_entry(code, colors.get(code >> 4), root_path) for code in range(256))
    return conditional(_SYMBOLS.dump_json(entries), if_none_match)


def symbol_entry(code: int, color: str | None, root_path: str) -> SymbolEntry:
    """Return the entry of a symbol; `color` is the character's, `root_path` where a proxy serves this gateway."""
    character, behavior = decode_symbol(code)
    profile = profile_of(code)
    return SymbolEntry(
        code=code,
        hex=f"0x{code:02X}",
        name=symbol_name(code),
        character=character,
        slug=CHARACTER_MAP[character],
        display_name=CHARACTER_NAMES[character],
        behavior=behavior,
        behavior_code=profile.code,
        orientation=profile.orientation,
        provenance=profile.provenance,
        meaning=profile.meaning,
        plans=profile.plans,
        sources=profile.sources,
        open=profile.open,
        choice=profile.choice,
        color=color,
        glyph=f"{root_path}{API_PREFIX}/symbols/{code}/glyph.svg",
    )


@router.get(
    "/symbols/{code}/glyph.svg",
    tags=["symbols"],
    summary="A symbol's glyph",
    response_class=Response,
    responses={
        200: {"content": {"image/svg+xml": {}}, "description": "The glyph, on a grid of 96 units."},
        **problem_responses(422),
    },
)
async def glyph(code: Annotated[str, Path(json_schema_extra=SYMBOL_FORMS)]) -> Response:
    """Return a symbol's glyph as SVG in the current text colour."""
    headers = {"content-security-policy": SVG_POLICY, "cache-control": "public, max-age=86400"}
    return Response(glyph_svg(parse_symbol(code)), media_type=SVG_MEDIA_TYPE, headers=headers)


@router.get(
    "/canon",
    tags=["canon"],
    summary="The book's ring and sections",
    response_model=CanonShape,
    responses={**NOT_MODIFIED, **problem_responses(503)},
)
async def canon(gateway: GatewayDep, if_none_match: Annotated[str | None, Header()] = None) -> Response:
    """Return the current book. The ETag changes with its revision."""
    edition = await gateway.system.editions.current()
    revision = edition.revision
    etag = f'W/"{revision.revision}-{revision.content_hash[:16]}-{shape_of(CanonShape)}"'
    return not_modified(if_none_match, etag) or conditional_model(canon_shape(edition), None, etag=etag)


def canon_shape(edition: Edition) -> CanonShape:
    """Return an edition's ring and sections."""
    revision = edition.revision
    pages = (edition.pages[page_id] for page_id in edition.ring.page_ids)
    return CanonShape(
        title=revision.title,
        author=revision.author,
        book_id=revision.book_id,
        revision=revision.revision,
        content_hash=revision.content_hash,
        ring=tuple(
            CanonPageEntry(page_id=p.page_id, section=p.section, page_num=p.page_num, title=p.title) for p in pages
        ),
        sections=tuple(section_entry(edition, section) for section in range(1, 17)),
    )


def section_entry(edition: Edition, section: int) -> SectionEntry:
    """Return a section, 1..16, of an edition."""
    voice, pages = edition.voices[section - 1], edition.ring.pages_of(section)
    title = edition.section_titles.get(section)
    return SectionEntry(
        section=section,
        title=title.title if title else None,
        character=voice.character,
        slug=voice.slug,
        name=voice.name,
        color=voice.color,
        pages=len(pages),
        first_page=pages[0],
    )


@router.get(
    "/pipeline/stats/section/{id}",
    tags=["canon"],
    summary="A section's statistics",
    responses=problem_responses(404, 503),
)
async def section_statistics(id: str, gateway: GatewayDep) -> SectionFacts:  # noqa: A002 (the path's word)
    """Return a section's open branches and return debt (pages), summed over all journeys."""
    section = int(id) if id.isascii() and id.isdigit() and len(id) <= 2 else 0
    if not 1 <= section <= 16:
        raise UnknownSection(f"There is no section {id!r:.80}.")
    edition = await gateway.system.editions.current()
    sums = await gateway.system.store.section_statistics(section)
    return SectionFacts(**section_entry(edition, section).model_dump(), **sums.model_dump(exclude={"section"}))
