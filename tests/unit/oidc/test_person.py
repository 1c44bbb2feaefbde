"""Who somebody is by their claims, and who may sign in."""

from __future__ import annotations

from typing import Any

import pytest

from tertulia.oidc.person import Terms, person_of
from tertulia.oidc.steps import SignInFailed

ACME = Terms(("acme.example",))
ANN = {"sub": "s", "email": "ann@acme.example", "email_verified": True, "name": "Ann"}


@pytest.mark.parametrize(
    ("claims", "may"),
    [
        (ANN, True),
        ({**ANN, "email": "Ann@ACME.example"}, True),
        ({**ANN, "email_verified": "true"}, True),
        ({**ANN, "email_verified": False}, False),
        ({**ANN, "email_verified": "false"}, False),
        ({**ANN, "email_verified": 1.5}, False),
        ({"sub": "s", "email": "ann@acme.example"}, False),
        ({**ANN, "email": "ann@evil.example"}, False),
        ({**ANN, "email": "ann@sub.acme.example"}, False),
        ({**ANN, "email": "ann@evil.example@acme.example"}, False),
        ({**ANN, "email": "ann@acme.example\n"}, False),
        ({**ANN, "email": "ann@ácme.example"}, False),
        ({**ANN, "email": ["ann@acme.example"]}, False),
    ],
)
def test_only_verified_addresses_of_the_domains_are_let_in(claims: dict[str, Any], may: bool) -> None:
    if may:
        assert person_of(claims, ACME).email is not None
        return
    with pytest.raises(SignInFailed) as failed:
        person_of(claims, ACME)
    assert failed.value.reason == "not_allowed"
    assert "ann" not in str(failed.value)


def test_without_domains_an_address_that_is_not_verified_is_none() -> None:
    person = person_of({**ANN, "email_verified": False}, Terms())
    assert (person.email, person.name) == (None, "Ann")


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"name": "Ann Bo"}, "Ann Bo"),
        ({"name": "  \n "}, "ann"),
        ({"name": 7, "nickname": "Annie"}, "Annie"),
        ({"preferred_username": "ann-b"}, "ann-b"),
        ({"name": "A\0n\u202en\ud800"}, "A n n"),
        ({"name": "x" * 500}, "x" * 100),
        ({}, "ann"),
        ({"email_verified": False}, "User"),
    ],
)
def test_what_somebody_is_called(claims: dict[str, Any], name: str) -> None:
    base = {"sub": "s", "email": "ann@acme.example", "email_verified": True}
    assert person_of({**base, **claims}, Terms()).name == name


@pytest.mark.parametrize(
    ("value", "claim", "is_one"),
    [
        ("admins", "admins", True),
        ("admins", ["staff", "admins"], True),
        ("admins", "admins staff", False),
        ("admins", [["admins"]], False),
        ("admins", {"admins": True}, False),
        ("true", True, True),
        ("true", False, False),
        ("true", [True], True),
        ("admins", None, False),
        ("1", 1, False),
    ],
)
def test_who_is_an_administrator(value: str, claim: Any, is_one: bool) -> None:
    assert person_of({**ANN, "groups": claim}, Terms((), ("groups", value))).is_administrator is is_one
    assert not person_of({**ANN, "groups": claim}, Terms()).is_administrator
