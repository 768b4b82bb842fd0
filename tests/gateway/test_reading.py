"""The reader's page as HTML: the book without a script, and the shell of what the script alone can show."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.gateway import GatewayFixture, gateway_in

from qdpi.canon import own_book
from qdpi.canon.book import Book
from qdpi.gateway.middleware import CONTENT_POLICY, PERMISSIONS_POLICY
from qdpi.gateway.web_files import MEDIA_TYPES, shipped_files
from qdpi.search.vectors import Embedder
from qdpi.services.ingest import ingest

EMBEDDER = Embedder()
VIEWS = ["/", "/p/S01-P0001", "/s/2", "/ring", "/vault", "/find", "/find?q=lamp", "/at/3", "/about"]
GENERATED = "b2a7d4c6-3a5a-5d3c-9c1e-0e4b8a1f2d37"
HOSTILE = '<script>alert("1")</script> & "two" \'three\' </title></script><!-- {{ 7*7 }}'


class Document(HTMLParser):
    """A page as elements with their attributes, and the text of each kind of element."""

    VOID = frozenset({"meta", "link", "br", "input", "img", "use", "path", "circle"})

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self._open[-1], data))

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        """Return the elements of a kind with these attributes."""
        wanted = {name.replace("_", "-"): value for name, value in attributes.items()}
        return [has for name, has in self.elements if name == tag and wanted.items() <= has.items()]

    def text(self, tag: str) -> list[str]:
        """Return the texts directly in elements of a kind."""
        return [text for name, text in self.texts if name == tag]

    @property
    def data(self) -> dict[str, Any]:
        """What the script is given."""
        (given,) = [text for tag, text in self.texts if tag == "script"]
        result: dict[str, Any] = json.loads(given)
        return result


async def shown(gateway: GatewayFixture, path: str, status: int = 200) -> Document:
    """Return the page at a path."""
    answer = await gateway.client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPES[".html"]
    return Document(answer.text)


async def put(here: GatewayFixture, book: Book) -> None:
    await ingest(here.system.store, book, EMBEDDER, now=here.system.now)


async def test_a_page_of_the_book_reads_without_a_script(tmp_path: Path):
    async with gateway_in(tmp_path, book=False) as here:
        book = own_book()
        await put(here, book)
        page = await shown(here, "/p/S02-P0004")
        (title,) = page.text("h1")
        assert title == book.pages[3].title
        for paragraph in book.pages[3].text.split("\n\n"):
            assert paragraph in page.text("p")
        assert "London Fox" in page.text("span")
        assert any("#f1" in (use["href"] or "") for use in page.all("use"))
        assert page.all("html", lang="en")


async def test_the_root_is_the_first_page_of_the_book(tmp_path: Path):
    async with gateway_in(tmp_path) as here:
        page = await shown(here, "/")
        assert page.all("article", id="page", data_page_id="S01-P0001")
        assert page.all("link", rel="canonical")[0]["href"] == "/p/S01-P0001"
        assert page.data["home"] is True
        assert (await shown(here, "/p/S01-P0001")).data["home"] is False


async def test_a_reader_walks_the_whole_ring_by_its_links(tmp_path: Path):
    """Next after next leads through all pages and back to the first; previous leads the same way back."""
    async with gateway_in(tmp_path) as here:
        seen, path = list[str](), "/p/S01-P0001"
        while path not in seen:
            seen.append(path)
            page = await shown(here, path)
            (on,) = page.all("a", rel="next")
            assert page.all("link", rel="next")[0]["href"] == on["href"]
            (back,) = (await shown(here, on["href"] or "")).all("a", rel="prev")
            assert back["href"] == path
            path = on["href"] or ""
        assert path == "/p/S01-P0001"
        assert len(seen) == 48


async def test_a_page_says_where_it_is(tmp_path: Path):
    async with gateway_in(tmp_path) as here:
        page = await shown(here, "/p/S03-P0008")
        assert {"page 2 of 3", "8 of 48 on the ring"} <= set(page.text("span"))
        assert page.all("a", href="/s/3")
        assert [link["href"] for link in page.all("a", aria_current="page")] == ["/p/S03-P0008"]
        assert {"/p/S03-P0007", "/p/S03-P0009", "/p/S02-P0004", "/p/S04-P0010"} <= hrefs(page)


def hrefs(page: Document) -> set[str]:
    return {link["href"] or "" for link in page.all("a")}


@pytest.mark.parametrize("path", VIEWS)
async def test_every_link_of_every_view_leads_somewhere(tmp_path: Path, path: str):
    async with gateway_in(tmp_path) as here:
        page = await shown(here, path)
        named = (
            hrefs(page)
            | {each["href"] or "" for each in page.all("link")}
            | {(each["href"] or "").partition("#")[0] for each in page.all("use")}
        )
        for address in sorted(named - {"#main"}):
            assert (await here.client.get(address)).status_code == 200, address


@pytest.mark.parametrize("path", VIEWS)
async def test_every_view_is_asked_for_anew_and_sent_once(tmp_path: Path, path: str):
    async with gateway_in(tmp_path) as here:
        first = await here.client.get(path)
        assert first.headers["cache-control"] == "no-cache"
        same = await here.client.get(path, headers={"if-none-match": first.headers["etag"]})
        assert (same.status_code, same.content) == (304, b"")


@pytest.mark.parametrize("path", [*VIEWS, "/p/S99-P9999", f"/p/{GENERATED}"])
async def test_every_page_has_the_headers_that_keep_a_reader_safe(tmp_path: Path, path: str):
    async with gateway_in(tmp_path) as here:
        headers = (await here.client.get(path)).headers
        assert headers["content-security-policy"] == CONTENT_POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["permissions-policy"] == PERMISSIONS_POLICY
        assert "camera=()" in PERMISSIONS_POLICY


async def test_an_answer_in_place_of_a_kept_page_changes_none_of_its_headers(tmp_path: Path):
    """A browser gives what it has kept the headers of a 304: another policy would be the page's from then on."""
    async with gateway_in(tmp_path) as here:
        first = await here.client.get("/")
        same = await here.client.get("/", headers={"if-none-match": first.headers["etag"]})
        assert same.status_code == 304
        assert not {"content-security-policy", "permissions-policy", "x-frame-options"} & same.headers.keys()


