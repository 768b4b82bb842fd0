"""A browser and a server for the whole run, and a context with its pages for each test.

Tests with the mark `web` share one event loop, because a browser belongs to the loop that started it.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect
from tests.faults.qdpi_process import QdpiProcess
from tests.support.model_server import serving
from tests.web.browser import AXE, AXE_ABSENT, CHROMIUM_ABSENT, PATIENCE, Axe, Faults, chromium, switches
from tests.web.desk_views import Journey, journey_at
from tests.web.storyteller import Storyteller

from qdpi.client import Client
from qdpi.settings import SETTINGS

DESKTOP: Final[dict[str, Any]] = {"viewport": {"width": 1280, "height": 900}}
PHONE: Final[dict[str, Any]] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
LOCALE: Final = "en-GB"
_OWN: Final = {"QDPI_DATA_DIR", "QDPI_MODEL", "QDPI_PORT", "QDPI_LOG_LEVEL"}
_UNSET: Final = {each.variable: "" for each in SETTINGS if each.variable not in _OWN}
"""What a developer has set is not the tests': an empty variable counts as unset."""

StartServer = Callable[..., Awaitable[QdpiProcess]]
OpenContext = Callable[..., Awaitable[BrowserContext]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put all tests with a browser on the loop of the session."""
    for item in items:
        if item.get_closest_marker("web") and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium."""
    program = chromium()
    if program is None:
        pytest.skip(CHROMIUM_ABSENT)
    expect.set_options(timeout=PATIENCE)
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=program, args=switches(), timeout=PATIENCE)
        yield running
        await running.close()


async def own_server(directory: Path, environment: dict[str, str], stack: AsyncExitStack) -> QdpiProcess:
    """Start `qdpi run` with settings and no others; it ends with the stack."""
    process = QdpiProcess(directory, environment=_UNSET | environment)
    stack.push_async_callback(process.end, signal.SIGKILL)
    await process.start()
    return process


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QdpiProcess]:
    """`qdpi run` with the offline writer and the project's own book, for all tests that do not harm it."""
    async with AsyncExitStack() as stack:
        yield await own_server(tmp_path_factory.mktemp("web"), {}, stack)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def journey(server: QdpiProcess) -> Journey:
    """A journey on the shared server: tests look at it, and press in sessions of their own."""
    return await journey_at(server.url)


@pytest_asyncio.fixture(loop_scope="session")
async def start_server(tmp_path: Path) -> AsyncIterator[StartServer]:
    """Start servers of a test's own: each `await start_server(QDPI_BOOK=…)` has a data directory of its own."""
    async with AsyncExitStack() as stack:

        async def start(**environment: str) -> QdpiProcess:
            directory = tmp_path / f"server-{len(started)}"
            started.append(await own_server(directory, environment, stack))
            return started[-1]

        started: list[QdpiProcess] = []
        yield start


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _told(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Storyteller, QdpiProcess]]:
    async with serving(Storyteller()) as model, AsyncExitStack() as stack:
        environment = {
            "QDPI_MODEL": "openai/storyteller",
            "OPENAI_BASE_URL": f"{model.url}/v1",
            "OPENAI_API_KEY": "none",
        }
        yield model, await own_server(tmp_path_factory.mktemp("told"), environment, stack)


@pytest.fixture
def storyteller(_told: tuple[Storyteller, QdpiProcess]) -> Iterator[Storyteller]:
    """The model of `told`, which writes when the test lets it."""
    model, _ = _told
    yield model
    model.forget()


@pytest.fixture
def told(_told: tuple[Storyteller, QdpiProcess], storyteller: Storyteller) -> QdpiProcess:
    """`qdpi run` with a model in the test's hands, for all tests that need one. Whoever kills it starts it again."""
    _, process = _told
    return process


@pytest_asyncio.fixture(loop_scope="session")
async def client(server: QdpiProcess) -> AsyncIterator[Client]:
    """What the server says to other programs."""
    async with Client(server.url) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def told_client(told: QdpiProcess) -> AsyncIterator[Client]:
    """What the server with the storyteller says to other programs."""
    async with Client(told.url) as opened:
        yield opened


@pytest.fixture
def faults() -> Iterator[Faults]:
    """What the test's pages report; the test fails on what it did not foresee."""
    heard = Faults()
    yield heard
    assert heard.remaining() == []


@pytest_asyncio.fixture(loop_scope="session")
async def open_context(browser: Browser, server: QdpiProcess, faults: Faults) -> AsyncIterator[OpenContext]:
    """Open contexts (a browser's profile each): `await open_context(**PHONE, color_scheme="dark")`."""
    opened: list[BrowserContext] = []

    async def open_one(**options: Any) -> BrowserContext:
        context = await browser.new_context(**{"base_url": server.url, "locale": LOCALE, **DESKTOP, **options})
        opened.append(context)
        context.set_default_timeout(PATIENCE)
        faults.hosts.add(urlsplit(options.get("base_url", server.url)).netloc)
        await faults.watch(context)
        return context

    yield open_one
    for context in opened:
        await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(open_context: OpenContext) -> Page:
    """A page of a wide window."""
    return await (await open_context()).new_page()


@pytest_asyncio.fixture(loop_scope="session")
async def phone(open_context: OpenContext) -> Page:
    """A page of a phone, with touch."""
    return await (await open_context(**PHONE)).new_page()


@pytest_asyncio.fixture(loop_scope="session")
async def still(open_context: OpenContext) -> Page:
    """A page of a wide window whose reader wants no motion."""
    return await (await open_context(reduced_motion="reduce")).new_page()


@pytest.fixture(scope="session")
def axe() -> Axe:
    """axe-core: `assert await axe(page) == []`."""
    if not AXE.is_file():
        pytest.skip(AXE_ABSENT)
    return Axe(AXE.read_text(encoding="utf-8"))
