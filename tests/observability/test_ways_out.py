"""No secret of any setting leaves the process, whatever a library quotes in an error."""

from __future__ import annotations

import base64
import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import httpx
import pytest
import structlog
from tests.bus.scripted import ScriptedBus
from tests.support import factories
from tests.support.gateway import gateway_in

import qdpi.cli
from qdpi.bus.middleware.dead_letter import dead_letter
from qdpi.bus.port import Partition, Record
from qdpi.cli.errors import note, report
from qdpi.cli.output import answer, write_event
from qdpi.client import Client, GatewayUnreachable
from qdpi.errors import BusUnavailable, InvalidInput, QdpiError, StoreUnavailable
from qdpi.events import fault_of
from qdpi.observability.logs import LibraryLines, configure_logs
from qdpi.observability.metrics import Metrics
from qdpi.settings import SETTINGS, Settings, load_settings
from qdpi.store.cassandra.errors import translate
from qdpi.system import System

SECRET = "Sesame/opens+the%door="
SECRETS = [setting for setting in SETTINGS if setting.secret]
ADDRESSES = [setting for setting in SETTINGS if setting.variable.endswith("_URL")]
FORMS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "repr": lambda secret: repr(f"Bearer {secret}\n".encode()),
    "url-encoded": lambda secret: f"https://host/?key={quote(secret, safe='')}",
    "base64": lambda secret: "Basic " + base64.b64encode(f"user:{secret}".encode()).decode(),
    "user of a url": lambda secret: f"http://user:{quote(secret, safe='')}@host:9/v1",
}
VALUES = {
    **{setting.variable: SECRET for setting in SECRETS},
    **{setting.variable: f"http://user:{quote(SECRET, safe='')}@host/v1" for setting in ADDRESSES},
}


def assert_hidden(text: str, complaint: str) -> None:
    """Check that a text contains a complaint without the secret."""
    assert "***" in text
    assert_untold(text, complaint)


def assert_untold(text: str, complaint: str) -> None:
    """Check that a text contains neither the secret nor the part of a complaint that quotes it."""
    shown = (SECRET, quote(SECRET, safe=""), base64.b64encode(SECRET.encode()).decode()[4:-4], json.dumps(SECRET)[1:-1])
    assert not [form for form in shown if form in text], text
    assert complaint not in text


@pytest.fixture
def _plain_logs() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    for handler in [each for each in logging.getLogger().handlers if isinstance(each, LibraryLines)]:
        logging.getLogger().removeHandler(handler)


@pytest.fixture(params=list(FORMS))
def complaint(request: pytest.FixtureRequest) -> str:
    """What a library says."""
    return f"refused: {FORMS[request.param](SECRET)}"


@pytest.mark.parametrize("variable", VALUES)
def test_settings_hide_every_secret_of_the_table(variable: str, complaint: str):
    settings = load_settings({variable: VALUES[variable]})

    assert_hidden(settings.redact(complaint), complaint)
    assert_hidden(repr(settings), complaint)


def test_addresses_are_shown_without_their_secrets():
    assert "openai_base_url='http://user:***@host/v1'" in repr(Settings(openai_base_url="http://user:pass@host/v1"))


@pytest.mark.parametrize("variable", VALUES)
def test_command_line_hides_every_secret_of_the_table(
    variable: str, complaint: str, capsys: pytest.CaptureFixture[str]
):
    flag = next(f"--{row.name.replace('_', '-')}" for row in SETTINGS if row.variable == variable)
    for environ, arguments in (
        ({variable: VALUES[variable]}, []),
        ({}, [flag, VALUES[variable]]),
        ({}, [f"{flag}={VALUES[variable]}"]),
    ):
        for error in (StoreUnavailable(complaint), RuntimeError(complaint), click.UsageError(complaint)):
            report(error, environ | {"QDPI_LOG_LEVEL": "debug"}, arguments)
            assert_hidden(capsys.readouterr().err, complaint)


