"""The parts of the event bus's contract suite; `tests.contract.event_bus_suite` combines them."""

import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.{part}" for part in ("publishing", "groups", "taps", "administration", "processes"))
)
