"""The parts of the event bus's behaviour suite; `tests.contract.event_bus_suite` joins them."""

import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.{part}" for part in ("publishing", "groups", "taps", "administration", "processes"))
)
