"""Ports for servers that tests stop and start again at the same address."""

from __future__ import annotations

from random import SystemRandom
from typing import Final

from qdpi.cluster.setup import free_ports

LOOPBACK: Final = "127.0.0.1"


def kept_port() -> int:
    """Return a free port of this machine that no outgoing connection takes while nothing listens on it.

    The port that a socket is given for 0 is one of those: in a busy run another test's client has it a moment later.
    """
    (port,) = free_ports([LOOPBACK], 1, SystemRandom())
    return port
