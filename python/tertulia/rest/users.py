"""Users."""

from __future__ import annotations

from tertulia.contract import CreateUser
from tertulia.errors import Forbidden
from tertulia.ids import UserId
from tertulia.rest.callers import Member, Owner, must_own
from tertulia.rest.operation import Answer, Call
from tertulia.rest.views import user_view


async def create_user(call: Call) -> Answer:
    body: CreateUser = call.body
    must_own(call.caller)
    services, tenant = call.services, call.caller.tenant_id
    user_id = UserId(body.id.lower() if body.id else call.made_id())
    if not call.again:
        await services.directory.check_user_is_new(tenant, user_id, body.email or None)
    call.admit()
    user = await services.directory.create_user(
        tenant, user_id, body.display_name, body.email or None, services.now(), again=call.again
    )
    return Answer(201, user_view(user))


async def get_user(call: Call) -> Answer:
    """Whoever holds a room token sees their own record only."""
    user = await call.services.directory.user(call.caller.tenant_id, UserId(call.id("user_id")))
    caller = call.caller
    own = isinstance(caller, Member) and caller.claims.user_id == user.id
    if not own and not isinstance(caller, Owner):
        raise Forbidden("a room token shows its own user only")
    call.admit()
    return Answer(200, user_view(user))
