"""Who is signed in, while the operator changes where people sign in; the same on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from msgspec import structs

from tertulia.db import rows
from tertulia.db.access import Access
from tertulia.db.audit import Audit
from tertulia.db.engine import Database
from tertulia.db.models import SignInSetting
from tertulia.db.sign_in_settings import SignInSettings
from tertulia.db.sign_ins import Browser, Identity, NewSignIn, SignIns
from tertulia.errors import NotFound
from tertulia.ids import TenantId, new_uuid
from tests.integration.db.conftest import AT

LATER = AT + timedelta(microseconds=1)


def setting_of(tenant: TenantId) -> SignInSetting:
    return SignInSetting(
        tenant_id=tenant,
        issuer="https://login.example.org",
        client_id="tertulia",
        wrapped_secret=None,
        scopes="openid",
        domains=(),
        administrators=None,
        set_at=AT,
    )


@pytest.fixture
def settings(database: Database) -> SignInSettings:
    return SignInSettings(database, None)


@pytest.fixture
def sign_ins(database: Database) -> SignIns:
    return SignIns(database)


@pytest.fixture
async def setting(settings: SignInSettings, tenant: TenantId) -> SignInSetting:
    made = setting_of(tenant)
    await settings.replace(made)
    assert await settings.of_tenant(tenant) == made
    return made


async def begin(
    sign_ins: SignIns, setting: SignInSetting, subject: str = "ann", replaced: str | None = None
) -> NewSignIn | None:
    browser = Browser("127.0.0.1", "request", replaced)
    who = Identity(subject, None, subject.title())
    return await sign_ins.begin(setting, who, AT, browser, is_administrator=False, links=False)


def dropped(settings: SignInSettings, setting: SignInSetting) -> Awaitable[None]:
    return settings.drop(setting.tenant_id, LATER)


def set_again(settings: SignInSettings, setting: SignInSetting) -> Awaitable[None]:
    return settings.replace(structs.replace(setting, set_at=LATER))


Change = Callable[[SignInSettings, SignInSetting], Awaitable[None]]


@pytest.mark.parametrize("change", [dropped, set_again])
async def test_who_was_on_the_way_when_the_setting_changed_is_not_signed_in(
    settings: SignInSettings, sign_ins: SignIns, setting: SignInSetting, change: Change
) -> None:
    before = await begin(sign_ins, setting)
    assert before
    assert await sign_ins.find(before.secret, AT)
    await change(settings, setting)
    assert await sign_ins.find(before.secret, AT) is None
    assert await begin(sign_ins, setting) is None
    now = await settings.of_tenant(setting.tenant_id)
    assert (now is not None and await begin(sign_ins, now) is not None) is (change is set_again)


def locks_asked_for(database: Database, count: int) -> asyncio.Event:
    """Set when so many have asked for a lock, from now on."""
    asked, statements = asyncio.Event(), list[str]()

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if re.search("FOR (NO KEY )?UPDATE|BEGIN IMMEDIATE", statement):
            statements.append(statement)
            if len(statements) == count:
                asked.set()

    sa.event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    return asked


@pytest.mark.parametrize("change", [dropped, set_again])
async def test_whoever_comes_while_it_changes_does_not_stay(
    database: Database, settings: SignInSettings, sign_ins: SignIns, setting: SignInSetting, change: Change
) -> None:
    async with database.write() as connection:
        await rows.lock_tenant(connection, setting.tenant_id)
        asked = locks_asked_for(database, 5)
        coming = [asyncio.create_task(begin(sign_ins, setting, name)) for name in "ab"]
        changing = asyncio.ensure_future(change(settings, setting))
        coming += [asyncio.create_task(begin(sign_ins, setting, name)) for name in "cd"]
        await asyncio.wait_for(asked.wait(), 10)
        assert not any(task.done() for task in (*coming, changing)), "somebody did not wait for the tenant"
    await changing
    for made in await asyncio.gather(*coming):
        assert made is None or await sign_ins.find(made.secret, AT) is None


async def test_a_new_sign_in_ends_the_one_that_the_browser_had(
    database: Database,
    settings: SignInSettings,
    sign_ins: SignIns,
    setting: SignInSetting,
    other: TenantId,
) -> None:
    first, elsewhere = await begin(sign_ins, setting, "ann"), await begin(sign_ins, setting, "ann")
    assert first
    assert elsewhere
    theirs = setting_of(other)
    await settings.replace(theirs)
    second = await begin(sign_ins, theirs, "mallory", replaced=first.secret)
    assert second
    assert await sign_ins.find(first.secret, AT) is None
    assert await sign_ins.find(second.secret, AT)
    assert await sign_ins.find(elsewhere.secret, AT), "of another browser"
    [ended] = [one for one in (await Audit(database).page(setting.tenant_id)).entries if "out" in one.action]
    assert (ended.action, ended.actor) == ("user.signed-out", f"user {first.sign_in.user.id}")


async def test_a_tenant_that_is_not_there(settings: SignInSettings, sign_ins: SignIns, database: Database) -> None:
    nobody = setting_of(TenantId(new_uuid()))
    with pytest.raises(NotFound):
        await settings.replace(nobody)
    with pytest.raises(NotFound):
        await begin(sign_ins, nobody)
    assert await Access(database).tenants() == []
