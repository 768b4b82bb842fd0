"""A pytest plugin: which tests may run beside each other, where there are several processes (`pytest -n 2`).

Whatever needs real servers runs in one process, one test after another: a Kafka and a Cassandra are started once,
and no measured silence of theirs is another test's load. All others run beside them, file by file.
"""

from __future__ import annotations

import pytest

SERVERS = ("kafka", "cassandra")


def group_of(item: pytest.Item) -> str:
    """Return the name that it shares with the tests of its process."""
    if any(item.get_closest_marker(server) for server in SERVERS):
        return "servers"
    return item.path.relative_to(item.config.rootpath).as_posix()


@pytest.hookimpl(tryfirst=True)  # the distributor reads the marks in the same hook
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group_of(item)))
