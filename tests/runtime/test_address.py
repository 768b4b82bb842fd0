"""The address that the gateway listens at."""

from __future__ import annotations

from pathlib import Path

import pytest

from qdpi.errors import InvalidSetting
from qdpi.runtime.address import PortTaken, address_of, listen, reach_of
from qdpi.settings import Settings, Switch


def settings(directory: Path, **changes: object) -> Settings:
    return Settings(data_dir=directory, **changes)  # type: ignore[arg-type]


def test_listen_takes_the_port(tmp_path: Path):
    """A port is in use from the moment of `listen`."""
    with listen(settings(tmp_path, port=0)) as first:
        port = first.getsockname()[1]

        assert address_of(first) == f"http://127.0.0.1:{port}"
        with pytest.raises(PortTaken, match=f"Port {port} of 127.0.0.1 is taken"):
            listen(settings(tmp_path, port=port))


SIGNED = {"secret": "a secret of tests"}
OPEN = {"open": Switch.ON}


@pytest.mark.parametrize(("host", "shown"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]")])
def test_printed_address_can_be_asked(tmp_path: Path, host: str, shown: str):
    """With the sub-path of its links, and the port that was free."""
    with listen(settings(tmp_path, host=host, port=0, **SIGNED)) as listening:
        port = listening.getsockname()[1]
        assert address_of(listening, "/book") == f"http://{shown}:{port}/book"


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_open_to_other_machines_only_with_a_secret_or_a_word(tmp_path: Path, host: str):
    """And then it is said who can reach it."""
    with pytest.raises(InvalidSetting, match="QDPI_SECRET is unset") as refused:
        listen(settings(tmp_path, host=host, port=0))
    assert "QDPI_OPEN=on" in refused.value.next_step
    for allowed, said in ((SIGNED, "a session that it signs"), (OPEN, "everybody can read every journey")):
        given = settings(tmp_path, host=host, port=0, **allowed)
        with listen(given) as listening:
            assert said in (reach_of(listening, given) or "")
            assert f"port {listening.getsockname()[1]} of every address" in (reach_of(listening, given) or "")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.9"])
def test_this_machine_alone_needs_no_secret(tmp_path: Path, host: str):
    given = settings(tmp_path, host=host, port=0)
    with listen(given) as listening:
        assert reach_of(listening, given) is None


@pytest.mark.parametrize("host", ["192.0.2.1", "a" * 70 + ".invalid", ""])
def test_listen_refuses_a_foreign_address(tmp_path: Path, host: str):
    with pytest.raises(InvalidSetting, match="QDPI_HOST"):
        listen(settings(tmp_path, host=host, port=0))
