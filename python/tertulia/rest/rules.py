"""Who may call an operation: the rules that the table of operations refers to."""

from __future__ import annotations

from typing import Final

from tertulia.db.models import User
from tertulia.errors import Forbidden
from tertulia.rest.callers import Caller, Invitee, Member, Owner
from tertulia.rest.operation import Rule
from tertulia.rest.targets import Joiner, OfRoom


def _owns(caller: Caller, _about: object) -> None:
    if not isinstance(caller, Owner):
        raise Forbidden("only an API key may do this")


def _hosts(caller: Caller, about: OfRoom) -> None:
    if isinstance(caller, Owner):
        return
    if not (isinstance(caller, Member) and caller.claims.room_id == about.room.id and caller.claims.role == "host"):
        raise Forbidden("only a host of this room or an API key may do this")


def _belongs(caller: Caller, about: OfRoom) -> None:
    if isinstance(caller, Owner):
        return
    if not (isinstance(caller, Member) and caller.claims.room_id == about.room.id):
        raise Forbidden("only a member of this room or an API key may do this")


def _speaks_for(caller: Caller, joiner: Joiner) -> None:
    if isinstance(caller, Member):
        if (caller.claims.room_id, caller.claims.user_id) != (joiner.room.id, joiner.user_id):
            raise Forbidden("a room token joins its own room, as its own user")
    elif isinstance(caller, Invitee):
        if caller.claims.room_id != joiner.room.id:
            raise Forbidden("the invite is for another room")
        check_invited(caller, joiner.known)


def check_invited(invitee: Invitee, user: User | None) -> None:
    """Raises Forbidden: the user is there already, and not by this invite."""
    if user is not None and user.invite_id != invitee.claims.invite_id:
        raise Forbidden("an invite joins as a user that it made: send a new userId")


def _is(caller: Caller, user: User) -> None:
    if isinstance(caller, Owner):
        return
    if not (isinstance(caller, Member) and caller.claims.user_id == user.id):
        raise Forbidden("a room token shows its own user only")


OWNERS: Final = Rule[object]("an API key", _owns)
"""May do everything in the tenant."""
HOSTS: Final = Rule[OfRoom]("an API key, or a room token with the role host", _hosts)
"""May do what a host of the room may."""
MEMBERS: Final = Rule[OfRoom]("an API key, or a token of the room", _belongs)
"""May see the room as its members do."""
SPEAKERS: Final = Rule[Joiner]("an API key, a token of the room and the user, or an invite to the room", _speaks_for)
"""May join the room as the user."""
THE_USER: Final = Rule[User]("an API key, or a room token of the user", _is)
"""May see the user's record."""