@pytest.mark.parametrize("path", [*VIEWS, f"/p/{GENERATED}", "/p/S99-P9999"])
async def test_nothing_in_a_page_is_style_or_script_by_itself(tmp_path: Path, path: str):
    """The policy would refuse it: an inline script, a style, a handler, and whatever comes from another host."""
    async with gateway_in(tmp_path) as here:
        page = await shown(here, path, 404 if "S99" in path else 200)
        assert not page.all("style")
        for tag, attributes in page.elements:
            assert "style" not in attributes, tag
            assert not [name for name in attributes if name.startswith("on")], tag
            for name in ("href", "src", "action"):
                assert (attributes.get(name) or "/").startswith(("/", "#")), (tag, attributes)
        for script in page.all("script"):
            assert script.get("type") == "application/json" or script.get("src"), script
        assert len(page.text("h1")) == 1


@pytest.mark.parametrize("title", [HOSTILE, "שלום עולם", "👩‍👩‍👧‍👦 one", "x" * 3_000])
async def test_a_hostile_book_is_text(tmp_path: Path, title: str):
    """Whatever a title, a text or a name says, it is shown and never run."""
    async with gateway_in(tmp_path, book=False) as here:
        book = own_book()
        text = f"{title}\n\nA second paragraph,\nin two lines. {title}"
        pages = (replace(book.pages[0], title=title, text=text), *book.pages[1:])
        voices = tuple(replace(voice, name=title[:80], profile=f"{title[:80]}.") for voice in book.voices)
        await put(here, replace(book, title=title, author=title, pages=pages, voices=voices))
        for path in ("/", "/s/1", "/ring", "/about", "/find?q=pamphlet", "/p/S01-P0002"):
            page = await shown(here, path)
            run = [script.get("src") or "" for script in page.all("script") if script.get("type") != "application/json"]
            assert all(source.startswith(f"/web/{shipped_files().version}/") for source in run), path
            assert title in "".join(page.text("a")), path
        page = await shown(here, "/")
        assert page.text("h1") == [title]
        assert title in page.text("p")
        assert page.data["page"]["title"] == title
        assert f"A second paragraph,\nin two lines. {title}" in page.text("p")


