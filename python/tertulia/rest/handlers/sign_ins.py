"""Who is signed in."""

from __future__ import annotations

from typing import cast

from tertulia.contract.answers import SignInView
from tertulia.rest.callers import SignedIn
from tertulia.rest.operation import Answer, Call
from tertulia.rest.views import user_view
from tertulia.times import rfc3339


async def get(call: Call[None], _about: object) -> Answer:
    """The caller's sign-in."""
    sign_in = cast("SignedIn", call.caller).sign_in
    view = SignInView(
        user=user_view(sign_in.user),
        is_administrator=sign_in.is_administrator,
        expires_at=rfc3339(sign_in.expires_at),
    )
    return Answer(200, view)


async def end(call: Call[None], _about: object) -> Answer:
    """Signs the caller out, in this browser."""
    await call.services.sign_ins.end(cast("SignedIn", call.caller).sign_in.id)
    return Answer(204)
