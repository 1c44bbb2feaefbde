import base64
import hmac
import json
import math
import secrets

import msgspec
import pytest

from tertulia.errors import BadToken
from tertulia.ids import RoomId, TenantId, UserId, new_uuid
from tertulia.tokens import (
    INVITE_MAX_SECONDS,
    JOIN_TOKEN_SECONDS,
    ROOM_TOKEN_SECONDS,
    Admission,
    NoSigningKey,
    SigningKey,
    Tokens,
    UnknownKey,
    kind_of,
    new_signing_key,
)

NOW = 1_900_000_000.123
USER, ROOM, TENANT = UserId(new_uuid()), RoomId(new_uuid()), TenantId(new_uuid())
KEY = SigningKey("k1", secrets.token_bytes(32), NOW - 100, tenant_id=TENANT)
TOKENS = Tokens([KEY])


def room_token(tokens: Tokens = TOKENS, now: float = NOW, lifetime: int = ROOM_TOKEN_SECONDS) -> str:
    return tokens.issue_room(
        user_id=USER,
        room_id=ROOM,
        role="attendee",
        tenant_id=TENANT,
        display_name="Ana 🙂",
        region="eu-west-1",
        now=now,
        lifetime=lifetime,
    ).token


def invite(tokens: Tokens = TOKENS, lifetime: int = 60) -> str:
    return tokens.issue_invite(
        invite_id="i", room_id=ROOM, role="host", tenant_id=TENANT, now=NOW, lifetime=lifetime
    ).token


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def parts(token: str) -> tuple[dict[str, object], dict[str, object]]:
    head, payload, _ = token.split(".")
    first, second = (json.loads(base64.urlsafe_b64decode(p + "=" * (-len(p) % 4))) for p in (head, payload))
    return first, second


def signed(header: dict[str, object], payload: object, secret: bytes = KEY.secret, digest: str = "sha256") -> str:
    text = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(payload).encode())}"
    return f"{text}.{b64(hmac.digest(secret, text.encode(), digest))}"


def test_a_room_token_says_what_was_put_in() -> None:
    claims = TOKENS.verify_room(room_token(), NOW)
    assert (claims.user_id, claims.room_id, claims.role, claims.tenant_id) == (USER, ROOM, "attendee", TENANT)
    assert (claims.display_name, claims.region) == ("Ana 🙂", "eu-west-1")
    assert claims.admission == Admission(1_900_000_000_123)
    assert claims.expires_at == 1_900_003_600


def test_its_claims_are_those_of_the_contract() -> None:
    header, payload = parts(room_token())
    assert header["alg"] == "HS256"
    assert header["kid"] == "k1"
    assert (
        payload.items()
        >= {"sub": USER, "room": ROOM, "role": "attendee", "tenant": TENANT, "exp": 1_900_003_600}.items()
    )


def test_it_expires_on_the_second() -> None:
    token = room_token()
    TOKENS.verify_room(token, 1_900_003_599.9)
    with pytest.raises(BadToken, match="expired"):
        TOKENS.verify_room(token, 1_900_003_600)


def test_the_join_token_lives_a_day() -> None:
    assert JOIN_TOKEN_SECONDS == 86_400
    assert TOKENS.verify_room(room_token(lifetime=JOIN_TOKEN_SECONDS), NOW).expires_at == 1_900_086_400


def test_a_renewed_token_keeps_its_admission_and_ends_with_it() -> None:
    admission = Admission(round(NOW * 1000), is_guest=True, key_id="k")
    day = 24 * 3600
    for age, lifetime in ((0, 3600), (day - 60, 60), (day - 1, 1)):
        issued = TOKENS.issue_room(
            user_id=USER,
            room_id=ROOM,
            role="attendee",
            tenant_id=TENANT,
            display_name="Ana",
            now=NOW + age,
            admission=admission,
        )
        assert issued.expires_at == math.floor(NOW) + age + lifetime
        claims = TOKENS.verify_room(issued.token, NOW + age)
        assert (claims.admission, claims.expires_at) == (admission, issued.expires_at)
        with pytest.raises(BadToken):
            TOKENS.verify_room(issued.token, NOW + day)