async def test_words_that_are_searched_for_are_text(tmp_path: Path):
    async with gateway_in(tmp_path) as here:
        answer = await here.client.get("/find", params={"q": HOSTILE})
        page = Document(answer.text)
        assert page.all("input", name="q")[0]["value"] == HOSTILE
        assert page.data["q"] == HOSTILE


async def test_a_form_finds_pages_without_a_script(tmp_path: Path):
    async with gateway_in(tmp_path, book=False) as here:
        await put(here, own_book())
        page = await shown(here, "/find")
        (form,) = page.all("form")
        assert (form["method"], form["action"]) == ("get", "/find")
        found = await shown(here, "/find?q=lemon")
        assert "/p/S01-P0001" in hrefs(found)
        assert "lemon" in found.text("mark")
        nothing = await shown(here, "/find?q=zzzzz")
        assert any(text.startswith("0 pages") for text in nothing.text("h2"))
        voice = await shown(here, "/find?q=*&character=1")
        assert voice.all("option", selected="", value="1") or voice.all("option", value="1")[0].keys() >= {"selected"}
        assert {path[:6] for path in hrefs(voice) if path.startswith("/p/")} == {"/p/S02"}


async def test_results_go_on_where_they_ended(tmp_path: Path):
    async with gateway_in(tmp_path) as here:
        first = await shown(here, "/find?q=*")
        (on,) = first.all("a", rel="next")
        second = await shown(here, on["href"] or "")
        pages = [{path for path in hrefs(each) if path.startswith("/p/")} for each in (first, second)]
        assert len(pages[0]) == len(pages[1]) == 20
        assert not pages[0] & pages[1]


@pytest.mark.parametrize("query", ["q=a&character=nobody", "q=" + "x" * 5_000, "q=*&cursor=none", "q=---"])
async def test_what_cannot_be_searched_for_is_said_beside_the_form(tmp_path: Path, query: str):
    async with gateway_in(tmp_path) as here:
        page = await shown(here, f"/find?{query}", 422)
        assert page.all("p", role="alert")
        assert page.all("form")


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/p/S99-P9999", "The book has no page 'S99-P9999'"),
        ("/p/S01-P0049", "The book has no page"),
        ("/p/..%2f..", "no such page"),
        ("/p/<script>", "'<script>' is not a page's id."),
        ("/p/" + "x" * 500, "is not a page's id."),
        ("/s/17", "There is no section '17'"),
        ("/s/0", "There is no section"),
        ("/s/two", "There is no section"),
        ("/at/-1", "is no moment"),
        ("/at/now", "is no moment"),
    ],
)
async def test_what_is_not_there_is_said_on_a_page(tmp_path: Path, path: str, says: str):
    async with gateway_in(tmp_path) as here:
        answer = await here.client.get(path)
        assert answer.status_code == 404
        if path.startswith("/p/.."):
            return  # two segments: no route of ours
        page = Document(answer.text)
        assert says in " ".join(page.text("p"))
        assert page.all("meta", name="robots", content="noindex")
        assert {"/", "/ring", "/find"} <= hrefs(page)
        assert answer.headers["cache-control"] == "no-store"
        assert "etag" not in answer.headers


