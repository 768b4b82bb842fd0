"""The address that the gateway listens at."""

from __future__ import annotations

from pathlib import Path

import pytest

from qdpi.errors import InvalidSetting
from qdpi.runtime.address import PortTaken, address_of, listen
from qdpi.settings import Settings


def settings(directory: Path, **changes: object) -> Settings:
    return Settings(data_dir=directory, **changes)  # type: ignore[arg-type]


def test_a_port_is_taken_from_the_moment_it_is_listened_on(tmp_path: Path):
    with listen(settings(tmp_path, port=0)) as first:
        port = first.getsockname()[1]

        assert address_of(first) == f"http://127.0.0.1:{port}"
        with pytest.raises(PortTaken, match=f"Port {port} of 127.0.0.1 is taken"):
            listen(settings(tmp_path, port=port))


def test_an_address_for_everybody_is_told_as_this_machines_own(tmp_path: Path):
    with listen(settings(tmp_path, host="0.0.0.0", port=0)) as listening:
        assert address_of(listening).startswith("http://127.0.0.1:")


@pytest.mark.parametrize("host", ["192.0.2.1", "a" * 70 + ".invalid", ""])
def test_an_address_that_is_not_ours_is_a_setting_to_mend(tmp_path: Path, host: str):
    with pytest.raises(InvalidSetting, match="QDPI_HOST"):
        listen(settings(tmp_path, host=host, port=0))
