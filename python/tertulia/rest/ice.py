"""``iceServers``: TURN with ephemeral credentials where configured, else STUN."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
from collections.abc import Sequence
from typing import Final

from tertulia.contract.answers import IceServer
from tertulia.errors import Unavailable
from tertulia.ids import UserId
from tertulia.room.placement import Node
from tertulia.state.registry import RegistryCache

_MOST_NODES: Final = 3
"""STUN servers in an answer, each of another machine. One is enough, and browsers warn at five or more."""


class IceServers:
    """Answers which ICE servers a client should use."""

    def __init__(
        self, nodes: RegistryCache[Node], turn_urls: Sequence[str], turn_secret: str | None, stun_urls: Sequence[str]
    ) -> None:
        self._nodes = nodes
        self._turn_urls = list(turn_urls)
        self._turn_secret = turn_secret
        self._stun_urls = list(stun_urls)

    async def servers(self, user_id: UserId, expires_at: int) -> list[IceServer]:
        """What ``RTCPeerConnection`` takes; never empty.

        Raises:
            Unavailable: there is no TURN or STUN configured, and no SFU node alive.
        """
        servers = []
        if self._turn_urls and self._turn_secret is not None:
            username, credential = turn_credential(self._turn_secret, user_id, expires_at)
            servers.append(IceServer(urls=self._turn_urls, username=username, credential=credential))
        if self._stun_urls:
            servers.append(IceServer(urls=self._stun_urls))
        if not servers:
            servers.append(IceServer(urls=await self._node_urls()))
        return servers

    async def _node_urls(self) -> list[str]:
        nodes = (await self._nodes.fresh()).values()
        by_machine = {node.ip: stun_url(node) for node in nodes}
        urls = list(by_machine.values())[:_MOST_NODES]
        if not urls:
            raise Unavailable("no SFU node is alive, and neither TERTULIA_TURN_URLS nor TERTULIA_STUN_URLS is set")
        return urls


def turn_credential(secret: str, user_id: UserId, expires_at: int) -> tuple[str, str]:
    """Username and credential by the TURN REST convention that coturn implements (``use-auth-secret``)."""
    username = f"{expires_at}:{user_id}"
    digest = hmac.digest(secret.encode(), username.encode(), hashlib.sha1)
    return username, base64.b64encode(digest).decode()


def stun_url(node: Node) -> str:
    """The STUN URL (RFC 7064) of a node's media port."""
    host = f"[{node.ip}]" if ipaddress.ip_address(node.ip).version == 6 else node.ip
    return f"stun:{host}:{node.port}"
