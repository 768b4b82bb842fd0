"""The gateway's address: listen before anything else starts, so that a taken port is refused at once."""

from __future__ import annotations

import errno
import socket
from typing import Final

from qdpi.errors import InvalidSetting, QdpiError
from qdpi.gateway.hosts import is_loopback, own_hosts
from qdpi.settings import Settings, Switch

_BACKLOG: Final = 1_024
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (addresses to be shown as others)
"""What listens at every address, and the one of those by which this machine reaches it."""


class PortTaken(QdpiError):
    """Another program listens at the gateway's address, or this user may not."""

    code = "port_taken"
    default_next_step = "Give another with --port or QDPI_PORT; 0 takes a free one."


def listen(settings: Settings) -> socket.socket:
    """Return a socket that listens at the settings' address.

    Raises `PortTaken`, or `InvalidSetting` for an address that this machine does not have, or that others can reach
    where sessions are not signed.
    """
    host, port = settings.host, settings.port
    own_hosts(settings)
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        _check_closed(settings, str(address[0]))
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except InvalidSetting:
        raise
    except (OSError, UnicodeError) as error:
        raise _refused(host, port, error) from error


def _check_closed(settings: Settings, address: str) -> None:
    if is_loopback(address) or settings.secrets or settings.open is Switch.ON:
        return
    raise InvalidSetting(
        f"QDPI_HOST is {settings.host!r}, which other machines can reach, and QDPI_SECRET is unset: whoever "
        "guesses the name of a journey could read it and press in it.",
        next_step="Set QDPI_SECRET, for example to what `openssl rand -hex 32` prints; or say QDPI_OPEN=on.",
    )


def _refused(host: str, port: int, error: Exception) -> QdpiError:
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return PortTaken(f"Port {port} of {host} is taken by another program.")
    if number == errno.EACCES:
        return PortTaken(f"Port {port} of {host} may not be used by this user.")
    return InvalidSetting(
        f"QDPI_HOST is {host!r}, and listening there fails: {getattr(error, 'strerror', None) or error}.",
        next_step="Give 127.0.0.1 for this machine alone, or 0.0.0.0 and a QDPI_SECRET for every machine "
        "that can reach it.",
    )


def address_of(listening: socket.socket, root_path: str = "") -> str:
    """Return the URL at which a listening socket is reached from this machine, with the sub-path of its links."""
    host, port = listening.getsockname()[:2]
    shown = _EVERYWHERE.get(host, host)
    return f"http://[{shown}]:{port}{root_path}" if ":" in shown else f"http://{shown}:{port}{root_path}"


def reach_of(listening: socket.socket, settings: Settings) -> str | None:
    """Return a sentence on who else can reach a listening socket, None where nobody outside this machine can."""
    host, port = listening.getsockname()[:2]
    if is_loopback(host):
        return None
    where = f"at port {port} of every address of this machine" if host in _EVERYWHERE else "from other machines"
    who = "with a session that it signs" if settings.secrets else "without a secret: everybody can read every journey"
    return f"reached {where}, {who}"
