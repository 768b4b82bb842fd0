"""What grew where: cards, alternatives, the way back, why a page is as it is, and the vault."""

from __future__ import annotations

import re
from typing import Final

import pytest
from playwright.async_api import Page, expect
from tests.web.browser import open_desk
from tests.web.reader import FIRST, bound, page_id, press, sit_down

from qdpi.client import Client

pytestmark = pytest.mark.web

ALTERNATIVES: Final = 5


async def grow(client: Client, count: int, *, symbol: int = 0x1F, words: str | None = None) -> tuple[str, list[str]]:
    """Write pages at the first page of the book for a new reader. Returns the session's id and theirs."""
    session = (await client.session()).session_id
    pages = [
        await client.run(symbol, session_id=session, page_id=FIRST, user_intent=words and f"{words} {number}")
        for number in range(1, count + 1)
    ]
    return session, [each.page_id for each in pages]


async def test_a_card_for_each_page_that_was_written_here(still: Page, client: Client):
    """The newest first; each says who wrote it and where it leads, and is a link."""
    session, (first, second) = await grow(client, 2)
    await sit_down(still, session=session)

    cards = still.get_by_role("region", name="Written here").get_by_role("listitem")
    await expect(cards).to_have_count(2)
    await expect(cards.first.get_by_role("link")).to_have_attribute("href", f"/p/{second}")
    await expect(cards.last).to_contain_text("Receive · System")
    await cards.last.get_by_role("link").click()

    await expect(bound(still)).to_have_attribute("data-page-id", first)
    await expect(still.get_by_role("navigation", name="The way here")).to_contain_text("here")
    await still.go_back()
    await expect(still.locator("article.page")).to_have_attribute("data-page-id", FIRST)


async def test_alternatives_are_counted_and_switched_by_buttons_and_by_keys(still: Page, client: Client):
    session, pages = await grow(client, ALTERNATIVES)
    await sit_down(still, pages[1], session=session)
    counter = still.get_by_role("group", name="Alternatives")

    await expect(counter).to_contain_text("2/5")
    await counter.get_by_role("button", name="Next alternative").click()
    await expect(counter).to_contain_text("3/5")
    await expect(bound(still)).to_have_attribute("data-page-id", pages[2])
    for key, place in (("Alt+ArrowDown", 4), ("Alt+ArrowDown", 5), ("Alt+ArrowDown", 5), ("Alt+ArrowUp", 4)):
        await still.keyboard.press(key)
        await expect(counter).to_contain_text(f"{place}/5")
        await expect(bound(still)).to_have_attribute("data-page-id", pages[place - 1])
    await still.keyboard.press("Alt+ArrowDown")
    await expect(counter.get_by_role("button", name="Next alternative")).to_be_disabled()


async def test_again_is_a_sibling_with_the_same_symbol_and_the_same_words(still: Page, client: Client):
    session, (first,) = await grow(client, 1, symbol=0x35, words="Who rang?")
    await sit_down(still, first, session=session)

    await still.keyboard.press("Control+Enter")
    await expect(still.get_by_role("group", name="Alternatives")).to_contain_text("2/2")
    await expect(bound(still).locator(".asked")).to_contain_text("Who rang? 1")
    await still.get_by_role("button", name="Write it again").click()
    await expect(still.get_by_role("group", name="Alternatives")).to_contain_text("3/3")

    tree = await client.tree(session)
    assert tree.symbol == [0x35] * 3
    asked = [(await client.page(str(each), session_id=session)).user_intent for each in tree.page_id]
    assert asked == ["Who rang? 1"] * 3


@pytest.mark.parametrize("by", ["key", "button"])
async def test_a_reader_returns_to_the_book(still: Page, client: Client, by: str):
    """In one step, from a page that grew from a page that grew from the book."""
    session, (first,) = await grow(client, 1, symbol=0x1E)
    deeper = await client.run(0x10, session_id=session, page_id=first)
    await sit_down(still, deeper.page_id, session=session)

    if by == "key":
        await still.keyboard.press("r")
    else:
        await still.get_by_role("button", name="Return to the book").click()

    back = (await client.page(deeper.page_id, session_id=session)).return_to
    await expect(still.locator("article.page")).to_have_attribute("data-page-id", str(back))


