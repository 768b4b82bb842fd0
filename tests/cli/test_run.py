"""`qdpi run`, `serve` and `worker` as child processes, with readers on their sockets."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable

import httpx
import pytest
from tests.cli.conftest import Process, Reader

pytestmark = pytest.mark.process

Start = Callable[..., Process]
Opens = Callable[[str, str], Reader]


def test_run_answers_a_press_and_ends_in_order(start: Start, reader: Opens):
    """A press on an empty data directory becomes a page, and the process exits with 0."""
    process = start("run", "--port", "0")
    url = process.url()
    invited = process.line_with("/event/ui/symbol")
    alice = reader(url, "alice")

    assert f"{url}/api/v1/event/ui/symbol" in invited
    assert httpx.get(f"{url}/readyz").json()["ready"]
    press = alice.press("an-author:XC")
    (done,) = alice.answers(1)
    code, err = process.end()

    assert done["press_id"] == press
    assert done["text"]
    assert done["model"] == "offline"
    assert code == 0
    assert "Traceback" not in err


def test_run_interrupt_ends_open_streams(start: Start, reader: Opens):
    """An interrupt ends the process promptly although a stream is open."""
    process = start("run", "--port", "0")
    alice = reader(process.url(), "alice")

    with alice.client.stream("GET", "/api/v1/event/stream", params={"session_id": "alice"}) as stream:
        assert next(stream.iter_lines())
        code, _ = process.end(signal.SIGINT)

    assert code == 0


def test_run_refuses_a_taken_port(start: Start, tmp_path):
    """A second run on the same port is refused in one sentence."""
    port = start("run", "--port", "0").url().rpartition(":")[2]

    code, err = start("run", "--port", port, "--data-dir", str(tmp_path / "another")).error_after()

    assert code == 1
    assert err.count("\n") == 1
    assert f"Port {port} of 127.0.0.1 is taken" in err
    assert "QDPI_PORT" in err
    assert not (tmp_path / "another").exists()


def test_run_takes_over_from_a_killed_process(start: Start, reader: Opens):
    """A second run on the same data takes over when the first is killed."""
    first = start("run", "--port", "0")
    reader(first.url(), "alice").press()
    second = start("run", "--port", "0")
    alice = reader(second.url(), "alice")
    alice.answers(1)

    first.end(signal.SIGKILL)
    press = alice.press()

    assert [done["seq"] for done in alice.answers(2)] == [1, 2]
    assert alice.answers(2)[1]["press_id"] == press
    assert second.end()[0] == 0


def test_run_answers_presses_taken_before_a_kill(start: Start, reader: Opens):
    """Presses accepted before a kill are answered in order by the next run."""
    first = start("run", "--port", "0")
    alice = reader(first.url(), "alice")
    presses = [alice.press(symbol) for symbol in range(6)]
    first.end(signal.SIGKILL)

    again = start("run", "--port", "0")
    answered = reader(again.url(), "alice").answers(6)

    assert [done["press_id"] for done in answered] == presses
    assert [done["seq"] for done in answered] == [1, 2, 3, 4, 5, 6]
    assert again.end()[0] == 0


def test_serve_and_worker_processes_answer_a_press(start: Start, reader: Opens, qdpi):
    """A gateway and workers in separate processes answer a press."""
    assert qdpi("run-symbol", "0").code == 0  # brings the book
    gateway = start("serve", "--port", "0")
    workers = [start("worker", "enricher", "recorder"), start("worker", "page_generator", "indexer", "janitor")]
    alice = reader(gateway.url(), "alice")

    press = alice.press()
    (done,) = alice.answers(1)

    assert done["press_id"] == press
    assert [process.end()[0] for process in (*workers, gateway)] == [0, 0, 0]


def test_serve_without_a_book_reports_it(start: Start):
    """A gateway without a book answers and reports that it has none."""
    gateway = start("serve", "--port", "0")
    url = gateway.url()

    assert not httpx.get(f"{url}/readyz").json()["parts"]["book"]["ok"]
    assert httpx.get(f"{url}/api/v1/canon").status_code == 503
    assert gateway.end()[0] == 0


def test_run_with_a_secret_signs_sessions(start: Start, monkeypatch: pytest.MonkeyPatch):
    process = start("run", "--port", "0", "--log-level", "debug", QDPI_SECRET="hushhush-hushhush")
    url = process.url()
    how = process.line_with("S=")

    session = httpx.post(f"{url}/api/v1/session").json()
    unsigned = httpx.post(f"{url}/api/v1/event/ui/symbol", json={"session_id": "alice", "symbol_code": 0})
    code, err = process.end()

    assert "api/v1/session" in how
    assert session["signed"]
    assert unsigned.status_code == 401
    assert code == 0
    assert "hushhush-hushhush" not in err


def test_run_ends_on_a_refused_book(start: Start, tmp_path):
    """A refused book ends the first start, and its faults are printed."""
    code, err = start("run", "--port", "0", QDPI_BOOK=str(tmp_path / "nowhere")).error_after()

    assert code == 1
    assert "There is nothing at" in err
    assert "Traceback" not in err


def test_run_second_signal_ends_at_once(start: Start, reader: Opens):
    """A second signal ends a run at once while it waits for a silent model."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        model = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        process = start("run", "--port", "0", "--model", "openai/silent", "--openai-base-url", model)
        url = process.url()
        reader(url, "alice").press()
        asked, _ = silent.accept()
        with asked:
            process.child.terminate()
            until_refused(url)

            assert process.child.poll() is None
            assert process.end()[0] == 128 + 15


def until_refused(url: str) -> None:
    """Connect until the port is closed: then the first signal has been handled."""
    host, _, port = url.removeprefix("http://").partition(":")
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=60).close()
        except ConnectionResetError:
            continue  # reset in the accept backlog of the closing port
        except ConnectionRefusedError:
            return
