"""The journey's time: any past moment is the whole desk as it was, and the page proves it."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, Route, expect
from tests.web.browser import open_desk
from tests.web.journeys import API, begin, press, ring_of
from tests.web.reader import cell, open_grid

pytestmark = pytest.mark.web

PROVEN = ".proof[data-proof='proven']"


async def journey(page: Page) -> list[str]:
    """Write four pages, the first two a branch from the book's first page, and save the second."""
    request = page.context.request
    session = await begin(page.context)
    ring = await ring_of(request)
    written = [await press(request, session, 0x1F, ring[0])]
    written.append(await press(request, session, 0x2E, written[0]))
    saved = await request.post(f"{API}/vault/{session}", data={"page_id": written[1], "label": "the bridge"})
    assert saved.ok
    return [*written, *[await press(request, session, code, ring[5]) for code in (0x33, 0x41)]]


async def drag_to(page: Page, share: float) -> None:
    """Drag the slider from now to a share of the journey's time, and let it go."""
    await expect(page.locator(".bar .owed")).to_be_visible()  # it stands beside the slider
    box = await page.locator(".scrubber").bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] - 8, box["y"] + box["height"] / 2)
    await page.mouse.down()
    await page.mouse.move(box["x"] + 8 + (box["width"] - 16) * share, box["y"] + box["height"] / 2, steps=5)
    await page.mouse.up()


async def test_a_past_moment_is_the_whole_desk_as_it_was_and_is_proven(page: Page):
    written = await journey(page)
    await open_desk(page, f"/p/{written[3]}")
    paper = "() => getComputedStyle(document.documentElement).backgroundColor"
    now = await page.evaluate(paper)

    await drag_to(page, 0.5)

    await expect(page.locator(PROVEN)).to_have_text("exactly as the server recorded it ✓")
    await expect(page).to_have_url("/at/2")
    await expect(page.locator(".moment")).to_contain_text("2 of 4")
    await expect(page.locator(f"[data-page-id='{written[1]}'], [data-page='{written[1]}']")).to_be_visible()
    assert await page.evaluate(paper) != now
    await page.keyboard.press("Escape")
    await expect(page).to_have_url(f"/p/{written[3]}")
    assert await page.evaluate(paper) == now


async def test_every_moment_of_a_journey_is_proven_at_its_own_address(page: Page):
    await journey(page)
    for seq in range(5):
        await open_desk(page, f"/at/{seq}")
        await expect(page.locator(PROVEN)).to_be_visible()
        await expect(page.locator(".moment")).to_contain_text(f"{seq} of 4")


async def test_a_moment_that_the_server_records_otherwise_is_said_to_differ(page: Page):
    await journey(page)

    async def falsify(route: Route) -> None:
        answer = await route.fetch()
        told = await answer.json()
        told["digest"] = "0" * 64
        await route.fulfill(response=answer, json=told)

    await page.route("**/journey/*?*at=2*", falsify)
    await open_desk(page, "/at/2")

    await expect(page.locator(".proof")).to_have_text("the server recorded something else")


async def test_nothing_is_pressed_in_the_past(page: Page):
    await journey(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/event/" in request.url else None)
    await open_desk(page, "/at/1")
    await expect(page.locator(PROVEN)).to_be_visible()

    await page.keyboard.press("s")
    await page.keyboard.type("1f")
    await page.keyboard.press("Enter")

    await expect(page.locator(".notice")).to_contain_text("This is the past")
    await page.locator(".bar .primary").click()
    await expect(page.locator(".side form button[type=submit]")).to_be_disabled()
    assert not [url for url in asked if "/ws" not in url]


async def test_cards_ring_and_vault_are_those_of_the_moment(page: Page):
    await journey(page)
    await open_desk(page, "/at/1")
    await expect(page.locator(PROVEN)).to_be_visible()

    await page.get_by_role("link", name="Ring", exact=True).click()
    await expect(page.locator(".ring-head")).to_contain_text("1 page written, as it was then")
    await page.get_by_role("link", name="Vault", exact=True).click()
    await expect(page.locator(".vault li")).to_have_count(0)
    await page.keyboard.press("Escape")
    await expect(page.locator(".vault li")).to_have_count(1)


async def test_the_vault_stands_along_the_time_and_a_bead_resumes_from_its_page(page: Page):
    written = await journey(page)
    await open_desk(page)

    await page.get_by_role("link", name="Saved: the bridge").click()

    await expect(page).to_have_url(f"/p/{written[1]}")
    await expect(page.locator(".moment")).to_have_count(0)
    await open_grid(page)
    await cell(page, 0x0F).click()
    await expect(page.locator(".side form button[type=submit]")).to_be_enabled()


async def test_the_slider_is_moved_by_keys_and_says_what_it_shows(page: Page):
    await journey(page)
    await open_desk(page, "/ring")
    slider = page.get_by_role("slider", name="Moment of the journey")
    await expect(slider).to_have_attribute("aria-valuetext", "now, after 4 outcomes")

    await slider.focus()
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("ArrowLeft")

    await expect(page.locator(PROVEN)).to_be_visible()
    await expect(slider).to_have_attribute("aria-valuetext", re.compile("^2 of 4: "))
    await page.keyboard.press("End")
    await expect(page.locator(".moment")).to_have_count(0)


async def test_going_back_leaves_the_past(page: Page):
    written = await journey(page)
    await open_desk(page, f"/p/{written[0]}")
    await drag_to(page, 0)
    await expect(page.locator(PROVEN)).to_be_visible()
    await expect(page).to_have_url("/at/0")

    await page.go_back()

    await expect(page).to_have_url(f"/p/{written[0]}")
    await expect(page.locator(".moment")).to_have_count(0)


async def test_a_moment_that_is_not_there_is_said_so(page: Page):
    await journey(page)
    await open_desk(page, "/at/99")

    await expect(page.locator(".notice")).to_contain_text("this journey has 4 outcomes")
    await expect(page.locator(".moment")).to_have_count(0)
