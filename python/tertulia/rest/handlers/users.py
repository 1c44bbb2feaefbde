"""Users."""

from __future__ import annotations

from tertulia.contract.requests import CreateUser
from tertulia.db.models import User
from tertulia.ids import UserId
from tertulia.rest.operation import Answer, Asked, Call
from tertulia.rest.views import user_view


async def find_new(asked: Asked[CreateUser]) -> UserId:
    """The new user's id: the one asked for, else one that is made."""
    return UserId(asked.body.id.lower() if asked.body.id else asked.made_id)


async def check_new(asked: Asked[CreateUser], user_id: UserId) -> None:
    """Raises AlreadyExists: the id or the email is taken, and not by an earlier try of this request."""
    if not asked.again:
        await asked.reads.check_user_is_new(asked.caller.tenant_id, user_id, asked.body.email or None)


async def create(call: Call[CreateUser], user_id: UserId) -> Answer:
    """The new user."""
    services, body, again = call.services, call.body, call.asked.again
    user = await services.directory.create_user(
        call.caller.tenant_id, user_id, body.display_name, body.email or None, services.now(), again=again
    )
    return Answer(201, user_view(user))


async def get(_call: Call[None], user: User) -> Answer:
    """The user's record."""
    return Answer(200, user_view(user))