def test_an_answer_is_redacted_before_it_is_cut(
    complaint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Otherwise the beginning of a secret would stay."""
    monkeypatch.setenv("KAFKA_PASSWORD", SECRET)
    cut = len(complaint) - 3
    for as_json in (True, False):
        answer([{"detail": complaint}], lambda found: str(found[0]["detail"])[:cut], as_json)
        write_event({"error": complaint}, lambda event: str(event["error"])[:cut], as_json)
        note(complaint)
        printed = capsys.readouterr()
        assert printed.out.count("***") == 2
        assert_hidden(printed.out + printed.err, complaint)
        assert "Sesame" not in printed.out


def test_commands_print_in_one_place():
    """`qdpi.cli.output` hides secrets; `report` does so itself, before there is a command."""
    printing = re.compile(r"click\.(?:s?echo|echo_via_pager)\(|\bprint\(|sys\.stdout\.write")
    sources = Path(qdpi.cli.__file__).parent.glob("*.py")
    assert {path.name for path in sources if printing.search(path.read_text())} == {"errors.py", "output.py"}


@pytest.mark.usefixtures("_plain_logs")
def test_log_lines_of_ours_and_of_libraries_are_redacted(complaint: str):
    with redirect_stderr(io.StringIO()) as written:
        configure_logs(Settings(cassandra_password=SECRET))
        structlog.get_logger().warning("worker.commit_failed", cause=complaint)
        logging.getLogger("asyncio").error("Task exception was never retrieved", exc_info=RuntimeError(complaint))
        logging.getLogger("cassandra.cluster").critical("%s", complaint)
        unfit = logging.LogRecord("uvicorn.error", logging.WARNING, "", 0, f"{complaint} %d", ("no number",), None)
        LibraryLines().emit(unfit)
    lines = [line for line in written.getvalue().splitlines() if line]
    assert [json.loads(line)["event"] for line in lines] == ["worker.commit_failed", *["library.message"] * 3]
    for line in lines:
        assert_hidden(line, complaint)


def test_faults_that_are_stored_and_published_are_redacted(complaint: str):
    fault = fault_of(StoreUnavailable(complaint, next_step=complaint), Settings(kafka_password=SECRET).redact)

    assert_hidden(fault.detail, complaint)
    assert_hidden(fault.next_step, complaint)


async def test_dead_letters_are_redacted(complaint: str):
    bus, at = ScriptedBus(), factories.at(0)
    redact = Settings(kafka_password=SECRET).redact
    give_up = dead_letter(bus, group="readers", now=lambda: at, metrics=Metrics(), redact=redact)

    await give_up(Record(Partition("gibsey.ui.symbol", 0), 1, None, b"{}", (), at), InvalidInput(complaint), 1)

    assert_hidden((bus.published[0].value or b"").decode(), complaint)


def test_driver_errors_are_redacted_before_they_are_cut():
    long = "x" * 290 + SECRET

    assert "Sesame" not in translate("a:1", RuntimeError(long), Settings(cassandra_password=SECRET).redact).detail


class Refusing:
    """A store or a bus that quotes a secret whatever it is asked."""

    def __init__(self, part: Any, error: QdpiError) -> None:
        self._part, self._error = part, error

    def __getattr__(self, name: str) -> Any:
        if name in {"ping", "head", "outcomes", "page", "last_outcome", "vault", "publish"}:
            return self._refuse
        return getattr(self._part, name)

    async def _refuse(self, *arguments: Any, **named: Any) -> Any:
        raise self._error


async def test_problems_and_readiness_are_redacted(tmp_path: Path, complaint: str):
    def broken(system: System) -> System:
        store: Any = Refusing(system.store, StoreUnavailable(complaint, next_step=complaint))
        bus: Any = Refusing(system.bus, BusUnavailable(complaint))
        publisher: Any = Refusing(system.publisher, BusUnavailable(complaint))
        return replace(system, store=store, bus=bus, publisher=publisher)

    fault = StoreUnavailable(complaint).detail
    options = {"model_health": lambda: fault}
    async with gateway_in(tmp_path, wrap=broken, app_options=options, openai_api_key=SECRET) as gateway:
        asked = [
            await gateway.client.get("/readyz"),
            await gateway.client.get("/api/v1/journey/reader"),
            await gateway.client.get("/api/v1/page/217e1b5b-5da9-5e32-86b1-eefd91a1c531"),
            await gateway.client.get("/api/v1/event/stream?session_id=reader"),
        ]
        pressed = await gateway.client.post("/api/v1/event/ui/symbol", json={"session_id": "reader", "symbol_code": 0})
    for response in asked:
        assert response.status_code == 503, response.text
        assert_hidden(response.text, complaint)
    assert pressed.status_code == 503, pressed.text
    assert_untold(pressed.text, complaint)  # the bus's complaint is for the log alone


async def test_a_models_fault_is_redacted_while_all_else_is_ready(tmp_path: Path, complaint: str):
    options = {"model_health": lambda: complaint}
    async with gateway_in(tmp_path, app_options=options, anthropic_api_key=SECRET) as gateway:
        ready = await gateway.client.get("/readyz")
    assert ready.status_code == 200
    assert_hidden(ready.text, complaint)


async def test_the_clients_errors_show_its_gateway_without_a_password():
    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    async with Client("http://reader:password@gateway/book", transport=httpx.MockTransport(gone)) as client:
        with pytest.raises(GatewayUnreachable) as refused:
            await client.canon()
    assert refused.value.detail == "http://gateway/book does not answer: refused."
