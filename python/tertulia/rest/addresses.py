"""The addresses in answers: of this server, as its clients reach it, and of the page."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import urlsplit

from starlette.requests import Request

from tertulia.ids import RoomId

WS_PATH: Final = "/ws"
"""Of the plain dialect."""


class Base(NamedTuple):
    """``http(s)://host[:port]``."""

    url: str

    @property
    def ws_url(self) -> str:
        """Of the plain dialect."""
        parts = urlsplit(self.url)
        return parts._replace(scheme="wss" if parts.scheme == "https" else "ws").geturl() + WS_PATH

    @property
    def hub_url(self) -> str:
        """Of the SignalR hub."""
        return self.url + "/hub"

    def meeting(self, code: str) -> str:
        """The page, for whoever holds the code of an invite."""
        return f"{self.url}/m/{code}"

    def invite(self, room_id: RoomId, token: str) -> str:
        """The page, for whoever holds an invite. The token is in the fragment, which no server's log ever sees."""
        return f"{self.url}/r/{room_id}#invite={token}"

    def host(self, room_id: RoomId, token: str) -> str:
        """The page, for the host with the joinToken."""
        return f"{self.url}/r/{room_id}#token={token}"


def base_of(request: Request, public_url: str | None) -> Base:
    """The configured address, else the one that the client used."""
    return Base(public_url or f"{request.url.scheme}://{request.url.netloc}")
