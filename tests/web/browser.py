"""A real browser on the reader's page: what it reports, what axe finds, and pictures of it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Page, expect

ROOT: Final = Path(__file__).parents[2]
AXE: Final = ROOT / "web-tools" / "node_modules" / "axe-core" / "axe.min.js"
PICTURES: Final = Path(__file__).parent / "pictures"
"""The folder of the pictures that tests take; git ignores it."""
PROBES: Final = Path(__file__).parent / "probes"
"""Questions about a whole view, each a function in JavaScript."""
CHROMIUM_ABSENT: Final = (
    "no Chromium here: install it (Debian: apt-get install chromium), or name its program in QDPI_TEST_CHROMIUM"
)
AXE_ABSENT: Final = "no axe-core here: install Node 20.19 or newer with npm, then run `make page-types`"
PATIENCE: Final = 60_000
"""The longest that a step waits for the page, in milliseconds."""
OFF: Final = (
    "AimEnabled", "AvoidCorsURLLoaderRestartOnRedirect", "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose", "HttpsFirstBalancedModeAutoEnable", "HttpsUpgrades", "LensOverlay", "MediaRouter",
    "NetworkTimeServiceQuerying", "OptimizationHints", "PaintHolding", "PreconnectToSearch", "TcpPortRandomizationWin",
    "ThirdPartyStoragePartitioning", "msEdgeUpdateLaunchServicesPreferredVersion", "msForceBrowserSignIn",
    "WebUIOmniboxAimPopup", "WebUIOmniboxPopup",
)  # fmt: skip
"""Features of Chromium that are off: what Playwright switches off, because of two such switches Chromium takes the last
alone; and two documents of its address bar, which cost each new window more than our page does."""
_OTHERS: Final = ("http", "https", "ws", "wss", "ftp")
_REPORT_VIOLATIONS: Final = """
addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI, sample, sourceFile }) =>
  console.error(`CSP: ${effectiveDirective} refuses ${blockedURI} ${sample} in ${sourceFile}`), true);
"""


def chromium() -> str | None:
    """Return the path of the browser's program, None where there is none."""
    return os.environ.get("QDPI_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


def switches() -> list[str]:
    """Return what the browser is started with beside Playwright's own. Its sandbox refuses root."""
    return [f"--disable-features={','.join(OFF)}", *(["--no-sandbox"] if os.geteuid() == 0 else [])]


@dataclass
class Faults:
    """What a browser reports that it must not: of all pages of one test.

    That is errors of the console, exceptions that nobody catches, violations of the security policy, and requests to
    other hosts than `hosts`, each with its port.
    """

    hosts: set[str] = field(default_factory=set)
    found: list[str] = field(default_factory=list)
    _expected: list[str] = field(default_factory=list)
    _tolerated: list[str] = field(default_factory=list)

    async def watch(self, context: BrowserContext) -> None:
        """Take in what all pages of a context report from now on."""
        await context.add_init_script(_REPORT_VIOLATIONS)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.found.append(f"exception: {error.error}"))
        context.on("request", lambda request: self._see(request.method, request.url))
        context.on("page", self._attend)

    def expect(self, pattern: str) -> None:
        """Say that faults with this text must occur before the test ends, and are none."""
        self._expected.append(pattern)

    def tolerate(self, pattern: str) -> None:
        """Say that faults with this text may occur, for what the test does to the network or the server."""
        self._tolerated.append(pattern)

    def remaining(self) -> list[str]:
        """Return the faults that were not foreseen, and the expectations that were not met."""
        foreseen = [*self._expected, *self._tolerated]
        unforeseen = [fault for fault in self.found if not any(re.search(pattern, fault) for pattern in foreseen)]
        unmet = [
            f"expected, and did not occur: {pattern}"
            for pattern in self._expected
            if not any(re.search(pattern, fault) for fault in self.found)
        ]
        return unforeseen + unmet

    def _attend(self, page: Page) -> None:
        page.on("crash", lambda crashed: self.found.append(f"crash: {crashed.url}"))
        page.on("websocket", lambda socket: self._see("GET", socket.url))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "assert"}:
            place = message.location
            self.found.append(f"console: {message.text} ({place.get('url')}:{place.get('lineNumber')})")

    def _see(self, method: str, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in _OTHERS and parts.netloc not in self.hosts:
            self.found.append(f"request to another host: {method} {url}")


async def open_desk(page: Page, path: str = "/") -> None:
    """Open an address, and wait until the page's own modules have taken over: the server's desk has no view."""
    await page.goto(path)
    await expect(page.locator("#desk > .desk[data-view]")).to_be_visible()


async def without_script(page: Page) -> None:
    """Have an empty script in the place of ours, so that a test's own questions can be asked of the server's page."""
    await page.route("**/app.js", lambda route: route.fulfill(body="", content_type="text/javascript"))


async def held_by(page: Page) -> dict[str, float]:
    """Return what a page holds, its rubbish collected: `Nodes`, `JSEventListeners`, `JSHeapUsedSize` in bytes."""
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable")
    await session.send("HeapProfiler.collectGarbage")
    told = (await session.send("Performance.getMetrics"))["metrics"]
    await session.detach()
    return {each["name"]: each["value"] for each in told}


class Axe:
    """axe-core, run in a page: what it finds against WCAG 2.2 A and AA, and its best practices."""

    TAGS: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")

    def __init__(self, source: str) -> None:
        self._source = source

    async def __call__(self, page: Page, *tags: str) -> list[str]:
        """Return a sentence for each element at fault, by the rules with some tags; a test wants an empty list."""
        if not await page.evaluate("() => 'axe' in window"):
            await page.evaluate(self._source)
        result = await page.evaluate(
            "(tags) => axe.run(document, { runOnly: tags, resultTypes: ['violations'] })", list(tags or self.TAGS)
        )
        return [sentence for violation in result["violations"] for sentence in _sentences(violation)]


def _sentences(violation: Mapping[str, Any]) -> list[str]:
    return [f"{violation['id']}: {violation['help']}: {node['html']:.200}" for node in violation["nodes"]]


async def show_people(page: Page, name: str) -> None:
    """Take a picture of a view that a test looks at by other means, where QDPI_TEST_PICTURES asks for it."""
    if os.environ.get("QDPI_TEST_PICTURES"):
        await shot(page, name)


async def shot(page: Page, name: str, *, whole: bool = False) -> Path:
    """Take a picture of a page's window, or of the whole page, into the folder of pictures."""
    PICTURES.mkdir(exist_ok=True)
    path = PICTURES / f"{name}.png"
    await page.screenshot(path=path, full_page=whole, animations="allow", caret="initial")
    return path
