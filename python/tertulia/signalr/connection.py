"""One connection, server side, as a state machine: bytes and ``now`` in, messages and frames out.

::

    HANDSHAKE ── the client's handshake ──▶ OPEN ── Close, error, timeout, end ──▶ CLOSED

A shell calls :meth:`Connection.receive` with what the transport delivers and :meth:`Connection.tick` when ``deadline``
is reached. After each call it writes ``outbox`` to the transport and clears it; it ends the transport when ``phase`` is
CLOSED. Invariant: ``now`` never goes back. With stateful reconnect the shell also says when the transport is
:meth:`~Connection.lost` and when another one :meth:`~Connection.replaced` it.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from typing import Final, TypeAlias

from msgspec import Struct

from tertulia.signalr import handshake
from tertulia.signalr.encoding import HubProtocol
from tertulia.signalr.errors import CLOSED_WITH_ERROR, HandshakeRefused, ProtocolError
from tertulia.signalr.framing import Framer
from tertulia.signalr.messages import TRACKED, Ack, Close, Invocation, Message, Sequence, Tracked
from tertulia.signalr.options import Options
from tertulia.signalr.reconnect import ACK_DELAY, Incoming, Outgoing


class Phase(enum.Enum):
    """Where a connection is in its life."""

    HANDSHAKE = enum.auto()
    OPEN = enum.auto()
    CLOSED = enum.auto()


class Opened(Struct, frozen=True):
    """The handshake is done."""

    protocol: HubProtocol


class Ended(Struct, frozen=True):
    """The connection is over; the last input. ``clean``: the client said so. ``error``: why, for the log. ``unsent``:
    something did not reach the client, or may not have."""

    clean: bool
    error: str | None = None
    unsent: bool = False


Input: TypeAlias = Opened | Tracked | Ended
"""What :meth:`Connection.receive` and :meth:`Connection.tick` hand to the application, in order."""

Meter = Callable[[bytes], bool]
"""Counts a message before it is parsed. False: it is not to be."""

_NEVER: Final = math.inf

MOST_SKIMMED: Final = 2_000
"""Messages of one piece of data that are not admitted: clients send one, or a few, and to say each costs some 20 µs."""


class Connection:
    """See the module. ``binary``: the transport carries bytes. ``stateful``: negotiated with stateful reconnect.
    ``pings``: False for long polling, where each poll shows that the client is alive."""

    __slots__ = (
        "_ack_at",
        "_binary",
        "_bound",
        "_framer",
        "_handshake",
        "_heard",
        "_incoming",
        "_lost_at",
        "_options",
        "_outgoing",
        "_ping_at",
        "_pings",
        "_stateful",
        "meter",
        "outbox",
        "phase",
        "protocol",
    )

    def __init__(
        self, options: Options, now: float, *, binary: bool = True, stateful: bool = False, pings: bool = True
    ) -> None:
        self._options = options
        self._binary = binary
        self._stateful = stateful
        self._pings = pings
        self._bound = options.max_first if options.max_first is not None else options.max_message
        self._handshake = handshake.Reader(self._bound)
        self._framer: Framer | None = None
        self._heard = now
        self._ping_at = self._ack_at = self._lost_at = _NEVER
        self._incoming: Incoming | None = None
        self._outgoing: Outgoing | None = None
        self.phase = Phase.HANDSHAKE
        self.protocol: HubProtocol = handshake.JSON
        self.outbox: list[bytes] = []
        """Frames to be written, in order; whole messages."""
        self.meter: Meter | None = None
        """Set by the application that has a limit. What it does not admit is skimmed: calls, items and results come
        with UNREAD for what is in them. Data that completes no message counts as one of no bytes."""

    # --- what the shell asks

    @property
    def deadline(self) -> float:
        """When :meth:`tick` is due at the latest."""
        if self.phase is Phase.HANDSHAKE:
            return self._heard + self._options.handshake_timeout
        if self.phase is Phase.CLOSED:
            return _NEVER
        if self._lost_at != _NEVER:
            return self._lost_at + self._options.reconnect_timeout
        silent = self._heard + self._options.client_timeout if self._pings else _NEVER
        return min(silent, self._ping_at, self._ack_at)

    @property
    def stateful(self) -> bool:
        """Whether a lost socket may be replaced."""
        return self._outgoing is not None and self.phase is Phase.OPEN

    @property
    def direct(self) -> bool:
        """Whether frames of this connection's encoding may go straight to its transport, without :meth:`send_frame`."""
        return self._outgoing is None and self.phase is Phase.OPEN

    @property
    def congested(self) -> bool:
        """Whether a stateful client owes so many Acks that senders should wait, if they can."""
        return self._outgoing is not None and self._outgoing.full

    @property
    def overflowing(self) -> bool:
        """Whether more waits for a stateful client's Acks than may: close the connection."""
        return self._outgoing is not None and self._outgoing.waiting_bytes > self._options.max_waiting

    @property
    def is_wide(self) -> bool:
        """Whether messages of ``max_message`` bytes are taken."""
        return self._options.max_first is None or (
            self._framer is not None and self._framer.bound == self._options.max_message
        )

    @property
    def is_overfull(self) -> bool:
        """Whether more of an incomplete message is kept than may be by now."""
        return self._framer is not None and self._framer.waiting > self._framer.bound

    def widen(self, *, wide: bool) -> None:
        """Take messages of ``max_message`` bytes from now on, or of ``max_first`` again."""
        if self._framer is not None and self._options.max_first is not None:
            self._framer.bound = self._options.max_message if wide else self._options.max_first

    def undelivered(self) -> list[bytes]:
        """The frames that a stateful client may not have got."""
        return self._outgoing.undelivered() if self._outgoing is not None else []

    # --- in

    def receive(self, data: bytes, now: float) -> list[Input]:
        """Take bytes from the transport, in any chunks; the inputs they complete."""
        if self.phase is Phase.CLOSED:
            return []
        inputs: list[Input] = []
        framer = self._framer
        if framer is None:
            rest = self._shake_hands(data, now, inputs)
            framer = self._framer
            if rest is None or framer is None:
                return inputs
            data = rest
        self._heard = now
        protocol, meter = self.protocol, self.meter
        try:
            payloads = framer.feed(data)
            if meter is not None and not payloads:
                meter(b"")
            skimmed = 0
            for payload in payloads:
                is_admitted = meter is None or meter(payload)
                skimmed += not is_admitted
                if skimmed > MOST_SKIMMED:
                    self._fail(CLOSED_WITH_ERROR, f"more than {MOST_SKIMMED} messages at once are too many", inputs)
                    return inputs
                message = protocol.decode(payload) if is_admitted else protocol.skim(payload)
                if type(message) is Invocation and self._incoming is None:
                    # Nearly every message, and nothing more to do about it.
                    inputs.append(message)
                elif message is not None and not self._message(message, now, inputs):
                    return inputs
            if framer.broken is not None:
                raise framer.broken
        except ProtocolError as error:
            self._fail(CLOSED_WITH_ERROR, str(error), inputs)
        return inputs

    def _shake_hands(self, data: bytes, now: float, inputs: list[Input]) -> bytes | None:
        """The bytes behind the handshake, once it is complete and accepted."""
        try:
            found = self._handshake.feed(data)
            if found is None:
                return None
            request, rest = found
            self.protocol, version = handshake.parse(request, binary=self._binary)
        except HandshakeRefused as error:
            self._refuse(str(error), inputs)
            return None
        self._framer = self.protocol.framer(self._bound)
        self._heard = now
        if self._pings:
            self._ping_at = now + self._options.keep_alive
        if self._stateful and version >= handshake.STATEFUL_VERSION:
            self._incoming, self._outgoing = Incoming(), Outgoing(self._options.replay_bound)
        self.phase = Phase.OPEN
        self.outbox.append(handshake.ACCEPTED)
        inputs.append(Opened(self.protocol))
        return rest

    def _refuse(self, text: str, inputs: list[Input]) -> None:
        self.outbox.append(handshake.refusal(text))
        self.phase = Phase.CLOSED
        inputs.append(Ended(clean=False, error=text))

    def _message(self, message: Message, now: float, inputs: list[Input]) -> bool:
        """Take a message; False: it was the last."""
        if self._incoming is not None:
            if isinstance(message, Sequence):
                self._incoming.sequence(message.sequence_id)
                return True
            if not self._incoming.accepts(message):
                return True
            if self._ack_at == _NEVER and self._incoming.unacked:
                self._ack_at = now + ACK_DELAY
        if isinstance(message, TRACKED):
            inputs.append(message)
        elif isinstance(message, Close):
            self.phase = Phase.CLOSED
            inputs.append(Ended(clean=True, error=message.error))
            return False
        elif isinstance(message, Ack) and self._outgoing is not None:
            self.outbox += self._outgoing.ack(message.sequence_id)
        # A Ping has done its work by being heard. Ack and Sequence mean nothing without stateful reconnect.
        return True

    # --- out

    def send(self, message: Tracked) -> None:
        """Queue a message. Raises what the encoding raises for a value it cannot carry, and then queues nothing."""
        self.send_frame(self.protocol.encode(message))

    def send_frame(self, frame: bytes) -> None:
        """Queue a tracked message that is already encoded (``protocol.encode``)."""
        if self.phase is not Phase.OPEN:
            return
        if self._outgoing is None or (self._outgoing.push(frame) and self._lost_at == _NEVER):
            self.outbox.append(frame)

    def close(self, error: str | None = None, *, allow_reconnect: bool = False) -> None:
        """End the connection with a Close message; before the handshake there is none."""
        if self.phase is Phase.OPEN and self._lost_at == _NEVER:
            self.outbox.append(self.protocol.encode(Close(error, allow_reconnect)))
        self.phase = Phase.CLOSED

    # --- time and transports

    def tick(self, now: float) -> list[Input]:
        """Do what is due."""
        inputs: list[Input] = []
        if now < self.deadline:
            return inputs
        if self.phase is Phase.HANDSHAKE:
            self._refuse(handshake.CANCELED, inputs)
        elif self._lost_at != _NEVER:
            self.phase = Phase.CLOSED
            unsent = bool(self.undelivered())
            inputs.append(Ended(clean=False, error="No socket came to replace the lost one.", unsent=unsent))
        elif self._pings and now >= self._heard + self._options.client_timeout:
            self._fail(None, "The client was silent for too long.", inputs)
        else:
            self._send_due(now)
        return inputs

    def _send_due(self, now: float) -> None:
        if now >= self._ack_at and self._incoming is not None:
            self._incoming.acked = self._incoming.latest
            self._ack_at = _NEVER
            self.outbox.append(self.protocol.encode(Ack(self._incoming.latest)))
        if now >= self._ping_at:
            self._ping_at = now + self._options.keep_alive
            self.outbox.append(self.protocol.ping)

    def lost(self, now: float) -> None:
        """The socket of a stateful connection is gone; a replacement has ``reconnect_timeout`` seconds to come."""
        self._lost_at = now
        self.outbox.clear()

    def replaced(self, now: float) -> None:
        """Another socket has taken the place of the stateful connection's, lost or not. It has to send a Sequence
        first, and so do we."""
        assert self._incoming is not None  # noqa: S101 - the shell asks `stateful` first
        assert self._outgoing is not None  # noqa: S101
        assert self._framer is not None  # noqa: S101
        self._lost_at = _NEVER
        self._heard = now
        self._framer.reset()
        self._incoming.replaced()
        self._ping_at = now + self._options.keep_alive
        self._ack_at = now + ACK_DELAY if self._incoming.unacked else _NEVER
        sequence, frames = self._outgoing.again()
        self.outbox = [self.protocol.encode(sequence), *frames]

    def _fail(self, text: str | None, cause: str, inputs: list[Input]) -> None:
        """End the connection for a cause that may pass: a client that reconnects by itself may try."""
        self.close(text, allow_reconnect=True)
        inputs.append(Ended(clean=False, error=cause, unsent=bool(self.undelivered())))
