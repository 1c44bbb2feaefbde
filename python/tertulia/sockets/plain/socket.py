"""The plain dialect over a WebSocket: picows' frames in, calls of the hub out."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from picows import WSFrame, WSMsgType, WSTransport

from tertulia.hub.client import CallId
from tertulia.hub.hub import Hub
from tertulia.ids import ConnectionId, new_token
from tertulia.places import Place
from tertulia.room import closing
from tertulia.room.events import Event
from tertulia.room.rate import Verdict
from tertulia.sockets import deflate
from tertulia.sockets.cork import Turn
from tertulia.sockets.lobby import CROWDED, MAX_MESSAGE, Lobby
from tertulia.sockets.outgoing import CLEAN, OutgoingSocket, wire
from tertulia.sockets.plain import frames
from tertulia.sockets.upgrade import Endpoint, Refusal, Upgrade
from tertulia.strict_json import parts_of

_WIRE: Final = "plain on a WebSocket"
_DEFLATED: Final = "plain on a WebSocket, large ones compressed"
MAX_REFUSED: Final = 4 * 1024
"""Bytes to which a message is inflated that came beyond the rate limit: its id is wanted, and a KeepAlive is small."""


def endpoint(hub: Hub, lobby: Lobby) -> Endpoint:
    """The endpoint of the plain dialect."""
    turn = Turn()

    def open_one(upgrade: Upgrade) -> PlainSocket | Refusal:
        place = lobby.enter(upgrade.client)
        if place is None:
            return CROWDED
        deflates = deflate.is_offered(upgrade.headers.getall(deflate.HEADER, ()))
        return PlainSocket(hub, turn, upgrade.client, place, deflates=deflates)

    return open_one


def _event_wire(event: Event) -> bytes:
    return wire(frames.event_frame(event), binary=False)


def _deflated_event_wire(event: Event) -> bytes:
    return wire(frames.event_frame(event), binary=False, deflates=True)


class PlainSocket(OutgoingSocket):
    """One client of the plain dialect (a :class:`tertulia.hub.client.Client`)."""

    __slots__ = (
        *("_address", "_bound", "_deflates", "_hub", "_id", "_is_admitted", "_is_deflated", "_parts", "_place"),
        "_size",
    )

    def __init__(self, hub: Hub, turn: Turn, address: str, place: Place, *, deflates: bool) -> None:
        super().__init__(turn)
        self._deflates = deflates
        self._address = address
        self._hub = hub
        self._place = place
        self._bound = MAX_MESSAGE
        """Bytes of a message: few, until a JoinRoom is under way whose token is good."""
        self._id = ConnectionId(new_token("c_"))
        self._parts: list[bytes] | None = None
        """The fragments of a message that is still incomplete, ``_size`` bytes together."""
        self._size = 0
        self._is_admitted = True
        """Whether they all were."""
        self._is_deflated = False
        """Whether the message that they make is compressed."""

    # --- the hub's side

    @property
    def id(self) -> ConnectionId:
        """The connection's id."""
        return self._id

    @property
    def address(self) -> str | None:
        """The IP address it came from."""
        return self._address or None

    def send(self, event: Event) -> bool:
        """Send an event; False: in the place of a stale one."""
        made = event.frame(_DEFLATED, _deflated_event_wire) if self._deflates else event.frame(_WIRE, _event_wire)
        return self.write_wire(made, event.latest)

    def reply(self, call: CallId, result: Struct) -> None:
        """Answer a call with its result. Who is alone and asks for none to KeepAlive is sent nothing else."""
        frame = frames.reply_frame(call, result)
        if frame is not None:
            self.write_wire(wire(frame, binary=False, deflates=self._deflates))
        else:
            self._pulse()

    def refuse(self, call: CallId, error: Exception) -> None:
        """Answer a call with an error."""
        self.write_wire(wire(frames.refusal_frame(call, error), binary=False))

    def widen(self, *, wide: bool) -> None:
        """Take large messages, or small ones only."""
        self._bound = frames.MAX_FRAME if wide else MAX_MESSAGE
        if not wide:
            self.narrowed()
            if self._parts is not None and self._size > self._bound:
                self._too_big()

    def joined(self) -> None:
        """It has a seat."""
        self._place.leave()

    def close(self, code: int, reason: str) -> None:
        """Send what waits, then close."""
        self._hang_up(code, reason)

    def shutdown(self) -> None:
        """The server is stopping."""
        self.close(*closing.GOING_AWAY)

    @property
    def connection_id(self) -> str:
        """The connection's id."""
        return self._id

    @property
    def deflates(self) -> bool:
        """Whether the client has offered it."""
        return self._deflates

    @property
    def is_wide(self) -> bool:
        """Whether a JoinRoom is under way, or had a good token."""
        return self._bound == frames.MAX_FRAME

    @property
    def is_proven(self) -> bool:
        """Whether it has joined a room."""
        return self.is_wide and not self._place.is_held

    def refuse_size(self) -> None:
        """A frame is too large for a client that has not joined."""
        self.close(*closing.TOO_BIG_YET)

    # --- picows' side

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The WebSocket is open."""
        self._begin(transport)
        self._hub.connected(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A frame."""
        if self._closed:
            return
        kind = frame.msg_type
        may_be_deflated = self._deflates and (kind is WSMsgType.TEXT or kind is WSMsgType.BINARY)
        if frame.rsv2 or frame.rsv3 or (frame.rsv1 and not may_be_deflated):
            self.close(*closing.PROTOCOL)
        elif frame.payload_size > self._bound:
            self._too_big()
        elif kind is WSMsgType.CLOSE:
            code = frame.get_close_code()
            self._answer_close(code)
            self._place.leave()
            self._hub.disconnected(self, clean=code in CLEAN, some_lost=self.unsent)
        elif kind is WSMsgType.BINARY:
            self.close(*closing.BINARY)
        else:
            is_admitted = self._hub.admits(self, frame.payload_size) is Verdict.ADMIT
            if not is_admitted:
                self.hold()
            self._counted(frame, kind, is_admitted=is_admitted)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The connection is gone."""
        self._end(lost=True)
        self._place.leave()
        self._hub.disconnected(self, clean=False, some_lost=self.unsent)

    def _counted(self, frame: WSFrame, kind: WSMsgType, *, is_admitted: bool) -> None:
        """Take a frame that the hub has admitted, or not."""
        if kind is WSMsgType.TEXT and frame.fin and self._parts is None:
            self._payload(frame.get_payload_as_bytes(), is_admitted=is_admitted, is_deflated=frame.rsv1)
        elif kind is WSMsgType.TEXT or kind is WSMsgType.CONTINUATION:
            self._fragment(frame, is_admitted=is_admitted)
        elif not is_admitted:
            self._hub.limited(self)
        elif kind is WSMsgType.PING:
            self._pong(frame.get_payload_as_bytes())

    def _payload(self, payload: bytes, *, is_admitted: bool, is_deflated: bool) -> None:
        """Take what all frames of a message have brought."""
        if not is_deflated:
            self._message(payload, is_admitted=is_admitted)
            return
        try:
            data = deflate.inflated(payload, self._bound if is_admitted else MAX_REFUSED)
        except deflate.TooLarge:
            if is_admitted:
                self._too_big()
            else:
                self._hub.limited(self, None)
        except deflate.Malformed:
            self.close(*closing.PROTOCOL)
        else:
            self._message(data, is_admitted=is_admitted, inflated=len(data) - len(payload))

    def _message(self, data: bytes, *, is_admitted: bool, inflated: int = 0) -> None:
        """Take a message, which has so many bytes more than came."""
        if not is_admitted:
            head = frames.head_of(data)
            self._hub.limited(self, head.id, is_keep_alive=head.is_keep_alive)
            return
        self._hub.weigh(self, parts_of(data), max(0, inflated))
        try:
            call = frames.parse(data)
        except frames.BadText:
            self.close(*closing.BAD_TEXT)
            return
        if isinstance(call, frames.Call):
            self._hub.call(self, call.id, call.event, call.payload)
        else:
            self._hub.malformed(self, call.id, call.error)

    def _fragment(self, frame: WSFrame, *, is_admitted: bool) -> None:
        """Take a fragment of a message (RFC 6455, section 5.4), all of which have to be admitted."""
        if (frame.msg_type is WSMsgType.CONTINUATION) == (self._parts is None):
            self.close(*closing.PROTOCOL)
            return
        if self._parts is None:
            self._parts = []
            self._size = 0
            self._is_admitted = True
            self._is_deflated = frame.rsv1
        self._is_admitted &= is_admitted
        self._size += frame.payload_size
        if self._size > self._bound:
            self._too_big()
            return
        if frame.payload_size:
            self._parts.append(frame.get_payload_as_bytes())
        if frame.fin:
            payload = b"".join(self._parts)
            self._parts = None
            self._payload(payload, is_admitted=self._is_admitted, is_deflated=self._is_deflated)
        elif not is_admitted:
            self._hub.limited(self)

    def _too_big(self) -> None:
        self.close(*(closing.TOO_BIG if self.is_wide else closing.TOO_BIG_YET))

    def _stuck(self) -> None:
        self.close(*closing.STUCK)
