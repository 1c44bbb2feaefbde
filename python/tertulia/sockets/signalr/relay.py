"""A WebSocket for a stateful connection that another web worker holds: its frames are passed on, both ways.

A stateful connection stays where it was negotiated, because the socket that replaces a lost one has to find it. This
worker passes frames on one at a time, pings too, and stops reading from the side that outruns the other.
"""

from __future__ import annotations

import asyncio
import traceback
from typing import Final, cast

import structlog
from picows import WSCloseCode, WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from tertulia.ids import HubId
from tertulia.places import Place
from tertulia.room import closing
from tertulia.signalr import handshake
from tertulia.signalr.encoding import HubProtocol
from tertulia.signalr.messages import Close, Sequence
from tertulia.sockets.signalr.mark import HEADER
from tertulia.sockets.signalr.other_workers import OtherWorkers
from tertulia.sockets.signalr.socket import REFUSED_SECONDS
from tertulia.sockets.tcp import enable_keepalive
from tertulia.sockets.upgrade import Upgrade, WebSocketListener

CONNECT_SECONDS: Final = 5.0
"""How long the owner may take to accept the WebSocket."""
GOING_AWAY: Final = cast("WSCloseCode", closing.GOING_AWAY.code)  # an int is taken as well
GONE: Final = "The connection is no longer there."

_NOT_REACHED: Final = "the worker of a stateful connection cannot be reached"

_log = structlog.get_logger(__name__)


