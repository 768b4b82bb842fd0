"""The gateway under uvicorn: on shutdown it ends open streams before it waits for connections."""

from __future__ import annotations

import socket
from typing import Any, Final

import uvicorn
from fastapi import FastAPI

GRACE_SECONDS: Final = 5
"""How long open requests may take to finish when the server stops."""
_WEBSOCKET_BYTES: Final = 64 << 10
_TICKS_BETWEEN_CHECKS: Final = 50
"""uvicorn ticks ten times a second: a connection that does not drain within two checks is dropped after 5 to 10 s."""


class GatewayServer(uvicorn.Server):
    """A uvicorn server of one gateway.

    Plain uvicorn would wait on shutdown for streams that never end, and would never drop the connection of a
    client that was disconnected because it does not read.
    """

    def __init__(self, app: FastAPI, *, host: str, port: int) -> None:
        proxies = app.state.gateway.system.settings.proxies  # uvicorn's default trusts every process of this machine
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            http="h11",  # whatever else is installed: it refuses what is ambiguous, such as two hosts
            log_config=None,
            log_level="warning",  # its info lines contain URLs, and these contain session ids
            access_log=False,
            ws_max_size=_WEBSOCKET_BYTES,
            timeout_graceful_shutdown=GRACE_SECONDS,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=list(proxies),
            server_header=False,
        )
        super().__init__(config)
        self._hub = app.state.gateway.hub
        self._closing: set[Any] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, with TCP_NODELAY on the listening sockets.

        asyncio sets it only on sockets it created. Without it, Nagle's algorithm holds a response's last segment
        back until the client's delayed acknowledgement, which adds 40 ms to each response.
        """
        for listener in sockets or ():
            if listener.family in {socket.AF_INET, socket.AF_INET6}:
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then the server."""
        self._hub.close()
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        """Periodically drop closing connections that do not drain."""
        if counter % _TICKS_BETWEEN_CHECKS == 0:
            self.drop_undrained()
        return await super().on_tick(counter)

    def drop_undrained(self) -> None:
        """Drop the connections that were closing at the last check and still are."""
        closing = {c for c in self.server_state.connections if c.transport.is_closing()}
        for connection in closing & self._closing:
            connection.transport.abort()
        self._closing = closing