@pytest.mark.parametrize("path", ["/nowhere", "/ring/", "/p/", "/p/S01-P0001/", "/<script>", "/p/..%2f.."])
async def test_an_address_of_nothing_is_a_page_for_browsers_and_a_problem_for_programs(tmp_path: Path, path: str):
    async with gateway_in(tmp_path) as here:
        browser = await here.client.get(path, headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        assert (browser.status_code, browser.headers["content-type"]) == (404, MEDIA_TYPES[".html"])
        assert "There is nothing at" in " ".join(Document(browser.text).text("p"))
        program = await here.client.get(path)
        assert (program.status_code, program.headers["content-type"]) == (404, "application/problem+json")
        api = await here.client.get(f"/api/v1{path}", headers={"accept": "text/html"})
        assert api.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", [f"/p/{GENERATED}", "/vault", "/at/7"])
async def test_what_belongs_to_a_session_is_for_the_script(tmp_path: Path, path: str):
    """The address has no session, so the server answers with the shell alone, the same for every reader."""
    async with gateway_in(tmp_path) as here:
        page = await shown(here, path)
        assert "this page needs its script" in " ".join(page.text("p"))
        assert page.all("meta", name="robots", content="noindex")
        assert {"/", "/ring", "/find"} <= hrefs(page)
    assert page.data["view"] == ("vault" if path == "/vault" else "page")
    assert (page.data.get("pageId"), page.data.get("seq")) == (
        GENERATED if "/p/" in path else None,
        7 if "/at/" in path else None,
    )


async def test_a_written_page_does_not_show_by_its_address(tmp_path: Path):
    async with gateway_in(tmp_path, answers=True) as here:
        run = await here.client.post("/api/v1/pipeline/run/symbol/0", json={"session_id": "reader"})
        written = (await here.client.get(f"/api/v1/page/{run.json()['page_id']}")).json()
        answer = await here.client.get(f"/p/{written['page_id']}")
        assert answer.status_code == 200
        assert written["text"] not in answer.text
        assert written["title"] not in answer.text


async def test_an_address_in_small_letters_leads_to_the_page(tmp_path: Path):
    async with gateway_in(tmp_path, root_path="/book") as here:
        answer = await here.client.get("/p/s01-p0002")
        assert (answer.status_code, answer.headers["location"]) == (308, "/book/p/S01-P0002")


async def test_without_a_book_a_page_says_what_to_do(tmp_path: Path):
    async with gateway_in(tmp_path, book=False) as here:
        for path in ("/", "/p/S01-P0001", "/ring", "/s/1", "/find?q=a"):
            page = await shown(here, path, 503)
            assert "ingest-canon" in " ".join(page.text("p")), path
        assert (await here.client.get("/about")).status_code == 200


async def test_all_addresses_are_those_behind_a_proxy(tmp_path: Path):
    async with gateway_in(tmp_path, root_path="/book") as here:
        for path in VIEWS:
            page = await shown(here, f"/book{path}" if path != "/" else "/book/")
            addresses = [
                each[name]
                for tag, each in page.elements
                for name in ("href", "src", "action")
                if (each.get(name) and tag != "a") or (tag == "a" and name == "href")
            ]
            assert all((address or "").startswith(("/book/", "#")) for address in addresses), path
            assert page.data["root"] == "/book"
            assert page.data["web"].startswith("/book/web/")


async def test_the_book_s_own_drawing_is_shown_where_there_is_one(tmp_path: Path):
    async with gateway_in(tmp_path, book=False) as here:
        book = own_book()
        svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle r="4"/></svg>'
        await put(
            here, replace(book, voices=tuple(replace(v, symbol_svg=svg if v.character else None) for v in book.voices))
        )
        assert not (await shown(here, "/p/S01-P0001")).all("img")
        (image,) = (await shown(here, "/p/S02-P0004")).all("img")
        assert image["alt"] == ""
        assert (await here.client.get(image["src"] or "")).text == svg


async def test_colours_of_the_book_are_kept_for_ever(tmp_path: Path):
    async with gateway_in(tmp_path) as here:
        page = await shown(here, "/")
        (href,) = [
            each["href"] or "" for each in page.all("link", rel="stylesheet") if "/web-book/" in (each["href"] or "")
        ]
        styles = await here.client.get(href)
        assert styles.headers["content-type"] == MEDIA_TYPES[".css"]
        assert styles.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert len(re.findall(r"^\[data-voice=", styles.text, re.MULTILINE)) == 16
        other: httpx.Response = await here.client.get("/web-book/0000000000000000/voices.css")
        assert (other.status_code, other.headers["cache-control"]) == (404, "no-store")


async def test_the_page_about_the_book_is_for_people_who_run_it(tmp_path: Path):
    """It introduces the project and says how a program talks to it, with this server's own address."""
    async with gateway_in(tmp_path) as here:
        page = await shown(here, "/about")
        assert {"/openapi.json", "/asyncapi.json", "/readyz", "/api/v1/canon"} <= hrefs(page)
        assert str(here.client.base_url).rstrip("/") + "/api/v1/pipeline/run/symbol" in "".join(page.text("code"))


async def test_the_window_s_title_turns_no_direction(tmp_path: Path):
    """An override in a page's title ends with the title: the book's name behind it is not turned."""
    async with gateway_in(tmp_path, book=False) as here:
        first, *others = own_book().pages
        await put(here, replace(own_book(), pages=(replace(first, title="one \u202eeno \u2067"), *others)))
        page = await shown(here, "/")
        assert page.text("title") == [f"one eno  · {own_book().title}"]
        assert page.text("h1") == ["one \u202eeno \u2067"]
