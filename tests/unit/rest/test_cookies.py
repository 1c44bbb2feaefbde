"""The cookie of a sign-in counts for pages of this server only, and cannot be set from elsewhere."""

from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.responses import Response

from tertulia.errors import Forbidden
from tertulia.rest.cookies import check_origin, cookie_of, set_cookie

PUBLIC = "https://Meet.example.org"


def request(method: str = "POST", scheme: str = "http", **headers: str) -> Request:
    given = {"host": "meet.example.org", **{name.replace("_", "-"): value for name, value in headers.items()}}
    raw = [(name.encode(), value.encode()) for name, value in given.items()]
    scope = {"type": "http", "method": method, "scheme": scheme, "path": "/v1/rooms", "query_string": b""}
    return Request({**scope, "headers": raw, "server": ("meet.example.org", 80)})


@pytest.mark.parametrize(
    ("headers", "writes", "reads"),
    [
        ({}, False, True),
        ({"origin": "http://meet.example.org"}, True, True),
        ({"origin": "https://meet.example.org"}, True, True),
        ({"origin": "http://meet.example.org:81"}, False, False),
        ({"origin": "https://evil.example"}, False, False),
        ({"origin": "null"}, False, False),
        ({"origin": ""}, False, False),
        ({"sec_fetch_site": "same-origin"}, True, True),
        ({"sec_fetch_site": "same-site"}, False, False),
        ({"sec_fetch_site": "cross-site"}, False, False),
        ({"sec_fetch_site": "none"}, False, False),
        ({"origin": "http://meet.example.org", "sec_fetch_site": "cross-site"}, False, False),
        ({"origin": "https://evil.example", "sec_fetch_site": "same-origin"}, False, False),
    ],
)
def test_where_a_request_comes_from(headers: dict[str, str], writes: bool, reads: bool) -> None:
    for method, may in (("POST", writes), ("PATCH", writes), ("DELETE", writes), ("GET", reads), ("HEAD", reads)):
        if may:
            check_origin(request(method, **headers), None)
        else:
            with pytest.raises(Forbidden):
                check_origin(request(method, **headers), None)


def test_the_public_address_is_this_servers_whatever_a_proxy_calls_it() -> None:
    behind = request(host="10.0.0.7:8080", origin="https://meet.example.org")
    check_origin(behind, PUBLIC)
    with pytest.raises(Forbidden):
        check_origin(behind, None)


def test_with_tls_the_cookie_is_locked_to_this_host() -> None:
    response = Response()
    set_cookie(response, request(), PUBLIC, "secret", 60)
    kept = response.headers["set-cookie"]
    assert kept == "__Host-tertulia=secret; HttpOnly; Max-Age=60; Path=/; SameSite=lax; Secure"
    # Another name may have been set by another host of the domain, or by somebody in between.
    assert cookie_of(request(cookie="tertulia=forged"), PUBLIC) is None
    assert cookie_of(request(cookie="tertulia=forged; __Host-tertulia=secret"), PUBLIC) == "secret"
    assert cookie_of(request(cookie="tertulia=secret"), None) == "secret"
    assert cookie_of(request(scheme="https", cookie="tertulia=forged"), None) is None