def test_an_invite_is_no_room_token_and_the_other_way_round() -> None:
    with pytest.raises(BadToken, match="another kind"):
        TOKENS.verify_room(invite(), NOW)
    with pytest.raises(BadToken, match="another kind"):
        TOKENS.verify_invite(room_token(), NOW)
    assert (kind_of(invite()), kind_of(room_token())) == ("invite", "room")


def test_an_invite_lives_as_long_as_a_retired_key_verifies() -> None:
    assert TOKENS.verify_invite(invite(lifetime=INVITE_MAX_SECONDS), NOW).expires_at == 1_900_000_000 + 30 * 86400
    with pytest.raises(ValueError, match="at most"):
        invite(lifetime=INVITE_MAX_SECONDS + 1)


def test_rotation_the_old_key_verifies_the_new_one_signs() -> None:
    old = msgspec.structs.replace(KEY, retired_at=NOW)
    new = new_signing_key(NOW, TENANT)
    both = Tokens([old, new])
    assert both.verify_room(room_token(), NOW).user_id == USER
    assert parts(room_token(both))[0]["kid"] == new.kid
    with pytest.raises(UnknownKey):
        TOKENS.verify_room(room_token(both), NOW)


def test_a_key_retired_long_ago_verifies_nothing() -> None:
    old = msgspec.structs.replace(KEY, retired_at=NOW)
    later = NOW + INVITE_MAX_SECONDS
    both = Tokens([old, new_signing_key(NOW, TENANT)])
    token = room_token(TOKENS, now=later)
    assert both.verify_room(token, later - 1).user_id == USER
    with pytest.raises(UnknownKey):
        both.verify_room(token, later)


OTHER = TenantId(new_uuid())


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [msgspec.structs.replace(KEY, retired_at=NOW)],
        [msgspec.structs.replace(KEY, tenant_id=OTHER)],
        [msgspec.structs.replace(KEY, tenant_id=None)],
    ],
    ids=["none", "retired", "another tenant's", "the server's own"],
)
def test_nothing_is_signed_without_a_key_of_the_tenant(keys: list[SigningKey]) -> None:
    assert not Tokens(keys).signs_for(TENANT)
    with pytest.raises(NoSigningKey):
        room_token(Tokens(keys))
    with pytest.raises(NoSigningKey):
        invite(Tokens(keys))


def test_a_tenants_key_verifies_its_own_tokens_only() -> None:
    """Whoever knows the key of one tenant cannot make a token of another, whatever its kid."""
    mine, theirs = new_signing_key(NOW, TENANT), new_signing_key(NOW, OTHER)
    tokens = Tokens([mine, theirs, new_signing_key(NOW, None)])
    header, payload = parts(room_token(tokens))
    assert header["kid"] == mine.kid
    for kid in (mine.kid, theirs.kid):
        for claimed in (TENANT, OTHER):
            for key in (mine, theirs):
                token = signed(header | {"kid": kid}, payload | {"tenant": claimed}, secret=key.secret)
                if key.kid == kid and key.tenant_id == claimed:
                    assert tokens.verify_room(token, NOW).tenant_id == claimed
                else:
                    with pytest.raises(BadToken):
                        tokens.verify_room(token, NOW)


def test_two_tenants_may_have_a_key_of_one_id() -> None:
    """As after the migration from one key for all."""
    mine, theirs = KEY, msgspec.structs.replace(KEY, tenant_id=OTHER, secret=secrets.token_bytes(32))
    tokens = Tokens([mine, theirs])
    header, payload = parts(room_token(tokens))
    assert tokens.verify_room(room_token(tokens), NOW).tenant_id == TENANT
    with pytest.raises(BadToken):
        tokens.verify_room(signed(header, payload, secret=theirs.secret), NOW)


