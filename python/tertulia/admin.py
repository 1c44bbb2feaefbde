"""Commands that work on the database: tenants, keys, a room. They print for people, one thing per line."""

from __future__ import annotations

import math
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from msgspec import structs

from tertulia import times
from tertulia.config import Config
from tertulia.contract.settings import Settings
from tertulia.db import migrate, schema
from tertulia.db.access import Access
from tertulia.db.directory import Directory
from tertulia.db.engine import Database
from tertulia.db.invites import Invites
from tertulia.db.models import Invite, Room
from tertulia.db.recording_keys import RecordingKeys
from tertulia.db.signing_keys import SigningKeys
from tertulia.errors import Refused
from tertulia.ids import RoomId, TenantId, UserId, new_uuid
from tertulia.master_key import master_key, read_key_file
from tertulia.recorder.operating import Operator
from tertulia.rest.addresses import Base
from tertulia.state.clock import CLOCK, redis_ms
from tertulia.state.connection import connect_redis
from tertulia.times import rfc3339
from tertulia.tokens import INVITE_MAX_SECONDS, JOIN_TOKEN_SECONDS, Tokens
from tertulia.values import KEY_BYTES

MAX_NAME = 100
"""Characters of the name of a tenant or key."""
MAX_DAYS = 36_500
"""A century."""


