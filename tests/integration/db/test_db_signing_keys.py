"""Signing keys: of each tenant, of the server, encrypted or not, the same on SQLite and PostgreSQL."""

import asyncio
import base64
import itertools
import json
import time
from collections.abc import AsyncIterator
from typing import Any, NoReturn

import msgspec
import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from tertulia.db import keyring, migrate
from tertulia.db.audit import Audit
from tertulia.db.engine import Database
from tertulia.db.keyring import Keyring
from tertulia.db.signing_keys import SigningKeys
from tertulia.db.tables import SIGNING_KEYS, TENANT_SIGNING_KEYS
from tertulia.errors import BadToken, ConfigError, NotFound, Unavailable
from tertulia.ids import RoomId, TenantId, UserId, new_uuid
from tertulia.master_key import MasterKey
from tertulia.times import from_seconds
from tertulia.tokens import INVITE_MAX_SECONDS, Tokens, new_signing_key
from tests.waiting import until

MASTER = MasterKey(b"m" * 32)


def room_token(tokens: Tokens, tenant: TenantId, now: float) -> str:
    return tokens.issue_room(
        user_id=UserId(new_uuid()),
        room_id=RoomId(new_uuid()),
        role="host",
        tenant_id=tenant,
        display_name="A",
        now=now,
    ).token


async def test_workers_that_start_at_once_agree(database: Database, tenant: TenantId) -> None:
    rings = [Keyring(SigningKeys(database, None)) for _ in range(5)]
    await asyncio.gather(*(ring.start() for ring in rings))
    made = await asyncio.gather(*(ring.issuing(tenant) for ring in rings))
    tokens = [room_token(one, tenant, time.time()) for one in made]
    async with database.read() as connection:
        assert len((await connection.execute(sa.select(TENANT_SIGNING_KEYS))).all()) == 1
    for ring in rings:
        for token in tokens:
            assert (await ring.verify_room(token)).tenant_id == tenant
        await ring.stop()


async def test_a_rotation_reaches_a_worker_with_the_first_token_it_does_not_know(
    keys: SigningKeys, ring: Keyring, tenant: TenantId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "_EAGER_SECONDS", 0.0)
    old = room_token(await ring.issuing(tenant), tenant, time.time())
    await keys.rotate(time.time(), tenant=tenant)
    new = room_token(Tokens(await keys.all(time.time())), tenant, time.time())
    assert kid_of(new) != kid_of(old)
    assert (await ring.verify_room(new)).role == "host"
    assert (await ring.verify_room(old)).role == "host"


