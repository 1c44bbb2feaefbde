"""Who may call what: each rule of the table with each kind of caller."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tertulia.contract.fields import Role
from tertulia.contract.settings import Settings
from tertulia.db.models import Invite, Room, SignIn, User
from tertulia.errors import Forbidden
from tertulia.ids import RoomId, TenantId, UserId
from tertulia.rest import rules
from tertulia.rest.callers import Caller, CodeHolder, Invitee, Member, Owner, SignedIn
from tertulia.rest.openapi import document
from tertulia.rest.table import OPERATIONS
from tertulia.rest.targets import Host, Joiner, NewRoom, OfParticipant, OfRoom
from tertulia.room.quotas import Quotas
from tertulia.tokens import Admission, InviteClaims, RoomClaims

AT = datetime(2026, 1, 1, tzinfo=UTC)
TENANT, HOST, ANN = TenantId("tenant"), UserId("host"), UserId("ann")


def room(name: str) -> Room:
    return Room(RoomId(name), TENANT, HOST, Settings(), "SCHEDULED", AT, None, None)


def user(invite_id: str | None) -> User:
    return User(ANN, TENANT, None, "Ann", invite_id, AT)


def member(role: Role, room_id: str = "here", user_id: UserId = ANN) -> Member:
    claims = RoomClaims(user_id, RoomId(room_id), role, TENANT, "Ann", None, Admission(0), 0)
    return Member(TENANT, "member", claims, role)


def invitee(room_id: str = "here") -> Invitee:
    return Invitee(TENANT, "invite", InviteClaims("i1", RoomId(room_id), "attendee", TENANT, 0))


def signed_in(user_id: UserId = ANN, *, is_administrator: bool = False) -> SignedIn:
    who = User(user_id, TENANT, None, "Ann", None, AT)
    return SignedIn(TENANT, f"user {user_id}", SignIn("s", who, is_administrator, AT))


ADMINISTRATOR = signed_in(is_administrator=True)
OWNER = Owner(TENANT, "key", "k1")
HERE = OfRoom(room("here"))


def passes(check: Callable[[], None]) -> bool:
    try:
        check()
    except Forbidden:
        return False
    return True


@pytest.mark.parametrize(
    ("caller", "owns", "hosts", "belongs"),
    [
        (OWNER, True, True, True),
        (member("host"), False, True, True),
        (member("attendee"), False, False, True),
        (member("host", "elsewhere"), False, False, False),
        (member("attendee", "elsewhere"), False, False, False),
        (invitee(), False, False, False),
        (signed_in(), False, False, False),
        (signed_in(HOST), False, True, True),
        (ADMINISTRATOR, False, True, True),
    ],
)
def test_a_room(caller: Caller, owns: bool, hosts: bool, belongs: bool) -> None:
    assert passes(lambda: rules.OWNERS.check(caller, HERE)) is owns
    assert passes(lambda: rules.HOSTS.check(caller, HERE)) is hosts
    assert passes(lambda: rules.MEMBERS.check(caller, HERE)) is belongs


@pytest.mark.parametrize(
    ("caller", "deletes", "removes_ann", "removes_host"),
    [
        (OWNER, True, True, True),
        (member("host", user_id=HOST), True, True, True),
        (member("host"), False, True, False),
        (member("attendee", user_id=HOST), False, False, False),
        (member("host", "elsewhere", HOST), False, False, False),
        (invitee(), False, False, False),
        (signed_in(), False, False, False),
        (signed_in(HOST), True, True, True),
        (ADMINISTRATOR, True, True, True),
    ],
)
def test_a_co_host_is_no_host(caller: Caller, deletes: bool, removes_ann: bool, removes_host: bool) -> None:
    def removes(user_id: UserId) -> bool:
        return passes(lambda: rules.HOSTS_OF.check(caller, OfParticipant(HERE.room, user_id)))

    assert passes(lambda: rules.THE_HOST.check(caller, HERE)) is deletes
    assert (removes(ANN), removes(HOST)) == (removes_ann, removes_host)


@pytest.mark.parametrize(
    ("caller", "known", "may"),
    [
        (OWNER, None, True),
        (OWNER, user("i2"), True),
        (member("attendee"), user(None), True),
        (member("host", "elsewhere"), user(None), False),
        (member("host", user_id=HOST), user(None), False),
        (invitee(), None, True),
        (invitee("elsewhere"), None, False),
        (signed_in(), user(None), False),
        (signed_in(HOST), user(None), False),
        (ADMINISTRATOR, user(None), True),
        (signed_in(HOST, is_administrator=True), user(None), False),
    ],
)
def test_joining_as_a_user(caller: Caller, known: User | None, may: bool) -> None:
    joiner = Joiner(HERE.room, ANN, known, 0, Quotas())
    assert passes(lambda: rules.SPEAKERS.check(caller, joiner)) is may


@pytest.mark.parametrize(
    ("caller", "may"),
    [
        (OWNER, True),
        (member("attendee"), True),
        (member("host", user_id=HOST), False),
        (invitee(), False),
        (signed_in(), True),
        (signed_in(HOST), False),
        (signed_in(HOST, is_administrator=True), True),
    ],
)
def test_a_users_record(caller: Caller, may: bool) -> None:
    assert passes(lambda: rules.THE_USER.check(caller, user(None))) is may


@pytest.mark.parametrize(
    ("caller", "host", "may"),
    [
        (OWNER, Host(ANN, None), True),
        (signed_in(), Host(ANN, user(None)), True),
        (signed_in(), Host(HOST, user(None)), False),
        (ADMINISTRATOR, Host(HOST, user(None)), True),
        (ADMINISTRATOR, Host(HOST, None), False),
        (member("host"), Host(ANN, user(None)), False),
        (invitee(), Host(ANN, user(None)), False),
    ],
)
def test_making_a_room_for_somebody(caller: Caller, host: Host, may: bool) -> None:
    assert passes(lambda: rules.ROOM_MAKERS.check(caller, NewRoom(host, None))) is may


@pytest.mark.parametrize(
    ("caller", "has_rooms", "administers", "is_signed_in"),
    [
        (OWNER, True, True, False),
        (signed_in(), True, False, True),
        (ADMINISTRATOR, True, True, True),
        (member("host"), False, False, False),
        (invitee(), False, False, False),
    ],
)
def test_the_tenant_as_a_whole(caller: Caller, has_rooms: bool, administers: bool, is_signed_in: bool) -> None:
    assert passes(lambda: rules.ROOM_OWNERS.check(caller, None)) is has_rooms
    assert passes(lambda: rules.ADMINISTRATORS.check(caller, None)) is administers
    assert passes(lambda: rules.SIGNED_IN.check(caller, None)) is is_signed_in


@pytest.mark.parametrize("caller", [OWNER, member("attendee"), member("host"), invitee(), signed_in()])
def test_whoever_may_join_a_meeting_may_test_their_connection(caller: Caller) -> None:
    assert passes(lambda: rules.PEOPLE.check(caller, None))
    holder = CodeHolder(
        TENANT, "code", Invite("i", RoomId("here"), "attendee", None, None, None, AT, AT, None, 0, None)
    )
    assert not passes(lambda: rules.PEOPLE.check(holder, None))


def test_the_description_says_who_may_call() -> None:
    described = {o["operationId"]: o for path in document(OPERATIONS)["paths"].values() for o in path.values()}
    for operation in OPERATIONS:
        text = described[operation.name]["description"]
        assert text.endswith(f"Needs {operation.allows.who}.")
        assert operation.summary[0].isupper()
        assert not operation.summary.endswith(".")
