"""Users, rooms and sessions, the same on SQLite and PostgreSQL."""

import asyncio
from datetime import datetime, timedelta

import pytest

from tertulia.contract.settings import Settings, SettingsChange
from tertulia.db.directory import Directory, host_of_tests
from tertulia.db.models import Room
from tertulia.db.paging import read_cursor
from tertulia.errors import AlreadyExists, Invalid, NotFound
from tertulia.ids import RoomId, SessionId, TenantId, UserId, new_uuid
from tests.integration.db.conftest import AT


async def make_room(directory: Directory, tenant: TenantId, at: datetime = AT) -> Room:
    return await directory.create_room(tenant, RoomId(new_uuid()), UserId(new_uuid()), Settings(), at)


def session_id() -> SessionId:
    return SessionId(new_uuid())


# --- users


async def test_a_user_keeps_what_it_was_made_with(directory: Directory, tenant: TenantId) -> None:
    user_id = UserId(new_uuid())
    made = await directory.create_user(tenant, user_id, "Zoë 🙂", "z@example.org", AT)
    assert made == await directory.user(tenant, user_id) == await directory.ensure_user(tenant, user_id, AT, "Other")
    assert (made.display_name, made.email, made.created_at, made.invite_id) == ("Zoë 🙂", "z@example.org", AT, None)


async def test_one_email_a_tenant(directory: Directory, tenant: TenantId, other: TenantId) -> None:
    await directory.create_user(tenant, UserId(new_uuid()), "A", "a@example.org", AT)
    await directory.create_user(other, UserId(new_uuid()), "A", "a@example.org", AT)
    with pytest.raises(AlreadyExists) as refused:
        await directory.create_user(tenant, UserId(new_uuid()), "A", "a@example.org", AT)
    assert refused.value.field == "email"
    for _ in range(2):
        await directory.create_user(tenant, UserId(new_uuid()), "guests have none", None, AT)


async def test_a_user_that_an_earlier_try_made_is_found(
    directory: Directory, tenant: TenantId, other: TenantId
) -> None:
    user_id = UserId(new_uuid())
    made = await directory.create_user(tenant, user_id, "A", None, AT)
    assert await directory.create_user(tenant, user_id, "A", None, AT, again=True) == made
    for name, again in (("A", False), ("B", True)):
        with pytest.raises(AlreadyExists) as refused:
            await directory.create_user(tenant, user_id, name, None, AT, again=again)
        assert refused.value.field == "id"


async def test_another_tenants_user_is_somebody_else(directory: Directory, tenant: TenantId, other: TenantId) -> None:
    user_id = UserId(new_uuid())
    ours = await directory.ensure_user(tenant, user_id, AT, "Ours")
    assert await directory.find_user(other, user_id) is None
    with pytest.raises(NotFound):
        await directory.user(other, user_id)
    await directory.check_user_is_new(other, user_id, None)
    theirs = await directory.create_user(other, user_id, "Theirs", None, AT)
    room = await directory.create_room(other, RoomId(new_uuid()), user_id, Settings(), AT)
    assert (room.tenant_id, room.host_user_id) == (other, user_id)
    assert [await directory.ensure_user(owner, user_id, AT) for owner in (tenant, other)] == [ours, theirs]
    with pytest.raises(AlreadyExists):
        await directory.check_user_is_new(tenant, user_id, None)
    assert await directory.find_user(tenant, UserId(new_uuid())) is None


async def test_a_user_made_by_many_at_once_is_one(directory: Directory, tenant: TenantId) -> None:
    user_id = UserId(new_uuid())
    made = await asyncio.gather(*(directory.ensure_user(tenant, user_id, AT, f"n{i}") for i in range(20)))
    assert len({u.display_name for u in made}) == 1


# --- rooms


async def test_a_room_made_twice_under_one_id_is_one(directory: Directory, tenant: TenantId) -> None:
    room_id, host = RoomId(new_uuid()), UserId(new_uuid())
    first = await directory.create_room(tenant, room_id, host, Settings(max_participants=5), AT)
    again = await directory.create_room(tenant, room_id, host, Settings(max_participants=5), AT + timedelta(seconds=1))
    assert first == again == await directory.room(room_id) == await directory.room(room_id, tenant)
    assert (first.status, first.session_id, first.created_at) == ("SCHEDULED", None, AT)


async def test_another_tenants_room_is_out_of_reach(directory: Directory, tenant: TenantId, other: TenantId) -> None:
    room = await make_room(directory, tenant)
    with pytest.raises(NotFound):
        await directory.room(room.id, other)
    with pytest.raises(NotFound):
        await directory.change_settings(other, room.id, SettingsChange(max_participants=1))
    with pytest.raises(NotFound):
        await directory.delete_room(other, room.id, AT)
    assert await directory.room(room.id, tenant) == room


async def test_settings_changed_at_once_are_all_merged(directory: Directory, tenant: TenantId) -> None:
    room = await make_room(directory, tenant)
    changes = (
        SettingsChange(max_participants=7),
        SettingsChange(is_recording_enabled=True),
        SettingsChange(topology="p2p"),
        SettingsChange(allowed_roles=["guest"]),
    )
    await asyncio.gather(*(directory.change_settings(tenant, room.id, change) for change in changes))
    settings = (await directory.room(room.id)).settings
    assert settings == Settings(max_participants=7, is_recording_enabled=True, topology="p2p", allowed_roles=("guest",))


