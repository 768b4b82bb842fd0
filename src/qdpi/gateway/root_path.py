"""A gateway under a sub-path of a proxy, QDPI_ROOT_PATH, whether or not the proxy takes the sub-path off."""

from __future__ import annotations

from urllib.parse import quote

from starlette.types import ASGIApp, Receive, Scope, Send

from qdpi.api import API_PREFIX


class RootPath:
    """Takes the sub-path off the paths of requests, so that all else sees the paths of a gateway at the root."""

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        self._app, self._root = app, root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request or a WebSocket."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        path = inner_path(scope["path"], self._root)
        if path != scope["path"]:
            scope = {**scope, "path": path, "raw_path": quote(path).encode()}
        await self._app(scope, receive, send)


def inner_path(path: str, root: str) -> str:
    """Return a path without the sub-path, if it has it.

    A path of our own API stays, also under a sub-path that begins alike: under `/api`, a proxy that takes the sub-path
    off sends `/api/v1/…`, another `/api/api/v1/…`.
    """
    if path.startswith(f"{API_PREFIX}/"):
        return path
    if path == root:
        return "/"
    return path[len(root) :] if path.startswith(f"{root}/") else path
