"""The reader's page as HTML: the pages of the book whole, readable without a script, and the shell of all else.

A page that a reader had written belongs to a session, and a session is no part of an address: for those the script
asks, and the server answers with the shell alone.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from qdpi import __version__
from qdpi.api import API_PREFIX
from qdpi.api.responses import Problem, SearchAnswer
from qdpi.api.writers import writer_of
from qdpi.canon.characters import character_named
from qdpi.canon.edition import Edition
from qdpi.canon.editions import PAGE_ID, find_page
from qdpi.canon.sections import voice_sentence
from qdpi.errors import InvalidInput, NoBook, QdpiError, UnknownPage, UnknownSection
from qdpi.gateway.colors import voice_styles
from qdpi.gateway.context import ExchangeDep, Gateway, GatewayDep, current_edition, exchange_of, gateway_of
from qdpi.gateway.html import Frame, render
from qdpi.gateway.negotiation import NOT_MODIFIED, REVALIDATED, conditional
from qdpi.gateway.place import SectionRef, pages_of, place_of, section_ref, sections
from qdpi.gateway.problems import refusal_for, told
from qdpi.gateway.routes.pages import page_view
from qdpi.gateway.routes.search import search
from qdpi.gateway.routes.voices import voice_entry
from qdpi.gateway.web_files import MEDIA_TYPES, shipped_files
from qdpi.page_schema import CANON_PAGE_ID, Page, Scope
from qdpi.search.query import LONGEST

UNTITLED: Final = "Gibsey QDPI"
"""What stands for the book's title while there is no book."""
_HTML: Final = MEDIA_TYPES[".html"]
_HEADINGS: Final = {
    HTTPStatus.NOT_FOUND: "There is no such page",
    HTTPStatus.SERVICE_UNAVAILABLE: "The book is not at hand",
    HTTPStatus.UNPROCESSABLE_ENTITY: "That cannot be read",
}
_ELSEWHERE: Final = "Find the page by its words or its title."
_VAULT: Final = ("Your vault", "Here are the pages that you saved, along the time in which you saved them.")
_PAST: Final = ("A moment of your journey", "Here is the whole desk as it was at a moment of your journey.")
_WRITTEN: Final = ("A page of a journey", "This page was written for a reader, on the way through the book.")


class HtmlRoute(APIRoute):
    """A route that answers a browser: its refusals are pages too, with the status and the words of the problem."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler."""
        answer = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await answer(request)
            except (QdpiError, RequestValidationError) as error:
                return await refused(request, error)

        return handler


def install(app: FastAPI) -> None:
    """Have browsers that ask for what is not there answered with a page; programs are answered with a problem."""
    answer = app.exception_handlers[HTTPException]

    async def handler(request: Request, error: Exception) -> Response:
        path = request.url.path
        missing = isinstance(error, HTTPException) and error.status_code == HTTPStatus.NOT_FOUND
        if missing and "text/html" in request.headers.get("accept", "") and not path.startswith(f"{API_PREFIX}/"):
            return await refused(request, UnknownPage(f"There is nothing at {path!r:.80}.", next_step=_ELSEWHERE))
        answered: Response = await answer(request, error)  # type: ignore[misc]
        return answered

    app.add_exception_handler(HTTPException, handler)


router = APIRouter(tags=["reading"], route_class=HtmlRoute, default_response_class=HTMLResponse)
_PAGE: Final = {"text/html": {"schema": {"type": "string"}}}
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    **NOT_MODIFIED,
    404: {"description": "There is no such page; the answer is a page that says so.", "content": _PAGE},
    422: {"description": "A value is not valid; the answer is a page that says which.", "content": _PAGE},
    503: {"description": "There is no book yet, or no store; the answer is a page that says so.", "content": _PAGE},
}


