"""The page for everybody: for eyes, ears, keys and fingers of every kind."""

from __future__ import annotations

from typing import Any, Final

import pytest
from playwright.async_api import Page, expect
from tests.web.browser import Axe, open_desk, shot
from tests.web.conftest import PHONE, OpenContext
from tests.web.desk_views import VIEWS, Journey

pytestmark = pytest.mark.web

WINDOWS: Final[dict[str, dict[str, Any]]] = {"wide": {}, "phone": PHONE}


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing_in_any_view(
    open_context: OpenContext, journey: Journey, axe: Axe, theme: str, window: str
):
    """And each view has one first heading, and nothing that sticks out at its side."""
    page = await (await open_context(**WINDOWS[window], **journey.device(), color_scheme=theme)).new_page()
    found = list[str]()
    for name, opens in VIEWS.items():
        await opens(page, journey)
        await shot(page, f"{name}-{window}-{theme}")
        found += [f"{name}: {sentence}" for sentence in await axe(page)]
        if await page.get_by_role("heading", level=1).count() != 1:
            found.append(f"{name}: not one first heading")
        if not await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"):
            found.append(f"{name}: wider than the window")
    assert found == []
