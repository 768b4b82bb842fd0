"""Ports on loopback that are free, and stay so while their server is down."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Sequence
from contextlib import closing
from random import Random
from typing import Final

from qdpi.errors import ServicesFailed

_RANGE: Final = range(20_000, 32_000)
"""Below the ports that systems give to outgoing connections, which would take them from a stopped server."""


def free_ports(hosts: Sequence[str], count: int, random: Random) -> list[int]:
    """Return ports, each free on all of these addresses. Raises `ServicesFailed`."""
    found: list[int] = []
    for port in random.sample(_RANGE, len(_RANGE)):
        if all(is_free(host, port) for host in hosts):
            found.append(port)
        if len(found) == count:
            return found
    raise ServicesFailed(
        f"No {count} ports of {_RANGE.start} to {_RANGE.stop} are free.", next_step="Stop some server."
    )


def is_free(host: str, port: int) -> bool:
    """Tell whether a server could listen there. Raises `ServicesFailed` where the address is not this machine's."""
    with closing(socket.socket()) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise ServicesFailed(f"{host} is no address of this machine.", next_step=_adding(host)) from error
            return False
    return True


def _adding(host: str) -> str:
    command = f"ifconfig lo0 alias {host}" if sys.platform == "darwin" else f"ip address add {host}/8 dev lo"
    return f"Run `sudo {command}`, and try again."