def kid_of(token: str) -> str:
    header = token.split(".", maxsplit=1)[0]
    return str(json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"])


async def revocations(database: Database, tenant: TenantId) -> list[str | None]:
    """What the tenant's audit log says of them: the new keys."""
    page = await Audit(database).page(tenant)
    return [entry.target for entry in page.entries if entry.action == "signing-key.revoked"]


def verifies(tokens: Tokens, token: str) -> bool:
    try:
        return bool(tokens.verify_room(token, time.time()))
    except BadToken:
        return False


@pytest.mark.parametrize("of_all", [False, True])
async def test_a_revocation_reaches_every_worker_in_time(
    database: Database, tenant: TenantId, other: TenantId, monkeypatch: pytest.MonkeyPatch, *, of_all: bool
) -> None:
    monkeypatch.setattr(keyring, "RELOAD_SECONDS", 0.02)
    keys = SigningKeys(database, None)
    ring = Keyring(keys)
    await ring.start()
    ours, theirs = [room_token(await ring.issuing(owner), owner, time.time()) for owner in (tenant, other)]
    derived = ring.tokens.derived(b"p")
    made = await keys.rotate(time.time(), tenant=None if of_all else tenant, revoke=True)
    assert await revocations(database, tenant) == [made.kid]
    assert await revocations(database, other) == ([made.kid] if of_all else [])
    async with asyncio.timeout(10):
        while verifies(ring.tokens, ours):
            await asyncio.sleep(0)
    with pytest.raises(BadToken):
        await ring.verify_room(ours)
    if of_all:
        with pytest.raises(BadToken):
            await ring.verify_room(theirs)
        assert ring.tokens.derived(b"p") != derived
    else:
        assert (await ring.verify_room(theirs)).tenant_id == other
        assert ring.tokens.derived(b"p") == derived
    fresh = room_token(await ring.issuing(tenant), tenant, time.time())
    assert (await ring.verify_room(fresh)).tenant_id == tenant
    await ring.stop()


async def test_it_is_said_once_that_the_keys_cannot_be_read_again(
    keys: SigningKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "RELOAD_SECONDS", 0.001)
    ring, read, tries, failed = Keyring(keys), keys.all, itertools.count(), asyncio.Event()

    async def fail(now: float) -> NoReturn:
        if next(tries) == 4:
            failed.set()
        raise Unavailable("away")

    with capture_logs() as logs:
        await ring.start()
        monkeypatch.setattr(keys, "all", fail)
        await failed.wait()
        monkeypatch.setattr(keys, "all", read)
        await until(lambda: logs[-1]["log_level"] == "info")
        await ring.stop()
    assert [line["log_level"] for line in logs] == ["warning", "info"]


async def test_a_key_made_by_a_slow_clock_is_the_youngest_all_the_same(keys: SigningKeys, ring: Keyring) -> None:
    """What is derived is signed with the oldest, which every worker knows."""
    first = ring.tokens.derived(b"p")[0]
    await keys.rotate(time.time() - 30, tenant=None)
    assert Tokens(await keys.all(time.time())).derived(b"p")[0] == first


async def test_a_tenant_that_does_not_exist_gets_no_key(ring: Keyring) -> None:
    with pytest.raises(NotFound):
        await ring.issuing(TenantId(new_uuid()))


async def test_tokens_from_before_tenants_had_keys_go_on(database: Database, tenant: TenantId, other: TenantId) -> None:
    """What the one key had signed for each tenant is verified for it, and may be revoked for it alone."""
    await migrate.downgrade(database, "0010")
    old = new_signing_key(time.time() - 60, None)
    async with database.write() as connection:
        at = from_seconds(old.created_at)
        row = {"kid": old.kid, "secret": old.secret, "created_at": at}
        await connection.execute(sa.insert(sa.table("signing_keys", *map(sa.column, row))).values(_plain(row)))
    as_before = Tokens([msgspec.structs.replace(old, tenant_id=owner) for owner in (tenant, other)])
    ours, theirs = [room_token(as_before, owner, time.time()) for owner in (tenant, other)]
    await migrate.upgrade(database)
    keys = SigningKeys(database, None)
    ring = Keyring(keys)
    await ring.start()
    assert (await ring.verify_room(ours)).tenant_id == tenant
    assert (await ring.verify_room(theirs)).tenant_id == other
    assert kid_of(room_token(await ring.issuing(tenant), tenant, time.time())) != old.kid
    assert ring.tokens.derived(b"p") == Tokens([old]).derived(b"p")
    await keys.rotate(time.time(), tenant=tenant, revoke=True)
    revoked = Tokens(await keys.all(time.time()))
    with pytest.raises(BadToken):
        revoked.verify_room(ours, time.time())
    assert revoked.verify_room(theirs, time.time()).tenant_id == other
    await ring.stop()


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Values for columns of which SQLAlchemy knows no type."""
    return {name: sa.literal(value, TENANT_SIGNING_KEYS.c[name].type) for name, value in row.items()}


async def test_with_a_master_key_no_secret_is_in_the_tables(database: Database, tenant: TenantId) -> None:
    """Those that were there before it, too; who has another one, or none, is told so."""
    now = time.time()
    plain = SigningKeys(database, None)
    await plain.ensure(tenant, now)
    before = await plain.all(now)
    sealing = SigningKeys(database, MASTER)
    assert await sealing.all(now) == before
    await sealing.rotate(now, tenant=tenant)
    after = await sealing.all(now)
    assert len(after) == len(before) + 1
    async with database.read() as connection:
        for table in (SIGNING_KEYS, TENANT_SIGNING_KEYS):
            for row in await connection.execute(sa.select(table)):
                assert row.is_sealed
                assert not any(key.secret in bytes(row.secret) for key in after)
    for keys, said in (
        (plain, "set TERTULIA_MASTER_KEY"),
        (SigningKeys(database, MasterKey(b"x" * 32)), "not the one"),
    ):
        with pytest.raises(ConfigError, match=said):
            await keys.all(now)


async def test_a_worker_without_the_master_key_keeps_what_it_knows(
    database: Database, tenant: TenantId, other: TenantId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "_EAGER_SECONDS", 0.0)
    ring = Keyring(SigningKeys(database, None))
    await ring.start()
    known = room_token(await ring.issuing(tenant), tenant, time.time())
    sealed = SigningKeys(database, MASTER)
    await sealed.ensure(other, time.time())
    unknown = room_token(Tokens(await sealed.all(time.time())), other, time.time())
    assert (await ring.verify_room(known)).tenant_id == tenant
    with pytest.raises(Unavailable, match="master key|MASTER_KEY"):
        await ring.verify_room(unknown)
    await ring.stop()


async def test_a_row_is_not_taken_for_another_one(database: Database, tenant: TenantId, other: TenantId) -> None:
    """Whoever can write to the table cannot make one tenant's key another's."""
    now, keys = time.time(), SigningKeys(database, MASTER)
    for owner in (tenant, other):
        await keys.ensure(owner, now)
    async with database.write() as connection:
        moved = sa.select(TENANT_SIGNING_KEYS.c.secret).where(TENANT_SIGNING_KEYS.c.tenant_id == tenant)
        secret = (await connection.execute(moved)).scalar_one()
        theirs = sa.update(TENANT_SIGNING_KEYS).where(TENANT_SIGNING_KEYS.c.tenant_id == other)
        await connection.execute(theirs.values(secret=secret))
    with pytest.raises(ConfigError):
        await keys.all(now)


class Readings:
    """Counts the readings of the table, which may fail."""

    def __init__(self, keys: SigningKeys, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.failure: Exception | None = None
        self._all = keys.all
        monkeypatch.setattr(keys, "all", self._read)

    async def _read(self, now: float) -> object:
        self.count += 1
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        return await self._all(now)


@pytest.fixture
def keys(database: Database) -> SigningKeys:
    return SigningKeys(database, None)


@pytest.fixture
async def ring(keys: SigningKeys) -> AsyncIterator[Keyring]:
    """A worker's, started."""
    made = Keyring(keys)
    await made.start()
    yield made
    await made.stop()


def foreign_token() -> str:
    """Signed by a key that nobody has."""
    tenant = TenantId(new_uuid())
    return room_token(Tokens([new_signing_key(time.time(), tenant)]), tenant, time.time())


async def test_unknown_keys_do_not_make_a_worker_read_all_the_time(
    keys: SigningKeys, ring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = foreign_token()
    readings = Readings(keys, monkeypatch)
    monkeypatch.setattr(keyring, "_EAGER_SECONDS", 0.2)
    for count in (1, 2):
        found = await asyncio.gather(*(ring.verify_room(foreign) for _ in range(20)), return_exceptions=True)
        assert all(isinstance(e, BadToken) for e in found)
        assert readings.count == count


async def test_a_key_made_just_after_a_reading_is_found(
    keys: SigningKeys, ring: Keyring, tenant: TenantId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "_EAGER_SECONDS", 0.2)
    for _ in range(2):
        await keys.rotate(time.time(), tenant=tenant)
        fresh = room_token(Tokens(await keys.all(time.time())), tenant, time.time())
        assert (await ring.verify_room(fresh)).display_name


async def test_while_the_keys_cannot_be_read_nobody_waits_for_more_than_one_try(
    keys: SigningKeys, ring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = foreign_token()
    readings = Readings(keys, monkeypatch)
    readings.failure = Unavailable("away")
    found = await asyncio.gather(*(ring.verify_room(foreign) for _ in range(20)), return_exceptions=True)
    assert ({type(e) for e in found}, readings.count) == ({Unavailable}, 1)


@pytest.mark.parametrize("of_all", [False, True])
async def test_keys_that_verify_nothing_any_more_are_dropped(
    database: Database, tenant: TenantId, *, of_all: bool
) -> None:
    keys, scope, now = SigningKeys(database, None), None if of_all else tenant, 1_900_000_000.0
    first = await keys.rotate(now, tenant=scope)

    async def kids() -> set[str]:
        return {key.kid for key in await keys.all(now) if key.tenant_id == scope}

    second = await keys.rotate(now + 1, tenant=scope)
    assert await kids() == {first.kid, second.kid}
    third = await keys.rotate(now + 1 + INVITE_MAX_SECONDS + 1, tenant=scope)
    assert await kids() == {second.kid, third.kid}
    assert await kids() - {(await keys.rotate(now + 9, tenant=scope, revoke=True)).kid} == {second.kid, third.kid}
    assert len(await kids()) == 1
