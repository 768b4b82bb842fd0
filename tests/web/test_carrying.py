"""A journey leaves a server as a file, and is brought back on another one."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect
from tests.faults.qdpi_process import QdpiProcess
from tests.web.browser import Faults, open_desk
from tests.web.conftest import OpenContext
from tests.web.desk_views import LABEL, Journey

pytestmark = pytest.mark.web


async def test_a_journey_is_brought_back_on_another_server(
    open_context: OpenContext, journey: Journey, told: QdpiProcess, tmp_path: Path, faults: Faults
):
    """Its pages, alternatives and vault are there; a file that is none is refused with its cause."""
    faults.expect(r"status of 422 .*/import")
    here = await (await open_context(**journey.device())).new_page()
    await open_desk(here, "/p/S01-P0001")
    await here.keyboard.press("e")
    async with here.expect_download() as downloading:
        await here.get_by_role("link", name="Everything, to go on from").click()
    archive = tmp_path / "journey.zip"
    await (await downloading.value).save_as(archive)
    no_archive = tmp_path / "letter.zip"
    no_archive.write_text("Dear reader")

    there = await (await open_context(base_url=told.url)).new_page()
    await open_desk(there, "/p/S01-P0001")
    await there.keyboard.press("e")
    file = there.get_by_label("From the file of")
    back = there.get_by_role("region", name="Bring a journey back")
    await file.set_input_files(no_archive)
    await expect(back).to_contain_text("the file: it is incomplete or damaged")
    await file.set_input_files(archive)
    await expect(back).to_contain_text("3 pages brought back.")
    await there.get_by_role("button", name="Open it").click()
    await there.goto(f"{told.url}/p/{journey.written}")
    await expect(there.locator(f'#page[data-page-id="{journey.written}"]')).to_be_visible()
    await expect(there.get_by_role("group", name="Alternatives")).to_contain_text("1/2")
    await there.keyboard.press("v")
    await expect(there.get_by_text(LABEL)).to_be_visible()
