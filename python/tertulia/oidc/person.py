"""Who somebody is, by the claims of their provider (OpenID Connect Core 1.0, section 5.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from tertulia.oidc.id_token import Claims
from tertulia.oidc.steps import SignInFailed

_EMAIL: Final = re.compile(r"[!-?A-~]{1,64}@[A-Za-z0-9.-]{1,189}")
"""What is not ASCII could look like another address."""
_MAX_NAME: Final = 100
_NAMES: Final = ("name", "nickname", "preferred_username", "given_name")


class Person(Struct, frozen=True):
    """Somebody who has signed in at an issuer. ``email`` None: it has not verified one."""

    subject: str
    email: str | None
    name: str
    is_administrator: bool


class Terms(Struct, frozen=True):
    """Who may sign in. ``domains`` of verified email addresses; empty: everybody whom the provider knows."""

    domains: Sequence[str] = ()
    administrators: tuple[str, str] | None = None
    """The claim that makes an administrator, and its value; None: nobody is one."""


def person_of(claims: Claims, terms: Terms) -> Person:
    """Who the claims are about.

    Raises:
        SignInFailed: they may not sign in.
    """
    email = _verified_email(claims)
    if terms.domains:
        if email is None:
            raise SignInFailed("not_allowed", "the provider has not verified an email address of theirs")
        if domain_of(email) not in terms.domains:
            raise SignInFailed("not_allowed", "their email address is of another domain")
    administrators = terms.administrators
    is_administrator = administrators is not None and _has(claims.get(administrators[0]), administrators[1])
    return Person(claims["sub"], email, _name(claims, email), is_administrator)


def domain_of(email: str) -> str:
    """The domain of an address, in lower case."""
    return email.rpartition("@")[2].lower()


def _verified_email(claims: Claims) -> str | None:
    email = claims.get("email")
    # Some providers say it in a string.
    is_verified = claims.get("email_verified") in (True, "true")
    return email if is_verified and isinstance(email, str) and _EMAIL.fullmatch(email) else None


def _name(claims: Claims, email: str | None) -> str:
    for claim in _NAMES:
        name = claims.get(claim)
        if isinstance(name, str):
            printable = " ".join("".join(c if c.isprintable() else " " for c in name[: 4 * _MAX_NAME]).split())
            if printable:
                return printable[:_MAX_NAME]
    return email.partition("@")[0][:_MAX_NAME] if email else "User"


def _has(claim: Any, value: str) -> bool:
    """Whether a claim is the value, or a list with it; ``true`` is written as in JSON."""
    if isinstance(claim, list):
        return any(_has(item, value) for item in claim if not isinstance(item, list))
    if isinstance(claim, bool):
        return value == str(claim).lower()
    return isinstance(claim, str) and claim == value
