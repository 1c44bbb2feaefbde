import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from tertulia.errors import NotJson, UnsupportedMedia
from tertulia.rest import body

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(values)
def test_what_json_can_say_is_read(value: object) -> None:
    try:
        text = json.dumps(value).encode()
    except UnicodeEncodeError:
        return
    assert body.parse(text) == value


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(NotJson):
        body.parse(data)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"{",
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"a": 01}',
        b'{"a": 1,}',
        b'{"a": 1} {"a": 1}',
        b'{"a": "\x01"}',
        b'{"a": "\\x"}',
        b"\xef\xbb\xbf{}",
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\x80"}',
        "{}".encode("utf-16"),
        b"nul",
        b'"',
        b"/* */ {}",
    ],
)
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(NotJson):
        body.parse(text)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_32_levels_pass_and_33_do_not(opening: str, closing: str) -> None:
    def nested(levels: int) -> bytes:
        return (opening * (levels - 1) + ("{}" if closing == "}" else "[]") + closing * (levels - 1)).encode()

    body.parse(nested(32))
    with pytest.raises(NotJson, match="32 levels"):
        body.parse(nested(33))


@pytest.mark.parametrize(("text", "value"), [("5.0", 5), ("1e2", 100), ("-0.0", 0), ("5.5", 5.5), ("1e300", 1e300)])
def test_a_whole_number_may_be_written_as_a_fraction(text: str, value: float) -> None:
    (found,) = body.parse(f"[{text}]".encode())
    assert (found, type(found)) == (value, type(value))


def test_brackets_in_strings_are_no_levels() -> None:
    text = "[{" * 100 + '"' + "\\"
    assert body.parse(json.dumps({"a": text}).encode()) == {"a": text}


def test_long_numbers_are_no_attack() -> None:
    assert body.parse(b'{"a": ' + b"9" * 65_000 + b"}") == {"a": float("inf")}


@pytest.mark.parametrize("text", [b'"\\' * 32_000, b'"' * 64_000, b"[" * 64_000, b'{"a":' * 12_000, b'"\\\\' * 20_000])
def test_hostile_texts_are_refused(text: bytes) -> None:
    with pytest.raises(NotJson):
        body.parse(text)


def request(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw, "method": "POST", "path": "/", "query_string": b""})


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "application/json; v=1",
    ],
)
def test_json_is_taken(kind: str) -> None:
    body.check_media_type(request(content_type=kind))
    body.check_media_type(request(content_type=kind, content_encoding="identity"))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content_type": ""},
        {"content_type": "text/plain"},
        {"content_type": "application/jsonp"},
        {"content_type": "application/problem+json"},
        {"content_type": "application/x-www-form-urlencoded"},
        {"content_type": "application/json; charset=latin-1"},
        {"content_type": "application/json", "content_encoding": "gzip"},
    ],
)
def test_anything_else_is_not(headers: dict[str, str]) -> None:
    with pytest.raises(UnsupportedMedia):
        body.check_media_type(request(**headers))
