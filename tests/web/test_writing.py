"""A page is written while its reader watches, leaves, comes back, stops it, loses the network or the server."""

from __future__ import annotations

import asyncio
import re
import signal
from itertools import pairwise
from typing import Any, Final

import pytest
from playwright.async_api import Locator, Page, Route, expect
from tests.faults.qdpi_process import QdpiProcess
from tests.web.browser import Faults
from tests.web.conftest import OpenContext
from tests.web.reader import (
    FIRST,
    bound,
    cell,
    open_grid,
    page_id,
    press,
    read_in_terminal,
    sit_down,
    texts,
    told_texts,
    writing,
)
from tests.web.storyteller import Storyteller

from qdpi.client import Client
from qdpi.page_schema import PageStatus

pytestmark = pytest.mark.web

LOST: Final = r"Failed to load resource: net::ERR_|WebSocket connection to"
WATCH_SHIFTS: Final = """
  window.shifts = [];
  const note = ({ value, sources }) => window.shifts.push([value, ...sources.map(({ node }) => node?.className)]);
  new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({ type: "layout-shift" });
"""


def words(page: Page) -> Locator:
    """Return the words of the page that is being written."""
    return writing(page).locator(".text")


PRESS_AND_SEE: Final = """() => new Promise((resolve) => {
  document.querySelector(".ask button[type=submit]").click();
  const see = () => resolve(document.querySelector("article[aria-busy=true] .steps .now")?.textContent);
  requestAnimationFrame(() => requestAnimationFrame(see));
})"""
LOADED: Final = "() => performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/views/writing.js'))"


async def hold_presses(page: Page, taken: asyncio.Event) -> None:
    """Keep presses from the server until an event."""

    async def hold(route: Route) -> None:
        await taken.wait()
        await route.continue_()

    await page.route("**/api/v1/event/ui/symbol", hold)


async def told_page(open_context: OpenContext, told: QdpiProcess, **options: Any) -> Page:
    """Return a page at the server whose model is in the test's hands."""
    context = await open_context(base_url=told.url, **{"reduced_motion": "reduce", **options})
    return await context.new_page()


async def held_page(
    open_context: OpenContext, told: QdpiProcess, storyteller: Storyteller
) -> tuple[Page, asyncio.Event]:
    """Return a page at its desk. Its presses reach the server once the event is set, and are planned when let go."""
    page = await told_page(open_context, told)
    taken = asyncio.Event()
    await hold_presses(page, taken)
    storyteller.hold(before="plan")
    await sit_down(page)
    return page, taken


async def begin(page: Page, symbol: str = "1F") -> str:
    """Press, and see the first sentence. Returns the session's id."""
    session = await sit_down(page)
    await press(page, symbol)
    await expect(words(page)).to_contain_text(".")
    return session


async def test_a_page_goes_through_its_steps(open_context: OpenContext, told: QdpiProcess, storyteller: Storyteller):
    """Queued, planning, writing, checking and binding are said; at the end it is saved, and counted."""
    page = await told_page(open_context, told)
    await told_texts(page, ".steps > .sr-only")
    now = writing(page).locator(".steps .now")
    storyteller.hold(before="plan")
    await sit_down(page)
    await press(page, "1F")
    await expect(now).to_have_text("planning")
    storyteller.let_go()
    storyteller.hold()
    await expect(now).to_have_text("writing")

    storyteller.let_go()

    await expect(bound(page)).to_be_visible()
    await expect(page.get_by_text("1 page saved ✓")).to_be_visible()
    said = await texts(page)
    steps = ["Queued", "Reading the page", "Planning", "Writing", "Checking", "Binding", "Saved"]
    assert said == sorted(said, key=steps.index)
    assert {"Planning", "Writing", "Saved"} <= set(said)
    await expect(page.get_by_role("status").last).to_contain_text(re.compile(r"Bound: .+, \d+ words"))


async def test_a_press_is_seen_at_once_and_nothing_moves_until_its_page_is_bound(
    open_context: OpenContext, told: QdpiProcess, storyteller: Storyteller
):
    """The reader sees `queued` in the next frame, before the server has heard of the press."""
    page, taken = await held_page(open_context, told, storyteller)
    await open_grid(page)
    await cell(page, 0x1F).click()
    await expect(page.get_by_role("button", name="Press 1F")).to_be_enabled()

    while not await page.evaluate(LOADED):  # noqa: ASYNC110 (at leisure, which a busy machine has late)
        await asyncio.sleep(0.05)

    assert await page.evaluate(PRESS_AND_SEE) == "queued"
    taken.set()
    await expect(writing(page).locator(".steps .now")).to_have_text("planning")
    await page.evaluate(f"() => {{ {WATCH_SHIFTS} }}")
    storyteller.let_go()

    await expect(bound(page)).to_be_visible()
    shifts = await page.evaluate("() => window.shifts")
    assert sum(value for value, *_ in shifts) <= 0.01, shifts


