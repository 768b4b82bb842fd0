from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from qdpi.observability.logs import configure_logs
from qdpi.settings import LogFormat, Settings


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def refuse(words: str) -> None:
    raise ValueError(f"{len(words)} characters are too many.")


@pytest.mark.parametrize("log_format", LogFormat)
def test_traceback_has_no_local_variables(log_format: LogFormat, capsys: pytest.CaptureFixture[str]):
    configure_logs(Settings(log_format=log_format))
    words = "-".join(("whispered", "by", "a", "reader"))
    try:
        refuse(words)
    except ValueError:
        structlog.get_logger().exception("handler.gave_up")
    result = capsys.readouterr().err
    assert "21 characters are too many." in result
    assert "test_logs.py" in result
    assert words not in result
