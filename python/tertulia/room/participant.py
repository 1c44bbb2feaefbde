"""One member of a room, as Redis keeps it and every hub knows it."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec
from msgspec import Struct

from tertulia.contract.calls import Permissions
from tertulia.contract.events import ParticipantView
from tertulia.contract.fields import Role
from tertulia.errors import Malformed
from tertulia.ids import ConnectionId, HubId, SeatId, UserId

Removals = dict[UserId, int]
"""Who was removed from a session, and when: in milliseconds on the clock of Redis. Tokens of admissions until then are
void for the session."""


class Participant(Struct, rename="camel", kw_only=True, frozen=True):
    """The JSON in ``room:{R}:participants``."""

    user_id: UserId
    connection_id: ConnectionId
    role: Role
    is_muted: bool
    is_video_on: bool
    joined_at: str
    """RFC 3339, UTC, milliseconds; set by the join script."""
    display_name: str
    hub: HubId
    """The hub that holds the connection."""
    seat: SeatId
    """Kept when a lost connection resumes, new when another connection takes over."""
    resume: str
    """Hash of the resume token; what a returning client has to present. Never the token itself."""
    hand_raised: bool = False
    said_video_off: bool = False
    """By UpdateState: ``is_video_on`` false alone may mean that it was never given."""
    recording_opt_out: bool = False
    """Left out of recordings."""
    is_guest: bool = False
    """They came by an invite: their name is their own claim."""
    admitted_at_ms: int = 0
    """Of the token of their connection, on the clock of Redis."""
    is_spotlit: bool = False
    permissions: Permissions = Permissions()

    def view(self) -> ParticipantView:
        """As clients see it."""
        return ParticipantView(
            user_id=self.user_id,
            display_name=self.display_name,
            role=self.role,
            is_muted=self.is_muted,
            is_video_on=self.is_video_on,
            joined_at=self.joined_at,
            hand_raised=self.hand_raised,
            recording_opt_out=self.recording_opt_out,
            is_guest=self.is_guest,
            is_spotlit=self.is_spotlit,
            permissions=self.permissions,
        )


def resume_hash(token: str) -> str:
    """What the participant's entry has of a resume token."""
    return hashlib.sha256(token.encode()).hexdigest()


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Participant)


def encode_participant(participant: Participant) -> bytes:
    """The value of its field in the participants hash."""
    return _encoder.encode(participant)


def decode_participant(data: bytes) -> Participant:
    """What :func:`encode_participant` or a script made.

    Raises:
        Malformed: it is not one of ours.
    """
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as e:
        raise Malformed(f"a participant in Redis cannot be read: {e}") from e
