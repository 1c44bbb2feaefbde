"""Who may call an operation: the rules that the table of operations refers to."""

from __future__ import annotations

from typing import Final

from tertulia.db.models import User
from tertulia.errors import Forbidden
from tertulia.rest.callers import Caller, CodeHolder, Invitee, Member, Owner
from tertulia.rest.operation import Rule
from tertulia.rest.targets import Joiner, OfParticipant, OfRoom


def _owns(caller: Caller, _about: object) -> None:
    if not isinstance(caller, Owner):
        raise Forbidden("only an API key may do this")


def _hosts(caller: Caller, about: OfRoom) -> None:
    if isinstance(caller, Owner):
        return
    if not (isinstance(caller, Member) and caller.claims.room_id == about.room.id and caller.role == "host"):
        raise Forbidden("only a host of this room or an API key may do this")


def _rules_over(caller: Caller, about: OfParticipant) -> None:
    _hosts(caller, about)
    if about.user_id == about.room.host_user_id and not _is_the_host(caller, about):
        raise Forbidden("a co-host may not remove the room's own host")


def _owns_room(caller: Caller, about: OfRoom) -> None:
    _hosts(caller, about)
    if not _is_the_host(caller, about):
        raise Forbidden("only the room's own host or an API key may do this")


def _is_the_host(caller: Caller, about: OfRoom) -> bool:
    """Not a co-host, once :func:`_hosts` has let them pass."""
    return not isinstance(caller, Member) or caller.claims.user_id == about.room.host_user_id


def _belongs(caller: Caller, about: OfRoom) -> None:
    if isinstance(caller, Owner):
        return
    if not (isinstance(caller, Member) and caller.claims.room_id == about.room.id):
        raise Forbidden("only a member of this room or an API key may do this")


def _opens(caller: Caller, _about: object) -> None:
    if not isinstance(caller, CodeHolder):
        raise Forbidden("only the code of an invite may do this")


def _speaks_for(caller: Caller, joiner: Joiner) -> None:
    if isinstance(caller, CodeHolder):
        raise Forbidden("the code of an invite only opens it: join by its inviteToken")
    if isinstance(caller, Member):
        if (caller.claims.room_id, caller.claims.user_id) != (joiner.room.id, joiner.user_id):
            raise Forbidden("a room token joins its own room, as its own user")
    elif isinstance(caller, Invitee) and caller.claims.room_id != joiner.room.id:
        raise Forbidden("the invite is for another room")


def _is_in_tenant(caller: Caller, _about: object) -> None:
    if isinstance(caller, CodeHolder):
        raise Forbidden("the code of an invite only opens it: send its inviteToken")


def _is(caller: Caller, user: User) -> None:
    if isinstance(caller, Owner):
        return
    if not (isinstance(caller, Member) and caller.claims.user_id == user.id):
        raise Forbidden("a room token shows its own user only")


OWNERS: Final = Rule[object]("an API key", _owns)
"""May do everything in the tenant."""
HOSTS: Final = Rule[OfRoom]("an API key, or a room token with the role host", _hosts)
"""May do what a host of the room may."""
THE_HOST: Final = Rule[OfRoom]("an API key, or a room token of the room's own host", _owns_room)
"""May decide about the room itself: not a co-host, who came by an invite."""
HOSTS_OF: Final = Rule[OfParticipant]("an API key, or a room token with the role host", _rules_over)
"""May remove the participant: a co-host may not remove the room's own host."""
MEMBERS: Final = Rule[OfRoom]("an API key, or a token of the room", _belongs)
"""May see the room as its members do."""
SPEAKERS: Final = Rule[Joiner]("an API key, a token of the room and the user, or an invite to the room", _speaks_for)
"""May join the room as the user."""
THE_USER: Final = Rule[User]("an API key, or a room token of the user", _is)
"""May see the user's record."""
PEOPLE: Final = Rule[object]("an API key, a room token or an invite", _is_in_tenant)
"""May test their connection."""
CODE_HOLDERS: Final = Rule[OfRoom]("the code of an invite", _opens)
"""May open the invite."""