async def test_pages_follow_each_other_though_rooms_share_a_moment(directory: Directory, tenant: TenantId) -> None:
    made = [await make_room(directory, tenant, AT + timedelta(milliseconds=i // 3)) for i in range(10)]
    expected = [r.id for r in sorted(made, key=lambda r: (r.created_at, r.id), reverse=True)]
    found: list[str] = []
    after = None
    for _ in range(5):
        page = await directory.list_rooms(tenant, limit=3, after=after)
        found += [room.id for room in page.rooms]
        if page.next is None:
            break
        after = read_cursor(page.next)
    assert found == expected


@pytest.mark.parametrize("cursor", ["", "x", "====", "MTo", "é", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5Ong"])
async def test_a_cursor_is_one_that_a_page_gave(cursor: str) -> None:
    with pytest.raises(Invalid):
        read_cursor(cursor)


async def test_rooms_by_status(directory: Directory, tenant: TenantId) -> None:
    scheduled, active, completed = [await make_room(directory, tenant) for _ in range(3)]
    for room in (active, completed):
        session = await directory.open_session(session_id(), room.id, AT)
        if room is completed:
            await directory.close_session(session.id, AT)
    for status, room in (("SCHEDULED", scheduled), ("ACTIVE", active), ("COMPLETED", completed)):
        page = await directory.list_rooms(tenant, status=status)  # type: ignore[arg-type]
        assert [r.id for r in page.rooms] == [room.id]


async def test_a_deleted_room_takes_its_sessions_along(directory: Directory, tenant: TenantId) -> None:
    room = await make_room(directory, tenant)
    session = await directory.open_session(session_id(), room.id, AT)
    await directory.delete_room(tenant, room.id, AT)
    with pytest.raises(NotFound):
        await directory.room(room.id)
    assert await directory.session(session.id) is None
    assert await directory.open_sessions() == []
    with pytest.raises(NotFound):
        await directory.open_session(session_id(), room.id, AT)
    await directory.close_session(session.id, AT)


# --- sessions: every step may be repeated, and may come late


async def test_a_session_opens_and_closes_once(directory: Directory, tenant: TenantId) -> None:
    room, session = await make_room(directory, tenant), session_id()
    for seconds in (0, 5):
        opened = await directory.open_session(session, room.id, AT + timedelta(seconds=seconds))
        assert (opened.start_time, opened.end_time) == (AT, None)
    found = await directory.room(room.id)
    assert (found.status, found.session_id) == ("ACTIVE", session)
    assert await directory.is_open(session)
    for seconds in (60, 70):
        await directory.close_session(session, AT + timedelta(seconds=seconds))
    (closed,) = await directory.sessions(room.id)
    assert closed.end_time == AT + timedelta(seconds=60)
    found = await directory.room(room.id)
    assert (found.status, found.session_id) == ("COMPLETED", None)
    assert not await directory.is_open(session)


async def test_a_closed_session_is_not_opened_again(directory: Directory, tenant: TenantId) -> None:
    room, session = await make_room(directory, tenant), session_id()
    await directory.open_session(session, room.id, AT)
    await directory.close_session(session, AT)
    late = await directory.open_session(session, room.id, AT + timedelta(seconds=1))
    assert late.end_time == AT
    assert (await directory.room(room.id)).status == "COMPLETED"


async def test_it_does_not_end_before_it_began(directory: Directory, tenant: TenantId) -> None:
    room, session = await make_room(directory, tenant), session_id()
    await directory.open_session(session, room.id, AT)
    await directory.close_session(session, AT - timedelta(seconds=9))
    assert (await directory.sessions(room.id))[0].end_time == AT


async def test_to_close_what_was_never_opened_is_no_error(directory: Directory) -> None:
    await directory.close_session(session_id(), AT)
    assert not await directory.is_open(session_id())


async def test_a_room_is_active_while_any_session_is_open(directory: Directory, tenant: TenantId) -> None:
    room, first, second = await make_room(directory, tenant), session_id(), session_id()
    await directory.open_session(first, room.id, AT)
    await directory.open_session(second, room.id, AT + timedelta(seconds=1))
    assert [s.id for s in await directory.open_sessions()] == [first, second]
    assert [s.id for s in await directory.sessions(room.id)] == [second, first]
    await directory.close_session(first, AT)
    found = await directory.room(room.id)
    assert (found.status, found.session_id) == ("ACTIVE", second)


async def test_closing_and_opening_at_once_never_leaves_an_open_session_in_a_completed_room(
    directory: Directory, tenant: TenantId
) -> None:
    room = await make_room(directory, tenant)
    last = session_id()
    await directory.open_session(last, room.id, AT)
    for _ in range(15):
        following = session_id()
        await asyncio.gather(
            directory.close_session(last, AT), directory.open_session(following, room.id, AT), return_exceptions=False
        )
        assert (await directory.room(room.id)).status == "ACTIVE"
        last = following


async def test_rooms_of_connection_tests_are_found_for_one_tenant_and_for_all(
    directory: Directory, tenant: TenantId, other: TenantId
) -> None:
    made = {}
    for owner in (tenant, other):
        room, test = RoomId(new_uuid()), RoomId(new_uuid())
        await directory.create_room(owner, room, UserId(new_uuid()), Settings(), AT)
        await directory.create_room(owner, test, host_of_tests(owner), Settings(), AT)
        made[owner] = test
    later, earlier = AT + timedelta(seconds=1), AT - timedelta(seconds=1)
    assert await directory.tests(tenant, later) == [made[tenant]]
    assert await directory.tests(tenant, AT) == []
    assert sorted(await directory.all_tests(earlier, later)) == sorted(made.items())
    assert await directory.all_tests(later, later + timedelta(days=1)) == []