async def test_a_press_that_the_server_has_not_taken_yet_can_be_stopped(
    open_context: OpenContext, told: QdpiProcess, storyteller: Storyteller
):
    page, taken = await held_page(open_context, told, storyteller)
    await press(page, "1F")

    await page.get_by_role("button", name="Stop", exact=True).click()
    taken.set()

    await expect(page.get_by_role("group", name="No page was written")).to_be_visible()
    await expect(page.locator(f"article.page[data-page-id='{FIRST}']")).to_be_visible()


async def test_a_reader_who_goes_on_reads_while_a_page_is_written(
    open_context: OpenContext, told: QdpiProcess, storyteller: Storyteller
):
    """Whether the server has taken the press or not: a link leads to its page, and the run is named below it."""
    page = await told_page(open_context, told)
    taken = asyncio.Event()
    await hold_presses(page, taken)
    storyteller.hold()
    await sit_down(page, "S01-P0002")
    await press(page, "1F")

    await page.locator(".path a").first.click()
    await expect(page.locator("article.page[data-page-id='S01-P0002']")).to_be_visible()
    taken.set()
    await expect(page.locator(".under-way li")).to_have_count(1)
    await page.get_by_role("button", name="Watch").click()
    await page.get_by_role("link", name="The Spare Hour").click()

    await expect(page.locator(f"article.page[data-page-id='{FIRST}']")).to_be_visible()


async def test_a_press_behind_another_says_its_place_in_line(
    open_context: OpenContext, told: QdpiProcess, storyteller: Storyteller
):
    first = await told_page(open_context, told)
    second = await first.context.new_page()
    storyteller.hold()
    await begin(first)
    await sit_down(second)
    await press(second, "20")
    await expect(writing(second).locator(".steps")).to_contain_text("Queued, number 2 in line")

    storyteller.let_go()

    await expect(bound(first)).to_be_visible()
    await expect(bound(second)).to_be_visible()


async def test_nothing_moves_when_a_page_is_bound(
    open_context: OpenContext, told: QdpiProcess, storyteller: Storyteller
):
    """The words stand where they will stand: their place and the scroll position stay; the focus, too."""
    page = await told_page(open_context, told, viewport={"width": 900, "height": 420})
    storyteller.hold()
    await begin(page)
    first = page.locator("article.page .text p").first
    await page.mouse.wheel(0, 40)
    await expect(page.locator("h1")).to_be_focused()
    before = await first.bounding_box()
    scrolled = await page.evaluate("() => scrollY")
    await page.evaluate(f"() => {{ {WATCH_SHIFTS} }}")

    storyteller.let_go()
    await expect(bound(page)).to_be_visible()

    after = await first.bounding_box()
    assert before
    assert after
    assert abs(before["y"] - after["y"]) <= 1
    assert await page.evaluate("() => scrollY") == scrolled
    shifts = await page.evaluate("() => window.shifts")
    assert sum(value for value, *_ in shifts) <= 0.01, shifts
    await expect(page.locator("h1")).to_be_focused()


async def test_a_page_of_the_offline_writer_stands_where_its_words_stood(page: Page):
    """It has a label that its writing had not; its words stay where they were."""
    await page.clock.install()
    await sit_down(page)
    await press(page, "1F")
    first = page.locator("article.page .text p").first
    await expect(writing(page).locator(".steps .now")).to_have_text("saved")
    await page.clock.run_for(500)
    before = await first.bounding_box()

    await page.clock.run_for(8_000)

    await expect(bound(page).locator(".labels")).to_contain_text("Written by the offline writer")

    after = await first.bounding_box()
    assert before
    assert after
    assert abs(before["y"] - after["y"]) <= 1


async def test_the_focus_stays_where_the_reader_put_it(
    open_context: OpenContext, told: QdpiProcess, storyteller: Storyteller
):
    page = await told_page(open_context, told)
    storyteller.hold()
    await begin(page)
    settings = page.get_by_role("button", name="Text and settings")
    await settings.focus()

    storyteller.let_go()

    await expect(bound(page)).to_be_visible()
    await expect(settings).to_be_focused()


