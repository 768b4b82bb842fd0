"""A typed client of the gateway, built on the gateway's own request and response models.

Share one `Client` in a program:

    async with Client("http://127.0.0.1:8000") as client:
        session = (await client.session()).session_id
        await client.press(session, "an-author:XC")
        async for frame in client.stream(session, after=0): ...
"""

from __future__ import annotations

from qdpi.client.client import Client
from qdpi.client.errors import GatewayUnreachable, Refused, UnreadableAnswer
from qdpi.client.stream import Frame

__all__ = ["Client", "Frame", "GatewayUnreachable", "Refused", "UnreadableAnswer"]
