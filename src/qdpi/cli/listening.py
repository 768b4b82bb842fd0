"""Taking the gateway's address before anything else is started."""

from __future__ import annotations

import errno
import socket
from typing import Final

from qdpi.errors import InvalidSetting, QdpiError
from qdpi.settings import Settings

_BACKLOG: Final = 1_024


class PortTaken(QdpiError):
    """Somebody else listens where the gateway was to listen."""

    code = "port_taken"
    default_next_step = "Give another with --port or QDPI_PORT; 0 takes a free one."


def listen(settings: Settings) -> socket.socket:
    """Return a socket that listens at the settings' address, so that nobody else takes it meanwhile.

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
        return PortTaken(f"Port {port} of {host} is not for this user to take.")
    return InvalidSetting(
        f"QDPI_HOST is {host!r}, and nothing can listen there: {getattr(error, 'strerror', None) or error}.",
        next_step="Give 127.0.0.1 for this machine alone, or 0.0.0.0 for all who can reach it.",
    )


def address_of(listening: socket.socket) -> str:
    """Return the URL at which a listening socket is reached from this machine."""
    host, port = listening.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (a comparison)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
