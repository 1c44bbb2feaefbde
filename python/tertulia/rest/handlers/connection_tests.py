"""Testing one's connection before a meeting."""

from __future__ import annotations

import math

from tertulia.contract.answers import ConnectionTest
from tertulia.db.directory import host_of_tests
from tertulia.db.models import Room
from tertulia.errors import Forbidden
from tertulia.ids import RoomId, UserId, new_uuid
from tertulia.rest.callers import Invitee, Member, Owner
from tertulia.rest.connection_tests import TEST_SECONDS
from tertulia.rest.operation import Answer, Asked, Call
from tertulia.times import from_seconds, rfc3339
from tertulia.tokens import Admission, Issued


def check_no_test(room: Room) -> None:
    """Raises Forbidden: the room is for a connection test."""
    if room.host_user_id == host_of_tests(room.tenant_id):
        raise Forbidden("this is the room of a connection test: use the token of a meeting")


async def check(asked: Asked[None], _tenant: object) -> None:
    """Raises NotFound, Forbidden: a room token has to be of a meeting that is there, or tests could follow from each
    other for good. Raises QuotaExceeded."""
    if isinstance(asked.caller, Member):
        room = await asked.reads.room(asked.caller.tenant_id, asked.caller.claims.room_id)
        check_no_test(room)
    await asked.reads.check_room_is_within_quota(asked.caller.tenant_id, RoomId(asked.made_id))


async def create(call: Call[None], _tenant: object) -> Answer:
    """A room for two, their tokens, and where to go with them. Raises RateLimited."""
    services, caller, room_id = call.services, call.caller, RoomId(call.asked.made_id)
    name = f"{caller.name} {call.asked.site}" if isinstance(caller, Invitee) else caller.name
    await services.connection_tests.open(name, caller.tenant_id, room_id, services.now())
    users = [UserId(new_uuid()) for _ in range(2)]
    issued = [await _issue(call, room_id, user) for user in users]
    test = ConnectionTest(
        room_id=room_id,
        tokens=[one.token for one in issued],
        ice_servers=await services.ice.servers(users[0], issued[0].expires_at),
        ws_url=call.base.ws_url,
        expires_at=rfc3339(from_seconds(issued[0].expires_at)),
    )
    return Answer(201, test)


async def _issue(call: Call[None], room_id: RoomId, user: UserId) -> Issued:
    services, caller, now = call.services, call.caller, call.services.clock.now()
    key_id = caller.key_id if isinstance(caller, Owner) else None
    if isinstance(caller, Member):
        key_id = caller.claims.admission.key_id
    return (await services.keyring.issuing(caller.tenant_id)).issue_room(
        user_id=user,
        room_id=room_id,
        role="attendee",
        tenant_id=caller.tenant_id,
        display_name="Test",
        admission=Admission(math.floor(now * 1000), key_id=key_id),
        now=now,
        lifetime=TEST_SECONDS,
    )