async def test_a_page_appears_at_the_reader_s_pace(page: Page):
    """All of it has come after a moment; the clock, which the test moves, says how much of it is shown."""
    await page.clock.install()
    await sit_down(page)
    await press(page, "1F")
    await expect(writing(page)).to_be_visible()
    counts = []
    for _ in range(40):
        await page.clock.run_for(250)
        if await bound(page).count():
            break
        counts.append(len(" ".join(await words(page).all_inner_texts()).split()))
    shown = [count for count in counts if count]
    assert len(shown) > 3
    assert shown == sorted(shown)
    assert shown[0] < 30
    assert all(later - earlier <= 20 for earlier, later in pairwise(shown))
    await page.clock.resume()
    await expect(bound(page)).to_be_visible()


async def test_stop_keeps_the_part_and_labels_it(
    open_context: OpenContext, told: QdpiProcess, told_client: Client, storyteller: Storyteller
):
    page = await told_page(open_context, told)
    storyteller.hold()
    session = await begin(page)
    part = await words(page).inner_text()

    await page.get_by_role("button", name="Stop, and keep this part").click()

    await expect(bound(page).locator(".labels")).to_contain_text("You stopped this page: it ends where you did.")
    assert (await bound(page).locator(".text").inner_text()).strip() == part.strip()
    kept = await told_client.page(await page_id(page), session_id=session)
    assert kept.status is PageStatus.STOPPED


async def test_escape_stops_before_the_first_word(
    open_context: OpenContext, told: QdpiProcess, storyteller: Storyteller
):
    """There is nothing to keep: the reader is told so, and stands on the page again."""
    page = await told_page(open_context, told)
    storyteller.hold(before="first word")
    await sit_down(page)
    await press(page, "1F")
    await expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    await expect(writing(page).locator(".steps .now")).not_to_have_text("queued")

    await page.keyboard.press("Escape")

    await expect(page.get_by_role("group", name="No page was written")).to_be_visible()
    await expect(page.locator("article.page[data-page-id='S01-P0001']")).to_be_visible()


async def test_a_press_that_fails_says_why_and_what_to_do(
    open_context: OpenContext, told: QdpiProcess, storyteller: Storyteller
):
    page = await told_page(open_context, told)
    storyteller.refusals = [(401, {}, {"error": {"message": "This key is not known."}})] * 9
    await sit_down(page)
    await press(page, "1F")

    notice = page.get_by_role("group", name="No page was written")
    await expect(notice).to_be_visible()
    assert len([text for text in await notice.locator("p").all_inner_texts() if len(text) > 10]) == 3
    await expect(page.locator("article.page[data-page-id='S01-P0001']")).to_be_visible()
    await page.get_by_role("button", name="Dismiss: No page was written").click()
    await expect(notice).to_be_hidden()


async def test_words_of_a_press_that_failed_are_the_reader_s_again(
    open_context: OpenContext, told: QdpiProcess, storyteller: Storyteller
):
    page = await told_page(open_context, told)
    storyteller.refusals = [(401, {}, {"error": {"message": "This key is not known."}})] * 9
    await sit_down(page)
    await page.keyboard.press(".")
    await cell(page, 0x1E).click()
    await page.get_by_label("In your words").fill("Who keeps the lamp?")
    await page.get_by_role("button", name="Press 1E with your words").click()
    await expect(page.get_by_role("group", name="No page was written")).to_be_visible()

    await expect(page.get_by_label("In your words")).to_have_value("Who keeps the lamp?")
    storyteller.refusals.clear()
    await page.get_by_role("button", name="Press 1E with your words").click()

    await expect(bound(page).locator(".asked")).to_contain_text("Who keeps the lamp?")


async def test_a_busy_model_is_waited_for_with_its_time(
    open_context: OpenContext, told: QdpiProcess, storyteller: Storyteller
):
    page = await told_page(open_context, told)
    await told_texts(page, ".steps > .sr-only")
    storyteller.refusals = [(429, {"retry-after": "2"}, {"error": {"message": "busy"}})]
    await sit_down(page)
    await press(page, "1F")

    await expect(bound(page)).to_be_visible()
    assert any(re.search(r"Waiting for the model’s server until \d+:\d+", said) for said in await texts(page))


async def test_after_a_reload_and_in_a_new_tab_the_run_is_there_with_its_words_and_its_stop(
    open_context: OpenContext, told: QdpiProcess, storyteller: Storyteller
):
    """The reader reloads, then closes the tab and comes back in another one."""
    page = await told_page(open_context, told)
    storyteller.hold()
    await begin(page)
    part = (await words(page).inner_text()).strip()

    await page.reload()
    await page.get_by_role("link", name="Ring", exact=True).click()
    await _take_up(page, part)
    await page.close()
    page = await page.context.new_page()
    await sit_down(page)
    await _take_up(page, part)

    storyteller.let_go()
    await expect(bound(page)).to_be_visible()


