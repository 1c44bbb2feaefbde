"""Who may call an operation: the rules that the table of operations refers to."""

from __future__ import annotations

from typing import Final

from tertulia.db.models import User
from tertulia.errors import Forbidden
from tertulia.rest.callers import Caller, CodeHolder, Invitee, Member, Owner, SignedIn
from tertulia.rest.operation import Rule
from tertulia.rest.targets import Joiner, NewRoom, OfParticipant, OfRoom


def _owns(caller: Caller, _about: object) -> None:
    if not isinstance(caller, Owner):
        raise Forbidden("only an API key may do this")


def _administers(caller: Caller, _about: object) -> None:
    if not (isinstance(caller, Owner) or (isinstance(caller, SignedIn) and caller.is_administrator)):
        raise Forbidden("only an API key or an administrator may do this")


def _has_rooms(caller: Caller, _about: object) -> None:
    if not isinstance(caller, Owner | SignedIn):
        raise Forbidden("only an API key or somebody who is signed in may do this")


def _makes_rooms(caller: Caller, about: NewRoom) -> None:
    _has_rooms(caller, about)
    if not isinstance(caller, SignedIn) or about.host.user_id == caller.user_id:
        return
    if not caller.is_administrator:
        raise Forbidden("whoever is signed in makes rooms of their own: hostId is another user's")
    if about.host.known is None:
        raise Forbidden("an administrator makes rooms for users that there are: hostId is nobody's")


def _manages(caller: Caller, about: OfRoom) -> bool:
    """Whether somebody who is signed in manages the room."""
    return isinstance(caller, SignedIn) and (caller.is_administrator or caller.user_id == about.room.host_user_id)


def _hosts(caller: Caller, about: OfRoom) -> None:
    if isinstance(caller, Owner) or _manages(caller, about):
        return
    if not (isinstance(caller, Member) and caller.claims.room_id == about.room.id and caller.role == "host"):
        raise Forbidden("only a host of this room, an administrator or an API key may do this")


def _rules_over(caller: Caller, about: OfParticipant) -> None:
    _hosts(caller, about)
    if about.user_id == about.room.host_user_id and not _is_the_host(caller, about):
        raise Forbidden("a co-host may not remove the room's own host")


def _owns_room(caller: Caller, about: OfRoom) -> None:
    _hosts(caller, about)
    if not _is_the_host(caller, about):
        raise Forbidden("only the room's own host, an administrator or an API key may do this")


def _is_the_host(caller: Caller, about: OfRoom) -> bool:
    """Not a co-host, once :func:`_hosts` has let them pass."""
    return not isinstance(caller, Member) or caller.claims.user_id == about.room.host_user_id


def _belongs(caller: Caller, about: OfRoom) -> None:
    if isinstance(caller, Owner) or _manages(caller, about):
        return
    if not (isinstance(caller, Member) and caller.claims.room_id == about.room.id):
        raise Forbidden("only a member of this room, an administrator or an API key may do this")


def _opens(caller: Caller, _about: object) -> None:
    if not isinstance(caller, CodeHolder):
        raise Forbidden("only the code of an invite may do this")


def _speaks_for(caller: Caller, joiner: Joiner) -> None:
    if isinstance(caller, CodeHolder):
        raise Forbidden("the code of an invite only opens it: join by its inviteToken")
    if isinstance(caller, SignedIn):
        if not _manages(caller, joiner):
            raise Forbidden("this is not a room of yours: join it by an invite")
        if caller.user_id != joiner.user_id:
            raise Forbidden("whoever is signed in joins as themselves: userId is another user's")
    if isinstance(caller, Member):
        if (caller.claims.room_id, caller.claims.user_id) != (joiner.room.id, joiner.user_id):
            raise Forbidden("a room token joins its own room, as its own user")
    elif isinstance(caller, Invitee) and caller.claims.room_id != joiner.room.id:
        raise Forbidden("the invite is for another room")


def _is_in_tenant(caller: Caller, _about: object) -> None:
    if isinstance(caller, CodeHolder):
        raise Forbidden("the code of an invite only opens it: send its inviteToken")


def _is_signed_in(caller: Caller, _about: object) -> None:
    if not isinstance(caller, SignedIn):
        raise Forbidden("only somebody who is signed in may do this")


def _is(caller: Caller, user: User) -> None:
    if isinstance(caller, Owner):
        return
    if isinstance(caller, SignedIn) and (caller.is_administrator or caller.user_id == user.id):
        return
    if not (isinstance(caller, Member) and caller.claims.user_id == user.id):
        raise Forbidden("only an API key or an administrator sees other users")


_MANAGING: Final = "to be signed in as the room's host or an administrator"

OWNERS: Final = Rule[object]("an API key", _owns)
"""May vouch for users of the tenant."""
ADMINISTRATORS: Final = Rule[object]("an API key, or to be signed in as an administrator", _administers)
"""May see what concerns the tenant as a whole."""
ROOM_OWNERS: Final = Rule[object]("an API key, or to be signed in", _has_rooms)
"""Have rooms: all of the tenant, or their own."""
ROOM_MAKERS: Final = Rule[NewRoom]("an API key, or to be signed in", _makes_rooms)
"""May make a room: for anybody, for those who are there, or for themselves."""
SIGNED_IN: Final = Rule[object]("to be signed in", _is_signed_in)
"""Is signed in."""
HOSTS: Final = Rule[OfRoom](f"an API key, a room token with the role host, or {_MANAGING}", _hosts)
"""May do what a host of the room may."""
THE_HOST: Final = Rule[OfRoom](f"an API key, a room token of the room's own host, or {_MANAGING}", _owns_room)
"""May decide about the room itself: not a co-host, who came by an invite."""
HOSTS_OF: Final = Rule[OfParticipant](f"an API key, a room token with the role host, or {_MANAGING}", _rules_over)
"""May remove the participant: a co-host may not remove the room's own host."""
MEMBERS: Final = Rule[OfRoom](f"an API key, a token of the room, or {_MANAGING}", _belongs)
"""May see the room as its members do."""
SPEAKERS: Final = Rule[Joiner](
    f"an API key, a token of the room and the user, an invite to the room, or {_MANAGING}", _speaks_for
)
"""May join the room as the user."""
THE_USER: Final = Rule[User](
    "an API key, a room token of the user, or to be signed in as them or an administrator", _is
)
"""May see the user's record."""
PEOPLE: Final = Rule[object]("an API key, a room token, an invite, or to be signed in", _is_in_tenant)
"""May test their connection."""
CODE_HOLDERS: Final = Rule[OfRoom]("the code of an invite", _opens)
"""May open the invite."""
