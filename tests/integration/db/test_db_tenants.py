"""Users of two tenants under one id: nothing of the one touches the other, and migrations keep both kinds of rows."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from tertulia.contract.settings import Settings
from tertulia.db import migrate, schema
from tertulia.db.admissions import Admissions
from tertulia.db.directory import Directory
from tertulia.db.engine import Database
from tertulia.db.invites import Invites
from tertulia.db.models import Invite, Room
from tertulia.db.tables import INVITE_USES, ROOMS, USERS
from tertulia.errors import BadToken, ConfigError
from tertulia.ids import RoomId, SessionId, TenantId, UserId, new_uuid
from tertulia.times import from_seconds
from tertulia.tokens import Admission, InviteClaims, RoomClaims
from tests.integration.db.conftest import AT

EXPIRES = int(AT.timestamp()) + 3600


async def room_of(directory: Directory, tenant: TenantId) -> Room:
    return await directory.create_room(tenant, RoomId(new_uuid()), UserId(new_uuid()), Settings(), AT)


async def invite_to(database: Database, room: Room, made_by: UserId | None = None) -> InviteClaims:
    invite = Invite(
        id=new_uuid(),
        room_id=room.id,
        role="attendee",
        made_by=made_by,
        maker_admitted_at=AT if made_by else None,
        key_id=None,
        created_at=AT,
        expires_at=from_seconds(EXPIRES),
        max_uses=None,
        uses=0,
        revoked_at=None,
    )
    await Invites(database).create(invite)
    return InviteClaims(invite.id, room.id, "attendee", room.tenant_id, EXPIRES)


def token(room: Room, user: UserId) -> RoomClaims:
    admission = Admission(int(AT.timestamp() * 1000) + 1, is_guest=True)
    return RoomClaims(user, room.id, "attendee", room.tenant_id, "G", None, admission, EXPIRES)


@pytest.mark.parametrize("by_removal", [False, True])
async def test_a_ban_is_of_one_tenant(
    database: Database, directory: Directory, tenant: TenantId, other: TenantId, *, by_removal: bool
) -> None:
    invites, admissions, guest = Invites(database), Admissions(database), UserId(new_uuid())
    ours, theirs = await room_of(directory, tenant), await room_of(directory, other)
    for room in (ours, theirs):
        await invites.use(await invite_to(database, room), new_uuid(), guest, "G", AT)
    made = {room.id: await invite_to(database, room, made_by=guest) for room in (ours, theirs)}
    if by_removal:
        await admissions.remove(ours.id, SessionId(new_uuid()), guest, AT, ban=True)
    else:
        await invites.ban(tenant, guest, AT)
    with pytest.raises(BadToken):
        await admissions.check(token(ours, guest))
    with pytest.raises(BadToken):
        await admissions.record(ours.id, tenant, token(ours, guest))
    with pytest.raises(BadToken):
        await invites.check(made[ours.id])
    await admissions.check(token(theirs, guest))
    await admissions.record(theirs.id, other, token(theirs, guest))
    await invites.check(made[theirs.id])


async def rows(database: Database) -> list[list[dict[str, Any]]]:
    async with database.read() as connection:
        found = [await connection.execute(sa.select(table)) for table in (USERS, ROOMS, INVITE_USES)]
        return [sorted((dict(row._mapping) for row in result), key=lambda row: str(row["id"])) for result in found]


async def test_migrations_keep_users_rooms_and_uses(
    database: Database, directory: Directory, tenant: TenantId, other: TenantId
) -> None:
    for owner in (tenant, other):
        room = await room_of(directory, owner)
        await directory.open_session(SessionId(new_uuid()), room.id, AT)
        await Invites(database).use(await invite_to(database, room), new_uuid(), UserId(new_uuid()), "G", AT)
    before = await rows(database)
    assert [len(found) for found in before] == [4, 2, 2]
    await migrate.downgrade(database, "0005")
    await migrate.upgrade(database)
    assert await rows(database) == before
    assert len(await directory.open_sessions()) == 2


async def test_an_older_schema_does_not_take_an_id_of_two_tenants(
    database: Database, directory: Directory, tenant: TenantId, other: TenantId
) -> None:
    for owner in (tenant, other):
        await directory.ensure_user(owner, UserId("6f1c0000-0000-4000-8000-000000000001"), AT)
    with pytest.raises(ConfigError, match="the same id"):
        await migrate.downgrade(database, "0005")
    assert await schema.version(database) == schema.HEAD


async def test_foreign_keys_hold_after_a_migration(database: Database, tenant: TenantId, other: TenantId) -> None:
    user = await Directory(database).ensure_user(tenant, UserId(new_uuid()), AT)
    room: dict[str, Any] = {"id": new_uuid(), "tenant_id": other, "host_user_id": user.id, "settings": {}}
    with pytest.raises(sa.exc.IntegrityError):
        async with database.write() as connection:
            await connection.execute(sa.insert(ROOMS).values(room | {"status": "SCHEDULED", "created_at": AT}))


async def test_who_was_banned_makes_no_invite(database: Database, directory: Directory, tenant: TenantId) -> None:
    invites, guest = Invites(database), UserId(new_uuid())
    room = await room_of(directory, tenant)
    await invites.use(await invite_to(database, room), new_uuid(), guest, "G", AT)
    await invite_to(database, room, made_by=guest)
    await invites.ban(tenant, guest, AT)
    with pytest.raises(BadToken):
        await invite_to(database, room, made_by=guest)
    assert len(await invites.of_room(room.id, AT)) == 1
