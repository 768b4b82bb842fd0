"""The sixteen voices of the book, and its own drawings of them."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Header, Path, Response
from pydantic import TypeAdapter

from qdpi.api import API_PREFIX
from qdpi.api.responses import VoiceEntry
from qdpi.canon.characters import character_named
from qdpi.canon.edition import Edition
from qdpi.canon.sections import voice_sentence
from qdpi.errors import InvalidInput, UnknownDrawing
from qdpi.gateway.context import GatewayDep
from qdpi.gateway.negotiation import NOT_MODIFIED, conditional
from qdpi.gateway.problems import problem_responses
from qdpi.gateway.routes.book import SVG_MEDIA_TYPE, SVG_POLICY
from qdpi.page_schema import Voice

_ENTRIES: Final = TypeAdapter(tuple[VoiceEntry, ...])

router = APIRouter(prefix=f"{API_PREFIX}/voices", tags=["canon"])


@router.get(
    "",
    summary="The sixteen voices",
    response_model=tuple[VoiceEntry, ...],
    responses={**NOT_MODIFIED, **problem_responses(422, 503)},
)
async def voices(gateway: GatewayDep, if_none_match: Annotated[str | None, Header()] = None) -> Response:
    """Return who speaks in the current book, by section. The ETag changes with any of it."""
    edition = await gateway.system.editions.current()
    root = gateway.system.settings.root_path
    entries = tuple(voice_entry(edition, edition.voices[character], root) for character in sorted(edition.voices))
    return conditional(_ENTRIES.dump_json(entries), if_none_match)


def voice_entry(edition: Edition, voice: Voice, root_path: str) -> VoiceEntry:
    """Return what is said of a voice of an edition; `root_path` is where a proxy serves this gateway."""
    title = edition.section_titles.get(voice.character + 1)
    return VoiceEntry(
        character=voice.character,
        slug=voice.slug,
        name=voice.name,
        section=voice.character + 1,
        section_title=title.title if title else None,
        color=voice.color,
        sentence=voice_sentence(voice),
        profile=voice.profile,
        source=voice.source,
        drawing=f"{root_path}{API_PREFIX}/voices/{voice.slug}/drawing.svg" if voice.symbol_svg else None,
        glyph=f"{root_path}{API_PREFIX}/symbols/{voice.character << 4}/glyph.svg",
    )


@router.get(
    "/{character}/drawing.svg",
    summary="The book's own drawing of a character",
    response_class=Response,
    responses={
        200: {"content": {"image/svg+xml": {}}, "description": "The drawing: plain shapes, checked at ingest."},
        **NOT_MODIFIED,
        **problem_responses(404, 422, 503),
    },
)
async def drawing(
    character: Annotated[str, Path(description="A character: slug, name, or number from 0 to 15.")],
    gateway: GatewayDep,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Return a drawing of the current book as it was ingested. It is served so that nothing in it can run."""
    number = character_named(character)
    if number is None:
        raise InvalidInput(
            f"{character!r:.80} is none of the sixteen characters.",
            next_step=f"GET {API_PREFIX}/voices lists them.",
        )
    voice = (await gateway.system.editions.current()).voices[number]
    if voice.symbol_svg is None:
        raise UnknownDrawing(
            f"The book has no drawing of {voice.name}.",
            next_step=f"Take the glyph: GET {API_PREFIX}/symbols/{number << 4}/glyph.svg.",
        )
    headers = {"content-security-policy": SVG_POLICY}
    return conditional(voice.symbol_svg.encode(), if_none_match, media_type=SVG_MEDIA_TYPE, headers=headers)
