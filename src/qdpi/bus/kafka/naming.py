"""Names on the wire: ours behind a prefix, so that several systems share a cluster."""

from __future__ import annotations

from typing import NamedTuple


class Names(NamedTuple):
    """Puts a prefix before names, and takes it off."""

    prefix: str

    def wire(self, name: str) -> str:
        """Return the name that brokers know."""
        return self.prefix + name

    def plain(self, wired: str) -> str:
        """Return our name of a topic that is ours."""
        return wired.removeprefix(self.prefix)

    def is_ours(self, wired: str) -> bool:
        """Tell whether a topic of the cluster is ours: brokers keep their own under two underscores."""
        return wired.startswith(self.prefix) and not wired.startswith("__")
