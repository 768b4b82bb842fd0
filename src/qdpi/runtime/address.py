"""The gateway's address: listen before anything else starts, so that a taken port is refused at once."""

from __future__ import annotations

import errno
import socket
from typing import Final

from qdpi.errors import InvalidSetting, QdpiError
from qdpi.settings import Settings

_BACKLOG: Final = 1_024


class PortTaken(QdpiError):
    """Another program listens at the gateway's address, or this user may not."""

    code = "port_taken"
    default_next_step = "Give another with --port or QDPI_PORT; 0 takes a free one."


def listen(settings: Settings) -> socket.socket:
    """Return a socket that listens at the settings' address.

    Raises `PortTaken`, or `InvalidSetting` for an address that this machine does not have.
    """
    host, port = settings.host, settings.port
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except (OSError, UnicodeError) as error:
        raise _refused(host, port, error) from error


def _refused(host: str, port: int, error: Exception) -> QdpiError:
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return PortTaken(f"Port {port} of {host} is taken by another program.")
    if number == errno.EACCES:
        return PortTaken(f"Port {port} of {host} may not be used by this user.")
    return InvalidSetting(
        f"QDPI_HOST is {host!r}, and listening there fails: {getattr(error, 'strerror', None) or error}.",
        next_step="Give 127.0.0.1 for this machine alone, or 0.0.0.0 for every machine that can reach it.",
    )


def address_of(listening: socket.socket) -> str:
    """Return the URL at which a listening socket is reached from this machine."""
    host, port = listening.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (a comparison)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
