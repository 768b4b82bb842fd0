"""The gateway under uvicorn: a server that ends its open streams before it waits for its connections."""

from __future__ import annotations

import socket
from typing import Final

import uvicorn
from fastapi import FastAPI

GRACE_SECONDS: Final = 5
"""How long open requests may take to end when the server stops."""
_WEBSOCKET_BYTES: Final = 64 << 10


class GatewayServer(uvicorn.Server):
    """A uvicorn server of one gateway. uvicorn by itself would wait for streams that never end."""

    def __init__(self, app: FastAPI, *, host: str, port: int) -> None:
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            log_level="warning",  # its other lines hold addresses, and these hold session ids
            access_log=False,
            ws_max_size=_WEBSOCKET_BYTES,
            timeout_graceful_shutdown=GRACE_SECONDS,
            server_header=False,
        )
        super().__init__(config)
        self._hub = app.state.gateway.hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then the server."""
        self._hub.close()
        await super().shutdown(sockets)
