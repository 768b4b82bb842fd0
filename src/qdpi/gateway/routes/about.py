"""GET /about: what this server is, who writes, and its limits."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Header, Response

from qdpi import __version__
from qdpi.api import API_PREFIX
from qdpi.api.responses import About, BookFacts, PolicyLimits, RequestLimits
from qdpi.api.writers import writer_of
from qdpi.canon.edition import Edition
from qdpi.gateway.context import GatewayDep, current_edition
from qdpi.gateway.negotiation import NOT_MODIFIED, conditional_model
from qdpi.gateway.problems import problem_responses
from qdpi.gateway.web_files import shipped_files

SECTIONS: Final = 16

router = APIRouter(prefix=API_PREFIX, tags=["operations"])


@router.get(
    "/about",
    summary="Version, book, writer and limits",
    response_model=About,
    responses={**NOT_MODIFIED, **problem_responses(422, 429, 503)},
)
async def about(gateway: GatewayDep, if_none_match: Annotated[str | None, Header()] = None) -> Response:
    """Return what this server is: its version, its book, who writes the pages, whether sessions are signed, its limits.

    A gateway without workers of its own names the writer of the newest page that it has seen.
    """
    edition = await current_edition(gateway)
    facts = About(
        version=__version__,
        book=book_facts(edition) if edition else None,
        writer=writer_of(gateway.model_name() or gateway.hub.last_model),
        signed=gateway.sessions.signed,
        limits=PolicyLimits(),
        accepts=RequestLimits(waiting_presses=gateway.system.settings.max_waiting),
        web_version=shipped_files().version,
    )
    return conditional_model(facts, if_none_match)


def book_facts(edition: Edition) -> BookFacts:
    """Return what is said of an edition's book."""
    revision = edition.revision
    return BookFacts(**revision.model_dump(include=BookFacts.model_fields.keys() - {"sections"}), sections=SECTIONS)
