"""The codes of invites."""

from __future__ import annotations

from typing import Any, cast

from msgspec.structs import replace

from tertulia.db.models import Invite
from tertulia.ids import RoomId
from tertulia.rest.codes import Codes, is_code
from tertulia.times import from_seconds
from tertulia.tokens import SigningKey, Tokens

OLD, NEW = SigningKey("old", b"o" * 32, 1.0, retired_at=2.0), SigningKey("new", b"n" * 32, 2.0)


class Ring:
    """As much of a keyring as there is to codes."""

    def __init__(self, *keys: SigningKey) -> None:
        self.tokens = Tokens(keys)


def codes(*keys: SigningKey) -> Codes:
    return Codes(cast("Any", Ring(*keys)))


def invite(code_hash: bytes | None) -> Invite:
    at = from_seconds(0)
    return Invite(
        id="an invite",
        room_id=RoomId("room"),
        role="attendee",
        made_by=None,
        maker_admitted_at=None,
        key_id=None,
        created_at=at,
        expires_at=at,
        max_uses=None,
        uses=0,
        revoked_at=None,
        code_hash=code_hash,
    )


def test_a_code_has_no_letters_that_look_alike() -> None:
    made = [codes(NEW).new(f"invite {number}").text for number in range(2000)]
    assert len(set(made)) == 2000
    assert all(is_code(text) and is_code(text.upper()) for text in made)
    letters = set("".join(made)) - {"-"}
    assert len(letters) == 31
    assert not letters & set("01ilo")


def test_what_is_no_code() -> None:
    good = codes(NEW).new("i").text
    for text in (
        "",
        good[:-1],
        good + "2",
        good.replace("-", ""),
        good.replace("-", "_"),
        "aaaa-aaaa-aaal",
        f"{good}\n",
    ):
        assert not is_code(text)


def test_it_is_found_by_its_hash_in_either_case_and_shown_again() -> None:
    made = codes(NEW).new("an invite")
    assert made.hash in codes(NEW).hashes(made.text.upper())
    assert made.text.encode() not in made.hash
    assert codes(NEW).of(invite(made.hash)) == made.text
    assert codes(NEW).of(replace(invite(made.hash), id="another")) is None
    assert codes(NEW).of(invite(None)) is None


def test_it_outlives_a_rotation_of_the_keys_and_not_their_revocation() -> None:
    old = codes(replace(OLD, retired_at=None)).new("an invite")
    assert old.hash in codes(OLD, NEW).hashes(old.text)
    assert codes(OLD, NEW).of(invite(old.hash)) == old.text
    assert codes(OLD, NEW).new("an invite") == codes(NEW).new("an invite") != old
    assert old.hash not in codes(NEW).hashes(old.text)
    assert codes(NEW).of(invite(old.hash)) is None
