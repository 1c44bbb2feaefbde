import pytest
from starlette.requests import Request

from tertulia.contract import CreateUser
from tertulia.errors import Invalid
from tertulia.rest.operation import accepts_json
from tertulia.rest.table import OPERATIONS
from tertulia.validation import read


def request(*accept: str) -> Request:
    return Request({"type": "http", "headers": [(b"accept", value.encode()) for value in accept]})


@pytest.mark.parametrize(
    "accept",
    [
        (),
        ("",),
        ("*/*",),
        ("application/json",),
        ("APPLICATION/*",),
        ("text/html, application/json;q=0.1",),
        ("text/html", "application/json"),
        ("text/html;q=1, */*;q=0.001",),
        ("application/json;v=1",),
    ],
)
def test_json_is_acceptable(accept: tuple[str, ...]) -> None:
    assert accepts_json(request(*accept))


@pytest.mark.parametrize(
    "accept",
    [
        ("text/html",),
        ("application/xml, text/*",),
        ("application/json;q=0",),
        ("application/json; q=0.000, */*",),
        ("*/*;q=0",),
        ("application/problem+json",),
    ],
)
def test_json_is_not_acceptable(accept: tuple[str, ...]) -> None:
    assert not accepts_json(request(*accept))


def test_every_row_of_the_contract_is_there() -> None:
    assert {(o.method, o.path.replace("_", "")) for o in OPERATIONS} == {
        ("POST", "/v1/rooms"),
        ("GET", "/v1/rooms"),
        ("GET", "/v1/rooms/{roomid}"),
        ("PATCH", "/v1/rooms/{roomid}"),
        ("DELETE", "/v1/rooms/{roomid}"),
        ("POST", "/v1/rooms/{roomid}/join"),
        ("POST", "/v1/rooms/{roomid}/end"),
        ("POST", "/v1/rooms/{roomid}/invites"),
        ("GET", "/v1/rooms/{roomid}/participants"),
        ("DELETE", "/v1/rooms/{roomid}/participants/{userid}"),
        ("GET", "/v1/rooms/{roomid}/sessions"),
        ("GET", "/v1/rooms/{roomid}/recordings"),
        ("POST", "/v1/rooms/{roomid}/recordings"),
        ("POST", "/v1/rooms/{roomid}/recordings/{recordingid}/stop"),
        ("DELETE", "/v1/rooms/{roomid}/recordings/{recordingid}"),
        ("POST", "/v1/users"),
        ("GET", "/v1/users/{userid}"),
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"id": "x" * 36, "displayName": "A"}, "must be a UUID"),
        ({"email": "nobody", "displayName": "A"}, "must be an email address"),
        ({"displayName": 1}, "must be a string, got a whole number"),
        ({"displayName": None}, "must be a string, got null"),
        ({}, "is required"),
    ],
)
def test_faults_are_told_in_plain_words(body: dict[str, object], message: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(CreateUser, body)
    assert [e.message for e in refused.value.errors] == [message]
