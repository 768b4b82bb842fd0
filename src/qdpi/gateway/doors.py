"""Who may ask at all: no page of another site, and nobody under a name that is not the gateway's.

A browser sends requests to this machine for every page that it shows. What one of another site would change is refused
(https://owasp.org/www-community/attacks/csrf), and so is a name that somebody else has pointed at this machine (DNS
rebinding), under which a page of theirs would count as ours. Programs say neither `Sec-Fetch-Site` nor `Origin`, and
are served.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

from qdpi.errors import ForbiddenOrigin, QdpiError, UnknownHost
from qdpi.gateway.context import EXCHANGE, Gateway
from qdpi.gateway.hosts import Host, is_loopback, own_hosts, parse_host
from qdpi.gateway.problems import problem_response, refusal_of
from qdpi.settings import Settings

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, 9.2.1). Their answers are kept from other sites by the browser."""
_ABSOLUTE: Final = (b"http://", b"https://")


@dataclass(frozen=True, slots=True)
class Doors:
    """Decides by the headers of a request; holds nothing of any request.

    `names` are the gateway's own names besides those of this machine, `origins` those of other sites whose pages may
    use it (`*`: all). With `guarded` only these names are served.
    """

    names: Collection[Host]
    origins: Collection[str]
    guarded: bool
    addresses: bool
    """Whether every IP address is served: this machine has others than its loopback ones."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the doors of a gateway's settings. Raises `InvalidSetting`."""
        here, listens = is_loopback(settings.host), parse_host(settings.host)
        named = own_hosts(settings)
        names = (*named, *([listens] if listens else []))
        return cls(names, settings.origins, here or bool(named), addresses=not here)

    def refusal(self, method: str | None, headers: Headers) -> QdpiError | None:
        """Return why a request is refused, None where it is served. `method` is None for a WebSocket's handshake."""
        given = headers.getlist("host")
        host = parse_host(given[0]) if len(given) == 1 else None
        if not self._serves(host) and (self.guarded or len(given) > 1):
            shown = ", ".join(given)[:80]
            return UnknownHost(f"The request is for the host {shown!r}, which is not a name of this gateway.")
        if method in _SAFE:
            return None
        site, origin = ", ".join(headers.getlist("sec-fetch-site")).lower(), ", ".join(headers.getlist("origin"))
        if self._is_ours(site, origin, host):
            return None
        return ForbiddenOrigin(f"A page of another site, {origin[:80] or 'unnamed'!r}, may not do this here.")

    def _serves(self, host: Host | None) -> bool:
        if host is None:
            return False
        own = host.is_loopback or any(host.name == name.name for name in self.names)
        return own or (self.addresses and host.is_address)

    def _is_ours(self, site: str, origin: str, host: Host | None) -> bool:
        """Say whether a request comes from a page of ours or of an allowed origin, or from no page.

        Another port of the same host (`same-site`) is another program, so only an allowed origin helps it.
        """
        if origin and ("*" in self.origins or origin.lower() in self.origins):
            return True
        if site == "same-origin" or site not in {"", "none"}:
            return site == "same-origin"
        return not origin or self._is_own_origin(origin, host)  # no page asks, or a browser that says no more

    def _is_own_origin(self, origin: str, host: Host | None) -> bool:
        """Say whether an origin is the host that was asked, or the name of ours by which a proxy is asked."""
        scheme, _, authority = origin.lower().partition("://")
        asking = parse_host(authority)
        if asking is None or scheme not in {"http", "https"}:
            return False
        own = [*self.names, *([host] if host else [])]
        return asking.under(scheme) in {name.under(scheme) for name in own}


class Guard:
    """Refuses what the doors refuse, requests and handshakes of WebSockets alike."""

    def __init__(self, app: ASGIApp, gateway: Gateway) -> None:
        self._app, self._gateway = app, gateway
        self._doors = Doors.of(gateway.system.settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request or a WebSocket."""
        refused = None
        if scope["type"] != "lifespan":
            refused = self._doors.refusal(scope.get("method"), Headers(scope=scope))
        if refused is None:
            await self._app(scope, receive, send)
            return
        self._gateway.system.metrics.refused.labels(refused.code).inc()
        await problem_response(refusal_of(refused), self._gateway, scope[EXCHANGE])(scope, receive, send)


class OriginForm:
    """Takes the host out of a target that has one, as it counts before the header `Host` (RFC 9112, 3.2.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request or a WebSocket."""
        await self._app(in_origin_form(scope) if scope["type"] == "http" else scope, receive, send)


def in_origin_form(scope: Scope) -> Scope:
    """Return the scope of a request whose target is a path."""
    target = scope.get("raw_path") or b""
    if not target.lower().startswith(_ABSOLUTE):
        return scope
    parts = urlsplit(target.decode("ascii", "replace"))
    moved = {**scope, "path": unquote(parts.path) or "/", "raw_path": (parts.path or "/").encode()}
    moved["headers"] = [*scope["headers"]]
    headers = MutableHeaders(scope=moved)
    del headers["host"]
    headers["host"] = parts.netloc
    return moved
