"""SFU commands: what a hub asks of a node, on the node's channel (docs/architecture.md, "SFU commands").

One JSON object each; the tag is ``op``. A peer comes into being with its first ``offer``.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from tertulia.contract.calls import WantedVideo
from tertulia.contract.fields import Source
from tertulia.errors import Malformed
from tertulia.ids import RecordingId, RoomId, SeatId, TenantId, TransportId, UserId


class _Command(Struct, rename="camel", tag_field="op", kw_only=True, frozen=True, omit_defaults=True):
    room: RoomId


class Offer(_Command, tag="offer", frozen=True):
    """Opens the peer if it is new; the answer goes back as ``ReceiveAnswer``."""

    transport: TransportId
    seat: SeatId
    """What the node sends is delivered only while the user holds it."""
    user_id: UserId
    sdp: str
    name: str
    """The user's name in this meeting."""
    recording: RecordingId | None = None
    """What the peer's media is recorded in; the client knows."""
    slots: bool = False
    tracks: dict[str, Source] = {}
    """mid → what the client sends there."""


class Answer(_Command, tag="answer", frozen=True):
    """The client's answer to the SFU's ``ReceiveOffer``."""

    transport: TransportId
    sdp: str


class Candidate(_Command, tag="candidate", frozen=True):
    """A candidate line, or an ``RTCIceCandidateInit``; null and ``""`` end the candidates."""

    transport: TransportId
    candidate: str | dict[str, Any] | None


class View(_Command, tag="view", frozen=True):
    """Which videos the peer wants in its video slots, the most important first."""

    transport: TransportId
    videos: list[WantedVideo]


class State(_Command, tag="state", frozen=True):
    """What is muted is not forwarded, and leaves its slot. None: not said."""

    transport: TransportId
    is_muted: bool | None = None
    is_video_on: bool | None = None


class Block(_Command, tag="block", frozen=True):
    """What the user may not publish, whatever their client says and sends; the whole of it each time."""

    transport: TransportId
    sources: list[Source] = []


class Record(_Command, tag="record", frozen=True):
    """What the peer's media is recorded in from now on; None: in nothing. The client has been told before."""

    transport: TransportId
    recording: RecordingId | None = None
    name: str = ""
    """The user's name as it is by now; ``""``: as it was."""


class StopRecording(_Command, tag="stopRecording", frozen=True):
    """Ends a recording. It does not begin again on this node."""

    recording: RecordingId


class Seated(_Command, tag="seated", frozen=True):
    """Who has a seat in the room, as a hub knows it: a peer that no hub names any more is closed."""

    transports: list[TransportId]


class Limit(_Command, tag="limit", frozen=True):
    """Holds what comes into the room, if it is open, to the quotas of its tenant, below the node's own limit."""

    mbits: int | None = None
    """For this room; None: no quota."""
    tenant: TenantId | None = None
    """Whose it is, where there is a quota for all rooms together."""
    tenant_mbits: int = 0
    """That quota."""


class Close(_Command, tag="close", frozen=True):
    """Closes one peer."""

    transport: TransportId


class End(_Command, tag="end", frozen=True):
    """Closes every peer of the room."""


Command = Offer | Answer | Candidate | View | State | Block | Record | StopRecording | Seated | Limit | Close | End

DRAIN: Final = b'{"op":"drain"}'
"""Said on a node's channel, of no room: let the clients go over to other nodes, then stop."""

_encoder: Final = msgspec.json.Encoder()
_decoder: Final[msgspec.json.Decoder[Command]] = msgspec.json.Decoder(Command)


def encode(command: Command) -> bytes:
    """One JSON object in UTF-8."""
    return _encoder.encode(command)


def decode(data: bytes) -> Command:
    """What :func:`encode` made.

    Raises:
        Malformed: not such a command (another version's, or somebody else published on our channel).
    """
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as e:
        raise Malformed(f"an SFU command cannot be read: {e}") from e