async def test_what_is_owed_left_and_open_is_what_the_server_says(still: Page, client: Client):
    """After each press, without a reload."""
    session = await sit_down(still)
    for number, symbol in enumerate(("1E", "10", "1E"), start=1):
        await press(still, symbol)
        await expect(still.locator(".bar .saved", has_text=re.compile(rf"^{number} pages? saved ✓"))).to_be_visible()
        await expect(bound(still)).to_be_visible()
        told = await client.preview_lean(session, page_id=await page_id(still))
        state = (await client.journey(session)).state
        owed = still.locator(".bar .owed")
        await expect(owed).to_contain_text(f"{told.return_debt} page")
        await expect(owed).to_contain_text(f"{told.ttl} page")
        await expect(owed).to_contain_text(f"{len(state.branches)} branch")


async def test_why_this_page_shows_the_receipt(still: Page, client: Client):
    """What was asked, the rule and its reasons, sources, checks, and what it took; a source leads to its page."""
    session, (first,) = await grow(client, 1, symbol=0x35, words="Who rang?")
    receipt = await client.receipt(first, session_id=session)
    await sit_down(still, first, session=session)

    await still.keyboard.press("w")

    why = still.get_by_role("complementary", name="Why this page")
    assert receipt.policy is not None
    for fact in (
        "Who rang? 1",
        "Another section came in, so it left for that. Rule: parallel-forks.",
        receipt.receipt_id,
        "the offline writer, which is no language model",
        "Passed",
    ):
        await expect(why).to_contain_text(fact)
    named = {
        "prepare": "Finding sources",
        "ask": "Planning",
        "receive": "Writing",
        "check": "Checking",
        "bind": "Binding",
    }
    for phase, spent in receipt.milliseconds.items():
        await expect(why).to_contain_text(f"{named[phase]}{spent:.0f} ms")
    source = next(use for use in receipt.sources if use.page_id != FIRST)
    assert source.passage
    await expect(why.locator("blockquote").filter(has_text=source.passage.strip()[:40]).first).to_be_visible()
    found = " and ".join(
        {"lexical": "its words", "semantic": "its meaning", "notes": "your notes"}[one] for one in source.via
    )
    told = why.get_by_role("listitem").filter(has=still.get_by_role("button", name=source.page_id))
    await expect(told.first).to_contain_text(f"found by {found}" if found else "on the ring")
    await why.get_by_role("button", name=source.page_id).first.click()
    await expect(still.locator("article.page")).to_have_attribute("data-page-id", source.page_id)


async def test_a_page_is_saved_named_noted_and_taken_out_again(still: Page, client: Client):
    """In one tab; another tab has it at once, and what it does there is seen here."""
    session = await sit_down(still)
    other = await still.context.new_page()
    await open_desk(other, "/vault")
    await expect(other.get_by_text("Nothing is saved yet.")).to_be_visible()

    await still.keyboard.press("b")
    await expect(still.get_by_role("button", name="Saved in the vault: take it out")).to_be_visible()
    entry = other.locator(".saved-page")
    await expect(entry).to_have_count(1)
    await entry.get_by_role("button", name="Name and notes").click()
    await other.get_by_label("Name").fill("The <i>lamp</i>")
    await other.get_by_label("Notes").fill("It went out twice.")
    await other.get_by_role("button", name="Keep").click()
    await expect(entry.get_by_role("link")).to_have_text("The <i>lamp</i>")
    await expect(entry).to_contain_text("It went out twice.")
    (kept,) = (await client.vault(session)).entries
    assert (kept.page_id, kept.label, kept.notes) == (FIRST, "The <i>lamp</i>", "It went out twice.")

    await entry.get_by_role("button", name="Take out").click()

    await expect(entry).to_have_count(0)
    await expect(still.get_by_role("button", name="Save in the vault")).to_be_visible()
    assert (await client.vault(session)).entries == ()
