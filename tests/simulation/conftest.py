from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterator, Mapping

import pytest
import structlog
from tests.simulation.loop import SimulatedLoop
from tests.simulation.runs import quiet


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], AbstractEventLoop]]:
    """Run the coroutines of these tests in simulated time."""
    return {"simulated": SimulatedLoop}


@pytest.fixture(autouse=True)
def _few_logs() -> Iterator[None]:
    quiet()
    yield
    structlog.reset_defaults()
