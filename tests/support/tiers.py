"""A pytest plugin: the three tiers of the suite, and which of them a run takes (`--tier check,test`).

- `check`: what needs nothing but this process and a moment: no server, no other process, no local model;
- `test`: what needs a Kafka, a Cassandra, another process or the local model, what takes seconds (`slow`), and the
  folders whose tests run the whole product;
- `long`: what is marked `long`, because it takes a minute or servers of its own.

A test of the tier `check` that starts a process fails, so that the tier stays what it says.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

import pytest


class Tier(StrEnum):
    """A tier of the suite; each test is in exactly one."""

    CHECK = "check"
    TEST = "test"
    LONG = "long"


NEEDS: Final = ("kafka", "cassandra", "process", "local_model", "epubcheck", "web", "slow")
"""The marks of tests that need more than this process and a moment; `pyproject.toml` explains each."""
WHOLE_PRODUCT: Final = ("flow", "faults", "repair")
"""The folders whose tests run the whole product, each with a book, a bus and a store of its own: of the tier `test`."""
STARTS_PROCESS: Final = frozenset({"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"})
"""Audit events of a process that is started (https://docs.python.org/3/library/audit_events.html)."""

COLLECTED: Final = pytest.StashKey[dict[str, Tier]]()
"""Every collected test by its id, those that the run leaves out included."""


def tier_of(item: pytest.Item) -> Tier:
    """Return the tier of a test."""
    if item.get_closest_marker("long"):
        return Tier.LONG
    if any(item.get_closest_marker(need) for need in NEEDS) or item.path.parent.name in WHOLE_PRODUCT:
        return Tier.TEST
    return Tier.CHECK


def tiers_named(names: str) -> frozenset[Tier]:
    """Return the tiers of a comma-separated list. Raises `pytest.UsageError` for any other word."""
    try:
        return frozenset(Tier(name.strip()) for name in names.split(","))
    except ValueError as error:
        raise pytest.UsageError(f"--tier: {error}; the tiers are {', '.join(Tier)}.") from None


def taken_by(wanted: frozenset[Tier], tiers: Mapping[str, Tier]) -> Iterator[str]:
    """Give the tests, by id, that a run of some tiers takes."""
    return (test for test, tier in tiers.items() if tier in wanted)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--tier", metavar="TIER[,TIER…]", help=f"Run the tests of some tiers alone: {', '.join(Tier)}. By default: all."
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    tiers = {item.nodeid: tier_of(item) for item in items}
    config.stash[COLLECTED] = tiers
    named = config.getoption("--tier")
    if named is None:
        return
    wanted = tiers_named(named)
    taken = set(taken_by(wanted, tiers))
    left_out = [item for item in items if item.nodeid not in taken]
    items[:] = [item for item in items if item.nodeid in taken]
    config.hook.pytest_deselected(items=left_out)


class _Guard:
    """Refuses to start a process for a test of the tier `check`. There is no way to remove an audit hook."""

    def __init__(self) -> None:
        self.test: str | None = None
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.test is not None and event in STARTS_PROCESS:
            test, self.test = self.test, None
            raise RuntimeError(f"{test} starts a process ({event} {arguments[:1]}): mark it `process`.")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_Plugin(_Guard()), "tiers-guard")


class _Plugin:
    def __init__(self, guard: _Guard) -> None:
        self._guard = guard

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._guard.test = item.nodeid if tier_of(item) is Tier.CHECK else None
        try:
            return (yield)
        finally:
            self._guard.test = None
