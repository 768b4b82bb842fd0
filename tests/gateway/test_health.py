"""/healthz, /readyz and /metrics."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.support.gateway import gateway_in

from qdpi.errors import BusUnavailable, StoreUnavailable
from qdpi.system import System


async def test_process_is_alive(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        answer = await gateway.client.get("/healthz")
        assert (answer.status_code, answer.json()) == (200, {"ok": True})


async def test_ready_shows_its_parts(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        answer = await gateway.client.get("/readyz")
        assert answer.status_code == 200
        result = answer.json()
        assert result["ready"] is True
        assert {name: part["ok"] for name, part in result["parts"].items()} == {
            "store": True, "bus": True, "model": True, "book": True
        }  # fmt: skip


async def test_model_and_book_do_not_affect_readiness(tmp_path: Path):
    """A faulty model and a missing book are reported and do not make the server unready."""
    options = {"model_health": lambda: "Ollama does not answer."}
    async with gateway_in(tmp_path, book=False, app_options=options) as gateway:
        answer = await gateway.client.get("/readyz")
        assert answer.status_code == 200
        parts = answer.json()["parts"]
        assert parts["model"] == {"ok": False, "detail": "Ollama does not answer.", "since": None}
        assert "ingest-canon" in parts["book"]["detail"]


class FailingPort:
    """A port whose pings fail while `fails` is set."""

    def __init__(self, port: Any, error: Exception) -> None:
        self._port, self._error = port, error
        self.fails = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    async def ping(self) -> None:
        if self.fails:
            raise self._error


@pytest.mark.parametrize(
    ("name", "error"),
    [("store", StoreUnavailable("The disk is full.")), ("bus", BusUnavailable("No broker answers."))],
)
async def test_not_ready_names_component(tmp_path: Path, name: str, error: Exception):
    """While a component is unavailable, /readyz names it and since when."""
    ports: list[FailingPort] = []

    def wrap(system: System) -> System:
        ports.append(FailingPort(getattr(system, name), error))
        return replace(system, **{name: ports[0]})  # type: ignore[arg-type]

    async with gateway_in(tmp_path, wrap=wrap) as gateway:
        first, second = [(await gateway.client.get("/readyz")) for _ in range(2)]
        assert first.status_code == 503
        assert first.headers["content-type"] == "application/problem+json"
        result = first.json()
        assert (result["code"], result["ready"], result["status"]) == ("not_ready", False, 503)
        assert f"The {name} has been unavailable since" in result["detail"]
        assert str(error.args[0]) in result["detail"]
        assert result["parts"][name]["since"] == second.json()["parts"][name]["since"]
        assert [part for part in ("store", "bus") if not result["parts"][part]["ok"]] == [name]
        assert (await gateway.client.get("/healthz")).status_code == 200
        ports[0].fails = False
        assert (await gateway.client.get("/readyz")).status_code == 200


PATH_AND_HOST = "/var/lib/qdpi/store.db cannot be used, nor can http://10.0.0.7:11434: they said Shibboleth."
PASSED_ON: tuple[tuple[dict[str, Any], dict[str, str]], ...] = (
    ({}, {"x-forwarded-for": "203.0.113.5"}),
    ({}, {"via": "1.1 proxy"}),
    ({"hosts": "book.example"}, {"host": "book.example"}),
    ({"hosts": "book.example"}, {}),
    ({"trusted_proxies": "127.0.0.1"}, {}),
    ({"root_path": "/book"}, {}),
    ({"host": "0.0.0.0"}, {"host": "10.0.0.1"}),
)


@pytest.mark.parametrize(("settings", "headers"), PASSED_ON)
async def test_strangers_are_not_told_causes(tmp_path: Path, settings: dict[str, Any], headers: dict[str, str]):
    """They are told what is unavailable, and since when. Behind a proxy nobody can be told from a stranger."""

    def wrap(system: System) -> System:
        return replace(system, store=FailingPort(system.store, StoreUnavailable(PATH_AND_HOST)))

    options = {"model_health": lambda: PATH_AND_HOST}
    async with gateway_in(tmp_path, wrap=wrap, app_options=options, **settings) as gateway:
        answer = await gateway.client.get("/readyz", headers=headers)
        assert answer.status_code == 503
        parts = answer.json()["parts"]
        assert (parts["store"]["detail"], parts["store"]["ok"]) == ("The store is unavailable.", False)
        assert not parts["model"]["ok"]
        assert not any(word in answer.text for word in ("qdpi/store", "10.0.0.7", "Shibboleth"))


async def test_a_refusal_keeps_the_cause_of_an_outage_for_the_log(tmp_path: Path):
    def wrap(system: System) -> System:
        async def page(*_: object) -> None:
            raise StoreUnavailable(PATH_AND_HOST)

        store = FailingPort(system.store, StoreUnavailable(PATH_AND_HOST))
        vars(store)["page"] = page
        return replace(system, store=store)

    async with gateway_in(tmp_path, wrap=wrap) as gateway:
        with structlog.testing.capture_logs() as lines:
            answer = await gateway.client.get("/api/v1/page/00000000-0000-4000-8000-000000000001?session_id=reader")
        assert (answer.status_code, answer.json()["detail"]) == (503, "The store is unavailable.")
        assert answer.headers["retry-after"] == "1"
        assert [line["cause"] for line in lines if line["event"] == "http.dependency_unavailable"] == [PATH_AND_HOST]


async def test_metrics_count_presses_and_refusals(tmp_path: Path):
    """The metrics are in the Prometheus format."""
    async with gateway_in(tmp_path) as gateway:
        await gateway.press()
        await gateway.client.post("/api/v1/event/ui/symbol", json={"session_id": "reader", "symbol_code": 256})
        answer = await gateway.client.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=")
        assert 'qdpi_presses_total{kind="press"} 1.0' in answer.text
        assert 'qdpi_refused_total{code="invalid_symbol"} 1.0' in answer.text
        assert "qdpi_stream_clients" in answer.text
