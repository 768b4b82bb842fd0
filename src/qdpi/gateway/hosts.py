"""Hosts as requests and settings name them: a name or an address, and a port."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, NamedTuple

from qdpi.errors import InvalidSetting
from qdpi.settings import Settings

_AUTHORITY: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?", re.IGNORECASE)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class Host(NamedTuple):
    """A name in lower case without its last dot, or an IP address; the port is None where it is the scheme's own."""

    name: str
    port: int | None

    @property
    def is_loopback(self) -> bool:
        """Whether the name means the machine that asks, and nobody can make it mean another."""
        return is_loopback(self.name)

    @property
    def is_address(self) -> bool:
        """Whether it is an IP address, which no name server can change."""
        return _address(self.name) is not None

    def under(self, scheme: str) -> Host:
        """Return the host with the port that a scheme gives it."""
        return self._replace(port=self.port or _DEFAULT_PORTS.get(scheme))


def parse_host(authority: str) -> Host | None:
    """Return the host of `name`, `name:port`, `[address]` or `[address]:port`; None for anything else."""
    found = _AUTHORITY.fullmatch(authority.strip())
    if found is None:
        return None
    name, port = found[1].lower(), int(found[2]) if found[2] else None
    if name.startswith("["):
        address = _address(name[1:-1])
        return Host(str(address), port) if isinstance(address, IPv6Address) else None
    return Host(name.removesuffix("."), port) if name.strip(".") else None


def own_hosts(settings: Settings) -> tuple[Host, ...]:
    """Return the hosts that QDPI_HOSTS names. Raises `InvalidSetting`."""
    return tuple(map(_named, settings.own_hosts))


def _named(name: str) -> Host:
    host = parse_host(name)
    if host is None:
        raise InvalidSetting(
            f"QDPI_HOSTS names {name[:80]!r}, which is not a host.",
            next_step="Give names alone, such as book.example, or with a port, such as book.example:8443.",
        )
    return host


def is_loopback(name: str) -> bool:
    """Return whether a name or an address, without brackets and port, is this machine's own (RFC 6761, 6.3)."""
    bare = name.lower().removesuffix(".")
    if bare == "localhost" or bare.endswith(".localhost"):
        return True
    address = _address(bare)
    mapped = getattr(address, "ipv4_mapped", None)
    return address is not None and (mapped or address).is_loopback


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name.partition("%")[0])
    except ValueError:
        return None
