"""Passwords of invites."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tertulia.errors import RateLimited, WrongPassword
from tertulia.rest.passwords import Passwords
from tertulia.state.limits import Bucket, Taken


async def everything(_bucket: Bucket, want: int, _debt: int = 0) -> Taken:
    return Taken(want, 0)


async def test_the_right_one_is_right() -> None:
    passwords = Passwords(everything)
    one, other = await passwords.hash("hündin 🐕"), await passwords.hash("hündin 🐕")
    assert one.startswith("$argon2id$")
    assert one != other
    await passwords.check("hündin 🐕", one, "invite", "site")
    with pytest.raises(WrongPassword):
        await passwords.check("hundin 🐕", one, "invite", "site")


async def test_guesses_are_slow_from_one_address_and_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tertulia.rest.passwords.time", SimpleNamespace(monotonic=lambda: 0.0))
    passwords = Passwords(everything)
    hashed = await passwords.hash("right one")
    wrong = 0
    with pytest.raises(RateLimited):
        for _ in range(10):
            wrong += 1
            await _guess(passwords, hashed, "site")
    assert wrong == 3
    await passwords.check("right one", hashed, "invite", "another site")
    with pytest.raises(RateLimited):
        for number in range(40):
            await _guess(passwords, hashed, f"site {number}")
    await passwords.check("right one", hashed, "another invite", "site")


async def _guess(passwords: Passwords, hashed: str, site: str) -> None:
    try:
        await passwords.check("a guess", hashed, "invite", site)
    except WrongPassword:
        return
    raise AssertionError("a guess was right")
