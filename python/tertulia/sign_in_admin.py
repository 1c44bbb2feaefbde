"""The commands on signing in by OpenID Connect. They print for people, one thing per line."""

from __future__ import annotations

import argparse
import re
import sys
import time
from pathlib import Path
from typing import Final

from tertulia import times
from tertulia.config import Config
from tertulia.db import schema
from tertulia.db.access import Access
from tertulia.db.engine import Database
from tertulia.db.models import SignInSetting, Tenant
from tertulia.db.sign_in_settings import SignInSettings
from tertulia.db.sign_ins import SignIns
from tertulia.errors import Refused
from tertulia.http.sign_in import CALLBACK
from tertulia.master_key import master_key
from tertulia.oidc.metadata import is_safe
from tertulia.oidc.provider import Providers
from tertulia.oidc.steps import SignInFailed

_DOMAIN: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")
_SCOPES: Final = re.compile(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*")
"""RFC 6749, section 3.3."""
_MAX_SECRET: Final = 4096
"""Bytes of the file."""


class SignInAdmin:
    """The commands. They raise TertuliaError with a message for the person at the terminal."""

    def __init__(self, database: Database, config: Config) -> None:
        self._database = database
        self._access = Access(database)
        self._settings = SignInSettings(database, master_key(config))
        self._base = config.public_url or "https://YOUR.SERVER"

    async def sign_in(self, args: argparse.Namespace) -> None:
        """Set where a tenant's people sign in, turn it off, or print it."""
        await schema.check(self._database)
        tenant = await self._access.tenant(args.name)
        if args.off:
            await self._settings.drop(tenant.id, times.from_seconds(time.time()))
            print(f"nobody of {tenant.name} signs in any more")
        elif args.issuer is None:
            await self._show(tenant)
        else:
            setting, secret = _setting(tenant, args), _secret(args.secret_file)
            if secret is not None:
                setting = self._settings.with_secret(setting, secret)
            await _check(setting)
            await self._settings.replace(setting)
            print(f"people of {tenant.name} sign in at {setting.issuer}")
            print(f"redirect URI to register there: {self._callback(tenant)}")

    async def sign_out(self, name: str) -> None:
        """Sign everybody of a tenant out."""
        await schema.check(self._database)
        tenant = await self._access.tenant(name)
        count = await SignIns(self._database).end_all(tenant.id, times.from_seconds(time.time()))
        print(f"signed out in {count} browser{'' if count == 1 else 's'}")

    async def _show(self, tenant: Tenant) -> None:
        setting = await self._settings.of_tenant(tenant.id)
        if setting is None:
            print(f"nobody of {tenant.name} signs in: give --issuer and --client-id")
            print(f"redirect URI: {self._callback(tenant)}")
            return
        print(f"issuer: {setting.issuer}")
        print(f"client-id: {setting.client_id}")
        print(f"secret: {'none' if setting.wrapped_secret is None else 'set'}")
        print(f"domains: {', '.join(setting.domains) or 'any'}")
        print(f"administrators: {'='.join(setting.administrators) if setting.administrators else 'none'}")
        print(f"scopes: {setting.scopes}")
        print(f"redirect URI: {self._callback(tenant)}")

    def _callback(self, tenant: Tenant) -> str:
        return self._base + CALLBACK.format(tenant=tenant.id)


def _setting(tenant: Tenant, args: argparse.Namespace) -> SignInSetting:
    """The setting that the arguments say, without a secret. Raises Refused."""
    if not is_safe(args.issuer) or len(args.issuer) > 512 or "?" in args.issuer:
        raise Refused("--issuer must be an https:// address (http:// on this machine only) without a query")
    if not args.client_id or len(args.client_id) > 255:
        raise Refused("--client-id is missing: what the provider calls this server, up to 255 characters")
    if len(args.scopes) > 512 or not _SCOPES.fullmatch(args.scopes) or "openid" not in args.scopes.split():
        raise Refused("--scopes must be words separated by spaces, and openid one of them")
    return SignInSetting(
        tenant_id=tenant.id,
        issuer=args.issuer,
        client_id=args.client_id,
        wrapped_secret=None,
        scopes=args.scopes,
        domains=_domains(args.domains or ""),
        administrators=_administrators(args.administrators),
        set_at=times.from_seconds(time.time()),
    )


async def _check(setting: SignInSetting) -> None:
    """Check that the provider is there, and is the one that is meant. Raises Refused."""
    providers = Providers()
    try:
        issuer = providers.issuer(setting.issuer)
        await providers.run(issuer, issuer.metadata(time.monotonic()))
    except SignInFailed as e:
        raise Refused(f"--issuer: {e}; nothing was changed") from None


def _secret(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        with sys.stdin.buffer if path == "-" else Path(path).expanduser().open("rb") as file:
            given = file.read(_MAX_SECRET + 1)
        if len(given) > _MAX_SECRET:
            raise Refused(f"--secret-file: {path} is longer than {_MAX_SECRET} bytes: is it the right file?")
        secret = given.decode().rstrip("\r\n")
    except OSError as e:
        raise Refused(f"--secret-file: {path} cannot be read: {e.strerror or e}") from None
    except UnicodeDecodeError:
        raise Refused(f"--secret-file: {path} is not text in UTF-8") from None
    if not secret:
        raise Refused(f"--secret-file: {path} is empty")
    return secret


def _domains(text: str) -> tuple[str, ...]:
    domains = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    for domain in domains:
        if not _DOMAIN.fullmatch(domain):
            raise Refused("--domains must be domains such as example.org, comma-separated")
    return domains


def _administrators(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    claim, equals, value = text.partition("=")
    if not claim or not equals or not value or max(len(claim), len(value)) > 255:
        raise Refused("--administrators must be a claim and its value, such as groups=meeting-admins")
    return claim, value
