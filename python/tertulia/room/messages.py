"""Room messages: what the hubs, the scripts and the SFU nodes tell each other on a room's channel.

One JSON object a message; the tag is ``t``. ``origin`` is the HubId or NodeId that caused it: a hub skips its own,
because it has told its own members already. Membership messages are published inside the script that changes the
membership.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw, Struct

from tertulia.contract.calls import Permissions
from tertulia.contract.events import Knock
from tertulia.contract.fields import LeaveReason, Role
from tertulia.errors import Malformed
from tertulia.ids import ConnectionId, NodeId, RecordingId, SeatId, SessionId, UserId
from tertulia.room.participant import Participant

Origin = str
"""A HubId or a NodeId."""


class _Message(Struct, rename="camel", tag_field="t", kw_only=True, frozen=True):
    origin: Origin


class JoinedMessage(_Message, tag="joined", frozen=True):
    """A member came, took a seat over (``replaced``), resumed it (``resumed``), or was written again after a loss of
    state.

    A receiver that knows the user already shows its clients nothing.
    """

    user_id: UserId
    participant: Participant
    replaced: Participant | None = None
    resumed: bool = False
    restored: bool = False
    """Written again: no answer of a script tells it too."""


class LeftMessage(_Message, tag="left", frozen=True):
    """The seat is free. Applies only to that ``connection_id``."""

    user_id: UserId
    connection_id: ConnectionId
    seat: SeatId
    reason: LeaveReason
    at_ms: int | None = None
    """When they were removed, on the clock of Redis."""

    @classmethod
    def of(cls, member: Participant, reason: LeaveReason, origin: str, at_ms: int | None = None) -> LeftMessage:
        """That this member has left."""
        return cls(
            origin=origin,
            user_id=member.user_id,
            connection_id=member.connection_id,
            seat=member.seat,
            reason=reason,
            at_ms=at_ms,
        )


class StateMessage(_Message, tag="state", frozen=True):
    """Microphone or camera changed; all values as they are now."""

    user_id: UserId
    is_muted: bool
    is_video_on: bool
    said_video_off: bool = False


class HandMessage(_Message, tag="hand", frozen=True):
    """A hand was raised or lowered."""

    user_id: UserId
    raised: bool


class NameMessage(_Message, tag="name", frozen=True):
    """A member has another name."""

    user_id: UserId
    display_name: str


class OptOutMessage(_Message, tag="optOut", frozen=True):
    """A member is left out of recordings, or no more."""

    user_id: UserId
    opt_out: bool


class ControlMessage(_Message, tag="control", frozen=True):
    """A host has changed something about a member; all values as they are now. ``origin`` is of no hub: each learns of
    it by the channel, the one that asked included."""

    user_id: UserId
    role: Role
    is_spotlit: bool
    permissions: Permissions


class SettingsMessage(_Message, tag="settings", frozen=True):
    """The room's settings have changed in SQL: read them again."""


class WaitingMessage(_Message, tag="waiting", frozen=True):
    """All who wait at this hub to be admitted."""

    knocks: list[Knock]


class AdmittedMessage(_Message, tag="admitted", frozen=True):
    """A host has admitted these."""

    user_ids: list[UserId]


class DeniedMessage(_Message, tag="denied", frozen=True):
    """This one was denied, or removed: they wait no more."""

    user_id: UserId


class EndedMessage(_Message, tag="ended", frozen=True):
    """The meeting is over and its keys are gone. ``reason`` is for people and logs: ``host``, ``empty``,
    ``deleted``…"""

    session_id: SessionId
    reason: str


class RecordingMessage(_Message, tag="recording", frozen=True):
    """Recording has begun or ended, in this session: a hub that has not heard of the end of another one does not take
    it for that one's."""

    session_id: SessionId
    is_recording: bool
    recording_id: RecordingId | None = None
    """The one that goes on now."""


class NodeMessage(_Message, tag="node", frozen=True):
    """The room now lives on another SFU node (``sfu_node``)."""

    sfu_node: NodeId
    sfu_region: str


class EventMessage(_Message, tag="event", frozen=True):
    """Anything to be delivered as it is: ``payload`` stays encoded JSON on the whole way."""

    event: str
    payload: Raw
    to: UserId | None = None
    """None: everyone."""
    exclude: UserId | None = None
    """Who does not get it."""
    seat: SeatId | None = None
    """Deliver only if the addressee's seat is still that."""


class ReadMessage(_Message, tag="read", frozen=True):
    """``origin`` has read the room: what was said of it before this message is in what it read."""

    mark: str


class HandoverMessage(_Message, tag="handover", frozen=True):
    """What was kept for a lost connection, from its hub, when it hears that the client has returned on another one."""

    connection_id: ConnectionId
    """The connection by which the client returned."""
    first: int
    """So many events had been sent before ``frames``."""
    frames: list[tuple[str, Raw]]
    """(event, payload), the oldest first: what was sent, and what would have been since the connection was lost."""
    lost_at: int
    """So many events had been sent when the connection was lost."""
    in_doubt: bool
    """Whether some of those may not have arrived, if the client cannot say how many did."""
    unsaid: list[int] = []
    """Which of ``frames`` come on this channel between the return and this message."""


RoomMessage = (
    JoinedMessage
    | LeftMessage
    | StateMessage
    | HandMessage
    | NameMessage
    | OptOutMessage
    | EndedMessage
    | RecordingMessage
    | NodeMessage
    | EventMessage
    | ReadMessage
    | HandoverMessage
    | ControlMessage
    | SettingsMessage
    | WaitingMessage
    | AdmittedMessage
    | DeniedMessage
)

_encoder: Final = msgspec.json.Encoder()
_messages: Final[msgspec.json.Decoder[RoomMessage]] = msgspec.json.Decoder(RoomMessage)


def encode(message: RoomMessage) -> bytes:
    """One JSON object in UTF-8."""
    return _encoder.encode(message)


def decode(data: bytes) -> RoomMessage:
    """What :func:`encode` or a script made.

    ``Raw`` payloads are copied out of ``data``.

    Raises:
        Malformed: not such a message (another version's, or somebody else published on our channel).
    """
    try:
        return _messages.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as e:
        raise Malformed(f"a room message cannot be read: {e}") from e
