"""A pytest plugin: which tests may run beside each other, where there are several processes (`pytest -n 3`).

Tests on the shared Kafka run one after another in one process, those on the shared Cassandra (or on both) in another,
those in the browser in a third and those in the browser with a model in the test's hands in a fourth, and all others
beside them, file by file. Tests of the tier `long` that start servers
of their own run one after another, because three nodes of each fill two cores. A mark `xdist_group` of a test's own
wins.

What takes longest begins first (`--no-loadscope-reorder` keeps the order that tests have here): no process has a minute
left to do when the others have ended.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Final

import pytest
from tests.support.tiers import Tier, tier_of

_MODEL = "told"
"""The fixture of the server whose model is in the test's hands (tests/web/conftest.py)."""


def group_of(item: pytest.Item) -> str:
    """Return the name that it shares with the tests of its process."""
    own = item.get_closest_marker("xdist_group")
    if own:
        return str(own.args[0])
    servers = [server for server in ("cassandra", "kafka") if item.get_closest_marker(server)]
    if servers and item.get_closest_marker("long"):
        return "servers"
    if item.get_closest_marker("web"):
        return "web with a model" if _MODEL in getattr(item, "fixturenames", ()) else "web"
    return servers[0] if servers else item.path.relative_to(item.config.rootpath).as_posix()


_FIRST: Final = ("cassandra", "web", "web with a model", "kafka", "servers", "witnesses")
"""The groups with minutes of work, the longest first."""


def turn_of(group: str, tiers: Collection[Tier]) -> int:
    """Return when a group with tests of some tiers begins: those above, then what takes seconds, then what does not."""
    if group in _FIRST:
        return _FIRST.index(group)
    return len(_FIRST) + (set(tiers) == {Tier.CHECK})


@pytest.hookimpl(tryfirst=True)  # the distributor reads the marks in the same hook
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.pluginmanager.hasplugin("xdist"):
        return
    tiers = defaultdict[str, set[Tier]](set)
    for item in items:
        tiers[group_of(item)].add(tier_of(item))
    turns = {group: turn_of(group, taken) for group, taken in tiers.items()}
    items.sort(key=lambda item: turns[group_of(item)])
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group_of(item)))
