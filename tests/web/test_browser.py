"""The start page in a real browser, and what the harness finds in pages that are at fault."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, Page, Route, expect
from tests.web.browser import Axe, Faults, open_desk, shot
from tests.web.conftest import OpenContext, StartServer

from qdpi.gateway.web_files import shipped_files

pytestmark = pytest.mark.web

POLICY: Final = {"content-security-policy": "default-src 'none'; script-src 'self'; trusted-types 'none'"}

USES: Final = {
    "ring.js": "({ select, zoom }) => select('main').call(zoom().on('zoom', () => {})).property('__zoom').k",
    "hash.js": "({ sha256 }) => sha256(new Uint8Array()).length / 32",
    "fuzzy.js": "({ uFuzzy }) => uFuzzy.latinize(['é'])[0] === 'e' ? 1 : 0",
}
"""What is done with each bundle of a library, with the result 1."""


def address(name: str) -> str:
    """Return where the server has a file of the page."""
    return f"/web/{shipped_files().version}/{name}"


async def test_the_start_page_loads_without_a_fault(page: Page, faults: Faults, axe: Axe):
    """No violation, no error, no request elsewhere; and axe finds nothing."""
    await open_desk(page)

    await expect(page.locator("h1")).to_have_count(1)
    assert await axe(page) == []
    assert faults.found == []


async def test_what_playwright_switches_off_is_off(browser: Browser):
    """Chromium takes the last list of features alone, and that is ours."""
    session = await browser.new_browser_cdp_session()
    line = str((await session.send("SystemInfo.getInfo"))["commandLine"])
    await session.detach()
    *before, last = [set(names.split(",")) for names in re.findall(r" --disable-features=(\S+)", line)]

    assert before, "Playwright has a list of its own"
    assert set().union(*before) - last == set(), "name them in `OFF`, too"


async def test_the_server_s_page_stays_until_the_script_has_its_own(page: Page):
    """The text never vanishes: there is a title and a paragraph at each change of the document."""
    await page.add_init_script("""
      window.gaps = 0;
      document.addEventListener("DOMContentLoaded", () => {
        const isWhole = () => document.querySelector("h1") && document.querySelector("main p");
        const look = () => { if (!isWhole()) window.gaps += 1; };
        new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
      });
    """)

    await open_desk(page)

    assert await page.evaluate("() => window.gaps") == 0


async def test_bundles_run_under_the_page_s_policy(page: Page):
    await open_desk(page)

    for bundle, use in USES.items():
        ran = await page.evaluate(f"async (url) => ({use})(await import(url))", address(f"vendor/{bundle}"))
        assert ran == 1, bundle


async def test_every_font_is_one_that_the_browser_reads(page: Page):
    await open_desk(page)

    for name in (each for each in shipped_files().files if each.endswith(".woff2")):
        load = "async (url) => (await new FontFace('tried', `url(${url})`).load()).status"
        assert await page.evaluate(load, address(name)) == "loaded", name


async def test_a_phone_shows_the_start_page_without_scrolling_sideways(phone: Page, axe: Axe):
    await open_desk(phone)

    assert await phone.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    assert await phone.evaluate("() => matchMedia('(pointer: coarse)').matches")
    assert await axe(phone) == []


async def test_a_context_has_the_reader_s_wishes(still: Page, open_context: OpenContext):
    dark = await (await open_context(color_scheme="dark", locale="de-DE")).new_page()
    for each, query in ((still, "(prefers-reduced-motion: reduce)"), (dark, "(prefers-color-scheme: dark)")):
        await each.goto("/")
        assert await each.evaluate("(query) => matchMedia(query).matches", query)
    assert await dark.evaluate("() => navigator.language") == "de-DE"


async def test_a_picture_is_taken_without_a_violation(page: Page, faults: Faults):
    await open_desk(page)

    path = await shot(page, "start-page")

    assert path.read_bytes().startswith(b"\x89PNG")
    assert faults.found == []


async def serve(page: Page, body: str) -> None:
    """Answer every request of a page with one document under a strict policy."""

    async def answer(route: Route) -> None:
        await route.fulfill(body=body, content_type="text/html", headers=POLICY)

    await page.route("**/*", answer)
    await page.goto("/")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("<script>document.title = 'x'</script>", "CSP: script-src-elem refuses inline"),
        ("<p style='color: red'>red</p>", "CSP: style-src-attr refuses inline"),
        ("<img src='/a.png'>", "CSP: img-src refuses"),
        ("<p onclick='x()'>x</p>", "CSP: script-src-attr refuses inline"),
    ],
)
async def test_a_violation_is_a_fault(page: Page, faults: Faults, body: str, found: str):
    faults.expect(found)
    faults.tolerate("violates the following Content Security Policy directive")

    await serve(page, body)
    await page.wait_for_load_state("networkidle")


async def test_a_request_elsewhere_is_a_fault(page: Page, faults: Faults):
    """Another host is one with another port, too. It is a fault whether it answers or not."""
    host, _, port = next(iter(faults.hosts)).partition(":")
    elsewhere = f"http://{host}:{int(port) - 1}/"
    await page.route(f"{elsewhere}**", lambda route: route.fulfill(body="", content_type="text/html"))
    faults.expect(f"request to another host: GET {elsewhere}$")

    await page.goto(elsewhere)

    assert not any("another host" in fault for fault in faults.remaining())


async def test_a_socket_elsewhere_is_a_fault(page: Page, faults: Faults):
    """Even one that the policy stops is seen."""
    faults.expect("CSP: connect-src refuses")
    faults.tolerate("violates|another host")
    await page.goto("/")

    await page.evaluate("() => { try { new WebSocket('ws://127.0.0.2:9/') } catch {} }")
    await page.wait_for_load_state("networkidle")


async def test_exceptions_and_errors_are_faults(page: Page, faults: Faults):
    for expected in ("exception: .*it broke", "console: not well", "console: .*404"):
        faults.expect(expected)
    await page.goto("/")

    await page.evaluate("() => { setTimeout(() => { throw new Error('it broke'); }); console.error('not well'); }")
    await page.evaluate("() => fetch('/nowhere')")

    assert len(faults.found) == 3


def test_an_expected_fault_that_does_not_occur_is_one():
    faults = Faults()
    faults.expect("it broke")
    faults.tolerate("or not")
    assert faults.remaining() == ["expected, and did not occur: it broke"]


async def test_axe_finds_an_image_without_words_and_a_page_without_language(page: Page, faults: Faults, axe: Axe):
    faults.tolerate("violates|CSP: img-src")
    await serve(page, "<!doctype html><title>x</title><main><h1>x</h1><img src='a.png'></main>")

    assert [sentence.partition(":")[0] for sentence in await axe(page)] == ["html-has-lang", "image-alt"]


async def test_a_killed_server_answers_again_at_its_address(
    start_server: StartServer, open_context: OpenContext, faults: Faults
):
    """What a test of the page's patience needs: the address stays, and the data."""
    own = await start_server()
    faults.tolerate("net::ERR_|WebSocket connection")  # what the page asks for while nobody answers
    page = await (await open_context(base_url=own.url)).new_page()
    await open_desk(page)

    await own.end(signal.SIGKILL)
    await own.start()

    await open_desk(page)
    assert own.lives == 2


def test_pictures_are_not_committed():
    ignored = (Path(__file__).parents[2] / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "tests/web/pictures/" in ignored