class Shell:
    """Answers one request with pages in the frame of the current book."""

    def __init__(self, request: Request, gateway: Gateway, edition: Edition | None) -> None:
        self.gateway, self.edition = gateway, edition
        self.root = gateway.system.settings.root_path
        self._known = request.headers.get("if-none-match")

    @property
    def book(self) -> Edition:
        """The current book. Raises `NoBook`."""
        if self.edition is None:
            raise NoBook("There is no book yet.")
        return self.edition

    def answer(
        self,
        template: str,
        view: str,
        *,
        status: int = HTTPStatus.OK,
        indexed: bool = True,
        data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        **values: Any,
    ) -> Response:
        """Return a page; with an ETag unless it is a refusal."""
        body = render(template, self._frame(view, indexed and status == HTTPStatus.OK, data or {}), **values)
        if status == HTTPStatus.OK:
            return conditional(body, self._known, media_type=_HTML, headers=headers)
        return Response(body, status, media_type=_HTML, headers={"cache-control": REVALIDATED, **(headers or {})})

    def needs_script(self, view: str, words: tuple[str, str], **data: Any) -> Response:
        """Return the shell of a view that the script alone can fill."""
        heading, what = words
        return self.answer("needs-script.html", view, indexed=False, data=data, heading=heading, what=what)

    def _frame(self, view: str, indexed: bool, data: dict[str, Any]) -> Frame:
        edition = self.edition
        book = edition.revision if edition else None
        return Frame(
            root=self.root,
            view=view,
            book_title=book.title if book and book.title.strip() else UNTITLED,
            voices_href=voice_styles(book.voices).href(self.root) if book else None,
            indexed=indexed,
            data={"version": shipped_files().version, "revision": book.revision if book else None, **data},
        )


async def shell_of(request: Request, gateway: GatewayDep) -> Shell:
    """Return the shell that answers a request."""
    return Shell(request, gateway, await current_edition(gateway))


ShellDep = Annotated[Shell, Depends(shell_of)]


async def refused(request: Request, error: Exception) -> Response:
    """Return a refusal as a page, also where there is no book and no store."""
    gateway, exchange, refusal = await gateway_of(request), await exchange_of(request), refusal_for(error)
    said = told(refusal, gateway, exchange)
    gateway.system.metrics.refused.labels(said.code).inc()
    try:
        edition = await current_edition(gateway)
    except QdpiError:  # the store is why this is refused: the page says so without the book's title
        edition = None
    return Shell(request, gateway, edition).answer(
        "refusal.html",
        "refusal",
        status=said.status,
        headers={"cache-control": "no-store", **refusal.headers},
        heading=_HEADINGS.get(HTTPStatus(said.status), said.title),
        detail=said.detail,
        next_step=said.next_step,
    )


@router.get("/", summary="The first page of the book", responses=_RESPONSES)
async def first_page(shell: ShellDep) -> Response:
    """Return the first page of the book as HTML. The script goes on to where the reader left off."""
    return await _page_of_the_book(shell, shell.book.pages[shell.book.ring.first], home=True)


@router.get("/p/{page_id}", summary="A page to read", responses=_RESPONSES)
async def page(page_id: str, shell: ShellDep) -> Response:
    """Return a page of the book as HTML. The page of a journey is the shell, whose script asks for it."""
    if CANON_PAGE_ID.fullmatch(page_id.upper()):
        found = await find_page(shell.edition, shell.gateway.system.store, page_id.upper())
        if found is None or not found.is_canon:
            raise UnknownPage(f"The book has no page {page_id!r:.80}.", next_step=_somewhere(shell.book, page_id))
        if page_id != found.page_id:
            return RedirectResponse(f"{shell.root}/p/{found.page_id}", HTTPStatus.PERMANENT_REDIRECT)
        return await _page_of_the_book(shell, found)
    if not PAGE_ID.fullmatch(page_id):
        raise UnknownPage(f"{page_id!r:.80} is not a page's id.", next_step=_ELSEWHERE)
    return shell.needs_script("page", _WRITTEN, pageId=page_id, page=None, home=False)


async def _page_of_the_book(shell: Shell, found: Page, *, home: bool = False) -> Response:
    book, place = shell.book, place_of(shell.book, found)
    view = await page_view(shell.gateway, found)
    voice = book.voices[found.char_hex]
    return shell.answer(
        "page.html",
        "page",
        indexed=place.on_ring is not None,
        data={"pageId": found.page_id, "page": view.model_dump(mode="json", exclude={"session_id"}), "home": home},
        page=found,
        place=place,
        voice=voice,
        drawing=voice_entry(book, voice, shell.root).drawing,
        dropped=place.on_ring is None,
        siblings=pages_of(book, found.section),
        neighbours=_neighbours(book, found.section),
    )


