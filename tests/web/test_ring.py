"""The ring: the whole book and all that was written, drawn and as a tree; and which pages were read."""

from __future__ import annotations

import statistics
from typing import Final

import pytest
from playwright.async_api import Page, Route, expect
from tests.web.browser import held_by, open_desk
from tests.web.conftest import OpenContext
from tests.web.journeys import begin, columns_of, press, ring_of

pytestmark = pytest.mark.web

MANY: Final = 10_000
MOST_SCRIPT: Final = 6
"""The longest that the script takes in half of the frames of a gesture, in milliseconds: a fifth is usual."""
MOST_HEAP: Final = 60_000_000
"""The most memory that the page may take with as many pages, in bytes."""
RING: Final = "document.querySelector('.ring-map').ring"
DRAWN: Final = """(pages) => {
  const ring = document.querySelector('.ring-map')?.ring;
  return ring?.draws > 0 && !ring.isStale && ring.scene.layout.pages.length >= pages;
}"""
PLACE_OF: Final = f"""(id) => {{
  const ring = {RING}, box = document.querySelector('.ring-map').getBoundingClientRect();
  const layout = ring.scene.layout, mark = layout.markOf(id);
  const seen = layout.isOpen(mark.bead, ring.scale) || mark.kind === "bead" ? mark : {{ ...mark, kind: "stack" }};
  const [x, y] = ring.toScreen(layout.middleOf(seen, ring.scale));
  return [box.left + x, box.top + y];
}}"""
"""Where a page is in the window."""


async def open_ring(page: Page, pages: int = 0) -> None:
    """Open the ring, and wait until it is drawn with so many written pages at least and nothing is to be drawn anew."""
    await open_desk(page, "/ring")
    await page.wait_for_function(DRAWN, arg=pages)


async def make_up(page: Page, count: int) -> list[str]:
    """Answer with a made-up journey for the page's own; return the book's pages."""
    ring = await ring_of(page.context.request)

    async def answer(route: Route) -> None:
        await route.fulfill(json=columns_of(count, ring))

    await page.route("**/journey/*/tree*", answer)
    return ring


async def place_of(page: Page, page_id: str) -> tuple[float, float]:
    x, y = await page.evaluate(PLACE_OF, page_id)
    return x, y


async def test_the_ring_has_every_page_of_the_book_and_says_where_the_reader_is(page: Page):
    ring = await ring_of(page.context.request)

    await open_ring(page)

    assert await page.evaluate(f"() => {RING}.scene.layout.angles.length") == len(ring)
    assert await page.evaluate(f"() => {RING}.scene.layout.pageOf({RING}.scene.here)") == ring[0]
    await expect(page.get_by_role("treeitem", name="you are here")).to_have_count(1)


async def test_pointing_at_a_page_shows_its_first_words_and_a_click_opens_it(page: Page):
    ring = await ring_of(page.context.request)
    await open_ring(page)

    await page.mouse.move(*await place_of(page, ring[20]))

    card = page.locator(".ring-card")
    await expect(card.get_by_role("link")).to_have_attribute("href", f"/p/{ring[20]}")
    await expect(card.locator("p")).to_have_count(3)
    await page.mouse.click(*await place_of(page, ring[20]))
    await expect(page).to_have_url(f"/p/{ring[20]}")
    await expect(page.locator(f"[data-page-id='{ring[20]}'], [data-page='{ring[20]}']")).to_be_visible()


async def test_on_a_phone_the_first_touch_shows_a_page_and_the_second_opens_it(phone: Page):
    ring = await ring_of(phone.context.request)
    await open_ring(phone)

    await phone.touchscreen.tap(*await place_of(phone, ring[10]))
    shown = await phone.locator(".ring-card a").get_attribute("href")
    assert shown is not None
    await expect(phone).to_have_url("/ring")
    await phone.touchscreen.tap(*await place_of(phone, shown.removeprefix("/p/")))

    await expect(phone).to_have_url(shown)


async def test_the_drawing_is_used_by_keys_alone(still: Page):
    """Along the ring, outward to what was written, and Enter opens it; what is chosen is announced."""
    session = await begin(still.context)
    ring = await ring_of(still.context.request)
    written = await press(still.context.request, session, 0x1F, ring[0])
    await open_ring(still, 1)
    await still.evaluate("() => document.querySelector('.ring-map').focus()")

    await still.keyboard.press("ArrowRight")
    await expect(still.locator(".ring-card a")).to_have_attribute("href", f"/p/{ring[1]}")
    await still.keyboard.press("ArrowLeft")
    await still.keyboard.press("ArrowUp")
    await expect(still.locator(".ring-card a")).to_have_attribute("href", f"/p/{written}")
    title = await still.locator(".ring-card a").inner_text()
    await expect(still.locator("[role=status]")).to_contain_text(title)
    await still.keyboard.press("Enter")

    await expect(still).to_have_url(f"/p/{written}")