@pytest.mark.parametrize("last", [TENANT, OTHER])
def test_a_tenant_named_twice_is_the_one_that_the_key_is_of(last: TenantId) -> None:
    """What is believed in the end, the last of the two, has to be the tenant of the key."""
    theirs = new_signing_key(NOW, OTHER)
    tokens = Tokens([KEY, theirs])
    _, payload = parts(room_token(tokens))
    first = OTHER if last == TENANT else TENANT
    twice = json.dumps(payload | {"tenant": first})[:-1] + f', "tenant": "{last}"}}'
    head = b64(json.dumps({"alg": "HS256", "kid": theirs.kid, "typ": "tertulia-room+jwt"}).encode())
    text = f"{head}.{b64(twice.encode())}"
    token = f"{text}.{b64(hmac.digest(theirs.secret, text.encode(), 'sha256'))}"
    if last == OTHER:
        assert tokens.verify_room(token, NOW).tenant_id == OTHER
    else:
        with pytest.raises(BadToken):
            tokens.verify_room(token, NOW)


def test_the_server_derives_from_its_own_keys_only() -> None:
    old, new = new_signing_key(NOW, None), new_signing_key(NOW + 1, None)
    assert Tokens([new, KEY, old]).derived(b"p") == Tokens([old]).derived(b"p") + Tokens([new]).derived(b"p")
    assert Tokens([KEY]).derived(b"p") == []


def forged() -> list[tuple[str, str]]:
    good = room_token()
    header, payload = parts(good)
    head, body, signature = good.split(".")
    return [
        ("alg none", f"{b64(json.dumps(header | {'alg': 'none'}).encode())}.{body}."),
        ("alg None", f"{b64(json.dumps(header | {'alg': 'None'}).encode())}.{body}.{signature}"),
        ("no alg", signed({"kid": "k1", "typ": header["typ"]}, payload)),
        ("HS512", signed(header | {"alg": "HS512"}, payload, digest="sha512")),
        ("RS256 with our secret", signed(header | {"alg": "RS256"}, payload)),
        ("other secret", signed(header, payload, secret=b"x" * 32)),
        ("empty secret", signed(header, payload, secret=b"")),
        ("unknown kid", signed(header | {"kid": "k2"}, payload)),
        ("kid of another type", signed(header | {"kid": 1}, payload)),
        ("no kid", signed({"alg": "HS256", "typ": header["typ"]}, payload)),
        ("typ missing", signed({"alg": "HS256", "kid": "k1"}, payload)),
        ("payload changed", f"{head}.{b64(json.dumps(payload | {'role': 'host'}).encode())}.{signature}"),
        ("signature cut", f"{head}.{body}.{signature[:-4]}"),
        ("signature missing", f"{head}.{body}."),
        ("a part missing", f"{head}.{body}"),
        ("a part more", f"{good}.x"),
        ("encrypted", "a.b.c.d.e"),
        ("empty", ""),
        ("dots", ".."),
        ("not ASCII", good.replace("e", "é")),
        ("lone surrogate", "\ud800.\ud800.\ud800"),
        ("header is no object", f"{b64(b'[]')}.{body}.{signature}"),
        ("header is deep", f"{b64(b'[' * 4000)}.{body}.{signature}"),
        ("too long", good + "A" * 9000),
        ("payload is no object", signed(header, [1])),
        ("crit", signed(header | {"crit": ["exp"]}, payload)),
        *(
            (f"{claim} missing", signed(header, {k: v for k, v in payload.items() if k != claim}))
            for claim in ("sub", "room", "role", "tenant", "exp", "iat", "name")
        ),
        ("role unknown", signed(header, payload | {"role": "king"})),
        ("exp as text", signed(header, payload | {"exp": "9999999999"})),
    ]


@pytest.mark.parametrize("token", [pytest.param(t, id=name) for name, t in forged()])
def test_forged_and_damaged_tokens_are_refused(token: str) -> None:
    with pytest.raises(BadToken):
        TOKENS.verify_room(token, NOW)
    with pytest.raises(BadToken):
        TOKENS.verify_invite(token, NOW)


def test_secrets_are_not_in_a_repr() -> None:
    issued = TOKENS.issue_invite(invite_id="i", room_id=ROOM, role="host", tenant_id=TENANT, now=NOW, lifetime=60)
    assert issued.token not in repr(issued)
    assert repr(KEY) == "SigningKey(kid='k1')"
