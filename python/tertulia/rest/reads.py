"""What the checks of a request may look at. It only reads, so a check cannot change anything."""

from __future__ import annotations

from tertulia.contract.fields import Role
from tertulia.db.admissions import Admissions
from tertulia.db.directory import Directory, Joining
from tertulia.db.invites import Invites
from tertulia.db.models import Invite, Recording, Room, User
from tertulia.db.recordings import Recordings
from tertulia.ids import RecordingId, RoomId, TenantId, UserId
from tertulia.state.rooms import RoomState
from tertulia.state.seats import Seat, TenantSeats
from tertulia.tokens import InviteClaims


class Reads:
    """Rows and the state of meetings. Everything may raise Unavailable."""

    def __init__(
        self,
        directory: Directory,
        invites: Invites,
        recordings: Recordings,
        rooms: RoomState,
        admissions: Admissions,
        seats: TenantSeats,
        *,
        shows_nodes: bool,
    ) -> None:
        self.shows_nodes = shows_nodes
        """Whether API keys may see the SFU nodes."""
        self._directory = directory
        self._invites = invites
        self._recordings = recordings
        self._rooms = rooms
        self._admissions = admissions
        self._seats = seats

    async def room(self, tenant: TenantId, room_id: RoomId) -> Room:
        """A room of the tenant. Raises NotFound."""
        return await self._directory.room(room_id, tenant)

    async def user(self, tenant: TenantId, user_id: UserId) -> User:
        """A user of the tenant. Raises NotFound."""
        return await self._directory.user(tenant, user_id)

    async def find_user(self, tenant: TenantId, user_id: UserId) -> User | None:
        """The same; None: the tenant has none of this id."""
        return await self._directory.find_user(tenant, user_id)

    async def check_user_is_new(self, tenant: TenantId, user_id: UserId, email: str | None) -> None:
        """Raises AlreadyExists: the id or the email is taken within the tenant."""
        await self._directory.check_user_is_new(tenant, user_id, email)

    async def check_room_is_within_quota(self, tenant: TenantId, room_id: RoomId) -> None:
        """Raises QuotaExceeded: the tenant may not have another room."""
        await self._directory.check_room_is_within_quota(tenant, room_id)

    async def joining(self, tenant: TenantId, room_id: RoomId, user_id: UserId) -> Joining:
        """A room of the tenant, a user who would join it, and what the tenant may have. Raises NotFound."""
        return await self._directory.joining(tenant, room_id, user_id)

    async def check_people(self, tenant: TenantId, seat: Seat, most: int) -> None:
        """Raises QuotaExceeded: ``most`` others are in meetings of the tenant."""
        await self._seats.check(tenant, seat, most)

    async def invite(self, room_id: RoomId, invite_id: str) -> Invite:
        """An invite to the room. Raises NotFound."""
        return await self._invites.find(room_id, invite_id)

    async def check_uses(self, claims: InviteClaims) -> None:
        """Raises Forbidden: the invite has no use left."""
        await self._invites.check_uses(claims)

    async def recording(self, room_id: RoomId, recording_id: RecordingId) -> Recording:
        """A recording of the room. Raises NotFound."""
        return await self._recordings.find(room_id, recording_id)

    async def now_ms(self, room_id: RoomId) -> int:
        """The time by which removals from the room go."""
        return await self._rooms.now_ms(room_id)

    async def is_guest(self, room_id: RoomId, user_id: UserId) -> bool:
        """Whether the user came by an invite to the room."""
        return await self._invites.has_made(room_id, user_id)

    async def is_in_meeting(self, room_id: RoomId, user_id: UserId) -> bool:
        """Whether the user is in the room's meeting."""
        return await self._rooms.participant(room_id, user_id) is not None

    async def was_removed(self, room_id: RoomId, user_id: UserId) -> bool:
        """Whether the user was removed from the room's present meeting."""
        return await self._rooms.was_removed(room_id, user_id) or await self._admissions.was_removed(room_id, user_id)

    async def given_role(self, room_id: RoomId, user_id: UserId) -> Role | None:
        """The role that a host of the room's meeting has given the user, or admitted them in; None: none has."""
        return await self._rooms.role(room_id, user_id)

    async def participant_count(self, room_id: RoomId) -> int | None:
        """How many are in the room's meeting; None: no meeting is on."""
        meeting = await self._rooms.summary(room_id)
        return None if meeting is None else meeting.participant_count