async def test_the_tree_says_the_same_and_has_one_tab_stop(page: Page):
    session = await begin(page.context)
    ring = await ring_of(page.context.request)
    written = await press(page.context.request, session, 0x1F, ring[0])
    await open_ring(page, 1)
    tree = page.get_by_role("tree")

    await expect(tree.locator("[tabindex='0']")).to_have_count(1)
    await tree.locator("[tabindex='0']").focus()
    await page.keyboard.press("Home")
    await expect(tree.locator("[tabindex='0']")).to_have_attribute("aria-level", "1")
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("ArrowRight")
    await expect(tree.locator("[tabindex='0']")).to_be_focused()
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("ArrowRight")
    await expect(tree.locator("[tabindex='0']")).to_have_attribute("data-kind", "written")
    await page.keyboard.press("Enter")

    await expect(page).to_have_url(f"/p/{written}")


async def test_ten_thousand_pages_are_moved_as_an_image_and_drawn_when_the_gesture_ends(still: Page):
    await make_up(still, MANY)
    await open_ring(still, MANY)
    assert await still.evaluate(f"() => {RING}.scene.layout.pages.length") == MANY
    box = await still.locator(".ring-map").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before = await still.evaluate(f"() => {{ {RING}.spent.length = 0; return {RING}.draws; }}")

    await still.mouse.move(x, y)
    await still.mouse.down()
    for step in range(30):
        await still.mouse.move(x + step * 4, y + step)
    draws, moved, spent = await still.evaluate(f"() => [{RING}.draws, {RING}.transform.x, {RING}.spent]")
    await still.mouse.up()

    assert draws == before
    assert moved > 0
    assert statistics.median(spent) <= MOST_SCRIPT
    await still.wait_for_function(f"() => {RING}.draws === {before + 1}")
    assert (await held_by(still))["JSHeapUsedSize"] <= MOST_HEAP


async def test_a_stack_of_many_pages_is_one_mark_until_the_reader_comes_near(still: Page):
    await make_up(still, MANY)
    await open_ring(still, MANY)
    bead = await still.evaluate(f"() => {RING}.scene.layout.counts.findIndex((count) => count > 40)")
    first = await still.evaluate(f"() => {RING}.scene.layout.pages[{RING}.scene.layout.starts[{bead}]]")
    await still.mouse.move(*await place_of(still, f"00000000-0000-4000-8000-{first:012d}"))

    await expect(still.locator(".ring-card")).to_contain_text("pages written from")
    assert not await still.evaluate(f"() => {RING}.scene.layout.isOpen({bead}, {RING}.scale)")
    await still.mouse.down()
    await still.mouse.up()

    await still.wait_for_function(f"() => {RING}.scene.layout.isOpen({bead}, {RING}.scale)")
    await expect(still).to_have_url("/ring")


async def test_a_tree_of_ten_thousand_pages_puts_only_those_in_sight_on_the_page(page: Page):
    await make_up(page, MANY)
    await open_ring(page, MANY)
    tree = page.get_by_role("tree")

    await tree.locator("[tabindex='0']").focus()
    await page.keyboard.press("End")
    for _ in range(15):  # from the last section to the second
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("ArrowUp")
    for _ in range(3):  # the first pages with what was written there
        await page.keyboard.press("ArrowUp")
        await page.keyboard.press("ArrowRight")
    await page.keyboard.press("End")

    await expect(tree.locator("[tabindex='0']")).to_be_focused()
    assert await tree.get_by_role("treeitem").count() < 200
    assert (
        await page.evaluate("() => parseInt(document.querySelector('.ring-rows').style.getPropertyValue('--rows'))")
        > 200
    )


async def test_a_page_that_was_read_is_marked_on_every_device(open_context: OpenContext):
    first, other = await open_context(), await open_context()
    session = await begin(first)
    await begin(other, session)
    ring = await ring_of(first.request)
    page, elsewhere = await first.new_page(), await other.new_page()
    await open_ring(elsewhere)
    await expect(elsewhere.locator("[data-read='true']")).to_have_count(0)

    await open_desk(page, f"/p/{ring[2]}")

    await expect(elsewhere.locator("[data-read='true']")).not_to_have_count(0)
    await elsewhere.reload()
    await expect(elsewhere.locator("[data-read='true']")).not_to_have_count(0)