class Admin:
    """The commands. They raise TertuliaError with a message for the person at the terminal."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._access = Access(database)

    async def migrate(self, down_to: str | None) -> None:
        """Upgrade to the newest schema, or downgrade to an older one."""
        if down_to is None:
            await migrate.upgrade(self._database)
        else:
            await migrate.downgrade(self._database, down_to)
        print(f"the schema is {await schema.version(self._database) or 'empty'}")

    async def create_tenant(self, name: str) -> None:
        """Create a tenant."""
        await schema.check(self._database)
        tenant = await self._access.create_tenant(_name(name), times.from_seconds(time.time()))
        print(f"{tenant.id}  {tenant.name}")

    async def list_tenants(self) -> None:
        """Print all tenants."""
        await schema.check(self._database)
        for tenant in await self._access.tenants():
            print(f"{tenant.id}  {rfc3339(tenant.created_at)}  {tenant.name}")

    async def keep_recordings(self, tenant: str, days: str) -> None:
        """Set for how many days a tenant's recordings are kept; ``none``: until somebody deletes them."""
        await schema.check(self._database)
        if days != "none" and not (days.isdecimal() and 1 <= int(days) <= MAX_DAYS):
            raise Refused(f"the days are a whole number from 1 to {MAX_DAYS}, or `none`")
        owner = await self._access.tenant(tenant)
        await self._access.set_retention(owner.id, None if days == "none" else int(days))
        kept = "until they are deleted" if days == "none" else f"for {int(days)} days"
        print(f"recordings of {owner.name} are kept {kept}")

    async def set_quotas(self, tenant: str, given: Mapping[str, str | None]) -> None:
        """Change those quotas that are given (``none``: no limit), and print all."""
        await schema.check(self._database)
        changes = {name: _limit(name, text) for name, text in given.items() if text is not None}
        owner = await self._access.tenant(tenant)
        quotas = structs.replace(owner.quotas, **changes)
        if changes:
            await self._access.set_quotas(owner.id, quotas, times.from_seconds(time.time()))
        for name, limit in structs.asdict(quotas).items():
            print(f"{name.replace('_', '-')}: {'no limit' if limit is None else limit}")

    async def create_key(self, tenant: str, name: str) -> None:
        """Create an API key. Only the secret is printed, so that it can be piped."""
        await schema.check(self._database)
        owner = await self._access.tenant(tenant)
        made = await self._access.create_key(owner.id, name and _name(name), times.from_seconds(time.time()))
        print(made.secret)

    async def list_keys(self, tenant: str | None) -> None:
        """Print the API keys of a tenant, or all, without their secrets."""
        await schema.check(self._database)
        owner = await self._access.tenant(tenant) if tenant else None
        for key in await self._access.keys(owner.id if owner else None):
            state = f"revoked {rfc3339(key.revoked_at)}" if key.revoked_at else "valid"
            print(f"{key.id}  {rfc3339(key.created_at)}  {state}  {key.name}".rstrip())

    async def revoke_key(self, key_id: str) -> None:
        """Revoke an API key."""
        await schema.check(self._database)
        try:
            canonical = str(uuid.UUID(key_id))
        except ValueError:
            raise Refused(f"{key_id} is not the id of a key: see `tertulia key list`") from None
        await self._access.revoke_key(canonical, times.from_seconds(time.time()))
        print(f"revoked {canonical}")

    async def rotate(self, config: Config, tenant: str | None, *, revoke: bool) -> None:
        """Sign with new keys, for one tenant or all, and with ``revoke`` void what was signed before."""
        await schema.check(self._database)
        owner = await self._access.tenant(tenant) if tenant else None
        keys = SigningKeys(self._database, master_key(config))
        key = await keys.rotate(time.time(), tenant=owner.id if owner else None, revoke=revoke)
        whose = f"tokens of {owner.name} are signed with {key.kid}" if owner else "all tenants get new keys"
        print(f"{whose}; all web workers have it within half a minute")

    async def set_recording_key(self, tenant: str, config: Config, path: Path | None) -> None:
        """Encrypt a tenant's recordings from now on, with the key in a file; None: with a random one."""
        await schema.check(self._database)
        owner = await self._access.tenant(tenant)
        secret = secrets.token_bytes(KEY_BYTES) if path is None else read_key_file(path, "--file")
        keys = RecordingKeys(self._database, master_key(config))
        key_id = await keys.replace(owner.id, secret, times.from_seconds(time.time()))
        print(f"recordings of {owner.name} are encrypted with {key_id} from now on")

    async def drop_recording_key(self, tenant: str) -> None:
        """Encrypt a tenant's recordings no more, from now on."""
        await schema.check(self._database)
        owner = await self._access.tenant(tenant)
        await RecordingKeys(self._database, None).retire(owner.id, times.from_seconds(time.time()))
        print(f"recordings of {owner.name} are not encrypted from now on; earlier ones stay as they are")

    def operator(self, config: Config) -> Operator:
        """The commands on recordings."""
        return Operator(self._database, master_key(config), config.storage, config.raw_dir)

    async def show(self, lines: AsyncIterator[str]) -> None:
        """Print what a command on recordings says, line by line."""
        await schema.check(self._database)
        async for line in lines:
            print(line, flush=True)

    async def create_room(self, config: Config, tenant: str, base_url: str) -> None:
        """Create a room with a new host, and print two links, with the tokens in the fragments."""
        await schema.check(self._database)
        now = await _now(config)
        at = times.from_seconds(now)
        owner = await self._access.ensure_tenant(_name(tenant), at)
        host = UserId(new_uuid())
        room = await Directory(self._database).create_room(owner.id, RoomId(new_uuid()), host, Settings(), at)
        tokens = await self._tokens(config, owner.id, now)
        join = tokens.issue_room(
            user_id=host,
            room_id=room.id,
            role="host",
            tenant_id=owner.id,
            display_name="Host",
            now=now,
            lifetime=JOIN_TOKEN_SECONDS,
        )
        invited = await self._invite(room, now)
        invite = tokens.issue_invite(
            invite_id=invited.id,
            room_id=room.id,
            role="attendee",
            tenant_id=owner.id,
            now=now,
            lifetime=INVITE_MAX_SECONDS,
        )
        base = Base(base_url)
        print(f"host:   {base.host(room.id, join.token)}")
        print(f"guests: {base.invite(room.id, invite.token)}")

    async def _tokens(self, config: Config, tenant: TenantId, now: float) -> Tokens:
        """The keys, to issue tokens of the tenant."""
        keys = SigningKeys(self._database, master_key(config))
        await keys.ensure(tenant, now)
        return Tokens(await keys.all(now))

    async def _invite(self, room: Room, now: float) -> Invite:
        invite = Invite(
            id=new_uuid(),
            room_id=room.id,
            role="attendee",
            made_by=None,
            maker_admitted_at=None,
            key_id=None,
            created_at=times.from_seconds(now),
            expires_at=times.from_seconds(math.floor(now) + INVITE_MAX_SECONDS),
            max_uses=None,
            uses=0,
            revoked_at=None,
        )
        return await Invites(self._database).create(invite)


async def _now(config: Config) -> float:
    """The time by which tokens expire: by the clock of Redis if its address is given, else by this machine's."""
    if config.redis_url is None:
        return time.time()
    redis = await connect_redis(config.redis_url)
    try:
        return await redis_ms(redis, CLOCK) / 1000
    finally:
        await redis.close()


def _limit(name: str, text: str) -> int | None:
    """A quota. Raises Refused."""
    if text == "none":
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise Refused(f"--{name.replace('_', '-')} takes a whole number, or `none`")
    return int(text)


def _name(name: str) -> str:
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise Refused(f"a name has 1 to {MAX_NAME} printable characters")
    return name
