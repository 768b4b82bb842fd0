"""The address that the gateway listens at."""

from __future__ import annotations

from pathlib import Path

import pytest

from qdpi.errors import InvalidSetting
from qdpi.runtime.address import PortTaken, address_of, listen
from qdpi.settings import Settings


def settings(directory: Path, **changes: object) -> Settings:
    return Settings(data_dir=directory, **changes)  # type: ignore[arg-type]


def test_listen_takes_the_port(tmp_path: Path):
    """A port is in use from the moment of `listen`."""
    with listen(settings(tmp_path, port=0)) as first:
        port = first.getsockname()[1]

        assert address_of(first) == f"http://127.0.0.1:{port}"
        with pytest.raises(PortTaken, match=f"Port {port} of 127.0.0.1 is taken"):
            listen(settings(tmp_path, port=port))


def test_address_of_a_wildcard_is_loopback(tmp_path: Path):
    with listen(settings(tmp_path, host="0.0.0.0", port=0)) as listening:
        assert address_of(listening).startswith("http://127.0.0.1:")


@pytest.mark.parametrize("host", ["192.0.2.1", "a" * 70 + ".invalid", ""])
def test_listen_refuses_a_foreign_address(tmp_path: Path, host: str):
    with pytest.raises(InvalidSetting, match="QDPI_HOST"):
        listen(settings(tmp_path, host=host, port=0))