def _neighbours(book: Edition, section: int) -> list[SectionRef]:
    """Return the sections before and after one on the ring."""
    count = len(book.voices)
    return [section_ref(book, (section - 1 + step) % count + 1) for step in (-1, 1)]


def _somewhere(book: Edition, page_id: str) -> str:
    ring = book.ring
    return f"Its {len(ring)} pages go from {ring.page_ids[0]} to {ring.page_ids[-1]}; look for the page by its words."


@router.get("/s/{section}", summary="A section's pages", responses=_RESPONSES)
async def section(section: str, shell: ShellDep) -> Response:
    """Return who speaks in a section, and its pages as links."""
    book, number = shell.book, int(section) if section.isascii() and section.isdigit() and len(section) <= 2 else 0
    if number - 1 not in book.voices:
        raise UnknownSection(f"There is no section {section!r:.80}.", next_step=f"There are 1 to {len(book.voices)}.")
    return shell.answer(
        "section.html",
        "section",
        section=section_ref(book, number),
        sentence=voice_sentence(book.voices[number - 1]),
        pages=pages_of(book, number),
        before=number - 1,
        after=number + 1 if number in book.voices else 0,
        data={"section": number},
    )


@router.get("/ring", summary="The ring", responses=_RESPONSES)
async def ring(shell: ShellDep) -> Response:
    """Return all pages of the book by section, as links. The script draws the ring."""
    book = shell.book
    each = [(ref, pages_of(book, ref.number)) for ref in sections(book)]
    return shell.answer("ring.html", "ring", sections=each, total=len(book.ring))


@router.get("/vault", summary="The vault", responses=_RESPONSES)
async def vault(shell: ShellDep) -> Response:
    """Return the shell of the reader's vault, which the script fills."""
    return shell.needs_script("vault", _VAULT)


@router.get("/at/{seq}", summary="A moment of a journey", responses=_RESPONSES)
async def moment(seq: str, shell: ShellDep) -> Response:
    """Return the shell of a past moment of the reader's journey, which the script fills."""
    if not (seq.isascii() and seq.isdigit() and len(seq) <= 9):
        raise UnknownPage(f"{seq!r:.80} is no moment of a journey: its moments are numbered.", next_step="Give a seq.")
    return shell.needs_script("page", _PAST, seq=int(seq))


@router.get("/find", summary="Find pages", responses=_RESPONSES)
async def find(
    shell: ShellDep,
    gateway: GatewayDep,
    exchange: ExchangeDep,
    q: Annotated[str, Query(description='Words and "phrases in quotes".')] = "",
    character: Annotated[str, Query(description="Only pages in this voice: 0..15, a slug or a name.")] = "",
    cursor: Annotated[str | None, Query(description="Where a previous answer went on.")] = None,
) -> Response:
    """Return a form, and the pages of the book that its words are on. The script also searches the reader's own."""
    words, refused_by = " ".join(q.split()), None
    answer: SearchAnswer | None = None
    try:
        if words or character:
            answer = await search(
                gateway, exchange, words or "*", scope=Scope.CANON, character=character or None, cursor=cursor
            )
    except InvalidInput as error:
        refused_by = told(refusal_for(error), gateway, exchange)
    return shell.answer(
        "find.html",
        "find",
        status=refused_by.status if refused_by else HTTPStatus.OK,
        data={"q": words},
        **_found(shell.book, words, character, answer, refused_by),
    )


def _found(
    book: Edition, words: str, character: str, answer: SearchAnswer | None, refused_by: Problem | None
) -> dict[str, Any]:
    chosen = sections(book)
    return {
        "words": words,
        "character": character_named(character) if character else None,
        "answer": answer,
        "refused": refused_by,
        "choices": chosen,
        "names": {each.character: each.voice for each in chosen},
        "longest": LONGEST,
    }


@router.get("/about", summary="About this book", responses=_RESPONSES)
async def about(request: Request, shell: ShellDep) -> Response:
    """Return what this is, who writes, and how a program uses it."""
    gateway, edition = shell.gateway, shell.edition
    return shell.answer(
        "about.html",
        "about",
        book=edition.revision if edition else None,
        first_page=edition.ring.first if edition else "S01-P0001",
        writer=writer_of(gateway.model_name() or gateway.hub.last_model).label,
        address=f"{request.url.scheme}://{request.url.netloc}{shell.root}",
        version=__version__,
    )
