"""Tenants, API keys and Idempotency-Keys, the same on SQLite and PostgreSQL."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from tertulia.db import migrate
from tertulia.db.access import Access
from tertulia.db.engine import Database
from tertulia.db.idempotency import KEPT, LEASE, Claim, Done, Idempotency, digest
from tertulia.db.sealed_answer import AnswerSeal
from tertulia.db.tables import API_KEYS, IDEMPOTENCY_KEYS, Uuid
from tertulia.errors import AlreadyExists, InProgress, Invalid, NotFound
from tertulia.ids import new_uuid
from tests.integration.db.conftest import AT

# --- tenants and API keys


async def test_a_tenant_has_a_name_of_its_own(database: Database) -> None:
    access = Access(database)
    made = await access.create_tenant("b", AT)
    assert await access.ensure_tenant("b", AT + timedelta(days=1)) == made
    other = await access.ensure_tenant("a", AT)
    assert await access.tenants() == [other, made]
    assert await access.tenant("b") == await access.tenant(made.id) == made
    with pytest.raises(AlreadyExists):
        await access.create_tenant("b", AT)
    with pytest.raises(NotFound):
        await access.tenant("c")


async def test_a_key_opens_until_it_is_revoked(database: Database) -> None:
    access = Access(database)
    tenant = await access.create_tenant("a", AT)
    made = await access.create_key(tenant.id, "ci", AT)
    assert made.secret.startswith("tk_")
    assert len(made.secret) >= 3 + 43
    assert await access.key_of(made.secret) == made.key
    for wrong in ("", "tk_", made.secret[:-1], made.secret + "a", made.key.id):
        assert await access.key_of(wrong) is None
    for _ in range(2):
        await access.revoke_key(made.key.id, AT)
    assert await access.key_of(made.secret) is None
    assert [k.revoked_at for k in await access.keys(tenant.id)] == [AT]
    with pytest.raises(NotFound):
        await access.revoke_key(new_uuid(), AT)


async def test_the_secret_is_nowhere_in_the_table(database: Database) -> None:
    access = Access(database)
    made = await access.create_key((await access.create_tenant("a", AT)).id, "ci", AT)
    async with database.read() as connection:
        row = (await connection.execute(sa.select(API_KEYS))).one()
    assert made.secret not in str(row)
    assert made.secret[3:] not in str(row)


# --- Idempotency-Keys

NAME = ("caller", "POST", "/v1/rooms", "k")
KEY, BODY = digest(*NAME), digest("body")
SECRET = b"s" * 32
SEAL = AnswerSeal([SECRET], NAME)


async def test_a_claim_is_answered_once(database: Database) -> None:
    store = Idempotency(database)
    claim = await store.claim(KEY, BODY, SEAL, AT)
    assert isinstance(claim, Claim)
    assert not claim.again
    with pytest.raises(InProgress):
        await store.claim(KEY, BODY, SEAL, AT + LEASE - timedelta(milliseconds=1))
    await store.finish(claim, Done(201, '{"a":1}'), SEAL)
    assert await store.claim(KEY, BODY, SEAL, AT + KEPT - timedelta(seconds=1)) == Done(201, '{"a":1}')
    with pytest.raises(Invalid):
        await store.claim(KEY, digest("other"), SEAL, AT)
    assert isinstance(await store.claim(digest("other caller"), BODY, SEAL, AT), Claim)


async def test_no_answer_can_be_read_in_the_table(database: Database) -> None:
    store = Idempotency(database)
    claim = await store.claim(KEY, BODY, SEAL, AT)
    assert isinstance(claim, Claim)
    await store.finish(claim, Done(201, '{"token":"eyJhbGciOi"}'), SEAL)
    async with database.read() as connection:
        row = (await connection.execute(sa.select(IDEMPOTENCY_KEYS))).one()
    assert "eyJhbGciOi" not in str(row)
    assert AnswerSeal([SECRET], (*NAME[:3], "l")).open(row.sealed) is None
    assert AnswerSeal([b"t" * 32, SECRET], NAME).open(row.sealed) == '{"token":"eyJhbGciOi"}'


async def test_an_answer_whose_secret_was_revoked_is_made_again(database: Database) -> None:
    store, later = Idempotency(database), AnswerSeal([b"t" * 32], NAME)
    first = await store.claim(KEY, BODY, SEAL, AT)
    assert isinstance(first, Claim)
    await store.finish(first, Done(201, "{}"), SEAL)
    assert await store.claim(KEY, BODY, later, AT) == Claim(KEY, first.made_id, again=True)
    with pytest.raises(InProgress):
        await store.claim(KEY, BODY, later, AT)
    await store.finish(first, Done(201, "[]"), later)
    assert await store.claim(KEY, BODY, later, AT) == Done(201, "[]")


async def test_a_migration_deletes_the_answers_that_are_not_encrypted(database: Database) -> None:
    await migrate.downgrade(database, "0004")
    made_id = new_uuid()
    row = {"digest": KEY, "request": BODY, "made_id": made_id, "created_at": AT, "status": 201, "answer": "{}"}
    old = sa.Table(
        "idempotency_keys", sa.MetaData(), *(sa.Column(name, Uuid if name == "made_id" else None) for name in row)
    )
    async with database.write() as connection:
        await connection.execute(sa.insert(old).values(row))
    await migrate.upgrade(database)
    assert await Idempotency(database).claim(KEY, BODY, SEAL, AT) == Claim(KEY, made_id, again=True)


async def test_after_a_day_it_is_a_new_request(database: Database) -> None:
    store = Idempotency(database)
    first = await store.claim(KEY, BODY, SEAL, AT)
    assert isinstance(first, Claim)
    await store.finish(first, Done(201, "{}"), SEAL)
    second = await store.claim(KEY, digest("other"), SEAL, AT + KEPT)
    assert isinstance(second, Claim)
    assert second.made_id != first.made_id
    assert not second.again


async def test_a_worker_that_died_is_followed_under_the_same_id(database: Database) -> None:
    store = Idempotency(database)
    first = await store.claim(KEY, BODY, SEAL, AT)
    second = await store.claim(KEY, BODY, SEAL, AT + LEASE)
    assert isinstance(first, Claim)
    assert isinstance(second, Claim)
    assert (second.made_id, second.again) == (first.made_id, True)
    with pytest.raises(InProgress):
        await store.claim(KEY, BODY, SEAL, AT + LEASE)


async def test_what_was_broken_off_is_taken_over_at_once(database: Database) -> None:
    store = Idempotency(database)
    first = await store.claim(KEY, BODY, SEAL, AT)
    assert isinstance(first, Claim)
    await store.break_off(first)
    second = await store.claim(KEY, BODY, SEAL, AT)
    assert isinstance(second, Claim)
    assert (second.made_id, second.again) == (first.made_id, True)


async def test_what_was_refused_is_forgotten(database: Database) -> None:
    store = Idempotency(database)
    first = await store.claim(KEY, BODY, SEAL, AT)
    assert isinstance(first, Claim)
    await store.forget(first)
    second = await store.claim(KEY, digest("other"), SEAL, AT)
    assert isinstance(second, Claim)
    assert not second.again
    await store.finish(second, Done(204, ""), SEAL)
    await store.forget(second)
    assert await store.claim(KEY, digest("other"), SEAL, AT) == Done(204, "")


async def test_of_many_at_once_one_has_it(database: Database) -> None:
    store = Idempotency(database)
    found = await asyncio.gather(*(store.claim(KEY, BODY, SEAL, AT) for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(f, Claim) for f in found) == 1
    assert sum(isinstance(f, InProgress) for f in found) == 9


async def test_old_ones_are_dropped(database: Database) -> None:
    store = Idempotency(database)
    for key, at in (("old", AT), ("new", AT + timedelta(seconds=1))):
        claim = await store.claim(key, BODY, SEAL, at)
        assert isinstance(claim, Claim)
        await store.finish(claim, Done(204, ""), SEAL)
    await store.purge(AT + KEPT)
    assert isinstance(await store.claim("new", BODY, SEAL, AT + KEPT), Done)
    assert isinstance(await store.claim("old", BODY, SEAL, AT + KEPT), Claim)