class RelaySocket(WebSocketListener):
    """The client's side. ``worker`` holds the connection; ``upgrade`` is the client's request, whose query is secret.
    The owner counts the client among those who have not joined; ``place`` is left when it has answered."""

    __slots__ = (
        *("_closed", "_owner", "_place", "_refused", "_refused_timer", "_task", "_upgrade", "_worker", "_workers"),
        "_ws",
    )

    def __init__(self, workers: OtherWorkers, worker: HubId, upgrade: Upgrade, place: Place) -> None:
        self._workers = workers
        self._worker = worker
        self._upgrade = upgrade
        self._place = place
        self._ws: WSTransport | None = None
        self._owner: WSTransport | None = None
        self._task: asyncio.Task[None] | None = None
        self._refused = False
        self._refused_timer: asyncio.TimerHandle | None = None
        self._closed = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The WebSocket is open: connect to the owner."""
        self._ws = transport
        transport.underlying_transport.pause_reading()
        self._task = asyncio.create_task(self._connect())

    async def _connect(self) -> None:
        try:
            await self._dial()
        except (OSError, TimeoutError, WSError) as error:
            _log.info(_NOT_REACHED, worker=self._worker, error=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - the client is told, the log too
            # Not the error's own text, which may quote the URL with its secrets.
            where = traceback.format_tb(error.__traceback__)[-1]
            _log.error(_NOT_REACHED, worker=self._worker, error=type(error).__name__, where=where)
        if self._owner is None and not self._closed:
            self._refuse()
        self.hold(held=False)

    async def _dial(self) -> None:
        url = await self._workers.url(self._worker)
        if url is None:
            raise ConnectionRefusedError("no such worker")
        target = self._upgrade.target
        async with asyncio.timeout(CONNECT_SECONDS):
            await ws_connect(
                lambda: _Owner(self),
                url.replace("http", "ws", 1) + target,
                extra_headers={HEADER: self._workers.marks.make(self._upgrade.client, target)},
                max_frame_size=1 << 30,
            )

    def _refuse(self) -> None:
        """There is no owner: the client is told in answer to its first message, if it sends any."""
        self._refused = True
        self._refused_timer = asyncio.get_running_loop().call_later(
            REFUSED_SECONDS, self.end, GOING_AWAY, GONE.encode()
        )

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A frame of the client."""
        if self._closed:
            return
        kind = frame.msg_type
        if kind is WSMsgType.CLOSE:
            self._end(frame.get_close_code(), frame.get_close_message() or b"", to_owner=True)
        elif self._owner is not None:
            self._owner.send(kind, frame.get_payload_as_bytes(), fin=frame.fin)
        elif self._refused and (kind is WSMsgType.TEXT or kind is WSMsgType.BINARY):
            self._say_gone(frame)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The client is gone."""
        self._closed = True
        self._place.leave()
        if self._refused_timer is not None:
            self._refused_timer.cancel()
        if self._owner is not None:
            # Without a close frame: to the owner the connection is lost, as it is.
            self._owner.underlying_transport.abort()

    def pause_writing(self) -> None:
        """The client does not keep up."""
        if self._owner is not None:
            self._owner.underlying_transport.pause_reading()

    def resume_writing(self) -> None:
        """The client keeps up again."""
        if self._owner is not None:
            self._owner.underlying_transport.resume_reading()

    def shutdown(self) -> None:
        """The server is stopping."""
        if self._owner is not None:
            self._owner.underlying_transport.abort()
        self.end(GOING_AWAY, closing.GOING_AWAY.reason.encode())

    # --- from the owner

    def found(self, owner: WSTransport) -> None:
        """The owner has answered, perhaps too late."""
        if self._closed or self._refused:
            owner.underlying_transport.abort()
        else:
            enable_keepalive(owner.underlying_transport.get_extra_info("socket"))
            self._owner = owner
            self._place.leave()

    def deliver(self, frame: WSFrame) -> None:
        """A frame of the owner."""
        if not self._closed and self._ws is not None:
            self._ws.send(frame.msg_type, frame.get_payload_as_bytes(), fin=frame.fin)

    def end(self, code: WSCloseCode, reason: bytes) -> None:
        """The owner closed."""
        self._end(code, reason, to_owner=False)

    def lost(self) -> None:
        """The owner is gone, without a close frame."""
        if not self._closed and self._ws is not None:
            self._closed = True
            self._ws.underlying_transport.abort()

    def hold(self, *, held: bool) -> None:
        """The owner does not keep up, or keeps up again."""
        if self._ws is not None and not self._closed:
            transport = self._ws.underlying_transport
            if held:
                transport.pause_reading()
            else:
                transport.resume_reading()

    def _end(self, code: WSCloseCode, reason: bytes, *, to_owner: bool) -> None:
        if self._closed:
            return
        self._closed = True
        for ws in (self._ws, self._owner if to_owner else None):
            if ws is not None:
                # Neither code is ever sent (RFC 6455, section 7.4.1), and picows cannot send an empty close frame.
                no_code = code in {WSCloseCode.NO_INFO, WSCloseCode.ABNORMAL_CLOSURE}
                ws.send_close(WSCloseCode.OK if no_code else code, reason)
                ws.disconnect()

    def _say_gone(self, frame: WSFrame) -> None:
        """The client took the upgrade for a success, and now ignores everything before a Sequence: send one, then
        Close, so that it begins anew. Its first frame, a Sequence or a handshake, shows which encoding it uses."""
        data = frame.get_payload_as_bytes()
        if b'"protocol"' in data:
            messages = [handshake.refusal(GONE)]
            kind = WSMsgType.TEXT
        else:
            binary = frame.msg_type is WSMsgType.BINARY
            protocol: HubProtocol = handshake.MESSAGEPACK if binary else handshake.JSON
            messages = [protocol.encode(Sequence(1)), protocol.encode(Close(GONE, allow_reconnect=True))]
            kind = WSMsgType.BINARY if binary else WSMsgType.TEXT
        if self._ws is not None:
            self._ws.send(kind, b"".join(messages))
        self.end(GOING_AWAY, GONE.encode())


class _Owner(WSListener):
    """The other worker's side."""

    def __init__(self, relay: RelaySocket) -> None:
        self._relay = relay

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._relay.found(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.CLOSE:
            self._relay.end(frame.get_close_code(), frame.get_close_message() or b"")
            transport.disconnect()
        else:
            self._relay.deliver(frame)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._relay.lost()

    def pause_writing(self) -> None:
        self._relay.hold(held=True)

    def resume_writing(self) -> None:
        self._relay.hold(held=False)
