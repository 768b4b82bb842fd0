"""The gateway under uvicorn: a server that ends its open streams before it waits for its connections."""

from __future__ import annotations

import socket
from typing import Any, Final

import uvicorn
from fastapi import FastAPI

GRACE_SECONDS: Final = 5
"""How long open requests may take to end when the server stops."""
_WEBSOCKET_BYTES: Final = 64 << 10
_TICKS_BETWEEN_LOOKS: Final = 50
"""uvicorn ticks ten times a second: what does not drain within two looks is dropped after 5 to 10 s."""


class GatewayServer(uvicorn.Server):
    """A uvicorn server of one gateway.

    uvicorn by itself would wait, when it stops, for streams that never end, and keep for ever the connection
    of a client that was cut because it does not read.
    """

    def __init__(self, app: FastAPI, *, host: str, port: int) -> None:
        proxies = app.state.gateway.system.settings.proxies  # uvicorn by itself believes this whole machine
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            log_level="warning",  # its other lines hold addresses, and these hold session ids
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
        """Start; what is sent goes at once.

        asyncio sees to that only for sockets it made itself. Where Nagle's algorithm holds an answer's last
        piece back for the client's delayed acknowledgement, each answer takes 40 ms more.
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
        """Now and then drop the connections that were to be closed and do not drain."""
        if counter % _TICKS_BETWEEN_LOOKS == 0:
            self.drop_undrained()
        return await super().on_tick(counter)

    def drop_undrained(self) -> None:
        """Drop the connections that are still closing since the last look."""
        closing = {c for c in self.server_state.connections if c.transport.is_closing()}
        for connection in closing & self._closing:
            connection.transport.abort()
        self._closing = closing