async def _take_up(page: Page, part: str) -> None:
    """Find the run among those under way, and watch it: its words so far are there."""
    run = page.get_by_role("region", name="Being written").get_by_role("listitem")
    await expect(run).to_contain_text("London Fox is writing at A Pamphlet on the Patience · Receive · System")
    await expect(run).to_be_in_viewport(ratio=1)
    await expect(run.get_by_role("button", name="Stop")).to_be_visible()
    await run.get_by_role("button", name="Watch").click()
    await expect(words(page)).to_contain_text(part)


async def test_a_second_tab_sees_the_first_tab_s_press_and_its_page(
    open_context: OpenContext, told: QdpiProcess, told_client: Client, storyteller: Storyteller
):
    """The tab, another program and `qdpi read`: what is written in one is known in all."""
    first = await told_page(open_context, told)
    second = await first.context.new_page()
    storyteller.hold()
    session = await begin(first)
    assert await sit_down(second) == session
    run = second.get_by_role("region", name="Being written")
    await expect(run).to_contain_text("writing")
    (under_way,) = (await told_client.runs_under_way(session)).runs
    assert under_way.symbol_code == 0x1F

    storyteller.let_go()

    await expect(bound(first)).to_be_visible()
    await expect(run).to_be_hidden()
    await expect(second.locator(".branches .card")).to_have_count(1)
    assert (await told_client.tree(session)).page_id == [await page_id(first)]
    title = (await first.locator("h1").inner_text()).partition(" ")[2]  # without how it stands to that page of the book
    assert f"#1 {title}" in " ".join((await read_in_terminal(told.url, session, "pages")).split())


async def test_eight_tabs_all_follow(open_context: OpenContext, told: QdpiProcess, storyteller: Storyteller):
    """A browser gives a server six connections of another kind: the seventh and eighth tab would stand still."""
    first = await told_page(open_context, told)
    storyteller.hold()
    session = await begin(first)
    others = [await first.context.new_page() for _ in range(7)]
    for other in others:
        assert await sit_down(other) == session
        await expect(other.get_by_role("region", name="Being written")).to_be_visible()

    storyteller.let_go()

    for other in others:
        await expect(other.locator(".branches .card")).to_have_count(1)
    await expect(bound(first)).to_be_visible()


async def test_a_server_killed_in_the_middle_of_a_page_loses_nothing(
    open_context: OpenContext, told: QdpiProcess, told_client: Client, storyteller: Storyteller, faults: Faults
):
    """The reader does nothing: the page begins again by itself, and is bound."""
    faults.tolerate(LOST)
    page = await told_page(open_context, told)
    storyteller.hold()
    session = await begin(page)

    await told.end(signal.SIGKILL)
    await expect(page.get_by_text("The connection is lost.")).to_be_visible()
    storyteller.let_go()
    await told.start()

    await expect(bound(page)).to_be_visible()
    await expect(page.get_by_text("The connection is lost.")).to_be_hidden()
    tree = await told_client.tree(session)
    assert tree.page_id == [await page_id(page)]
    whole = await told_client.page(await page_id(page), session_id=session)
    assert "".join((await bound(page).locator(".text").inner_text()).split()) == "".join(whole.text.split())


async def test_a_press_that_ends_while_the_network_is_lost_is_told_afterwards(
    open_context: OpenContext, told: QdpiProcess, told_client: Client, storyteller: Storyteller, faults: Faults
):
    faults.tolerate(LOST)
    page = await told_page(open_context, told)
    sockets: list[Any] = []
    lost = False

    async def carry(socket: Any) -> None:
        if lost:  # one that is neither carried nor closed would count as open
            await socket.close(code=1001)
            return
        sockets.append(socket)
        socket.connect_to_server()

    await page.route_web_socket("**/event/ws**", carry)
    storyteller.hold()
    session = await begin(page)

    lost = True
    await page.context.set_offline(True)
    for socket in sockets:
        await socket.close(code=1001)
    await expect(page.get_by_text("This device is offline.")).to_be_visible()
    storyteller.let_go()
    await _ended(told_client, session)
    lost = False
    await page.context.set_offline(False)

    await expect(bound(page)).to_be_visible()


async def _ended(client: Client, session: str) -> None:
    async for frame in client.stream(session, after=0):
        if getattr(frame, "seq", None) == 1 and hasattr(frame, "press_id"):
            return
    raise AssertionError("The stream ended before the page.")
